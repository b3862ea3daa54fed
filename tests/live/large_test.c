/*
 * Large bodies: they come whole and in order wherever a connection changes over to large buffers
 * and back (DESIGN.md 3.3), plain and over TLS; and what QUOIT_DISCARD keeps of them.
 *
 * The server gives back what it was sent, so each answer is compared byte by byte with bytes that
 * the test knows.
 */
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#define MEBIBYTE ((size_t)1 << 20)
#define BYTES_SIZE (64 * MEBIBYTE)
#define MIXTURE_MAX 800

static struct live_server plain, secure;
static bool has_tls;
static char *bytes; /* no two places of it look alike */

static void fill_bytes(void)
{
    uint64_t state = 1;

    bytes = malloc(BYTES_SIZE);
    if (bytes == NULL) {
        live_give_up("no memory for the bodies");
    }
    for (size_t i = 0; i < BYTES_SIZE; i += sizeof(state)) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t mixed = state ^ state >> 29;
        memcpy(bytes + i, &mixed, sizeof(mixed));
    }
}

/* An engine that trusts the server of this test. */
static struct quoit_engine *make_engine(const struct quoit_options *wanted)
{
    struct quoit_options options = *wanted;
    struct quoit_tls_options trust = { .ca_file = certificate("authority.pem") };

    if (has_tls && quoit_tls_create(&trust, &options.tls) != QUOIT_OK) {
        live_give_up("no TLS identity");
    }
    struct quoit_engine *engine = live_engine(&options);
    quoit_tls_destroy(options.tls);
    return engine;
}

/* What is sent to be given back: `size` bytes from `at` on. */
static struct quoit_request echo(const struct live_server *server, size_t at, size_t size)
{
    return (struct quoit_request){
        .method = "POST",
        .url = live_url(server, "/echo"),
        .body = { bytes + at, size },
        .retries = QUOIT_NONE,
    };
}

static void check_echo(const struct quoit_result *result, const struct quoit_span *sent)
{
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_EQ(result->status, 200);
    CHECK_EQ(result->body.size, sent->size);
    CHECK(result->body.size != sent->size || sent->size == 0 ||
          memcmp(result->body.bytes, sent->bytes, sent->size) == 0);
}

/* -------- whole, and in order -------- */

static void check_each_size(const struct live_server *server, size_t size_max)
{
    static const size_t sizes[] = {
        0,       32767,   32768,        32769,        65535,         65536, 65537,
        1000000, 1,       MEBIBYTE,     4095,         4096,          4097,  8 * MEBIBYTE,
        100,     3000000, MEBIBYTE - 1, MEBIBYTE + 1, 64 * MEBIBYTE, 17
    };
    struct quoit_engine *engine = make_engine(&(struct quoit_options){ .in_flight_max = 1 });

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i] <= size_max) {
            struct quoit_request request = echo(server, 0, sizes[i]);
            check_echo(live_run(engine, &request), &request.body);
            quoit_turn(engine, 0);
        }
    }
    CHECK_EQ(live_stats(engine).opened, 1);
    quoit_destroy(engine);
}

static void test_bodies_of_each_size_come_whole_on_one_connection(void)
{
    check_each_size(&plain, BYTES_SIZE);
    if (has_tls) {
        check_each_size(&secure, 8 * MEBIBYTE);
    }
}

/* An answer of `size` bytes in chunks of `chunk`, as it goes over the wire. The caller frees it. */
static struct quoit_span make_chunked(size_t size, size_t chunk)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    char *wire = malloc(sizeof(head) + size + (size / chunk + 2) * 24);
    size_t at = strlen(head);

    if (wire == NULL) {
        live_give_up("no memory for an answer");
    }
    memcpy(wire, head, at);
    for (size_t sent = 0; sent < size;) {
        size_t part = size - sent < chunk ? size - sent : chunk;
        at += (size_t)snprintf(wire + at, 24, "%zx\r\n", part);
        memcpy(wire + at, bytes + sent, part);
        memcpy(wire + at + part, "\r\n", 2);
        at += part + 2;
        sent += part;
    }
    memcpy(wire + at, "0\r\n\r\n", 5);
    return (struct quoit_span){ wire, at + 5 };
}

