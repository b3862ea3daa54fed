/*
 * cases_limits_test: what an answer may cost. R12 (interim responses), R13 (each limit at one less,
 * exactly, and one more) and R14 (bodies that never end). Live, plain and TLS, in each mode of
 * cases.h; of 64 KiB and more the middle is not sent byte by byte.
 */
#include "tests/live/cases.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define BODY "Content-Length: 3\r\n\r\nabc"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"
#define INTERIM "HTTP/1.1 100 C\r\n\r\n"
#define INTERIM_MAX 16     /* quoit.h has no name for it: http/response.h */
#define EXTENSION_MAX 4096 /* the same */
#define HEAD_MAX 400
#define HEAD_MAX_DEFAULT (64 << 10)

/* -------- rows that are put together -------- */

/* A row's bytes and name while it is checked. */
struct built {
    struct raw_text bytes;
    char name[128];
    struct cases_row row;
};

static void built_add(struct built *built, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        raw_add(&built->bytes, "%s", text);
    }
}

/* `size` bytes of one letter. */
static void built_fill(struct built *built, size_t size)
{
    raw_add(&built->bytes, "%.*s", 0, "");
    for (size_t i = 0; i < size; i += 50) {
        size_t more = size - i < 50 ? size - i : 50;
        raw_add(&built->bytes, "%.*s", (int)more,
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    }
}

/* Within the limit: the row as it is. One more: TOO_LARGE. Drops the bytes. */
static void built_check(struct built *built, const char *what, int beyond)
{
    snprintf(built->name, sizeof(built->name), "%s, %s", what,
             beyond < 0    ? "one less"
             : beyond == 0 ? "the limit"
                           : "one more");
    built->row.name = built->name;
    built->row.bytes = built->bytes.bytes;
    built->row.size = built->bytes.size;
    if (beyond > 0) {
        built->row.error = QUOIT_E_TOO_LARGE;
    }
    cases_check(&built->row);
    free(built->bytes.bytes);
    *built = (struct built){ 0 };
}

/* -------- R12 -------- */

static void test_r12_interim_responses_are_bounded(void)
{
    static const struct cases_row rows[] = {
        { .name = "R12 101, unasked",
          CASES_BYTES("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello"),
          .error = QUOIT_E_PROTOCOL,
          .detail = "101 Switching Protocols, unasked" },
        { .name = "R12 101 behind 100",
          CASES_BYTES(INTERIM "HTTP/1.1 101 Switching\r\n\r\n" OK_LINE BODY),
          .error = QUOIT_E_PROTOCOL },
        { .name = "R12 101 with a body",
          CASES_BYTES("HTTP/1.1 101 Switching\r\n" BODY),
          .error = QUOIT_E_PROTOCOL },
        { .name = "R12 100, then nothing",
          CASES_BYTES(INTERIM),
          .end = CASES_CLOSE,
          .error = QUOIT_E_INCOMPLETE },
    };

    cases_check_all(rows, COUNT_OF(rows));
    for (int beyond = -1; beyond <= 1; beyond++) {
        struct built built = { .row = { .status = beyond > 0 ? 0 : 200,
                                        .body = beyond > 0 ? NULL : "abc",
                                        .no_interim = true } };
        built_add(&built, INTERIM, (size_t)(INTERIM_MAX + beyond));
        built_add(&built, OK_LINE BODY, 1);
        built_check(&built, "R12 interim responses", beyond);
    }
}

/* Floods that never come to an answer: ended by a count of bytes, or of responses. */
static void test_r12_floods_end_by_themselves(void)
{
    static const char *const floods[] = {
        "loop\n send 100 \"HTTP/1.1 100 C\\r\\n\\r\\n\"\n end\n",
        "loop\n send 100 \"HTTP/1.1 103 E\\r\\nLink: </a>; rel=preload\\r\\n\\r\\n\"\n end\n",
        "send \"HTTP/1.1 100 C\\r\\n\"\n loop\n send 100 \"X: y\\r\\n\"\n end\n",
        "send \"HTTP/1.1 100 C\\r\\nX: \"\n loop\n send 1000 \"y\"\n end\n",
        "loop\n send 100 \"\\r\\n\"\n end\n",
    };
    const struct live_server *servers[] = { &cases_plain, &cases_secure };

    for (size_t i = 0; i < 2 * COUNT_OF(floods); i++) {
        const struct live_server *server = servers[i % 2];
        struct raw_text script = { 0 };
        struct quoit_engine *engine = live_engine(&(struct quoit_options){ .tls = cases_tls });
        check_case(floods[i / 2]);
        raw_add(&script, "connection 1:\nread-request\n%sconnection *:\nread-request\nanswer\n",
                floods[i / 2]);
        raw_play(server, &script);
        const struct quoit_result *result = live_get(engine, live_url(server, "/row"));
        CHECK_EQ(result->error, QUOIT_E_TOO_LARGE);
        CHECK_EQ(result->status, 0);
        CHECK(result->bytes_in <= HEAD_MAX_DEFAULT + 1);
        CHECK_EQ(live_get(engine, live_url(server, "/next"))->error, QUOIT_OK);
        CHECK_LEDGER_STR(raw_await_end(server, 1).end, "reset");
        CHECK_LEDGER_EQ(live_number(server, "requests"), 2);
        quoit_destroy(engine);
    }
}

/* -------- R13 -------- */

/* A head of `size` bytes, made long by one header's value, and a body. */
static void build_long_header(struct built *built, size_t size)
{
    built_add(built, OK_LINE "X-A: ", 1);
    built_fill(built, size - strlen(OK_LINE "X-A: \r\nContent-Length: 3\r\n\r\n"));
    built_add(built, "\r\n" BODY, 1);
}

/* ... by its reason. */
static void build_long_reason(struct built *built, size_t size)
{
    built_add(built, "HTTP/1.1 200 ", 1);
    built_fill(built, size - strlen("HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\n"));
    built_add(built, "\r\n" BODY, 1);
}

/* ... by the name of a header. */
static void build_long_name(struct built *built, size_t size)
{
    built_add(built, OK_LINE, 1);
    built_fill(built, size - strlen(OK_LINE ": y\r\nContent-Length: 3\r\n\r\n"));
    built_add(built, ": y\r\n" BODY, 1);
}

/* ... and by that of an interim response before it. */
static void build_long_interim(struct built *built, size_t size)
{
    built_add(built, "HTTP/1.1 103 E\r\nX-A: ", 1);
    built_fill(built, size - strlen("HTTP/1.1 103 E\r\nX-A: \r\n\r\n" OK_LINE
                                    "Content-Length: 3\r\n\r\n"));
    built_add(built, "\r\n\r\n" OK_LINE BODY, 1);
}

/* ... and by trailers: head and trailers together, less the two bytes that end the chunks. */
static void build_long_trailer(struct built *built, size_t size)
{
    built_add(built, CHUNKED "3\r\nabc\r\n0\r\nX-A: ", 1);
    built_fill(built, size - strlen(CHUNKED "X-A: \r\n"));
    built_add(built, "\r\n\r\n", 1);
}

static void test_r13_the_size_of_a_head_is_limited_to_the_byte(void)
{
    static const struct {
        const char *name;
        void (*build)(struct built *built, size_t size);
        bool in_trailers;
    } cases[] = {
        { "R13 a header", build_long_header, false },
        { "R13 a reason", build_long_reason, false },
        { "R13 a name", build_long_name, false },
        { "R13 an interim header", build_long_interim, false },
        { "R13 a trailer", build_long_trailer, true },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int beyond = -1; beyond <= 1; beyond++) {
            bool shown = beyond <= 0 || cases[i].in_trailers;
            struct built built = { .row = { .limits = { .head_size_max = HEAD_MAX },
                                            .status = shown ? 200 : 0,
                                            .body = shown ? "abc" : NULL,
                                            .no_interim = true } };
            cases[i].build(&built, (size_t)(HEAD_MAX + beyond));
            built_check(&built, cases[i].name, beyond);
        }
    }
    for (int beyond = -1; beyond <= 1; beyond++) {
        struct built built = { .row = { .status = beyond > 0 ? 0 : 200,
                                        .body = beyond > 0 ? NULL : "abc",
                                        .no_interim = true } };
        build_long_header(&built, (size_t)(HEAD_MAX_DEFAULT + beyond));
        built_check(&built, "R13 a header, by default", beyond);
    }
}

