/*
 * engine_conn, through a proxy: what is said to it, which of its answers let the TLS handshake
 * begin, and that every other one ends the attempt before a byte of TLS was sent.
 */
#include "tests/unit/conn_fixture.h"

#include <sys/resource.h>

#define ASKED "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n"
#define OPENED "HTTP/1.1 200 Connection established\r\n\r\n"

static struct quoit_tls *tls;

static struct conn_target tunnel_target(void)
{
    struct conn_target target = target_of();

    target.tls = tls;
    target.tunnel = (struct quoit_span){ ASKED, strlen(ASKED) };
    return target;
}

/* Connected to the proxy, which has read what it is asked. */
static void ask(const struct conn_target *target)
{
    char got[sizeof(ASKED)];

    shared.now_ns = ring_now_ns(ring);
    CHECK_EQ(conn_open(conn, target), QUOIT_OK);
    while (conn->state == CONN_CONNECTING && pump(PATIENCE_NS)) {
    }
    CHECK_EQ(conn->state, CONN_TUNNELLING);
    if (peer >= 0) {
        close(peer);
    }
    peer = accept(listener, NULL, NULL);
    CHECK(peer >= 0);
    pump(0); /* hands the send over */
    read_fully(peer, got, strlen(ASKED));
    CHECK_MEM(got, strlen(ASKED), ASKED, strlen(ASKED));
}

static void ask_for_ever(void)
{
    const struct conn_target target = tunnel_target();

    ask(&target);
}

/* Nothing but a TLS record with a ClientHello has come behind what was asked. */
static void check_hello(void)
{
    char got[6];

    pump(0);
    read_fully(peer, got, sizeof(got));
    CHECK_EQ(got[0], 0x16);
    CHECK_EQ(got[1], 0x03);
    CHECK_EQ(got[5], 0x01);
}

/* Nothing at all has come, and nothing will. */
static void check_no_hello(void)
{
    CHECK(at_end(peer));
}

static void close_now(void)
{
    conn_close(conn, QUOIT_E_CANCELLED);
    await_closed(QUOIT_E_CANCELLED);
}

static void test_a_2xx_lets_the_handshake_begin_wherever_it_is_cut(void)
{
    static const char *const answers[] = {
        OPENED,
        "HTTP/1.0 299 OK\r\nContent-Length: 70\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    };

    conn_begin();
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        for (size_t cut = 1; cut < strlen(answers[i]); cut++) {
            ask_for_ever();
            write_fully(peer, answers[i], cut);
            await_verdict(CONN_WORKING);
            CHECK_EQ(conn->state, CONN_TUNNELLING);
            say(answers[i] + cut);
            while (conn->state == CONN_TUNNELLING && pump(PATIENCE_NS)) {
            }
            CHECK_EQ(conn->state, CONN_SECURING);
            CHECK(conn->tunnel == NULL);
            check_hello();
            close_now();
        }
    }
    conn_end();
}

static void test_each_refusal_has_its_name_and_sends_no_tls(void)
{
    static const struct {
        const char *name, *answer;
        enum quoit_error error;
        const char *detail;
    } cases[] = {
        { "407", "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 1\r\n\r\nx",
          QUOIT_E_PROXY, "the proxy answers 407 to CONNECT" },
        { "403", "HTTP/1.1 403 Filtered\r\n\r\n", QUOIT_E_PROXY,
          "the proxy answers 403 to CONNECT" },
        { "302", "HTTP/1.1 302 Go\r\nLocation: http://h/\r\n\r\n", QUOIT_E_PROXY,
          "the proxy answers 302 to CONNECT" },
        { "501", "HTTP/1.1 501 What\r\n\r\n", QUOIT_E_PROXY, "the proxy answers 501 to CONNECT" },
        { "500", "HTTP/1.1 500 Oh\r\n\r\n", QUOIT_E_CONNECT, "the proxy answers 500 to CONNECT" },
        { "502", "HTTP/1.1 502 Bad\r\n\r\n", QUOIT_E_CONNECT, "the proxy answers 502 to CONNECT" },
        { "503", "HTTP/1.1 503 Busy\r\n\r\n", QUOIT_E_CONNECT, "the proxy answers 503 to CONNECT" },
        { "504", "HTTP/1.1 504 Late\r\n\r\n", QUOIT_E_CONNECT, "the proxy answers 504 to CONNECT" },
        { "early bytes", OPENED "\x16", QUOIT_E_PROTOCOL,
          "bytes in the tunnel before it was used" },
        { "a body", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", QUOIT_E_PROTOCOL,
          "bytes in the tunnel before it was used" },
        { "garbage", "SSH-2.0-x\r\n", QUOIT_E_PROTOCOL, NULL },
    };

    conn_begin();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(cases[i].name);
        ask_for_ever();
        say(cases[i].answer);
        await_closed(cases[i].error);
        CHECK_EQ(conn->os_error, 0);
        CHECK(strstr(conn->detail, "proxy") != NULL || cases[i].detail != NULL);
        if (cases[i].detail != NULL) {
            CHECK_STR(conn->detail, cases[i].detail);
        }
        check_no_hello();
    }
    check_case("");
    conn_end();
}

