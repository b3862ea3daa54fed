/*
 * retry_test: what is sent again, how often and after how long, and what never is: by status, by
 * what the server asks for (R27; plain and over TLS), after a dead kept connection, and at the
 * caller's word.
 * How often something was executed is what the server's ledger says.
 */
#include "base/bits.h"
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static struct live_server server, secure;
static const struct live_server *const servers[] = { &server, &secure };
static size_t servers_count; /* 1: no openssl(1), so nothing over TLS */
static struct quoit_tls *identity;

/* A page, with an X-Mock- header or two (NULL: none) and a key to find it by in the ledger. */
struct ask {
    struct quoit_header headers[4];
    struct quoit_request request;
};

static struct quoit_request *ask_page_of(const struct live_server *from, struct ask *ask,
                                         const char *key, const char *name, const char *value)
{
    *ask = (struct ask){ .headers = { { "X-Custom-Id", key }, { name, value } } };
    ask->request = (struct quoit_request){ .url = live_url(from, "/page"),
                                           .tls = identity,
                                           .headers = ask->headers,
                                           .headers_count = name == NULL ? 1 : 2 };
    return &ask->request;
}

static struct quoit_request *ask_page(struct ask *ask, const char *key, const char *name,
                                      const char *value)
{
    return ask_page_of(&server, ask, key, name, value);
}

static void set_all(const char *settings)
{
    for (size_t i = 0; i < servers_count; i++) {
        live_set(servers[i], settings);
    }
}

static uint64_t executions_of(const char *key)
{
    return live_tally(&server, "executions", key);
}

/* -------- by status -------- */

struct status_case {
    const char *name, *status, *should_retry;
    const char *method;
    enum quoit_replay replay;
    uint32_t retries, attempts;
};

static const struct status_case status_cases[] = {
    { "two retries by default", "500", NULL, "GET", QUOIT_REPLAY_METHOD, 0, 3 },
    { "408", "408", NULL, "GET", QUOIT_REPLAY_METHOD, 1, 2 },
    { "409", "409", NULL, "GET", QUOIT_REPLAY_METHOD, 1, 2 },
    { "502", "502", NULL, "GET", QUOIT_REPLAY_METHOD, 1, 2 },
    { "504", "504", NULL, "PUT", QUOIT_REPLAY_METHOD, 1, 2 },
    { "none", "500", NULL, "GET", QUOIT_REPLAY_METHOD, QUOIT_NONE, 1 },
    { "400", "400", NULL, "GET", QUOIT_REPLAY_METHOD, 3, 1 },
    { "401", "401", NULL, "GET", QUOIT_REPLAY_METHOD, 3, 1 },
    { "404", "404", NULL, "GET", QUOIT_REPLAY_METHOD, 3, 1 },
    { "the server says no", "500", "x-should-retry: false", "GET", QUOIT_REPLAY_METHOD, 3, 1 },
    { "the server says yes", "400", "x-should-retry: true", "GET", QUOIT_REPLAY_METHOD, 1, 2 },
    { "a POST", "500", NULL, "POST", QUOIT_REPLAY_METHOD, 3, 1 },
    { "a POST that may", "500", NULL, "POST", QUOIT_REPLAY_YES, 1, 2 },
    { "a GET that may not", "500", NULL, "GET", QUOIT_REPLAY_NO, 3, 1 },
};

static void test_the_status_decides(void)
{
    for (size_t i = 0; i < sizeof(status_cases) / sizeof(status_cases[0]); i++) {
        const struct status_case *the = &status_cases[i];
        struct quoit_engine *engine = live_engine(NULL);
        struct ask ask;
        struct quoit_request *request = ask_page(&ask, the->name, "X-Mock-Status", the->status);
        request->method = the->method;
        request->replay = the->replay;
        request->retries = the->retries;
        ask.headers[2] = (struct quoit_header){ "X-Mock-Header", "retry-after-ms: 5" };
        ask.headers[3] = (struct quoit_header){ "X-Mock-Header", the->should_retry };
        request->headers_count = the->should_retry == NULL ? 3 : 4;
        check_case(the->name);
        live_set(&server, "");
        const struct quoit_result *result = live_run(engine, request);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, strtoul(the->status, NULL, 10));
        CHECK_EQ(result->attempts, the->attempts);
        CHECK_EQ(executions_of(the->name), the->attempts);
        CHECK_EQ(live_stats(engine).retries, the->attempts - 1);
        quoit_destroy(engine);
    }
    live_set(&server, "header none");
}

