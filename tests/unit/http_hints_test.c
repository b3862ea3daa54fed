/*
 * http_hints: what headers about time are taken to mean (R27, R29). Whatever they say, no wait is
 * negative or without bound.
 */
#include "http/hints.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#define NOW_MS (UINT64_C(784111777) * 1000) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define SATURATED (HINTS_NONE - 1)

static void test_retry_waits_are_understood_or_not_said(void)
{
    static const struct {
        const char *name, *value;
        uint64_t wait_ns;
    } cases[] = {
        { "Retry-After", "1", NS_PER_S },
        { "RETRY-AFTER", "120", 120 * NS_PER_S },
        { "Retry-After", "1.5", 1500 * NS_PER_MS },
        { "Retry-After", "0.001", NS_PER_MS },
        { "Retry-After", ".5", 500 * NS_PER_MS },
        { "Retry-After", "5.", 5 * NS_PER_S },
        { "Retry-After", "+5", 5 * NS_PER_S },
        { "Retry-After", "007", 7 * NS_PER_S },
        { "Retry-After", "0", HINTS_NONE },
        { "Retry-After", "0.0", HINTS_NONE },
        { "Retry-After", "-5", HINTS_NONE },
        { "Retry-After", "-0.5", HINTS_NONE },
        { "Retry-After", "-1e18", HINTS_NONE },
        { "Retry-After", "1e18", SATURATED },
        { "Retry-After", "1e3", 1000 * NS_PER_S },
        { "Retry-After", "15E-1", 1500 * NS_PER_MS },
        { "Retry-After", "1e-18", HINTS_NONE },
        { "Retry-After", "1e999999999999999999999", SATURATED },
        { "Retry-After", "0e999999999999999999999", HINTS_NONE },
        { "Retry-After", "1e-999999999999999999999", HINTS_NONE },
        { "Retry-After", "18446744073709551616", SATURATED },
        { "Retry-After", "99999999999999999999999999999999999999999999999999", SATURATED },
        { "Retry-After", "soon", HINTS_NONE },
        { "Retry-After", "", HINTS_NONE },
        { "Retry-After", "-", HINTS_NONE },
        { "Retry-After", ".", HINTS_NONE },
        { "Retry-After", "e5", HINTS_NONE },
        { "Retry-After", "1e", HINTS_NONE },
        { "Retry-After", "1e+", HINTS_NONE },
        { "Retry-After", "1,5", HINTS_NONE },
        { "Retry-After", "1.5.2", HINTS_NONE },
        { "Retry-After", "5s", HINTS_NONE },
        { "Retry-After", "5 s", HINTS_NONE },
        { "Retry-After", "0x10", HINTS_NONE },
        { "Retry-After", "inf", HINTS_NONE },
        { "Retry-After", "nan", HINTS_NONE },
        { "Retry-After", "--5", HINTS_NONE },
        { "Retry-After", "Sun, 06 Nov 1994 08:50:37 GMT", 60 * NS_PER_S },
        { "Retry-After", "Sunday, 06-Nov-94 08:50:37 GMT", 60 * NS_PER_S },
        { "Retry-After", "Sun Nov  6 08:50:37 1994", 60 * NS_PER_S },
        { "Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT", HINTS_NONE },
        { "Retry-After", "Sun, 06 Nov 1994 08:49:36 GMT", HINTS_NONE },
        { "Retry-After", "Thu, 01 Jan 1970 00:00:00 GMT", HINTS_NONE },
        { "Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT", SATURATED },
        { "retry-after-ms", "250", 250 * NS_PER_MS },
        { "Retry-After-Ms", "0.5", 500 * NS_PER_US },
        { "retry-after-ms", "-1", HINTS_NONE },
        { "retry-after-ms", "1e30", SATURATED },
        { "retry-after-ms", "Sun, 06 Nov 1994 08:50:37 GMT", HINTS_NONE },
        { "Retry-Afte", "1", HINTS_NONE },
        { "Retry-After-X", "1", HINTS_NONE },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct quoit_header header = { cases[i].name, cases[i].value };
        check_case(cases[i].value);
        CHECK_EQ(hints_retry_wait_ns(&header, 1, NOW_MS), cases[i].wait_ns);
    }
    check_case("");
    CHECK_EQ(hints_retry_wait_ns(NULL, 0, NOW_MS), HINTS_NONE);
}

