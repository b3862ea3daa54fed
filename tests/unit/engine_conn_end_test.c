/*
 * engine_conn, its deadlines, pauses and ends: whatever is under way, CONN_CLOSED comes exactly
 * once, and then the kernel holds nothing.
 */
#include "tests/unit/conn_fixture.h"

/* -------- time -------- */

enum which { FIRST_BYTE, IDLE, TOTAL, DEADLINE, WRITE };

static void test_each_timeout_has_its_name_and_its_time(void)
{
    static const struct {
        enum which which;
        enum quoit_error error;
    } cases[] = {
        { FIRST_BYTE, QUOIT_E_TIMEOUT_FIRST_BYTE }, { IDLE, QUOIT_E_TIMEOUT_IDLE },
        { TOTAL, QUOIT_E_TIMEOUT_TOTAL },           { DEADLINE, QUOIT_E_TIMEOUT_DEADLINE },
        { WRITE, QUOIT_E_TIMEOUT_WRITE },
    };

    conn_begin();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const uint64_t length_ns = 20 * NS_PER_MS;
        bool writes = cases[i].which == WRITE;
        struct conn_exchange exchange =
            exchange_of(writes ? large : "body", writes ? LARGE_SIZE : 4);
        check_case(quoit_error_name(cases[i].error));
        open_conn();
        uint64_t begin_ns = ring_now_ns(ring);
        exchange.first_byte_ns = cases[i].which == FIRST_BYTE ? length_ns : NEVER;
        exchange.idle_ns = cases[i].which == IDLE ? length_ns : NEVER;
        exchange.write_ns = writes ? length_ns : NEVER;
        exchange.attempt_ns = cases[i].which == TOTAL ? begin_ns + length_ns : NEVER;
        exchange.deadline_ns = cases[i].which == DEADLINE ? begin_ns + length_ns : NEVER;
        send_exchange(&exchange);
        if (cases[i].which == IDLE) {
            pump(0);
            say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01");
        }
        await_closed(cases[i].error);
        CHECK(ring_now_ns(ring) - begin_ns >= length_ns);
    }
    check_case("");
    conn_end();
}

static void test_opening_has_its_deadlines_too(void)
{
    static const enum quoit_error errors[] = { QUOIT_E_TIMEOUT_CONNECT, QUOIT_E_TIMEOUT_TOTAL,
                                               QUOIT_E_TIMEOUT_DEADLINE };
    int fillers[8];

    conn_begin();
    close(listener);
    listener = make_listener(&address, 0);
    for (size_t i = 0; i < COUNT_OF(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
    }
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        struct conn_target target = target_of();
        uint64_t soon_ns = ring_now_ns(ring) + 15 * NS_PER_MS;
        check_case(quoit_error_name(errors[i]));
        target.connect_ns = i == 0 ? soon_ns : NEVER;
        target.attempt_ns = i == 1 ? soon_ns : NEVER;
        target.deadline_ns = i == 2 ? soon_ns : NEVER;
        CHECK_EQ(conn_open(conn, &target), QUOIT_OK);
        await_closed(errors[i]);
        CHECK(ring_now_ns(ring) >= soon_ns);
    }
    check_case("");
    for (size_t i = 0; i < COUNT_OF(fillers); i++) {
        close(fillers[i]);
    }
    conn_end();
}

static void test_a_connection_leaves_the_pool_when_its_time_is_over(void)
{
    conn_begin();
    open_conn();
    send_request();
    say(answer);
    await_verdict(CONN_ANSWERED);
    uint64_t until_instant_ns = ring_now_ns(ring) + 15 * NS_PER_MS;
    conn_rest(conn, until_instant_ns); /* earlier than what is armed */
    await_closed(QUOIT_OK);
    CHECK(ring_now_ns(ring) >= until_instant_ns);
    conn_end();
}

/* The kernel's timer fires again and again, and only the deadline itself counts. */
static void test_a_timer_that_fires_early_is_armed_again(void)
{
    conn_begin();
    shared.arm_max_ns = 2 * NS_PER_MS;
    open_conn();
    send_request();
    uint64_t before = ring_stats_read(ring).sqes;
    while (ring_stats_read(ring).sqes - before < 20) {
        CHECK(pump(PATIENCE_NS));
    }
    CHECK_EQ(conn->state, CONN_BUSY);
    say(answer);
    await_verdict(CONN_ANSWERED);
    check_body("0123456789");
    close_idle();
    conn_end();
}

