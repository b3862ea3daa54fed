/*
 * wake_test: threads call quoit_wake at random against an engine that turns, idle and busy, and
 * none is lost: each ends a turn that had begun, or the one that begins next.
 *
 * A thread wakes, and goes on only when the engine's thread has come out of a turn since. So with
 * one thread a wake that was lost is the end of all, and the bound of the turn tells.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#define WAKERS_MAX 4
#define WAIT_NS (LIVE_WAIT_MS * LIVE_NS_PER_MS)
#define PAUSE_NS 40000 /* at most, on both sides: about as long as a wake takes */

#ifdef __SANITIZE_THREAD__
#define WAKES_EACH 3000u
#else
#define WAKES_EACH 15000u
#endif

static struct live_server server;

/* A pause between nothing and PAUSE_NS, awake: sleeping would be too long for any of these races.
 */
static void pause_at_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    uint64_t pause_ns = *seed >> 16 & 1 ? (*seed >> 17) % PAUSE_NS : 0;
    uint64_t began_ns = quoit_now_ns();

    while (quoit_now_ns() - began_ns < pause_ns) {
    }
}

struct waker {
    pthread_t thread;
    struct quoit_engine *engine;
    unsigned seed;
    atomic_uint asked; /* wakes so far */
    unsigned seen;     /* by the engine's thread */
    sem_t told;        /* that it was seen */
};

static void *waker_run(void *context)
{
    struct waker *waker = context;

    for (unsigned i = 0; i < WAKES_EACH; i++) {
        pause_at_random(&waker->seed);
        atomic_fetch_add(&waker->asked, 1);
        quoit_wake(waker->engine);
        sem_wait(&waker->told);
    }
    return NULL;
}

/* Tell those who have asked since the last turn. Returns how many. */
static unsigned tell(struct waker *wakers, unsigned count)
{
    unsigned told = 0;

    for (unsigned i = 0; i < count; i++) {
        unsigned asked = atomic_load(&wakers[i].asked);
        if (asked != wakers[i].seen) {
            wakers[i].seen = asked;
            told++;
            sem_post(&wakers[i].told);
        }
    }
    return told;
}

/* Keep so many requests under way, without waiting for any. */
static void work(struct quoit_engine *engine, unsigned requests, unsigned *under_way)
{
    struct quoit_event events[16];
    unsigned count;

    while ((count = quoit_next(engine, events, 16)) > 0) {
        *under_way -= count;
    }
    for (; *under_way < requests; ++*under_way) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
}

/* Be woken by so many threads, with so many requests under way. Returns how many turns it took. */
static uint64_t be_woken(unsigned count, unsigned requests)
{
    static struct waker wakers[WAKERS_MAX];
    struct quoit_engine *engine = live_engine(NULL);
    unsigned seed = 7, under_way = 0;
    uint64_t turns = 0;

    for (unsigned i = 0; i < count; i++) {
        wakers[i] = (struct waker){ .engine = engine, .seed = 11 + i };
        sem_init(&wakers[i].told, 0, 0);
        CHECK_EQ(pthread_create(&wakers[i].thread, NULL, waker_run, &wakers[i]), 0);
    }
    for (unsigned told = 0; told < count * WAKES_EACH;) {
        work(engine, requests, &under_way);
        uint64_t began_ns = quoit_now_ns();
        uint32_t ready = quoit_turn(engine, WAIT_NS);
        turns++;
        unsigned now = tell(wakers, count);
        told += now;
        if (ready == 0 && now == 0 && quoit_now_ns() - began_ns >= WAIT_NS) {
            live_give_up("a wake");
        }
        pause_at_random(&seed);
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(wakers[i].thread, NULL);
        sem_destroy(&wakers[i].told);
    }
    quoit_destroy(engine);
    return turns;
}

/* Nothing else ends a turn here, and no wake ends two. */
static void test_each_wake_of_one_thread_ends_one_turn_of_an_idle_engine(void)
{
    uint64_t turns = be_woken(1, 0);

    CHECK(turns >= WAKES_EACH);
    CHECK(turns <= 2 * WAKES_EACH);
}

static void test_wakes_of_many_threads_reach_an_idle_engine(void)
{
    CHECK(be_woken(WAKERS_MAX, 0) <= 2 * WAKERS_MAX * WAKES_EACH);
}

static void test_wakes_reach_an_engine_that_is_busy(void)
{
    CHECK(be_woken(1, 8) > 0);
}

int main(void)
{
    const char *options[] = { "--no-bodies", NULL };

    live_doing("wake");
    server = live_start(options);
    RUN(test_each_wake_of_one_thread_ends_one_turn_of_an_idle_engine);
    RUN(test_wakes_of_many_threads_reach_an_idle_engine);
    RUN(test_wakes_reach_an_engine_that_is_busy);
    live_stop(&server);
    return check_done();
}
