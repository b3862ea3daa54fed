/*
 * cancel_test: a request is given up in each state that it can be in, plain and over TLS, once and
 * twice, alone and with all others (R17). Each time there is one END, and then the kernel holds
 * nothing of it: its body is freed at once, the connection is gone from the server, the descriptors
 * are as before.
 */
#include "engine/engine.h"
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define BODY_SIZE ((size_t)8 << 20)

static struct live_server server, silent, deaf, no_accept;
static struct live_server secure; /* TLS; port 0: there is no openssl(1) to make it */
static struct quoit_tls *identity;
static const struct live_server *talked_to = &server; /* or &secure */

/* Turn until the request is where it shall be cancelled. */
typedef bool arrived_function(const struct quoit_engine *engine);

static bool is_queued(const struct quoit_engine *engine)
{
    return live_stats(engine).queued == 1;
}

static bool is_waiting(const struct quoit_engine *engine)
{
    return live_stats(engine).waiting == 1;
}

static bool is_in_flight(const struct quoit_engine *engine)
{
    return live_stats(engine).in_flight == 1;
}

static bool is_at_the_server(const struct quoit_engine *engine)
{
    return is_in_flight(engine) && live_number(talked_to, "requests") == 1;
}

/* Connections that those two have seen before: they do not notice when one is gone. */
static uint64_t deaf_before, silent_before;

static bool is_at_the_deaf(const struct quoit_engine *engine)
{
    return is_in_flight(engine) && live_number(&deaf, "connections_opened") > deaf_before;
}

/* The handshake's first bytes are there. */
static bool is_at_the_silent(const struct quoit_engine *engine)
{
    return is_in_flight(engine) && live_number(&silent, "connections_opened") > silent_before;
}

struct cancel_case {
    const char *name;
    const struct live_server *where;
    arrived_function *arrived;
    const char *header, *value; /* of the request; NULL: none */
    const char *url;            /* in place of that of `where` */
    struct quoit_request request;
    uint32_t attempts;
    uint32_t status; /* of the part that came */
    bool billed;
};

static const struct cancel_case cases[] = {
    { .name = "before any turn", .where = &server, .arrived = is_queued },
    { .name = "before its instant",
      .where = &server,
      .arrived = is_waiting,
      .request = { .start_ns = UINT64_MAX / 2 } },
    { .name = "resolving", .arrived = is_in_flight, .url = "http://localhost:1/" },
    { .name = "connecting", .where = &no_accept, .arrived = is_in_flight },
    { .name = "handshake", .where = &silent, .arrived = is_at_the_silent },
    { .name = "writing",
      .where = &deaf,
      .arrived = is_at_the_deaf,
      .request = { .method = "PUT" },
      .attempts = 1 },
    { .name = "no first byte",
      .where = &server,
      .arrived = is_at_the_server,
      .header = "X-Mock-Fault",
      .value = "stall-before",
      .attempts = 1,
      .billed = true },
    { .name = "in the head",
      .where = &server,
      .arrived = is_at_the_server,
      .header = "X-Mock-Fault",
      .value = "stall-head",
      .attempts = 1,
      .billed = true },
    { .name = "in the body",
      .where = &server,
      .arrived = is_at_the_server,
      .header = "X-Mock-Fault",
      .value = "stall-mid-body:10",
      .attempts = 1,
      .status = 200,
      .billed = true },
    { .name = "between retries",
      .where = &server,
      .arrived = is_waiting,
      .header = "X-Mock-Status",
      .value = "500",
      .attempts = 1 },
    { .name = "paced", /* R27: cancellable at once */
      .where = &server,
      .arrived = is_waiting,
      .header = "X-Mock-Status",
      .value = "429",
      .attempts = 1 },
};

/* Its END comes, once. The body is freed at once, since the kernel holds nothing of it. */
static void check_end(struct quoit_engine *engine, uint64_t id, const struct cancel_case *the,
                      char *body)
{
    struct quoit_event event = live_next(engine);

    free(body);
    CHECK(event.id == id);
    CHECK_EQ(event.kind, QUOIT_END);
    CHECK_EQ(event.result->error, QUOIT_E_CANCELLED);
    CHECK_EQ(event.result->attempts, the->attempts);
    CHECK(event.result->detail != NULL);
    CHECK(event.result->status == the->status || the->status == 200);
    CHECK_EQ(event.result->maybe_billed, the->billed);
    CHECK_EQ(quoit_cancel(engine, id), QUOIT_E_STALE);
    CHECK_EQ(quoit_again(engine, id, QUOIT_OK, 1), QUOIT_E_FINAL);
    quoit_turn(engine, 0);
    CHECK_EQ(quoit_again(engine, id, QUOIT_OK, 1), QUOIT_E_STALE);
    CHECK_EQ(quoit_next(engine, &event, 1), 0);
    CHECK_EQ(live_stats(engine).cancelled, 1);
    CHECK_EQ(live_stats(engine).in_flight, 0);
}

