/*
 * engine_ring under load: more is started in a turn than its queues have room for, more ends than a
 * turn can hand out, and all buffers are out. Nothing is torn, lost or told twice.
 */
#include "tests/unit/ring_fixture.h"

#include <sys/resource.h>

#define CONNS 6000
#define QUEUE_SIZE 256 /* of submissions; what a turn starts is made larger than this */

static int sockets[CONNS]; /* in connected pairs: 0 and 1, 2 and 3, ... */

/* A socket for each of the first `count` connections, which is even. */
static void open_sockets(uint32_t count)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (uint32_t i = 0; i < count; i += 2) {
        make_pair(sockets + i);
    }
}

/* Hand out all ends of `count` operations of that verb; each connection's comes once. */
static void await_each_once(enum ring_verb verb, uint32_t count, int32_t result)
{
    static bool seen[CONNS];

    memset(seen, 0, sizeof(seen));
    for (uint32_t i = 0; i < count && check_failures == 0; i++) {
        struct ring_done done = { 0 };
        CHECK(next_done(&done, PATIENCE_NS));
        CHECK_EQ(done.tag.verb, verb);
        CHECK_EQ(done.result, result);
        CHECK(!done.more);
        CHECK(done.tag.conn < count && !seen[done.tag.conn]);
        seen[done.tag.conn % CONNS] = true;
        give_back(&done);
    }
    check_silence(0);
}

static void close_sockets(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ring_close(ring, i, sockets[i]);
    }
    await_each_once(RING_CLOSE, count, 0);
}

/*
 * An operation and its deadline are two places of the queue. Were they torn apart at its end, the
 * operation would have none and never come back. `before` moves the pairs against the end.
 */
static void test_an_operation_and_its_deadline_are_never_torn(void)
{
    uint32_t count = 5 * QUEUE_SIZE;

    fixture_begin(CONNS);
    open_sockets(count);
    for (uint32_t before = 0; before < 4; before++) {
        for (uint32_t conn = 0; conn < count; conn++) {
            bool single = conn < before;
            ring_recv_stand(ring, conn, sockets[conn], RING_SMALL,
                            single ? RING_NO_DEADLINE : ring_now_ns(ring) + 20 * NS_PER_MS);
        }
        for (uint32_t conn = 0; conn < before; conn++) {
            ring_cancel(ring, (struct ring_tag){ RING_RECV, conn });
        }
        await_each_once(RING_RECV, count, -ECANCELED);
    }
    close_sockets(count);
    fixture_end();
}

static void test_pairs_and_single_operations_can_be_mixed_at_the_end_of_the_queue(void)
{
    enum { SOCKETS = 3 * QUEUE_SIZE + 20 };

    fixture_begin(CONNS);
    open_sockets(SOCKETS);
    for (int round = 0; round < 20; round++) {
        uint32_t count = 3 * QUEUE_SIZE + (uint32_t)round;
        for (uint32_t conn = 0; conn < count; conn++) {
            bool single = (conn * 7 + (uint32_t)round) % 5 == 0;
            ring_recv_stand(ring, conn, sockets[conn], RING_SMALL,
                            single ? RING_NO_DEADLINE : ring_now_ns(ring) + 5 * NS_PER_MS);
            if (single) {
                ring_cancel(ring, (struct ring_tag){ RING_RECV, conn });
            }
        }
        await_each_once(RING_RECV, count, -ECANCELED);
    }
    close_sockets(SOCKETS);
    fixture_end();
}

/* What a quiet send of two pieces is told with lies beside its place in the queue. */
static void test_more_quiet_sends_than_the_queue_holds_arrive_whole(void)
{
    enum { SENDS = 3 * QUEUE_SIZE, SIZE = 32 };
    static char heads[SENDS][SIZE], bodies[SENDS][SIZE];

    fixture_begin(CONNS);
    open_sockets(2 * SENDS);
    uint64_t round = ring_rounds(ring);
    for (uint32_t i = 0; i < SENDS; i++) {
        const struct quoit_span pieces[2] = { { heads[i], SIZE }, { bodies[i], SIZE } };
        snprintf(heads[i], SIZE, "head %u", i);
        snprintf(bodies[i], SIZE, "body %u", i);
        ring_send_quiet(ring, 2 * i, sockets[2 * i], pieces);
    }
    check_silence(0);
    CHECK(ring_settled(ring) > round);
    for (uint32_t i = 0; i < SENDS && check_failures == 0; i++) {
        char got[2][SIZE] = { { 0 } };
        read_fully(sockets[2 * i + 1], got[0], sizeof(got));
        CHECK_MEM(got[0], SIZE, heads[i], SIZE);
        CHECK_MEM(got[1], SIZE, bodies[i], SIZE);
    }
    close_sockets(2 * SENDS);
    fixture_end();
}

