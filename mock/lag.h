/*
 * lag: how late things were, counted in buckets.
 *
 * Fixed memory, whatever is counted. A bucket is at most 1/32 of its value wide, and a percentile
 * is the upper bound of its bucket, so the mock never makes itself out to be better than it was.
 * Count, maximum, mean and the number of those that were late are exact.
 */
#ifndef QUOIT_MOCK_LAG_H
#define QUOIT_MOCK_LAG_H

#include <stdint.h>

#define LAG_LATE_NS 200000u /* what came later than this after its time was late: 0.2 ms */
#define LAG_HALF 32         /* buckets in each power of two above the first 64 values */
#define LAG_POWERS 59

/* All zero is empty. */
struct lag {
    uint64_t count;
    uint64_t late;
    uint64_t total_ns;
    uint64_t max_ns;
    uint64_t buckets[LAG_HALF * (LAG_POWERS + 1)];
};

/* Something came `lag_ns` after its time. */
void lag_add(struct lag *lag, uint64_t lag_ns);

/* 0 if it is empty. `fraction` from 0 to 1. */
uint64_t lag_percentile_ns(const struct lag *lag, double fraction);

/* 0 if it is empty. */
double lag_mean_ns(const struct lag *lag);

#endif
