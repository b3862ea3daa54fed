/*
 * engine_ring, how long a turn waits and what ends it: time, wakes of any thread, signals.
 */
#include "tests/unit/ring_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#define CONNS 8

static void test_a_turn_waits_as_long_as_it_was_told(void)
{
    struct ring_done done;

    fixture_begin(CONNS);
    for (int calm = 0; calm <= 1; calm++) {
        uint64_t begin_ns = ring_now_ns(ring);
        CHECK_EQ(ring_turn(ring, &done, 1, 15 * NS_PER_MS, calm), 0);
        CHECK(ring_now_ns(ring) - begin_ns >= 15 * NS_PER_MS);
        CHECK(ring_before_ns(ring) >= begin_ns);
        CHECK(ring_after_ns(ring) >= ring_before_ns(ring) + 15 * NS_PER_MS);
        CHECK(ring_after_ns(ring) <= ring_now_ns(ring));
    }
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(ring_turn(ring, &done, 1, 0, true), 0);
    }
    fixture_end();
}

static void test_a_calm_turn_spins_within_its_limit_and_finds_what_comes(void)
{
    const struct ring_options options = {
        .io = test_io(),
        .conns_max = CONNS,
        .spin_max_ns = 200 * NS_PER_US,
    };
    enum quoit_error error = QUOIT_OK;
    struct ring_done done;
    int fds[2];

    ring = ring_create(&options, &error);
    CHECK(ring != NULL);
    make_pair(fds);
    ring_recv_stand(ring, 0, fds[0], RING_SMALL, RING_NO_DEADLINE);
    for (int i = 0; i < 300; i++) {
        bool quiet = i % 3 == 0;
        if (!quiet) {
            write_fully(fds[1], "x", 1);
        }
        CHECK_EQ(ring_turn(ring, &done, 1, quiet ? 10 * NS_PER_US : PATIENCE_NS, true), !quiet);
        if (!quiet) {
            CHECK_EQ(done.result, 1);
            give_back(&done);
        }
    }
    CHECK(ring_stats_read(ring).spin_ns > 0);
    end_recv(0);
    close_conn(0, fds[0]);
    close(fds[1]);
    fixture_end();
}

static void test_a_wake_before_the_turn_ends_the_next_one_and_only_that(void)
{
    struct ring_done done;

    fixture_begin(CONNS);
    for (int i = 0; i < 20; i++) {
        ring_wake(ring);
        ring_wake(ring); /* two are one */
        CHECK_EQ(ring_turn(ring, &done, 1, QUOIT_NEVER, false), 0);
        uint64_t begin_ns = ring_now_ns(ring);
        CHECK_EQ(ring_turn(ring, &done, 1, 2 * NS_PER_MS, false), 0);
        CHECK(ring_now_ns(ring) - begin_ns >= 2 * NS_PER_MS);
    }
    CHECK_EQ(write(ring_wake_fd(ring), "", 1), 1);
    CHECK_EQ(ring_turn(ring, &done, 1, QUOIT_NEVER, false), 0);
    fixture_end();
}

static _Atomic uint32_t turns_ended;
static _Atomic bool waker_stops;

/* One wake for each turn that waits, as soon as the one before is known to be over. */
static void *wake_each_turn(void *argument)
{
    const uint32_t *count = argument;

    for (uint32_t i = 0; i < *count; i++) {
        while (turns_ended < i) {
            sched_yield();
        }
        ring_wake(ring);
    }
    return NULL;
}

static void test_a_wake_of_another_thread_ends_a_wait(void)
{
    struct ring_done done;
    pthread_t thread;
    uint32_t count = 500;

    fixture_begin(CONNS);
    turns_ended = 0;
    CHECK_EQ(pthread_create(&thread, NULL, wake_each_turn, &count), 0);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_EQ(ring_turn(ring, &done, 1, QUOIT_NEVER, false), 0);
        turns_ended++;
    }
    pthread_join(thread, NULL);
    fixture_end();
}

static void on_signal(int number)
{
    (void)number;
}

static void on_signal_wake(int number)
{
    (void)number;
    errno = 0;
    ring_wake(ring);
}

/* A signal that comes before the wait ends nothing: so it is sent until it has. */
static void *signal_until_told(void *argument)
{
    while (!waker_stops) {
        pthread_kill(*(const pthread_t *)argument, SIGUSR1);
        usleep(1000);
    }
    return NULL;
}

static void test_a_signal_ends_a_wait_and_its_handler_may_wake(void)
{
    static void (*const handlers[])(int) = { on_signal, on_signal_wake };

    for (size_t i = 0; i < COUNT_OF(handlers); i++) {
        struct ring_done done;
        pthread_t thread, self = pthread_self();
        fixture_begin(CONNS);
        signal(SIGUSR1, handlers[i]);
        waker_stops = false;
        CHECK_EQ(pthread_create(&thread, NULL, signal_until_told, &self), 0);
        CHECK_EQ(ring_turn(ring, &done, 1, QUOIT_NEVER, false), 0);
        CHECK_EQ(ring_turn(ring, &done, 1, QUOIT_NEVER, false), 0);
        waker_stops = true;
        pthread_join(thread, NULL);
        signal(SIGUSR1, SIG_IGN);
        fixture_end();
    }
}

static void test_a_ring_that_cannot_be_made_says_why(void)
{
    const struct ring_options options = { .io = test_io(), .conns_max = CONNS };
    enum quoit_error error = QUOIT_OK;
    struct rlimit limit, none;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK(ring_create(&options, &error) == NULL);
    CHECK_EQ(error, QUOIT_E_NO_DESCRIPTOR);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ring_destroy(NULL);
}

int main(void)
{
    alarm(120); /* a wait that nothing ends fails the test */
    RUN(test_a_turn_waits_as_long_as_it_was_told);
    RUN(test_a_calm_turn_spins_within_its_limit_and_finds_what_comes);
    RUN(test_a_wake_before_the_turn_ends_the_next_one_and_only_that);
    RUN(test_a_wake_of_another_thread_ends_a_wait);
    RUN(test_a_signal_ends_a_wait_and_its_handler_may_wake);
    RUN(test_a_ring_that_cannot_be_made_says_why);
    return check_done();
}