static void test_each_operation_of_a_turn_has_its_own_deadline(void)
{
    enum { READERS = 20 };
    uint64_t deadlines_ns[READERS];

    fixture_begin(CONNS);
    open_sockets(READERS);
    uint64_t begin_ns = ring_now_ns(ring);
    for (uint32_t i = 0; i < READERS; i++) { /* the last to be started is not the last to end */
        deadlines_ns[i] = begin_ns + (10 + i * 7 % READERS * 2) * NS_PER_MS;
        ring_recv_stand(ring, i, sockets[i], RING_SMALL, deadlines_ns[i]);
    }
    for (uint32_t i = 0; i < READERS; i++) {
        struct ring_done done = { 0 };
        CHECK(next_done(&done, PATIENCE_NS));
        CHECK_EQ(done.result, -ECANCELED);
        CHECK(ring_after_ns(ring) >= deadlines_ns[done.tag.conn]);
    }
    close_sockets(READERS);
    fixture_end();
}

/*
 * A linked timeout that fired finds its target by name, also when that has ended meanwhile; so no
 * name is used twice. Here many ends, then many timers, are due before the ring is entered, which
 * brings some of the ends first: what is started in their place must outlive those timers.
 */
static void test_a_deadline_that_fired_late_never_ends_what_came_after(void)
{
    enum { READERS = 100 };
    int fds[READERS][2];

    fixture_begin(CONNS);
    for (int round = 0; round < 5; round++) {
        open_sockets(READERS);
        for (uint32_t i = 0; i < READERS; i++) {
            make_pair(fds[i]);
        }
        uint64_t deadline_ns = ring_now_ns(ring) + 30 * NS_PER_MS;
        for (uint32_t i = 0; i < READERS; i++) {
            ring_recv_stand(ring, i, fds[i][0], RING_SMALL, deadline_ns);
        }
        check_silence(0);
        for (uint32_t i = 0; i < READERS; i++) {
            close(fds[i][1]);
        }
        while (ring_now_ns(ring) < deadline_ns + NS_PER_MS) {
        }
        for (uint32_t left = 2 * READERS; left > 0 && check_failures == 0; left--) {
            struct ring_done done = { 0 };
            CHECK(next_done(&done, PATIENCE_NS));
            CHECK(done.result == 0 || done.result == -ECANCELED);
            if (done.tag.verb == RING_RECV) {
                ring_close(ring, done.tag.conn, fds[done.tag.conn][0]);
            } else {
                ring_recv_stand(ring, done.tag.conn, sockets[done.tag.conn], RING_SMALL,
                                RING_NO_DEADLINE);
            }
        }
        check_silence(2 * NS_PER_MS);
        for (uint32_t i = 0; i < READERS; i++) {
            ring_cancel(ring, (struct ring_tag){ RING_RECV, i });
        }
        await_each_once(RING_RECV, READERS, -ECANCELED);
        close_sockets(READERS);
    }
    fixture_end();
}

static void test_closes_come_at_most_256_a_turn_and_all_come(void)
{
    enum { CLOSES = 700 };
    uint32_t sum = 0;

    fixture_begin(CONNS);
    for (uint32_t conn = 0; conn < CLOSES; conn++) {
        ring_close(ring, conn, ring_socket(ring, AF_UNIX));
    }
    for (int turns = 0; sum < CLOSES && turns < 100; turns++) {
        uint32_t count = ring_turn(ring, done_queue, DONE_MAX, PATIENCE_NS, false);
        CHECK(count <= 256);
        for (uint32_t i = 0; i < count; i++) {
            CHECK_EQ(done_queue[i].tag.conn, sum + i);
            CHECK_EQ(done_queue[i].result, 0);
        }
        sum += count;
    }
    CHECK_EQ(sum, CLOSES);
    check_silence(0);
    fixture_end();
}

/* 6,000 ends at once, where the kernel's queue holds 4,096. */
static void test_more_ends_than_the_kernels_queue_holds_all_come(void)
{
    fixture_begin(CONNS);
    open_sockets(CONNS);
    for (uint32_t conn = 0; conn < CONNS; conn++) {
        shutdown(sockets[conn], SHUT_WR);
    }
    for (uint32_t conn = 0; conn < CONNS; conn++) {
        ring_recv_stand(ring, conn, sockets[conn], RING_SMALL, RING_NO_DEADLINE);
    }
    await_each_once(RING_RECV, CONNS, 0);
    CHECK_EQ(ring_stats_read(ring).cq_overflows > 0, ring_io(ring) == QUOIT_IO_URING);
    CHECK(ring_stats_read(ring).cqes >= CONNS);
    CHECK(ring_stats_read(ring).sqes >= CONNS);
    close_sockets(CONNS);
    fixture_end();
}

