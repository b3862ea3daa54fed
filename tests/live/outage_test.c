/*
 * outage_test: what holds retries back over all requests to one origin: their budget, and what is
 * known of an origin that is down. How often something was executed is what the server's ledger
 * says.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static struct live_server server;

/* A page whose executions are found in the ledger by `key`, with a header for the mock. */
struct ask {
    struct quoit_header headers[3];
    struct quoit_request request;
};

static struct quoit_request *ask_page(struct ask *ask, const char *key, const char *name,
                                      const char *value)
{
    *ask = (struct ask){ .headers = { { "X-Custom-Id", key }, { name, value } } };
    ask->request = (struct quoit_request){ .url = live_url(&server, "/page"),
                                           .headers = ask->headers,
                                           .headers_count = 2 };
    return &ask->request;
}

static uint64_t executions_of(const char *key)
{
    return live_tally(&server, "executions", key);
}

/* -------- the budget -------- */

/* R28 */
static void test_retries_are_a_fifth_and_ten(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct ask ask;

    live_set(&server, "header none\nheader retry-after-ms: 1");
    struct quoit_request *request = ask_page(&ask, "budget", "X-Mock-Status", "500");
    request->retries = 5;
    for (int i = 0; i < 200; i++) {
        live_submit(engine, request);
    }
    CHECK_EQ(live_drain(engine, 200), 0);
    CHECK(executions_of("budget") <= 200 + 40 + 10);
    CHECK(executions_of("budget") > 210);
    live_set(&server, "header none");
    quoit_destroy(engine);
}

/* Of the first sends nothing may go again, so only the ten are left. */
static void test_without_a_budget_ten_are_left(void)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .retry_budget_percent = QUOIT_NONE });
    struct ask ask;

    live_set(&server, "header none\nheader retry-after-ms: 1");
    struct quoit_request *request = ask_page(&ask, "none", "X-Mock-Status", "500");
    request->retries = 5;
    for (int i = 0; i < 200; i++) {
        live_submit(engine, request);
    }
    CHECK_EQ(live_drain(engine, 200), 0);
    CHECK_EQ(live_stats(engine).retries, 10);
    CHECK_EQ(executions_of("none"), 200 + 10);
    live_set(&server, "header none");
    quoit_destroy(engine);
}

/* R28: the same when the server asks for a wait, at whose end all would go at once. */
static void test_retries_that_waited_are_a_fifth_and_ten(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct ask ask;

    live_set(&server, "header none");
    struct quoit_request *request = ask_page(&ask, "waited", "X-Mock-Status", "500");
    ask.headers[2] = (struct quoit_header){ "X-Mock-Retry-After", "0.3" };
    request->headers_count = 3;
    for (int i = 0; i < 100; i++) {
        live_submit(engine, request);
    }
    for (int i = 0; i < 100; i++) {
        struct quoit_event event = live_next(engine);
        CHECK_EQ(event.result->error, QUOIT_OK);
        CHECK_EQ(event.result->status, 500);
    }
    CHECK(executions_of("waited") <= 100 + 20 + 10);
    CHECK(executions_of("waited") > 110);
    CHECK_EQ(live_stats(engine).retries, executions_of("waited") - 100);
    quoit_destroy(engine);
}

/* -------- outages -------- */

static void test_an_origin_that_is_down_fails_at_once(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    char url[60];
    unsigned outages = 0;

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", live_free_port());
    for (int i = 0; i < 200; i++) {
        live_submit(engine, &(struct quoit_request){ .url = url, .retries = QUOIT_NONE });
    }
    for (int i = 0; i < 200; i++) {
        struct quoit_event event = live_next(engine);
        CHECK_EQ(event.result->error, QUOIT_E_CONNECT);
        outages += event.result->outage;
    }
    CHECK_EQ(live_stats(engine).outages, 1);
    CHECK(outages >= 100);
    CHECK(live_stats(engine).opened < 100);
    quoit_destroy(engine);
}

static void test_requests_wait_for_a_server_that_comes_back(void)
{
    struct live_server mortal = live_start((const char *[]){ NULL });
    struct quoit_engine *engine = live_engine(
        &(struct quoit_options){ .in_flight_max = 20, .outage_wait_ns = 20 * LIVE_NS_PER_S });
    char port[8];
    char url[80];

    snprintf(url, sizeof(url), "%s/page", mortal.url);
    snprintf(port, sizeof(port), "%u", mortal.port);
    CHECK_EQ(live_get(engine, url)->status, 200);
    live_stop(&mortal);
    for (int i = 0; i < 100; i++) {
        live_submit(engine, &(struct quoit_request){ .url = url });
    }
    while (live_stats(engine).outages == 0) {
        quoit_turn(engine, LIVE_NS_PER_MS);
    }
    uint64_t opened = live_stats(engine).opened;
    uint64_t end_ns = quoit_now_ns() + 1500 * LIVE_NS_PER_MS; /* one probe in that time */
    while (quoit_now_ns() < end_ns) {
        quoit_turn(engine, end_ns - quoit_now_ns());
    }
    CHECK_EQ(live_stats(engine).opened, opened + 1);
    CHECK_EQ(live_stats(engine).done, 0);
    mortal = live_start((const char *[]){ "--port", port, NULL });
    CHECK_EQ(live_drain(engine, 100), 100);
    CHECK_EQ(live_number(&mortal, "executions_total"), 100);
    CHECK(live_stats(engine).retries < 8); /* those before it was known to be down */
    quoit_destroy(engine);
    live_stop(&mortal);
}

