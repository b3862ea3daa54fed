/*
 * comparable: what makes a difference between two variants say less than it seems to: they were
 * asked different things, or a run is not what it was meant to be.
 *
 * Pure. None of it is an error: who compares two rates wants two rates.
 */
#ifndef QUOIT_BENCH_COMPARABLE_H
#define QUOIT_BENCH_COMPARABLE_H

#include "bench/runs.h"

#define WARNINGS_MAX 64
#define WARNINGS_LINE_SIZE 512

/* Sentences for people, in the order in which they were found. All zero is none. */
struct warnings {
    size_t count;   /* in lines */
    size_t dropped; /* for which there was no room */
    char lines[WARNINGS_MAX][WARNINGS_LINE_SIZE];
};

/* Add one. It is cut where it is too long. */
__attribute__((format(printf, 2, 3))) void warnings_add(struct warnings *warnings,
                                                        const char *format, ...);

/* What is wrong with the runs of one variant, each for itself. */
void comparable_check_runs(const struct runs *runs, struct warnings *warnings);

/* What they were asked or how they were measured, where that is not as the base's first run. */
void comparable_check_sides(const struct runs *base, const struct runs *other,
                            struct warnings *warnings);

#endif
