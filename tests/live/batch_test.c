/*
 * batch_test: arrays of requests (all at once, or as they end), and how many are in flight. Rate
 * limits are in rates_test.c.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define COUNT 500

static struct live_server server;

/* A batch, or the end of the test. */
static struct quoit_batch *batch_of(struct quoit_engine *engine,
                                    const struct quoit_request *requests, size_t count)
{
    struct quoit_batch *batch = NULL;

    if (quoit_batch_create(engine, requests, count, &batch) != QUOIT_OK) {
        live_give_up("a batch");
    }
    return batch;
}

/* Each with a path and a body of its own: request i echoes "body i". */
struct echoes {
    char bodies[COUNT][24];
    struct quoit_request requests[COUNT];
};

static void echoes_fill(struct echoes *echoes)
{
    static char url[100];

    snprintf(url, sizeof(url), "%s/echo", server.url);
    memset(echoes, 0, sizeof(*echoes));
    for (int i = 0; i < COUNT; i++) {
        snprintf(echoes->bodies[i], sizeof(echoes->bodies[i]), "body %d", i);
        echoes->requests[i] =
            (struct quoit_request){ .url = url,
                                    .body = { echoes->bodies[i], strlen(echoes->bodies[i]) } };
    }
}

static void check_echo(const struct quoit_result *result, const struct quoit_request *request)
{
    CHECK(result != NULL);
    if (result != NULL) {
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, 200);
        CHECK_MEM(result->body.bytes, result->body.size, request->body.bytes, request->body.size);
    }
}

/* -------- batches -------- */

static void test_gather_gives_results_in_the_order_of_the_requests(void)
{
    static struct echoes echoes;
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .requests_max = 20, .in_flight_max = 8 });

    live_set(&server, "");
    echoes_fill(&echoes);
    struct quoit_batch *batch = batch_of(engine, echoes.requests, COUNT);
    CHECK(quoit_batch_result(batch, 0) == NULL); /* it has not ended */
    quoit_batch_wait(batch);
    for (size_t i = 0; i < COUNT; i++) {
        check_echo(quoit_batch_result(batch, i), &echoes.requests[i]);
    }
    CHECK(quoit_batch_result(batch, COUNT) == NULL);
    /* Results outlive turns and other requests. */
    for (int i = 0; i < 30; i++) {
        CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
        quoit_turn(engine, 0);
    }
    check_echo(quoit_batch_result(batch, 7), &echoes.requests[7]);
    CHECK(live_number(&server, "in_flight_max") <= 8);
    CHECK_EQ(live_number(&server, "executions_total"), COUNT + 30);
    quoit_batch_destroy(batch);
    quoit_destroy(engine);
}

static void test_next_gives_each_once_in_the_order_in_which_they_end(void)
{
    static struct echoes echoes;
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .requests_max = 64 });
    static bool seen[COUNT];
    uint64_t last_ns = 0;
    size_t index;

    echoes_fill(&echoes);
    live_set(&server, "latency uniform:0:20ms");
    struct quoit_batch *batch = batch_of(engine, echoes.requests, COUNT);
    for (size_t given = 0; given < COUNT; given++) {
        index = quoit_batch_next(batch, QUOIT_NEVER);
        CHECK(index < COUNT && !seen[index]);
        if (index >= COUNT) {
            break;
        }
        seen[index] = true;
        const struct quoit_result *result = quoit_batch_result(batch, index);
        check_echo(result, &echoes.requests[index]);
        CHECK(result->times.end_ns >= last_ns);
        last_ns = result->times.end_ns;
    }
    CHECK(quoit_batch_next(batch, QUOIT_NEVER) == SIZE_MAX); /* all have been given */
    quoit_batch_destroy(batch);
    live_set(&server, "latency 0");
    quoit_destroy(engine);
}

static void test_a_name_in_a_batch_is_nothing_to_be_woken_by(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    char url[80];

    snprintf(url, sizeof(url), "http://localhost:%u/page", server.port);
    struct quoit_request requests[] = { { .url = url }, { .url = url } };
    struct quoit_batch *batch = batch_of(engine, requests, 2);
    CHECK(quoit_batch_next(batch, QUOIT_NEVER) < 2);
    CHECK(quoit_batch_next(batch, QUOIT_NEVER) < 2);
    quoit_batch_destroy(batch);
    quoit_destroy(engine);
}