static void test_the_answer_of_a_later_attempt_is_the_result(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct ask ask;

    live_set(&server, "header retry-after-ms: 5");
    const struct quoit_result *result =
        live_run(engine, ask_page(&ask, "later", "X-Mock-Fail-First", "2:500"));
    CHECK_EQ(result->status, 200);
    CHECK_EQ(result->attempts, 3);
    CHECK(memmem(result->body.bytes, result->body.size, "\"page\"", 6) != NULL);
    CHECK_EQ(executions_of("later"), 3);
    live_set(&server, "header none");
    quoit_destroy(engine);
}

/* R27: without a wait that can be used it is the back-off's, at least 0.75 of 500 ms. */
static void test_a_wait_that_makes_no_sense_is_ignored(void)
{
    static const char *const waits[] = { "none", "-5",  "soon",
                                         "0",    "0.0", "Sun, 06 Nov 1994 08:49:37 GMT" };
    struct quoit_engine *engine = live_engine(NULL);
    struct ask asks[6 * COUNT_OF(servers)];
    uint64_t before_ns = quoit_now_ns();

    set_all("header none");
    for (size_t i = 0; i < 6 * servers_count; i++) {
        struct quoit_request *request =
            ask_page_of(servers[i / 6], &asks[i], waits[i % 6], "X-Mock-Fail-First", "1:500");
        asks[i].headers[2] = (struct quoit_header){ "X-Mock-Retry-After", waits[i % 6] };
        request->headers_count = 3;
        live_submit(engine, request);
    }
    for (size_t i = 0; i < 6 * servers_count; i++) {
        struct quoit_event event = live_next(engine);
        CHECK_EQ(event.result->status, 200);
        CHECK_EQ(event.result->attempts, 2);
        CHECK(event.result->times.sent_ns - before_ns >= 375 * LIVE_NS_PER_MS);
        CHECK(event.result->times.sent_ns - before_ns < 5 * LIVE_NS_PER_S);
    }
    quoit_destroy(engine);
}

/* R27: seconds, parts of one, milliseconds, a date; of two headers the first, and ms before s. */
static void test_a_wait_that_is_asked_for_is_kept(void)
{
    char date[60];
    time_t in_two = time(NULL) + 2;
    strftime(date, sizeof(date), "Retry-After: %a, %d %b %Y %H:%M:%S GMT", gmtime(&in_two));
    const struct {
        const char *first, *second; /* headers */
        uint64_t wait_ms;           /* at least */
    } waits[] = {
        { "Retry-After: 1.5", "X-Other: 1", 1500 },
        { "Retry-After: 1", "Retry-After: 119", 1000 },
        { "retry-after-ms: 1200", "Retry-After: 119", 1200 },
        { "Retry-After: 119", "retry-after-ms: 1300", 1300 },
        { date, "X-Other: 1", 900 }, /* it says whole seconds */
    };
    struct quoit_engine *engine = live_engine(NULL);
    struct ask asks[COUNT_OF(waits) * COUNT_OF(servers)];
    uint64_t before_ns = quoit_now_ns();

    set_all("header none");
    for (size_t i = 0; i < COUNT_OF(waits) * servers_count; i++) {
        size_t which = i % COUNT_OF(waits);
        struct quoit_request *request =
            ask_page_of(servers[i / COUNT_OF(waits)], &asks[i], waits[which].first,
                        "X-Mock-Fail-First", which % 2 == 0 ? "1:500" : "1:408");
        asks[i].headers[2] = (struct quoit_header){ "X-Mock-Header", waits[which].first };
        asks[i].headers[3] = (struct quoit_header){ "X-Mock-Header", waits[which].second };
        request->headers_count = 4;
        request->context = &asks[i];
        live_submit(engine, request);
    }
    for (size_t i = 0; i < COUNT_OF(waits) * servers_count; i++) {
        struct quoit_event event = live_next(engine);
        size_t index = (size_t)((struct ask *)event.context - asks);
        size_t which = index % COUNT_OF(waits);
        uint64_t waited_ns = event.result->times.sent_ns - before_ns;
        check_case(waits[which].first);
        CHECK_EQ(event.result->status, 200);
        CHECK_EQ(event.result->attempts, 2);
        CHECK(waited_ns >= waits[which].wait_ms * LIVE_NS_PER_MS);
        CHECK(waited_ns < 10 * LIVE_NS_PER_S);
        CHECK_EQ(live_tally(servers[index / COUNT_OF(waits)], "executions", waits[which].first), 2);
    }
    set_all("header none");
    quoit_destroy(engine);
}