/*
 * R28, a short form of what storm_sim_test runs for all of its ten seconds: nothing but 503, 200 in
 * flight. Those are told no, seven more at most in the room of the first that were; then one probe
 * in more than a second; then all are answered, each once.
 */
static void test_a_storm_of_503_leaves_a_probe_and_then_all_are_answered(void)
{
    struct quoit_engine *engine = live_engine(
        &(struct quoit_options){ .in_flight_max = 200, .outage_wait_ns = 20 * LIVE_NS_PER_S });

    live_set(&server, "error 503:1\nlatency 20ms");
    for (int i = 0; i < 600; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    while (live_stats(engine).outages == 0 || live_stats(engine).in_flight > 0) {
        quoit_turn(engine, LIVE_NS_PER_MS);
    }
    uint64_t told_no = live_number(&server, "requests");
    CHECK(told_no >= 8);
    CHECK(told_no <= 200 + 7);
    uint64_t end_ns = quoit_now_ns() + 1500 * LIVE_NS_PER_MS;
    while (quoit_now_ns() < end_ns) {
        quoit_turn(engine, end_ns - quoit_now_ns());
    }
    CHECK(live_number(&server, "requests") <= told_no + 1);
    CHECK_EQ(live_stats(engine).done, 0);
    told_no = live_number(&server, "requests");
    free(live_ask(&server, "POST", "/mock/settings", "error none"));
    CHECK_EQ(live_drain(engine, 600), 600);
    CHECK_EQ(live_tally(&server, "statuses", "200"), 600);
    CHECK_EQ(live_tally(&server, "statuses", "503"), told_no);
    CHECK_EQ(live_stats(engine).outages, 1);
    live_set(&server, "latency 0");
    quoit_destroy(engine);
}

/* A black hole beside a server that is well: it holds few places, so the other has the rest. */
static void test_a_black_hole_takes_nothing_from_a_server_that_is_well(void)
{
    struct live_server hole = live_start((const char *[]){ "--mode", "no-accept", NULL });
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 64 });
    uint64_t took_ns[2];

    live_set(&server, "latency 10ms");
    for (int beside = 0; beside < 2; beside++) {
        for (int i = 0; i < 1000; i++) {
            if (beside == 1) {
                live_submit(engine, &(struct quoit_request){ .url = live_url(&hole, "/page") });
            }
            live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
        }
        uint64_t before_ns = quoit_now_ns();
        CHECK_EQ(live_drain(engine, 1000), 1000);
        took_ns[beside] = quoit_now_ns() - before_ns;
        quoit_turn(engine, 0);
    }
    /* All of the well server's came first: none of the others has had its time yet. */
    CHECK(took_ns[1] < 2 * took_ns[0] + LIVE_NS_PER_S);
    CHECK(live_stats(engine).in_flight <= 64);
    live_set(&server, "latency 0");
    quoit_destroy(engine);
    live_stop(&hole);
}

/*
 * Seven fail; with the next one the origin is down, and the others wait. The first probe is a
 * request that was sent before: it may have been paid for twice, so it is not sent a third time.
 */
static void test_a_server_that_swallows_requests_gets_each_twice_at_most(void)
{
    static const char *const keys[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j" };
    struct quoit_engine *engine = live_engine(
        &(struct quoit_options){ .in_flight_max = 8, .outage_wait_ns = 5 * LIVE_NS_PER_S });
    struct ask asks[10];
    unsigned twice = 0;

    live_set(&server, "");
    for (int i = 0; i < 10; i++) {
        struct quoit_request *request = ask_page(&asks[i], keys[i], "X-Mock-Fault", "stall-before");
        request->method = "POST";
        request->replay = QUOIT_REPLAY_YES;
        request->retries = QUOIT_NONE;
        request->timeouts.first_byte_ns = 50 * LIVE_NS_PER_MS;
        live_submit(engine, request);
    }
    for (int i = 0; i < 8; i++) {
        struct quoit_event event = live_next(engine);
        CHECK_EQ(event.result->error, QUOIT_E_TIMEOUT_FIRST_BYTE);
        CHECK(event.result->maybe_billed);
        twice += event.result->attempts == 2;
    }
    CHECK_EQ(twice, 1);
    for (int i = 0; i < 10; i++) {
        CHECK(executions_of(keys[i]) <= 2);
    }
    CHECK_EQ(live_stats(engine).outages, 1);
    quoit_destroy(engine);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    RUN(test_retries_are_a_fifth_and_ten);
    RUN(test_without_a_budget_ten_are_left);
    RUN(test_retries_that_waited_are_a_fifth_and_ten);
    RUN(test_an_origin_that_is_down_fails_at_once);
    RUN(test_requests_wait_for_a_server_that_comes_back);
    RUN(test_a_storm_of_503_leaves_a_probe_and_then_all_are_answered);
    RUN(test_a_black_hole_takes_nothing_from_a_server_that_is_well);
    RUN(test_a_server_that_swallows_requests_gets_each_twice_at_most);
    live_stop(&server);
    return check_done();
}
