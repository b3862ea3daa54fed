/*
 * spread: the values of one metric: each by itself up to a million, and in a histogram whatever
 * their number.
 *
 * Percentiles are exact as long as all values are there: linear between neighbours, as numpy gives
 * them. Beyond a million, or without memory for them, they are the histogram's: the upper bound of
 * a bucket. Nothing is clipped, and nothing is left out.
 */
#ifndef QUOIT_BENCH_SPREAD_H
#define QUOIT_BENCH_SPREAD_H

#include "cli/histogram.h"

#include <stdbool.h>
#include <stddef.h>

#define SPREAD_EXACT_MAX 1000000

/* All zero is empty. Large: it lives in memory of calloc, whose untouched pages cost nothing. */
struct spread {
    struct histogram histogram; /* ns */
    uint64_t *samples;          /* owned; all values, while there are `count` of them */
    size_t samples_count, samples_room;
    bool sorted;
};

void spread_add(struct spread *spread, uint64_t value_ns);

/* Add all of `from`, which stays as it is. */
void spread_merge(struct spread *into, const struct spread *from);

void spread_free(struct spread *spread);

/* Is each value there? */
bool spread_is_exact(const struct spread *spread);

/* In ns; 0 if it is empty. `fraction` from 0 to 1. The first call sorts. */
double spread_percentile(struct spread *spread, double fraction);

#endif
