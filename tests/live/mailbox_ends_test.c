/*
 * mailbox_ends_test: what a post can meet besides an answer: a full mailbox, cancelling in each
 * state, its deadline, destroy of the mailbox or of its queue, requests that cannot be sent, other
 * threads and forked children. Each time there is one reply, and the engine goes on.
 *
 * The engine's thread is the one that asks, too, so that each state can be looked at.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include "quoit_mailbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_NS LIVE_NS_PER_MS

static struct live_server server;

/* An engine, its mailbox, and a queue. */
struct desk {
    struct quoit_engine *engine;
    struct quoit_mailbox *mailbox;
    struct quoit_replies *replies;
};

static struct desk desk_open(uint32_t posts_max, uint32_t requests_max)
{
    const struct quoit_mailbox_options options = { .posts_max = posts_max };
    struct desk desk = {
        .engine = live_engine(&(struct quoit_options){ .requests_max = requests_max }),
    };

    CHECK_EQ(quoit_mailbox_create(desk.engine, &options, &desk.mailbox), QUOIT_OK);
    CHECK_EQ(quoit_replies_create(&desk.replies), QUOIT_OK);
    live_set(&server, ""); /* its ledger begins anew */
    return desk;
}

static void desk_close(struct desk *desk)
{
    quoit_mailbox_destroy(desk->mailbox);
    CHECK(quoit_replies_next(desk->replies, 0) == NULL);
    quoit_replies_destroy(desk->replies);
    quoit_destroy(desk->engine);
}

static uint64_t post(const struct desk *desk, const struct quoit_request *request)
{
    uint64_t id = 0;

    CHECK_EQ(quoit_post(desk->mailbox, request, desk->replies, &id), QUOIT_OK);
    CHECK(id != 0);
    return id;
}

static uint64_t post_page(const struct desk *desk)
{
    return post(desk, &(struct quoit_request){ .url = live_url(&server, "/page") });
}

/* It is taken by the server, which never answers. */
static uint64_t post_stalled(const struct desk *desk)
{
    static const struct quoit_header header = { "X-Mock-Fault", "stall-before" };

    return post(desk, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                               .headers = &header,
                                               .headers_count = 1 });
}

/* Turn until there is a reply. The bound ends the test. */
static struct quoit_reply *desk_next(const struct desk *desk)
{
    for (unsigned ms = 0; ms < LIVE_WAIT_MS; ms++) {
        struct quoit_reply *reply = quoit_replies_next(desk->replies, 0);
        if (reply != NULL) {
            return reply;
        }
        CHECK_EQ(quoit_turn(desk->engine, POLL_NS), 0);
    }
    live_give_up("a reply");
}

/* The next reply is that post's, and says so. */
static void expect(const struct desk *desk, uint64_t id, enum quoit_error error, uint32_t status)
{
    struct quoit_reply *reply = desk_next(desk);

    CHECK_EQ(reply->id, id);
    CHECK_EQ(reply->result->error, error);
    CHECK_EQ(reply->result->status, status);
    CHECK(reply->result->detail != NULL && reply->result->body.bytes != NULL);
    CHECK(reply->result->times.submitted_ns > 0);
    CHECK(reply->result->times.end_ns >= reply->result->times.submitted_ns);
    CHECK_EQ(quoit_post_cancel(desk->mailbox, id), QUOIT_E_STALE);
    quoit_reply_free(reply);
}

/* -------- how much is let in -------- */

static void test_a_full_mailbox_says_so_until_a_reply_is_there(void)
{
    struct quoit_request page = { .url = live_url(&server, "/page") };
    struct desk desk = desk_open(4, 0);
    uint64_t id = 4711;

    for (unsigned round = 0; round < 10; round++) {
        uint64_t ids[4];
        for (unsigned i = 0; i < 4; i++) {
            ids[i] = post_page(&desk);
        }
        CHECK_EQ(quoit_post(desk.mailbox, &page, desk.replies, &id), QUOIT_E_NO_SLOT);
        CHECK_EQ(id, 4711);
        struct quoit_reply *reply = desk_next(&desk);
        uint64_t other = post_page(&desk); /* at once, and it is another */
        for (unsigned i = 0; i < 4; i++) {
            CHECK(other != ids[i]);
        }
        quoit_reply_free(reply);
        for (unsigned i = 0; i < 4; i++) {
            quoit_reply_free(desk_next(&desk));
        }
    }
    desk_close(&desk);
}

