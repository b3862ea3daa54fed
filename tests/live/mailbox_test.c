/*
 * mailbox_test: threads ask an engine that is not theirs: each reply comes once, to the queue that
 * asked, with the answer to what was asked; and no post is left lying because a wake was lost.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include "quoit_mailbox.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PRODUCERS 8
#define CANCEL_EVERY 16
#define WAIT_NS (LIVE_WAIT_MS * LIVE_NS_PER_MS)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define POSTS_EACH 2000u
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define POSTS_EACH 2000u
#endif
#endif
#ifndef POSTS_EACH
#define POSTS_EACH 20000u
#endif

static struct live_server server;
static char echo_url[128];

static bool is_readable(int fd, int wait_ms)
{
    struct pollfd poller = { .fd = fd, .events = POLLIN };

    return poll(&poller, 1, wait_ms) == 1;
}

/* -------- an engine in a thread of its own -------- */

struct service {
    struct quoit_options options;
    struct quoit_mailbox *mailbox;
    pthread_t thread;
    sem_t ready, woken;
    bool embedded; /* it sleeps in a loop of its own, on quoit_fd */
    atomic_bool over;
    struct quoit_engine *engine;
    struct quoit_stats stats; /* at its end */
};

static void *service_run(void *context)
{
    struct service *service = context;

    service->engine = live_engine(&service->options);
    CHECK_EQ(quoit_mailbox_create(service->engine, NULL, &service->mailbox), QUOIT_OK);
    int fd = service->embedded ? quoit_fd(service->engine) : -1;
    sem_post(&service->ready);
    while (!atomic_load(&service->over)) {
        CHECK_EQ(quoit_turn(service->engine, service->embedded ? 0 : QUOIT_NEVER), 0);
        /* The turn may have heard of the end: looked at behind it, and before the loop sleeps. */
        if (service->embedded && !atomic_load(&service->over) && !is_readable(fd, LIVE_WAIT_MS)) {
            live_give_up("an engine's descriptor");
        }
    }
    sem_wait(&service->woken); /* an engine must not go while quoit_wake is under way */
    quoit_mailbox_destroy(service->mailbox);
    service->stats = live_stats(service->engine);
    quoit_destroy(service->engine);
    return NULL;
}

static void service_start(struct service *service)
{
    sem_init(&service->ready, 0, 0);
    sem_init(&service->woken, 0, 0);
    CHECK_EQ(pthread_create(&service->thread, NULL, service_run, service), 0);
    sem_wait(&service->ready);
}

static void service_stop(struct service *service)
{
    atomic_store(&service->over, true);
    quoit_wake(service->engine);
    sem_post(&service->woken);
    pthread_join(service->thread, NULL);
    sem_destroy(&service->ready);
    sem_destroy(&service->woken);
}

/* -------- asking -------- */

static struct quoit_replies *make_replies(void)
{
    struct quoit_replies *replies = NULL;

    CHECK_EQ(quoit_replies_create(&replies), QUOIT_OK);
    return replies;
}

/* Ask for what `text` says to come back. */
static enum quoit_error post_text(struct quoit_mailbox *mailbox, struct quoit_replies *replies,
                                  const char *text, void *context, uint64_t *id_out)
{
    struct quoit_request request = {
        .url = echo_url,
        .body = { text, strlen(text) },
        .replay = QUOIT_REPLAY_YES,
        .context = context,
    };

    return quoit_post(mailbox, &request, replies, id_out);
}

/* The next reply, or the end of the test. */
static struct quoit_reply *await_reply(struct quoit_replies *replies)
{
    struct quoit_reply *reply = quoit_replies_next(replies, WAIT_NS);

    if (reply == NULL) {
        live_give_up("a reply");
    }
    return reply;
}

static bool reply_says(const struct quoit_reply *reply, const char *text)
{
    const struct quoit_result *result = reply->result;

    return result->error == QUOIT_OK && result->status == 200 &&
           result->body.size == strlen(text) &&
           memcmp(result->body.bytes, text, result->body.size) == 0;
}

struct producer {
    pthread_t thread;
    unsigned number;
    struct quoit_mailbox *mailbox;
    struct quoit_replies *replies;
    unsigned char *taken; /* one for each of its posts: how many replies there were */
    unsigned wrong, cancelled;
};

static void producer_text(const struct producer *producer, size_t index, char text[64])
{
    snprintf(text, 64, "question %zu of thread %u", index, producer->number);
}

