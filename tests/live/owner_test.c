/*
 * owner_test: whose an engine is and how it ends: other threads, forked children, wakes, signals,
 * and destroy with everything in flight.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static struct live_server server;

static uint64_t submit_stalled(struct quoit_engine *engine)
{
    static const struct quoit_header header = { "X-Mock-Fault", "stall-before" };

    return live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                        .headers = &header,
                                                        .headers_count = 1 });
}

/* -------- other threads -------- */

/* An engine with all that can be made of it. */
struct owned {
    struct quoit_engine *engine;
    struct quoit_batch *batch; /* of `batched`, not begun */
    struct quoit_request batched;
    struct quoit_limit *limit; /* 100 tokens a second, and empty since began_ns */
    uint64_t began_ns;
};

static void owned_begin(struct owned *owned)
{
    owned->engine = live_engine(NULL);
    owned->batched = (struct quoit_request){ .url = live_url(&server, "/page") };
    CHECK_EQ(quoit_batch_create(owned->engine, &owned->batched, 1, &owned->batch), QUOIT_OK);
    CHECK_EQ(quoit_limit_create(owned->engine, 0, 6000, &owned->limit), QUOIT_OK);
    owned->began_ns = quoit_now_ns();
    struct quoit_request request = owned->batched;
    request.limit = owned->limit;
    request.limit_tokens = 6000;
    CHECK_EQ(live_run(owned->engine, &request)->status, 200);
}

/* Whoever asked in between has changed nothing: all of it works as if nobody had. */
static void owned_end(struct owned *owned)
{
    CHECK_EQ(quoit_batch_next(owned->batch, QUOIT_NEVER), 0);
    CHECK_EQ(quoit_batch_result(owned->batch, 0)->status, 200);
    struct quoit_request request = owned->batched;
    request.limit = owned->limit;
    request.limit_tokens = 30;
    CHECK_EQ(live_run(owned->engine, &request)->status, 200);
    CHECK(quoit_now_ns() - owned->began_ns > 290 * LIVE_NS_PER_MS);
    quoit_batch_destroy(owned->batch);
    quoit_limit_destroy(owned->limit);
    quoit_destroy(owned->engine);
}

/* What each call says to a thread or process that the engine does not belong to. */
static int count_wrong_answers(const struct owned *owned, uint64_t id, enum quoit_error wanted)
{
    struct quoit_engine *engine = owned->engine;
    struct quoit_stats stats = { .submitted = 4711 };
    struct quoit_request request = { .url = "http://127.0.0.1:1/" };
    struct quoit_limit *limit = NULL;
    struct quoit_batch *batch = NULL;
    struct quoit_event event;
    uint64_t other = 4711;
    int wrong = 0;

    wrong += quoit_submit(engine, &request, &other) != wanted;
    wrong += other != 4711;
    wrong += quoit_turn(engine, QUOIT_NEVER) != 0;
    wrong += quoit_next(engine, &event, 1) != 0;
    wrong += quoit_fd(engine) != -1;
    wrong += quoit_cancel(engine, id) != wanted;
    wrong += quoit_again(engine, id, QUOIT_OK, 0) != wanted;
    wrong += quoit_pause(engine, id, true) != wanted;
    wrong += quoit_keep(engine, id) != wanted;
    wrong += quoit_release(engine, id) != wanted;
    wrong += quoit_limit_create(engine, 1, 1, &limit) != wanted || limit != NULL;
    wrong += quoit_batch_create(engine, &request, 1, &batch) != wanted || batch != NULL;
    wrong += quoit_batch_next(owned->batch, QUOIT_NEVER) != SIZE_MAX;
    quoit_batch_wait(owned->batch);
    wrong += quoit_batch_result(owned->batch, 0) != NULL;
    quoit_stats_read(engine, &stats);
    wrong += stats.submitted != 4711;
    quoit_batch_destroy(owned->batch);
    quoit_limit_destroy(owned->limit);
    quoit_cancel_all(engine);
    quoit_cancel_waiting(engine);
    quoit_destroy(engine);
    return wrong;
}

struct stranger {
    struct owned owned;
    uint64_t id;
    int wrong;
};

static void *stranger_run(void *context)
{
    struct stranger *stranger = context;

    stranger->wrong = count_wrong_answers(&stranger->owned, stranger->id, QUOIT_E_THREAD);
    return NULL;
}

static void test_another_thread_is_told_and_does_nothing(void)
{
    struct stranger stranger = { 0 };
    pthread_t thread;

    owned_begin(&stranger.owned);
    struct quoit_engine *engine = stranger.owned.engine;
    stranger.id = live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    while (quoit_turn(engine, LIVE_NS_PER_S) == 0) {
    }
    CHECK_EQ(pthread_create(&thread, NULL, stranger_run, &stranger), 0);
    pthread_join(thread, NULL);
    CHECK_EQ(stranger.wrong, 0);
    CHECK_EQ(live_drain(engine, 1), 1); /* the event is still there */
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    owned_end(&stranger.owned);
}

