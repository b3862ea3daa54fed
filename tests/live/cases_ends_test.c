/*
 * cases_ends_test: how connections end, and what follows: R01 (a second answer), R02 (the end just
 * as the next request is written), R03 (the end in an answer, or before one to a POST), R04 (cut
 * short), R05 (the end behind a whole answer), R30 (an answer before the body was read). Live,
 * plain and TLS; R04 and R05 in each mode of cases.h.
 */
#include "engine/engine.h"
#include "tests/live/cases.h"

#include <poll.h>

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"
#define GOOD "send \"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nfirst"
#define OTHERS "connection *:\nloop\nread-request\nanswer\nend\n"

static const struct live_server *const servers[] = { &cases_plain, &cases_secure };

static struct quoit_engine *ends_engine(void)
{
    return live_engine(&(struct quoit_options){ .tls = cases_tls });
}

/* An answer of 200 with that body. */
static void check_good(const struct quoit_result *result, const char *body)
{
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_EQ(result->status, 200);
    CHECK_MEM(result->body.bytes, result->body.size, body, strlen(body));
}

static void check_request(const struct live_server *server, uint32_t number, const char *target,
                          uint64_t connection)
{
    struct raw_request request = raw_request(server, number);

    CHECK_LEDGER_STR(request.target, target);
    CHECK_LEDGER_EQ(request.connection, connection);
}

/* -------- R01 -------- */

/* a: in the same segment. What is nobody's answer is given to nobody. */
static void test_r01_a_second_answer_in_the_same_segment_is_nobodys(void)
{
    static const struct cases_row rows[] = {
        { .name = "R01 an answer and a full second one",
          CASES_BYTES(OK_LINE "Content-Length: 5\r\n\r\nfirst" OK_LINE
                              "Content-Length: 6\r\n\r\nsecond") },
        { .name = "R01 chunks and a second answer",
          CASES_BYTES(CHUNKED "5\r\nfirst\r\n0\r\n\r\n" OK_LINE "Content-Length: 0\r\n\r\n") },
        { .name = "R01 half of a second one",
          CASES_BYTES(OK_LINE "Content-Length: 5\r\n\r\nfirst"
                              "HTTP/1.1 2") },
        { .name = "R01 a single byte", CASES_BYTES(OK_LINE "Content-Length: 5\r\n\r\nfirstX") },
        { .name = "R01 an empty line", CASES_BYTES(OK_LINE "Content-Length: 5\r\n\r\nfirst\r\n") },
        { .name = "R01 an interim response",
          CASES_BYTES(OK_LINE "Content-Length: 5\r\n\r\nfirstHTTP/1.1 100 C\r\n\r\n") },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct cases_row row = rows[i];
        row.status = 200;
        row.body = "first";
        row.at_once = row.closes = true;
        cases_check(&row);
    }
}

/* b: later, on the idle connection. */
static void test_r01_a_second_answer_on_an_idle_connection_ends_it(void)
{
    static const char *const seconds[] = {
        "send \"HTTP/1.1 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nsecond\"",
        "send \"HTTP/1.1 408 L\\r\\nContent-Length: 0\\r\\n\\r\\n\"\nclose",
        "send \"H\"",
        "send \"\\r\\n\"",
    };

    for (size_t i = 0; i < 2 * COUNT_OF(seconds); i++) {
        const struct live_server *server = servers[i % 2];
        struct quoit_engine *engine = ends_engine();
        struct raw_text script = { 0 };
        check_case(seconds[i / 2]);
        raw_add(&script, "connection 1:\nread-request\n" GOOD "\"\npause\nsleep 50\n%s\n" OTHERS,
                seconds[i / 2]);
        raw_play(server, &script);
        check_good(live_get(engine, live_url(server, "/one")), "first");
        quoit_turn(engine, 0);
        raw_go(server);
        while (live_number(server, "connections_open") > 0) {
            quoit_turn(engine, 10 * LIVE_NS_PER_MS);
        }
        check_good(live_get(engine, live_url(server, "/two")), "/two");
        CHECK_EQ(live_stats(engine).resent, 0);
        CHECK_LEDGER_EQ(live_number(server, "requests"), 2);
        check_request(server, 1, "/one", 1);
        check_request(server, 2, "/two", 2);
        CHECK_LEDGER_EQ(raw_connection(server, 1).bytes_after, 0);
        quoit_destroy(engine);
    }
}