enum cancel_how { CANCEL_ONCE, CANCEL_TWICE, CANCEL_TWICE_IN_TWO_TURNS, CANCEL_ALL, CANCEL_HOWS };

static void cancel_case_run(const struct cancel_case *the, enum cancel_how how)
{
    const struct live_server *where = the->where == &server ? talked_to : the->where;
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_header header = { the->header, the->value };
    struct quoit_request request = the->request;
    char *body = NULL;

    live_set(talked_to, "retry-after 60");
    deaf_before = live_number(&deaf, "connections_opened");
    silent_before = live_number(&silent, "connections_opened");
    request.url = the->url == NULL ? live_url(where, "/page") : the->url;
    request.tls = identity;
    request.headers = &header;
    request.headers_count = the->header != NULL;
    if (the->where == &deaf) {
        body = calloc(1, BODY_SIZE);
        request.body = (struct quoit_span){ body, BODY_SIZE };
    }
    uint64_t id = live_submit(engine, &request);
    while (!the->arrived(engine)) {
        quoit_turn(engine, LIVE_NS_PER_MS);
    }
    uint64_t before_ns = quoit_now_ns();
    if (how == CANCEL_ALL) {
        quoit_cancel_all(engine);
        quoit_cancel_all(engine);
    } else {
        CHECK_EQ(quoit_cancel(engine, id), QUOIT_OK);
    }
    if (how == CANCEL_TWICE_IN_TWO_TURNS) {
        quoit_turn(engine, 0);
    }
    if (how != CANCEL_ONCE) {
        CHECK_EQ(quoit_cancel(engine, id), QUOIT_OK);
    }
    check_end(engine, id, the, body);
    CHECK(quoit_now_ns() - before_ns < 2 * LIVE_NS_PER_S);
    /* Only a connection whose answer was whole stays. */
    bool stays = the->arrived == is_waiting && the->header != NULL;
    live_await_number(talked_to, "connections_open", stays);
    CHECK_EQ(live_number(talked_to, "requests"), the->where == &server ? the->attempts : 0);
    quoit_destroy(engine);
}

static void cancel_cases_run(void)
{
    unsigned before = live_descriptors();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(cases[i].name);
        for (enum cancel_how how = CANCEL_ONCE; how < CANCEL_HOWS; how++) {
            cancel_case_run(&cases[i], how);
        }
    }
    check_case("");
    CHECK_EQ(live_descriptors(), before);
}

/* R17 */
static void test_each_state_can_be_cancelled(void)
{
    cancel_cases_run();
}

/* R17 */
static void test_each_state_can_be_cancelled_over_tls_too(void)
{
    if (secure.port == 0) {
        printf("skipped: no openssl(1), so nothing over TLS\n");
        return;
    }
    talked_to = &secure;
    cancel_cases_run();
    talked_to = &server;
}

/* R17: nothing is heard of the server: one is the probe, the others wait for what it says. */
static void test_an_outage_is_not_waited_for_by_the_cancelled(void)
{
    struct quoit_engine *engine = live_engine(
        &(struct quoit_options){ .in_flight_max = 8, .outage_wait_ns = 300 * LIVE_NS_PER_S });
    uint64_t ids[20];
    char url[60];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", live_free_port());
    for (int i = 0; i < 20; i++) {
        ids[i] = live_submit(engine, &(struct quoit_request){ .url = url });
    }
    while (live_stats(engine).outages == 0) {
        quoit_turn(engine, LIVE_NS_PER_MS);
    }
    CHECK_EQ(live_stats(engine).done, 0);
    uint64_t before_ns = quoit_now_ns();
    CHECK_EQ(quoit_cancel(engine, ids[19]), QUOIT_OK);
    CHECK_EQ(quoit_cancel(engine, ids[19]), QUOIT_OK);
    struct quoit_event event = live_next(engine);
    CHECK(event.id == ids[19]);
    CHECK_EQ(event.result->error, QUOIT_E_CANCELLED);
    quoit_cancel_all(engine);
    for (int i = 0; i < 19; i++) {
        event = live_next(engine);
        CHECK_EQ(event.result->error, QUOIT_E_CANCELLED);
        CHECK(event.id != ids[19]);
    }
    CHECK(quoit_now_ns() - before_ns < 2 * LIVE_NS_PER_S);
    quoit_turn(engine, 0);
    CHECK_EQ(quoit_next(engine, &event, 1), 0);
    CHECK_EQ(live_stats(engine).cancelled, 20);
    CHECK_EQ(live_stats(engine).queued + live_stats(engine).waiting, 0);
    quoit_destroy(engine);
}

