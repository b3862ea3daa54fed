/*
 * limits_test: answers that are larger than they may be, or say that they are: stopped at the limit
 * with an error that says so, without the memory that they ask for, and without harm to others.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define MIB ((size_t)1 << 20)

static struct live_server server;

/* What the client makes of these bytes as an answer. Good until the next turn. */
static const struct quoit_result *run_raw(struct quoit_engine *engine, const char *bytes,
                                          size_t size)
{
    quoit_turn(engine, 0);
    return live_run(engine, &(struct quoit_request){ .url = live_url(&server, "/raw"),
                                                     .body = { bytes, size },
                                                     .retries = QUOIT_NONE });
}

/* R14 */
static void test_a_length_makes_nobody_allocate(void)
{
    static const char *const lengths[] = { "9223372036854775807", "1125899906842624", "67108865" };
    struct quoit_engine *engine = live_engine(NULL);
    char text[200];

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t before = live_memory();
        int size = snprintf(text, sizeof(text),
                            "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n0123456789", lengths[i]);
        check_case(lengths[i]);
        const struct quoit_result *result = run_raw(engine, text, (size_t)size);
        CHECK_EQ(result->error, QUOIT_E_TOO_LARGE);
        CHECK_EQ(result->attempts, 1);
        CHECK(live_memory() < before + 8 * MIB);
    }
    quoit_destroy(engine);
}

/* R14: bodies whose size nobody has said, while others go on. */
static void test_a_body_stops_at_its_limit(void)
{
    static const char *const faults[] = { "chunked", "close-delimited", "none" };

    live_set(&server, "body-size 200MiB");
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        const struct quoit_header header = { "X-Mock-Fault", faults[i] };
        const struct quoit_header small = { "X-Mock-Body-Size", "1000" };
        struct quoit_request request = { .url = live_url(&server, "/page"),
                                         .headers = &header,
                                         .headers_count = 1,
                                         .body_size_max = MIB };
        size_t before = live_memory();
        check_case(faults[i]);
        const struct quoit_result *result = live_run(engine, &request);
        CHECK_EQ(result->error, QUOIT_E_TOO_LARGE);
        CHECK_EQ(result->status, 200);
        CHECK(result->body.size <= MIB);
        CHECK(live_memory() < before + 16 * MIB);
        quoit_turn(engine, 0);
        for (int k = 0; k < 4; k++) {
            live_submit(engine, &request);
        }
        request = (struct quoit_request){ .url = live_url(&server, "/page"),
                                          .headers = &small,
                                          .headers_count = 1 };
        for (int k = 0; k < 100; k++) {
            live_submit(engine, &request);
        }
        CHECK_EQ(live_drain(engine, 104), 100);
        CHECK(live_memory() < before + 32 * MIB);
        quoit_destroy(engine);
    }
    live_set(&server, "body-size 56");
}

static void test_a_body_of_its_limit_is_let_in(void)
{
    static const char *const faults[] = { "chunked", "close-delimited", "none" };
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .body_size_max = 1000 });

    for (size_t i = 0; i < 6; i++) {
        const struct quoit_header headers[] = { { "X-Mock-Fault", faults[i % 3] },
                                                { "X-Mock-Body-Size", i < 3 ? "1000" : "1001" } };
        check_case(faults[i % 3]);
        quoit_turn(engine, 0);
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                      .headers = headers,
                                                      .headers_count = 2 });
        CHECK_EQ(result->error, i < 3 ? QUOIT_OK : QUOIT_E_TOO_LARGE);
        CHECK(i >= 3 || result->body.size == 1000);
    }
    quoit_destroy(engine);
}

/* R12 */
static void test_interim_answers_have_a_limit(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    static const char *const faults[] = { "informational:16", "informational:17",
                                          "informational:5000" };

    for (size_t i = 0; i < 3; i++) {
        const struct quoit_header header = { "X-Mock-Fault", faults[i] };
        check_case(faults[i]);
        quoit_turn(engine, 0);
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                      .headers = &header,
                                                      .headers_count = 1 });
        CHECK_EQ(result->error, i == 0 ? QUOIT_OK : QUOIT_E_TOO_LARGE);
    }
    quoit_destroy(engine);
}

/* R13 */
static void test_heads_have_a_limit(void)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .headers_max = 10, .head_size_max = 2000 });
    char text[4000];

    for (int count = 8; count <= 11; count++) { /* and Content-Length */
        int size = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
        for (int i = 0; i < count; i++) {
            size += snprintf(text + size, sizeof(text) - (size_t)size, "x-%d: y\r\n", i);
        }
        size += snprintf(text + size, sizeof(text) - (size_t)size, "\r\n");
        const struct quoit_result *result = run_raw(engine, text, (size_t)size);
        CHECK_EQ(result->error, count <= 9 ? QUOIT_OK : QUOIT_E_TOO_LARGE);
        CHECK_EQ(result->headers_count, count <= 9 ? count + 1 : 0);
    }
    int size = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-long: ");
    memset(text + size, 'z', 3000); /* a line that does not end */
    CHECK_EQ(run_raw(engine, text, (size_t)size + 3000)->error, QUOIT_E_TOO_LARGE);
    memcpy(text + size + 1000, "\r\n\r\n", 4);
    CHECK_EQ(run_raw(engine, text, (size_t)size + 1004)->error, QUOIT_OK);
    quoit_destroy(engine);
}

/* R06, R08, R09: a few of the many of the unit tests, to see that they get through. */
static void test_what_is_not_http_is_refused_and_closes(void)
{
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nx : y\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    };
    struct quoit_engine *engine = live_engine(NULL);

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check_case(texts[i]);
        const struct quoit_result *result = run_raw(engine, texts[i], strlen(texts[i]));
        CHECK_EQ(result->error, QUOIT_E_PROTOCOL);
        CHECK(strlen(result->detail) > 0);
        live_await_number(&server, "connections_open", 0);
    }
    quoit_destroy(engine);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    RUN(test_a_length_makes_nobody_allocate);
    RUN(test_a_body_stops_at_its_limit);
    RUN(test_a_body_of_its_limit_is_let_in);
    RUN(test_interim_answers_have_a_limit);
    RUN(test_heads_have_a_limit);
    RUN(test_what_is_not_http_is_refused_and_closes);
    live_stop(&server);
    return check_done();
}
