/*
 * result: the numbers are found where they stand, and nothing that is not a result passes for one.
 */
#include "bench/result.h"

#include "tests/unit/check.h"

#include <math.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define POINT(seconds, ok, failed, count, p99)                                                     \
    "{\"seconds\":" #seconds ",\"sent\":9,\"ok\":" #ok ",\"failed\":" #failed                      \
    ",\"tokens_out\":50,\"latency_ms\":{\"count\":" #count ",\"mean\":2,\"p99\":" #p99             \
    "},\"ttft_ms\":{\"count\":0}}"

static const char whole[] =
    "{\"requests\":{\"total\":200,\"ok\":150,\"failed\":40,\"unsent\":10},\"seconds\":4.5,"
    "\"requests_per_second\":1234.5,\"goodput\":null,"
    "\"latency_ms\":{\"count\":150,\"mean\":7.25,\"p50\":5,\"p99\":20.125,\"p99.9\":null},"
    "\"tokens\":{\"in\":1,\"out\":2,\"out_per_second\":33},"
    "\"client\":{\"verdict\":\"ok\",\"cpu_us_per_request\":1.5e1},"
    "\"timeline\":{\"interval_seconds\":2,\"points\":[" POINT(0, 98, 2, 100, 3.5) "," POINT(
        2, 50, 50, 100, null) "," POINT(4, 5, 5, 49, 7) "]}}";

/* Read from a buffer of exactly its size, so that a sanitizer sees one byte too far. */
static bool read_bytes(const char *bytes, size_t size, struct result *result_out)
{
    static char *exact;
    char fault[RESULT_FAULT_SIZE] = "";
    struct json_defect defect;

    free(exact);
    exact = malloc(size + (size == 0));
    memcpy(exact, bytes, size);
    struct json_span text = { exact, size };
    bool good = json_check(text, &defect) && result_read(text, result_out, fault);
    if (good) {
        for (unsigned measure = 0; measure < MEASURES; measure++) {
            struct statistics statistics = { .count = 0 };
            result_add_intervals(result_out, (enum measure)measure, &statistics);
        }
    }
    return good;
}

static bool read_text(const char *text, struct result *result_out)
{
    return read_bytes(text, strlen(text), result_out);
}

static void test_the_numbers_are_those_of_the_text(void)
{
    struct result result;

    CHECK(read_text(whole, &result));
    CHECK(result.values[MEASURE_REQUESTS] == 1234.5);
    CHECK(result.values[MEASURE_LATENCY_P50] == 5);
    CHECK(result.values[MEASURE_LATENCY_P99] == 20.125);
    CHECK(result.values[MEASURE_LATENCY_MEAN] == 7.25);
    CHECK(result.values[MEASURE_TOKENS_OUT] == 33);
    CHECK(result.values[MEASURE_CPU] == 15);
    CHECK(result.seconds == 4.5);
    CHECK(!result.is_batch);
}

static void test_what_is_null_or_missing_is_no_number(void)
{
    struct result result;

    CHECK(read_text(whole, &result));
    CHECK(isnan(result.values[MEASURE_GOODPUT]));
    CHECK(isnan(result.values[MEASURE_LATENCY_P999]));
    CHECK(isnan(result.values[MEASURE_LATENCY_P90]));
    CHECK(isnan(result.values[MEASURE_TTFT_P50]));
}

static void test_what_was_not_even_sent_is_an_error(void)
{
    struct result result;

    CHECK(read_text(whole, &result));
    CHECK(result.values[MEASURE_ERROR_RATE] == 25);
}

static struct statistics intervals(enum measure measure)
{
    struct statistics statistics = { .count = 0 };
    struct result result;

    CHECK(read_text(whole, &result));
    result_add_intervals(&result, measure, &statistics);
    return statistics;
}

static void test_intervals_count_per_second_and_only_where_they_are_whole(void)
{
    CHECK_EQ(intervals(MEASURE_REQUESTS).count, 2); /* the third ends behind the window */
    CHECK(intervals(MEASURE_REQUESTS).mean == (98 + 50) / 2.0 / 2);
    CHECK(intervals(MEASURE_TOKENS_OUT).mean == 25);
}

static void test_an_interval_is_as_long_as_the_clock_said(void)
{
    struct statistics statistics = { .count = 0 };
    struct result result;

    CHECK(read_text("{\"requests\":{\"total\":31,\"ok\":31},\"latency_ms\":{},\"seconds\":2,"
                    "\"timeline\":{\"interval_seconds\":2,\"points\":["
                    "{\"seconds\":0,\"length\":1.5,\"ok\":30},"
                    "{\"seconds\":1.5,\"length\":0.5,\"ok\":1}]}}",
                    &result));
    result_add_intervals(&result, MEASURE_REQUESTS, &statistics);
    CHECK_EQ(statistics.count, 1); /* the rest behind it is none */
    CHECK(statistics.mean == 20);
}

static void test_intervals_with_too_few_requests_say_nothing(void)
{
    CHECK_EQ(intervals(MEASURE_LATENCY_MEAN).count, 3);
    CHECK_EQ(intervals(MEASURE_LATENCY_P99).count, 1); /* one is null, one is of 49 */
    CHECK(intervals(MEASURE_LATENCY_P99).mean == 3.5);
    CHECK_EQ(intervals(MEASURE_ERROR_RATE).count, 3);
    CHECK(intervals(MEASURE_ERROR_RATE).mean == (2 + 50 + 50) / 3.0);
    CHECK_EQ(intervals(MEASURE_TTFT_P50).count, 0);
    CHECK_EQ(intervals(MEASURE_GOODPUT).count, 0);
}