static void test_what_finds_no_slot_waits_for_one_in_order(void)
{
    enum { POSTS = 50 };
    struct desk desk = desk_open(0, 1);
    uint64_t ids[POSTS];

    for (unsigned i = 0; i < POSTS; i++) {
        ids[i] = post_page(&desk);
    }
    for (unsigned i = 0; i < POSTS; i++) {
        expect(&desk, ids[i], QUOIT_OK, 200);
    }
    desk_close(&desk);
}

static void test_what_cannot_be_posted_is_refused_and_nothing_has_changed(void)
{
    const struct {
        const char *name;
        struct quoit_request request;
        enum quoit_error error;
    } cases[] = {
        { "no url", { .url = NULL }, QUOIT_E_URL },
        { "pieces", { .url = "http://a/", .stream = QUOIT_PIECES }, QUOIT_E_ARGUMENT },
        { "events", { .url = "http://a/", .stream = QUOIT_SSE }, QUOIT_E_ARGUMENT },
        { "no stream", { .url = "http://a/", .stream = (enum quoit_stream)4 }, QUOIT_E_ARGUMENT },
        { "no body", { .url = "http://a/", .body = { NULL, 1 } }, QUOIT_E_ARGUMENT },
        { "no headers", { .url = "http://a/", .headers_count = 1 }, QUOIT_E_ARGUMENT },
    };
    struct desk desk = desk_open(1, 0);
    uint64_t id = 4711;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(cases[i].name);
        CHECK_EQ(quoit_post(desk.mailbox, &cases[i].request, desk.replies, &id), cases[i].error);
        CHECK_EQ(id, 4711);
    }
    check_case("");
    expect(&desk, post_page(&desk), QUOIT_OK, 200); /* the only place is free */
    desk_close(&desk);
}

static void test_what_cannot_be_sent_is_told_by_its_reply(void)
{
    static const struct quoit_header ours = { "Host", "me" };
    struct desk desk = desk_open(0, 0);

    expect(&desk, post(&desk, &(struct quoit_request){ .url = "ftp://a/" }), QUOIT_E_URL, 0);
    expect(&desk,
           post(&desk, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                .headers = &ours,
                                                .headers_count = 1 }),
           QUOIT_E_HEADER, 0);
    expect(&desk, post_page(&desk), QUOIT_OK, 200);
    desk_close(&desk);
}

/* -------- the copy -------- */

static void test_nothing_of_the_asker_is_needed_after_quoit_post(void)
{
    char url[128], name[] = "X-Mock-Status", value[] = "503", body[] = "all of it";
    struct quoit_header header = { name, value };
    struct desk desk = desk_open(0, 0);
    struct quoit_request request = { .url = url,
                                     .body = { body, sizeof(body) - 1 },
                                     .headers = &header,
                                     .headers_count = 1,
                                     .judge = true,
                                     .context = &desk };

    snprintf(url, sizeof(url), "%s/echo", server.url);
    post(&desk, &request);
    memset(url, 'x', sizeof(url));
    memset(body, 'x', sizeof(body));
    memset(name, 'x', sizeof(name));
    memset(value, 'x', sizeof(value));
    memset(&header, 0, sizeof(header));
    memset(&request, 0, sizeof(request));
    for (unsigned i = 0; i < 3; i++) { /* what the reply holds can be posted again */
        struct quoit_reply *reply = desk_next(&desk);
        CHECK_EQ(reply->result->status, 503);
        CHECK_EQ(reply->result->attempts, 1); /* judge: an answer is an answer */
        CHECK(reply->context == &desk);
        CHECK_STR(reply->request->url, live_url(&server, "/echo"));
        CHECK_MEM(reply->request->body.bytes, reply->request->body.size, "all of it", 9);
        CHECK_STR(reply->request->headers[0].value, "503");
        CHECK(quoit_result_header(reply->result, "content-length") != NULL);
        if (i < 2) {
            post(&desk, reply->request);
        }
        quoit_reply_free(reply);
    }
    CHECK_EQ(live_number(&server, "requests"), 3);
    desk_close(&desk);
}

