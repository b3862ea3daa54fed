/*
 * The engine, through quoit.h only, over a simulated network: R36, and R01-R05, R16, R17, R29, R31
 * at random.
 *
 * Safety: on any network, cancelled, paused, asked again or destroyed at any moment, each request
 * has one END; an answer that is OK is byte for byte the one that a server meant for that very
 * request; nothing is acted on more often than its replay allows; limits hold at the server; when
 * the engine is gone, so is all it had from the kernel.
 *
 * Liveness: on a calm network all requests succeed at their first attempt; on any network all end,
 * within a bounded time and number of turns.
 *
 *   engine_sim_test [-v] [SEED COUNT]      from SEED 1, 10,000 or QUOIT_SIM_SEEDS of them
 *
 * A failure prints its seed and the command that runs it alone; -v shows each event. A full run
 * ends with how often each kind of trouble and each outcome was, and fails if one never was.
 */
#include "tests/sim/client_sim.h"
#include "tests/sim/net_sim.h"
#include "tests/sim/ring_sim.h"
#include "tests/sim/server_sim.h"
#include "tests/sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 10000
#define SEEDS_OF_A_FULL_RUN 5000 /* from so many on, each kind of trouble must have been */
#define TURNS_MAX 400000
#define END_NS (7 * 24 * 3600 * NS_PER_S)
#define DESTROY_MAX_NS NS_PER_S
#define LOOKS_NS (5 * NS_PER_MS) /* the shortest timeout of an engine */
#define SOCKETS_BESIDE_IN_FLIGHT 64

static char command[256];

/* -------- one seed -------- */

struct scenario {
    bool calm;
    bool destroyed; /* in mid-flight */
    bool batch;
    uint32_t asks;
    struct quoit_options options;
    struct quoit_engine *engine;
    struct quoit_limit *limit;
};

static uint64_t maybe(uint64_t value)
{
    return world_below(2) == 0 ? 0 : value;
}

static void choose_options(struct scenario *scenario)
{
    struct quoit_options *options = &scenario->options;

    *options = (struct quoit_options){
        .requests_max = (uint32_t)maybe(1 + world_below(scenario->asks + 4)),
        .in_flight_max = 1 + (uint32_t)world_size(15),
        .retry_budget_percent = (uint32_t)maybe(1 + world_below(100)),
        .stream_buffer_max = maybe(1 + world_size(8192)),
        .pool_idle_ns =
            maybe(LOOKS_NS + world_below(world_below(2) == 0 ? 20 * NS_PER_MS : 9 * NS_PER_S)),
        .spin_max_ns = QUOIT_NEVER,
    };
    options->in_flight_per_origin_max = (uint32_t)maybe(1 + world_below(options->in_flight_max));
    if (!scenario->calm) {
        options->outage_wait_ns = maybe(world_below(30 * NS_PER_S));
        options->body_size_max = world_below(8) == 0 ? 1 + world_below(20000) : 0;
        options->timeouts.idle_ns = maybe(LOOKS_NS + world_below(20 * NS_PER_S));
        /* The engine looks as often as its shortest timeout says: not for hours, then. */
        bool looks_often = options->pool_idle_ns != 0 || options->timeouts.idle_ns != 0;
        if (looks_often || world_below(2) == 0) {
            options->timeouts.attempt_ns = 1 + world_below(90 * NS_PER_S);
        }
    }
}

static void begin_world(struct scenario *scenario, uint64_t seed)
{
    struct world_profile profile =
        seed % 4 == 0 ? world_profile_calm(seed) : world_profile_rough(seed);

    *scenario = (struct scenario){ .calm = seed % 4 == 0 };
    world_begin(seed, &profile, command);
    scenario->asks = 1 + (uint32_t)world_below(world_below(4) == 0 ? 40 : 12);
    scenario->batch = world_below(12) == 0;
    scenario->destroyed = world_below(10) == 0;
    choose_options(scenario);

    const struct quoit_options *options = &scenario->options;
    struct server_limits servers = {
        .in_flight_max = options->in_flight_max,
        .per_origin_max = options->in_flight_per_origin_max == 0
                              ? options->in_flight_max
                              : options->in_flight_per_origin_max,
        .pool_idle_ns = options->pool_idle_ns == 0 ? 60 * NS_PER_S : options->pool_idle_ns,
        .body_size_max = 512 * 1024,
    };
    struct ring_sim_limits limits = {
        .sockets_max = options->in_flight_max + SOCKETS_BESIDE_IN_FLIGHT,
        .turns_max = TURNS_MAX,
        .end_ns = END_NS,
    };
    server_sim_begin(&servers);
    ring_sim_begin(&limits);
}

