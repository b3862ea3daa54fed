/*
 * slo: both kinds of expression are a name, a sign and a value, read by one reader.
 */
#include "bench/slo.h"

#include "cli/values.h"
#include "llm/number.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define VALUE_SIZE 64 /* of a value, with a unit and a NUL; longer ones are none */

#define WHY_FORM                                                                                   \
    "not METRIC_STAT<DURATION, error_rate<PERCENT%, goodput>NUMBER or requests_per_second>NUMBER"
#define WHY_METRIC                                                                                 \
    "the metric is latency, service, queue, connect, ttft, ttft_schedule, tpot, itl, e2el or lag"
#define WHY_STAT                                                                                   \
    "behind the metric stands _p50, _p75, _p90, _p95, _p99, _p99.9, _mean, _min or _max, as in "   \
    "ttft_p99<200ms"
#define WHY_BELOW "what is measured is to be below a value: < or <="
#define WHY_ABOVE "goodput and requests_per_second are to be above a value: > or >="
#define WHY_DURATION                                                                               \
    "the value is a duration, as 200ms, 1.5s or 900us; a number alone is in milliseconds"
#define WHY_NOTHING_IS_BELOW "nothing is below 0; <=0 can be met"
#define WHY_SHARE "the value is a percentage, as 0.1%, or a share from 0 to 1, as 0.001"
#define WHY_NUMBER "the value is a number a second, as 100 or 99.5"
#define WHY_GOODPUT_FORM "not METRIC<DURATION or METRIC:MILLISECONDS, with commas or space between"
#define WHY_GOODPUT_METRIC                                                                         \
    "the metric is latency, service, queue, connect, ttft, ttft_schedule, tpot, e2el or lag"
#define WHY_GOODPUT_ITL "a request has many values of itl; tpot is the mean of them"
#define WHY_GOODPUT_TWICE "one metric stands there twice"
#define WHY_GOODPUT_STAT "goodput is of each request, so there is no statistic: ttft<200ms"

static const char *const metric_names[METRICS] = {
#define METRIC_X(member, name) [METRIC_##member] = name,
    METRIC_MAP(METRIC_X)
#undef METRIC_X
};

static const struct {
    const char *name;
    enum slo_stat stat;
    double fraction;
} slo_stats[] = {
    { "p50", SLO_PERCENTILE, 0.5 },  { "p75", SLO_PERCENTILE, 0.75 },
    { "p90", SLO_PERCENTILE, 0.9 },  { "p95", SLO_PERCENTILE, 0.95 },
    { "p99", SLO_PERCENTILE, 0.99 }, { "p99.9", SLO_PERCENTILE, 0.999 },
    { "mean", SLO_MEAN, 0 },         { "min", SLO_MIN, 0 },
    { "max", SLO_MAX, 0 },
};

static const struct {
    const char *name;
    enum slo_kind kind;
} slo_rates[] = {
    { "error_rate", SLO_ERROR_RATE },
    { "goodput", SLO_GOODPUT },
    { "requests_per_second", SLO_REQUESTS_PER_SECOND },
};

/* --- Parts of an expression --- */

/* Bytes of the text that is read. */
struct slo_span {
    const char *bytes;
    size_t size;
};

struct slo_parts {
    struct slo_span name;
    char sign;  /* `<`, `>` or `:` */
    bool equal; /* `=` stands behind it */
    char value[VALUE_SIZE];
};

static bool slo_span_is(struct slo_span span, const char *name)
{
    return span.size == strlen(name) && memcmp(span.bytes, name, span.size) == 0;
}

static const char *slo_skip_space(const char *at)
{
    return at + strspn(at, " \t");
}

/* Read one expression; *at moves behind it and the space there. False: it is none. */
static bool slo_read_parts(const char **at, struct slo_parts *parts_out)
{
    const char *name = slo_skip_space(*at);
    size_t name_size = strcspn(name, " \t,<>=:");
    const char *sign = slo_skip_space(name + name_size);

    if (name_size == 0 || *sign == '\0' || strchr("<>:", *sign) == NULL) {
        return false;
    }
    bool equal = *sign != ':' && sign[1] == '=';
    const char *value = slo_skip_space(sign + (equal ? 2 : 1));
    size_t value_size = strcspn(value, " \t,<>=:");

    if (value_size == 0 || value_size >= sizeof(parts_out->value)) {
        return false;
    }
    *parts_out = (struct slo_parts){ .name = { name, name_size }, .sign = *sign, .equal = equal };
    memcpy(parts_out->value, value, value_size);
    *at = slo_skip_space(value + value_size);
    return true;
}

