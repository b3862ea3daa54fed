/*
 * hints: any text as a Retry-After, a date or a Keep-Alive. What is told is never 0 or above the
 * bound, and it is what a slow and obvious reading gives.
 *
 *     input: now (4), then texts that end with LF each: retry-after-ms, retry-after, keep-alive,
 *            date, and names and values of rate-limit headers in turn
 *
 * `now` is seconds from 1970, as the dates mostly are.
 */
#include "http/hints.h"
#include "base/bits.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <strings.h>
#include <time.h>

#define TEXTS 4

/* --- Dates --- */

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_of_month(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month] + (month == 1 && is_leap(year));
}

/* Year by year, month by month. */
static int64_t unix_s_of(const struct tm *tm)
{
    int64_t year = tm->tm_year + 1900, days = 0;

    for (int64_t y = 1970; y < year; y++) {
        days += 365 + is_leap(y);
    }
    for (int64_t y = year; y < 1970; y++) {
        days -= 365 + is_leap(y);
    }
    for (int month = 0; month < tm->tm_mon; month++) {
        days += days_of_month(year, month);
    }
    return ((days + tm->tm_mday - 1) * 24 + tm->tm_hour) * 3600 + tm->tm_min * 60 + tm->tm_sec;
}

/* The forms of RFC 9110 5.6.7 without the day of the week, which says nothing; and of one, twice.
 */
#define FORMS 4
#define FORM_SIZE 64

static void write_date(const struct tm *tm, char written[FORMS][FORM_SIZE])
{
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    const char *month = months[tm->tm_mon];
    int day = tm->tm_mday, year = tm->tm_year + 1900;
    char hour[16];

    strftime(hour, sizeof(hour), "%H:%M:%S", tm);
    snprintf(written[0], FORM_SIZE, "%02d %s %04d %s GMT", day, month, year, hour);
    snprintf(written[1], FORM_SIZE, "%02d-%s-%02d %s GMT", day, month, year % 100, hour);
    snprintf(written[2], FORM_SIZE, "%s %2d %s %04d", month, day, hour, year);
    snprintf(written[3], FORM_SIZE, "%s %02d %s %04d", month, day, hour, year);
}

/* What was read is what stands there: the instant, written anew, is the same text. */
static void check_date(const char *text)
{
    char *exact = fuzz_copy(text, strlen(text));
    int64_t unix_s = INT64_MIN;
    char written[FORMS][FORM_SIZE];
    struct tm tm;

    bool is_date = hints_parse_date(exact, strlen(text), &unix_s);
    free(exact);
    if (!is_date) {
        FUZZ_HOLDS(unix_s == INT64_MIN);
        return;
    }
    time_t seconds = (time_t)unix_s;
    FUZZ_HOLDS(gmtime_r(&seconds, &tm) != NULL);
    FUZZ_HOLDS(unix_s_of(&tm) == unix_s);
    if (strstr(text, ":60") != NULL || tm.tm_year + 1900 < 0) {
        return; /* a leap second is the next minute's first */
    }
    const char *rest = strchr(text, ' ') + 1;
    bool same = false;
    write_date(&tm, written);
    for (size_t i = 0; i < FORMS; i++) {
        same = same || strcmp(rest, written[i]) == 0;
    }
    FUZZ_HOLDS(same);
    FUZZ_HOLDS(strcmp(rest, written[1]) != 0 || (tm.tm_year >= 70 && tm.tm_year < 170));
}

/* --- Waits --- */

/* Sign, digits, a point, digits, an exponent; then strtod may read it, in the C locale. */
static bool read_number(const char *text, double *value_out)
{
    size_t sign = strspn(text, "+-") > 0 ? 1 : 0;
    const char *digits = text + sign;
    size_t whole = strspn(digits, "0123456789");
    const char *rest = digits + whole;
    size_t fraction = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;

    rest += *rest == '.' ? 1 + fraction : 0;
    if (whole + fraction == 0) {
        return false;
    }
    if (*rest == 'e' || *rest == 'E') {
        rest++;
        rest += *rest == '+' || *rest == '-';
        size_t exponent = strspn(rest, "0123456789");
        if (exponent == 0) {
            return false;
        }
        rest += exponent;
    }
    if (*rest != '\0') {
        return false;
    }
    *value_out = strtod(text, NULL);
    return true;
}