static void test_a_reply_outlives_its_engine(void)
{
    struct desk desk = desk_open(0, 0);

    post_page(&desk);
    struct quoit_reply *reply = desk_next(&desk);
    desk_close(&desk);
    CHECK_EQ(reply->result->status, 200);
    CHECK(reply->result->body.size > 0 && reply->result->body.bytes[0] == '{');
    quoit_reply_free(reply);
    quoit_reply_free(NULL);
}

/* -------- cancelling -------- */

static void test_a_post_may_be_cancelled_before_it_is_taken(void)
{
    struct desk desk = desk_open(0, 0);
    uint64_t id = post_page(&desk);

    CHECK_EQ(quoit_post_cancel(desk.mailbox, id), QUOIT_OK);
    CHECK_EQ(quoit_post_cancel(desk.mailbox, id), QUOIT_OK);
    expect(&desk, id, QUOIT_E_CANCELLED, 0);
    CHECK_EQ(live_number(&server, "requests"), 0);
    desk_close(&desk);
}

static void test_a_post_may_be_cancelled_while_it_waits_for_a_slot(void)
{
    struct desk desk = desk_open(0, 1);
    uint64_t first = post_stalled(&desk), second = post_page(&desk);

    live_turn_until_in_flight(desk.engine, 1);
    CHECK_EQ(quoit_post_cancel(desk.mailbox, second), QUOIT_OK);
    expect(&desk, second, QUOIT_E_CANCELLED, 0);
    CHECK_EQ(live_stats(desk.engine).in_flight, 1);
    CHECK_EQ(quoit_post_cancel(desk.mailbox, first), QUOIT_OK);
    expect(&desk, first, QUOIT_E_CANCELLED, 0);
    desk_close(&desk);
}

static void test_a_post_may_be_cancelled_in_flight_and_its_connection_goes(void)
{
    struct desk desk = desk_open(0, 0);
    unsigned before = live_descriptors();
    uint64_t id = post_stalled(&desk);

    live_turn_until_in_flight(desk.engine, 1);
    while (live_number(&server, "requests") == 0) {
        quoit_turn(desk.engine, POLL_NS);
    }
    CHECK_EQ(quoit_post_cancel(desk.mailbox, id), QUOIT_OK);
    CHECK_EQ(quoit_post_cancel(desk.mailbox, id), QUOIT_OK);
    expect(&desk, id, QUOIT_E_CANCELLED, 0);
    live_await_descriptors(before);
    expect(&desk, post_page(&desk), QUOIT_OK, 200);
    desk_close(&desk);
}

static void test_an_id_that_never_was_is_stale(void)
{
    static const uint64_t ids[] = { 0, 1, UINT64_C(2) << 32, (UINT64_C(1) << 32) | 4096,
                                    UINT64_MAX };
    struct desk desk = desk_open(0, 0);
    uint64_t id = post_page(&desk);

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        CHECK_EQ(quoit_post_cancel(desk.mailbox, ids[i]), QUOIT_E_STALE);
    }
    expect(&desk, id, QUOIT_OK, 200);
    desk_close(&desk);
}

static void test_a_deadline_counts_from_the_post_and_holds_without_a_slot(void)
{
    struct desk desk = desk_open(0, 1);
    uint64_t first = post_stalled(&desk);
    uint64_t began_ns = quoit_now_ns();
    uint64_t second = post(&desk, &(struct quoit_request){
                                      .url = live_url(&server, "/page"),
                                      .timeouts.deadline_ns = 50 * LIVE_NS_PER_MS,
                                  });

    expect(&desk, second, QUOIT_E_TIMEOUT_DEADLINE, 0);
    CHECK(quoit_now_ns() - began_ns >= 50 * LIVE_NS_PER_MS);
    CHECK_EQ(live_stats(desk.engine).in_flight, 1); /* the slot was never free */
    CHECK_EQ(quoit_post_cancel(desk.mailbox, first), QUOIT_OK);
    expect(&desk, first, QUOIT_E_CANCELLED, 0);
    desk_close(&desk);
}

