/*
 * figures: numbers of a result, as members of a JSON object.
 *
 * What there is no memory for is left out; cJSON's callers ask errno for ENOMEM at the end.
 */
#ifndef QUOIT_CLI_FIGURES_H
#define QUOIT_CLI_FIGURES_H

#include "cli/histogram.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* cJSON writes 15 digits: exact up to 10^15, more than any count of ours. */
void figures_add_number(cJSON *object, const char *name, double number);
void figures_add_count(cJSON *object, const char *name, uint64_t count);

/* Milliseconds, to the microsecond: more digits would only pretend. NaN: null. */
void figures_add_milliseconds(cJSON *object, const char *name, double ns);

#define FIGURES_PERCENTILES 6

/* p50, p75, p90, p95, p99, p99.9: fractions */
extern const double figures_fractions[FIGURES_PERCENTILES];

/* What is told of many values, in ns. */
struct figures_values {
    uint64_t count;
    double min, mean, std, max;
    double percentiles[FIGURES_PERCENTILES]; /* of figures_fractions; NaN: too few values to tell */
};

/* {"count","min","mean","std","p50",...,"max"} in ms; of no values the count alone. */
void figures_add_values(cJSON *object, const char *name, const struct figures_values *values);

/* All but the percentiles, of a histogram of ns. */
struct figures_values figures_begin(const struct histogram *histogram);

/* The same with the histogram's percentiles. */
void figures_add_histogram(cJSON *object, const char *name, const struct histogram *histogram);

/* Are so many values enough to tell that percentile: is one of them above it? */
bool figures_may_tell(uint64_t count, double fraction);

/* "2026-11-22T09:00:00Z" */
void figures_add_date(cJSON *object, const char *name, int64_t seconds_since_1970);

/*
 * Add the error that has this code, to those that have it already: several errors share one.
 */
void figures_add_error(cJSON *errors, const char *code, uint64_t count);

/*
 * Write `root` as text with a line end, and free it. Blocks until all is written.
 *
 * False: errno says why, ENOMEM too if there was none for all of it (errno as it was when `root`
 * was built).
 */
bool figures_write(cJSON *root, int fd);

#endif
