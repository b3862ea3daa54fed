/*
 * Each completion of a small world in turn ends with each error that a kernel may give it, once,
 * from there on, and once while the caller gives up all that is under way: R35.
 *
 * Whatever fails, each request has one END within a bounded time, an answer that is OK is the right
 * one, nothing is acted on more often than it may be, and when the engine is gone so is all that it
 * had from the kernel (tests/sim/client_sim.h, verdict_sim.h and ring_sim.h see to that).
 *
 * The world is the same each time but for that one error: the servers behave, and so does the rest
 * of the kernel. Of a receive, -ECANCELED, -ENOBUFS, -EAGAIN and -EINTR mean "again", so from there
 * on they would be a kernel that never gives anything.
 */
#include "tests/sim/client_sim.h"
#include "tests/sim/kernel_sim.h"
#include "tests/sim/net_sim.h"
#include "tests/sim/ring_sim.h"
#include "tests/sim/server_sim.h"
#include "tests/sim/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 6
#define ASKS 8
#define SERVERS 2
#define IN_FLIGHT 3
#define TURNS_MAX 100000
#define END_NS (24 * 3600 * NS_PER_S)

/* What an operation may end with. */
static const struct {
    enum ring_verb verb;
    int32_t result;
    bool on; /* also from there on */
} endings[] = {
    { RING_CONNECT, -ECONNREFUSED, true },
    { RING_CONNECT, -ETIMEDOUT, true },
    { RING_CONNECT, -ENETUNREACH, true },
    { RING_CONNECT, -EHOSTUNREACH, true },
    { RING_CONNECT, -EADDRNOTAVAIL, true },
    { RING_CONNECT, -EACCES, true },
    { RING_CONNECT, -EPERM, true },
    { RING_CONNECT, -ENOMEM, true },
    { RING_CONNECT, -ENOBUFS, true },
    { RING_CONNECT, -EAGAIN, true },
    { RING_CONNECT, -EINTR, true },
    { RING_CONNECT, -ECANCELED, true },
    { RING_CONNECT, -ECONNRESET, true },
    { RING_CONNECT, -ENOENT, true },
    { RING_SEND, -EPIPE, true },
    { RING_SEND, -ECONNRESET, true },
    { RING_SEND, -ETIMEDOUT, true },
    { RING_SEND, -ENOMEM, true },
    { RING_SEND, -ENOBUFS, true },
    { RING_SEND, -EAGAIN, true },
    { RING_SEND, -EINTR, true },
    { RING_SEND, -ECANCELED, true },
    { RING_SEND, -EHOSTUNREACH, true },
    { RING_SEND, -ENETDOWN, true },
    { RING_SEND, -EIO, true },
    { RING_RECV, 0, true },
    { RING_RECV, -ECONNRESET, true },
    { RING_RECV, -ETIMEDOUT, true },
    { RING_RECV, -ENOMEM, true },
    { RING_RECV, -EHOSTUNREACH, true },
    { RING_RECV, -EIO, true },
    { RING_RECV, -ENETDOWN, true },
    { RING_RECV, -ENOBUFS, false },
    { RING_RECV, -ECANCELED, false },
    { RING_RECV, -EINTR, false },
    { RING_RECV, -EAGAIN, false },
    { RING_CLOSE, -EINTR, true },
    { RING_CLOSE, -EIO, true },
    { RING_CLOSE, -ENOSPC, true },
    { RING_CLOSE, -ECANCELED, true },
};

static char command[256];

/* A world in which nothing happens by itself, and an engine in it. */
static struct quoit_engine *begin(uint64_t seed)
{
    struct world_profile nothing = { 0 };
    struct quoit_options options = { .in_flight_max = IN_FLIGHT, .spin_max_ns = QUOIT_NEVER };
    struct server_limits servers = { .in_flight_max = IN_FLIGHT,
                                     .per_origin_max = IN_FLIGHT,
                                     .pool_idle_ns = 60 * NS_PER_S,
                                     .body_size_max = 64 * 1024 };
    struct ring_sim_limits limits = { .sockets_max = IN_FLIGHT + 64,
                                      .turns_max = TURNS_MAX,
                                      .end_ns = END_NS };
    struct quoit_engine *engine;

    world_begin(seed, &nothing, command);
    server_sim_begin(&servers);
    ring_sim_begin(&limits);
    if (quoit_create(&options, &engine) != QUOIT_OK) {
        world_violation("quoit_create");
    }
    client_begin(&(struct client_plan){
        .engine = engine, .asks = ASKS, .servers = SERVERS, .leaves_alone = true });
    return engine;
}

/*
 * One world, with that refused. False: it was never reached. With `gives_up`, all is cancelled by
 * the time that the caller could know of it.
 */
static bool run(uint64_t seed, const struct kernel_refusal *refusal, bool gives_up)
{
    struct quoit_engine *engine = begin(seed);

    kernel_refuse(refusal);
    while (!client_is_done()) {
        client_submit_some();
        quoit_turn(engine, client_wait_ns());
        if (gives_up && kernel_refusal_count() >= refusal->at) {
            client_cancel_all();
            gives_up = false;
        }
        client_take_events();
    }
    client_release_all();
    quoit_destroy(engine);
    if (ring_sim_rings() != 0 || ring_sim_operations() != 0 || net_open_count() != 0) {
        world_violation("the engine is gone; %u rings, %u operations, %u sockets are not",
                        ring_sim_rings(), ring_sim_operations(), net_open_count());
    }
    client_finish();
    bool reached = kernel_refusal_count() >= refusal->at;
    kernel_refuse(&(struct kernel_refusal){ 0 });
    return reached;
}

/* Every place, in one form. Returns how many there were. */
static uint64_t run_all(struct kernel_refusal refusal, bool gives_up)
{
    uint64_t places = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (refusal.at = 1; run(seed, &refusal, gives_up); refusal.at++) {
            places++;
        }
    }
    return places;
}

int main(int argc, char **argv)
{
    static const char *const verbs[] = { "connect", "send", "recv", "close" };
    uint64_t once_all = 0, on_all = 0;
    unsigned passed = 0;

    (void)argc;
    snprintf(command, sizeof(command), "%s", argv[0]);
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        struct kernel_refusal refusal = { .verb = endings[i].verb, .result = endings[i].result };
        uint64_t once = run_all(refusal, false);
        run_all(refusal, true);
        refusal.on = true;
        uint64_t on = endings[i].on ? run_all(refusal, false) : 0;
        printf("%-8s %-16s once %llu, from there on %llu\n", verbs[endings[i].verb],
               endings[i].result == 0 ? "end" : strerrorname_np(-endings[i].result),
               (unsigned long long)once, (unsigned long long)on);
        once_all += once;
        on_all += on;
        passed += once > SEEDS;
    }
    printf("%llu places once, %llu from there on\n", (unsigned long long)once_all,
           (unsigned long long)on_all);
    printf("%u passed, %u failed\n", passed, (unsigned)COUNT_OF(endings) - passed);
    return passed == COUNT_OF(endings) ? 0 : 1;
}