static void test_chunks_of_odd_sizes_come_whole(void)
{
    static const size_t chunks[] = { 7, 4093, 4096, 65521, 65536, 100003, 2 * MEBIBYTE };

    for (size_t i = 0; i < 2 * sizeof(chunks) / sizeof(chunks[0]); i++) {
        const struct live_server *server = i % 2 == 0 ? &plain : &secure;
        size_t chunk = chunks[i / 2];
        size_t size = chunk < 100 ? 200000 : 1500007;
        if (server == &secure && !has_tls) {
            continue;
        }
        struct quoit_engine *engine = make_engine(&(struct quoit_options){ .in_flight_max = 4 });
        struct quoit_span wire = make_chunked(size, chunk);
        struct quoit_request request = {
            .method = "POST", .url = live_url(server, "/raw"), .body = wire, .retries = QUOIT_NONE
        };
        for (int times = 0; times < 2; times++) {
            check_echo(live_run(engine, &request), &(struct quoit_span){ bytes, size });
            quoit_turn(engine, 0);
        }
        quoit_destroy(engine);
        free((void *)(uintptr_t)wire.bytes);
    }
}

/* Small and large in turn on kept connections: they change over all the time. */
static void check_mixture(const struct live_server *server, uint32_t count)
{
    struct quoit_engine *engine =
        make_engine(&(struct quoit_options){ .in_flight_max = 16, .requests_max = 64 });
    static struct quoit_request requests[MIXTURE_MAX];
    uint32_t submitted = 0, ended = 0;

    while (ended < count) {
        while (submitted < count && submitted - ended < 32) {
            struct quoit_request *request = &requests[submitted];
            bool large = submitted / 40 % 2 == 0; /* runs of each, so that both ways pay */
            *request = echo(server, (size_t)submitted * 7919,
                            large ? 50000 + submitted * 1237 % 400000 : submitted % 3000);
            request->context = request;
            request->stream = submitted % 17 == 0 ? QUOIT_DISCARD : QUOIT_WHOLE;
            live_submit(engine, request);
            submitted++;
        }
        struct quoit_event event = live_next(engine);
        const struct quoit_request *request = event.context;
        struct quoit_span kept = request->body;
        if (request->stream == QUOIT_DISCARD) {
            kept.size = 0;
        }
        check_echo(event.result, &kept);
        CHECK(event.result->bytes_in > request->body.size);
        ended++;
    }
    CHECK(live_stats(engine).reused > 0);
    quoit_destroy(engine);
}

static void test_connections_that_change_over_under_load_lose_no_byte(void)
{
    check_mixture(&plain, MIXTURE_MAX);
    if (has_tls) {
        check_mixture(&secure, MIXTURE_MAX / 2);
    }
}

/* -------- what it costs -------- */

static void test_a_series_of_large_bodies_takes_few_receives(void)
{
    struct quoit_engine *engine = make_engine(&(struct quoit_options){ .in_flight_max = 1 });
    struct quoit_request request = { .url = live_url(&plain, "/page"), .retries = QUOIT_NONE };

    live_set(&plain, "body-size 1MiB");
    CHECK_EQ(live_run(engine, &request)->body.size, MEBIBYTE);
    uint64_t before = live_stats(engine).cqes;
    for (int i = 0; i < 30; i++) {
        quoit_turn(engine, 0);
        CHECK_EQ(live_run(engine, &request)->body.size, MEBIBYTE);
    }
    CHECK(live_stats(engine).cqes - before < (uint64_t)30 * 256 * 3 / 4); /* all in 4 KiB: 256 */
    quoit_destroy(engine);
    live_set(&plain, "body-size 56");
}

/* -------- failures -------- */

static void test_deadlines_go_on_after_a_change(void)
{
    const struct quoit_header stall = { "X-Mock-Fault", "stall-mid-body:3000000" };
    struct quoit_engine *engine = make_engine(&(struct quoit_options){ .in_flight_max = 4 });
    struct quoit_request request = {
        .url = live_url(&plain, "/page"),
        .headers = &stall,
        .headers_count = 1,
        .retries = QUOIT_NONE,
        .timeouts = { .idle_ns = 300 * LIVE_NS_PER_MS },
    };

    live_set(&plain, "body-size 4MiB");
    uint64_t before_ns = quoit_now_ns();
    const struct quoit_result *result = live_run(engine, &request);
    CHECK_EQ(result->error, QUOIT_E_TIMEOUT_IDLE);
    CHECK_EQ(result->body.size, 3000000);
    CHECK(quoit_now_ns() - before_ns >= 300 * LIVE_NS_PER_MS);
    CHECK(quoit_now_ns() - before_ns < 10 * LIVE_NS_PER_S);
    quoit_destroy(engine);
    live_set(&plain, "body-size 56");
}

