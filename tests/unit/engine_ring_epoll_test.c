/*
 * engine_ring_epoll: what the kernel does for io_uring, and the epoll back end has to do by itself:
 * shares, the order of bytes and deadlines, a full backlog, edges. It holds for both, and is asked
 * of both.
 */
#include "tests/unit/ring_fixture.h"

#include <signal.h>
#include <sys/un.h>
#include <sys/wait.h>

#define CONNS 8
#define FLOOD_SIZE (768 * 1024) /* many pieces, and a socket holds them */

/* A TCP connection: fds[0] for the ring, fds[1] for the test. It holds more than a socket pair. */
static void make_tcp_pair(int fds[2])
{
    struct sockaddr_in address;
    int listener = make_listener(&address, 1);
    int large = 1024 * 1024;

    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(connect(fds[1], (struct sockaddr *)&address, sizeof(address)), 0);
    fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
}

/* Each piece of the flood is what a connection may have; the others come after a few of them. */
static void test_a_flood_on_one_connection_holds_back_no_other(void)
{
    enum { OTHERS = 5, PIECES_BEFORE_MAX = 40 };
    static char flood[FLOOD_SIZE];
    int fds[OTHERS + 1][2];
    uint64_t received = 0, pieces = 0, others = 0;
    struct ring_done done = { 0 };

    fixture_begin(CONNS);
    stream_fill(flood, sizeof(flood), 0);
    make_tcp_pair(fds[0]);
    write_fully(fds[0][1], flood, sizeof(flood));
    ring_recv_stand(ring, 0, fds[0][0], RING_SMALL, RING_NO_DEADLINE);
    for (uint32_t i = 1; i <= OTHERS; i++) {
        make_pair(fds[i]);
        write_fully(fds[i][1], "a word", 6);
        ring_recv_stand(ring, i, fds[i][0], RING_SMALL, RING_NO_DEADLINE);
    }
    while (received < sizeof(flood) && next_done(&done, PATIENCE_NS)) { /* no new byte comes */
        if (done.tag.conn == 0) {
            stream_check(done.bytes, (size_t)done.result, received);
            received += (uint64_t)done.result;
            pieces++;
        } else {
            CHECK(pieces <= PIECES_BEFORE_MAX);
            others++;
        }
        give_back(&done);
    }
    CHECK_EQ(received, sizeof(flood));
    CHECK_EQ(others, OTHERS);
    CHECK(pieces > 2 * PIECES_BEFORE_MAX);
    for (uint32_t i = 0; i <= OTHERS; i++) {
        end_recv(i);
        close_conn(i, fds[i][0]);
        close(fds[i][1]);
    }
    fixture_end();
}

static void test_a_quiet_send_that_speaks_goes_before_what_was_over_earlier(void)
{
    const struct quoit_span pieces[2] = { { "no room", 7 }, { "", 0 } };
    int fds[2][2];

    fixture_begin(CONNS);
    make_pair(fds[0]);
    make_pair(fds[1]);
    fill_socket(fds[1][0]);
    ring_recv_stand(ring, 0, fds[0][0], RING_SMALL, RING_NO_DEADLINE);
    check_silence(0);
    ring_cancel(ring, (struct ring_tag){ RING_RECV, 0 });
    ring_send_quiet(ring, 1, fds[1][0], pieces);
    CHECK_EQ(ring_turn(ring, done_queue, DONE_MAX, 0, false), 2);
    CHECK_EQ(done_queue[0].tag.verb, RING_SEND);
    CHECK_EQ(done_queue[0].result, -EAGAIN);
    CHECK_EQ(done_queue[1].tag.verb, RING_RECV);
    CHECK_EQ(done_queue[1].result, -ECANCELED);
    for (uint32_t i = 0; i < 2; i++) {
        close_conn(i, fds[i][0]);
        close(fds[i][1]);
    }
    fixture_end();
}