static void test_r13_the_number_of_header_lines_is_limited(void)
{
    for (int beyond = -1; beyond <= 1; beyond++) {
        struct built built = { .row = { .limits = { .headers_max = 40 },
                                        .status = beyond > 0 ? 0 : 200,
                                        .body = beyond > 0 ? NULL : "abc" } };
        built_add(&built, OK_LINE, 1);
        built_add(&built, "A: b\r\n", (size_t)(40 - 1 + beyond));
        built_add(&built, BODY, 1);
        built_check(&built, "R13 header lines", beyond);
    }
    for (int beyond = -1; beyond <= 1; beyond++) {
        struct built built = { .row = { .status = beyond > 0 ? 0 : 200,
                                        .body = beyond > 0 ? NULL : "abc" } };
        built_add(&built, OK_LINE, 1);
        built_add(&built, "A: b\r\n", (size_t)(256 - 1 + beyond));
        built_add(&built, BODY, 1);
        built_check(&built, "R13 header lines, by default", beyond);
    }
    for (int beyond = -1; beyond <= 1; beyond++) {
        struct built built = {
            .row = { .limits = { .headers_max = 40 }, .status = 200, .body = "abc" }
        };
        built_add(&built, CHUNKED "3\r\nabc\r\n0\r\n", 1);
        built_add(&built, "A: b\r\n", (size_t)(40 - 1 + beyond));
        built_add(&built, "\r\n", 1);
        built_check(&built, "R13 trailer lines", beyond);
    }
}

