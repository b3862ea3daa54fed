/*
 * engine_ring, its fd: what a sleeper on it is told of, and that nothing is left to be told when it
 * says nothing.
 */
#include "engine/ring_uring.h"
#include "tests/unit/ring_fixture.h"

#define CONNS 64

static int fd;

static void begin(void)
{
    fixture_begin(CONNS);
    fd = ring_fd(ring);
    CHECK(fd >= 0);
    CHECK_EQ(ring_fd(ring), fd);
}

static bool is_readable(int wait_ms)
{
    struct pollfd readable = { .fd = fd, .events = POLLIN };
    int count;

    do {
        count = poll(&readable, 1, wait_ms);
    } while (count < 0); /* the kernel's own work for a ring interrupts it too */
    return count == 1;
}

/* Turn until there is nothing to do, as an owner does before it sleeps. Returns what came. */
static uint32_t rest(uint64_t alarm_ns)
{
    struct ring_done done;
    uint32_t all = 0;

    ring_fd_work(ring);
    do {
        uint32_t count = 0;
        while ((count = ring_turn(ring, &done, 1, 0, false)) > 0) {
            give_back(&done);
            all += count;
        }
    } while (!ring_fd_rest(ring, alarm_ns));
    return all;
}

static void test_it_calls_once_for_what_was_before_it(void)
{
    begin();
    CHECK(is_readable(0));
    rest(RING_NO_DEADLINE);
    CHECK(!is_readable(20));
    fixture_end();
}

static void test_what_was_started_and_not_handed_over_forbids_a_rest(void)
{
    int fds[2];

    begin();
    make_pair(fds);
    rest(RING_NO_DEADLINE);
    ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
    CHECK(!ring_fd_rest(ring, RING_NO_DEADLINE));
    rest(RING_NO_DEADLINE);
    write_fully(fds[1], "x", 1);
    CHECK(is_readable(10000));
    CHECK_EQ(rest(RING_NO_DEADLINE), 1);
    CHECK(!is_readable(0));
    end_recv(0);
    ring_close(ring, 0, fds[0]);
    CHECK(!ring_fd_rest(ring, RING_NO_DEADLINE));
    CHECK_EQ(await_done(RING_CLOSE, 0).result, 0);
    close(fds[1]);
    fixture_end();
}

/* Who adds work marks it afterwards: when that work is done already, the mark stays. */
static void test_a_mark_of_work_that_was_done_keeps_nobody_awake(void)
{
    begin();
    if (ring_io(ring) == QUOIT_IO_URING) { /* epoll has no such mark */
        rest(RING_NO_DEADLINE);
        ring_fd_work(ring);
        *ring_uring_of(ring)->queues.sq.kflags |= IORING_SQ_TASKRUN;
        CHECK(ring_fd_rest(ring, RING_NO_DEADLINE));
        CHECK(!is_readable(0));
        ring_wake(ring); /* and what comes then is told */
        CHECK(is_readable(10000));
    }
    fixture_end();
}

/* Each sleep ends with exactly what came, however often; many come between two sleeps. */
static void test_each_completion_is_told(void)
{
    int fds[CONNS][2];
    uint32_t told = 0;

    begin();
    for (uint32_t i = 0; i < CONNS; i++) {
        make_pair(fds[i]);
        ring_recv_stand(ring, i, fds[i][0], RING_SMALL, RING_NO_DEADLINE);
    }
    rest(RING_NO_DEADLINE);
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t senders = round % CONNS + 1;
        for (uint32_t i = 0; i < senders; i++) {
            write_fully(fds[i][1], "x", 1);
        }
        for (told = 0; told < senders;) {
            CHECK(is_readable(10000));
            told += rest(RING_NO_DEADLINE);
        }
        CHECK_EQ(told, senders);
    }
    for (uint32_t i = 0; i < CONNS; i++) {
        end_recv(i);
        close_conn(i, fds[i][0]);
        close(fds[i][1]);
    }
    fixture_end();
}

static void test_deadlines_of_all_connections_at_once_are_told(void)
{
    int fds[CONNS][2];
    uint32_t told = 0;

    begin();
    uint64_t deadline_ns = ring_now_ns(ring) + 30 * NS_PER_MS;
    for (uint32_t i = 0; i < CONNS; i++) {
        make_pair(fds[i]);
        ring_recv_stand(ring, i, fds[i][0], RING_SMALL, deadline_ns);
    }
    rest(RING_NO_DEADLINE);
    while (told < CONNS) {
        CHECK(is_readable(10000));
        told += rest(RING_NO_DEADLINE);
    }
    CHECK(ring_now_ns(ring) >= deadline_ns);
    for (uint32_t i = 0; i < CONNS; i++) {
        close_conn(i, fds[i][0]);
        close(fds[i][1]);
    }
    fixture_end();
}

static void test_it_is_readable_when_the_alarm_comes_and_not_before(void)
{
    begin();
    for (int i = 0; i < 10; i++) {
        uint64_t alarm_ns = ring_now_ns(ring) + 15 * NS_PER_MS;
        rest(alarm_ns);
        CHECK(is_readable(10000));
        CHECK(ring_now_ns(ring) >= alarm_ns);
    }
    rest(ring_now_ns(ring) + 3600 * NS_PER_S);
    uint64_t sooner_ns = ring_now_ns(ring) + 15 * NS_PER_MS;
    rest(sooner_ns); /* it is moved */
    CHECK(is_readable(10000));
    CHECK(ring_now_ns(ring) >= sooner_ns);
    rest(RING_NO_DEADLINE);
    CHECK(!ring_fd_rest(ring, sooner_ns)); /* it was there already */
    fixture_end();
}

static void test_a_wake_and_a_call_make_it_readable_time_and_again(void)
{
    begin();
    for (int i = 0; i < 50; i++) {
        rest(RING_NO_DEADLINE);
        CHECK(!is_readable(0));
        if (i % 2 == 0) {
            ring_wake(ring);
        } else {
            ring_fd_call(ring);
        }
        CHECK(is_readable(10000));
        CHECK(is_readable(0)); /* until a turn */
    }
    rest(RING_NO_DEADLINE);
    fixture_end();
}

/* While turns go on, what they find by themselves is not told too. */
static void test_it_says_nothing_of_what_a_turn_has_found(void)
{
    struct ring_done done;
    int fds[2];

    begin();
    make_pair(fds);
    ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
    rest(RING_NO_DEADLINE);
    for (int i = 0; i < 50; i++) {
        ring_fd_work(ring);
        write_fully(fds[1], "x", 1);
        CHECK_EQ(ring_turn(ring, &done, 1, PATIENCE_NS, false), 1);
        give_back(&done);
        CHECK(ring_fd_rest(ring, RING_NO_DEADLINE));
        CHECK(!is_readable(0));
    }
    ring_fd_work(ring);
    end_recv(0);
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

int main(void)
{
    RUN(test_it_calls_once_for_what_was_before_it);
    RUN(test_what_was_started_and_not_handed_over_forbids_a_rest);
    RUN(test_a_mark_of_work_that_was_done_keeps_nobody_awake);
    RUN(test_each_completion_is_told);
    RUN(test_deadlines_of_all_connections_at_once_are_told);
    RUN(test_it_is_readable_when_the_alarm_comes_and_not_before);
    RUN(test_a_wake_and_a_call_make_it_readable_time_and_again);
    RUN(test_it_says_nothing_of_what_a_turn_has_found);
    return check_done();
}