static void test_what_is_no_result_is_refused(void)
{
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{}",
        "\"x\"",
        "7",
        "{\"requests\":{\"total\":1,\"ok\":1}}",
        "{\"latency_ms\":{}}",
        "{\"requests\":1,\"latency_ms\":{}}",
        "{\"requests\":{},\"latency_ms\":{}}",
        "{\"requests\":{\"total\":1,\"ok\":1},\"latency_ms\":[]}",
        "{\"requests\":{\"total\":1,\"ok\":2},\"latency_ms\":{}}",
        "{\"requests\":{\"total\":\"1\",\"ok\":1},\"latency_ms\":{}}",
        "{\"request_throughput\":1,\"mean_ttft_ms\":2}",
    };
    struct result result;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        check_case(texts[i]);
        CHECK(!read_text(texts[i], &result));
    }
}

/* `%s` in a good result. */
static bool takes(const char *more)
{
    struct result result;
    char text[1024];

    snprintf(text, sizeof(text), "{\"requests\":{\"total\":1,\"ok\":1},\"latency_ms\":{}%s}", more);
    return read_text(text, &result);
}

static void test_a_number_that_it_cannot_be_is_refused(void)
{
    static const char *const wrong[] = {
        ",\"goodput\":\"many\"",
        ",\"goodput\":-1",
        ",\"goodput\":1e999",
        ",\"goodput\":true",
        ",\"goodput\":[1]",
        ",\"goodput\":NaN",
        ",\"goodput\":Infinity",
        ",\"goodput\":1e16",
        ",\"seconds\":\"1\"",
        ",\"seconds\":-4",
        ",\"ttft_ms\":3",
        ",\"ttft_ms\":{\"p50\":{}}",
        ",\"tokens\":[]",
        ",\"client\":\"ok\"",
        ",\"timeline\":[]",
        ",\"timeline\":{}",
        ",\"timeline\":{\"interval_seconds\":0,\"points\":[]}",
        ",\"timeline\":{\"interval_seconds\":1,\"points\":{}}",
        ",\"timeline\":{\"interval_seconds\":1,\"points\":[1]}",
        ",\"timeline\":{\"interval_seconds\":1,\"points\":[{\"ok\":1}]}",
        ",\"timeline\":{\"interval_seconds\":1,\"points\":[{\"latency_ms\":{\"count\":-1}}]}",
        ",\"timeline\":{\"interval_seconds\":1,\"points\":[{\"ok\":\"1\",\"seconds\":0}]}",
    };

    CHECK(takes(""));
    CHECK(takes(",\"goodput\":0,\"ttft_ms\":null,\"timeline\":null,\"client\":null"));
    CHECK(takes(",\"timeline\":{\"interval_seconds\":1,\"points\":[]}"));
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        check_case(wrong[i]);
        CHECK(!takes(wrong[i]));
    }
}

static void test_a_timeline_has_an_end(void)
{
    static char text[256 + (RESULT_POINTS_MAX + 1) * 3];
    struct result result;

    for (size_t count = RESULT_POINTS_MAX; count <= RESULT_POINTS_MAX + 1; count++) {
        size_t size = (size_t)snprintf(text, sizeof(text),
                                       "{\"requests\":{\"total\":1,\"ok\":1},\"latency_ms\":{},"
                                       "\"timeline\":{\"interval_seconds\":1,\"points\":[{}");
        for (size_t i = 1; i < count; i++) {
            memcpy(text + size, ",{}", 3);
            size += 3;
        }
        memcpy(text + size, "]}}", 3);
        CHECK_EQ(read_bytes(text, size + 3, &result), count == RESULT_POINTS_MAX);
    }
}

/* Whatever stands where, it is taken or refused. */
static void test_no_change_of_any_byte_does_harm(void)
{
    static const char bytes[] = "0-\"{}[],:e. nt\\\xff";
    char text[sizeof(whole)];
    struct result result;
    unsigned taken = 0;

    for (size_t i = 0; i + 1 < sizeof(whole); i++) {
        for (size_t j = 0; j + 1 < sizeof(bytes); j++) {
            memcpy(text, whole, sizeof(whole));
            text[i] = bytes[j];
            taken += read_bytes(text, sizeof(whole) - 1, &result);
        }
        CHECK(!read_bytes(whole, i, &result));
    }
    CHECK(taken > 100); /* digits of numbers, letters of names */
}

int main(void)
{
    RUN(test_the_numbers_are_those_of_the_text);
    RUN(test_what_is_null_or_missing_is_no_number);
    RUN(test_what_was_not_even_sent_is_an_error);
    RUN(test_intervals_count_per_second_and_only_where_they_are_whole);
    RUN(test_an_interval_is_as_long_as_the_clock_said);
    RUN(test_intervals_with_too_few_requests_say_nothing);
    RUN(test_what_is_no_result_is_refused);
    RUN(test_a_number_that_it_cannot_be_is_refused);
    RUN(test_a_timeline_has_an_end);
    RUN(test_no_change_of_any_byte_does_harm);
    return check_done();
}
