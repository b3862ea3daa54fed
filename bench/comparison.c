/*
 * comparison: see comparison.h.
 */
#include "bench/comparison.h"

#include <math.h>
#include <stdlib.h>

static struct statistics comparison_runs(const struct runs *runs, enum measure measure)
{
    struct statistics statistics = { .count = 0 };

    for (size_t i = 0; i < runs->count; i++) {
        double value = runs->items[i].result.values[measure];
        if (!isnan(value)) {
            statistics_add(&statistics, value);
        }
    }
    return statistics;
}

/* Those of all runs of a side, around the value of its runs. */
static struct statistics comparison_intervals(const struct runs *runs, enum measure measure,
                                              double value)
{
    struct statistics statistics = { .count = 0 };

    for (size_t i = 0; i < runs->count; i++) {
        result_add_intervals(&runs->items[i].result, measure, &statistics);
    }
    if (statistics.mean == 0 && value > 0) {
        return (struct statistics){ .count = 0 }; /* this timeline does not count it */
    }
    statistics.mean = value;
    return statistics;
}

static double comparison_percent(const struct comparison *comparison, double difference)
{
    if (measure_rows[comparison->measure].unit == MEASURE_PERCENT) {
        return difference;
    }
    return comparison->base > 0 ? 100 * difference / comparison->base : NAN;
}

static void comparison_judge(struct comparison *comparison, const struct statistics *base,
                             const struct statistics *other)
{
    struct statistics_interval interval = statistics_interval(base, other, COMPARISON_CONFIDENCE);
    bool is_more = interval.low > 0;

    comparison->low_percent = comparison_percent(comparison, interval.low);
    comparison->high_percent = comparison_percent(comparison, interval.high);
    if (interval.low <= 0 && interval.high >= 0) {
        comparison->verdict = COMPARISON_SAME;
    } else {
        comparison->verdict = is_more == measure_rows[comparison->measure].more_is_better
                                  ? COMPARISON_BETTER
                                  : COMPARISON_WORSE;
    }
}

bool comparison_make(const struct runs *base, const struct runs *other, enum measure measure,
                     struct comparison *comparison_out)
{
    struct statistics base_runs = comparison_runs(base, measure);
    struct statistics other_runs = comparison_runs(other, measure);

    if (base_runs.count == 0 || other_runs.count == 0) {
        return false;
    }
    struct comparison comparison = {
        .measure = measure,
        .base = base_runs.mean,
        .value = other_runs.mean,
        .low_percent = NAN,
        .high_percent = NAN,
        .base_samples = base_runs.count,
        .samples = other_runs.count,
        .verdict = COMPARISON_UNCLEAR,
    };
    comparison.change_percent = comparison_percent(&comparison, comparison.value - comparison.base);
    if (base_runs.count >= COMPARISON_RUNS_MIN && other_runs.count >= COMPARISON_RUNS_MIN) {
        comparison.basis = COMPARISON_RUNS;
        comparison_judge(&comparison, &base_runs, &other_runs);
        *comparison_out = comparison;
        return true;
    }
    struct statistics base_parts = comparison_intervals(base, measure, base_runs.mean);
    struct statistics other_parts = comparison_intervals(other, measure, other_runs.mean);
    if (base_parts.count >= COMPARISON_INTERVALS_MIN &&
        other_parts.count >= COMPARISON_INTERVALS_MIN) {
        comparison.basis = COMPARISON_INTERVALS;
        comparison.base_samples = base_parts.count;
        comparison.samples = other_parts.count;
        statistics_discount(&base_parts);
        statistics_discount(&other_parts);
        comparison_judge(&comparison, &base_parts, &other_parts);
    }
    *comparison_out = comparison;
    return true;
}

bool comparison_is_regression(const struct comparison *comparison, double percent_max)
{
    return comparison->verdict == COMPARISON_WORSE &&
           (isnan(comparison->change_percent) || fabs(comparison->change_percent) > percent_max);
}

const char *comparison_verdict_name(enum comparison_verdict verdict)
{
    switch (verdict) {
    case COMPARISON_BETTER:
        return "better";
    case COMPARISON_WORSE:
        return "worse";
    case COMPARISON_SAME:
        return "same";
    case COMPARISON_UNCLEAR:
        return "unclear";
    }
    abort(); /* a verdict without a case */
}

const char *comparison_basis_name(enum comparison_basis basis)
{
    switch (basis) {
    case COMPARISON_NONE:
        return "none";
    case COMPARISON_RUNS:
        return "runs";
    case COMPARISON_INTERVALS:
        return "intervals";
    }
    abort(); /* a basis without a case */
}