static void producer_take(struct producer *producer)
{
    struct quoit_reply *reply = await_reply(producer->replies);
    unsigned char *taken = reply->context;
    char text[64];

    producer_text(producer, (size_t)(taken - producer->taken), text);
    producer->wrong += !reply_says(reply, text) && reply->result->error != QUOIT_E_CANCELLED;
    producer->cancelled += reply->result->error == QUOIT_E_CANCELLED;
    ++*taken;
    quoit_reply_free(reply);
}

/* Post all there is, as fast as the mailbox takes it. */
static void *producer_run(void *context)
{
    struct producer *producer = context;
    size_t posted = 0, taken = 0;
    char text[64];

    while (taken < POSTS_EACH) {
        enum quoit_error error = QUOIT_E_NO_SLOT;
        uint64_t id = 0;
        if (posted < POSTS_EACH) {
            producer_text(producer, posted, text);
            error = post_text(producer->mailbox, producer->replies, text, &producer->taken[posted],
                              &id);
        }
        if (error == QUOIT_OK) {
            posted++;
        } else if (posted > taken) { /* all is posted, or the mailbox is full */
            producer_take(producer);
            taken++;
        }
        if (id != 0 && posted % CANCEL_EVERY == 0) {
            quoit_post_cancel(producer->mailbox, id); /* it may have been answered already */
        }
        producer->wrong += error != QUOIT_OK && error != QUOIT_E_NO_SLOT;
    }
    return NULL;
}

static void test_every_reply_comes_once_to_the_queue_that_asked(void)
{
    static struct producer producers[PRODUCERS];
    struct service service = { .options = { .in_flight_max = 64 } };
    unsigned cancelled = 0;

    service_start(&service);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){ .number = i,
                                          .mailbox = service.mailbox,
                                          .replies = make_replies(),
                                          .taken = calloc(POSTS_EACH, 1) };
        CHECK_EQ(pthread_create(&producers[i].thread, NULL, producer_run, &producers[i]), 0);
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        unsigned others = 0;
        pthread_join(producers[i].thread, NULL);
        for (unsigned k = 0; k < POSTS_EACH; k++) {
            others += producers[i].taken[k] != 1;
        }
        CHECK_EQ(others, 0);
        CHECK_EQ(producers[i].wrong, 0);
        cancelled += producers[i].cancelled;
        CHECK(quoit_replies_next(producers[i].replies, 0) == NULL);
        quoit_replies_destroy(producers[i].replies);
        free(producers[i].taken);
    }
    service_stop(&service);
    CHECK_EQ(service.stats.posted, PRODUCERS * POSTS_EACH);
    CHECK(cancelled <= PRODUCERS * POSTS_EACH / CANCEL_EVERY);
    CHECK(service.stats.post_wakes < service.stats.posted);
    printf("%llu posts, %u cancelled, %llu wakes\n", (unsigned long long)service.stats.posted,
           cancelled, (unsigned long long)service.stats.post_wakes);
}

struct taker {
    pthread_t thread;
    struct quoit_replies *replies;
    atomic_uint *count; /* of replies taken */
};

/* Take replies until one has no context. */
static void *taker_run(void *context)
{
    struct taker *taker = context;
    bool over = false;

    while (!over) {
        struct quoit_reply *reply = await_reply(taker->replies);
        if (reply->context != NULL) {
            atomic_fetch_add((atomic_uint *)reply->context, 1);
            atomic_fetch_add(taker->count, 1);
        }
        over = reply->context == NULL;
        quoit_reply_free(reply);
    }
    return NULL;
}

static void test_threads_that_share_a_queue_take_each_reply_once(void)
{
    enum { TAKERS = 4, POSTS = 2000 };
    static atomic_uint seen[POSTS], count;
    struct service service = { .options = { .in_flight_max = 16 } };
    struct taker takers[TAKERS];
    struct quoit_replies *replies = make_replies();
    unsigned others = 0;
    uint64_t id;

    service_start(&service);
    for (unsigned i = 0; i < TAKERS; i++) {
        takers[i] = (struct taker){ .replies = replies, .count = &count };
        CHECK_EQ(pthread_create(&takers[i].thread, NULL, taker_run, &takers[i]), 0);
    }
    for (unsigned i = 0; i < POSTS; i++) {
        CHECK_EQ(post_text(service.mailbox, replies, "one", &seen[i], &id), QUOIT_OK);
    }
    while (atomic_load(&count) < POSTS) { /* the last ones are posted when all have been taken */
        sched_yield();
    }
    for (unsigned i = 0; i < TAKERS; i++) {
        CHECK_EQ(post_text(service.mailbox, replies, "over", NULL, &id), QUOIT_OK);
    }
    for (unsigned i = 0; i < TAKERS; i++) {
        pthread_join(takers[i].thread, NULL);
    }
    for (unsigned i = 0; i < POSTS; i++) {
        others += atomic_load(&seen[i]) != 1;
    }
    CHECK_EQ(others, 0);
    service_stop(&service);
    quoit_replies_destroy(replies);
}