/*
 * The caller is away: wait until something has come to the connection that is kept, without a turn,
 * so that the library cannot know of it.
 */
static void stay_away(struct quoit_engine *engine)
{
    for (uint32_t i = 0; i < engine->conns_max; i++) {
        struct pollfd kept = { .fd = engine->conns[i].fd, .events = POLLIN };
        if (engine->conns[i].state == CONN_IDLE && poll(&kept, 1, LIVE_WAIT_MS) != 1) {
            live_give_up("something that comes to an idle connection");
        }
    }
}

static void test_r01_what_came_while_the_caller_was_away_is_nobodys(void)
{
    static const char *const seconds[] = {
        "send \"HTTP/1.1 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nsecond\"",
        "send \"HTTP/1.1 408 L\\r\\nContent-Length: 0\\r\\n\\r\\n\"\nclose",
        "send \"H\"",
        "close",
        "rst",
    };

    for (size_t i = 0; i < 2 * COUNT_OF(seconds); i++) {
        const struct live_server *server = servers[i % 2];
        struct quoit_engine *engine = ends_engine();
        struct raw_text script = { 0 };
        check_case(seconds[i / 2]);
        raw_add(&script, "connection 1:\nread-request\n" GOOD "\"\npause\n%s\n" OTHERS,
                seconds[i / 2]);
        raw_play(server, &script);
        check_good(live_get(engine, live_url(server, "/one")), "first");
        while (live_stats(engine).in_flight + live_stats(engine).done > 0) {
            quoit_turn(engine, 0);
        }
        for (int k = 0; i % 2 == 1 && k < 3; k++) {
            quoit_turn(engine, LIVE_NS_PER_MS); /* the tickets, which are no news */
        }
        raw_go(server);
        stay_away(engine);
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = live_url(server, "/two"),
                                                      .method = "POST",
                                                      .body = { "{}", 2 },
                                                      .replay = QUOIT_REPLAY_NO,
                                                      .retries = QUOIT_NONE });
        check_good(result, "/two");
        CHECK_EQ(result->attempts, 1);
        CHECK_EQ(live_stats(engine).resent, 0);
        CHECK_LEDGER_EQ(live_number(server, "requests"), 2);
        check_request(server, 2, "/two", 2);
        quoit_destroy(engine);
    }
}

/* The same with a request that has waited for the connection since before. */
static void test_r01_a_request_in_the_queue_is_not_answered_by_what_came_before_it_went(void)
{
    for (size_t i = 0; i < COUNT_OF(servers); i++) {
        const struct live_server *server = servers[i];
        struct quoit_engine *engine =
            live_engine(&(struct quoit_options){ .tls = cases_tls, .in_flight_max = 1 });
        struct raw_text script = { 0 };
        raw_add(&script, "connection 1:\nread-request\n" GOOD "\"\nsleep 50\n" GOOD "\"\n" OTHERS);
        raw_play(server, &script);
        live_submit(engine, &(struct quoit_request){ .url = live_url(server, "/one") });
        live_submit(engine, &(struct quoit_request){ .url = live_url(server, "/two") });
        struct quoit_event event = live_next(engine);
        CHECK_MEM(event.result->body.bytes, event.result->body.size, "first", 5);
        stay_away(engine);
        event = live_next(engine);
        check_good(event.result, "/two");
        check_request(server, 2, "/two", 2);
        quoit_destroy(engine);
    }
}

/* R29: no connection is used past its time, though nobody has looked at the clock meanwhile. */
static void test_r29_what_was_kept_for_too_long_is_not_used(void)
{
    for (size_t i = 0; i < COUNT_OF(servers); i++) {
        const struct live_server *server = servers[i];
        struct quoit_engine *engine = live_engine(
            &(struct quoit_options){ .tls = cases_tls, .pool_idle_ns = 20 * LIVE_NS_PER_MS });
        struct raw_text script = { 0 };
        raw_add(&script, OTHERS);
        raw_play(server, &script);
        check_good(live_get(engine, live_url(server, "/one")), "/one");
        quoit_turn(engine, 0);
        uint64_t begin_ns = quoit_now_ns();
        while (quoit_now_ns() - begin_ns < 60 * LIVE_NS_PER_MS) {
            (void)poll(NULL, 0, 10);
        }
        check_good(live_get(engine, live_url(server, "/two")), "/two");
        check_request(server, 2, "/two", 2);
        CHECK_EQ(live_stats(engine).resent, 0);
        quoit_destroy(engine);
    }
}

