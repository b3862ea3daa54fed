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

static const char *const date = "Sun, 06 Nov 1994 08:49:37 GMT";

static void test_resets_are_understood_or_not_said(void)
{
    static const struct {
        const char *value;
        uint64_t reset_ns;
    } cases[] = {
        { "12ms", 12 * NS_PER_MS },
        { "1s", NS_PER_S },
        { "6m0s", 360 * NS_PER_S },
        { "1h2m3.5s", UINT64_C(3723500) * NS_PER_MS },
        { "7.66s", 7660 * NS_PER_MS },
        { "2m59.56s", 179560 * NS_PER_MS },
        { "500us", 500 * NS_PER_US },
        { "500\xc2\xb5s", 500 * NS_PER_US },
        { "500\xce\xbcs", 500 * NS_PER_US },
        { "17ns", 17 },
        { "0s", 0 },
        { "0", 0 },
        { "10", 10 * NS_PER_S },
        { "0.25", 250 * NS_PER_MS },
        { "999999999", UINT64_C(999999999) * NS_PER_S },
        { "784111787", UINT64_C(784111787) * NS_PER_S }, /* too small for an instant */
        { "1e9", UINT64_C(215888223) * NS_PER_S },       /* an instant */
        { "99999999999999999999h", SATURATED },
        { "1e400", SATURATED },
        { "1994-11-06T08:49:47Z", 10 * NS_PER_S },
        { "1994-11-06t08:49:47.5z", 10500 * NS_PER_MS },
        { "1994-11-06T09:49:47+01:00", 10 * NS_PER_S },
        { "1994-11-06T07:49:47-01:00", 10 * NS_PER_S },
        { "1994-11-06T08:49:37Z", 0 },
        { "1993-11-06T08:49:47Z", 0 },
        { "9999-12-31T23:59:59Z", SATURATED },
        { "-1", HINTS_NONE },
        { "-5s", HINTS_NONE },
        { "", HINTS_NONE },
        { "soon", HINTS_NONE },
        { "5 s", HINTS_NONE },
        { "5x", HINTS_NONE },
        { "s", HINTS_NONE },
        { "1.2.3s", HINTS_NONE },
        { "1m2", HINTS_NONE },
        { ".s", HINTS_NONE },
        { "nan", HINTS_NONE },
        { "inf", HINTS_NONE },
        { "1994-11-06T08:49:47", HINTS_NONE },
        { "1994-11-06 08:49:47Z", HINTS_NONE },
        { "1994-13-06T08:49:47Z", HINTS_NONE },
        { "1994-00-06T08:49:47Z", HINTS_NONE },
        { "1994-11-31T08:49:47Z", HINTS_NONE },
        { "1994-11-06T08:49:47.Z", HINTS_NONE },
        { "1994-11-06T08:49:47+0100", HINTS_NONE },
        { "1994-11-06T08:49:47+24:00", HINTS_NONE },
        { "1994-11-06T08:49:47Zx", HINTS_NONE },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct quoit_header headers[] = { { "x-ratelimit-limit-requests", "5" },
                                                { "X-RateLimit-Reset-Requests", cases[i].value },
                                                { "Date", date } };
        struct hints_rate rate;
        check_case(cases[i].value);
        CHECK(hints_rate_read(headers, COUNT_OF(headers), &rate));
        CHECK_EQ(rate.requests.limit, 5);
        CHECK_EQ(rate.requests.remaining, HINTS_NONE);
        CHECK_EQ(rate.requests.reset_ns, cases[i].reset_ns);
        CHECK_EQ(rate.tokens.limit, HINTS_NONE);
    }
}