static void test_one_queue_serves_several_engines(void)
{
    struct service services[2] = { { .options.in_flight_max = 4 }, { .options.in_flight_max = 4 } };
    struct quoit_replies *replies = make_replies();
    unsigned from[2] = { 0 };
    uint64_t id;

    for (unsigned i = 0; i < 2; i++) {
        service_start(&services[i]);
    }
    for (unsigned i = 0; i < 200; i++) {
        CHECK_EQ(post_text(services[i % 2].mailbox, replies, i % 2 == 0 ? "even" : "odd",
                           &from[i % 2], &id),
                 QUOIT_OK);
    }
    for (unsigned i = 0; i < 200; i++) {
        struct quoit_reply *reply = await_reply(replies);
        CHECK(reply_says(reply, reply->context == &from[0] ? "even" : "odd"));
        ++*(unsigned *)reply->context;
        quoit_reply_free(reply);
    }
    CHECK_EQ(from[0], 100);
    CHECK_EQ(from[1], 100);
    for (unsigned i = 0; i < 2; i++) {
        service_stop(&services[i]);
        CHECK_EQ(services[i].stats.posted, 100);
    }
    quoit_replies_destroy(replies);
}

/* -------- wakes -------- */

/* Each post finds the engine asleep, or about to be: were its wake lost, nothing else would come.
 */
static void test_a_post_wakes_an_engine_that_sleeps(void)
{
    enum { POSTS = 3000 };
    struct service service = { .options.spin_max_ns = QUOIT_NEVER };
    struct quoit_replies *replies = make_replies();
    uint64_t id;

    service_start(&service);
    for (unsigned i = 0; i < POSTS; i++) {
        CHECK_EQ(post_text(service.mailbox, replies, "wake up", NULL, &id), QUOIT_OK);
        struct quoit_reply *reply = await_reply(replies);
        CHECK(reply->id == id && reply_says(reply, "wake up"));
        quoit_reply_free(reply);
    }
    service_stop(&service);
    CHECK_EQ(service.stats.post_wakes, POSTS);
    quoit_replies_destroy(replies);
}

static void test_a_burst_wakes_the_engine_once(void)
{
    enum { POSTS = 100 };
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_replies *replies = make_replies();
    struct quoit_mailbox *mailbox;
    uint64_t id = 0;

    CHECK_EQ(quoit_mailbox_create(engine, NULL, &mailbox), QUOIT_OK);
    for (unsigned burst = 1; burst <= 3; burst++) {
        for (unsigned i = 0; i < POSTS; i++) {
            CHECK_EQ(post_text(mailbox, replies, "burst", NULL, &id), QUOIT_OK);
        }
        CHECK_EQ(quoit_post_cancel(mailbox, id), QUOIT_OK);
        for (unsigned i = 0; i < POSTS;) {
            struct quoit_reply *reply = quoit_replies_next(replies, 0);
            if (reply == NULL) {
                CHECK_EQ(quoit_turn(engine, LIVE_NS_PER_MS), 0); /* replies do not end it */
                continue;
            }
            CHECK(reply_says(reply, "burst") || reply->result->error == QUOIT_E_CANCELLED);
            quoit_reply_free(reply);
            i++;
        }
        CHECK_EQ(live_stats(engine).post_wakes, burst);
    }
    quoit_mailbox_destroy(mailbox);
    quoit_replies_destroy(replies);
    quoit_destroy(engine);
}

/*
 * The server is down, so most of them end as soon as they have a slot, within a turn that has
 * nothing else to wake it: those behind them must go on without.
 */