/* Each second request has a deadline before what is armed, so the receive is taken back. */
static void test_deadlines_that_move_earlier_and_later_lose_no_byte(void)
{
    conn_begin();
    open_conn();
    for (int i = 0; i < 300; i++) {
        struct conn_exchange exchange = exchange_of("body", 4);
        exchange.first_byte_ns = i % 2 == 0 ? 10 * NS_PER_S : NEVER;
        exchange.idle_ns = i % 3 == 0 ? 5 * NS_PER_S : NEVER;
        send_small(&exchange);
        write_fully(peer, answer, 45);
        pump(0);
        say(answer + 45);
        await_verdict(CONN_ANSWERED);
        check_body("0123456789");
        conn_rest(conn, after_ns(shared.now_ns, i % 2 == 0 ? NS_PER_S * 2 : NS_PER_S * 60));
    }
    CHECK_EQ(verdicts[CONN_CLOSED], 0);
    close_idle();
    conn_end();
}

static void test_a_deadline_that_moves_earlier_is_met(void)
{
    conn_begin();
    open_conn();
    send_request();
    say(answer);
    await_verdict(CONN_ANSWERED); /* armed for a minute */
    struct conn_exchange exchange = exchange_of("body", 4);
    uint64_t begin_ns = ring_now_ns(ring);
    exchange.first_byte_ns = 10 * NS_PER_MS;
    send_exchange(&exchange);
    await_closed(QUOIT_E_TIMEOUT_FIRST_BYTE);
    CHECK(ring_now_ns(ring) - begin_ns >= 10 * NS_PER_MS);
    CHECK(ring_now_ns(ring) - begin_ns < PATIENCE_NS);
    conn_end();
}

/* -------- pause and hunger -------- */

static void test_a_paused_exchange_takes_nothing_in_and_goes_on_where_it_stopped(void)
{
    const char *const pieces[] = { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01", "23", "45",
                                   "67", "89" };

    conn_begin();
    open_conn();
    send_request();
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        conn_pause(conn, true);
        conn_pause(conn, true); /* it is */
        while (conn->in_flight != 0 && pump(PATIENCE_NS)) {
        }
        size_t size = body.size;
        say(pieces[i]);
        CHECK(!pump(2 * NS_PER_MS));
        CHECK_EQ(body.size, size);
        conn_pause(conn, false);
        conn_pause(conn, false);
        await_verdict(i + 1 < COUNT_OF(pieces) ? CONN_PROGRESS : CONN_ANSWERED);
    }
    check_body("0123456789");
    close_idle();
    conn_end();
}

static void test_a_pause_that_is_taken_back_at_once_changes_nothing(void)
{
    conn_begin();
    open_conn();
    for (int i = 0; i < 100; i++) {
        send_request();
        conn_pause(conn, true);
        conn_pause(conn, false);
        if (i % 2 == 0) {
            say(answer);
        }
        pump(0);
        if (i % 2 == 1) {
            say(answer);
        }
        if (conn->state == CONN_BUSY) {
            await_verdict(CONN_ANSWERED);
        }
        check_body("0123456789");
    }
    CHECK_EQ(verdicts[CONN_ANSWERED], 100);
    close_idle();
    conn_end();
}

static void test_the_idle_clock_stands_still_during_a_pause(void)
{
    struct conn_exchange exchange = exchange_of("body", 4);

    conn_begin();
    open_conn();
    exchange.idle_ns = 500 * NS_PER_MS;
    send_small(&exchange);
    write_fully(peer, answer, 45);
    await_verdict(CONN_PROGRESS);
    conn_pause(conn, true);
    uint64_t begin_ns = ring_now_ns(ring);
    while (ring_now_ns(ring) - begin_ns < 600 * NS_PER_MS) {
        pump(100 * NS_PER_MS);
    }
    CHECK_EQ(conn->state, CONN_BUSY);
    shared.now_ns = ring_now_ns(ring);
    conn_pause(conn, false);
    CHECK_EQ(conn->deadline_ns, shared.now_ns + exchange.idle_ns);
    say(answer + 45);
    await_verdict(CONN_ANSWERED);
    check_body("0123456789");
    close_idle();
    conn_end();
}

