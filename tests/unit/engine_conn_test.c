/*
 * engine_conn: what becomes of an exchange, by what the server says and when. Time, pauses, hunger
 * and cancels are in engine_conn_end_test.c.
 */
#include "tests/unit/conn_fixture.h"

#include <sys/resource.h>
#include <sys/un.h>

/* -------- the happy path -------- */

static void test_requests_follow_each_other_on_one_connection(void)
{
    conn_begin();
    open_conn();
    CHECK(conn->connected_ns > 0);
    for (uint64_t i = 1; i <= 20; i++) {
        send_request();
        CHECK(conn_has_sent_all(conn));
        CHECK_EQ(conn->reused, i > 1);
        CHECK_EQ(conn->exchanges, i);
        say(answer);
        await_verdict(CONN_ANSWERED);
        CHECK_EQ(conn->state, CONN_IDLE);
        CHECK_EQ(conn->response.status, 200);
        CHECK_EQ(conn->received, strlen(answer));
        CHECK(conn->first_byte_ns >= conn->connected_ns);
        CHECK(conn->answered_ns >= conn->first_byte_ns);
        check_body("0123456789");
    }
    CHECK_EQ(verdicts[CONN_OPENED], 1);
    CHECK_EQ(verdicts[CONN_PROGRESS], 0);
    close_idle();
    conn_end();
}

static void test_an_answer_in_two_pieces_is_the_same_answer_wherever_it_is_cut(void)
{
    conn_begin();
    open_conn();
    for (size_t cut = 1; cut < strlen(answer); cut++) {
        send_request();
        write_fully(peer, answer, cut);
        await_verdict(CONN_PROGRESS);
        CHECK_EQ(conn->state, CONN_BUSY);
        say(answer + cut);
        await_verdict(CONN_ANSWERED);
        CHECK_EQ(conn->received, strlen(answer));
        check_body("0123456789");
    }
    close_idle();
    conn_end();
}

static void test_a_long_request_arrives_whole_and_then_its_answer_counts(void)
{
    const struct conn_exchange exchange = exchange_of(large, LARGE_SIZE);
    char *got = malloc(LARGE_SIZE);
    size_t left = strlen(request), read_size = 0;

    conn_begin();
    open_conn();
    send_exchange(&exchange);
    CHECK(!conn_has_sent_all(conn));
    while (read_size < LARGE_SIZE && check_failures == 0) {
        pump(0);
        ssize_t count =
            recv(peer, got + read_size, left > 0 ? left : LARGE_SIZE - read_size, MSG_DONTWAIT);
        if (count > 0 && left > 0) {
            left -= (size_t)count; /* of the head */
        } else if (count > 0) {
            read_size += (size_t)count;
        }
    }
    stream_check(got, LARGE_SIZE, 0);
    while (!conn_has_sent_all(conn) && pump(PATIENCE_NS)) {
    }
    say(answer);
    await_verdict(CONN_ANSWERED);
    send_request(); /* in step */
    say(answer);
    await_verdict(CONN_ANSWERED);
    close_idle();
    free(got);
    conn_end();
}

/* DESIGN.md 6: nothing is armed again and nothing is cancelled on the usual way. */
static void test_a_usual_request_costs_one_submission(void)
{
    enum { REQUESTS = 200 };

    conn_begin();
    shared.arm_max_ns = 10 * NS_PER_S;
    open_conn();
    pump(0);
    uint64_t before = ring_stats_read(ring).sqes;
    for (int i = 0; i < REQUESTS; i++) {
        struct conn_exchange exchange = exchange_of("body", 4);
        shared.now_ns = ring_now_ns(ring);
        exchange.first_byte_ns = 600 * NS_PER_S;
        exchange.idle_ns = 300 * NS_PER_S;
        exchange.attempt_ns = after_ns(shared.now_ns, 3600 * NS_PER_S);
        send_small(&exchange);
        say(answer);
        await_verdict(CONN_ANSWERED);
        conn_rest(conn, after_ns(shared.now_ns, 60 * NS_PER_S));
    }
    CHECK_EQ(ring_stats_read(ring).sqes - before, REQUESTS);
    close_idle();
    conn_end();
}