/* Nearly the same: the last bits of a product of powers of ten differ. */
static void check_wait(uint64_t got_ns, double wanted_ns)
{
    if (got_ns == HINTS_NONE) {
        FUZZ_HOLDS(isnan(wanted_ns) || wanted_ns < 1 + 1e-9);
        return;
    }
    FUZZ_HOLDS(got_ns > 0);
    if (wanted_ns < 17.9e18) {
        FUZZ_HOLDS(fabs((double)got_ns - wanted_ns) <= 1 + wanted_ns * 1e-9);
    } else {
        FUZZ_HOLDS((double)got_ns >= 17.8e18);
    }
}

/* A number of so many digits, or so far from 1, that powers of ten overflow on the way to it. */
static bool is_extreme(const char *text)
{
    const char *exponent = strpbrk(text, "eE");

    return strlen(text) > 200 || (exponent != NULL && labs(strtol(exponent + 1, NULL, 10)) > 100);
}

static void check_retry(const char *text_ms, const char *text_s, uint64_t now_ms)
{
    const struct quoit_header headers[] = { { "retry-after-ms", text_ms },
                                            { "Retry-After", text_s } };
    double value = 0;
    int64_t unix_s = 0;

    uint64_t wait_ms_ns = hints_retry_wait_ns(headers, 1, now_ms);
    uint64_t wait_s_ns = hints_retry_wait_ns(headers + 1, 1, now_ms);
    uint64_t both_ns = hints_retry_wait_ns(headers, 2, now_ms);
    FUZZ_HOLDS(wait_ms_ns != 0 && wait_s_ns != 0);
    FUZZ_HOLDS(both_ns == (read_number(text_ms, &value) ? wait_ms_ns : wait_s_ns));
    if (!read_number(text_ms, &value)) {
        FUZZ_HOLDS(wait_ms_ns == HINTS_NONE);
    } else if (!is_extreme(text_ms)) {
        check_wait(wait_ms_ns, value * 1e6);
    }
    if (read_number(text_s, &value)) {
        if (!is_extreme(text_s)) {
            check_wait(wait_s_ns, value * 1e9);
        }
    } else if (hints_parse_date(text_s, strlen(text_s), &unix_s)) {
        check_wait(wait_s_ns, ((double)unix_s * 1000 - (double)now_ms) * 1e6);
    } else {
        FUZZ_HOLDS(wait_s_ns == HINTS_NONE);
    }
}

/* --- Keep-Alive --- */

static void check_keep_alive(const char *text)
{
    const struct quoit_header header = { "Keep-Alive", text };
    struct hints_keep_alive hints = hints_keep_alive(&header, 1);

    FUZZ_HOLDS(hints.timeout_ns == HINTS_NONE || hints.timeout_ns % NS_PER_S == 0);
    if (hints.timeout_ns != HINTS_NONE || hints.max != HINTS_NONE) {
        char again[128];
        bool has_timeout = hints.timeout_ns != HINTS_NONE, has_max = hints.max != HINTS_NONE;
        snprintf(again, sizeof(again), "x,%s%.0llu%s%.0llu", has_timeout ? "timeout=0" : "",
                 has_timeout ? (unsigned long long)(hints.timeout_ns / NS_PER_S) : 0,
                 has_max ? " , max=0" : "", has_max ? (unsigned long long)hints.max : 0);
        const struct quoit_header same = { "keep-alive", again };
        struct hints_keep_alive read = hints_keep_alive(&same, 1);
        FUZZ_HOLDS(read.timeout_ns == hints.timeout_ns && read.max == hints.max);
    }
}

/* --- Rate limits --- */

#define RATE_HEADERS 8

