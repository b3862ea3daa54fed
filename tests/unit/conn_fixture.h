/*
 * conn_fixture: a connection over the real ring, against a peer on loopback that the test plays.
 *
 * conn_begin, open_conn, send_request, say, await_verdict, close_idle, conn_end. pump does what the
 * engine does with each completion, and counts the verdicts. The peer never waits and never reads
 * by itself.
 */
#ifndef QUOIT_TESTS_CONN_FIXTURE_H
#define QUOIT_TESTS_CONN_FIXTURE_H

#include "engine/conn.h"

#include "tests/unit/ring_fixture.h"

#include <signal.h>

#define CONN_COUNT 4
#define VERDICTS (CONN_CLOSED + 1)
#define LARGE_SIZE (6 * 1024 * 1024)
#define NEVER UINT64_MAX

static const char request[] = "POST /v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
static char *large; /* a request's body that no socket takes at once */

static struct conn_shared shared;
static struct conn conns[CONN_COUNT];
static struct conn *conn = &conns[0];
static unsigned verdicts[VERDICTS];
static struct sockaddr_in address;
static int listener = -1, peer = -1;
static struct buffer text, headers, body;

static inline void conn_begin(void)
{
    fixture_begin(CONN_COUNT);
    shared = (struct conn_shared){ .ring = ring, .arm_max_ns = 60 * NS_PER_S };
    list_init(&shared.hungry[RING_SMALL]);
    list_init(&shared.hungry[RING_LARGE]);
    shared.now_ns = ring_now_ns(ring);
    for (uint32_t i = 0; i < CONN_COUNT; i++) {
        conn_init(&conns[i], i, &shared);
    }
    memset(verdicts, 0, sizeof(verdicts));
    listener = make_listener(&address, 8);
    peer = -1;
}

static inline void conn_end(void)
{
    for (uint32_t i = 0; i < CONN_COUNT; i++) {
        CHECK_EQ(conns[i].state, CONN_FREE);
        conn_free(&conns[i]);
    }
    close(listener);
    if (peer >= 0) {
        close(peer);
    }
    buffer_free(&text);
    buffer_free(&headers);
    buffer_free(&body);
    fixture_end();
}

/* One completion, if any comes in that time. */
static inline bool pump(uint64_t wait_ns)
{
    struct ring_done done;

    if (!next_done(&done, wait_ns)) {
        return false;
    }
    shared.now_ns = ring_after_ns(ring);
    verdicts[conn_on_done(&conns[done.tag.conn], &done)]++;
    give_back(&done);
    return true;
}

/* Until that verdict comes once more. */
static inline void await_verdict(enum conn_verdict verdict)
{
    unsigned before = verdicts[verdict];

    while (verdicts[verdict] == before) {
        if (!pump(PATIENCE_NS)) {
            CHECK_FAIL("verdict %d does not come; state %d, error %d %s", verdict, conn->state,
                       conn->error, conn->detail);
            exit(1); /* it would come in the middle of another test */
        }
    }
}

/* It is closed for that reason, told once, and the kernel holds nothing. */
static inline void await_closed(enum quoit_error error)
{
    unsigned before = verdicts[CONN_CLOSED];

    await_verdict(CONN_CLOSED);
    CHECK_EQ(conn->error, error);
    CHECK_EQ(conn->state, CONN_FREE);
    CHECK_EQ(conn->in_flight, 0);
    CHECK_EQ(conn->fd, -1);
    CHECK(list_is_empty(&conn->hungry_link));
    CHECK(!pump(0));
    CHECK_EQ(verdicts[CONN_CLOSED], before + 1);
}

static inline struct conn_target target_of(void)
{
    return (struct conn_target){ .address = (struct sockaddr *)&address,
                                 .address_size = sizeof(address),
                                 .host = "localhost",
                                 .connect_ns = NEVER,
                                 .tls_ns = NEVER,
                                 .attempt_ns = NEVER,
                                 .deadline_ns = NEVER };
}

static inline void open_conn(void)
{
    const struct conn_target target = target_of();

    shared.now_ns = ring_now_ns(ring);
    CHECK_EQ(conn_open(conn, &target), QUOIT_OK);
    await_verdict(CONN_OPENED);
    CHECK_EQ(conn->state, CONN_IDLE);
    if (peer >= 0) {
        close(peer);
    }
    peer = accept(listener, NULL, NULL);
    CHECK(peer >= 0);
}

static inline struct conn_exchange exchange_of(const char *body_bytes, size_t body_size)
{
    return (struct conn_exchange){
        .head = { request, strlen(request) },
        .body = { body_bytes, body_size },
        .answer = { .text = &text,
                    .headers = &headers,
                    .body = &body,
                    .body_size_max = 1 << 30,
                    .head_size_max = 65536,
                    .headers_max = 256 },
        .write_ns = NEVER,
        .first_byte_ns = NEVER,
        .idle_ns = NEVER,
        .attempt_ns = NEVER,
        .deadline_ns = NEVER,
    };
}

static inline void send_exchange(const struct conn_exchange *exchange)
{
    shared.now_ns = ring_now_ns(ring);
    conn_send(conn, exchange);
    CHECK_EQ(conn->state, CONN_BUSY);
}

/* A small request, which has arrived. */
static inline void send_small(const struct conn_exchange *exchange)
{
    char got[sizeof(request) + 4];

    send_exchange(exchange);
    pump(0);
    read_fully(peer, got, strlen(request) + 4);
    CHECK_MEM(got, strlen(request), request, strlen(request));
    CHECK_MEM(got + strlen(request), 4, "body", 4);
}

static inline void send_request(void)
{
    const struct conn_exchange exchange = exchange_of("body", 4);

    send_small(&exchange);
}

static inline void say(const char *words)
{
    write_fully(peer, words, strlen(words));
}

static inline void check_body(const char *wanted)
{
    CHECK_MEM(buffer_span(&body).bytes, body.size, wanted, strlen(wanted));
}

static inline void close_idle(void)
{
    conn_close(conn, QUOIT_OK);
    await_closed(QUOIT_OK);
    CHECK(at_end(peer));
}

/* Let the next completions be in the engine's hands, and not yet acted on. */
static inline void hold_done(uint32_t done_max)
{
    while (done_count == 0) {
        done_first = 0;
        done_count = ring_turn(ring, done_queue, done_max, PATIENCE_NS, false);
    }
}

static inline void conn_tests_begin(void)
{
    alarm(120); /* a wait that nothing ends fails the test */
    signal(SIGPIPE, SIG_IGN);
    large = malloc(LARGE_SIZE);
    if (large == NULL) {
        exit(1);
    }
    stream_fill(large, LARGE_SIZE, 0);
}

static inline int conn_tests_end(void)
{
    free(large);
    return check_done();
}

#endif
