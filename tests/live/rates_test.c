/*
 * rates_test: rate limits: how they fill, are settled, and are shared by the servers of an engine.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

static struct live_server server;

static struct quoit_limit *limit_of(struct quoit_engine *engine, uint64_t requests, uint64_t tokens)
{
    struct quoit_limit *limit = NULL;

    if (quoit_limit_create(engine, requests, tokens, &limit) != QUOIT_OK) {
        live_give_up("a limit");
    }
    return limit;
}

static void test_a_limit_starts_full_and_refills_evenly(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_limit *limit = limit_of(engine, 600, 0); /* 10 a second */
    struct quoit_request request = { .url = live_url(&server, "/page"), .limit = limit };
    uint64_t before_ns = quoit_now_ns();

    for (int i = 0; i < 605; i++) {
        live_submit(engine, &request);
    }
    request.limit = NULL;
    live_submit(engine, &request); /* not held up by those before it */
    CHECK_EQ(live_drain(engine, 601), 601);
    uint64_t full_ns = quoit_now_ns() - before_ns;
    CHECK_EQ(live_drain(engine, 5), 5);
    uint64_t all_ns = quoit_now_ns() - before_ns;
    CHECK(all_ns > 490 * LIVE_NS_PER_MS);
    CHECK(all_ns < 3 * LIVE_NS_PER_S + full_ns);
    quoit_limit_destroy(limit);
    quoit_destroy(engine);
}

static void test_tokens_are_taken_and_settled(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_limit *limit = limit_of(engine, 0, 6000); /* 100 a second */
    struct quoit_request request = { .url = live_url(&server, "/page"),
                                     .limit = limit,
                                     .limit_tokens = 6000 };

    uint64_t begin_ns = quoit_now_ns();
    uint64_t id = live_submit(engine, &request);
    CHECK_EQ(live_next(engine).result->status, 200);
    quoit_limit_settle(limit, id, 1000); /* gives 5000 back */
    request.limit_tokens = 5000;
    uint64_t before_ns = quoit_now_ns();
    CHECK_EQ(live_run(engine, &request)->status, 200);
    CHECK(quoit_now_ns() - before_ns < 2 * LIVE_NS_PER_S);
    request.limit_tokens = 30; /* 300 ms of refilling, counted from the first */
    CHECK_EQ(live_run(engine, &request)->status, 200);
    CHECK(quoit_now_ns() - begin_ns > 290 * LIVE_NS_PER_MS);
    quoit_limit_destroy(limit);
    quoit_limit_destroy(NULL);
    quoit_destroy(engine);
}

/* The estimate stands once the END is out of the caller's hands, and for what never was. */
static void test_what_is_not_in_hand_settles_nothing(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_limit *limit = limit_of(engine, 0, 6000); /* 100 a second */
    struct quoit_request request = { .url = live_url(&server, "/page"),
                                     .limit = limit,
                                     .limit_tokens = 6000 };

    uint64_t begin_ns = quoit_now_ns();
    uint64_t id = live_submit(engine, &request);
    quoit_limit_settle(limit, id, 0); /* it has not ended */
    CHECK_EQ(live_next(engine).result->status, 200);
    quoit_turn(engine, 0);
    quoit_limit_settle(limit, id, 0); /* it is gone */
    quoit_limit_settle(limit, 0, 0);
    request.limit_tokens = 30;
    CHECK_EQ(live_run(engine, &request)->status, 200);
    CHECK(quoit_now_ns() - begin_ns > 290 * LIVE_NS_PER_MS);
    quoit_limit_destroy(limit);
    quoit_destroy(engine);
}

/* Nothing is remembered of a limit that is gone, not even where it lay in memory. */
static void test_a_limit_made_anew_limits(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_limit *limits[64];
    struct quoit_request request = { .url = live_url(&server, "/page"), .limit_tokens = 1 };

    for (size_t i = 0; i < 64; i++) {
        limits[i] = limit_of(engine, 0, 6000);
    }
    request.limit = limits[32];
    CHECK_EQ(live_run(engine, &request)->status, 200);
    quoit_turn(engine, 0);
    for (size_t i = 0; i < 64; i++) {
        quoit_limit_destroy(limits[i]);
    }
    uintptr_t gone = (uintptr_t)limits[32];
    request.limit = NULL;
    for (size_t i = 0; i < 64; i++) { /* one of them will come to lie where that one lay */
        limits[i] = limit_of(engine, 0, 6000);
        if (request.limit == NULL || (uintptr_t)limits[i] == gone) {
            request.limit = limits[i];
        }
    }
    uint64_t before_ns = quoit_now_ns();
    request.limit_tokens = 6000;
    CHECK_EQ(live_run(engine, &request)->status, 200);
    request.limit_tokens = 20;
    CHECK_EQ(live_run(engine, &request)->status, 200);
    CHECK(quoit_now_ns() - before_ns >= 190 * LIVE_NS_PER_MS);
    for (size_t i = 0; i < 64; i++) {
        quoit_limit_destroy(limits[i]);
    }
    quoit_destroy(engine);
}