static void test_the_first_of_equal_headers_counts_and_milliseconds_before_seconds(void)
{
    static const struct {
        const char *name;
        struct quoit_header headers[2];
        uint64_t wait_ns;
    } cases[] = {
        { "two seconds", { { "Retry-After", "3" }, { "retry-after", "9" } }, 3 * NS_PER_S },
        { "the first is a word", { { "Retry-After", "x" }, { "Retry-After", "9" } }, HINTS_NONE },
        { "both", { { "Retry-After", "9" }, { "retry-after-ms", "5" } }, 5 * NS_PER_MS },
        { "ms is a word", { { "retry-after-ms", "x" }, { "Retry-After", "9" } }, 9 * NS_PER_S },
        { "ms is empty", { { "retry-after-ms", "" }, { "Retry-After", "9" } }, 9 * NS_PER_S },
        { "ms is 0", { { "retry-after-ms", "0" }, { "Retry-After", "9" } }, HINTS_NONE },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(cases[i].name);
        CHECK_EQ(hints_retry_wait_ns(cases[i].headers, 2, NOW_MS), cases[i].wait_ns);
    }
}

/* A date that is less than a second away is measured in milliseconds. */
static void test_dates_are_measured_against_the_clock_given(void)
{
    static const struct quoit_header header = { "Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT" };

    CHECK_EQ(hints_retry_wait_ns(&header, 1, NOW_MS - 1), NS_PER_MS);
    CHECK_EQ(hints_retry_wait_ns(&header, 1, NOW_MS), HINTS_NONE);
    CHECK_EQ(hints_retry_wait_ns(&header, 1, NOW_MS + 1), HINTS_NONE);
    CHECK_EQ(hints_retry_wait_ns(&header, 1, 0), UINT64_C(784111777) * NS_PER_S);
    CHECK_EQ(hints_retry_wait_ns(&header, 1, UINT64_MAX), HINTS_NONE);
}