static void test_large_bodies_can_be_given_up_at_any_moment(void)
{
    struct quoit_engine *engine = make_engine(&(struct quoit_options){ .in_flight_max = 8 });
    uint64_t ids[48];

    for (unsigned i = 0; i < 48; i++) {
        struct quoit_request request = echo(i % 2 == 0 || !has_tls ? &plain : &secure, i, 2000000);
        ids[i] = live_submit(engine, &request);
        for (unsigned turns = 0; turns < i % 7; turns++) {
            quoit_turn(engine, LIVE_NS_PER_MS);
        }
        if (i % 3 != 0) {
            quoit_cancel(engine, ids[i - i % 3]);
        }
    }
    live_drain(engine, 48);
    CHECK_EQ(live_stats(engine).failed, 0);
    struct quoit_request request = echo(&plain, 5, 3000000);
    check_echo(live_run(engine, &request), &request.body);
    quoit_destroy(engine);
}

/* -------- QUOIT_DISCARD -------- */

static void test_a_discarded_body_is_counted_and_not_kept(void)
{
    struct quoit_engine *engine = make_engine(&(struct quoit_options){ .in_flight_max = 1 });
    struct quoit_request request = echo(&plain, 0, 3000000);

    request.stream = QUOIT_DISCARD;
    const struct quoit_result *result = live_run(engine, &request);
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_EQ(result->status, 200);
    CHECK_EQ(result->body.size, 0);
    CHECK(result->body.bytes != NULL);
    CHECK(result->bytes_in > 3000000);
    CHECK(quoit_result_header(result, "content-length") != NULL);
    quoit_turn(engine, 0);
    request.body_size_max = 2999999;
    CHECK_EQ(live_run(engine, &request)->error, QUOIT_E_TOO_LARGE);
    quoit_turn(engine, 0);
    CHECK_EQ(quoit_pause(engine, live_submit(engine, &request), true), QUOIT_E_STALE);
    live_drain(engine, 1);
    quoit_destroy(engine);
}

static void test_discarded_chunks_have_the_same_limit(void)
{
    struct quoit_engine *engine = make_engine(&(struct quoit_options){ .body_size_max = 100000 });
    struct quoit_span wire = make_chunked(100001, 4093);
    struct quoit_request request = { .method = "POST",
                                     .url = live_url(&plain, "/raw"),
                                     .body = wire,
                                     .stream = QUOIT_DISCARD,
                                     .retries = QUOIT_NONE };

    CHECK_EQ(live_run(engine, &request)->error, QUOIT_E_TOO_LARGE);
    quoit_destroy(engine);
    free((void *)(uintptr_t)wire.bytes);
}

static void test_what_is_no_2xx_is_kept_all_the_same(void)
{
    struct quoit_engine *engine = make_engine(&(struct quoit_options){ .in_flight_max = 1 });
    struct quoit_request request = { .url = live_url(&plain, "/missing"),
                                     .stream = QUOIT_DISCARD,
                                     .retries = QUOIT_NONE };

    const struct quoit_result *result = live_run(engine, &request);
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_EQ(result->status, 404);
    CHECK(result->body.size > 0);
    quoit_destroy(engine);
}

int main(void)
{
    has_tls = certificates_make();
    fill_bytes();
    plain = live_start((const char *[]){ NULL });
    if (has_tls) {
        secure = live_start((const char *[]){ "--tls-cert", certificate("server.pem"), "--tls-key",
                                              certificate("server.key"), NULL });
    } else {
        printf("nothing over TLS: there is no openssl(1)\n");
    }
    RUN(test_bodies_of_each_size_come_whole_on_one_connection);
    RUN(test_chunks_of_odd_sizes_come_whole);
    RUN(test_connections_that_change_over_under_load_lose_no_byte);
    RUN(test_a_series_of_large_bodies_takes_few_receives);
    RUN(test_deadlines_go_on_after_a_change);
    RUN(test_large_bodies_can_be_given_up_at_any_moment);
    RUN(test_a_discarded_body_is_counted_and_not_kept);
    RUN(test_discarded_chunks_have_the_same_limit);
    RUN(test_what_is_no_2xx_is_kept_all_the_same);
    if (has_tls) {
        live_stop(&secure);
    }
    live_stop(&plain);
    free(bytes);
    return check_done();
}
