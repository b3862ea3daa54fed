/*
 * histogram: lengths of time, counted in buckets of three digits (as HDR histograms are).
 *
 * Fixed memory, whatever is counted: a bucket is at most 1/1024 of its value wide. Minimum,
 * maximum, mean and standard deviation are exact. A percentile is the upper bound of its bucket,
 * but never above the maximum.
 */
#ifndef QUOIT_CLI_HISTOGRAM_H
#define QUOIT_CLI_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_HALF 1024 /* buckets in each power of two above the first two thousand */
#define HISTOGRAM_POWERS 54 /* 2,048 x 2^53: all of 64 bits */

/* All zero is empty. */
struct histogram {
    uint64_t count, min, max;
    double mean, squares; /* squares: the sum of squared distances from the mean */
    uint64_t buckets[HISTOGRAM_HALF * (HISTOGRAM_POWERS + 1)];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* 0 if it is empty. `fraction` from 0 to 1. */
uint64_t histogram_percentile(const struct histogram *histogram, double fraction);

/* Of all that was counted; 0 if it is empty. */
double histogram_deviation(const struct histogram *histogram);

#endif