static void test_dates_of_all_forms_are_read(void)
{
    static const struct {
        const char *text;
        int64_t unix_s;
    } cases[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
        { "Sun Nov  6 08:49:37 1994", 784111777 },
        { "Wed Nov 16 08:49:37 1994", 784975777 },
        { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
        { "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
        { "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000 },
        { "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
        { "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },
        { "Tue, 19 Jan 2038 03:14:08 GMT", 2147483648 },
        { "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
        { "Monday, 01-Jan-01 00:00:00 GMT", 978307200 },
        { "Tuesday, 31-Dec-69 00:00:00 GMT", 3155673600 },
        { "Thursday, 01-Jan-70 00:00:00 GMT", 0 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t unix_s = -7;
        check_case(cases[i].text);
        CHECK(hints_parse_date(cases[i].text, strlen(cases[i].text), &unix_s));
        CHECK_EQ(unix_s, cases[i].unix_s);
    }
}

static void test_what_is_no_date_is_refused_and_writes_nothing(void)
{
    static const char *const cases[] = {
        "",
        "Sun",
        "Sun,",
        "soon",
        "784111777",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08::37 GMT",
        "Sun, 06 Nov 1994 08:49: GMT",
        "Sun, 06  1994 08:49:37 GMT",
        "Sat, 01 Jan 0000 00:00:00 GMT",
        "Sunday 06-Nov-94 08:49:37 GMT",
        "Sunday, 06 Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov 94 08:49:37 GMT",
        "Sunday, 06-Nov- 08:49:37 GMT",
        "Sunday, 06-Nov-94 08-49-37 GMT",
        "Sunday, 06-Nov-94 08:49:37 UTC",
        "Sunday, 06-Nov-94 08:49:37 GMT!",
        "Sun NovX 6 08:49:37 1994",
        "Sun Nov  6X08:49:37 1994",
        "Sun Nov  6 08:49-37 1994",
        "Sun Nov  6 08:49:37X1994",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "06 Nov 1994 08:49:37 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Xyz 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 2023 00:00:00 GMT",
        "Thu, 29 Feb 1900 00:00:00 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49:-1 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37",
        "Sunday, 06-Nov-94",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, 06 Nov 19940 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT and then some more bytes",
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t unix_s = -7;
        check_case(cases[i]);
        CHECK(!hints_parse_date(cases[i], strlen(cases[i]), &unix_s));
        CHECK_EQ(unix_s, -7);
    }
    int64_t unix_s = -7;
    CHECK(!hints_parse_date("Sun, 06 Nov 1994 08:49:37 GMT\0", 30, &unix_s));
    for (size_t size = 0; size < 29; size++) { /* size says where the text ends, not a NUL */
        CHECK(!hints_parse_date("Sun, 06 Nov 1994 08:49:37 GMT", size, &unix_s));
    }
}

static void test_should_retry_is_yes_no_or_not_said(void)
{
    static const struct {
        const char *value;
        int wanted;
    } cases[] = { { "true", 1 }, { "false", 0 }, { "TRUE", 1 }, { "False", 0 },
                  { "", -1 },    { "1", -1 },    { "yes", -1 }, { "true ", -1 } };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct quoit_header header = { "X-Should-Retry", cases[i].value };
        check_case(cases[i].value);
        CHECK_EQ(hints_should_retry(&header, 1), cases[i].wanted);
    }
    check_case("");
    CHECK_EQ(hints_should_retry(NULL, 0), -1);
}

static void test_keep_alive_parameters_are_read_one_by_one(void)
{
    static const struct {
        const char *value;
        uint64_t timeout_ns, max;
    } cases[] = {
        { "timeout=5, max=100", 5 * NS_PER_S, 100 },
        { "timeout=5,max=100", 5 * NS_PER_S, 100 },
        { "max=100 , Timeout = 5", 5 * NS_PER_S, 100 },
        { "timeout=5", 5 * NS_PER_S, HINTS_NONE },
        { "max=0", HINTS_NONE, 0 },
        { "max=1, max=2", HINTS_NONE, 1 },
        { "timeout=0", 0, HINTS_NONE },
        { ", ,timeout=5,", 5 * NS_PER_S, HINTS_NONE },
        { "timeout=5, timeout=9", 5 * NS_PER_S, HINTS_NONE },
        { "x=1, timeout=5", 5 * NS_PER_S, HINTS_NONE },
        { "xtimeout=5, timeoutx=5", HINTS_NONE, HINTS_NONE },
        { "timeout=-5, max=x", HINTS_NONE, HINTS_NONE },
        { "timeout=5s", HINTS_NONE, HINTS_NONE },
        { "timeout", HINTS_NONE, HINTS_NONE },
        { "timeout=", HINTS_NONE, HINTS_NONE },
        { "timeout=\"5\"", HINTS_NONE, HINTS_NONE },
        { "", HINTS_NONE, HINTS_NONE },
        { "timeout=99999999999999999999, max=99999999999999999999",
          (HINTS_NONE - 1) / NS_PER_S * NS_PER_S, SATURATED },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct quoit_header headers[] = { { "Other", "timeout=77" },
                                                { "Kept", "timeout=77" },
                                                { "KEEP-alive", cases[i].value } };
        check_case(cases[i].value);
        struct hints_keep_alive got = hints_keep_alive(headers, COUNT_OF(headers));
        CHECK_EQ(got.timeout_ns, cases[i].timeout_ns);
        CHECK_EQ(got.max, cases[i].max);
    }
}

int main(void)
{
    RUN(test_retry_waits_are_understood_or_not_said);
    RUN(test_the_first_of_equal_headers_counts_and_milliseconds_before_seconds);
    RUN(test_dates_are_measured_against_the_clock_given);
    RUN(test_dates_of_all_forms_are_read);
    RUN(test_what_is_no_date_is_refused_and_writes_nothing);
    RUN(test_should_retry_is_yes_no_or_not_said);
    RUN(test_keep_alive_parameters_are_read_one_by_one);
    return check_done();
}