static void test_what_a_turn_cannot_hand_out_comes_first_in_the_next_ones(void)
{
    enum { READERS = 10 };
    struct ring_done done[3];
    uint32_t sum = 0;
    int fds[READERS][2], extra[2];
    char got[6];

    fixture_begin(CONNS);
    make_pair(extra);
    for (uint32_t i = 0; i < READERS; i++) {
        make_pair(fds[i]);
        shutdown(fds[i][1], SHUT_WR);
        ring_recv_stand(ring, i, fds[i][0], RING_SMALL, RING_NO_DEADLINE);
    }
    uint64_t round = ring_rounds(ring);
    while (sum < READERS) {
        uint32_t count = ring_turn(ring, done, COUNT_OF(done), PATIENCE_NS, false);
        CHECK_EQ(count, min_u64(COUNT_OF(done), READERS - sum));
        if (sum == 0) { /* started while there is more to hand out: it waits for all of that */
            const struct quoit_span pieces[2] = { { "behind", 6 }, { "", 0 } };
            ring_send_quiet(ring, READERS, extra[0], pieces);
        }
        sum += count;
        CHECK_EQ(ring_has_more(ring), sum < READERS);
        CHECK_EQ(ring_rounds(ring), round + 1);
        CHECK_EQ(ring_settled(ring), sum < READERS ? round : round + 1);
        CHECK(read(extra[1], got, sizeof(got)) == -1); /* not submitted */
    }
    CHECK_EQ(ring_turn(ring, done, COUNT_OF(done), 0, false), 0);
    CHECK_EQ(ring_rounds(ring), round + 2);
    CHECK_EQ(ring_settled(ring), round + 2);
    read_fully(extra[1], got, sizeof(got));
    for (uint32_t i = 0; i < READERS; i++) {
        close_conn(i, fds[i][0]);
        close(fds[i][1]);
    }
    close_conn(READERS, extra[0]);
    close(extra[1]);
    fixture_end();
}

static void check_a_lack_of_buffers(enum ring_group group)
{
    static struct ring_done held[65536];
    static char bytes[65536];
    uint64_t written = 0, received = 0;
    int fds[2];

    fixture_begin(CONNS);
    CHECK(group == RING_SMALL || ring_offers_large(ring));
    make_pair(fds);
    for (int times = 0; times < 3; times++) {
        uint32_t count = 0;
        struct ring_done done;
        ring_recv_stand(ring, 9, fds[0], group, RING_NO_DEADLINE);
        for (;;) {
            stream_fill(bytes, sizeof(bytes), written);
            ssize_t size = write(fds[1], bytes, sizeof(bytes));
            written += size > 0 ? (uint64_t)size : 0;
            done = await_done(RING_RECV, 9);
            if (done.result < 0) {
                break;
            }
            CHECK(count < COUNT_OF(held));
            held[count++] = done;
        }
        CHECK_EQ(done.result, -ENOBUFS);
        CHECK(!done.more);
        CHECK_EQ(count, ring_buffers_count(ring, group));
        CHECK_EQ(ring_buffers_free(ring, group), 0);
        CHECK_EQ(ring_stats_read(ring).no_buffers, times + 1);
        for (uint32_t i = 0; i < count; i++) { /* each still holds what it was given with */
            stream_check(held[i].bytes, (size_t)held[i].result, received);
            received += (uint64_t)held[i].result;
            give_back(&held[i]);
        }
        CHECK_EQ(ring_buffers_free(ring, group), ring_buffers_count(ring, group));
    }
    ring_recv_stand(ring, 9, fds[0], group, RING_NO_DEADLINE);
    while (received < written) {
        struct ring_done done = await_done(RING_RECV, 9);
        CHECK(done.result > 0);
        stream_check(done.bytes, (size_t)done.result, received);
        received += (uint64_t)done.result;
        give_back(&done);
    }
    end_recv(9);
    close_conn(9, fds[0]);
    close(fds[1]);
    fixture_end();
}

static void test_without_buffers_a_receive_ends_and_starts_again_where_it_stopped(void)
{
    check_a_lack_of_buffers(RING_SMALL);
    check_a_lack_of_buffers(RING_LARGE);
}

int main(void)
{
    alarm(120); /* a wait that nothing ends fails the test */
    RUN(test_an_operation_and_its_deadline_are_never_torn);
    RUN(test_pairs_and_single_operations_can_be_mixed_at_the_end_of_the_queue);
    RUN(test_more_quiet_sends_than_the_queue_holds_arrive_whole);
    RUN(test_each_operation_of_a_turn_has_its_own_deadline);
    RUN(test_a_deadline_that_fired_late_never_ends_what_came_after);
    RUN(test_closes_come_at_most_256_a_turn_and_all_come);
    RUN(test_more_ends_than_the_kernels_queue_holds_all_come);
    RUN(test_what_a_turn_cannot_hand_out_comes_first_in_the_next_ones);
    RUN(test_without_buffers_a_receive_ends_and_starts_again_where_it_stopped);
    return check_done();
}