/* Connection 1 takes every buffer the ring has, and gives them back when told to. */
static struct ring_done taken[65536];
static uint32_t taken_count;

static void take_all_buffers(int fds[2])
{
    static char bytes[65536];

    make_pair(fds);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    ring_recv_stand(ring, 1, fds[0], RING_SMALL, RING_NO_DEADLINE);
    for (taken_count = 0;;) {
        struct ring_done done;
        CHECK(write(fds[1], bytes, sizeof(bytes)) != 0);
        if (!next_done(&done, PATIENCE_NS) || !done.more || taken_count == COUNT_OF(taken)) {
            CHECK_EQ(done.result, -ENOBUFS);
            return;
        }
        taken[taken_count++] = done;
    }
}

static void give_all_back(int fds[2])
{
    while (taken_count > 0) {
        give_back(&taken[--taken_count]);
    }
    close(fds[0]);
    close(fds[1]);
}

static void test_without_buffers_a_connection_is_hungry_until_it_is_fed(void)
{
    int fds[2];

    conn_begin();
    open_conn();
    send_request();
    take_all_buffers(fds);
    CHECK_EQ(ring_buffers_free(ring, RING_SMALL), 0);
    say(answer);
    CHECK(pump(PATIENCE_NS));
    CHECK(!list_is_empty(&shared.hungry[RING_SMALL]));
    CHECK_EQ(conn->state, CONN_BUSY);
    CHECK_EQ(conn->in_flight, 0);
    give_all_back(fds);
    conn_feed_hungry(conn);
    CHECK(list_is_empty(&shared.hungry[RING_SMALL]));
    await_verdict(CONN_ANSWERED);
    check_body("0123456789");
    close_idle();
    conn_end();
}

static void test_a_hungry_connection_can_be_closed(void)
{
    int fds[2];

    conn_begin();
    open_conn();
    send_request();
    take_all_buffers(fds);
    say(answer);
    CHECK(pump(PATIENCE_NS));
    CHECK(!list_is_empty(&shared.hungry[RING_SMALL]));
    conn_close(conn, QUOIT_E_CANCELLED);
    CHECK(list_is_empty(&shared.hungry[RING_SMALL]));
    await_closed(QUOIT_E_CANCELLED);
    give_all_back(fds);
    conn_end();
}

/* -------- cancel -------- */

static void cancel_twice(void)
{
    conn_close(conn, QUOIT_E_CANCELLED);
    CHECK_EQ(conn->state, CONN_CLOSING);
    conn_close(conn, QUOIT_E_PROTOCOL); /* the first reason stays */
    await_closed(QUOIT_E_CANCELLED);
}

static void test_a_cancel_while_connecting_ends_it_once(void)
{
    const struct conn_target target = target_of();

    conn_begin();
    for (int turns = 0; turns < 2; turns++) {
        CHECK_EQ(conn_open(conn, &target), QUOIT_OK);
        if (turns > 0) {
            ring_wake(ring); /* so that it is submitted, and its end not yet acted on */
            done_count = ring_turn(ring, done_queue, DONE_MAX, 0, false);
            done_first = 0;
        }
        cancel_twice();
    }
    conn_end();
}

static void test_a_cancel_in_any_part_of_an_exchange_ends_it_once(void)
{
    enum { UNSENT, WAITING, IN_HEAD, IN_BODY, PAUSED, SENDING, SENDING_NEW, PARTS };
    static const char *const names[PARTS] = {
        "unsent", "waiting", "in its head",         "in its body",
        "paused", "sending", "sending, unsubmitted"
    };

    conn_begin();
    for (int part = UNSENT; part < PARTS; part++) {
        bool long_one = part == SENDING || part == SENDING_NEW;
        char *own = malloc(LARGE_SIZE);
        memcpy(own, large, LARGE_SIZE);
        const struct conn_exchange exchange = exchange_of(own, long_one ? LARGE_SIZE : 4);
        check_case(names[part]);
        open_conn();
        send_exchange(&exchange);
        if (part != UNSENT && part != SENDING_NEW) {
            pump(0);
        }
        if (part == IN_HEAD || part == IN_BODY) {
            write_fully(peer, answer, part == IN_HEAD ? 10 : 45);
            await_verdict(CONN_PROGRESS);
        }
        if (part == PAUSED) {
            conn_pause(conn, true);
        }
        cancel_twice();
        free(own); /* nothing points to it any more */
        CHECK(part == IN_BODY || body.size == 0);
    }
    check_case("");
    CHECK_EQ(verdicts[CONN_CLOSED], PARTS);
    conn_end();
}