/* Then who was late himself does not take an answer that was there for one that was not. */
static void test_bytes_that_came_before_a_deadline_are_handed_out_before_it(void)
{
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    for (int i = 0; i < 20; i++) {
        uint64_t deadline_ns = ring_now_ns(ring) + 2 * NS_PER_MS;
        ring_recv_stand(ring, 0, fds[0], RING_SMALL, deadline_ns);
        if (i % 2 == 0) {
            check_silence(0); /* armed before the bytes come */
        }
        write_fully(fds[1], "in time", 7);
        while (ring_now_ns(ring) < deadline_ns + NS_PER_MS) {
        }
        struct ring_done done = await_done(RING_RECV, 0);
        CHECK_EQ(done.result, 7);
        CHECK(done.more);
        give_back(&done);
        done = await_done(RING_RECV, 0);
        CHECK_EQ(done.result, -ECANCELED);
        CHECK(!done.more);
    }
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

/* The end is an edge of its own only if it comes later. */
static void test_an_end_that_comes_with_the_bytes_is_told_too(void)
{
    fixture_begin(CONNS);
    for (int armed = 0; armed <= 1; armed++) {
        int fds[2];
        make_pair(fds);
        if (armed) {
            ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
            check_silence(0);
        }
        write_fully(fds[1], "last", 4);
        shutdown(fds[1], SHUT_WR);
        if (!armed) {
            ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
        }
        struct ring_done done = await_done(RING_RECV, 0);
        CHECK_MEM(done.bytes, (size_t)done.result, "last", 4);
        give_back(&done);
        done = await_done(RING_RECV, 0);
        CHECK_EQ(done.result, 0);
        CHECK(!done.more);
        give_back(&done);
        close_conn(0, fds[0]);
        close(fds[1]);
    }
    fixture_end();
}

static void test_what_came_while_nothing_stood_is_received_by_the_next_one(void)
{
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    for (int i = 0; i < 50; i++) {
        ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
        check_silence(0);
        ring_cancel(ring, (struct ring_tag){ RING_RECV, 0 });
        CHECK_EQ(await_done(RING_RECV, 0).result, -ECANCELED);
        write_fully(fds[1], "paused", 6);
        check_silence(0); /* its edge is told to nobody */
        ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
        struct ring_done done = await_done(RING_RECV, 0);
        CHECK_MEM(done.bytes, (size_t)done.result, "paused", 6);
        give_back(&done);
        end_recv(0);
    }
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

/* A listener on a unix socket whose backlog is full; *fillers_out are those in it. */
static int make_full_listener(struct sockaddr_un *address_out, int fillers_out[2])
{
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address_out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    snprintf(address_out->sun_path, sizeof(address_out->sun_path), "/tmp/quoit-ring-%d",
             (int)getpid());
    unlink(address_out->sun_path);
    CHECK_EQ(bind(listener, (struct sockaddr *)address_out, sizeof(*address_out)), 0);
    CHECK_EQ(listen(listener, 0), 0);
    for (int i = 0; i < 2; i++) {
        fillers_out[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers_out[i], (struct sockaddr *)address_out, sizeof(*address_out));
    }
    return listener;
}

/*
 * The end of a connect that stands in line. io_uring lets a thread of the kernel wait, and a timer
 * or a cancel that comes while that is on its way there is lost: then cancel again.
 */
static void await_called_off(uint32_t conn)
{
    struct ring_done done = { 0 };

    for (int tries = 0; tries < 100 && !next_done(&done, 200 * NS_PER_MS); tries++) {
        CHECK_EQ(ring_io(ring), QUOIT_IO_URING);
        ring_cancel(ring, (struct ring_tag){ RING_CONNECT, conn });
    }
    CHECK_EQ(done.tag.conn, conn);
    CHECK_EQ(done.result, -ECANCELED);
}

static void test_a_connect_to_a_full_unix_listener_waits_for_room_or_its_deadline(void)
{
    struct sockaddr_un address, copy;
    int fillers[2];

    fixture_begin(CONNS);
    int listener = make_full_listener(&address, fillers);
    for (int wants_room = 0; wants_room <= 1; wants_room++) {
        int fd = ring_socket(ring, AF_UNIX);
        uint64_t deadline_ns = ring_now_ns(ring) + (wants_room ? PATIENCE_NS : 100 * NS_PER_MS);
        copy = address;
        ring_connect(ring, 0, fd, (struct sockaddr *)&copy, sizeof(copy), deadline_ns);
        check_silence(0);
        memset(&copy, 0xff, sizeof(copy)); /* borrowed for a turn only */
        if (wants_room) {
            CHECK(accept(listener, NULL, NULL) >= 0);
            CHECK_EQ(await_done(RING_CONNECT, 0).result, 0);
        } else {
            await_called_off(0);
            CHECK(ring_after_ns(ring) >= deadline_ns);
        }
        close_conn(0, fd);
    }
    unlink(address.sun_path);
    close(listener);
    close(fillers[0]);
    close(fillers[1]);
    fixture_end();
}

static void test_a_connect_that_stands_in_line_can_be_cancelled(void)
{
    struct sockaddr_un address;
    int fillers[2];

    fixture_begin(CONNS);
    int listener = make_full_listener(&address, fillers);
    for (uint32_t conn = 0; conn < 3; conn++) {
        int fd = ring_socket(ring, AF_UNIX);
        ring_connect(ring, conn, fd, (struct sockaddr *)&address, sizeof(address),
                     RING_NO_DEADLINE);
        check_silence(2 * NS_PER_MS);
        ring_cancel(ring, (struct ring_tag){ RING_CONNECT, conn });
        await_called_off(conn);
        close_conn(conn, fd);
    }
    unlink(address.sun_path);
    close(listener);
    close(fillers[0]);
    close(fillers[1]);
    fixture_end();
}

static void test_all_that_stand_in_line_get_in_as_there_is_room(void)
{
    enum { IN_LINE = 3 };
    struct sockaddr_un address;
    struct ring_done done = { 0 };
    int fillers[2], fds[IN_LINE];
    unsigned connected = 0;

    fixture_begin(CONNS);
    int listener = make_full_listener(&address, fillers);
    for (uint32_t i = 0; i < IN_LINE; i++) {
        fds[i] = ring_socket(ring, AF_UNIX);
        ring_connect(ring, i, fds[i], (struct sockaddr *)&address, sizeof(address),
                     ring_now_ns(ring) + PATIENCE_NS);
    }
    check_silence(0);
    for (int i = 0; i < IN_LINE; i++) {
        int accepted = accept(listener, NULL, NULL);
        CHECK(accepted >= 0);
        close(accepted);
        CHECK(next_done(&done, PATIENCE_NS));
        CHECK_EQ(done.result, 0);
        connected |= BIT(done.tag.conn);
    }
    CHECK_EQ(connected, BIT(IN_LINE) - 1);
    for (uint32_t i = 0; i < IN_LINE; i++) {
        close_conn(i, fds[i]);
    }
    unlink(address.sun_path);
    close(listener);
    close(fillers[0]);
    close(fillers[1]);
    fixture_end();
}

static void test_who_stands_in_line_hears_that_the_listener_has_gone(void)
{
    struct sockaddr_un address;
    int fillers[2];

    fixture_begin(CONNS);
    int listener = make_full_listener(&address, fillers);
    int fd = ring_socket(ring, AF_UNIX);
    ring_connect(ring, 0, fd, (struct sockaddr *)&address, sizeof(address), RING_NO_DEADLINE);
    check_silence(2 * NS_PER_MS);
    close(listener);
    CHECK_EQ(await_done(RING_CONNECT, 0).result, -ECONNREFUSED);
    close_conn(0, fd);
    unlink(address.sun_path);
    close(fillers[0]);
    close(fillers[1]);
    fixture_end();
}

/* A child without exec has our sockets too: what happens to them there is nobody's event here. */
static void test_a_socket_that_a_child_keeps_open_says_nothing_after_its_close(void)
{
    struct sockaddr_in address;
    int fds[2], fillers[4];
    struct ring_done done = { 0 };

    fixture_begin(CONNS);
    make_pair(fds);
    fill_socket(fds[0]);
    ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
    ring_send(ring, 0, fds[0], "x", 1, RING_NO_DEADLINE);
    check_silence(0);
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    ring_cancel(ring, (struct ring_tag){ RING_SEND, 0 });
    CHECK_EQ(await_done(RING_SEND, 0).result, -ECANCELED);
    end_recv(0);
    close_conn(0, fds[0]);

    int listener = make_listener(&address, 0);
    for (size_t i = 0; i < COUNT_OF(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
    }
    int fd = ring_socket(ring, AF_INET);
    ring_connect(ring, 0, fd, (struct sockaddr *)&address, sizeof(address),
                 ring_now_ns(ring) + 20 * NS_PER_MS);
    check_silence(0);
    static char drained[4096];
    while (read(fds[1], drained, sizeof(drained)) > 0) { /* room for the old socket to send */
    }
    CHECK(next_done(&done, PATIENCE_NS));
    CHECK_EQ(done.result, -ECANCELED); /* it hangs, as a listener that is full lets it */
    close_conn(0, fd);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(fillers); i++) {
        close(fillers[i]);
    }
    close(listener);
    close(fds[1]);
    fixture_end();
}

int main(void)
{
    alarm(120); /* a wait that nothing ends fails the test */
    RUN(test_a_flood_on_one_connection_holds_back_no_other);
    RUN(test_a_quiet_send_that_speaks_goes_before_what_was_over_earlier);
    RUN(test_bytes_that_came_before_a_deadline_are_handed_out_before_it);
    RUN(test_an_end_that_comes_with_the_bytes_is_told_too);
    RUN(test_what_came_while_nothing_stood_is_received_by_the_next_one);
    RUN(test_a_connect_to_a_full_unix_listener_waits_for_room_or_its_deadline);
    RUN(test_a_connect_that_stands_in_line_can_be_cancelled);
    RUN(test_all_that_stand_in_line_get_in_as_there_is_room);
    RUN(test_who_stands_in_line_hears_that_the_listener_has_gone);
    RUN(test_a_socket_that_a_child_keeps_open_says_nothing_after_its_close);
    return check_done();
}