/* R27 */
static void test_a_wait_that_is_too_long_is_final(void)
{
    static const char *const waits[] = { "121", "999999999", "1e18",
                                         "Fri, 31 Dec 9999 23:59:59 GMT" };
    static const char *const statuses[] = { "429", "503", "500" };
    struct quoit_engine *engine = live_engine(NULL);

    set_all("header none\nheader x-should-retry: true");
    for (size_t i = 0; i < 12 * servers_count; i++) {
        struct ask ask;
        struct quoit_request *request =
            ask_page_of(servers[i / 12], &ask, "long", "X-Mock-Status", statuses[i % 3]);
        ask.headers[2] = (struct quoit_header){ "X-Mock-Retry-After", waits[i % 12 / 3] };
        request->headers_count = 3;
        check_case(waits[i % 12 / 3]);
        const struct quoit_result *result = live_run(engine, request);
        CHECK_EQ(result->status, strtoul(statuses[i % 3], NULL, 10));
        CHECK_EQ(result->attempts, 1);
    }
    CHECK_EQ(live_stats(engine).paced, 0);
    set_all("header none");
    quoit_destroy(engine);
}

/* -------- the server's pace -------- */

static void test_a_429_and_a_503_with_a_wait_spend_no_retry(void)
{
    static const char *const settings[] = {
        "header none\nstatus-first 6:429\nheader retry-after-ms: 20",
        "header none\nstatus-first 6:503\nheader retry-after-ms: 20",
    };

    for (size_t i = 0; i < 2; i++) {
        struct quoit_engine *engine = live_engine(NULL);
        struct ask ask;
        struct quoit_request *request = ask_page(&ask, "paced", NULL, NULL);
        request->retries = QUOIT_NONE;
        live_set(&server, settings[i]);
        uint64_t before_ns = quoit_now_ns();
        const struct quoit_result *result = live_run(engine, request);
        CHECK_EQ(result->status, 200);
        CHECK_EQ(result->attempts, 7);
        CHECK(quoit_now_ns() - before_ns >= 120 * LIVE_NS_PER_MS);
        CHECK_EQ(live_stats(engine).paced, 6);
        CHECK_EQ(live_stats(engine).retries, 0);
        CHECK_EQ(live_stats(engine).outages, 0);
        CHECK_EQ(executions_of("paced"), 7);
        quoit_destroy(engine);
    }
    live_set(&server, "header none\nstatus-first 0:429");
}

static void test_the_origin_rests_for_as_long_as_it_asks(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct ask asks[10];

    live_set(&server, "status-first 1:429\nretry-after 1");
    live_submit(engine, ask_page(&asks[0], "first", NULL, NULL));
    while (live_stats(engine).paced == 0) {
        quoit_turn(engine, LIVE_NS_PER_MS);
    }
    uint64_t before_ns = quoit_now_ns();
    for (int i = 1; i < 10; i++) {
        live_submit(engine, ask_page(&asks[i], "other", NULL, NULL));
    }
    for (int i = 0; i < 10; i++) {
        struct quoit_event event = live_next(engine);
        CHECK_EQ(event.result->status, 200);
        CHECK(event.result->times.sent_ns - before_ns >= 900 * LIVE_NS_PER_MS);
        CHECK(event.result->times.sent_ns - before_ns < 10 * LIVE_NS_PER_S);
    }
    CHECK_EQ(executions_of("first"), 2);
    CHECK_EQ(executions_of("other"), 9);
    live_set(&server, "status-first 0:429\nretry-after none");
    quoit_destroy(engine);
}

