/*
 * measure: the numbers of a result that `quoit compare` sets side by side: where each stands in the
 * JSON, in what unit, and which way is better.
 */
#ifndef QUOIT_BENCH_MEASURE_H
#define QUOIT_BENCH_MEASURE_H

#include <stdbool.h>

enum measure_unit {
    MEASURE_PER_SECOND,
    MEASURE_PERCENT,
    MEASURE_MILLISECONDS,
    MEASURE_MICROSECONDS,
};

/*
 * X(MEMBER, name, object, member, point_count, point_min, unit, more_is_better, is_key): in the
 * order of the table. `object` and `member` are the place in a result, and in a point of its
 * timeline, unless a point counts it: then its number per second is point_count over the length of
 * the interval. A point of fewer than point_min requests says nothing: of 20 there is no p99 to
 * speak of.
 */
#define MEASURE_MAP(X)                                                                             \
    X(REQUESTS, "requests_per_second", NULL, "requests_per_second", "ok", 1, PER_SECOND, true,     \
      true)                                                                                        \
    X(GOODPUT, "goodput", NULL, "goodput", NULL, 1, PER_SECOND, true, true)                        \
    X(ERROR_RATE, "error_rate", "requests", NULL, NULL, 1, PERCENT, false, true)                   \
    X(LATENCY_MEAN, "latency_mean", "latency_ms", "mean", NULL, 1, MILLISECONDS, false, false)     \
    X(LATENCY_P50, "latency_p50", "latency_ms", "p50", NULL, 5, MILLISECONDS, false, false)        \
    X(LATENCY_P90, "latency_p90", "latency_ms", "p90", NULL, 10, MILLISECONDS, false, false)       \
    X(LATENCY_P99, "latency_p99", "latency_ms", "p99", NULL, 50, MILLISECONDS, false, true)        \
    X(LATENCY_P999, "latency_p99.9", "latency_ms", "p99.9", NULL, 1, MILLISECONDS, false, false)   \
    X(SERVICE_P50, "service_p50", "service_ms", "p50", NULL, 5, MILLISECONDS, false, false)        \
    X(SERVICE_P99, "service_p99", "service_ms", "p99", NULL, 50, MILLISECONDS, false, false)       \
    X(TTFT_P50, "ttft_p50", "ttft_ms", "p50", NULL, 5, MILLISECONDS, false, false)                 \
    X(TTFT_P99, "ttft_p99", "ttft_ms", "p99", NULL, 50, MILLISECONDS, false, true)                 \
    X(TPOT_P50, "tpot_p50", "tpot_ms", "p50", NULL, 5, MILLISECONDS, false, false)                 \
    X(TPOT_P99, "tpot_p99", "tpot_ms", "p99", NULL, 50, MILLISECONDS, false, false)                \
    X(ITL_P50, "itl_p50", "itl_ms", "p50", NULL, 5, MILLISECONDS, false, false)                    \
    X(ITL_P99, "itl_p99", "itl_ms", "p99", NULL, 50, MILLISECONDS, false, true)                    \
    X(E2EL_P50, "e2el_p50", "e2el_ms", "p50", NULL, 5, MILLISECONDS, false, false)                 \
    X(E2EL_P99, "e2el_p99", "e2el_ms", "p99", NULL, 50, MILLISECONDS, false, false)                \
    X(TOKENS_OUT, "tokens_out_per_second", "tokens", "out_per_second", "tokens_out", 1,            \
      PER_SECOND, true, false)                                                                     \
    X(CPU, "cpu_us_per_request", "client", "cpu_us_per_request", NULL, 1, MICROSECONDS, false,     \
      false)

enum measure {
#define MEASURE_X(measure, name, object, member, count, min, unit, more, key) MEASURE_##measure,
    MEASURE_MAP(MEASURE_X)
#undef MEASURE_X
        MEASURES,
};

struct measure_row {
    const char *name;
    const char *object;      /* NULL: the result itself */
    const char *member;      /* NULL: made of several: the error rate */
    const char *point_count; /* NULL: a point has it as a result does, or not at all */
    unsigned point_min;      /* requests of a point that says something */
    enum measure_unit unit;
    bool more_is_better;
    bool is_key; /* --max-regression looks at it, if not told otherwise */
};

/* By enum measure. */
extern const struct measure_row measure_rows[MEASURES];

/* By its name. MEASURES: there is none. */
enum measure measure_find(const char *name);

/* "/s", "%", "ms", "us". Static. */
const char *measure_unit_name(enum measure_unit unit);

#endif