/* -------- R02 -------- */

/* How a server ends a kept connection when the next request is on its way, read or not. */
static const char *const deaths[] = { "await\nrst",
                                      "await\ndrop",
                                      "await\nclose",
                                      "await\nclose-rude",
                                      "read-request\nrst",
                                      "read-request\nclose",
                                      "read-request\nclose-rude" };

static void test_r02_a_request_on_a_dead_kept_connection_is_sent_once_more(void)
{
    static const char *const methods[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS" };

    for (size_t i = 0; i < 2 * COUNT_OF(deaths); i++) {
        const struct live_server *server = servers[i % 2];
        const char *method = methods[i % COUNT_OF(methods)];
        struct quoit_engine *engine = ends_engine();
        struct raw_text script = { 0 };
        check_case(deaths[i / 2]);
        raw_add(&script, "connection 1:\nread-request\nanswer\n%s\n" OTHERS, deaths[i / 2]);
        raw_play(server, &script);
        check_good(live_get(engine, live_url(server, "/one")), "/one");
        const struct quoit_result *result = live_run(
            engine, &(struct quoit_request){
                        .url = live_url(server, "/two"), .method = method, .retries = QUOIT_NONE });
        check_good(result, strcmp(method, "HEAD") == 0 ? "" : "/two");
        CHECK_EQ(result->attempts, 2);
        CHECK(!result->reused);
        CHECK_EQ(live_stats(engine).resent, 1);
        CHECK_EQ(live_stats(engine).retries, 0);
        uint64_t read = strncmp(deaths[i / 2], "read", 4) == 0; /* the first time, too */
        CHECK_LEDGER_EQ(live_number(server, "requests"), 2 + read);
        CHECK_LEDGER_EQ(live_number(server, "connections_accepted"), 2);
        check_request(server, (uint32_t)(2 + read), "/two", 2);
        quoit_destroy(engine);
    }
}

/* One of eight dies with its request; the others notice nothing. */
static void test_r02_others_are_not_touched(void)
{
    for (size_t i = 0; i < 2 * COUNT_OF(deaths); i++) {
        const struct live_server *server = servers[i % 2];
        struct quoit_engine *engine = ends_engine();
        struct raw_text script = { 0 };
        check_case(deaths[i / 2]);
        raw_add(&script, "connection 3:\nread-request\nanswer\n%s\n" OTHERS, deaths[i / 2]);
        raw_play(server, &script);
        for (int round = 0; round < 2; round++) {
            for (int k = 0; k < 8; k++) {
                live_submit(engine, &(struct quoit_request){ .url = live_url(server, "/each"),
                                                             .retries = QUOIT_NONE });
            }
            CHECK_EQ(live_drain(engine, 8), 8);
        }
        CHECK_EQ(live_stats(engine).resent, 1);
        CHECK_EQ(live_stats(engine).failed, 0);
        uint64_t read = strncmp(deaths[i / 2], "read", 4) == 0;
        CHECK_LEDGER_EQ(live_number(server, "requests"), 16 + read);
        CHECK_LEDGER(live_number(server, "connections_accepted") <= 9);
        quoit_destroy(engine);
    }
}

/* -------- R03 -------- */

/* A byte of an answer came: it is not sent again in silence, kept connection or fresh. */
static void test_r03_what_began_to_be_answered_is_not_sent_again_in_silence(void)
{
    static const char *const begins[] = { "H", OK_LINE, OK_LINE "Content-Length: 9\r\n\r\nabc" };

    for (size_t i = 0; i < 4 * COUNT_OF(begins); i++) {
        const struct live_server *server = servers[i % 2];
        bool kept = i / 2 % 2 == 1;
        struct quoit_engine *engine = ends_engine();
        struct raw_text script = { 0 };
        check_case(begins[i / 4]);
        raw_add(&script, "connection 1:\n%sread-request\n", kept ? "read-request\nanswer\n" : "");
        raw_add_bytes(&script, "send", begins[i / 4], strlen(begins[i / 4]));
        raw_add(&script, "close\n" OTHERS);
        raw_play(server, &script);
        if (kept) {
            check_good(live_get(engine, live_url(server, "/before")), "/before");
        }
        const struct quoit_result *result = live_get(engine, live_url(server, "/one"));
        CHECK_EQ(result->error, QUOIT_E_INCOMPLETE);
        CHECK_EQ(result->attempts, 1);
        CHECK_EQ(result->reused, kept);
        CHECK_EQ(live_stats(engine).resent, 0);
        CHECK_LEDGER_EQ(live_number(server, "requests"), 1 + kept);
        CHECK_LEDGER_EQ(live_number(server, "connections_accepted"), 1);
        quoit_destroy(engine);
    }
}

/* A POST that was written may have been acted on: fresh connection or kept, 0 bytes or some. */
static void test_r03_a_post_is_sent_once_unless_the_caller_says_otherwise(void)
{
    static const char *const drops[] = { "rst", "close", "send \"HTTP/1.1 2\"\nclose" };

    for (size_t i = 0; i < 4 * COUNT_OF(drops); i++) {
        const struct live_server *server = servers[i % 2];
        bool kept = i / 2 % 2 == 1;
        bool started = i / 4 == 2;
        struct quoit_engine *engine = ends_engine();
        struct raw_text script = { 0 };
        check_case(drops[i / 4]);
        raw_add(&script, "connection 1:\n%sread-request\n%s\n" OTHERS,
                kept ? "read-request\nanswer\n" : "", drops[i / 4]);
        raw_play(server, &script);
        if (kept) {
            check_good(live_get(engine, live_url(server, "/before")), "/before");
        }
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = live_url(server, "/post"),
                                                      .body = { "once", 4 } });
        CHECK_EQ(result->error, started ? QUOIT_E_INCOMPLETE : QUOIT_E_RESET);
        CHECK_EQ(result->attempts, 1);
        CHECK(result->maybe_billed);
        CHECK_EQ(live_stats(engine).resent + live_stats(engine).retries, 0);
        CHECK_LEDGER_EQ(live_number(server, "requests"), 1 + kept);
        CHECK_LEDGER_EQ(live_number(server, "connections_accepted"), 1);
        struct raw_request request = raw_request(server, 1 + kept);
        CHECK_LEDGER_STR(request.method, "POST");
        CHECK_LEDGER_STR(request.body_hash, raw_hash("once", 4));
        quoit_destroy(engine);
    }
}

