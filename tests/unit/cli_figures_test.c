/*
 * figures: each number as it stands in the text.
 */
#include "cli/figures.h"
#include "tests/unit/check.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Is this its text? Frees it. */
static void check_text(cJSON *object, const char *wanted)
{
    char text[2048];

    assert(cJSON_PrintPreallocated(object, text, sizeof(text), false));
    cJSON_Delete(object);
    CHECK_STR(text, wanted);
}

static void test_milliseconds_are_told_to_the_microsecond_and_nan_is_null(void)
{
    static const struct {
        double ns;
        const char *text;
    } cases[] = {
        { 0, "{\"a\":0.000}" },
        { 1, "{\"a\":0.000}" },
        { 499, "{\"a\":0.000}" },
        { 501, "{\"a\":0.001}" },
        { 1234567, "{\"a\":1.235}" },
        { 3600e9, "{\"a\":3600000.000}" },
        { 999999999, "{\"a\":1000.000}" },
        { NAN, "{\"a\":null}" },
        { 1.8446744073709552e19, "{\"a\":18446744073709.551}" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cJSON *object = cJSON_CreateObject();
        figures_add_milliseconds(object, "a", cases[i].ns);
        check_text(object, cases[i].text);
    }
}

static void test_counts_are_whole_numbers_however_large(void)
{
    cJSON *object = cJSON_CreateObject();

    figures_add_count(object, "a", UINT64_C(999999999999999));
    figures_add_count(object, "b", 0);
    figures_add_number(object, "c", 0.1);
    figures_add_number(object, "d", NAN);
    check_text(object, "{\"a\":999999999999999,\"b\":0,\"c\":0.1,\"d\":null}");
}

static void test_a_percentile_may_be_told_when_one_value_is_above_it(void)
{
    static const struct {
        double fraction;
        uint64_t least;
    } cases[] = {
        { 0.5, 2 }, { 0.75, 4 }, { 0.9, 10 }, { 0.95, 20 }, { 0.99, 100 }, { 0.999, 1000 }
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK(figures_fractions[i] == cases[i].fraction);
        CHECK(figures_may_tell(cases[i].least, cases[i].fraction));
        CHECK(!figures_may_tell(cases[i].least - 1, cases[i].fraction));
    }
    CHECK(!figures_may_tell(0, 0.5));
}

static void test_values_stand_in_this_order_and_what_cannot_be_told_is_null(void)
{
    cJSON *object = cJSON_CreateObject();
    struct figures_values values = {
        .count = 4,
        .min = 1e6,
        .mean = 2e6,
        .std = 5e5,
        .max = 3e6,
        .percentiles = { 2e6, 2.5e6, NAN, NAN, NAN, NAN },
    };

    figures_add_values(object, "h", &values);
    values.count = 0;
    figures_add_values(object, "none", &values);
    check_text(object,
               "{\"h\":{\"count\":4,\"min\":1.000,\"mean\":2.000,\"std\":0.500,\"p50\":2.000,"
               "\"p75\":2.500,\"p90\":null,\"p95\":null,\"p99\":null,\"p99.9\":null,\"max\":3.000},"
               "\"none\":{\"count\":0}}");
}

static void test_a_histogram_is_told_the_same_way(void)
{
    struct histogram *histogram = calloc(1, sizeof(*histogram));
    cJSON *object = cJSON_CreateObject();

    figures_add_histogram(object, "none", histogram);
    histogram_add(histogram, 1000000);
    histogram_add(histogram, 3000000);
    figures_add_histogram(object, "h", histogram);
    check_text(object,
               "{\"none\":{\"count\":0},\"h\":{\"count\":2,\"min\":1.000,\"mean\":2.000,"
               "\"std\":1.000,\"p50\":1.000,\"p75\":null,\"p90\":null,\"p95\":null,\"p99\":null,"
               "\"p99.9\":null,\"max\":3.000}}");
    free(histogram);
}

static void test_dates_are_of_universal_time(void)
{
    cJSON *object = cJSON_CreateObject();

    setenv("TZ", "Asia/Tokyo", 1);
    figures_add_date(object, "a", 0);
    figures_add_date(object, "b", 951782400); /* a leap day */
    check_text(object, "{\"a\":\"1970-01-01T00:00:00Z\",\"b\":\"2000-02-29T00:00:00Z\"}");
}

static void test_errors_of_one_code_are_added(void)
{
    cJSON *errors = cJSON_CreateObject();

    figures_add_error(errors, "resource", 2);
    figures_add_error(errors, "dns_error", 1);
    figures_add_error(errors, "resource", 5);
    check_text(errors, "{\"resource\":7,\"dns_error\":1}");
}

static void test_what_is_written_ends_with_a_line_end(void)
{
    cJSON *object = cJSON_CreateObject();
    char text[64];
    int ends[2];

    assert(pipe(ends) == 0);
    figures_add_count(object, "a", 1);
    errno = 0;
    CHECK(figures_write(object, ends[1]));
    ssize_t size = read(ends[0], text, sizeof(text));
    CHECK_MEM(text, (size_t)size, "{\n\t\"a\":\t1\n}\n", 12);
    close(ends[0]);
    close(ends[1]);
}

static void test_what_cannot_be_written_says_why(void)
{
    errno = 0;
    CHECK(!figures_write(cJSON_CreateObject(), -1));
    CHECK_EQ(errno, EBADF);
    errno = ENOMEM; /* as when the object was built */
    CHECK(!figures_write(cJSON_CreateObject(), STDOUT_FILENO));
    CHECK_EQ(errno, ENOMEM);
    errno = 0;
    CHECK(!figures_write(NULL, STDOUT_FILENO));
    CHECK_EQ(errno, ENOMEM);
}

int main(void)
{
    RUN(test_milliseconds_are_told_to_the_microsecond_and_nan_is_null);
    RUN(test_counts_are_whole_numbers_however_large);
    RUN(test_a_percentile_may_be_told_when_one_value_is_above_it);
    RUN(test_values_stand_in_this_order_and_what_cannot_be_told_is_null);
    RUN(test_a_histogram_is_told_the_same_way);
    RUN(test_dates_are_of_universal_time);
    RUN(test_errors_of_one_code_are_added);
    RUN(test_what_is_written_ends_with_a_line_end);
    RUN(test_what_cannot_be_written_says_why);
    return check_done();
}