static void test_a_forked_child_is_told_and_the_parent_goes_on(void)
{
    struct owned owned;
    const struct quoit_header header = { "X-Mock-Latency", "100ms" };
    struct quoit_request request = { .url = live_url(&server, "/page"),
                                     .headers = &header,
                                     .headers_count = 1 };
    int status = 0;

    owned_begin(&owned); /* which leaves a connection in the pool */
    struct quoit_engine *engine = owned.engine;
    uint64_t id = live_submit(engine, &request);
    live_turn_until_in_flight(engine, 1);
    quoit_turn(engine, 0);
    pid_t child = fork();
    if (child == 0) {
        quoit_wake(engine);
        _exit(count_wrong_answers(&owned, id, QUOIT_E_FORKED));
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
    CHECK_EQ(live_drain(engine, 1), 1);
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    owned_end(&owned);
}

/* -------- waking -------- */

static void *waker_run(void *context)
{
    quoit_wake(context);
    return NULL;
}

static void test_a_wake_ends_the_turn_that_waits(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    pthread_t thread;

    submit_stalled(engine);
    live_turn_until_in_flight(engine, 1);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(pthread_create(&thread, NULL, waker_run, engine), 0);
        CHECK_EQ(quoit_turn(engine, QUOIT_NEVER), 0);
        pthread_join(thread, NULL);
    }
    quoit_destroy(engine);
}

/* Bytes come all the time, often with the wake, and none of them makes an event. */
static void test_a_wake_ends_the_turn_that_is_busy(void)
{
    static const struct quoit_header headers[] = { { "X-Mock-Fault", "drip:100us:20" },
                                                   { "X-Mock-Body-Size", "20MiB" } };
    struct quoit_engine *engine = live_engine(NULL);
    pthread_t thread;
    bool in_time = true;

    for (int i = 0; i < 32; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                     .headers = headers,
                                                     .headers_count = 2 });
    }
    live_turn_until_in_flight(engine, 32);
    for (int i = 0; i < 100 && in_time; i++) {
        uint64_t before_ns = quoit_now_ns();
        CHECK_EQ(pthread_create(&thread, NULL, waker_run, engine), 0);
        CHECK_EQ(quoit_turn(engine, 2 * LIVE_NS_PER_S), 0);
        in_time = quoit_now_ns() - before_ns < 2 * LIVE_NS_PER_S;
        pthread_join(thread, NULL);
    }
    CHECK(in_time);
    quoit_destroy(engine);
}

static void test_a_wake_before_the_turn_ends_it(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    quoit_wake(engine);
    CHECK_EQ(quoit_turn(engine, QUOIT_NEVER), 0); /* else the time limit of the run ends it */
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    quoit_wake(engine);
    quoit_wake(engine);
    CHECK_EQ(quoit_turn(engine, QUOIT_NEVER), 0);
    quoit_destroy(engine);
}

static struct quoit_engine *signalled_engine;

static void on_alarm(int number)
{
    (void)number;
    if (signalled_engine != NULL) {
        quoit_wake(signalled_engine);
    }
}