/* With leave to, each attempt is the same to the byte, its Idempotency-Key too. */
static void test_r03_a_post_that_may_be_sent_again_is_the_same_each_time(void)
{
    static const struct quoit_header key = { "Idempotency-Key", "a1b2-c3" };

    for (size_t i = 0; i < COUNT_OF(servers); i++) {
        const struct live_server *server = servers[i];
        struct quoit_engine *engine = ends_engine();
        raw_script(server,
                   "connection 1:\nread-request\nrst\n"
                   "connection 2:\nread-request\nsend \"HTTP/1.1 200 OK\\r\\n\"\nclose\n" OTHERS);
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = live_url(server, "/post"),
                                                      .headers = &key,
                                                      .headers_count = 1,
                                                      .body = { "again", 5 },
                                                      .replay = QUOIT_REPLAY_YES });
        check_good(result, "/post");
        CHECK_EQ(result->attempts, 3);
        CHECK_EQ(live_stats(engine).retries, 2);
        CHECK_LEDGER_EQ(live_number(server, "requests"), 3);
        struct raw_request first = raw_request(server, 1);
        for (uint32_t k = 1; k <= 3; k++) {
            struct raw_request request = raw_request(server, k);
            CHECK_LEDGER_EQ(request.connection, k);
            CHECK_LEDGER_STR(request.head, first.head);
            CHECK_LEDGER_STR(raw_request_header(&request, "Idempotency-Key"), "a1b2-c3");
            CHECK_LEDGER_STR(request.body_hash, raw_hash("again", 5));
        }
        quoit_destroy(engine);
    }
}

/* -------- R04, R05 -------- */

#define SHORT .error = QUOIT_E_INCOMPLETE
#define LEFT .status = 200, .body = "abc"