/* -------- ends and answers -------- */

static void test_a_refused_connection_says_why_and_can_be_opened_again(void)
{
    const struct conn_target target = target_of();

    conn_begin();
    close(listener);
    CHECK_EQ(conn_open(conn, &target), QUOIT_OK);
    CHECK_EQ(conn->state, CONN_CONNECTING);
    await_closed(QUOIT_E_CONNECT);
    CHECK_EQ(conn->os_error, ECONNREFUSED);
    CHECK(conn->detail[0] != '\0');
    listener = make_listener(&address, 8);
    open_conn();
    CHECK_EQ(conn->os_error, 0);
    close_idle();
    conn_end();
}

static void test_without_a_descriptor_a_connection_stays_free(void)
{
    const struct conn_target target = target_of();
    struct rlimit limit, none;

    conn_begin();
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK_EQ(conn_open(conn, &target), QUOIT_E_NO_DESCRIPTOR);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(conn->os_error, EMFILE);
    CHECK_EQ(conn->state, CONN_FREE);
    CHECK_EQ(conn->fd, -1);
    open_conn();
    close_idle();
    conn_end();
}

static void test_what_a_server_says_decides_how_the_exchange_ends(void)
{
    static const struct {
        const char *name, *said;
        bool then_closes;
        enum quoit_error error; /* all of these close */
        const char *body;
    } cases[] = {
        { "nothing, and closes", "", true, QUOIT_E_RESET, "" },
        { "half a head", "HTTP/1.1 200 O", true, QUOIT_E_INCOMPLETE, "" },
        { "half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012", true,
          QUOIT_E_INCOMPLETE, "012" },
        { "half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", true,
          QUOIT_E_INCOMPLETE, "abc" },
        { "no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", false, QUOIT_E_PROTOCOL, "" },
        { "close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false,
          QUOIT_OK, "ok" },
        { "HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, QUOIT_OK, "ok" },
        { "until the end", "HTTP/1.1 200 OK\r\n\r\nall of it", true, QUOIT_OK, "all of it" },
        { "more than one answer",
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: "
          "6\r\n\r\npoison",
          false, QUOIT_OK, "ok" },
        { "one byte more", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\n", false, QUOIT_OK,
          "ok" },
    };

    conn_begin();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(cases[i].name);
        open_conn();
        send_request();
        if (*cases[i].said != '\0') {
            say(cases[i].said);
        }
        if (cases[i].then_closes) {
            shutdown(peer, SHUT_WR);
        }
        await_closed(cases[i].error);
        check_body(cases[i].body);
        CHECK(at_end(peer));
    }
    check_case("");
    CHECK_EQ(verdicts[CONN_ANSWERED], 0);
    conn_end();
}

static void test_an_answer_cut_short_says_how_far_it_got(void)
{
    conn_begin();
    open_conn();
    send_request();
    say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012");
    shutdown(peer, SHUT_WR);
    await_closed(QUOIT_E_INCOMPLETE);
    CHECK_STR(conn->detail, "after 3 of 10 bytes");
    conn_end();
}

static void test_a_server_that_closes_while_idle_is_known_at_once(void)
{
    conn_begin();
    open_conn();
    shutdown(peer, SHUT_WR);
    await_closed(QUOIT_E_RESET);
    open_conn();
    send_request();
    say(answer);
    await_verdict(CONN_ANSWERED);
    close(peer);
    peer = -1;
    await_verdict(CONN_CLOSED);
    CHECK_EQ(conn->state, CONN_FREE);
    conn_end();
}

static void test_unasked_bytes_on_an_idle_connection_close_it(void)
{
    conn_begin();
    open_conn();
    say(answer);
    await_closed(QUOIT_E_RESET);
    CHECK(at_end(peer));
    conn_end();
}