static void test_a_stream_in_a_stalled_body_is_cancelled(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_header header = { "X-Mock-Fault", "stall-mid-body:10" };
    struct quoit_request request = { .url = live_url(&server, "/page"),
                                     .headers = &header,
                                     .headers_count = 1,
                                     .stream = QUOIT_PIECES };
    struct quoit_event event;

    for (int paused = 0; paused < 2; paused++) {
        uint64_t id = live_submit(engine, &request);
        event = live_next(engine);
        CHECK_EQ(event.kind, QUOIT_HEAD);
        event = live_next(engine);
        CHECK_EQ(event.kind, QUOIT_PIECE);
        CHECK_EQ(event.bytes.size, 10);
        CHECK_EQ(quoit_pause(engine, id, paused), QUOIT_OK);
        CHECK_EQ(quoit_cancel(engine, id), QUOIT_OK);
        CHECK_MEM(event.bytes.bytes, event.bytes.size, "{\"mock\":\"p", 10);
        event = live_next(engine);
        CHECK_EQ(event.kind, QUOIT_END);
        CHECK_EQ(event.result->error, QUOIT_E_CANCELLED);
        CHECK_EQ(event.result->status, 200);
        CHECK_EQ(quoit_pause(engine, id, false), QUOIT_E_STALE);
    }
    live_await_number(&server, "connections_open", 0);
    quoit_destroy(engine);
}

static void test_the_answer_that_was_there_first_stays(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    uint64_t id = live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });

    while (quoit_turn(engine, LIVE_NS_PER_S) == 0) {
    }
    CHECK_EQ(quoit_cancel(engine, id), QUOIT_OK);
    quoit_cancel_all(engine);
    struct quoit_event event = live_next(engine);
    CHECK_EQ(event.result->error, QUOIT_OK);
    CHECK_EQ(event.result->status, 200);
    CHECK_EQ(live_stats(engine).cancelled, 0);
    CHECK_EQ(quoit_again(engine, id, QUOIT_OK, 1), QUOIT_E_FINAL); /* it was cancelled */
    quoit_destroy(engine);
}

/* Its connection has failed, and the kernel has yet to let go of it. */
static bool is_closing(const struct quoit_engine *engine)
{
    bool closing = false;

    for (uint32_t i = 0; i < engine->conns_max; i++) {
        closing |= engine->conns[i].state == CONN_CLOSING;
    }
    return closing;
}

static void test_a_cancel_that_meets_a_failure_is_a_cancel_and_no_retry(void)
{
    static const char *const faults[] = { "reset", "close-before" };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        const struct quoit_header header = { "X-Mock-Fault", faults[i] };
        live_set(&server, "");
        uint64_t id = live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/"),
                                                                   .headers = &header,
                                                                   .headers_count = 1 });
        while (!is_closing(engine)) {
            quoit_turn(engine, 0);
        }
        CHECK_EQ(live_stats(engine).in_flight, 1);
        CHECK_EQ(quoit_cancel(engine, id), QUOIT_OK);
        struct quoit_event event = live_next(engine);
        CHECK_EQ(event.kind, QUOIT_END);
        CHECK_EQ(event.result->error, QUOIT_E_CANCELLED);
        CHECK_EQ(event.result->attempts, 1);
        CHECK_EQ(live_stats(engine).cancelled, 1);
        CHECK_EQ(live_stats(engine).retries, 0);
        CHECK_EQ(live_number(&server, "requests"), 1);
        quoit_destroy(engine);
    }
}

static void test_cancel_all_is_cancel_for_each(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    uint64_t id = live_submit(
        engine, &(struct quoit_request){ .url = live_url(&server, "/page"), .judge = true });

    while (quoit_turn(engine, LIVE_NS_PER_S) == 0) {
    }
    quoit_cancel_all(engine); /* its END has not been handed out */
    CHECK_EQ(live_next(engine).result->status, 200);
    CHECK_EQ(quoit_again(engine, id, QUOIT_E_INCOMPLETE, 1), QUOIT_E_FINAL);
    quoit_destroy(engine);
}

