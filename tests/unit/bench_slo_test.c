/*
 * bench_slo: which expressions are understood and as what, why others are not, and what keeps them.
 */
#include "bench/slo.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#include <math.h>

#define MS 1000000.0

/* --- --slo --- */

static void check_slo(const struct slo *got, const struct slo *wanted)
{
    CHECK_EQ(got->kind, wanted->kind);
    CHECK_EQ(got->below, wanted->below);
    CHECK_EQ(got->equal, wanted->equal);
    CHECK(fabs(got->limit - wanted->limit) <= 1e-12 * wanted->limit);
    if (wanted->kind == SLO_METRIC) {
        CHECK_EQ(got->metric, wanted->metric);
        CHECK_EQ(got->stat, wanted->stat);
        CHECK(got->fraction == wanted->fraction);
    }
}

static void test_an_expression_is_read_as_it_is_meant(void)
{
    static const struct {
        const char *text;
        struct slo slo;
    } rows[] = {
        { "ttft_p99<200ms",
          { "", SLO_METRIC, METRIC_TTFT, SLO_PERCENTILE, 0.99, true, false, 200 * MS } },
        { "ttft_schedule_p99.9<=1.5s",
          { "", SLO_METRIC, METRIC_TTFT_SCHEDULE, SLO_PERCENTILE, 0.999, true, true, 1500 * MS } },
        { " latency_mean\t< 900us ",
          { "", SLO_METRIC, METRIC_LATENCY, SLO_MEAN, 0, true, false, 0.9 * MS } },
        { "tpot_max <= 50", { "", SLO_METRIC, METRIC_TPOT, SLO_MAX, 0, true, true, 50 * MS } },
        { "itl_min<0.25", { "", SLO_METRIC, METRIC_ITL, SLO_MIN, 0, true, false, 0.25 * MS } },
        { "e2el_p50<1m",
          { "", SLO_METRIC, METRIC_E2EL, SLO_PERCENTILE, 0.5, true, false, 60000 * MS } },
        { "service_p75<1h",
          { "", SLO_METRIC, METRIC_SERVICE, SLO_PERCENTILE, 0.75, true, false, 3600000 * MS } },
        { "queue_p90<=0", { "", SLO_METRIC, METRIC_QUEUE, SLO_PERCENTILE, 0.9, true, true, 0 } },
        { "connect_p95<1ms",
          { "", SLO_METRIC, METRIC_CONNECT, SLO_PERCENTILE, 0.95, true, false, MS } },
        { "lag_p99<1ms", { "", SLO_METRIC, METRIC_LAG, SLO_PERCENTILE, 0.99, true, false, MS } },
        { "error_rate<0.1%", { .kind = SLO_ERROR_RATE, .below = true, .limit = 0.001 } },
        { "error_rate < 0.001", { .kind = SLO_ERROR_RATE, .below = true, .limit = 0.001 } },
        { "error_rate<=0", { .kind = SLO_ERROR_RATE, .below = true, .equal = true, .limit = 0 } },
        { "error_rate<=100%",
          { .kind = SLO_ERROR_RATE, .below = true, .equal = true, .limit = 1 } },
        { "goodput>100", { .kind = SLO_GOODPUT, .limit = 100 } },
        { "goodput > 0", { .kind = SLO_GOODPUT, .limit = 0 } },
        { "requests_per_second>=99.5",
          { .kind = SLO_REQUESTS_PER_SECOND, .equal = true, .limit = 99.5 } },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slo slo = { .expr = NULL };
        const char *why = "";
        check_case(rows[i].text);
        CHECK(slo_parse(rows[i].text, &slo, &why));
        CHECK(slo.expr == rows[i].text);
        check_slo(&slo, &rows[i].slo);
    }
}

struct refused_case {
    const char *text;
    const char *why; /* a part of the reason */
};

