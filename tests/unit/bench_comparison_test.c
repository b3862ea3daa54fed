/*
 * comparison, runs, comparable: what is said of two variants, read from files as a user has them.
 */
#include "bench/comparison.h"

#include "bench/comparable.h"
#include "tests/unit/check.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CHECK_NEAR(got, wanted) CHECK(fabs((got) - (wanted)) < 0.005)

static char path[] = "/tmp/quoit-comparison-XXXXXX";

/* The runs of a file of that text. */
static struct runs runs_of(const char *text)
{
    struct runs runs;
    FILE *file = fopen(path, "w");

    fputs(text, file);
    fclose(file);
    CHECK(runs_open(&runs, path));
    return runs;
}

/* Runs with these p99, and `failed` of 1000. */
static struct runs runs_with(const double *p99, size_t count, unsigned failed)
{
    static char text[4096];
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size,
                                 "{\"requests\":{\"total\":1000,\"ok\":%u},"
                                 "\"requests_per_second\":%g,\"latency_ms\":{\"p99\":%g}}\n",
                                 1000 - failed, p99[i] > 0 ? 1000 / p99[i] : 0, p99[i]);
    }
    return runs_of(text);
}

static struct comparison compare(struct runs *base, struct runs *other, enum measure measure)
{
    struct comparison comparison;

    CHECK(comparison_make(base, other, measure, &comparison));
    return comparison;
}

static void test_repeated_runs_give_welchs_interval(void)
{
    struct runs base = runs_with((double[]){ 99, 100, 101 }, 3, 0);
    struct runs other = runs_with((double[]){ 109, 110, 111 }, 3, 0);
    struct comparison comparison = compare(&base, &other, MEASURE_LATENCY_P99);

    /* 10, give or take t(0.975, 4) x sqrt(1/3 + 1/3) = 2.776 x 0.8165 */
    CHECK_NEAR(comparison.base, 100);
    CHECK_NEAR(comparison.value, 110);
    CHECK_NEAR(comparison.change_percent, 10);
    CHECK_NEAR(comparison.low_percent, 10 - 2.267);
    CHECK_NEAR(comparison.high_percent, 10 + 2.267);
    CHECK_EQ(comparison.basis, COMPARISON_RUNS);
    CHECK_EQ(comparison.base_samples, 3);
    CHECK_EQ(comparison.samples, 3);
    runs_close(&base);
    runs_close(&other);
}

static void test_more_is_worse_for_latency_and_better_for_a_rate(void)
{
    struct runs base = runs_with((double[]){ 99, 100, 101 }, 3, 0);
    struct runs other = runs_with((double[]){ 109, 110, 111 }, 3, 0);

    CHECK_EQ(compare(&base, &other, MEASURE_LATENCY_P99).verdict, COMPARISON_WORSE);
    CHECK_EQ(compare(&base, &other, MEASURE_REQUESTS).verdict, COMPARISON_WORSE);
    CHECK_EQ(compare(&other, &base, MEASURE_LATENCY_P99).verdict, COMPARISON_BETTER);
    CHECK_EQ(compare(&other, &base, MEASURE_REQUESTS).verdict, COMPARISON_BETTER);
    CHECK_EQ(compare(&base, &base, MEASURE_LATENCY_P99).verdict, COMPARISON_SAME);
    runs_close(&base);
    runs_close(&other);
}

static void test_a_change_within_the_noise_is_the_same(void)
{
    struct runs base = runs_with((double[]){ 90, 100, 110 }, 3, 0);
    struct runs other = runs_with((double[]){ 95, 105, 115 }, 3, 0);
    struct comparison comparison = compare(&base, &other, MEASURE_LATENCY_P99);

    CHECK_EQ(comparison.verdict, COMPARISON_SAME);
    CHECK_NEAR(comparison.change_percent, 5);
    CHECK(!comparison_is_regression(&comparison, 0));
    runs_close(&base);
    runs_close(&other);
}

static void test_two_runs_a_side_are_not_enough(void)
{
    struct runs base = runs_with((double[]){ 100, 100 }, 2, 0);
    struct runs other = runs_with((double[]){ 200, 200, 200 }, 3, 0);
    struct comparison comparison = compare(&base, &other, MEASURE_LATENCY_P99);

    CHECK_EQ(comparison.verdict, COMPARISON_UNCLEAR);
    CHECK_EQ(comparison.basis, COMPARISON_NONE);
    CHECK_NEAR(comparison.change_percent, 100);
    CHECK(isnan(comparison.low_percent));
    CHECK(!comparison_is_regression(&comparison, 0));
    runs_close(&base);
    runs_close(&other);
}