static void test_what_cannot_be_submitted_has_its_error_as_result(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    char page[100];
    const struct quoit_header bad = { "Host", "x" };

    snprintf(page, sizeof(page), "%s/page", server.url);
    struct quoit_request requests[] = {
        { .url = page },
        { .url = "ftp://x" },
        { .url = page, .headers = &bad, .headers_count = 1 },
        { .url = page, .stream = QUOIT_PIECES, .judge = true }, /* sent whole, whatever it says */
    };
    struct quoit_batch *batch = batch_of(engine, requests, 4);
    quoit_batch_wait(batch);
    CHECK_EQ(quoit_batch_result(batch, 0)->status, 200);
    CHECK_EQ(quoit_batch_result(batch, 1)->error, QUOIT_E_URL);
    CHECK_EQ(quoit_batch_result(batch, 2)->error, QUOIT_E_HEADER);
    CHECK(quoit_batch_result(batch, 1)->detail != NULL);
    CHECK(quoit_batch_result(batch, 1)->body.bytes != NULL);
    CHECK(quoit_result_header(quoit_batch_result(batch, 1), "x") == NULL);
    CHECK_EQ(quoit_batch_result(batch, 3)->body.size, 56);
    quoit_batch_destroy(batch);
    quoit_destroy(engine);
}

static void test_a_batch_of_nothing_is_done(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_batch *batch = batch_of(engine, NULL, 0);

    CHECK(quoit_batch_next(batch, QUOIT_NEVER) == SIZE_MAX);
    quoit_batch_wait(batch);
    quoit_batch_destroy(batch);
    quoit_batch_destroy(NULL);
    quoit_destroy(engine);
}

static void test_events_of_others_wait_meanwhile(void)
{
    static struct echoes echoes;
    struct quoit_engine *engine = live_engine(NULL);

    echoes_fill(&echoes);
    uint64_t id = live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    struct quoit_batch *batch = batch_of(engine, echoes.requests, 50);
    quoit_batch_wait(batch);
    struct quoit_event event = live_next(engine);
    CHECK(event.id == id);
    CHECK_EQ(event.result->status, 200);
    quoit_batch_destroy(batch);
    quoit_destroy(engine);
}

/* Submit four, and turn until all have ended; nothing is taken. */
static void fill_four_slots(struct quoit_engine *engine)
{
    for (int i = 0; i < 4; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    while (live_stats(engine).done < 4) {
        quoit_turn(engine, LIVE_NS_PER_S);
    }
}

static void test_slots_in_the_callers_hands_come_free_for_a_batch(void)
{
    static struct echoes echoes;
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .requests_max = 4 });
    struct quoit_event events[4];

    echoes_fill(&echoes);
    for (int i = 0; i < 2; i++) {
        fill_four_slots(engine);
        CHECK_EQ(quoit_next(engine, events, 4), 4);
        struct quoit_batch *batch = batch_of(engine, echoes.requests, 10);
        if (i == 0) {
            quoit_batch_wait(batch);
        }
        for (size_t k = 0; k < 10; k++) {
            CHECK(quoit_batch_next(batch, 10 * LIVE_NS_PER_S) < 10);
            check_echo(quoit_batch_result(batch, k), &echoes.requests[k]);
        }
        quoit_batch_destroy(batch);
    }
    quoit_destroy(engine);
}

/* A slot that is under way holds no result yet: so a batch waits, and goes on when it is free. */
static void test_a_batch_waits_for_slots_that_are_under_way(void)
{
    static const struct quoit_header header = { "X-Mock-Latency", "100ms" };
    struct quoit_request batched = { .url = live_url(&server, "/page") };

    for (int state = 0; state < 3; state++) { /* it waits for its instant, is queued, is sent */
        struct quoit_engine *engine = live_engine(&(struct quoit_options){ .requests_max = 1 });
        struct quoit_request alone = { .url = live_url(&server, "/page"),
                                       .headers = &header,
                                       .headers_count = 1 };
        alone.start_ns = state == 0 ? quoit_now_ns() + 100 * LIVE_NS_PER_MS : 0;
        uint64_t id = live_submit(engine, &alone);
        if (state == 2) {
            live_turn_until_in_flight(engine, 1);
        }
        struct quoit_batch *batch = batch_of(engine, &batched, 1);
        CHECK_EQ(quoit_batch_next(batch, 0), SIZE_MAX);
        CHECK(quoit_batch_result(batch, 0) == NULL);
        CHECK(live_next(engine).id == id);
        quoit_batch_wait(batch);
        CHECK_EQ(quoit_batch_result(batch, 0)->status, 200);
        quoit_batch_destroy(batch);
        quoit_destroy(engine);
    }
}

