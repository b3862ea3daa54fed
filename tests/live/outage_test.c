/*
 * outage_test: what holds retries back over all requests to one origin: their budget, and what is
 * known of an origin that is down. How often something was executed is what the server's ledger
 * says.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

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
    RUN(test_retries_that_waited_are_a_fifth_and_ten);
    RUN(test_an_origin_that_is_down_fails_at_once);
    RUN(test_requests_wait_for_a_server_that_comes_back);
    RUN(test_a_server_that_swallows_requests_gets_each_twice_at_most);
    live_stop(&server);
    return check_done();
}