/* All that were in flight are told the same: that is one request for a slower pace, not sixteen. */
static void test_a_burst_of_429_is_one_wait(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 16 });
    struct ask asks[16];

    live_set(&server, "header none\nstatus-first 16:429\nlatency 30ms");
    uint64_t before_ns = quoit_now_ns();
    for (int i = 0; i < 16; i++) {
        live_submit(engine, ask_page(&asks[i], "burst", NULL, NULL));
    }
    for (int i = 0; i < 16; i++) {
        struct quoit_event event = live_next(engine);
        CHECK_EQ(event.result->status, 200);
        CHECK_EQ(event.result->attempts, 2);
        CHECK(event.result->times.sent_ns - before_ns >= 900 * LIVE_NS_PER_MS);
        CHECK(event.result->times.sent_ns - before_ns < 1900 * LIVE_NS_PER_MS);
    }
    CHECK_EQ(executions_of("burst"), 32);
    live_set(&server, "status-first 0:429\nlatency 0");
    quoit_destroy(engine);
}

/* -------- lost connections -------- */

/* A kept connection that dies under the request: R02. */
static void test_a_request_on_a_dead_kept_connection_is_sent_once_more(void)
{
    static const char *const faults[] = { "close-before", "reset" };

    for (int i = 0; i < 4; i++) {
        struct quoit_engine *engine = live_engine(NULL);
        struct ask ask;
        CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
        quoit_turn(engine, 0);
        struct quoit_request *request = ask_page(&ask, "resent", "X-Mock-Fault", faults[i % 2]);
        ask.headers[2] = (struct quoit_header){ "X-Mock-Fault-When", "reused" };
        request->headers_count = 3;
        request->retries = QUOIT_NONE;
        request->method = i < 2 ? "GET" : "POST";
        request->replay = i < 2 ? QUOIT_REPLAY_METHOD : QUOIT_REPLAY_YES;
        live_set(&server, "");
        const struct quoit_result *result = live_run(engine, request);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, 200);
        CHECK_EQ(result->attempts, 2);
        CHECK(!result->reused);
        CHECK_EQ(live_stats(engine).resent, 1);
        CHECK_EQ(live_stats(engine).retries, 0);
        CHECK_EQ(executions_of("resent"), 2);
        quoit_destroy(engine);
    }
}

static void test_a_post_is_not_sent_twice_unless_it_says_so(void)
{
    static const char *const faults[] = { "close-before", "reset", "close-mid-head",
                                          "close-mid-body" };

    for (int i = 0; i < 8; i++) {
        struct quoit_engine *engine = live_engine(NULL);
        struct ask ask;
        bool kept = i >= 4;
        if (kept) {
            CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
            quoit_turn(engine, 0);
        }
        struct quoit_request *request = ask_page(&ask, "post", "X-Mock-Fault", faults[i % 4]);
        request->method = "POST";
        request->retries = 3;
        live_set(&server, "");
        const struct quoit_result *result = live_run(engine, request);
        check_case(faults[i % 4]);
        CHECK_EQ(result->error, i % 4 < 2 ? QUOIT_E_RESET : QUOIT_E_INCOMPLETE);
        CHECK_EQ(result->attempts, 1);
        CHECK_EQ(result->reused, kept);
        CHECK(result->maybe_billed);
        CHECK_EQ(executions_of("post"), 1);
        CHECK_EQ(live_stats(engine).resent + live_stats(engine).retries, 0);
        quoit_destroy(engine);
    }
}

static void test_a_lost_answer_is_fetched_again_within_the_retries(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct ask ask;
    struct quoit_request *request = ask_page(&ask, "lost", "X-Mock-Fault", "close-mid-body");

    ask.headers[2] = (struct quoit_header){ "X-Mock-Fault-When", "first" };
    request->headers_count = 3;
    live_set(&server, "");
    const struct quoit_result *result = live_run(engine, request);
    CHECK_EQ(result->status, 200);
    CHECK_EQ(result->attempts, 2);
    CHECK(result->maybe_billed); /* the first was, perhaps */
    CHECK_EQ(executions_of("lost"), 2);
    quoit_destroy(engine);
}

static void test_nobody_there_is_said_so(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    char url[60];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", live_free_port());
    struct quoit_request request = { .url = url, .method = "POST", .retries = 1 };
    const struct quoit_result *result = live_run(engine, &request);
    CHECK_EQ(result->error, QUOIT_E_CONNECT);
    CHECK_EQ(result->os_error, ECONNREFUSED);
    CHECK_EQ(result->attempts, 0); /* nothing was sent */
    CHECK(!result->maybe_billed);
    CHECK_EQ(live_stats(engine).retries, 1);
    quoit_destroy(engine);
}