/* False: there is no ring in this world. */
static bool make_engine(struct scenario *scenario)
{
    struct quoit_engine *untouched = (struct quoit_engine *)(uintptr_t)8;
    uint32_t servers = 1 + (uint32_t)world_below(SERVER_SERVERS_MAX);

    scenario->engine = untouched;
    enum quoit_error error = quoit_create(&scenario->options, &scenario->engine);
    if (error != QUOIT_OK) {
        if (scenario->engine != untouched || scenario->calm ||
            (error != QUOIT_E_NO_URING && error != QUOIT_E_LOCKED_MEMORY)) {
            world_violation("quoit_create: %s", quoit_error_name(error));
        }
        return false;
    }
    if (!scenario->batch && world_below(8) == 0) {
        scenario->destroyed = false; /* a limit is destroyed first, and not under requests */
        uint64_t per_minute = 30 + world_below(6000);
        if (quoit_limit_create(scenario->engine, per_minute, maybe(20000), &scenario->limit) !=
            QUOIT_OK) {
            world_violation("quoit_limit_create");
        }
    }
    struct client_plan plan = { .engine = scenario->engine,
                                .limit = scenario->limit,
                                .asks = scenario->asks,
                                .servers = servers,
                                .calm = scenario->calm,
                                .leaves_alone = world_below(3) == 0 };
    client_begin(&plan);
    return true;
}

static void check_stats(const struct scenario *scenario)
{
    struct quoit_stats stats;

    quoit_stats_read(scenario->engine, &stats);
    if (stats.in_flight > scenario->options.in_flight_max) {
        world_violation("stats: %llu in flight", (unsigned long long)stats.in_flight);
    }
    if (stats.resent > stats.reused) {
        world_violation("stats: more free resends than requests on kept connections");
    }
    if (scenario->calm && (stats.retries != 0 || stats.resent != 0 || stats.outages != 0)) {
        world_violation("stats: retries, resent or outages in a calm world");
    }
}

/* All have ended: nothing is anywhere, and how they ended adds up. */
static void check_nothing_left(const struct quoit_stats *stats)
{
    if (stats->queued + stats->waiting + stats->in_flight + stats->done != 0) {
        world_violation("stats: all have ended, and %llu queued, %llu waiting, %llu in flight, "
                        "%llu done are left",
                        (unsigned long long)stats->queued, (unsigned long long)stats->waiting,
                        (unsigned long long)stats->in_flight, (unsigned long long)stats->done);
    }
    if (stats->submitted != stats->succeeded + stats->failed + stats->cancelled) {
        world_violation("stats: %llu submitted, and other counts of ends",
                        (unsigned long long)stats->submitted);
    }
}

static void run_events(struct scenario *scenario)
{
    uint64_t turns_left = scenario->destroyed ? world_size(500) : UINT64_MAX;

    while (!client_is_done()) {
        if (turns_left-- == 0) {
            return;
        }
        ring_sim_stay_away();
        client_submit_some();
        client_disturb();
        ring_sim_stay_away();
        quoit_turn(scenario->engine, client_wait_ns());
        check_stats(scenario);
        client_take_events();
    }
    scenario->destroyed = false;
}

static void run_batch(struct scenario *scenario)
{
    struct quoit_request requests[CLIENT_ASKS_MAX];
    struct quoit_batch *batch;
    bool given[CLIENT_ASKS_MAX] = { false };

    for (uint32_t i = 0; i < scenario->asks; i++) {
        client_make(i + 1, &requests[i]);
    }
    if (quoit_batch_create(scenario->engine, requests, scenario->asks, &batch) != QUOIT_OK) {
        world_violation("quoit_batch_create");
    }
    if (scenario->destroyed) {
        quoit_batch_next(batch, world_below(100 * NS_PER_MS));
        quoit_batch_destroy(batch);
        return;
    }
    if (world_below(2) == 0) {
        quoit_batch_wait(batch);
    }
    for (uint32_t count = 0; count < scenario->asks;) {
        ring_sim_stay_away();
        size_t index = quoit_batch_next(batch, world_below(2) == 0 ? QUOIT_NEVER : NS_PER_MS);
        if (index == SIZE_MAX) {
            continue;
        }
        if (index >= scenario->asks || given[index]) {
            world_violation("quoit_batch_next gives %zu twice", index);
        }
        given[index] = true;
        count++;
        client_check_result((uint32_t)index + 1, quoit_batch_result(batch, index));
    }
    if (quoit_batch_next(batch, NS_PER_S) != SIZE_MAX) {
        world_violation("quoit_batch_next gives more than there were");
    }
    quoit_batch_destroy(batch);
}