static void test_requests_of_one_limit_to_one_server_enter_in_order(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_limit *limit = limit_of(engine, 0, 6000);
    static const uint32_t tokens[] = { 5900, 110, 5 };
    uint64_t granted_ns[3] = { 0 };

    /* The second has to wait for 100 ms; the third would have tokens at once. */
    for (int i = 0; i < 3; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                     .limit = limit,
                                                     .limit_tokens = tokens[i],
                                                     .context = &granted_ns[i] });
    }
    for (int i = 0; i < 3; i++) {
        struct quoit_event event = live_next(engine);
        *(uint64_t *)event.context = event.result->times.granted_ns;
    }
    CHECK(granted_ns[0] <= granted_ns[1]);
    CHECK(granted_ns[1] <= granted_ns[2]);
    quoit_limit_destroy(limit);
    quoit_destroy(engine);
}

/* One limit, two servers: what one gives back, the other takes at once; another limit hears none.
 */
static void test_tokens_that_come_back_let_in_requests_to_any_server(void)
{
    struct live_server other = live_start((const char *[]){ NULL });
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_limit *limit = limit_of(engine, 0, 60); /* one a second */
    struct quoit_limit *beside = limit_of(engine, 0, 60);
    struct quoit_request request = { .url = live_url(&server, "/page"),
                                     .limit = beside,
                                     .limit_tokens = 60 };

    CHECK_EQ(live_run(engine, &request)->status, 200);
    uint64_t waits = live_submit(engine, &request); /* a minute */
    request.limit = limit;
    uint64_t first = live_submit(engine, &request);
    quoit_turn(engine, 0);
    request.url = live_url(&other, "/page");
    request.limit_tokens = 15;
    uint64_t second = live_submit(engine, &request);
    CHECK(live_next(engine).id == first);
    quoit_limit_settle(limit, first, 1);
    uint64_t before_ns = quoit_now_ns();
    CHECK(live_next(engine).id == second);
    CHECK(quoit_now_ns() - before_ns < 2 * LIVE_NS_PER_S);
    CHECK_EQ(live_stats(engine).queued, 1);
    CHECK_EQ(quoit_cancel(engine, waits), QUOIT_OK);
    CHECK_EQ(live_drain(engine, 1), 0);
    quoit_limit_destroy(limit);
    quoit_limit_destroy(beside);
    quoit_destroy(engine);
    live_stop(&other);
}

/* The first of a lane is given up, by the caller or by its deadline: the next needs less. */
static void test_who_leaves_the_head_of_a_lane_lets_the_next_one_go(void)
{
    for (int i = 0; i < 2; i++) {
        struct quoit_engine *engine = live_engine(NULL);
        struct quoit_limit *limit = limit_of(engine, 0, 6000); /* 100 a second */
        struct quoit_request request = { .url = live_url(&server, "/page"),
                                         .limit = limit,
                                         .limit_tokens = 6000 };
        CHECK_EQ(live_run(engine, &request)->status, 200);
        request.limit_tokens = 5000; /* fifty seconds */
        request.timeouts.deadline_ns = i == 0 ? 0 : 30 * LIVE_NS_PER_MS;
        uint64_t head = live_submit(engine, &request);
        request.limit_tokens = 10;
        request.timeouts.deadline_ns = 0;
        uint64_t next = live_submit(engine, &request);
        uint64_t before_ns = quoit_now_ns();
        quoit_turn(engine, 0);
        if (i == 0) {
            CHECK_EQ(quoit_cancel(engine, head), QUOIT_OK);
        }
        struct quoit_event event = live_next(engine);
        CHECK(event.id == head);
        CHECK_EQ(event.result->error, i == 0 ? QUOIT_E_CANCELLED : QUOIT_E_TIMEOUT_DEADLINE);
        event = live_next(engine);
        CHECK(event.id == next);
        CHECK_EQ(event.result->status, 200);
        CHECK(quoit_now_ns() - before_ns < 5 * LIVE_NS_PER_S);
        quoit_limit_destroy(limit);
        quoit_destroy(engine);
    }
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    RUN(test_a_limit_starts_full_and_refills_evenly);
    RUN(test_tokens_are_taken_and_settled);
    RUN(test_what_is_not_in_hand_settles_nothing);
    RUN(test_a_limit_made_anew_limits);
    RUN(test_requests_of_one_limit_to_one_server_enter_in_order);
    RUN(test_tokens_that_come_back_let_in_requests_to_any_server);
    RUN(test_who_leaves_the_head_of_a_lane_lets_the_next_one_go);
    live_stop(&server);
    return check_done();
}