/* -------- the caller's word -------- */

static void test_a_judged_answer_is_tried_again_only_when_the_caller_says_so(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct ask ask;
    struct quoit_request *request = ask_page(&ask, "judged", "X-Mock-Status", "500");

    live_set(&server, "header none");
    request->judge = true;
    request->method = "POST"; /* to ask for it is to say that it may be sent twice */
    uint64_t id = live_submit(engine, request);
    CHECK_EQ(quoit_again(engine, id, QUOIT_OK, 1), QUOIT_E_STALE);
    for (uint32_t attempt = 1; attempt <= 3; attempt++) {
        struct quoit_event event = live_next(engine);
        CHECK(event.id == id);
        CHECK_EQ(event.result->status, 500);
        CHECK_EQ(event.result->attempts, attempt);
        CHECK_EQ(executions_of("judged"), attempt);
        enum quoit_error wanted = attempt < 3 ? QUOIT_OK : QUOIT_E_FINAL;
        CHECK_EQ(quoit_again(engine, id, QUOIT_OK, LIVE_NS_PER_MS), wanted);
        CHECK(event.result->body.size > 0 && event.result->body.bytes[0] == '{');
        if (attempt < 3) {
            CHECK_EQ(quoit_again(engine, id, QUOIT_OK, 1), QUOIT_E_STALE);
            CHECK_EQ(quoit_keep(engine, id), QUOIT_E_STALE);
        }
    }
    quoit_turn(engine, 0);
    CHECK_EQ(quoit_cancel(engine, id), QUOIT_E_STALE);
    quoit_destroy(engine);
}

static void test_again_for_a_good_answer_that_is_none(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct ask ask;
    struct quoit_request *request = ask_page(&ask, "good", NULL, NULL);

    live_set(&server, "");
    request->judge = true;
    request->retries = 1;
    uint64_t before_ns = quoit_now_ns();
    uint64_t id = live_submit(engine, request);
    CHECK_EQ(live_next(engine).result->status, 200);
    CHECK_EQ(quoit_again(engine, id, QUOIT_E_INCOMPLETE, 0), QUOIT_OK); /* the policy's wait */
    struct quoit_event event = live_next(engine);
    CHECK(event.id == id);
    CHECK_EQ(event.result->attempts, 2);
    CHECK(event.result->times.sent_ns - before_ns >= 375 * LIVE_NS_PER_MS);
    CHECK_EQ(quoit_again(engine, id, QUOIT_E_INCOMPLETE, 0), QUOIT_E_FINAL);
    quoit_destroy(engine);
}

static void test_again_after_the_servers_pace_spends_no_retry(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct ask ask;
    struct quoit_request *request = ask_page(&ask, "pace", "X-Mock-Status", "429");

    live_set(&server, "");
    request->judge = true;
    request->retries = QUOIT_NONE;
    uint64_t id = live_submit(engine, request);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(live_next(engine).result->status, 429);
        CHECK_EQ(quoit_again(engine, id, QUOIT_OK, 2 * LIVE_NS_PER_MS), QUOIT_OK);
    }
    CHECK_EQ(live_next(engine).result->attempts, 6);
    CHECK_EQ(live_stats(engine).paced, 5);
    quoit_destroy(engine);
}

/* R02: the free resend is the engine's to make, not the caller's to ask for. */
static void test_again_gives_no_retry_where_none_is_left(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct ask ask;
    struct quoit_request *request = ask_page(&ask, "none", "X-Mock-Fault", "reset");

    live_set(&server, "");
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    quoit_turn(engine, 0);
    request->method = "POST";
    request->retries = QUOIT_NONE;
    uint64_t id = live_submit(engine, request);
    struct quoit_event event = live_next(engine);
    CHECK_EQ(event.result->error, QUOIT_E_RESET);
    CHECK(event.result->reused);
    CHECK_EQ(quoit_again(engine, id, QUOIT_OK, 0), QUOIT_E_FINAL);
    CHECK_EQ(quoit_again(engine, id, QUOIT_E_INCOMPLETE, 1), QUOIT_E_FINAL);
    quoit_turn(engine, 0);
    CHECK_EQ(executions_of("none"), 1);
    CHECK_EQ(live_stats(engine).failed, 1);
    quoit_destroy(engine);
}