/* -------- the end of one side -------- */

static void test_destroy_sees_every_reply_into_its_queue(void)
{
    enum { POSTS = 60 };
    struct desk desk = desk_open(0, 20);
    unsigned seen[POSTS] = { 0 };
    uint64_t ids[POSTS];

    for (unsigned i = 0; i < 40; i++) { /* 20 get a slot, 20 wait for one */
        ids[i] = post_stalled(&desk);
    }
    live_turn_until_in_flight(desk.engine, 20);
    for (unsigned i = 40; i < POSTS; i++) { /* and 20 were not looked at */
        ids[i] = post_page(&desk);
    }
    CHECK_EQ(quoit_post_cancel(desk.mailbox, ids[3]), QUOIT_OK);
    CHECK_EQ(quoit_post_cancel(desk.mailbox, ids[30]), QUOIT_OK);
    CHECK_EQ(quoit_post_cancel(desk.mailbox, ids[50]), QUOIT_OK);
    quoit_mailbox_destroy(desk.mailbox);
    for (unsigned i = 0; i < POSTS; i++) {
        struct quoit_reply *reply = quoit_replies_next(desk.replies, 0);
        CHECK(reply != NULL);
        for (unsigned k = 0; reply != NULL && k < POSTS; k++) {
            seen[k] += reply->id == ids[k];
        }
        CHECK(reply != NULL && reply->result->error == QUOIT_E_CANCELLED);
        quoit_reply_free(reply);
    }
    for (unsigned k = 0; k < POSTS; k++) {
        CHECK_EQ(seen[k], 1);
    }
    CHECK_EQ(live_stats(desk.engine).in_flight, 0);
    CHECK_EQ(live_get(desk.engine, live_url(&server, "/page"))->status, 200);
    CHECK_EQ(quoit_mailbox_create(desk.engine, NULL, &desk.mailbox), QUOIT_OK);
    expect(&desk, post_page(&desk), QUOIT_OK, 200);
    desk_close(&desk);
}

static void test_a_queue_may_go_before_its_replies_come(void)
{
    struct desk desk = desk_open(0, 0);
    struct quoit_replies *left;

    CHECK_EQ(quoit_replies_create(&left), QUOIT_OK);
    for (unsigned i = 0; i < 10; i++) {
        uint64_t id;
        struct quoit_request request = { .url = live_url(&server, "/page") };
        CHECK_EQ(quoit_post(desk.mailbox, &request, i % 2 == 0 ? left : desk.replies, &id),
                 QUOIT_OK);
        if (i == 4) {
            quoit_reply_free(desk_next(&desk)); /* by now `left` may have some that nobody takes */
        }
    }
    quoit_replies_destroy(left);
    for (unsigned i = 0; i < 4; i++) {
        quoit_reply_free(desk_next(&desk));
    }
    while (live_stats(desk.engine).succeeded < 10) {
        quoit_turn(desk.engine, POLL_NS);
    }
    quoit_replies_destroy(NULL);
    desk_close(&desk);
}

/* -------- what else the engine does -------- */