static void test_r04_what_is_cut_short_is_never_ok(void)
{
    static const struct cases_row rows[] = {
        { .name = "R04 a byte short",
          CASES_BYTES(OK_LINE "Content-Length: 4\r\n\r\nabc"),
          SHORT,
          LEFT,
          .detail = "after 3 of 4 bytes" },
        { .name = "R04 no byte of it",
          CASES_BYTES(OK_LINE "Content-Length: 4\r\n\r\n"),
          SHORT,
          .status = 200 },
        { .name = "R04 far short",
          CASES_BYTES(OK_LINE "Content-Length: 999999\r\n\r\nabc"),
          SHORT,
          LEFT },
        { .name = "R04 no last chunk", CASES_BYTES(CHUNKED "3\r\nabc\r\n"), SHORT, LEFT },
        { .name = "R04 in a chunk", CASES_BYTES(CHUNKED "9\r\nabc"), SHORT, LEFT },
        { .name = "R04 in a chunk's size", CASES_BYTES(CHUNKED "3\r\nabc\r\n1"), SHORT, LEFT },
        { .name = "R04 no end of the last chunk",
          CASES_BYTES(CHUNKED "3\r\nabc\r\n0\r\n"),
          SHORT,
          LEFT },
        { .name = "R04 in a trailer", CASES_BYTES(CHUNKED "3\r\nabc\r\n0\r\nA: b"), SHORT, LEFT },
        { .name = "R04 in the version", CASES_BYTES("HTTP/1"), SHORT },
        { .name = "R04 in a header", CASES_BYTES(OK_LINE "Content-Length: 3"), SHORT },
        { .name = "R04 behind a header", CASES_BYTES(OK_LINE "Content-Length: 3\r\n"), SHORT },
        { .name = "R04 in the empty line", CASES_BYTES(OK_LINE "Content-Length: 3\r\n\r"), SHORT },
        { .name = "R04 behind an interim response", CASES_BYTES("HTTP/1.1 100 C\r\n\r\n"), SHORT },
        { .name = "R04 to the end, without close_notify",
          CASES_BYTES(OK_LINE "\r\nabc"),
          .end = CASES_RUDE,
          LEFT,
          .closes = true,
          .secure_is_cut = true },
        { .name = "R04 to the end in HTTP/1.0, without close_notify",
          CASES_BYTES("HTTP/1.0 200 OK\r\n\r\nabc"),
          .end = CASES_RUDE,
          LEFT,
          .closes = true,
          .secure_is_cut = true },
        { .name = "R04 to the end, RST",
          CASES_BYTES(OK_LINE "\r\nabc"),
          .end = CASES_RST,
          SHORT,
          LEFT },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct cases_row row = rows[i];
        if (row.end == CASES_HELD) {
            row.end = CASES_CLOSE;
            cases_check(&row);
            row.end = CASES_RUDE;
            cases_check(&row);
            row.end = CASES_RST;
            row.detail = NULL;
        }
        cases_check(&row);
    }
}

/* The reset is met by the send that waits: it is no good end of a body that has no other. */
static void test_r04_a_reset_in_a_request_that_is_not_all_sent_is_no_end_of_a_body(void)
{
    size_t size = (size_t)64 << 20;
    char *body = calloc(1, size);

    for (size_t i = 0; i < COUNT_OF(servers); i++) {
        const struct live_server *server = servers[i];
        struct quoit_engine *engine = ends_engine();
        struct raw_text script = { 0 };
        raw_add(&script, "connection 1:\nread-head\n"
                         "send \"HTTP/1.1 200 OK\\r\\n\\r\\nhalf of it\"\nsleep 50\nrst\n" OTHERS);
        raw_play(server, &script);
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = live_url(server, "/upload"),
                                                      .body = { body, size },
                                                      .retries = QUOIT_NONE });
        CHECK_EQ(result->error, QUOIT_E_INCOMPLETE);
        CHECK_MEM(result->body.bytes, result->body.size, "half of it", 10);
        CHECK_LEDGER_EQ(live_number(server, "requests"), 1);
        quoit_destroy(engine);
    }
    free(body);
}

static void test_r04_no_answer_at_all_is_a_reset(void)
{
    static const char *const drops[] = { "close", "close-rude", "rst" };

    for (size_t i = 0; i < 2 * COUNT_OF(drops); i++) {
        const struct live_server *server = servers[i % 2];
        struct quoit_engine *engine = ends_engine();
        struct raw_text script = { 0 };
        check_case(drops[i / 2]);
        raw_add(&script, "connection 1:\nread-request\n%s\n" OTHERS, drops[i / 2]);
        raw_play(server, &script);
        const struct quoit_result *result = live_get(engine, live_url(server, "/one"));
        CHECK_EQ(result->error, QUOIT_E_RESET);
        CHECK_EQ(result->attempts, 1);
        CHECK_EQ(result->status, 0);
        check_good(live_get(engine, live_url(server, "/two")), "/two");
        CHECK_LEDGER_EQ(live_number(server, "requests"), 2);
        check_request(server, 2, "/two", 2);
        quoit_destroy(engine);
    }
}

