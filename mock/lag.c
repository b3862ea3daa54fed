/* lag: see lag.h. */
#include "mock/lag.h"

#include <math.h>

#define LAG_BITS 5 /* of a value behind its first 1, that its bucket tells */

static uint32_t lag_bucket(uint64_t value)
{
    if (value < LAG_HALF) {
        return (uint32_t)value;
    }
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - LAG_BITS;
    return shift * LAG_HALF + (uint32_t)(value >> shift);
}

/* The largest value of a bucket. */
static uint64_t lag_bucket_end(uint32_t bucket)
{
    uint32_t shift = bucket < 2 * LAG_HALF ? 0 : bucket / LAG_HALF - 1;
    uint64_t first = (uint64_t)(bucket - shift * LAG_HALF) << shift;

    return first + ((1ull << shift) - 1);
}

void lag_add(struct lag *lag, uint64_t lag_ns)
{
    lag->count++;
    lag->late += lag_ns > LAG_LATE_NS ? 1 : 0;
    lag->total_ns += lag_ns;
    if (lag_ns > lag->max_ns) {
        lag->max_ns = lag_ns;
    }
    lag->buckets[lag_bucket(lag_ns)]++;
}

uint64_t lag_percentile_ns(const struct lag *lag, double fraction)
{
    uint64_t wanted = (uint64_t)ceil(fraction * (double)lag->count);
    uint64_t seen = 0;

    for (uint32_t i = 0; i < LAG_HALF * (LAG_POWERS + 1); i++) {
        seen += lag->buckets[i];
        if (seen >= wanted && seen > 0) {
            uint64_t end = lag_bucket_end(i);
            return end < lag->max_ns ? end : lag->max_ns;
        }
    }
    return 0;
}

double lag_mean_ns(const struct lag *lag)
{
    return lag->count == 0 ? 0 : (double)lag->total_ns / (double)lag->count;
}
