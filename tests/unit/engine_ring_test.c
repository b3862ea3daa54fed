/*
 * engine_ring: the real ring, operation by operation, over socket pairs and loopback. Turns and
 * wakes are in engine_ring_turn_test.c, full queues in engine_ring_load_test.c.
 */
#include "tests/unit/ring_fixture.h"

#include <netinet/tcp.h>
#include <sys/un.h>

#define CONNS 8

static uint64_t soon_ns(uint64_t length_ns)
{
    return ring_now_ns(ring) + length_ns;
}

static void send_quiet(uint32_t conn, int fd, const char *head, const char *body)
{
    const struct quoit_span pieces[2] = { { head, strlen(head) }, { body, strlen(body) } };

    ring_send_quiet(ring, conn, fd, pieces);
}

/* -------- connect, sockets, close -------- */

static void test_sockets_are_streams_that_a_child_does_not_inherit(void)
{
    static const int families[] = { AF_INET, AF_INET6, AF_UNIX };

    fixture_begin(CONNS);
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        int fd = ring_socket(ring, families[i]);
        int type = 0, family = 0, no_delay = 0;
        socklen_t size = sizeof(int);
        CHECK(fd >= 0);
        CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size), 0);
        CHECK_EQ(type, SOCK_STREAM);
        CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size), 0);
        CHECK_EQ(family, families[i]);
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        if (families[i] != AF_UNIX) {
            CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
            CHECK(no_delay);
        }
        close_conn(0, fd);
    }
    CHECK_EQ(ring_socket(ring, -1), -EAFNOSUPPORT);
    fixture_end();
}

static void test_a_connect_completes_with_0_and_borrows_the_address_for_one_turn(void)
{
    struct sockaddr_in address;
    struct ring_done done[4];

    fixture_begin(CONNS);
    int listener = make_listener(&address, 8);
    int fd = ring_socket(ring, AF_INET);
    ring_connect(ring, 3, fd, (struct sockaddr *)&address, sizeof(address), RING_NO_DEADLINE);
    uint32_t count = ring_turn(ring, done, COUNT_OF(done), 0, false);
    memset(&address, 0xff, sizeof(address));
    if (count == 0) {
        done[0] = await_done(RING_CONNECT, 3);
    }
    CHECK_EQ(done[0].tag.verb, RING_CONNECT);
    CHECK_EQ(done[0].tag.conn, 3);
    CHECK_EQ(done[0].result, 0);
    CHECK(!done[0].more);
    CHECK_EQ(done[0].buffer, RING_NO_BUFFER);
    int peer = accept(listener, NULL, NULL);
    CHECK(peer >= 0);
    close_conn(3, fd);
    close(peer);
    close(listener);
    fixture_end();
}

static void test_a_connect_that_is_refused_says_so(void)
{
    struct sockaddr_in address;
    struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "/dev/null/quoit" };

    fixture_begin(CONNS);
    close(make_listener(&address, 1));
    int fd = ring_socket(ring, AF_INET);
    ring_connect(ring, 0, fd, (struct sockaddr *)&address, sizeof(address), soon_ns(PATIENCE_NS));
    CHECK_EQ(await_done(RING_CONNECT, 0).result, -ECONNREFUSED);
    close_conn(0, fd);
    fd = ring_socket(ring, AF_UNIX);
    ring_connect(ring, 0, fd, (struct sockaddr *)&path, sizeof(path), RING_NO_DEADLINE);
    CHECK_EQ(await_done(RING_CONNECT, 0).result, -ENOTDIR);
    close_conn(0, fd);
    fixture_end();
}