static void test_r13_the_line_of_a_chunk_is_limited(void)
{
    for (int beyond = -1; beyond <= 1; beyond++) {
        struct built built = { .row = { .status = 200, .body = beyond > 0 ? NULL : "abc" } };
        built_add(&built, CHUNKED "3;", 1);
        built_fill(&built, (size_t)(EXTENSION_MAX - 1 + beyond));
        built_add(&built, "\r\nabc\r\n0\r\n\r\n", 1);
        built_check(&built, "R13 a chunk's extension", beyond);
    }
}

/* By length, by chunks and to the end; a length above it is refused before a byte of it comes. */
static void test_r13_the_size_of_a_body_is_limited_to_the_byte(void)
{
    static const char digits[] = "0123456789";

    for (int beyond = -1; beyond <= 1; beyond++) {
        char body[16];
        size_t size = (size_t)(9 + beyond);
        const struct cases_row common = { .limits = { .body_size_max = 9 },
                                          .status = 200,
                                          .body = body };
        struct built built = { .row = common };
        snprintf(body, sizeof(body), "%.*s", (int)(size < 9 ? size : 9), digits);
        raw_add(&built.bytes, OK_LINE "Content-Length: %zu\r\n\r\n%.*s", size, (int)size, digits);
        built.row.body = beyond > 0 ? NULL : body;
        built_check(&built, "R13 a body by its length", beyond);

        built.row = common;
        raw_add(&built.bytes, CHUNKED "2\r\n01\r\n%zx\r\n%.*s\r\n0\r\n\r\n", size - 2,
                (int)size - 2, digits + 2);
        built_check(&built, "R13 a body by chunks", beyond);

        built.row = common;
        built.row.end = CASES_CLOSE;
        built.row.closes = true;
        raw_add(&built.bytes, OK_LINE "\r\n%.*s", (int)size, digits);
        built_check(&built, "R13 a body to the end", beyond);
    }
}