/* It waits for the slot of a request of its own, whose result then stands there, not taken. */
static void test_a_batch_stops_waiting_when_no_slot_can_come_free_any_more(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .requests_max = 1 });
    struct quoit_request request = { .url = live_url(&server, "/page") };

    live_doing("a batch behind a request");
    live_submit(engine, &request);
    struct quoit_batch *batch = batch_of(engine, &request, 1);
    quoit_batch_wait(batch);
    CHECK_EQ(quoit_batch_result(batch, 0)->error, QUOIT_E_NO_SLOT);
    CHECK_EQ(live_drain(engine, 1), 1);
    quoit_batch_destroy(batch);
    quoit_destroy(engine);
}

/* All slots hold results that only the caller can take (not taken), or release (kept). */
static void test_a_batch_does_not_wait_for_slots_that_cannot_come_free(void)
{
    static struct echoes echoes;
    struct quoit_event events[4];

    echoes_fill(&echoes);
    for (int kept = 0; kept < 2; kept++) {
        struct quoit_engine *engine = live_engine(&(struct quoit_options){ .requests_max = 4 });
        fill_four_slots(engine);
        for (uint32_t i = 0; i < 4 && kept; i++) {
            CHECK_EQ(quoit_next(engine, &events[i], 1), 1);
            CHECK_EQ(quoit_keep(engine, events[i].id), QUOIT_OK);
        }
        struct quoit_batch *batch = batch_of(engine, echoes.requests, 10);
        quoit_batch_wait(batch);
        for (size_t i = 0; i < 10; i++) {
            CHECK_EQ(quoit_batch_result(batch, i)->error, QUOIT_E_NO_SLOT);
        }
        quoit_batch_destroy(batch);
        for (uint32_t i = 0; i < 4 && kept; i++) { /* one is enough to go on with */
            CHECK_EQ(quoit_release(engine, events[i].id), QUOIT_OK);
            batch = batch_of(engine, echoes.requests, 10);
            quoit_batch_wait(batch);
            check_echo(quoit_batch_result(batch, 9), &echoes.requests[9]);
            quoit_batch_destroy(batch);
        }
        quoit_destroy(engine);
    }
}

static void test_two_batches_stand_side_by_side(void)
{
    static struct echoes echoes;
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .requests_max = 16 });

    echoes_fill(&echoes);
    struct quoit_batch *first = batch_of(engine, echoes.requests, 100);
    struct quoit_batch *second = batch_of(engine, echoes.requests + 100, 100);
    for (size_t i = 0; i < 100; i++) {
        size_t one = quoit_batch_next(first, QUOIT_NEVER);
        check_echo(quoit_batch_result(first, one), &echoes.requests[one]);
        one = quoit_batch_next(second, QUOIT_NEVER);
        check_echo(quoit_batch_result(second, one), &echoes.requests[100 + one]);
    }
    quoit_batch_destroy(first);
    quoit_batch_destroy(second);
    quoit_destroy(engine);
}

static void test_a_wait_that_is_too_short_gives_none(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_header header = { "X-Mock-Fault", "stall-before" };
    char page[100];

    snprintf(page, sizeof(page), "%s/page", server.url);
    struct quoit_request requests[] = { { .url = page, .headers = &header, .headers_count = 1 } };
    struct quoit_batch *batch = batch_of(engine, requests, 1);
    uint64_t before_ns = quoit_now_ns();
    CHECK(quoit_batch_next(batch, 50 * LIVE_NS_PER_MS) == SIZE_MAX);
    CHECK(quoit_now_ns() - before_ns >= 50 * LIVE_NS_PER_MS);
    CHECK(quoit_batch_next(batch, 0) == SIZE_MAX);
    CHECK(quoit_batch_result(batch, 0) == NULL);
    quoit_batch_destroy(batch);
    quoit_destroy(engine);
}

static void test_a_batch_destroyed_midway_cancels_what_is_left(void)
{
    static struct echoes echoes;
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .requests_max = 64, .in_flight_max = 32 });

    echoes_fill(&echoes);
    for (size_t given = 0; given < 40; given += 13) {
        live_set(&server, "latency uniform:0:5ms");
        struct quoit_batch *batch = batch_of(engine, echoes.requests, COUNT);
        for (size_t i = 0; i < given; i++) {
            CHECK(quoit_batch_next(batch, QUOIT_NEVER) < COUNT);
        }
        quoit_batch_destroy(batch);
        CHECK_EQ(live_stats(engine).in_flight + live_stats(engine).queued, 0);
        CHECK(live_number(&server, "requests") < COUNT);
    }
    live_set(&server, "latency 0");
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    quoit_destroy(engine);
}