/* A listener whose queue is full lets further connects hang. */
static void test_a_connect_that_hangs_ends_by_deadline_or_by_cancel(void)
{
    struct sockaddr_in address;
    int fillers[8];

    fixture_begin(CONNS);
    int listener = make_listener(&address, 0);
    for (size_t i = 0; i < COUNT_OF(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
    }
    int fd = ring_socket(ring, AF_INET);
    uint64_t deadline_ns = soon_ns(20 * NS_PER_MS);
    ring_connect(ring, 0, fd, (struct sockaddr *)&address, sizeof(address), deadline_ns);
    CHECK_EQ(await_done(RING_CONNECT, 0).result, -ECANCELED);
    CHECK(ring_after_ns(ring) >= deadline_ns);
    close_conn(0, fd);

    fd = ring_socket(ring, AF_INET);
    ring_connect(ring, 0, fd, (struct sockaddr *)&address, sizeof(address), RING_NO_DEADLINE);
    check_silence(0);
    ring_cancel(ring, (struct ring_tag){ RING_CONNECT, 0 });
    CHECK_EQ(await_done(RING_CONNECT, 0).result, -ECANCELED);
    check_silence(0);
    close_conn(0, fd);
    for (size_t i = 0; i < COUNT_OF(fillers); i++) {
        close(fillers[i]);
    }
    close(listener);
    fixture_end();
}

static void test_a_close_frees_the_descriptor_and_shows_the_peer_an_end(void)
{
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    close_conn(CONNS - 1, fds[0]);
    CHECK_EQ(fcntl(fds[0], F_GETFD), -1);
    CHECK(at_end(fds[1]));
    ring_close(ring, 0, fds[0]); /* it is gone */
    CHECK_EQ(await_done(RING_CLOSE, 0).result, -EBADF);
    close(fds[1]);
    fixture_end();
}

/* -------- sending -------- */

static void test_a_quiet_send_that_fits_says_nothing_and_both_pieces_arrive(void)
{
    int fds[2];
    char head[] = "GET / HTTP/1.1\r\n\r\n", body[] = "{\"body\":1}", got[64];

    fixture_begin(CONNS);
    make_pair(fds);
    uint64_t round = ring_rounds(ring);
    send_quiet(2, fds[0], head, body);
    CHECK_EQ(ring_turn(ring, done_queue, DONE_MAX, 0, false), 0);
    CHECK(ring_settled(ring) > round); /* so it is over: what it borrowed is ours again */
    memset(head, 'x', sizeof(head) - 1);
    memset(body, 'x', sizeof(body) - 1);
    read_fully(fds[1], got, 28);
    CHECK_MEM(got, 28, "GET / HTTP/1.1\r\n\r\n{\"body\":1}", 28);
    send_quiet(2, fds[0], "one piece", "");
    check_silence(NS_PER_MS);
    read_fully(fds[1], got, 9);
    CHECK_MEM(got, 9, "one piece", 9);
    close_conn(2, fds[0]);
    close(fds[1]);
    fixture_end();
}

static void test_a_quiet_send_that_does_not_fit_is_short_and_then_told_to_try_again(void)
{
    static char bytes[RING_QUIET_MAX], got[RING_QUIET_MAX];
    const struct quoit_span pieces[2] = { { bytes, 1000 }, { bytes + 1000, sizeof(bytes) - 1000 } };
    struct sockaddr_in address;
    int small = 4096;

    fixture_begin(CONNS);
    int listener = make_listener(&address, 8);
    int fd = ring_socket(ring, AF_INET);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    ring_connect(ring, 0, fd, (struct sockaddr *)&address, sizeof(address), RING_NO_DEADLINE);
    CHECK_EQ(await_done(RING_CONNECT, 0).result, 0);
    int peer = accept(listener, NULL, NULL);
    stream_fill(bytes, sizeof(bytes), 0);
    ring_send_quiet(ring, 0, fd, pieces);
    CHECK_EQ(ring_turn(ring, done_queue, DONE_MAX, 0, false), 1); /* in the turn that submits */
    CHECK_EQ(done_queue[0].tag.verb, RING_SEND);
    CHECK(!done_queue[0].more);
    int32_t count = done_queue[0].result;
    CHECK(count > 0 && count < (int32_t)sizeof(bytes));
    fill_socket(fd);
    ring_send_quiet(ring, 0, fd, pieces);
    CHECK_EQ(ring_turn(ring, done_queue, DONE_MAX, 0, false), 1);
    CHECK_EQ(done_queue[0].result, -EAGAIN);
    read_fully(peer, got, (size_t)count);
    stream_check(got, (size_t)count, 0);
    close_conn(0, fd);
    close(peer);
    close(listener);
    fixture_end();
}

static void test_a_quiet_send_to_nobody_says_so_without_a_signal(void)
{
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    close(fds[1]);
    send_quiet(0, fds[0], "anybody?", "");
    CHECK_EQ(ring_turn(ring, done_queue, DONE_MAX, 0, false), 1);
    CHECK_EQ(done_queue[0].tag.verb, RING_SEND);
    CHECK_EQ(done_queue[0].result, -EPIPE);
    ring_send(ring, 0, fds[0], "anybody?", 8, RING_NO_DEADLINE);
    CHECK_EQ(await_done(RING_SEND, 0).result, -EPIPE);
    close_conn(0, fds[0]);
    fixture_end();
}

static void test_a_quiet_send_that_speaks_does_so_before_all_others_of_its_turn(void)
{
    enum { READERS = 5 };
    int fds[READERS + 1][2];

    fixture_begin(CONNS);
    for (uint32_t i = 0; i <= READERS; i++) {
        make_pair(fds[i]);
        if (i < READERS) {
            write_fully(fds[i][1], "ready", 5);
            ring_recv_stand(ring, i, fds[i][0], RING_SMALL, RING_NO_DEADLINE);
        }
    }
    fill_socket(fds[READERS][0]);
    send_quiet(READERS, fds[READERS][0], "no room", "for this");
    uint32_t count = ring_turn(ring, done_queue, DONE_MAX, 0, false);
    CHECK_EQ(count, READERS + 1);
    CHECK_EQ(done_queue[0].tag.verb, RING_SEND);
    CHECK_EQ(done_queue[0].tag.conn, READERS);
    CHECK_EQ(done_queue[0].result, -EAGAIN);
    for (uint32_t i = 1; i < count; i++) {
        CHECK_EQ(done_queue[i].tag.verb, RING_RECV);
        give_back(&done_queue[i]);
    }
    for (uint32_t i = 0; i <= READERS; i++) {
        if (i < READERS) {
            end_recv(i);
        }
        close_conn(i, fds[i][0]);
        close(fds[i][1]);
    }
    fixture_end();
}

static void test_a_close_stays_behind_a_quiet_send(void)
{
    fixture_begin(CONNS);
    for (int i = 0; i < 200; i++) {
        int fds[2];
        char got[13];
        make_pair(fds);
        send_quiet(1, fds[0], "last ", "words...");
        close_conn(1, fds[0]);
        read_fully(fds[1], got, sizeof(got));
        CHECK_MEM(got, sizeof(got), "last words...", 13);
        CHECK(at_end(fds[1]));
        close(fds[1]);
    }
    fixture_end();
}

static void test_a_send_waits_for_room_and_each_end_is_progress(void)
{
    static char bytes[600 * 1024], got[600 * 1024];
    size_t sent = 0, received = 0;
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    stream_fill(bytes, sizeof(bytes), 0);
    while (sent < sizeof(bytes) && check_failures == 0) {
        struct ring_done done;
        ring_send(ring, 4, fds[0], bytes + sent, sizeof(bytes) - sent, soon_ns(PATIENCE_NS));
        while (!next_done(&done, 0)) { /* no room: the peer reads */
            ssize_t count = read(fds[1], got + received, sizeof(got) - received);
            received += count > 0 ? (size_t)count : 0;
        }
        CHECK_EQ(done.tag.verb, RING_SEND);
        CHECK(done.result > 0);
        sent += (size_t)done.result;
    }
    read_fully(fds[1], got + received, sizeof(got) - received);
    stream_check(got, sizeof(got), 0);
    close_conn(4, fds[0]);
    close(fds[1]);
    fixture_end();
}

static void test_a_send_without_progress_ends_by_deadline_or_by_cancel(void)
{
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    fill_socket(fds[0]);
    uint64_t deadline_ns = soon_ns(10 * NS_PER_MS);
    ring_send(ring, 0, fds[0], "no room", 7, deadline_ns);
    CHECK_EQ(await_done(RING_SEND, 0).result, -ECANCELED);
    CHECK(ring_after_ns(ring) >= deadline_ns);
    ring_send(ring, 0, fds[0], "no room", 7, soon_ns(PATIENCE_NS));
    check_silence(0);
    ring_cancel(ring, (struct ring_tag){ RING_SEND, 0 });
    CHECK_EQ(await_done(RING_SEND, 0).result, -ECANCELED);
    check_silence(0);
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

/* -------- the standing receive -------- */

static void test_a_standing_receive_gives_bytes_again_and_again_until_the_end(void)
{
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    uint32_t count = ring_buffers_count(ring, RING_SMALL);
    CHECK_EQ(ring_buffers_free(ring, RING_SMALL), count);
    ring_recv_stand(ring, 5, fds[0], RING_SMALL, RING_NO_DEADLINE);
    check_silence(0);
    for (int i = 0; i < 50; i++) {
        char text[16];
        int size = snprintf(text, sizeof(text), "message %d", i);
        write_fully(fds[1], text, (size_t)size);
        struct ring_done done = await_done(RING_RECV, 5);
        CHECK(done.more);
        CHECK(done.buffer != RING_NO_BUFFER);
        CHECK_MEM(done.bytes, (size_t)done.result, text, (size_t)size);
        CHECK_EQ(ring_buffers_free(ring, RING_SMALL), count - 1);
        give_back(&done);
        CHECK_EQ(ring_buffers_free(ring, RING_SMALL), count);
    }
    shutdown(fds[1], SHUT_WR);
    struct ring_done done = await_done(RING_RECV, 5);
    CHECK_EQ(done.result, 0);
    CHECK(!done.more);
    give_back(&done);
    CHECK_EQ(ring_buffers_free(ring, RING_SMALL), count);
    check_silence(0);
    close_conn(5, fds[0]);
    close(fds[1]);
    fixture_end();
}

static void test_a_receive_may_change_over_to_large_buffers_and_back_and_loses_no_byte(void)
{
    static char bytes[200000];
    uint64_t written = 0, received = 0, moves = 0, most = 0;
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    CHECK_EQ(ring_buffers_count(ring, RING_LARGE), 0); /* made when first needed */
    CHECK(ring_offers_large(ring));
    CHECK(ring_offers_large(ring));
    uint32_t count = ring_buffers_count(ring, RING_LARGE);
    CHECK(count > 0);
    while (moves < 2000) {
        enum ring_group group = moves++ % 3 == 0 ? RING_SMALL : RING_LARGE;
        struct ring_done done = { .more = true };
        ring_recv_stand(ring, 1, fds[0], group, RING_NO_DEADLINE);
        stream_fill(bytes, sizeof(bytes), written);
        ssize_t size = send(fds[1], bytes, sizeof(bytes), MSG_DONTWAIT);
        written += size > 0 ? (uint64_t)size : 0;
        for (bool cancelled = false; done.more;) {
            done = await_done(RING_RECV, 1);
            if (done.result > 0) {
                stream_check(done.bytes, (size_t)done.result, received);
                received += (uint64_t)done.result;
                most = max_u64(most, (uint64_t)done.result);
                CHECK(group == RING_LARGE || done.result <= RING_SMALL_SIZE);
            }
            give_back(&done);
            if (!cancelled) {
                ring_cancel(ring, (struct ring_tag){ RING_RECV, 1 });
                cancelled = true;
            }
        }
    }
    ring_recv_stand(ring, 1, fds[0], RING_LARGE, RING_NO_DEADLINE);
    while (received < written) {
        struct ring_done done = await_done(RING_RECV, 1);
        stream_check(done.bytes, (size_t)done.result, received);
        received += (uint64_t)done.result;
        give_back(&done);
    }
    end_recv(1);
    CHECK(most > RING_SMALL_SIZE);
    CHECK_EQ(ring_buffers_free(ring, RING_LARGE), count);
    CHECK_EQ(ring_buffers_free(ring, RING_SMALL), ring_buffers_count(ring, RING_SMALL));
    close_conn(1, fds[0]);
    close(fds[1]);
    fixture_end();
}

static void test_a_reset_ends_a_standing_receive(void)
{
    struct sockaddr_in address;
    struct linger at_once = { 1, 0 };

    fixture_begin(CONNS);
    int listener = make_listener(&address, 8);
    int fd = ring_socket(ring, AF_INET);
    ring_connect(ring, 0, fd, (struct sockaddr *)&address, sizeof(address), RING_NO_DEADLINE);
    CHECK_EQ(await_done(RING_CONNECT, 0).result, 0);
    int peer = accept(listener, NULL, NULL);
    ring_recv_stand(ring, 0, fd, RING_SMALL, soon_ns(PATIENCE_NS));
    check_silence(0);
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(peer);
    struct ring_done done = await_done(RING_RECV, 0);
    CHECK_EQ(done.result, -ECONNRESET);
    CHECK(!done.more);
    CHECK_EQ(done.buffer, RING_NO_BUFFER);
    close_conn(0, fd);
    close(listener);
    fixture_end();
}

static void test_a_cancel_ends_its_target_once_and_says_nothing_itself(void)
{
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    for (int i = 0; i < 100; i++) {
        ring_recv_stand(ring, 0, fds[0], RING_SMALL,
                        i % 2 == 0 ? RING_NO_DEADLINE : soon_ns(PATIENCE_NS));
        if (i % 3 == 0) {
            check_silence(0); /* else both go out together */
        }
        ring_cancel(ring, (struct ring_tag){ RING_RECV, 0 });
        struct ring_done done = await_done(RING_RECV, 0);
        CHECK_EQ(done.result, -ECANCELED);
        CHECK(!done.more);
        check_silence(0);
    }
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

/* Take what a standing receive says until it is over; what it brings is the stream from *at on. */
static void take_until_over(uint32_t conn, uint64_t *at)
{
    for (struct ring_done done = { .more = true }; done.more; give_back(&done)) {
        done = await_done(RING_RECV, conn);
        CHECK(done.result >= 0 || done.result == -ECANCELED);
        if (done.result > 0) {
            stream_check(done.bytes, (size_t)done.result, *at);
            *at += (uint64_t)done.result;
        }
    }
}

static void test_a_cancel_beside_bytes_that_come_loses_none(void)
{
    uint64_t written = 0, received = 0;
    int fds[2];
    char bytes[100];

    fixture_begin(CONNS);
    make_pair(fds);
    for (int i = 0; i < 300; i++) {
        struct ring_done done;
        ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
        stream_fill(bytes, sizeof(bytes), written);
        if (i % 3 == 0 && next_done(&done, 0)) { /* armed before the bytes come */
            stream_check(done.bytes, (size_t)done.result, received);
            received += (uint64_t)done.result;
            give_back(&done);
        }
        write_fully(fds[1], bytes, sizeof(bytes));
        written += sizeof(bytes);
        ring_cancel(ring, (struct ring_tag){ RING_RECV, 0 });
        take_until_over(0, &received);
        check_silence(0);
    }
    shutdown(fds[1], SHUT_WR);
    ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
    take_until_over(0, &received);
    CHECK_EQ(received, written);
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

static void test_an_operation_whose_end_was_handed_out_can_be_cancelled_without_harm(void)
{
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
    shutdown(fds[1], SHUT_WR);
    CHECK_EQ(await_done(RING_RECV, 0).result, 0);
    ring_cancel(ring, (struct ring_tag){ RING_RECV, 0 }); /* before the owner has acted on it */
    check_silence(NS_PER_MS);
    ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
    CHECK_EQ(await_done(RING_RECV, 0).result, 0);
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

static void test_a_deadline_shows_as_cancelled_and_not_before_its_time(void)
{
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    for (uint64_t wait_ms = 0; wait_ms < 20; wait_ms += 3) {
        uint64_t deadline_ns = soon_ns(wait_ms * NS_PER_MS);
        ring_recv_stand(ring, 0, fds[0], RING_SMALL, deadline_ns);
        struct ring_done done = await_done(RING_RECV, 0);
        CHECK_EQ(done.result, -ECANCELED);
        CHECK(!done.more);
        CHECK(ring_after_ns(ring) >= deadline_ns);
    }
    ring_recv_stand(ring, 0, fds[0], RING_SMALL, 1); /* long ago */
    CHECK_EQ(await_done(RING_RECV, 0).result, -ECANCELED);
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

static void test_arming_again_after_a_deadline_loses_no_byte(void)
{
    static char bytes[8192];
    uint64_t written = 0, received = 0, armed = 0;
    int fds[2];
    bool under_way = false;

    fixture_begin(CONNS);
    make_pair(fds);
    while (received < 4 * 1024 * 1024 && check_failures == 0) {
        size_t size = (size_t)(stream_byte(armed * 77 + written) & 0x7f) * 64 + 1;
        if (written - received < sizeof(bytes)) {
            stream_fill(bytes, size, written);
            ssize_t count = write(fds[1], bytes, size);
            written += count > 0 ? (uint64_t)count : 0;
        }
        if (!under_way) {
            ring_recv_stand(ring, 0, fds[0], RING_SMALL, soon_ns((armed % 60) * NS_PER_US));
            under_way = true;
            armed++;
        }
        struct ring_done done;
        while (next_done(&done, 0)) {
            under_way = done.more;
            CHECK(done.result > 0 || done.result == -ECANCELED);
            if (done.result > 0) {
                stream_check(done.bytes, (size_t)done.result, received);
                received += (uint64_t)done.result;
            }
            give_back(&done);
        }
    }
    CHECK(armed > 100);
    if (under_way) {
        end_recv(0);
    }
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

/* A linked timeout finds its target by name, also late: so no name is used twice. */
static void test_an_old_deadline_never_ends_the_next_receive(void)
{
    int fds[2];

    fixture_begin(CONNS);
    make_pair(fds);
    for (int i = 0; i < 100; i++) {
        ring_recv_stand(ring, 0, fds[0], RING_SMALL, soon_ns(50 * NS_PER_US));
        ring_cancel(ring, (struct ring_tag){ RING_RECV, 0 });
        CHECK_EQ(await_done(RING_RECV, 0).result, -ECANCELED);
        ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
        check_silence(300 * NS_PER_US);
        end_recv(0);
    }
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

static void test_the_end_of_a_peer_is_seen_only_when_all_was_read(void)
{
    int fds[2];
    char byte;

    fixture_begin(CONNS);
    make_pair(fds);
    CHECK(!ring_peer_has_ended(ring, fds[0]));
    write_fully(fds[1], "x", 1);
    shutdown(fds[1], SHUT_WR);
    CHECK(!ring_peer_has_ended(ring, fds[0]));
    read_fully(fds[0], &byte, 1);
    CHECK(ring_peer_has_ended(ring, fds[0]));
    CHECK(ring_peer_has_ended(ring, fds[0])); /* a question takes nothing */
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

int main(void)
{
    alarm(120); /* a wait that nothing ends fails the test */
    RUN(test_sockets_are_streams_that_a_child_does_not_inherit);
    RUN(test_a_connect_completes_with_0_and_borrows_the_address_for_one_turn);
    RUN(test_a_connect_that_is_refused_says_so);
    RUN(test_a_connect_that_hangs_ends_by_deadline_or_by_cancel);
    RUN(test_a_close_frees_the_descriptor_and_shows_the_peer_an_end);
    RUN(test_a_quiet_send_that_fits_says_nothing_and_both_pieces_arrive);
    RUN(test_a_quiet_send_that_does_not_fit_is_short_and_then_told_to_try_again);
    RUN(test_a_quiet_send_to_nobody_says_so_without_a_signal);
    RUN(test_a_quiet_send_that_speaks_does_so_before_all_others_of_its_turn);
    RUN(test_a_close_stays_behind_a_quiet_send);
    RUN(test_a_send_waits_for_room_and_each_end_is_progress);
    RUN(test_a_send_without_progress_ends_by_deadline_or_by_cancel);
    RUN(test_a_standing_receive_gives_bytes_again_and_again_until_the_end);
    RUN(test_a_receive_may_change_over_to_large_buffers_and_back_and_loses_no_byte);
    RUN(test_a_reset_ends_a_standing_receive);
    RUN(test_a_cancel_ends_its_target_once_and_says_nothing_itself);
    RUN(test_a_cancel_beside_bytes_that_come_loses_none);
    RUN(test_a_deadline_shows_as_cancelled_and_not_before_its_time);
    RUN(test_arming_again_after_a_deadline_loses_no_byte);
    RUN(test_an_old_deadline_never_ends_the_next_receive);
    RUN(test_the_end_of_a_peer_is_seen_only_when_all_was_read);
    RUN(test_an_operation_whose_end_was_handed_out_can_be_cancelled_without_harm);
    return check_done();
}