static bool slo_find_metric(struct slo_span name, enum metric *metric_out)
{
    for (size_t i = 0; i < METRICS; i++) {
        if (slo_span_is(name, metric_names[i])) {
            *metric_out = (enum metric)i;
            return true;
        }
    }
    return false;
}

/* --- Values --- */

/* A decimal number that is finite and not below 0. */
static bool slo_read_number(const char *text, double *number_out)
{
    struct json_span span = { text, strlen(text) };
    struct json_defect defect;

    if (!json_check(span, &defect) || json_kind_of(span) != JSON_NUMBER) {
        return false;
    }
    double number = number_read(span);
    if (!isfinite(number) || number < 0) {
        return false;
    }
    *number_out = number;
    return true;
}

/* A share from 0 to 1, or one in percent. */
static bool slo_read_share(const char *text, double *share_out)
{
    size_t size = strlen(text);
    char number[VALUE_SIZE];
    double value = 0;
    bool percent = text[size - 1] == '%';

    memcpy(number, text, size + 1);
    if (percent) {
        number[size - 1] = '\0';
    }
    if (!slo_read_number(number, &value) || value > (percent ? 100 : 1)) {
        return false;
    }
    *share_out = percent ? value / 100 : value;
    return true;
}

/* A duration with a unit, or milliseconds. */
static bool slo_read_duration(const char *text, uint64_t *ns_out)
{
    size_t size = strlen(text);
    char with_unit[VALUE_SIZE + sizeof("ms")];
    uint64_t ns = 0;

    memcpy(with_unit, text, size + 1);
    if (text[size - 1] >= '0' && text[size - 1] <= '9') {
        memcpy(with_unit + size, "ms", sizeof("ms"));
    }
    if (!values_duration(with_unit, &ns) || ns == UINT64_MAX) {
        return false;
    }
    *ns_out = ns;
    return true;
}

/* --- --slo --- */

/* Cut METRIC_STAT at its last underscore. */
static const char *slo_read_metric(struct slo_span name, struct slo *slo)
{
    const char *bar = memrchr(name.bytes, '_', name.size);
    size_t metric_size = bar == NULL ? name.size : (size_t)(bar - name.bytes);

    if (!slo_find_metric((struct slo_span){ name.bytes, metric_size }, &slo->metric)) {
        return bar == NULL ? WHY_FORM : WHY_METRIC;
    }
    if (bar == NULL) {
        return WHY_STAT;
    }
    const struct slo_span stat = { bar + 1, name.size - metric_size - 1 };
    for (size_t i = 0; i < sizeof(slo_stats) / sizeof(slo_stats[0]); i++) {
        if (slo_span_is(stat, slo_stats[i].name)) {
            slo->stat = slo_stats[i].stat;
            slo->fraction = slo_stats[i].fraction;
            return NULL;
        }
    }
    return WHY_STAT;
}

static const char *slo_read_name(struct slo_span name, struct slo *slo)
{
    for (size_t i = 0; i < sizeof(slo_rates) / sizeof(slo_rates[0]); i++) {
        if (slo_span_is(name, slo_rates[i].name)) {
            slo->kind = slo_rates[i].kind;
            return NULL;
        }
    }
    slo->kind = SLO_METRIC;
    return slo_read_metric(name, slo);
}

static const char *slo_read_limit(const char *value, struct slo *slo)
{
    uint64_t ns = 0;

    switch (slo->kind) {
    case SLO_METRIC:
        if (!slo_read_duration(value, &ns)) {
            return WHY_DURATION;
        }
        slo->limit = (double)ns;
        break;
    case SLO_ERROR_RATE:
        if (!slo_read_share(value, &slo->limit)) {
            return WHY_SHARE;
        }
        break;
    case SLO_GOODPUT:
    case SLO_REQUESTS_PER_SECOND:
        return slo_read_number(value, &slo->limit) ? NULL : WHY_NUMBER;
    }
    return slo->limit > 0 || slo->equal ? NULL : WHY_NOTHING_IS_BELOW;
}