static void test_batches_serve_fifty_thousand(void)
{
    size_t count = 50000;
    struct quoit_request *requests = calloc(count, sizeof(*requests));
    struct quoit_engine *engine = live_engine(NULL);
    size_t good = 0;

    live_set(&server, "");
    for (size_t i = 0; i < count; i++) {
        requests[i].url = live_url(&server, "/page");
    }
    for (size_t i = 0; i < count; i++) {
        requests[i].url = requests[0].url;
    }
    struct quoit_batch *batch = batch_of(engine, requests, count);
    quoit_batch_wait(batch);
    for (size_t i = 0; i < count; i++) {
        good += quoit_batch_result(batch, i)->status == 200;
    }
    CHECK_EQ(good, count);
    CHECK_EQ(live_number(&server, "executions_total"), count);
    CHECK(live_number(&server, "connections_opened") <= 64);
    quoit_batch_destroy(batch);
    free(requests);
    quoit_destroy(engine);
}

/* -------- how many at a time -------- */

static void test_exactly_so_many_are_in_flight(void)
{
    static const uint32_t wanted[] = { 1, 7, 64, 200 };
    static struct echoes echoes;

    echoes_fill(&echoes);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        struct quoit_engine *engine =
            live_engine(&(struct quoit_options){ .in_flight_max = wanted[i] });
        size_t count = wanted[i] < 150 ? 3 * wanted[i] : COUNT;
        live_set(&server, "latency 60ms");
        struct quoit_batch *batch = batch_of(engine, echoes.requests, count);
        quoit_batch_wait(batch);
        CHECK_EQ(live_number(&server, "in_flight_max"), wanted[i]);
        CHECK_EQ(live_number(&server, "connections_opened"), wanted[i]);
        CHECK_EQ(live_number(&server, "executions_total"), count);
        quoit_batch_destroy(batch);
        quoit_destroy(engine);
    }
    live_set(&server, "latency 0");
}

static void test_one_origin_may_have_less_than_all(void)
{
    struct live_server other = live_start((const char *[]){ "--latency", "60ms", NULL });
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .in_flight_max = 8, .in_flight_per_origin_max = 5 });

    live_set(&server, "latency 60ms");
    for (int i = 0; i < 20; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    CHECK_EQ(live_drain(engine, 20), 20);
    CHECK_EQ(live_number(&server, "in_flight_max"), 5); /* alone, and still no more */
    for (int i = 0; i < 20; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
        live_submit(engine, &(struct quoit_request){ .url = live_url(&other, "/page") });
    }
    CHECK_EQ(live_drain(engine, 40), 40);
    CHECK_EQ(live_number(&server, "in_flight_max"), 5);
    CHECK(live_number(&other, "in_flight_max") >= 3);
    CHECK(live_number(&other, "in_flight_max") <= 5);
    quoit_destroy(engine);
    live_set(&server, "latency 0");
    live_stop(&other);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    RUN(test_gather_gives_results_in_the_order_of_the_requests);
    RUN(test_next_gives_each_once_in_the_order_in_which_they_end);
    RUN(test_a_name_in_a_batch_is_nothing_to_be_woken_by);
    RUN(test_what_cannot_be_submitted_has_its_error_as_result);
    RUN(test_a_batch_of_nothing_is_done);
    RUN(test_events_of_others_wait_meanwhile);
    RUN(test_slots_in_the_callers_hands_come_free_for_a_batch);
    RUN(test_a_batch_waits_for_slots_that_are_under_way);
    RUN(test_a_batch_stops_waiting_when_no_slot_can_come_free_any_more);
    RUN(test_a_batch_does_not_wait_for_slots_that_cannot_come_free);
    RUN(test_two_batches_stand_side_by_side);
    RUN(test_a_wait_that_is_too_short_gives_none);
    RUN(test_a_batch_destroyed_midway_cancels_what_is_left);
    RUN(test_batches_serve_fifty_thousand);
    RUN(test_exactly_so_many_are_in_flight);
    RUN(test_one_origin_may_have_less_than_all);
    live_stop(&server);
    return check_done();
}