/* The end behind a whole answer is no error; the connection is not used again. */
static void test_r05_a_whole_answer_is_good_however_the_connection_ends(void)
{
    static const struct cases_row rows[] = {
        { .name = "R05 a length", CASES_BYTES(OK_LINE "Content-Length: 3\r\n\r\nabc"), LEFT },
        { .name = "R05 chunks", CASES_BYTES(CHUNKED "3\r\nabc\r\n0\r\n\r\n"), LEFT },
        { .name = "R05 nothing", CASES_BYTES(OK_LINE "Content-Length: 0\r\n\r\n"), .status = 200 },
        { .name = "R05 close is said",
          CASES_BYTES(OK_LINE "Connection: close\r\nContent-Length: 3\r\n\r\nabc"),
          LEFT },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static const enum cases_end ends[] = { CASES_CLOSE, CASES_RUDE, CASES_RST };
        for (size_t e = 0; e < COUNT_OF(ends); e++) {
            struct cases_row row = rows[i];
            row.end = ends[e];
            row.closes = true;
            cases_check(&row);
        }
    }
}

/* -------- R30 -------- */

/* The answer is given, sending stops, and the connection is not used again. */
static void test_r30_an_answer_before_the_body_was_read_is_given(void)
{
    static const struct {
        const char *status, *end;
    } cases[] = {
        { "413", "sleep 50\nfin\nread-end" },
        { "401", "sleep 50\nread-end" },
        { "429", "sleep 50\nhalf-close\nread-end" },
        { "413", "sleep 50\nrst" },
        { "200", "sleep 50\ndrop" },
    };
    size_t size = (size_t)64 << 20;
    char *body = calloc(1, size);

    for (size_t i = 0; i < 2 * COUNT_OF(cases); i++) {
        const struct live_server *server = servers[i % 2];
        struct quoit_engine *engine = ends_engine();
        struct raw_text script = { 0 };
        check_case(cases[i / 2].end);
        raw_add(&script,
                "connection 1:\nread-head\n"
                "send \"HTTP/1.1 %s X\\r\\nContent-Length: 5\\r\\n\\r\\nearly\"\n%s\n" OTHERS,
                cases[i / 2].status, cases[i / 2].end);
        raw_play(server, &script);
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = live_url(server, "/upload"),
                                                      .body = { body, size },
                                                      .retries = QUOIT_NONE });
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, strtoul(cases[i / 2].status, NULL, 10));
        CHECK_MEM(result->body.bytes, result->body.size, "early", 5);
        CHECK_EQ(result->attempts, 1);
        CHECK(result->bytes_out < size);
        check_good(live_get(engine, live_url(server, "/next")), "/next");
        CHECK_LEDGER_EQ(live_number(server, "requests"), 2);
        CHECK_LEDGER_EQ(live_number(server, "connections_accepted"), 2);
        struct raw_connection connection = raw_await_end(server, 1);
        CHECK_LEDGER(connection.bytes_after + connection.bytes_unread < size / 2);
        CHECK_LEDGER_EQ(live_number(server, "bodies"), 1);
        quoit_destroy(engine);
    }
    free(body);
}

int main(void)
{
    if (!cases_start()) {
        return 77;
    }
    RUN(test_r01_a_second_answer_in_the_same_segment_is_nobodys);
    RUN(test_r01_a_second_answer_on_an_idle_connection_ends_it);
    RUN(test_r01_what_came_while_the_caller_was_away_is_nobodys);
    RUN(test_r01_a_request_in_the_queue_is_not_answered_by_what_came_before_it_went);
    RUN(test_r29_what_was_kept_for_too_long_is_not_used);
    RUN(test_r02_a_request_on_a_dead_kept_connection_is_sent_once_more);
    RUN(test_r02_others_are_not_touched);
    RUN(test_r03_what_began_to_be_answered_is_not_sent_again_in_silence);
    RUN(test_r03_a_post_is_sent_once_unless_the_caller_says_otherwise);
    RUN(test_r03_a_post_that_may_be_sent_again_is_the_same_each_time);
    RUN(test_r04_what_is_cut_short_is_never_ok);
    RUN(test_r04_a_reset_in_a_request_that_is_not_all_sent_is_no_end_of_a_body);
    RUN(test_r04_no_answer_at_all_is_a_reset);
    RUN(test_r05_a_whole_answer_is_good_however_the_connection_ends);
    RUN(test_r30_an_answer_before_the_body_was_read_is_given);
    return cases_done();
}