static void test_a_connection_whose_end_is_known_but_not_acted_on_can_be_closed(void)
{
    conn_begin();
    open_conn();
    shutdown(peer, SHUT_WR);
    hold_done(DONE_MAX);
    conn_close(conn, QUOIT_E_CANCELLED); /* to make room, before the engine comes to the end */
    await_closed(QUOIT_E_CANCELLED);
    conn_end();
}

static void test_a_cancel_after_the_answer_leaves_it_a_success(void)
{
    conn_begin();
    open_conn();
    send_request();
    say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    while (conn->state == CONN_BUSY && pump(PATIENCE_NS)) {
    }
    CHECK_EQ(conn->state, CONN_CLOSING);
    conn_close(conn, QUOIT_E_CANCELLED);
    await_closed(QUOIT_OK);
    check_body("ok");
    conn_end();
}

/* -------- TLS, as far as it gets without a server -------- */

static void test_a_handshake_can_hang_break_and_be_cancelled(void)
{
    const struct quoit_tls_options options = { .insecure = true };
    static const enum quoit_error errors[] = { QUOIT_E_TIMEOUT_TLS, QUOIT_E_RESET, QUOIT_E_TLS,
                                               QUOIT_E_CANCELLED };
    struct quoit_tls *tls = NULL;

    conn_begin();
    CHECK_EQ(quoit_tls_create(&options, &tls), QUOIT_OK);
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        struct conn_target target = target_of();
        char got[5];
        check_case(quoit_error_name(errors[i]));
        target.tls = tls;
        target.tls_ns = errors[i] == QUOIT_E_TIMEOUT_TLS ? 15 * NS_PER_MS : NEVER;
        shared.now_ns = ring_now_ns(ring);
        CHECK_EQ(conn_open(conn, &target), QUOIT_OK);
        while (conn->state == CONN_CONNECTING && pump(PATIENCE_NS)) {
        }
        CHECK_EQ(conn->state, CONN_SECURING);
        int server = accept(listener, NULL, NULL);
        pump(0);
        read_fully(server, got, sizeof(got)); /* a ClientHello has come */
        CHECK_EQ(got[0], 22);
        if (errors[i] == QUOIT_E_RESET) {
            shutdown(server, SHUT_WR);
        } else if (errors[i] == QUOIT_E_TLS) {
            write_fully(server, "HTTP/1.1 400 plain\r\n\r\n", 22);
        } else if (errors[i] == QUOIT_E_CANCELLED) {
            conn_close(conn, QUOIT_E_CANCELLED);
        }
        await_closed(errors[i]);
        CHECK(conn->session == NULL);
        close(server);
    }
    check_case("");
    CHECK_EQ(verdicts[CONN_OPENED], 0);
    quoit_tls_destroy(tls);
    conn_end();
}

int main(void)
{
    conn_tests_begin();
    RUN(test_each_timeout_has_its_name_and_its_time);
    RUN(test_opening_has_its_deadlines_too);
    RUN(test_a_connection_leaves_the_pool_when_its_time_is_over);
    RUN(test_a_timer_that_fires_early_is_armed_again);
    RUN(test_deadlines_that_move_earlier_and_later_lose_no_byte);
    RUN(test_a_deadline_that_moves_earlier_is_met);
    RUN(test_a_paused_exchange_takes_nothing_in_and_goes_on_where_it_stopped);
    RUN(test_a_pause_that_is_taken_back_at_once_changes_nothing);
    RUN(test_the_idle_clock_stands_still_during_a_pause);
    RUN(test_without_buffers_a_connection_is_hungry_until_it_is_fed);
    RUN(test_a_hungry_connection_can_be_closed);
    RUN(test_a_cancel_while_connecting_ends_it_once);
    RUN(test_a_cancel_in_any_part_of_an_exchange_ends_it_once);
    RUN(test_a_cancel_after_the_answer_leaves_it_a_success);
    RUN(test_a_handshake_can_hang_break_and_be_cancelled);
    RUN(test_a_connection_whose_end_is_known_but_not_acted_on_can_be_closed);
    return conn_tests_end();
}