static void run_seed(uint64_t seed)
{
    struct scenario scenario;

    begin_world(&scenario, seed);
    world_trace("seed %llu: %s, %u requests, in flight %u%s%s", (unsigned long long)seed,
                scenario.calm ? "calm" : "rough", scenario.asks, scenario.options.in_flight_max,
                scenario.batch ? ", batch" : "", scenario.destroyed ? ", destroyed" : "");
    if (!make_engine(&scenario)) {
        return;
    }
    if (scenario.batch) {
        run_batch(&scenario);
    } else {
        run_events(&scenario);
        client_release_all();
    }

    quoit_turn(scenario.engine, 0); /* the last events' slots come back with it */
    struct quoit_stats stats;
    quoit_stats_read(scenario.engine, &stats);
    if (!scenario.destroyed) {
        check_nothing_left(&stats);
    }
    client_counts.resent += stats.resent;
    client_counts.retried += stats.retries;
    quoit_limit_destroy(scenario.limit);
    uint64_t begin_ns = world_now_ns();
    quoit_destroy(scenario.engine);
    if (world_now_ns() > begin_ns + DESTROY_MAX_NS) {
        world_violation("quoit_destroy took %llu ms",
                        (unsigned long long)((world_now_ns() - begin_ns) / NS_PER_MS));
    }
    if (ring_sim_rings() != 0 || ring_sim_operations() != 0 || net_open_count() != 0) {
        world_violation("the engine is gone; %u rings, %u operations, %u sockets are not",
                        ring_sim_rings(), ring_sim_operations(), net_open_count());
    }
    client_finish();
}

/* -------- what was covered -------- */

static int passed, failed;

static void covered(const char *name, uint64_t count, bool wanted)
{
    printf("  %10llu  %s\n", (unsigned long long)count, name);
    passed += wanted && count > 0;
    if (wanted && count == 0) {
        failed++;
        printf("FAILED: this never happened: %s\n", name);
    }
}

static void report(bool full)
{
    static const enum quoit_error errors[] = {
        QUOIT_OK,
        QUOIT_E_CONNECT,
        QUOIT_E_RESET,
        QUOIT_E_PROTOCOL,
        QUOIT_E_INCOMPLETE,
        QUOIT_E_TOO_LARGE,
        QUOIT_E_TIMEOUT_CONNECT,
        QUOIT_E_TIMEOUT_WRITE,
        QUOIT_E_TIMEOUT_FIRST_BYTE,
        QUOIT_E_TIMEOUT_IDLE,
        QUOIT_E_TIMEOUT_TOTAL,
        QUOIT_E_TIMEOUT_DEADLINE,
        QUOIT_E_CANCELLED,
        QUOIT_E_NO_DESCRIPTOR,
    };

    printf("what happened:\n");
    for (unsigned i = 0; i < WORLD_FAULTS; i++) {
        covered(world_fault_name((enum world_fault)i), world_count((enum world_fault)i), full);
    }
    printf("how requests ended:\n");
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        covered(quoit_error_name(errors[i]), client_counts.outcomes[errors[i]], full);
    }
    printf("what the caller did and saw:\n");
    covered("submitted", client_counts.submitted, full);
    covered("found no slot", client_counts.no_slots, full);
    covered("cancelled one", client_counts.cancels, full);
    covered("cancelled all", client_counts.cancels_all, full);
    covered("paused a stream", client_counts.pauses, full);
    covered("asked again", client_counts.agains, full);
    covered("kept a result", client_counts.keeps, full);
    covered("woke the engine", client_counts.wakes, full);
    covered("pieces", client_counts.pieces, full);
    covered("messages", client_counts.messages, full);
    covered("answers on a kept connection", client_counts.reused, full);
    covered("resent by itself", client_counts.resent, full);
    covered("retried", client_counts.retried, full);
    covered("answers that say nothing (tainted)", client_counts.tainted, false);
}

int main(int argc, char **argv)
{
    const char *seeds = getenv("QUOIT_SIM_SEEDS");
    uint64_t first = 1;
    uint64_t count = seeds != NULL ? strtoull(seeds, NULL, 10) : SEEDS;

    snprintf(command, sizeof(command), "%s", argv[0]);
    if (argc > 1 && strcmp(argv[1], "-v") == 0) {
        world_trace_on = true;
        argc--;
        argv++;
    }
    if (argc > 2) {
        first = strtoull(argv[1], NULL, 10);
        count = strtoull(argv[2], NULL, 10);
    }
    for (uint64_t seed = first; seed < first + count; seed++) {
        run_seed(seed);
        passed++;
    }
    if (count > 1) {
        report(count >= SEEDS_OF_A_FULL_RUN);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
