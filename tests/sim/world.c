/*
 * world: seed, clock and chance of the simulation; tests/sim/world.h is the manual.
 */
#include "tests/sim/world.h"

#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORLD_PATTERN_OFFSETS (64 * 1024)

struct world {
    uint64_t seed;
    uint64_t chance;
    uint64_t now_ns;
    struct world_profile profile;
    const char *command;
    bool is_fed; /* chance comes from `fed` */
    const uint8_t *fed;
    size_t fed_size;
};

static struct world world;
static uint64_t world_counts[WORLD_FAULTS]; /* over all worlds */
static char world_patterns[WORLD_PATTERN_SIZE + WORLD_PATTERN_OFFSETS];
bool world_trace_on;

static const char *const world_fault_names[WORLD_FAULTS] = {
#define WORLD_X(name, calm, text) [WORLD_##name] = #name ": " text,
    WORLD_FAULT_MAP(WORLD_X)
#undef WORLD_X
};

static const bool world_fault_calm[WORLD_FAULTS] = {
#define WORLD_X(name, calm, text) [WORLD_##name] = calm,
    WORLD_FAULT_MAP(WORLD_X)
#undef WORLD_X
};

/* splitmix64 */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

const char *world_fault_name(enum world_fault fault)
{
    return world_fault_names[fault];
}

bool world_fault_is_calm(enum world_fault fault)
{
    return world_fault_calm[fault];
}

/* -------- profiles -------- */

/*
 * Each kind has a rate of its own in each seed, often 0: a network that does everything at once
 * hides more than one that does a few things often. In every other rough one, a single kind is
 * frequent, and a single kind of the ring's and the network's.
 */
static struct world_profile world_profile_of(uint64_t seed, bool rough)
{
    static const uint32_t calm_rates[] = { 0, 0, 10, 50, 200, 500 };
    static const uint32_t rough_rates[] = { 0, 0, 0, 5, 20, 100 };
    struct world_profile profile;
    uint64_t state = seed ^ UINT64_C(0x6b5fca6b5fca6b5f);

    for (uint32_t i = 0; i < WORLD_FAULTS; i++) {
        uint64_t draw = mix(&state);
        if (world_fault_calm[i]) {
            profile.permille[i] = calm_rates[draw % COUNT_OF(calm_rates)];
        } else {
            profile.permille[i] = rough ? rough_rates[draw % COUNT_OF(rough_rates)] : 0;
        }
    }
    if (rough && mix(&state) % 2 == 0) {
        profile.permille[mix(&state) % WORLD_FAULTS] = 300;
        profile.permille[mix(&state) % WORLD_SERVER_FIRST] = 300;
        profile.permille[WORLD_RING_REFUSED] = 0;
    }
    return profile;
}

struct world_profile world_profile_calm(uint64_t seed)
{
    return world_profile_of(seed, false);
}

struct world_profile world_profile_rough(uint64_t seed)
{
    return world_profile_of(seed, true);
}

/* -------- the way out -------- */

static void world_print_way_back(void)
{
    char line[256];
    int size =
        snprintf(line, sizeof(line),
                 "seed %llu. Run it alone:  %s %llu 1      with all events:  %s -v %llu 1\n",
                 (unsigned long long)world.seed, world.command, (unsigned long long)world.seed,
                 world.command, (unsigned long long)world.seed);

    if (write(STDERR_FILENO, line, (size_t)size) < 0) {
        _exit(3);
    }
}

static void world_on_signal(int number)
{
    signal(number, SIG_DFL);
    world_print_way_back();
    raise(number);
}

/* Asserts abort, memory errors end the process under a sanitizer, an endless loop meets alarm(2).
 */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void world_watch(void)
{
    static bool watched;

    if (!watched) {
        watched = true;
        signal(SIGABRT, world_on_signal);
        signal(SIGALRM, world_on_signal);
        if (__sanitizer_set_death_callback != NULL) {
            __sanitizer_set_death_callback(world_print_way_back);
        } else {
            signal(SIGSEGV, world_on_signal);
        }
    }
    alarm(120);
}

void world_violation(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fprintf(stderr, "\nVIOLATION: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    abort();
}

void world_trace_line(const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%14.6f ", (double)world.now_ns / 1e9);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
}

/* -------- the world -------- */

static void world_make_patterns(void)
{
    static const char letters[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    uint64_t state = 1;

    for (size_t i = 0; i < sizeof(world_patterns); i++) {
        world_patterns[i] = letters[mix(&state) % 64];
    }
}

void world_begin(uint64_t seed, const struct world_profile *profile, const char *command)
{
    if (world_patterns[0] == 0) {
        world_make_patterns();
    }
    world = (struct world){ .seed = seed, .chance = seed, .profile = *profile, .command = command };
    world.now_ns = 1000 * NS_PER_S + world_below(1000 * NS_PER_S);
    if (command != NULL) {
        world_watch();
    }
}

void world_feed(const uint8_t *bytes, size_t size)
{
    world.is_fed = true;
    world.fed = bytes;
    world.fed_size = size;
}

/* As many bytes as the bound has. */
static uint64_t world_draw_fed(uint64_t bound)
{
    uint64_t value = 0;

    for (uint64_t left = bound; left > 1; left >>= 8) {
        if (world.fed_size == 0) {
            return bound - 1;
        }
        value = value << 8 | *world.fed++;
        world.fed_size--;
    }
    return value % bound;
}

void world_change(const struct world_profile *profile)
{
    world.profile = *profile;
}

bool world_happens(enum world_fault fault)
{
    uint32_t permille = world.profile.permille[fault];

    if (permille == 0 || world_below(1000) >= permille) {
        return false;
    }
    world_note(fault);
    return true;
}

void world_note(enum world_fault fault)
{
    world_counts[fault]++;
    world_trace("     * %s", world_fault_names[fault]);
}

uint64_t world_count(enum world_fault fault)
{
    return world_counts[fault];
}

uint64_t world_below(uint64_t bound)
{
    assert(bound > 0);
    return world.is_fed ? world_draw_fed(bound) : mix(&world.chance) % bound;
}

uint64_t world_between(uint64_t low, uint64_t high)
{
    assert(low <= high);
    return low + world_below(high - low + 1);
}

uint64_t world_size(uint64_t high)
{
    uint64_t bits = 0;

    while (bits < 63 && (high >> bits) != 0) {
        bits++;
    }
    return min_u64(high, world_below(UINT64_C(1) << world_below(bits + 1)));
}

uint64_t world_now_ns(void)
{
    return world.now_ns;
}

void world_advance_to(uint64_t instant_ns)
{
    world.now_ns = max_u64(world.now_ns, instant_ns);
}

const char *world_pattern(uint64_t owner, uint64_t part)
{
    uint64_t state = world.seed ^ owner * UINT64_C(0x9e3779b97f4a7c15) ^ part << 48;

    return world_patterns + mix(&state) % WORLD_PATTERN_OFFSETS;
}