static void test_an_instant_is_what_rfc_3339_says(void)
{
    static const char *const good[] = {
        "2024-05-01T12:00:00Z",      "2024-05-01t12:00:00z",      "2024-05-01T12:00:00.000999Z",
        "2024-05-01T14:00:00+02:00", "2024-05-01T00:30:00-11:30", "2024-05-01T12:00:00+00:00",
    };
    static const char *const bad[] = {
        "2024-05-01",
        "2024-05-01 12:00:00Z",
        "2024-05-01T12:00Z",
        "2024-05-01T12:00:00",
        "2024-05-01T12:00:00.Z",
        "2024-05-01T12:00:00+24:00",
        "2024-05-01T12:00:00+02:60",
        "2024-05-01T12:00:00+:30",
        "2024-05-01T12:00:00+02:",
        "2024-05-01T12:00:00+0200",
        "2024-05-01T12:00:00+x2:00",
        "2024-05-01T12:00:00+02:x0",
        "2024-05-01T12:00:00+02:000",
        "2024-13-01T12:00:00Z",
        "2024-02-30T12:00:00Z",
        "2024-05-01T25:00:00Z",
        "2024-05/01T12:00:00Z",
        "2024/05-01T12:00:00Z",
    };
    char many[400] = "2024-05-01T12:00:00.";
    int64_t unix_ms = 0;

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        check_case(good[i]);
        CHECK(hints_parse_instant(good[i], &unix_ms));
        CHECK_EQ(unix_ms, 1714564800000);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        check_case(bad[i]);
        CHECK(!hints_parse_instant(bad[i], &unix_ms));
    }
    check_case("so many digits that they are no double");
    memset(many + strlen(many), '9', 350);
    memcpy(many + 370, "Z", 2);
    CHECK(hints_parse_instant(many, &unix_ms));
    CHECK(unix_ms >= 1714564800000);
    CHECK(unix_ms <= 1714564801000);
}