static void test_the_owners_requests_and_batches_go_on_beside_posts(void)
{
    enum { EACH = 40 };
    struct quoit_request requests[EACH];
    struct desk desk = desk_open(0, 3 * EACH);
    struct quoit_batch *batch;
    unsigned replies = 0;

    for (unsigned i = 0; i < EACH; i++) {
        requests[i] = (struct quoit_request){ .url = live_url(&server, "/page") };
        post_page(&desk);
        live_submit(desk.engine, &requests[i]);
    }
    CHECK_EQ(quoit_batch_create(desk.engine, requests, EACH, &batch), QUOIT_OK);
    quoit_batch_wait(batch);
    for (unsigned i = 0; i < EACH; i++) {
        CHECK_EQ(quoit_batch_result(batch, i)->status, 200);
    }
    quoit_batch_destroy(batch);
    CHECK_EQ(live_drain(desk.engine, EACH), EACH);
    for (; replies < EACH; replies++) {
        struct quoit_reply *reply = desk_next(&desk);
        CHECK_EQ(reply->result->status, 200);
        quoit_reply_free(reply);
    }
    CHECK_EQ(live_stats(desk.engine).submitted, 3 * EACH);
    CHECK_EQ(live_stats(desk.engine).posted, EACH);
    desk_close(&desk);
}

static void test_a_batch_gets_the_slots_of_posts_that_ended(void)
{
    struct quoit_request requests[8];
    struct desk desk = desk_open(0, 4);
    struct quoit_batch *batch;

    for (unsigned i = 0; i < 8; i++) {
        requests[i] = (struct quoit_request){ .url = live_url(&server, "/page") };
    }
    for (unsigned i = 0; i < 4; i++) {
        post_page(&desk);
    }
    quoit_turn(desk.engine, 0);
    CHECK_EQ(quoit_batch_create(desk.engine, requests, 8, &batch), QUOIT_OK);
    quoit_batch_wait(batch);
    for (unsigned i = 0; i < 8; i++) {
        CHECK_EQ(quoit_batch_result(batch, i)->status, 200);
    }
    quoit_batch_destroy(batch);
    for (unsigned i = 0; i < 4; i++) {
        quoit_reply_free(desk_next(&desk));
    }
    desk_close(&desk);
}

