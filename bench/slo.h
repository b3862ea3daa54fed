/*
 * slo: what a measured server is held to: --slo, of a whole run, and --goodput, of one request.
 *
 *     --slo 'ttft_p99<200ms'                  METRIC_STAT, `<` or `<=`, a duration
 *     --slo 'error_rate<0.1%'                 `<` or `<=`, a percentage or a share from 0 to 1
 *     --slo 'goodput>100'                     `>` or `>=`, a number a second
 *     --slo 'requests_per_second>=500'
 *     --goodput 'ttft<200ms,tpot<50ms'        METRIC, `<` or `<=`, a duration, for each request
 *     --goodput 'ttft:200 tpot:50'            the same as vLLM writes it: `<=`
 *
 * METRIC is a name of METRIC_MAP, STAT one of p50 p75 p90 p95 p99 p99.9 mean min max. A duration is
 * one of cli/values.h; a number alone is in milliseconds. Space may stand around the sign, and
 * between the parts of --goodput in place of the comma.
 *
 * Pure. What is not wholly understood is refused with a text that says what would be, and nothing
 * is guessed.
 */
#ifndef QUOIT_BENCH_SLO_H
#define QUOIT_BENCH_SLO_H

#include "bench/metric.h"

#include <stdbool.h>
#include <stdint.h>

#define SLO_MUST __attribute__((warn_unused_result))

/* A request that has no value of a metric: no output came, for example. */
#define GOODPUT_NO_VALUE UINT64_MAX

enum slo_kind {
    SLO_METRIC,
    SLO_ERROR_RATE,
    SLO_GOODPUT,
    SLO_REQUESTS_PER_SECOND,
};

/* What is taken of the values of a metric. */
enum slo_stat {
    SLO_PERCENTILE,
    SLO_MEAN,
    SLO_MIN,
    SLO_MAX,
};

struct slo {
    const char *expr; /* as it was written; borrowed from who parsed it */
    enum slo_kind kind;
    enum metric metric; /* of METRIC */
    enum slo_stat stat; /* of METRIC */
    double fraction;    /* of PERCENTILE: 0.5 to 0.999 */
    bool below;         /* `<`: METRIC and ERROR_RATE; else `>` */
    bool equal;         /* `=` stands behind it: the limit itself is good */
    double limit;       /* METRIC: ns; ERROR_RATE: a share from 0 to 1; else: a second */
};

/*
 * Read one expression of --slo.
 *
 *   Borrows  text, as long as slo_out->expr is looked at.
 *
 * False, with slo_out left alone and a static text in *why_out that says what may stand there.
 */
SLO_MUST bool slo_parse(const char *text, struct slo *slo_out, const char **why_out);

/* Is it met by `value`, in the unit of slo->limit? Never by NaN: there was nothing to measure. */
SLO_MUST bool slo_is_met(const struct slo *slo, double value);

/* What one request must keep to be counted. */
struct goodput {
    bool used;                  /* a limit is set */
    uint64_t limit_ns[METRICS]; /* the highest value that is good; UINT64_MAX: any, or none */
};

/* There is no limit: every request is good. */
void goodput_init(struct goodput *goodput);

/*
 * Read the LIST of --goodput. METRIC_ITL is refused: a request has many values of it.
 *
 * False, with goodput_out left alone and a static text in *why_out.
 */
SLO_MUST bool goodput_parse(const char *text, struct goodput *goodput_out, const char **why_out);

/*
 * Does a request with these values keep each limit? GOODPUT_NO_VALUE keeps none; where a metric has
 * no limit, its value is not looked at.
 */
SLO_MUST bool goodput_is_met(const struct goodput *goodput, const uint64_t values_ns[METRICS]);

#endif