static void test_a_head_without_end_is_too_large(void)
{
    char *head = malloc(TUNNEL_HEAD_MAX + 1);

    conn_begin();
    ask_for_ever();
    memset(head, 'x', TUNNEL_HEAD_MAX + 1);
    memcpy(head, "HTTP/1.1 200 ", 13);
    write_fully(peer, head, TUNNEL_HEAD_MAX + 1);
    await_closed(QUOIT_E_TOO_LARGE);
    conn_end();
    free(head);
}

static void test_a_proxy_that_hangs_up_is_a_reset(void)
{
    static const char *const heard[] = { "", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\n" };

    conn_begin();
    for (size_t i = 0; i < COUNT_OF(heard); i++) {
        ask_for_ever();
        say(heard[i]);
        shutdown(peer, SHUT_WR);
        await_closed(QUOIT_E_RESET);
        CHECK_STR(conn->detail, "the proxy closed before it answered");
    }
    conn_end();
}

static void test_a_silent_proxy_takes_the_time_to_connect_and_no_more(void)
{
    static const enum quoit_error errors[] = { QUOIT_E_TIMEOUT_CONNECT, QUOIT_E_TIMEOUT_TOTAL,
                                               QUOIT_E_TIMEOUT_DEADLINE };

    conn_begin();
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        struct conn_target target = tunnel_target();
        uint64_t soon_ns = ring_now_ns(ring) + 30 * NS_PER_MS;
        check_case(quoit_error_name(errors[i]));
        target.connect_ns = i == 0 ? soon_ns : NEVER;
        target.attempt_ns = i == 1 ? soon_ns : NEVER;
        target.deadline_ns = i == 2 ? soon_ns : NEVER;
        target.tls_ns = 1;
        ask(&target);
        say("HTTP/1.1 100 Wait\r\n\r\nHTTP");
        await_closed(errors[i]);
        CHECK(ring_now_ns(ring) >= soon_ns);
        CHECK_STR(conn->detail, "the proxy has not answered");
    }
    check_case("");
    conn_end();
}

/* The time of the handshake begins when the tunnel is there. */
static void test_the_handshake_has_a_time_of_its_own(void)
{
    struct conn_target target = tunnel_target();

    conn_begin();
    target.connect_ns = ring_now_ns(ring) + 20 * NS_PER_S;
    target.tls_ns = 30 * NS_PER_MS;
    ask(&target);
    uint64_t begin_ns = ring_now_ns(ring);
    say(OPENED);
    await_closed(QUOIT_E_TIMEOUT_TLS);
    CHECK(ring_now_ns(ring) - begin_ns >= target.tls_ns);
    CHECK(ring_now_ns(ring) - begin_ns < 10 * NS_PER_S);
    check_hello();
    conn_end();
}

static void test_closing_waits_for_the_kernel_while_a_tunnel_opens(void)
{
    const struct conn_target target = tunnel_target();

    conn_begin();
    struct pollfd arrived = { .fd = listener, .events = POLLIN };
    CHECK_EQ(conn_open(conn, &target), QUOIT_OK);
    close_now(); /* while it connects */
    if (poll(&arrived, 1, 0) == 1) {
        close(accept(listener, NULL, NULL));
    }
    ask_for_ever();
    close_now();
    CHECK(conn->tunnel == NULL);
    ask_for_ever();
    write_fully(peer, OPENED, 20);
    await_verdict(CONN_WORKING);
    close_now();
    open_conn(); /* and what was to be said to the proxy is forgotten */
    send_request();
    say(answer);
    await_verdict(CONN_ANSWERED);
    close_idle();
    conn_end();
}

/* What was to be said to the proxy belongs to that opening, and to no later one. */
static void test_an_opening_without_a_descriptor_leaves_nothing_to_be_said(void)
{
    const struct conn_target tunnel = tunnel_target();
    struct conn_target direct = target_of();
    struct rlimit limit, none;
    char got[1];

    conn_begin();
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK_EQ(conn_open(conn, &tunnel), QUOIT_E_NO_DESCRIPTOR);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(conn->state, CONN_FREE);
    CHECK(conn->tunnel == NULL && conn->session == NULL);
    direct.tls = tls;
    CHECK_EQ(conn_open(conn, &direct), QUOIT_OK);
    while (conn->state != CONN_SECURING && pump(PATIENCE_NS)) {
    }
    peer = accept(listener, NULL, NULL);
    pump(0);
    read_fully(peer, got, 1);
    CHECK_EQ(got[0], 0x16); /* TLS, at once */
    close_now();
    conn_end();
}

int main(void)
{
    const struct quoit_tls_options insecure = { .insecure = true };

    conn_tests_begin();
    if (quoit_tls_create(&insecure, &tls) != QUOIT_OK) {
        return 1;
    }
    RUN(test_a_2xx_lets_the_handshake_begin_wherever_it_is_cut);
    RUN(test_each_refusal_has_its_name_and_sends_no_tls);
    RUN(test_a_head_without_end_is_too_large);
    RUN(test_a_proxy_that_hangs_up_is_a_reset);
    RUN(test_a_silent_proxy_takes_the_time_to_connect_and_no_more);
    RUN(test_the_handshake_has_a_time_of_its_own);
    RUN(test_closing_waits_for_the_kernel_while_a_tunnel_opens);
    RUN(test_an_opening_without_a_descriptor_leaves_nothing_to_be_said);
    quoit_tls_destroy(tls);
    return conn_tests_end();
}