/* The only slot is in the owner's hands, and his loop sleeps: no completion will tell. */
static void test_a_post_gets_the_slot_that_a_loop_has_done_with(void)
{
    struct desk desk = desk_open(0, 1);
    struct pollfd poller = { .fd = quoit_fd(desk.engine), .events = POLLIN };
    struct quoit_reply *reply = NULL;
    struct quoit_event event;

    live_submit(desk.engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    uint64_t id = post_page(&desk);
    do {
        quoit_turn(desk.engine, 0);
        while (quoit_next(desk.engine, &event, 1) == 1) {
        }
        reply = quoit_replies_next(desk.replies, 0);
    } while (reply == NULL && poll(&poller, 1, LIVE_WAIT_MS) == 1);
    CHECK(reply != NULL && reply->id == id && reply->result->status == 200);
    quoit_reply_free(reply);
    desk_close(&desk);
}

/* A slot that the owner has cancelled is free for the batch, though no turn was in between. */
static void test_posts_that_the_owner_cancels_make_room(void)
{
    struct quoit_request page = { .url = live_url(&server, "/page") };
    struct desk desk = desk_open(0, 1);
    struct quoit_batch *batch;

    uint64_t id = post(&desk, &(struct quoit_request){
                                  .url = page.url, .start_ns = quoit_now_ns() + LIVE_NS_PER_S });
    while (live_stats(desk.engine).waiting == 0) {
        quoit_turn(desk.engine, 0);
    }
    quoit_cancel_all(desk.engine);
    CHECK_EQ(quoit_post_cancel(desk.mailbox, id), QUOIT_OK); /* too late, and not yet stale */
    CHECK_EQ(quoit_batch_create(desk.engine, &page, 1, &batch), QUOIT_OK);
    quoit_batch_wait(batch);
    CHECK_EQ(quoit_batch_result(batch, 0)->status, 200);
    quoit_batch_destroy(batch);
    expect(&desk, id, QUOIT_E_CANCELLED, 0);
    desk_close(&desk);
}

/* -------- whose it is -------- */

static void test_an_engine_has_one_mailbox_and_options_are_looked_at(void)
{
    const struct quoit_mailbox_options large = { .posts_max = 16000001 };
    const struct quoit_mailbox_options later = { .reserved = { 0, 1 } };
    struct quoit_engine *engine = live_engine(NULL);
    struct desk desk = desk_open(0, 0);
    struct quoit_mailbox *mailbox = NULL;

    CHECK_EQ(quoit_mailbox_create(desk.engine, NULL, &mailbox), QUOIT_E_ARGUMENT);
    CHECK_EQ(quoit_mailbox_create(engine, &large, &mailbox), QUOIT_E_ARGUMENT);
    CHECK_EQ(quoit_mailbox_create(engine, &later, &mailbox), QUOIT_E_ARGUMENT);
    CHECK(mailbox == NULL);
    quoit_mailbox_destroy(NULL);
    quoit_destroy(engine);
    desk_close(&desk);
}

static void *stranger_run(void *context)
{
    struct desk *desk = context;
    struct quoit_mailbox *mailbox = NULL;

    quoit_mailbox_destroy(desk->mailbox);
    bool told = quoit_mailbox_create(desk->engine, NULL, &mailbox) == QUOIT_E_THREAD;
    return told && mailbox == NULL ? desk : NULL;
}

static void test_only_the_engines_thread_makes_and_destroys_it(void)
{
    struct desk desk = desk_open(0, 0);
    pthread_t thread;
    void *told;

    uint64_t id = post_page(&desk);
    CHECK_EQ(pthread_create(&thread, NULL, stranger_run, &desk), 0);
    pthread_join(thread, &told);
    CHECK(told != NULL);
    expect(&desk, id, QUOIT_OK, 200);
    desk_close(&desk);
}

static void test_a_forked_child_is_told_and_the_parent_goes_on(void)
{
    const struct quoit_request page = { .url = live_url(&server, "/page") };
    struct desk desk = desk_open(0, 0);
    int status = 0;

    uint64_t id = post_page(&desk);
    pid_t child = fork();
    if (child == 0) {
        uint64_t other;
        struct quoit_mailbox *mailbox;
        quoit_mailbox_destroy(desk.mailbox);
        _exit((quoit_post(desk.mailbox, &page, desk.replies, &other) != QUOIT_E_FORKED) +
              (quoit_post_cancel(desk.mailbox, id) != QUOIT_E_FORKED) +
              (quoit_mailbox_create(desk.engine, NULL, &mailbox) != QUOIT_E_FORKED));
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
    expect(&desk, id, QUOIT_OK, 200);
    desk_close(&desk);
}

int main(void)
{
    const char *options[] = { NULL };

    live_doing("mailbox_ends");
    server = live_start(options);
    RUN(test_a_full_mailbox_says_so_until_a_reply_is_there);
    RUN(test_what_finds_no_slot_waits_for_one_in_order);
    RUN(test_what_cannot_be_posted_is_refused_and_nothing_has_changed);
    RUN(test_what_cannot_be_sent_is_told_by_its_reply);
    RUN(test_nothing_of_the_asker_is_needed_after_quoit_post);
    RUN(test_a_reply_outlives_its_engine);
    RUN(test_a_post_may_be_cancelled_before_it_is_taken);
    RUN(test_a_post_may_be_cancelled_while_it_waits_for_a_slot);
    RUN(test_a_post_may_be_cancelled_in_flight_and_its_connection_goes);
    RUN(test_an_id_that_never_was_is_stale);
    RUN(test_a_deadline_counts_from_the_post_and_holds_without_a_slot);
    RUN(test_destroy_sees_every_reply_into_its_queue);
    RUN(test_a_queue_may_go_before_its_replies_come);
    RUN(test_the_owners_requests_and_batches_go_on_beside_posts);
    RUN(test_a_batch_gets_the_slots_of_posts_that_ended);
    RUN(test_a_post_gets_the_slot_that_a_loop_has_done_with);
    RUN(test_posts_that_the_owner_cancels_make_room);
    RUN(test_an_engine_has_one_mailbox_and_options_are_looked_at);
    RUN(test_only_the_engines_thread_makes_and_destroys_it);
    RUN(test_a_forked_child_is_told_and_the_parent_goes_on);
    live_stop(&server);
    return check_done();
}
