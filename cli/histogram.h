/*
 * histogram: lengths of time, counted in buckets of three digits (as HDR histograms are).
 *
 * Fixed memory, whatever is counted: a bucket is at most 1/1024 of its value wide. Minimum,
 * maximum, mean and standard deviation are exact. A percentile is the upper bound of its bucket,
 * but never above the maximum. Parts that were counted apart are merged, and nothing is lost by it.
 */
#ifndef QUOIT_CLI_HISTOGRAM_H
#define QUOIT_CLI_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define HISTOGRAM_HALF 1024 /* buckets in each power of two above the first two thousand */
#define HISTOGRAM_POWERS 54 /* 2,048 x 2^53: all of 64 bits */
#define HISTOGRAM_BUCKETS (HISTOGRAM_HALF * (HISTOGRAM_POWERS + 1))

/* All zero is empty. */
struct histogram {
    uint64_t count, min, max;
    double mean, squares; /* squares: the sum of squared distances from the mean */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* Adds all that `from` counted: as if it had been counted here. `from` is another one. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/*
 * Make count, minimum, maximum, mean and squares anew from the buckets alone: a value is then the
 * middle of its bucket, and the extremes are bounds.
 */
void histogram_recount(struct histogram *histogram);

/* 0 if it is empty. `fraction` from 0 to 1. */
uint64_t histogram_percentile(const struct histogram *histogram, double fraction);

/* Of all that was counted; 0 if it is empty. */
double histogram_deviation(const struct histogram *histogram);

/* One bucket: the smallest and the largest value that it counts. */
struct histogram_bucket {
    uint64_t from, to, count;
};

/*
 * The first bucket from `*index` on that is not empty; 0 is where to begin. Moves `*index` behind
 * it. False: there is none.
 */
bool histogram_next(const struct histogram *histogram, uint64_t *index,
                    struct histogram_bucket *bucket_out);

/* Of `value` so many per cent are not above. */
struct histogram_point {
    double percentile;
    uint64_t value;
};

/*
 * The curve of all percentiles, denser towards the end, as HdrHistogram draws it: 0, 10, 20, 30,
 * 40, 50, 55, ... five from each to what is half as far from 100. `*step` begins with 0. The last
 * point is 100 with the maximum; false: that was told, or the histogram is empty.
 */
bool histogram_curve(const struct histogram *histogram, uint32_t *step,
                     struct histogram_point *point_out);

#endif