static void test_an_error_rate_changes_by_points_also_from_none(void)
{
    struct runs base = runs_with((double[]){ 100, 101, 102 }, 3, 0);
    struct runs other = runs_with((double[]){ 100, 101, 102 }, 3, 30);
    struct comparison comparison = compare(&base, &other, MEASURE_ERROR_RATE);

    CHECK_NEAR(comparison.change_percent, 3);
    CHECK_EQ(comparison.verdict, COMPARISON_WORSE);
    CHECK(comparison_is_regression(&comparison, 2));
    CHECK(!comparison_is_regression(&comparison, 4));
    runs_close(&base);
    runs_close(&other);
}

static void test_from_nothing_there_is_no_percentage_but_a_verdict(void)
{
    struct runs base = runs_with((double[]){ 0, 0, 0 }, 3, 0);
    struct runs other = runs_with((double[]){ 5, 6, 7 }, 3, 0);
    struct comparison comparison;

    CHECK(!comparison_make(&base, &other, MEASURE_TTFT_P99, &comparison));
    comparison = compare(&base, &other, MEASURE_LATENCY_P99);
    CHECK(isnan(comparison.change_percent));
    CHECK_EQ(comparison.verdict, COMPARISON_WORSE);
    CHECK(comparison_is_regression(&comparison, 1000));
    runs_close(&base);
    runs_close(&other);
}

/* One run whose p99 is `p99`, with intervals around it. */
static struct runs run_with_intervals(double p99, size_t count)
{
    static char text[8192];
    size_t size = (size_t)snprintf(text, sizeof(text),
                                   "{\"requests\":{\"total\":1000,\"ok\":1000},\"seconds\":100,"
                                   "\"latency_ms\":{\"p99\":%g},\"timeline\":{"
                                   "\"interval_seconds\":1,\"points\":[",
                                   p99);

    for (size_t i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size,
                                 "%s{\"latency_ms\":{\"count\":100,\"p99\":%g}}", i == 0 ? "" : ",",
                                 p99 * 0.8 + (i % 2 == 0 ? 1 : -1));
    }
    snprintf(text + size, sizeof(text) - size, "]}}");
    return runs_of(text);
}

static void test_one_run_a_side_is_judged_by_its_intervals_around_its_own_value(void)
{
    struct runs base = run_with_intervals(100, 8);
    struct runs other = run_with_intervals(110, 8);
    struct comparison comparison = compare(&base, &other, MEASURE_LATENCY_P99);

    /* variance 8/7 a side; t(0.975, 14) x sqrt(2 x 8/7/8) = 2.145 x 0.5345 */
    CHECK_EQ(comparison.basis, COMPARISON_INTERVALS);
    CHECK_NEAR(comparison.base, 100);
    CHECK_NEAR(comparison.low_percent, 10 - 1.1464);
    CHECK_NEAR(comparison.high_percent, 10 + 1.1464);
    CHECK_EQ(comparison.verdict, COMPARISON_WORSE);
    CHECK_EQ(comparison.samples, 8);
    runs_close(&other);
    other = run_with_intervals(110, 7);
    CHECK_EQ(compare(&base, &other, MEASURE_LATENCY_P99).verdict, COMPARISON_UNCLEAR);
    runs_close(&base);
    runs_close(&other);
}

/* As the tokens of answers that are not streamed: known at the end, and of no interval. */
static void test_a_timeline_that_does_not_count_something_does_not_judge_it(void)
{
    static char text[2048];
    size_t size = (size_t)snprintf(text, sizeof(text),
                                   "{\"requests\":{\"total\":1,\"ok\":1},\"latency_ms\":{},"
                                   "\"seconds\":9,\"tokens\":{\"out_per_second\":100},"
                                   "\"timeline\":{\"interval_seconds\":1,\"points\":[");

    for (int i = 0; i < 9; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size,
                                 "%s{\"seconds\":%d,\"tokens_out\":0}", i == 0 ? "" : ",", i);
    }
    snprintf(text + size, sizeof(text) - size, "]}}");
    struct runs runs = runs_of(text);
    CHECK_EQ(compare(&runs, &runs, MEASURE_TOKENS_OUT).verdict, COMPARISON_UNCLEAR);
    runs_close(&runs);
}