/* The same connection by a unix socket, which has room for what it has room for and no more. */
static void open_local(void)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    socklen_t size = sizeof(local.sun_family); /* the kernel finds a name */
    struct conn_target target = target_of();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_EQ(bind(fd, (struct sockaddr *)&local, size), 0);
    size = sizeof(local);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&local, &size), 0);
    CHECK_EQ(listen(fd, 1), 0);
    target.address = (struct sockaddr *)&local;
    target.address_size = size;
    CHECK_EQ(conn_open(conn, &target), QUOIT_OK);
    await_verdict(CONN_OPENED);
    if (peer >= 0) {
        close(peer);
    }
    peer = accept(fd, NULL, NULL);
    close(fd);
}

/* R01: an answer that comes while nothing of the request has gone out is none. */
static void test_bytes_that_come_before_the_request_went_out_are_not_its_answer(void)
{
    const struct conn_exchange exchanges[] = { exchange_of("body", 4),
                                               exchange_of(large, LARGE_SIZE) };

    conn_begin();
    for (size_t i = 0; i < COUNT_OF(exchanges); i++) {
        open_local();
        fill_socket(conn->fd); /* so that none of it will */
        send_exchange(&exchanges[i]);
        pump(0);
        CHECK(!conn_has_sent_all(conn));
        say(answer);
        await_closed(QUOIT_E_RESET);
        CHECK_EQ(body.size, 0);
        CHECK(!conn->response.started);
    }
    CHECK_EQ(verdicts[CONN_ANSWERED], 0);
    conn_end();
}

/* R30: a success that closes, told when the kernel has let go of the request. */
static void test_an_answer_before_the_request_is_sent_is_a_success_that_closes(void)
{
    char *own = malloc(LARGE_SIZE);

    conn_begin();
    memcpy(own, large, LARGE_SIZE);
    open_conn();
    const struct conn_exchange exchange = exchange_of(own, LARGE_SIZE);
    send_exchange(&exchange);
    pump(0);
    say("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    await_closed(QUOIT_OK);
    free(own); /* nothing points to it any more */
    CHECK_EQ(conn->response.status, 413);
    check_body("no");
    conn_end();
}

static void test_a_send_that_fails_lets_the_receive_tell(void)
{
    const struct conn_exchange exchange = exchange_of(large, LARGE_SIZE);

    conn_begin();
    open_local();
    send_exchange(&exchange);
    CHECK(pump(PATIENCE_NS)); /* some of it has gone out */
    shutdown(peer, SHUT_RD);  /* and no more can, but the server still speaks */
    while (conn->in_flight & BIT(RING_SEND)) {
        CHECK(pump(PATIENCE_NS));
    }
    CHECK_EQ(conn->state, CONN_BUSY);
    CHECK_EQ(conn->os_error, EPIPE);
    say("HTTP/1.1 401 Who\r\nContent-Length: 2\r\n\r\nno");
    await_closed(QUOIT_OK);
    CHECK_EQ(conn->response.status, 401);
    check_body("no");
    conn_end();
}

int main(void)
{
    conn_tests_begin();
    RUN(test_requests_follow_each_other_on_one_connection);
    RUN(test_an_answer_in_two_pieces_is_the_same_answer_wherever_it_is_cut);
    RUN(test_a_long_request_arrives_whole_and_then_its_answer_counts);
    RUN(test_a_usual_request_costs_one_submission);
    RUN(test_a_refused_connection_says_why_and_can_be_opened_again);
    RUN(test_without_a_descriptor_a_connection_stays_free);
    RUN(test_what_a_server_says_decides_how_the_exchange_ends);
    RUN(test_an_answer_cut_short_says_how_far_it_got);
    RUN(test_a_server_that_closes_while_idle_is_known_at_once);
    RUN(test_unasked_bytes_on_an_idle_connection_close_it);
    RUN(test_bytes_that_come_before_the_request_went_out_are_not_its_answer);
    RUN(test_an_answer_before_the_request_is_sent_is_a_success_that_closes);
    RUN(test_a_send_that_fails_lets_the_receive_tell);
    return conn_tests_end();
}