static void test_a_signal_ends_the_turn_with_and_without_a_wake(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct sigaction action = { .sa_handler = on_alarm };
    struct itimerval soon = { { 0, 20000 }, { 0, 20000 } }; /* again: it may come too early */

    sigaction(SIGALRM, &action, NULL);
    submit_stalled(engine);
    live_turn_until_in_flight(engine, 1);
    quoit_turn(engine, 0);
    for (int i = 0; i < 2; i++) {
        signalled_engine = i == 0 ? NULL : engine;
        setitimer(ITIMER_REAL, &soon, NULL);
        CHECK_EQ(quoit_turn(engine, QUOIT_NEVER), 0);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
    signalled_engine = NULL;
    quoit_destroy(engine);
}

static void test_a_turn_waits_for_as_long_as_it_was_told(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    uint64_t before_ns = quoit_now_ns();

    CHECK_EQ(quoit_turn(engine, 50 * LIVE_NS_PER_MS), 0);
    CHECK(quoit_now_ns() - before_ns >= 50 * LIVE_NS_PER_MS);
    submit_stalled(engine);
    live_turn_until_in_flight(engine, 1);
    before_ns = quoit_now_ns();
    uint64_t after_ns = before_ns;
    while (after_ns - before_ns < 50 * LIVE_NS_PER_MS) { /* a connection that opens ends none */
        CHECK_EQ(quoit_turn(engine, 50 * LIVE_NS_PER_MS - (after_ns - before_ns)), 0);
        after_ns = quoit_now_ns();
    }
    CHECK(after_ns - before_ns < 10 * LIVE_NS_PER_S);
    quoit_destroy(engine);
}

/* -------- the end -------- */

static void submit_one_of_each(struct quoit_engine *engine, const struct live_server *no_accept,
                               struct quoit_limit *limit, int i)
{
    static char body[1 << 20];
    static const struct quoit_header half = { "X-Mock-Fault", "stall-mid-body" };
    static const struct quoit_header failing = { "X-Mock-Status", "500" };
    const char *page = live_url(&server, "/page");
    const struct quoit_request requests[] = {
        { .url = page },
        { .url = page, .headers = &half, .headers_count = 1 },
        { .url = page, .headers = &half, .headers_count = 1, .stream = QUOIT_PIECES },
        { .url = page, .headers = &failing, .headers_count = 1, .retries = 5 },
        { .url = live_url(no_accept, "/page") },
        { .url = page, .start_ns = quoit_now_ns() + 3600 * LIVE_NS_PER_S },
        { .url = page, .limit = limit },
        { .url = page, .body = { body, sizeof(body) } },
        { .url = "http://localhost:1/" },
    };

    live_submit(engine, &requests[(size_t)i % (sizeof(requests) / sizeof(requests[0]))]);
    submit_stalled(engine);
}

/* Every descriptor comes back, and the mock sees every connection close. */
static void destroy_with_everything_in_flight(uint32_t turns)
{
    struct live_server no_accept = live_start((const char *[]){ "--mode", "no-accept", NULL });
    unsigned before = live_descriptors();
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 48 });
    struct quoit_limit *limit = NULL;

    live_set(&server, "");
    CHECK_EQ(quoit_limit_create(engine, 1, 0, &limit), QUOIT_OK);
    for (int i = 0; i < 90; i++) {
        submit_one_of_each(engine, &no_accept, limit, i);
    }
    for (uint32_t i = 0; i < turns; i++) {
        quoit_turn(engine, 2 * LIVE_NS_PER_MS);
    }
    quoit_cancel_all(engine);
    while (live_stats(engine).queued + live_stats(engine).waiting + live_stats(engine).in_flight >
           0) {
        quoit_turn(engine, LIVE_NS_PER_S);
    }
    live_drain(engine, 180);
    quoit_turn(engine, 0);
    quoit_limit_destroy(limit);
    for (int i = 0; i < 90; i++) {
        submit_one_of_each(engine, &no_accept, NULL, i);
    }
    for (uint32_t i = 0; i < turns; i++) {
        quoit_turn(engine, 2 * LIVE_NS_PER_MS);
    }
    uint64_t before_ns = quoit_now_ns();
    quoit_destroy(engine);
    CHECK(quoit_now_ns() - before_ns < 2 * LIVE_NS_PER_S);
    live_await_descriptors(before); /* a thread that looked up a name may read a file still */
    live_await_number(&server, "connections_open", 0);
    live_await_number(&server, "in_flight", 0);
    live_stop(&no_accept);
}

/* R17 */
static void test_destroy_with_everything_in_flight_leaves_nothing(void)
{
    static const uint32_t turns[] = { 0, 1, 2, 20 };

    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        destroy_with_everything_in_flight(turns[i]);
    }
}

static void test_destroy_drops_results_that_were_not_taken(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_event event;

    for (int i = 0; i < 3; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    while (live_stats(engine).done < 3) {
        quoit_turn(engine, LIVE_NS_PER_S);
    }
    CHECK_EQ(quoit_next(engine, &event, 1), 1);
    CHECK_EQ(quoit_keep(engine, event.id), QUOIT_OK);
    CHECK_EQ(quoit_next(engine, &event, 1), 1);
    quoit_destroy(engine); /* one kept, one in our hands, one not taken */
}

static void test_engines_share_nothing(void)
{
    struct quoit_engine *engines[10];

    live_set(&server, "");
    for (int i = 0; i < 10; i++) {
        engines[i] = live_engine(NULL);
        live_submit(engines[i], &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(live_drain(engines[i], 1), 1);
    }
    CHECK_EQ(live_number(&server, "connections_opened"), 10);
    for (int i = 0; i < 10; i++) {
        quoit_destroy(engines[i]);
    }
    live_await_number(&server, "connections_open", 0);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    RUN(test_another_thread_is_told_and_does_nothing);
    RUN(test_a_forked_child_is_told_and_the_parent_goes_on);
    RUN(test_a_wake_ends_the_turn_that_waits);
    RUN(test_a_wake_ends_the_turn_that_is_busy);
    RUN(test_a_wake_before_the_turn_ends_it);
    RUN(test_a_signal_ends_the_turn_with_and_without_a_wake);
    RUN(test_a_turn_waits_for_as_long_as_it_was_told);
    RUN(test_destroy_with_everything_in_flight_leaves_nothing);
    RUN(test_destroy_drops_results_that_were_not_taken);
    RUN(test_engines_share_nothing);
    live_stop(&server);
    return check_done();
}