static void test_slots_that_fail_at_once_go_to_those_that_wait(void)
{
    enum { POSTS = 300 };
    struct service service = { .options.requests_max = 2 };
    struct quoit_replies *replies = make_replies();
    char url[64];
    uint64_t id;

    service_start(&service);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", live_free_port());
    for (unsigned i = 0; i < POSTS; i++) {
        struct quoit_request request = { .url = url, .retries = QUOIT_NONE };
        CHECK_EQ(quoit_post(service.mailbox, &request, replies, &id), QUOIT_OK);
    }
    for (unsigned i = 0; i < POSTS; i++) {
        struct quoit_reply *reply = await_reply(replies);
        CHECK_EQ(reply->result->error, QUOIT_E_CONNECT);
        CHECK(reply->result->detail[0] != '\0');
        quoit_reply_free(reply);
    }
    service_stop(&service);
    quoit_replies_destroy(replies);
}

/* The same for an engine whose thread sleeps in a loop of its own; and bursts beside it. */
static void test_a_post_reaches_an_engine_in_an_event_loop(void)
{
    enum { ROUNDS = 500, BURST = 7 };
    struct service service = { .options.requests_max = 3, .embedded = true };
    struct quoit_replies *replies = make_replies();
    uint64_t id;

    service_start(&service);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned posts = round % 2 == 0 ? 1 : BURST; /* more than there are slots */
        for (unsigned i = 0; i < posts; i++) {
            CHECK_EQ(post_text(service.mailbox, replies, "in a loop", NULL, &id), QUOIT_OK);
        }
        for (unsigned i = 0; i < posts; i++) {
            struct quoit_reply *reply = await_reply(replies);
            CHECK(reply_says(reply, "in a loop"));
            quoit_reply_free(reply);
        }
    }
    service_stop(&service);
    CHECK_EQ(service.stats.posted, ROUNDS / 2 * (1 + BURST));
    quoit_replies_destroy(replies);
}

/* -------- a loop of one's own in the thread that asks -------- */

static void test_the_descriptor_is_readable_while_replies_wait(void)
{
    struct service service = { .options = { 0 } };
    struct quoit_replies *replies = make_replies();
    uint64_t id;

    service_start(&service);
    int fd = quoit_replies_fd(replies);
    CHECK(fd >= 0 && fd == quoit_replies_fd(replies));
    for (unsigned round = 0; round < 50; round++) {
        unsigned taken = 0;
        CHECK(!is_readable(fd, 0));
        for (unsigned i = 0; i < 5; i++) {
            CHECK_EQ(post_text(service.mailbox, replies, "poll", NULL, &id), QUOIT_OK);
        }
        while (taken < 5 && is_readable(fd, LIVE_WAIT_MS)) {
            struct quoit_reply *reply = quoit_replies_next(replies, 0);
            CHECK(reply != NULL);
            quoit_reply_free(reply);
            taken++;
        }
        CHECK_EQ(taken, 5);
    }
    service_stop(&service);
    quoit_replies_destroy(replies);
}

static void test_waiting_for_a_reply_ends_in_time(void)
{
    struct quoit_replies *replies = make_replies();
    uint64_t began_ns = quoit_now_ns();

    CHECK(quoit_replies_next(replies, 0) == NULL);
    CHECK(quoit_replies_next(replies, 30 * LIVE_NS_PER_MS) == NULL);
    CHECK(quoit_now_ns() - began_ns >= 30 * LIVE_NS_PER_MS);
    quoit_replies_destroy(replies);
}

int main(void)
{
    const char *options[] = { "--no-bodies", NULL };

    setvbuf(stdout, NULL, _IOLBF, 0);
    live_doing("mailbox");
    server = live_start(options);
    snprintf(echo_url, sizeof(echo_url), "%s/echo", server.url);
    RUN(test_every_reply_comes_once_to_the_queue_that_asked);
    RUN(test_threads_that_share_a_queue_take_each_reply_once);
    RUN(test_one_queue_serves_several_engines);
    RUN(test_a_post_wakes_an_engine_that_sleeps);
    RUN(test_slots_that_fail_at_once_go_to_those_that_wait);
    RUN(test_a_post_reaches_an_engine_in_an_event_loop);
    RUN(test_a_burst_wakes_the_engine_once);
    RUN(test_the_descriptor_is_readable_while_replies_wait);
    RUN(test_waiting_for_a_reply_ends_in_time);
    live_stop(&server);
    return check_done();
}