static void test_what_is_not_understood_is_refused_with_what_would_be(void)
{
    static const struct refused_case rows[] = {
        { "", "METRIC_STAT<DURATION" },
        { "ttft_p99", "METRIC_STAT<DURATION" },
        { "ttft_p99<", "METRIC_STAT<DURATION" },
        { "<200ms", "METRIC_STAT<DURATION" },
        { "ttft_p99=200ms", "METRIC_STAT<DURATION" },
        { "ttft_p99=<200ms", "METRIC_STAT<DURATION" },
        { "ttft_p99<<200ms", "METRIC_STAT<DURATION" },
        { "ttft_p99<200ms<300ms", "METRIC_STAT<DURATION" },
        { "ttft_p99<200 ms", "METRIC_STAT<DURATION" },
        { "ttft_p99<200ms,tpot_p99<50ms", "METRIC_STAT<DURATION" },
        { "ttft p99<200ms", "METRIC_STAT<DURATION" },
        { "speed<200ms", "METRIC_STAT<DURATION" },
        { "Goodput>1", "METRIC_STAT<DURATION" },
        { "speed_p99<200ms", "the metric is latency" },
        { "ttft_ms_p99<200ms", "the metric is latency" },
        { "_p99<200ms", "the metric is latency" },
        { "TTFT_p99<200ms", "the metric is latency" },
        { "ttft<200ms", "_p50" },
        { "ttft_schedule<200ms", "_p50" },
        { "ttft_<200ms", "_p50" },
        { "ttft_p98<200ms", "_p50" },
        { "ttft_p99.99<200ms", "_p50" },
        { "ttft_p9<200ms", "_p50" },
        { "ttft_P99<200ms", "_p50" },
        { "ttft_median<200ms", "_p50" },
        { "ttft_p99>200ms", "< or <=" },
        { "ttft_p99:200", "< or <=" },
        { "error_rate>0.1%", "< or <=" },
        { "goodput<100", "> or >=" },
        { "requests_per_second<=100", "> or >=" },
        { "goodput:100", "> or >=" },
        { "ttft_p99<none", "a duration" },
        { "ttft_p99<fast", "a duration" },
        { "ttft_p99<200ns", "a duration" },
        { "ttft_p99<-1ms", "a duration" },
        { "ttft_p99<1e3", "a duration" },
        { "ttft_p99<.5", "a duration" },
        { "ttft_p99<5%", "a duration" },
        { "ttft_p99<99999999999999999999ms", "a duration" },
        { "ttft_p99<0000000000000000000000000000000000000000000000000000000000000001ms",
          "METRIC_STAT<DURATION" },
        { "ttft_p99<0", "<=0" },
        { "error_rate<0%", "<=0" },
        { "error_rate<5", "a percentage" },
        { "error_rate<101%", "a percentage" },
        { "error_rate<%", "a percentage" },
        { "error_rate<1%%", "a percentage" },
        { "error_rate<-1%", "a percentage" },
        { "error_rate<10ms", "a percentage" },
        { "goodput>100ms", "a number a second" },
        { "goodput>-1", "a number a second" },
        { "goodput>1e999", "a number a second" },
        { "goodput>nan", "a number a second" },
        { "requests_per_second>\"1\"", "a number a second" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slo slo = { .expr = "before" };
        const char *why = "";
        check_case(rows[i].text);
        CHECK(!slo_parse(rows[i].text, &slo, &why));
        if (strstr(why, rows[i].why) == NULL) {
            CHECK_STR(why, rows[i].why);
        }
        CHECK_STR(slo.expr, "before");
    }
}

static void test_a_limit_is_met_on_its_good_side_only(void)
{
    static const struct {
        const char *text;
        double limit;
        bool below, at, above;
    } rows[] = {
        { "ttft_p99<200ms", 200 * MS, true, false, false },
        { "ttft_p99<=200ms", 200 * MS, true, true, false },
        { "goodput>100", 100, false, false, true },
        { "goodput>=100", 100, false, true, true },
        { "error_rate<=0", 0, true, true, false },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slo slo;
        const char *why = "";
        check_case(rows[i].text);
        if (!slo_parse(rows[i].text, &slo, &why)) {
            CHECK_STR(why, "");
            continue;
        }
        CHECK_EQ(slo_is_met(&slo, nextafter(rows[i].limit, -1)), rows[i].below);
        CHECK_EQ(slo_is_met(&slo, rows[i].limit), rows[i].at);
        CHECK_EQ(slo_is_met(&slo, nextafter(rows[i].limit, INFINITY)), rows[i].above);
        CHECK(!slo_is_met(&slo, NAN));
    }
}

/* --- --goodput --- */

static void test_a_list_of_limits_is_read_in_both_ways_of_writing(void)
{
    static const struct {
        const char *text;
        uint64_t ttft_ns, tpot_ns, e2el_ns;
    } rows[] = {
        { "ttft<200ms,tpot<50ms,e2el<5s", 199999999, 49999999, 4999999999 },
        { "ttft:200,tpot:50", 200000000, 50000000, UINT64_MAX },
        { "ttft:200 tpot:50", 200000000, 50000000, UINT64_MAX },
        { " e2el <= 5s , tpot : 0.5 ", UINT64_MAX, 500000, 5000000000 },
        { "ttft<200", 199999999, UINT64_MAX, UINT64_MAX },
        { "ttft:200ms", 200000000, UINT64_MAX, UINT64_MAX },
        { "tpot<=0", UINT64_MAX, 0, UINT64_MAX },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct goodput goodput;
        const char *why = "";
        check_case(rows[i].text);
        goodput_init(&goodput);
        CHECK(!goodput.used);
        CHECK(goodput_parse(rows[i].text, &goodput, &why));
        CHECK(goodput.used);
        for (size_t k = 0; k < METRICS; k++) {
            uint64_t wanted_ns = k == METRIC_TTFT   ? rows[i].ttft_ns
                                 : k == METRIC_TPOT ? rows[i].tpot_ns
                                 : k == METRIC_E2EL ? rows[i].e2el_ns
                                                    : UINT64_MAX;
            CHECK_EQ(goodput.limit_ns[k], wanted_ns);
        }
    }
}

static void test_each_metric_of_one_request_can_have_a_limit(void)
{
    static const char *const names[METRICS] = {
#define METRIC_X(member, name) name ":7",
        METRIC_MAP(METRIC_X)
#undef METRIC_X
    };

    for (size_t i = 0; i < METRICS; i++) {
        struct goodput goodput;
        const char *why = "";
        check_case(names[i]);
        goodput_init(&goodput);
        CHECK_EQ(goodput_parse(names[i], &goodput, &why), i != METRIC_ITL);
        CHECK_EQ(goodput.limit_ns[i], i != METRIC_ITL ? 7000000 : UINT64_MAX);
    }
}

static void test_a_list_that_is_not_understood_is_refused(void)
{
    static const struct refused_case rows[] = {
        { "", "with commas or space" },
        { ",", "with commas or space" },
        { "ttft", "with commas or space" },
        { "ttft<200ms,", "with commas or space" },
        { "ttft<200ms,,tpot<50ms", "with commas or space" },
        { ",ttft<200ms", "with commas or space" },
        { "ttft<200ms;tpot<50ms", "a duration" },
        { "ttft:=200", "with commas or space" },
        { "ttft::200", "with commas or space" },
        { "ttft<200 ms", "with commas or space" },
        { "speed<200ms", "the metric is latency" },
        { "goodput>1", "the metric is latency" },
        { "error_rate<1%", "the metric is latency" },
        { "ttft_p99<200ms", "no statistic" },
        { "itl<50ms", "tpot" },
        { "ttft<1s,ttft<2s", "twice" },
        { "ttft>200ms", "< or <=" },
        { "ttft<fast", "a duration" },
        { "ttft<none", "a duration" },
        { "ttft<200ms,tpot<fast", "a duration" },
        { "ttft<0", "<=0" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct goodput goodput;
        const char *why = "";
        check_case(rows[i].text);
        goodput_init(&goodput);
        CHECK(!goodput_parse(rows[i].text, &goodput, &why));
        if (strstr(why, rows[i].why) == NULL) {
            CHECK_STR(why, rows[i].why);
        }
        CHECK(!goodput.used);
        CHECK_EQ(goodput.limit_ns[METRIC_TTFT], UINT64_MAX);
    }
}

static void test_a_request_has_to_keep_every_limit_and_no_other(void)
{
    static const struct {
        const char *name;
        uint64_t ttft_ns, tpot_ns, e2el_ns, service_ns;
        bool met;
    } rows[] = {
        { "all far below", 1, 1, 1, 1, true },
        { "just below, and what has no limit is high", 199999999, 50000000, 5, 1 << 30, true },
        { "the limit itself of <", 200000000, 50000000, 5, 1, false },
        { "one above the limit of :", 199999999, 50000001, 5, 1, false },
        { "no first token", GOODPUT_NO_VALUE, 0, 5, 1, false },
        { "no value where there is no limit", 5, 0, GOODPUT_NO_VALUE, GOODPUT_NO_VALUE, true },
    };
    struct goodput goodput, none;
    const char *why = "";

    goodput_init(&none);
    CHECK(goodput_parse("ttft<200ms,tpot:50", &goodput, &why));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const uint64_t values_ns[METRICS] = {
            [METRIC_TTFT] = rows[i].ttft_ns,
            [METRIC_TPOT] = rows[i].tpot_ns,
            [METRIC_E2EL] = rows[i].e2el_ns,
            [METRIC_SERVICE] = rows[i].service_ns,
        };
        check_case(rows[i].name);
        CHECK_EQ(goodput_is_met(&goodput, values_ns), rows[i].met);
        CHECK(goodput_is_met(&none, values_ns));
    }
}

int main(void)
{
    RUN(test_an_expression_is_read_as_it_is_meant);
    RUN(test_what_is_not_understood_is_refused_with_what_would_be);
    RUN(test_a_limit_is_met_on_its_good_side_only);
    RUN(test_a_list_of_limits_is_read_in_both_ways_of_writing);
    RUN(test_each_metric_of_one_request_can_have_a_limit);
    RUN(test_a_list_that_is_not_understood_is_refused);
    RUN(test_a_request_has_to_keep_every_limit_and_no_other);
    return check_done();
}