static void test_a_request_that_goes_again_is_counted_once(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct ask ask;
    struct quoit_request *request = ask_page(&ask, "once", NULL, NULL);

    live_set(&server, "");
    request->judge = true;
    for (int i = 0; i < 2; i++) {
        uint64_t id = live_submit(engine, request);
        CHECK_EQ(live_next(engine).result->status, 200);
        CHECK_EQ(quoit_again(engine, id, QUOIT_E_INCOMPLETE, 1), QUOIT_OK);
        CHECK_EQ(live_stats(engine).succeeded, 0);
        if (i == 1) {
            CHECK_EQ(quoit_cancel(engine, id), QUOIT_OK);
        }
        CHECK_EQ(live_next(engine).result->error, i == 0 ? QUOIT_OK : QUOIT_E_CANCELLED);
        struct quoit_stats stats = live_stats(engine);
        CHECK_EQ(stats.submitted, 1);
        CHECK_EQ(stats.succeeded, i == 0);
        CHECK_EQ(stats.cancelled, i == 1);
        CHECK_EQ(stats.failed, 0);
        quoit_destroy(engine);
        engine = live_engine(NULL);
    }
    quoit_destroy(engine);
}

static void test_again_is_final_past_the_deadline_and_after_long_waits(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct ask ask;
    struct quoit_request *request = ask_page(&ask, "final", "X-Mock-Status", "503");

    live_set(&server, "");
    request->judge = true;
    request->timeouts.deadline_ns = 10 * LIVE_NS_PER_S;
    uint64_t id = live_submit(engine, request);
    CHECK_EQ(live_next(engine).result->status, 503);
    CHECK_EQ(quoit_again(engine, id, QUOIT_OK, 11 * LIVE_NS_PER_S), QUOIT_E_FINAL);
    quoit_turn(engine, 0);
    ask.headers[2] = (struct quoit_header){ "X-Mock-Retry-After", "121" };
    request->headers_count = 3;
    request->timeouts.deadline_ns = 0;
    id = live_submit(engine, request);
    CHECK_EQ(live_next(engine).result->status, 503);
    CHECK_EQ(quoit_again(engine, id, QUOIT_OK, 1), QUOIT_E_FINAL);
    quoit_destroy(engine);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    servers_count = 1;
    if (certificates_make()) {
        secure = live_start((const char *[]){ "--tls-cert", certificate("server.pem"), "--tls-key",
                                              certificate("server.key"), NULL });
        const struct quoit_tls_options trust = { .ca_file = certificate("authority.pem") };
        CHECK_EQ(quoit_tls_create(&trust, &identity), QUOIT_OK);
        servers_count = 2;
    } else {
        printf("no openssl(1), so nothing over TLS\n");
    }
    RUN(test_the_status_decides);
    RUN(test_the_answer_of_a_later_attempt_is_the_result);
    RUN(test_a_wait_that_makes_no_sense_is_ignored);
    RUN(test_a_wait_that_is_asked_for_is_kept);
    RUN(test_a_wait_that_is_too_long_is_final);
    RUN(test_a_429_and_a_503_with_a_wait_spend_no_retry);
    RUN(test_the_origin_rests_for_as_long_as_it_asks);
    RUN(test_a_burst_of_429_is_one_wait);
    RUN(test_a_request_on_a_dead_kept_connection_is_sent_once_more);
    RUN(test_a_post_is_not_sent_twice_unless_it_says_so);
    RUN(test_a_lost_answer_is_fetched_again_within_the_retries);
    RUN(test_nobody_there_is_said_so);
    RUN(test_a_judged_answer_is_tried_again_only_when_the_caller_says_so);
    RUN(test_again_for_a_good_answer_that_is_none);
    RUN(test_again_after_the_servers_pace_spends_no_retry);
    RUN(test_again_gives_no_retry_where_none_is_left);
    RUN(test_a_request_that_goes_again_is_counted_once);
    RUN(test_again_is_final_past_the_deadline_and_after_long_waits);
    live_stop(&server);
    live_stop(&secure);
    quoit_tls_destroy(identity);
    return check_done();
}