bool slo_parse(const char *text, struct slo *slo_out, const char **why_out)
{
    struct slo slo = { .expr = text };
    struct slo_parts parts;
    const char *at = text;

    if (!slo_read_parts(&at, &parts) || *at != '\0') {
        *why_out = WHY_FORM;
        return false;
    }
    const char *why = slo_read_name(parts.name, &slo);

    slo.below = slo.kind == SLO_METRIC || slo.kind == SLO_ERROR_RATE;
    slo.equal = parts.equal;
    if (why == NULL && parts.sign != (slo.below ? '<' : '>')) {
        why = slo.below ? WHY_BELOW : WHY_ABOVE;
    }
    if (why == NULL) {
        why = slo_read_limit(parts.value, &slo);
    }
    if (why != NULL) {
        *why_out = why;
        return false;
    }
    *slo_out = slo;
    return true;
}

bool slo_is_met(const struct slo *slo, double value)
{
    /* NaN is neither equal to anything nor on any side of it. */
    return (slo->below ? value < slo->limit : value > slo->limit) ||
           (slo->equal && value == slo->limit);
}

/* --- --goodput --- */

void goodput_init(struct goodput *goodput)
{
    *goodput = (struct goodput){ .used = false };
    for (size_t i = 0; i < METRICS; i++) {
        goodput->limit_ns[i] = UINT64_MAX;
    }
}

/* Why this is no metric of one request. */
static const char *goodput_refuse_name(struct slo_span name)
{
    const char *bar = memrchr(name.bytes, '_', name.size);
    enum metric metric;

    if (bar == NULL) {
        return WHY_GOODPUT_METRIC;
    }
    const struct slo_span before = { name.bytes, (size_t)(bar - name.bytes) };
    return slo_find_metric(before, &metric) ? WHY_GOODPUT_STAT : WHY_GOODPUT_METRIC;
}

static const char *goodput_add(struct goodput *goodput, const struct slo_parts *parts)
{
    enum metric metric;
    uint64_t limit_ns = 0;

    if (!slo_find_metric(parts->name, &metric)) {
        return goodput_refuse_name(parts->name);
    }
    if (metric == METRIC_ITL) {
        return WHY_GOODPUT_ITL;
    }
    if (goodput->limit_ns[metric] != UINT64_MAX) {
        return WHY_GOODPUT_TWICE;
    }
    if (parts->sign == '>') {
        return WHY_BELOW;
    }
    if (!slo_read_duration(parts->value, &limit_ns)) {
        return WHY_DURATION;
    }
    bool equal = parts->equal || parts->sign == ':';
    if (limit_ns == 0 && !equal) {
        return WHY_NOTHING_IS_BELOW;
    }
    /* Values are whole nanoseconds, so one less is the highest that is below. */
    goodput->limit_ns[metric] = limit_ns - (equal ? 0 : 1);
    goodput->used = true;
    return NULL;
}

bool goodput_parse(const char *text, struct goodput *goodput_out, const char **why_out)
{
    struct goodput goodput;
    struct slo_parts parts;
    const char *at = text;
    const char *why = NULL;

    goodput_init(&goodput);
    for (bool more = true; more && why == NULL;) {
        why = slo_read_parts(&at, &parts) ? goodput_add(&goodput, &parts) : WHY_GOODPUT_FORM;
        more = *at != '\0';
        at += *at == ',' ? 1 : 0;
    }
    if (why != NULL) {
        *why_out = why;
        return false;
    }
    *goodput_out = goodput;
    return true;
}

bool goodput_is_met(const struct goodput *goodput, const uint64_t values_ns[METRICS])
{
    for (size_t i = 0; i < METRICS; i++) {
        /* No value is higher than any limit. */
        if (goodput->limit_ns[i] != UINT64_MAX && values_ns[i] > goodput->limit_ns[i]) {
            return false;
        }
    }
    return true;
}