static void test_the_run_that_is_shown_is_the_middle_one(void)
{
    struct runs runs = runs_with((double[]){ 30, 10, 20, 50, 40 }, 5, 0);

    CHECK_EQ(runs_median(&runs) - runs.items, 0);
    runs_close(&runs);
    runs = runs_with((double[]){ 7, 7, 7, 7 }, 4, 0);
    CHECK_EQ(runs_median(&runs) - runs.items, 1);
    runs_close(&runs);
    runs = runs_of("{\"requests\":{\"total\":1,\"ok\":1},\"latency_ms\":{}}"
                   "{\"requests\":{\"total\":1,\"ok\":1},\"latency_ms\":{\"p99\":3}}");
    CHECK_EQ(runs_median(&runs) - runs.items, 1);
    runs_close(&runs);
}

static struct warnings warnings;

/* The line that holds `part`. */
static const char *warned(const char *part)
{
    for (size_t i = 0; i < warnings.count; i++) {
        if (strstr(warnings.lines[i], part) != NULL) {
            return warnings.lines[i];
        }
    }
    return NULL;
}

#define RUN_TEXT(verdict, concurrency, interrupted)                                                \
    "{\"requests\":{\"total\":1,\"ok\":1},\"latency_ms\":{},\"client\":{\"verdict\":\"" verdict    \
    "\"},\"interrupted\":" interrupted ",\"config\":{\"concurrency\":" concurrency "}}"

static void test_sides_that_were_asked_alike_and_went_well_give_no_warning(void)
{
    struct runs base = runs_of(RUN_TEXT("ok", "64", "false") RUN_TEXT("ok", "64", "false"));

    memset(&warnings, 0, sizeof(warnings));
    comparable_check_runs(&base, &warnings);
    comparable_check_sides(&base, &base, &warnings);
    CHECK_EQ(warnings.count, 0);
    runs_close(&base);
}

static void test_what_makes_a_comparison_doubtful_is_told_once_a_side(void)
{
    struct runs base = runs_of(RUN_TEXT("ok", "64", "false"));
    struct runs other = runs_of(RUN_TEXT("client_limited", "64", "true") RUN_TEXT(
        "ok", "128", "true") RUN_TEXT("client_limited", "128", "true"));

    memset(&warnings, 0, sizeof(warnings));
    comparable_check_runs(&other, &warnings);
    comparable_check_sides(&base, &other, &warnings);
    CHECK_EQ(warnings.count, 3);
    CHECK(warned("is client_limited (2 of 3 runs)") != NULL);
    CHECK(warned("was interrupted: ") != NULL);
    CHECK(warned("is 128 (2 of 3 runs), that of") != NULL);
    runs_close(&base);
    runs_close(&other);
}

static void test_a_batch_beside_a_bench_is_told(void)
{
    struct runs base = runs_of(RUN_TEXT("ok", "64", "false"));
    struct runs other = runs_of("{\"requests\":{\"total\":1,\"ok\":1},\"latency_ms\":{}}");

    memset(&warnings, 0, sizeof(warnings));
    comparable_check_sides(&base, &other, &warnings);
    CHECK_EQ(warnings.count, 1);
    CHECK(warned("not both of quoit bench") != NULL);
    runs_close(&base);
    runs_close(&other);
}

static void test_warnings_have_an_end(void)
{
    memset(&warnings, 0, sizeof(warnings));
    for (int i = 0; i < WARNINGS_MAX + 5; i++) {
        warnings_add(&warnings, "%0*d", 2 * WARNINGS_LINE_SIZE, i);
    }
    CHECK_EQ(warnings.count, WARNINGS_MAX);
    CHECK_EQ(warnings.dropped, 5);
    CHECK_EQ(strlen(warnings.lines[WARNINGS_MAX - 1]), WARNINGS_LINE_SIZE - 1);
}

int main(void)
{
    int fd = mkstemp(path);

    if (fd < 0) {
        perror(path);
        return 1;
    }
    close(fd);
    RUN(test_repeated_runs_give_welchs_interval);
    RUN(test_more_is_worse_for_latency_and_better_for_a_rate);
    RUN(test_a_change_within_the_noise_is_the_same);
    RUN(test_two_runs_a_side_are_not_enough);
    RUN(test_an_error_rate_changes_by_points_also_from_none);
    RUN(test_from_nothing_there_is_no_percentage_but_a_verdict);
    RUN(test_one_run_a_side_is_judged_by_its_intervals_around_its_own_value);
    RUN(test_a_timeline_that_does_not_count_something_does_not_judge_it);
    RUN(test_the_run_that_is_shown_is_the_middle_one);
    RUN(test_sides_that_were_asked_alike_and_went_well_give_no_warning);
    RUN(test_what_makes_a_comparison_doubtful_is_told_once_a_side);
    RUN(test_a_batch_beside_a_bench_is_told);
    RUN(test_warnings_have_an_end);
    unlink(path);
    return check_done();
}