static void test_what_is_queued_behind_the_cancelled_goes_on(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 1 });
    const struct quoit_header header = { "X-Mock-Fault", "stall-before" };
    uint64_t stalled = live_submit(
        engine, &(struct quoit_request){
                    .url = live_url(&server, "/page"), .headers = &header, .headers_count = 1 });
    uint64_t queued =
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/a") });
    uint64_t last = live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/b") });

    live_turn_until_in_flight(engine, 1);
    CHECK_EQ(quoit_cancel(engine, queued), QUOIT_OK);
    struct quoit_event event = live_next(engine);
    CHECK(event.id == queued);
    CHECK_EQ(event.result->attempts, 0);
    CHECK_EQ(quoit_cancel(engine, stalled), QUOIT_OK);
    event = live_next(engine);
    CHECK(event.id == stalled);
    event = live_next(engine);
    CHECK(event.id == last);
    CHECK_EQ(event.result->status, 200);
    quoit_destroy(engine);
}

static void test_a_thousand_are_cancelled_at_once(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 300 });
    const struct quoit_header header = { "X-Mock-Fault", "stall-before" };
    uint32_t cancelled = 0;

    live_set(&server, "");
    for (int i = 0; i < 1000; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                     .headers = &header,
                                                     .headers_count = 1 });
    }
    while (live_number(&server, "in_flight") < 300) {
        quoit_turn(engine, 10 * LIVE_NS_PER_MS);
    }
    uint64_t before_ns = quoit_now_ns();
    quoit_cancel_all(engine);
    for (int i = 0; i < 1000; i++) {
        struct quoit_event event = live_next(engine);
        cancelled += event.result->error == QUOIT_E_CANCELLED;
    }
    CHECK_EQ(cancelled, 1000);
    CHECK(quoit_now_ns() - before_ns < 5 * LIVE_NS_PER_S);
    CHECK_EQ(live_number(&server, "in_flight_max"), 300);
    live_await_number(&server, "connections_open", 0);
    live_set(&server, "");
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    quoit_destroy(engine);
}

/* Cancelled at whatever moment of a short exchange: one END each, and nothing is left. */
static void test_the_moment_does_not_matter(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    unsigned ends[2] = { 0 };

    live_set(&server, "");
    for (uint64_t i = 0; i < 400; i++) {
        uint64_t id =
            live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                         .retries = QUOIT_NONE });
        uint64_t end_ns = quoit_now_ns() + i * 1000;
        while (quoit_now_ns() < end_ns) {
            quoit_turn(engine, 0);
        }
        quoit_cancel(engine, id);
        struct quoit_event event = live_next(engine);
        CHECK(event.id == id);
        CHECK(event.result->error == QUOIT_OK || event.result->error == QUOIT_E_CANCELLED);
        CHECK(event.result->error != QUOIT_OK || event.result->body.size == 56);
        ends[event.result->error == QUOIT_OK]++;
    }
    CHECK_EQ(ends[0] + ends[1], 400);
    quoit_destroy(engine);
    live_await_number(&server, "connections_open", 0);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    silent = live_start((const char *[]){ "--mode", "silent", NULL });
    snprintf(silent.url, sizeof(silent.url), "https://127.0.0.1:%u", silent.port);
    deaf = live_start((const char *[]){ "--mode", "deaf", NULL });
    no_accept = live_start((const char *[]){ "--mode", "no-accept", NULL });
    if (certificates_make()) {
        secure = live_start((const char *[]){ "--tls-cert", certificate("server.pem"), "--tls-key",
                                              certificate("server.key"), NULL });
        const struct quoit_tls_options trust = { .ca_file = certificate("authority.pem") };
        CHECK_EQ(quoit_tls_create(&trust, &identity), QUOIT_OK);
    }
    RUN(test_each_state_can_be_cancelled);
    RUN(test_each_state_can_be_cancelled_over_tls_too);
    RUN(test_an_outage_is_not_waited_for_by_the_cancelled);
    RUN(test_a_stream_in_a_stalled_body_is_cancelled);
    RUN(test_the_answer_that_was_there_first_stays);
    RUN(test_a_cancel_that_meets_a_failure_is_a_cancel_and_no_retry);
    RUN(test_cancel_all_is_cancel_for_each);
    RUN(test_what_is_queued_behind_the_cancelled_goes_on);
    RUN(test_a_thousand_are_cancelled_at_once);
    RUN(test_the_moment_does_not_matter);
    live_stop(&server);
    live_stop(&silent);
    live_stop(&deaf);
    live_stop(&no_accept);
    live_stop(&secure);
    quoit_tls_destroy(identity);
    return check_done();
}
