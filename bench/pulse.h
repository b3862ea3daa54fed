/*
 * pulse: what a worker has done so far, for another thread to read while it goes on.
 *
 * One thread writes, any number read: each number is an atomic of its own, without order between
 * them, so a reader may see a request among those that ended before it sees its latency. The
 * numbers only grow (but in_flight): who wants to know of a time takes the difference.
 *
 * Buckets are 1.6 % wide, enough for a line on a screen and a plot over time; the results proper
 * are in struct spread.
 */
#ifndef QUOIT_BENCH_PULSE_H
#define QUOIT_BENCH_PULSE_H

#include <stdatomic.h>
#include <stdint.h>

#define PULSE_STEPS_LOG2 6
#define PULSE_STEPS (1u << PULSE_STEPS_LOG2)
#define PULSE_POWERS 36 /* the last bucket holds 73 minutes and all above */
#define PULSE_BUCKETS (PULSE_STEPS * (PULSE_POWERS + 1))

enum pulse_metric { PULSE_LATENCY, PULSE_SERVICE, PULSE_TTFT, PULSE_ITL, PULSE_METRICS };

struct pulse {
    _Atomic uint64_t sent, ok, failed, tokens_out, in_flight;
    _Atomic uint64_t late_ns; /* how long the next request has been due and found no slot */
    _Atomic uint64_t sums_ns[PULSE_METRICS];
    _Atomic uint32_t buckets[PULSE_METRICS][PULSE_BUCKETS];
};

/* The sum of what some pulses said at one moment, or the difference of two such sums. */
struct pulse_sum {
    uint64_t sent, ok, failed, tokens_out, in_flight;
    uint64_t counts[PULSE_METRICS]; /* of a difference only: buckets may have gone round */
    uint64_t sums_ns[PULSE_METRICS];
    uint32_t buckets[PULSE_METRICS][PULSE_BUCKETS];
};

/* The writer's. */
static inline void pulse_count(_Atomic uint64_t *counter, uint64_t more)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, before + more, memory_order_relaxed);
}

/* The writer's. */
void pulse_add(struct pulse *pulse, enum pulse_metric metric, uint64_t value_ns);

/* Add what the pulse says now. */
void pulse_read(struct pulse_sum *into, const struct pulse *pulse);

/* *out = later - earlier; in_flight is the later one's. */
void pulse_subtract(struct pulse_sum *out, const struct pulse_sum *later,
                    const struct pulse_sum *earlier);

/* Join two differences that follow each other; in_flight is the later one's. */
void pulse_join(struct pulse_sum *into, const struct pulse_sum *later);

/* Of a difference: in ns, between the ends of its bucket; 0 if there is none. `fraction` from 0
 * to 1. */
double pulse_percentile(const struct pulse_sum *sum, enum pulse_metric metric, double fraction);

#endif
