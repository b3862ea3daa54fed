/*
 * comparison: one measure of two variants: how far it has changed, and whether that is more than
 * chance.
 *
 * How much values differ by chance is taken from repeated runs, where both sides have enough. Else
 * it is taken from the intervals of the timelines, as batch means are: the value is still that of
 * the whole run, and only its uncertainty is theirs. That is the weaker way: what is slow in one
 * second is likely slow in the next, so that intervals count for less the more they are like their
 * neighbours; and what differs from run to run is not seen at all. Where neither is there, the
 * change is told and no verdict.
 *
 * Changes are percents of the base's value; those of the error rate, which is a percent itself and
 * often 0, are points.
 */
#ifndef QUOIT_BENCH_COMPARISON_H
#define QUOIT_BENCH_COMPARISON_H

#include "bench/runs.h"

#define COMPARISON_CONFIDENCE 0.95
#define COMPARISON_RUNS_MIN 3
#define COMPARISON_INTERVALS_MIN 8

enum comparison_basis {
    COMPARISON_NONE, /* not enough of either */
    COMPARISON_RUNS,
    COMPARISON_INTERVALS,
};

enum comparison_verdict {
    COMPARISON_BETTER,
    COMPARISON_WORSE,
    COMPARISON_SAME,    /* the interval holds 0: no difference that can be told from chance */
    COMPARISON_UNCLEAR, /* not enough samples */
};

struct comparison {
    enum measure measure;
    double base, value;    /* the means of the runs */
    double change_percent; /* this and the next two: NAN where it is not known, or the base is 0 */
    double low_percent, high_percent;
    size_t base_samples, samples; /* of `basis`; with COMPARISON_NONE, the runs */
    enum comparison_basis basis;
    enum comparison_verdict verdict;
};

/* False: one of them has no such number; *comparison_out is left alone. */
bool comparison_make(const struct runs *base, const struct runs *other, enum measure measure,
                     struct comparison *comparison_out);

/* Worse by more than chance, and by more than percent_max. From a base of 0, any is more. */
bool comparison_is_regression(const struct comparison *comparison, double percent_max);

/* "better", "worse", "same", "unclear". Static. */
const char *comparison_verdict_name(enum comparison_verdict verdict);

/* "runs", "intervals", "none". Static. */
const char *comparison_basis_name(enum comparison_basis basis);

#endif