/* Digits alone are that number; what is no number of ours is not said. */
static void check_count(const char *text)
{
    const struct quoit_header header = { "x-ratelimit-remaining", text };
    struct hints_rate rate;
    size_t digits = strspn(text, "0123456789");

    if (!hints_rate_read(&header, 1, &rate)) {
        FUZZ_HOLDS(digits == 0 || strchr(",;", text[digits]) == NULL);
        return;
    }
    FUZZ_HOLDS(digits > 0);
    if (digits < 19) {
        FUZZ_HOLDS(rate.requests.remaining == strtoull(text, NULL, 10));
    } else {
        FUZZ_HOLDS(rate.requests.remaining != HINTS_NONE);
    }
}

static void check_bucket(const struct hints_bucket *bucket)
{
    FUZZ_HOLDS(bucket->limit != 0);
}

/* A duration, told anew in nanoseconds, is the same one. */
static void check_duration(const char *text)
{
    char again[32];
    uint64_t ns = 0, same = 0;

    if (!hints_parse_duration(text, &ns)) {
        FUZZ_HOLDS(ns == 0);
        return;
    }
    FUZZ_HOLDS(ns != HINTS_NONE);
    snprintf(again, sizeof(again), "%lluns", (unsigned long long)ns);
    FUZZ_HOLDS(hints_parse_duration(again, &same));
    FUZZ_HOLDS(fabs((double)same - (double)ns) <= 1 + (double)ns * 1e-9);
}

/* An instant, as seconds from 1970 and written by strftime, is the same text up to its seconds. */
static void check_instant(const char *text)
{
    int64_t unix_ms = INT64_MIN;
    char written[FORM_SIZE];
    struct tm tm;

    if (!hints_parse_instant(text, &unix_ms)) {
        FUZZ_HOLDS(unix_ms == INT64_MIN);
        return;
    }
    time_t seconds = (time_t)((unix_ms - ((unix_ms % 1000) + 1000) % 1000) / 1000);
    if (strpbrk(text + 19, "+-") != NULL || strncmp(text + 17, "60", 2) == 0) {
        return; /* another zone, or a leap second */
    }
    FUZZ_HOLDS(gmtime_r(&seconds, &tm) != NULL);
    FUZZ_HOLDS(unix_s_of(&tm) == seconds);
    strftime(written, sizeof(written), "%H:%M:%S", &tm);
    FUZZ_HOLDS(strncmp(text + 11, written, 8) == 0);
}

static void check_rate(struct fuzz_input *input, const char *date)
{
    struct quoit_header headers[RATE_HEADERS + 1];
    char *texts[2 * RATE_HEADERS];
    struct hints_rate rate;

    for (size_t i = 0; i < RATE_HEADERS; i++) {
        texts[2 * i] = fuzz_text(input);
        texts[2 * i + 1] = fuzz_text(input);
        headers[i] = (struct quoit_header){ texts[2 * i], texts[2 * i + 1] };
        check_count(texts[2 * i + 1]);
        check_duration(texts[2 * i + 1]);
        check_instant(texts[2 * i + 1]);
    }
    headers[RATE_HEADERS] = (struct quoit_header){ "Date", date };
    if (hints_rate_read(headers, RATE_HEADERS + 1, &rate)) {
        check_bucket(&rate.requests);
        check_bucket(&rate.tokens);
    }
    for (size_t i = 0; i < 2 * RATE_HEADERS; i++) {
        free(texts[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = { bytes, size };
    uint64_t now_s = (uint64_t)fuzz_pair(&input) << 16;
    char *texts[TEXTS];

    now_s |= fuzz_pair(&input);
    for (uint32_t i = 0; i < TEXTS; i++) {
        texts[i] = fuzz_text(&input);
    }
    check_retry(texts[0], texts[1], now_s * 1000);
    check_keep_alive(texts[2]);
    check_date(texts[3]);
    const struct quoit_header should = { "X-Should-Retry", texts[3] };
    int told = hints_should_retry(&should, 1);
    FUZZ_HOLDS(told == (strcasecmp(texts[3], "true") == 0    ? 1
                        : strcasecmp(texts[3], "false") == 0 ? 0
                                                             : -1));
    check_rate(&input, texts[3]);
    for (uint32_t i = 0; i < TEXTS; i++) {
        free(texts[i]);
    }
    return 0;
}