/* As many heads without an end as there are slots: less than twice the limit for each. */
static void test_r13_memory_is_bounded_by_the_limits(void)
{
    static const char *const floods[] = {
        "send \"HTTP/1.1 200 OK\\r\\nX: \"\n loop\n send 16000 \"y\"\n end\n",
        "send \"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\"\n"
        " loop\n send 500 \"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyy\\r\\n\"\n end\n",
    };
    const uint32_t slots = 64, head_max = 256 << 10;

    for (size_t i = 0; i < COUNT_OF(floods); i++) {
        struct raw_text script = { 0 };
        struct quoit_engine *engine = live_engine(&(struct quoit_options){
            .in_flight_max = slots, .head_size_max = head_max, .headers_max = 1000000 });
        check_case(floods[i]);
        raw_add(&script, "connection *:\nread-request\n%s", floods[i]);
        raw_play(&cases_plain, &script);
        size_t before = live_memory();
        for (uint32_t k = 0; k < 2 * slots; k++) {
            live_submit(engine, &(struct quoit_request){ .url = live_url(&cases_plain, "/row"),
                                                         .retries = QUOIT_NONE });
        }
        for (uint32_t k = 0; k < 2 * slots;) {
            struct quoit_event event = live_next(engine);
            k += event.kind == QUOIT_END;
            CHECK_EQ(event.result->error, QUOIT_E_TOO_LARGE);
        }
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
        CHECK(live_memory() < before + 2 * (size_t)slots * head_max);
#else
        (void)before;
#endif
        CHECK_LEDGER_EQ(live_number(&cases_plain, "requests"), 2 * slots);
        quoit_destroy(engine);
    }
}

/* -------- R14 -------- */

/* Nothing is allocated for what is only announced. */
static void test_r14_a_length_costs_nothing(void)
{
    static const char *const lengths[] = { "9223372036854775807", "1125899906842624",
                                           "18446744073709551615" };
    const struct live_server *servers[] = { &cases_plain, &cases_secure };

    for (size_t i = 0; i < 2 * COUNT_OF(lengths); i++) {
        const struct live_server *server = servers[i % 2];
        struct quoit_engine *engine = live_engine(&(struct quoit_options){ .tls = cases_tls });
        struct quoit_request request = { .url = live_url(server, "/row"), .retries = QUOIT_NONE };
        struct raw_text script = { 0 };
        check_case(lengths[i / 2]);
        raw_add(&script,
                "connection *:\nread-request\n"
                "send \"HTTP/1.1 200 OK\\r\\nContent-Length: %s\\r\\n\\r\\n0123456789\"\nclose\n",
                lengths[i / 2]);
        raw_play(server, &script);
        CHECK_EQ(live_run(engine, &request)->error, QUOIT_E_TOO_LARGE);
        size_t before = live_memory();
        request.body_size_max = QUOIT_NEVER;
        const struct quoit_result *result = live_run(engine, &request);
        CHECK_EQ(result->error, QUOIT_E_INCOMPLETE);
        CHECK_MEM(result->body.bytes, result->body.size, "0123456789", 10);
        CHECK(live_memory() < before + (8 << 20));
        CHECK_LEDGER_EQ(live_number(server, "requests"), 2);
        CHECK_LEDGER_EQ(live_number(server, "connections_accepted"), 2);
        quoit_destroy(engine);
    }
}

static const char endless_chunks[] =
    "connection *:\nread-request\n"
    "send \"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n\"\n"
    "loop\n send \"4000\\r\\n\"\n send 16384 \"x\"\n send \"\\r\\n\"\n end\n";
static const char endless_rest[] = "connection *:\nread-request\n"
                                   "send \"HTTP/1.1 200 OK\\r\\n\\r\\n\"\n"
                                   "loop\n send 16384 \"x\"\n end\n";

