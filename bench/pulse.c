/*
 * pulse: values below 64 have a bucket each; above, each power of two has 64.
 */
#include "bench/pulse.h"

#include <math.h>

static unsigned pulse_index(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned power = bits <= PULSE_STEPS_LOG2 + 1 ? 0 : bits - PULSE_STEPS_LOG2 - 1;

    if (power >= PULSE_POWERS) {
        return PULSE_BUCKETS - 1;
    }
    return PULSE_STEPS * power + (unsigned)(value >> power);
}

/* Where a bucket begins. */
static double pulse_begin(unsigned index)
{
    unsigned power = index < 2 * PULSE_STEPS ? 0 : index / PULSE_STEPS - 1;

    return ldexp(index - power * PULSE_STEPS, (int)power);
}

void pulse_add(struct pulse *pulse, enum pulse_metric metric, uint64_t value_ns)
{
    _Atomic uint32_t *bucket = &pulse->buckets[metric][pulse_index(value_ns)];
    uint32_t before = atomic_load_explicit(bucket, memory_order_relaxed);

    atomic_store_explicit(bucket, before + 1, memory_order_relaxed);
    pulse_count(&pulse->sums_ns[metric], value_ns);
}

static uint64_t pulse_now(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void pulse_read(struct pulse_sum *into, const struct pulse *pulse)
{
    into->sent += pulse_now(&pulse->sent);
    into->ok += pulse_now(&pulse->ok);
    into->failed += pulse_now(&pulse->failed);
    into->tokens_out += pulse_now(&pulse->tokens_out);
    into->in_flight += pulse_now(&pulse->in_flight);
    for (unsigned metric = 0; metric < PULSE_METRICS; metric++) {
        into->sums_ns[metric] += pulse_now(&pulse->sums_ns[metric]);
        for (unsigned i = 0; i < PULSE_BUCKETS; i++) {
            into->buckets[metric][i] +=
                atomic_load_explicit(&pulse->buckets[metric][i], memory_order_relaxed);
        }
    }
}

void pulse_subtract(struct pulse_sum *out, const struct pulse_sum *later,
                    const struct pulse_sum *earlier)
{
    out->sent = later->sent - earlier->sent;
    out->ok = later->ok - earlier->ok;
    out->failed = later->failed - earlier->failed;
    out->tokens_out = later->tokens_out - earlier->tokens_out;
    out->in_flight = later->in_flight;
    for (unsigned metric = 0; metric < PULSE_METRICS; metric++) {
        out->counts[metric] = 0;
        out->sums_ns[metric] = later->sums_ns[metric] - earlier->sums_ns[metric];
        for (unsigned i = 0; i < PULSE_BUCKETS; i++) {
            out->buckets[metric][i] = later->buckets[metric][i] - earlier->buckets[metric][i];
            out->counts[metric] += out->buckets[metric][i];
        }
    }
}

void pulse_join(struct pulse_sum *into, const struct pulse_sum *later)
{
    into->sent += later->sent;
    into->ok += later->ok;
    into->failed += later->failed;
    into->tokens_out += later->tokens_out;
    into->in_flight = later->in_flight;
    for (unsigned metric = 0; metric < PULSE_METRICS; metric++) {
        into->counts[metric] += later->counts[metric];
        into->sums_ns[metric] += later->sums_ns[metric];
        for (unsigned i = 0; i < PULSE_BUCKETS; i++) {
            into->buckets[metric][i] += later->buckets[metric][i];
        }
    }
}

double pulse_percentile(const struct pulse_sum *sum, enum pulse_metric metric, double fraction)
{
    double wanted = fraction * (double)sum->counts[metric];
    double seen = 0;
    double last = 0;

    for (unsigned i = 0; i < PULSE_BUCKETS; i++) {
        double count = sum->buckets[metric][i];
        if (count == 0) {
            continue;
        }
        double begin = pulse_begin(i);
        last = pulse_begin(i + 1);
        if (seen + count >= wanted) {
            return begin + (last - begin) * (wanted - seen) / count;
        }
        seen += count;
    }
    return last;
}