/* A part that cannot be read is not said; what else is there counts. */
static void test_resets_and_counts_that_are_none_are_not_said(void)
{
    static const struct {
        const char *name, *value;
    } cases[] = {
        { "x-ratelimit-reset-requests", "s" },
        { "x-ratelimit-reset-requests", "1s2" },
        { "x-ratelimit-reset-requests", "1111111111222222222233333333334444444444s" },
        { "x-ratelimit-remaining-requests", "-1" },
        { "x-ratelimit-remaining-requests", "many" },
        { "x-ratelimit-remaining-requests", "1.5" },
        { "anthropic-ratelimit-requests-reset", "soon" },
        { "anthropic-organization-id", "1" },
        { "dnt", "1" },
        { "retry", "1" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct quoit_header headers[] = { { cases[i].name, cases[i].value },
                                                { "date", "soon" },
                                                { "x-ratelimit-limit-requests", "5" } };
        struct hints_rate rate;
        check_case(cases[i].name);
        CHECK(hints_rate_read(headers, COUNT_OF(headers), &rate));
        CHECK_EQ(rate.requests.limit, 5);
        CHECK_EQ(rate.requests.remaining, HINTS_NONE);
        CHECK_EQ(rate.requests.reset_ns, HINTS_NONE);
    }
}

static void test_an_instant_without_a_date_to_hold_it_against_is_not_said(void)
{
    const struct quoit_header headers[] = {
        { "anthropic-ratelimit-requests-reset", "2024-05-01T12:00:00Z" },
        { "anthropic-ratelimit-requests-reset", "2024-05-01T13:00:00Z" },
        { "anthropic-ratelimit-requests-limit", "5" },
        { "date", "soon" },
    };
    struct hints_rate rate;

    CHECK(hints_rate_read(headers, COUNT_OF(headers), &rate));
    CHECK_EQ(rate.requests.reset_ns, HINTS_NONE);
    CHECK(hints_rate_read(headers, 3, &rate));
    CHECK_EQ(rate.requests.reset_ns, HINTS_NONE);
}

static void test_an_instant_is_of_the_answers_own_clock(void)
{
    static const char *const instants[] = { "1994-11-06T08:49:47Z", "1700000010", "1700000010000" };

    for (size_t i = 0; i < COUNT_OF(instants); i++) {
        const struct quoit_header headers[] = {
            { "ratelimit-reset", instants[i] },
            { "date", i == 0 ? date : "Tue, 14 Nov 2023 22:13:20 GMT" }, /* 1700000000 */
            { "date", "Thu, 01 Jan 1970 00:00:00 GMT" },
            { "ratelimit-reset", "1" }, /* of a header sent twice the first counts */
        };
        struct hints_rate rate;
        check_case(instants[i]);
        CHECK(hints_rate_read(headers, COUNT_OF(headers), &rate));
        CHECK_EQ(rate.requests.reset_ns, 10 * NS_PER_S);
        CHECK(!hints_rate_read(headers, 1, &rate));
    }
}

static void test_counts_of_the_server_are_understood_or_not_said(void)
{
    static const struct {
        const char *limit, *remaining;
        uint64_t wanted_limit, wanted_remaining;
    } cases[] = {
        { "5000", "4999", 5000, 4999 },
        { "5000", "0", 5000, 0 },
        { "-1", "0", HINTS_NONE, HINTS_NONE }, /* Azure: unknown */
        { "0", "0", HINTS_NONE, HINTS_NONE },
        { "-1", "-1", HINTS_NONE, HINTS_NONE },
        { "0", "7", HINTS_NONE, 7 },
        { "100, 100;w=60", "7", 100, 7 },
        { "100;w=60", "7", 100, 7 },
        { "99999999999999999999", "18446744073709551615", SATURATED, SATURATED },
        { "5k", "", HINTS_NONE, HINTS_NONE },
        { "5.5", "+5", HINTS_NONE, HINTS_NONE },
        { " 5", "0x5", HINTS_NONE, HINTS_NONE },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct quoit_header headers[] = { { "X-RateLimit-Limit", cases[i].limit },
                                                { "X-RateLimit-Remaining", cases[i].remaining } };
        struct hints_rate rate = { .requests = { HINTS_NONE, HINTS_NONE, HINTS_NONE } };
        check_case(cases[i].limit);
        bool said = hints_rate_read(headers, COUNT_OF(headers), &rate);
        CHECK_EQ(said,
                 cases[i].wanted_limit != HINTS_NONE || cases[i].wanted_remaining != HINTS_NONE);
        CHECK_EQ(rate.requests.limit, cases[i].wanted_limit);
        CHECK_EQ(rate.requests.remaining, cases[i].wanted_remaining);
    }
}

/* What each name is read as: requests, tokens, or nothing; by a limit of 7. */
static void test_rate_limits_go_by_many_names(void)
{
    static const struct {
        const char *name;
        bool requests, tokens;
    } cases[] = {
        { "x-ratelimit-limit-requests", true, false },
        { "X-RATELIMIT-LIMIT-TOKENS", false, true },
        { "anthropic-ratelimit-requests-limit", true, false },
        { "Anthropic-RateLimit-Tokens-Limit", false, true },
        { "anthropic-ratelimit-input-tokens-limit", false, true },
        { "anthropic-ratelimit-output-tokens-limit", false, true },
        { "x-ratelimit-limit", true, false },
        { "ratelimit-limit", true, false },
        { "x-ratelimit-limit-tokensx", false, false },
        { "x-ratelimit-limit-", false, false },
        { "x-ratelimit-", false, false },
        { "x-ratelimit-requests-limit", false, false },
        { "anthropic-ratelimit-requests-limits", false, false },
        { "anthropic-ratelimit-requests", false, false },
        { "ratelimit-limit-requests", false, false },
        { "ratelimit-policy", false, false },
        { "ratelimit", false, false },
        { "x-rate", false, false },
        { "", false, false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct quoit_header header = { cases[i].name, "7" };
        struct hints_rate rate = { .requests = { .limit = HINTS_NONE },
                                   .tokens = { .limit = HINTS_NONE } };
        check_case(cases[i].name);
        CHECK_EQ(hints_rate_read(&header, 1, &rate), cases[i].requests || cases[i].tokens);
        CHECK_EQ(rate.requests.limit, cases[i].requests ? 7 : HINTS_NONE);
        CHECK_EQ(rate.tokens.limit, cases[i].tokens ? 7 : HINTS_NONE);
    }
    struct hints_rate rate;
    CHECK(!hints_rate_read(NULL, 0, &rate));
}

static void test_the_narrowest_bucket_of_tokens_counts(void)
{
    const struct quoit_header headers[] = {
        { "anthropic-ratelimit-input-tokens-limit", "1000" },
        { "anthropic-ratelimit-input-tokens-remaining", "900" },
        { "anthropic-ratelimit-output-tokens-limit", "200" },
        { "anthropic-ratelimit-output-tokens-remaining", "100" },
        { "anthropic-ratelimit-tokens-limit", "1200" },
        { "x-ratelimit-limit-tokens", "77" },
        { "x-ratelimit-limit-tokens", "88" },
    };
    static const uint64_t wanted[] = { 1000, 1000, 1000, 200, 1200, 77, 77 };

    for (uint32_t count = 1; count <= COUNT_OF(headers); count++) {
        struct hints_rate rate;
        CHECK(hints_rate_read(headers, count, &rate));
        CHECK_EQ(rate.tokens.limit, wanted[count - 1]);
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
    RUN(test_resets_are_understood_or_not_said);
    RUN(test_an_instant_is_of_the_answers_own_clock);
    RUN(test_counts_of_the_server_are_understood_or_not_said);
    RUN(test_rate_limits_go_by_many_names);
    RUN(test_the_narrowest_bucket_of_tokens_counts);
    RUN(test_an_instant_is_what_rfc_3339_says);
    RUN(test_resets_and_counts_that_are_none_are_not_said);
    RUN(test_an_instant_without_a_date_to_hold_it_against_is_not_said);
    return check_done();
}