static void test_r14_a_body_without_end_stops_at_the_limit(void)
{
    static const char *const scripts[] = { endless_chunks, endless_rest };
    const struct live_server *servers[] = { &cases_plain, &cases_secure };

    for (size_t i = 0; i < 2 * COUNT_OF(scripts); i++) {
        const struct live_server *server = servers[i % 2];
        struct quoit_engine *engine =
            live_engine(&(struct quoit_options){ .tls = cases_tls, .body_size_max = 4 << 20 });
        raw_script(server, scripts[i / 2]);
        const struct quoit_result *result = live_get(engine, live_url(server, "/row"));
        CHECK_EQ(result->error, QUOIT_E_TOO_LARGE);
        CHECK_EQ(result->status, 200);
        CHECK_EQ(result->body.size, 4 << 20);
        quoit_turn(engine, 0);
        CHECK_LEDGER_STR(raw_await_end(server, 1).end, "reset");
        quoit_destroy(engine);
    }
}

/* How long 200 healthy requests take, sixteen at a time; with endless ones beside them or not. */
static uint64_t run_beside_ns(const struct live_server *healthy, bool beside)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .in_flight_max = 18, .in_flight_per_origin_max = 16 });
    const struct quoit_request good = { .url = live_url(healthy, "/page"), .retries = QUOIT_NONE };
    const struct quoit_request endless = { .url = live_url(&cases_plain, "/row"),
                                           .retries = QUOIT_NONE,
                                           .stream = QUOIT_PIECES,
                                           .body_size_max = QUOIT_NEVER,
                                           .context = (void *)(uintptr_t)&cases_plain };
    uint64_t before_ns = quoit_now_ns();

    for (int i = 0; i < 200; i++) {
        live_submit(engine, &good);
    }
    if (beside) {
        live_submit(engine, &endless);
        live_submit(engine, &endless);
    }
    for (int done = 0; done < 200;) {
        struct quoit_event event = live_next(engine);
        if (event.kind == QUOIT_END && event.context == NULL) {
            CHECK_EQ(event.result->error, QUOIT_OK);
            done++;
        }
    }
    uint64_t took_ns = quoit_now_ns() - before_ns;
    CHECK_EQ(live_stats(engine).failed, 0);
    quoit_destroy(engine);
    return took_ns;
}

/* Two endless streams at 10 MB/s each take less than a tenth from the others. The machine may be
 * busy with other things, so one good pair of measurements out of five is enough. */
static void test_r14_others_keep_their_rate(void)
{
    struct live_server healthy = live_start((const char *[]){ "--latency", "20ms", NULL });
    bool kept = false;

    raw_script(&cases_plain, "connection *:\nread-request\n"
                             "send \"HTTP/1.1 200 OK\\r\\n\\r\\n\"\n"
                             "loop\n send 10000 \"x\"\n sleep 1\n end\n");
    for (int i = 0; i < 5 && !kept; i++) {
        uint64_t alone_ns = run_beside_ns(&healthy, false);
        uint64_t beside_ns = run_beside_ns(&healthy, true);
        kept = beside_ns * 9 <= alone_ns * 10;
    }
    CHECK(kept);
    CHECK_LEDGER(live_number(&healthy, "executions_total") >= 400);
    CHECK_LEDGER(live_number(&cases_plain, "requests") >= 2);
    live_stop(&healthy);
}

int main(void)
{
    if (!cases_start()) {
        return 77;
    }
    RUN(test_r12_interim_responses_are_bounded);
    RUN(test_r12_floods_end_by_themselves);
    RUN(test_r13_the_size_of_a_head_is_limited_to_the_byte);
    RUN(test_r13_the_number_of_header_lines_is_limited);
    RUN(test_r13_the_line_of_a_chunk_is_limited);
    RUN(test_r13_the_size_of_a_body_is_limited_to_the_byte);
    RUN(test_r13_memory_is_bounded_by_the_limits);
    RUN(test_r14_a_length_costs_nothing);
    RUN(test_r14_a_body_without_end_stops_at_the_limit);
    RUN(test_r14_others_keep_their_rate);
    return cases_done();
}
