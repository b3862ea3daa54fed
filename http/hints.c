/*
 * hints: see hints.h. Numbers are read as doubles by a reader of our own, since strtod obeys the
 * locale and takes nan, inf and hexadecimal.
 */
#include "http/hints.h"

#include "base/bits.h"
#include "http/response.h"

#include <string.h>
#include <strings.h>

#define HINTS_EXPONENT_MAX 400 /* beyond it a double is 0 or infinite */
#define HINTS_DATE_MAX 40      /* bytes; the longest form has 33 */

static bool hints_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits at *text, which moves behind them. False: there are none. */
static bool hints_read_digits(const char **text, double *value, double *scale)
{
    const char *start = *text;

    for (; hints_is_digit(**text); ++*text) {
        *value = *value * 10 + (**text - '0');
        *scale *= 10;
    }
    return *text != start;
}

static bool hints_read_exponent(const char **text, int *exponent_out)
{
    bool negative = **text == '-';
    int exponent = 0;

    *text += **text == '-' || **text == '+';
    if (!hints_is_digit(**text)) {
        return false;
    }
    for (; hints_is_digit(**text); ++*text) {
        exponent = exponent > HINTS_EXPONENT_MAX ? exponent : exponent * 10 + (**text - '0');
    }
    *exponent_out = negative ? -exponent : exponent;
    return true;
}

bool hints_parse_number(const char *text, double *value_out)
{
    bool negative = *text == '-';
    double value = 0, scale = 1;
    int exponent = 0;

    text += *text == '-' || *text == '+';
    bool has_digits = hints_read_digits(&text, &value, &scale);
    scale = 1;
    if (*text == '.') {
        text++;
        has_digits = hints_read_digits(&text, &value, &scale) || has_digits;
    }
    if (!has_digits) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        if (!hints_read_exponent(&text, &exponent)) {
            return false;
        }
    }
    if (*text != '\0') {
        return false;
    }
    value /= scale;
    for (; exponent > 0; exponent--) {
        value *= 10;
    }
    for (; exponent < 0; exponent++) {
        value /= 10;
    }
    *value_out = negative ? -value : value;
    return true;
}

/* A length of time in `unit_ns`; HINTS_NONE where it is not above 0. */
static uint64_t hints_wait(double value, uint64_t unit_ns)
{
    double wait_ns = value * (double)unit_ns;

    if (!(wait_ns >= 1)) { /* also where it is no number: 0 times infinity */
        return HINTS_NONE;
    }
    if (wait_ns >= 18e18) { /* a little below 2^64 */
        return HINTS_NONE - 1;
    }
    return (uint64_t)wait_ns;
}

uint64_t hints_retry_wait_ns(const struct quoit_header *headers, uint32_t count,
                             uint64_t now_unix_ms)
{
    const char *text = header_find(headers, count, "retry-after-ms");
    double value;
    int64_t unix_s;

    if (text != NULL && hints_parse_number(text, &value)) {
        return hints_wait(value, NS_PER_MS);
    }
    text = header_find(headers, count, "retry-after");
    if (text == NULL) {
        return HINTS_NONE;
    }
    if (hints_parse_number(text, &value)) {
        return hints_wait(value, NS_PER_S);
    }
    if (!hints_parse_date(text, strlen(text), &unix_s)) {
        return HINTS_NONE;
    }
    return hints_wait((double)unix_s * 1000 - (double)now_unix_ms, NS_PER_MS);
}

int hints_should_retry(const struct quoit_header *headers, uint32_t count)
{
    const char *text = header_find(headers, count, "x-should-retry");

    if (text == NULL) {
        return -1;
    }
    if (strcasecmp(text, "true") == 0) {
        return 1;
    }
    return strcasecmp(text, "false") == 0 ? 0 : -1;
}

/* One of "timeout=5, max=100"; `rest` is behind the name. False: not this one, or no number. */
static bool hints_read_parameter(const char *text, const char *name, uint64_t *value_out)
{
    size_t size = strlen(name);
    uint64_t value = 0;

    if (strncasecmp(text, name, size) != 0) {
        return false;
    }
    text += size;
    text += strspn(text, " \t");
    if (*text != '=') {
        return false;
    }
    text++;
    text += strspn(text, " \t");
    if (!hints_is_digit(*text)) {
        return false;
    }
    for (; hints_is_digit(*text); text++) {
        value = value > (HINTS_NONE - 1 - 9) / 10 ? HINTS_NONE - 1
                                                  : value * 10 + (uint64_t)(*text - '0');
    }
    text += strspn(text, " \t");
    if (*text != '\0' && *text != ',') {
        return false;
    }
    *value_out = value;
    return true;
}

static void hints_read_keep_alive(const char *text, struct hints_keep_alive *hints)
{
    uint64_t value;

    while (*text != '\0') {
        text += strspn(text, ", \t");
        if (hints->timeout_ns == HINTS_NONE && hints_read_parameter(text, "timeout", &value)) {
            hints->timeout_ns = min_u64(value, (HINTS_NONE - 1) / NS_PER_S) * NS_PER_S;
        } else if (hints->max == HINTS_NONE && hints_read_parameter(text, "max", &value)) {
            hints->max = value;
        }
        text += strcspn(text, ",");
    }
}

struct hints_keep_alive hints_keep_alive(const struct quoit_header *headers, uint32_t count)
{
    struct hints_keep_alive hints = { .timeout_ns = HINTS_NONE, .max = HINTS_NONE };

    for (uint32_t i = 0; i < count; i++) {
        if ((headers[i].name[0] | 0x20) == 'k' && strcasecmp(headers[i].name, "keep-alive") == 0) {
            hints_read_keep_alive(headers[i].value, &hints);
        }
    }
    return hints;
}

struct hints_date {
    int32_t year, month, day, hour, minute, second; /* month from 0, day from 1 */
};

/* One of `count` words at *text, which moves behind it; -1: none of them. */
static int32_t hints_read_word(const char **text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(words[i]);
        if (strncmp(*text, words[i], size) == 0) {
            *text += size;
            return (int32_t)i;
        }
    }
    return -1;
}

static int32_t hints_read_month(const char **text)
{
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

    return hints_read_word(text, months, COUNT_OF(months));
}

/* Exactly `digits` digits; -1: they are not there. */
static int32_t hints_read_fixed(const char **text, int digits)
{
    int32_t value = 0;

    for (int i = 0; i < digits; i++, ++*text) {
        if (!hints_is_digit(**text)) {
            return -1;
        }
        value = value * 10 + (**text - '0');
    }
    return value;
}

static bool hints_skip(const char **text, const char *wanted)
{
    size_t size = strlen(wanted);

    if (strncmp(*text, wanted, size) != 0) {
        return false;
    }
    *text += size;
    return true;
}

static bool hints_read_time(const char **text, struct hints_date *date)
{
    date->hour = hints_read_fixed(text, 2);
    if (!hints_skip(text, ":")) {
        return false;
    }
    date->minute = hints_read_fixed(text, 2);
    if (!hints_skip(text, ":")) {
        return false;
    }
    date->second = hints_read_fixed(text, 2);
    return true;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool hints_read_imf(const char *text, struct hints_date *date)
{
    static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

    if (hints_read_word(&text, days, COUNT_OF(days)) < 0 || !hints_skip(&text, ", ")) {
        return false;
    }
    date->day = hints_read_fixed(&text, 2);
    if (!hints_skip(&text, " ")) {
        return false;
    }
    date->month = hints_read_month(&text);
    if (!hints_skip(&text, " ")) {
        return false;
    }
    date->year = hints_read_fixed(&text, 4);
    return hints_skip(&text, " ") && hints_read_time(&text, date) && hints_skip(&text, " GMT") &&
           *text == '\0';
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool hints_read_rfc850(const char *text, struct hints_date *date)
{
    static const char *const days[] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday" };

    if (hints_read_word(&text, days, COUNT_OF(days)) < 0 || !hints_skip(&text, ", ")) {
        return false;
    }
    date->day = hints_read_fixed(&text, 2);
    if (!hints_skip(&text, "-")) {
        return false;
    }
    date->month = hints_read_month(&text);
    if (!hints_skip(&text, "-")) {
        return false;
    }
    date->year = hints_read_fixed(&text, 2);
    if (date->year >= 0) { /* as POSIX reads two digits */
        date->year += date->year < 70 ? 2000 : 1900;
    }
    return hints_skip(&text, " ") && hints_read_time(&text, date) && hints_skip(&text, " GMT") &&
           *text == '\0';
}

/* "Sun Nov  6 08:49:37 1994" */
static bool hints_read_asctime(const char *text, struct hints_date *date)
{
    static const char *const days[] = { "Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ", "Sun " };

    if (hints_read_word(&text, days, COUNT_OF(days)) < 0) {
        return false;
    }
    date->month = hints_read_month(&text);
    if (!hints_skip(&text, " ")) {
        return false;
    }
    date->day = hints_read_fixed(&text, hints_skip(&text, " ") ? 1 : 2);
    if (!hints_skip(&text, " ") || !hints_read_time(&text, date) || !hints_skip(&text, " ")) {
        return false;
    }
    date->year = hints_read_fixed(&text, 4);
    return *text == '\0';
}

static bool hints_year_is_leap(int32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool hints_date_exists(const struct hints_date *date)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    if (date->year < 1 || date->month < 0) { /* there was no year 0 */
        return false;
    }
    int32_t days_max = days[date->month] + (date->month == 1 && hints_year_is_leap(date->year));
    return date->day >= 1 && date->day <= days_max && date->hour >= 0 && date->hour < 24 &&
           date->minute >= 0 && date->minute < 60 && date->second >= 0 &&
           date->second <= 60; /* RFC 9110 5.6.7 knows leap seconds */
}

/* Days from 1970-01-01. A year that begins in March has its leap day at its end. */
static int64_t hints_days(const struct hints_date *date)
{
    static const uint16_t before[] = { 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275 };
    int64_t year = date->year - (date->month < 2);

    return year * 365 + year / 4 - year / 100 + year / 400 + before[date->month] + date->day - 1 -
           719468;
}

static int64_t hints_unix_s(const struct hints_date *date)
{
    return hints_days(date) * 86400 + date->hour * 3600 + date->minute * 60 + (int64_t)date->second;
}

bool hints_parse_date(const char *text, size_t size, int64_t *unix_s_out)
{
    char copy[HINTS_DATE_MAX + 1];
    struct hints_date date;

    if (size > HINTS_DATE_MAX) {
        return false;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (strlen(copy) != size || (!hints_read_imf(copy, &date) && !hints_read_rfc850(copy, &date) &&
                                 !hints_read_asctime(copy, &date))) {
        return false;
    }
    if (!hints_date_exists(&date)) {
        return false;
    }
    *unix_s_out = hints_unix_s(&date);
    return true;
}

/* "Z", or "+01:00": how far the clock is ahead of UTC. False: neither, or not at the end. */
static bool hints_read_zone(const char *text, int64_t *ahead_s_out)
{
    bool behind = *text == '-';

    if (*text == 'Z' || *text == 'z') {
        *ahead_s_out = 0;
        return text[1] == '\0';
    }
    if (*text != '+' && *text != '-') {
        return false;
    }
    text++;
    int32_t hours = hints_read_fixed(&text, 2);
    if (!hints_skip(&text, ":")) {
        return false;
    }
    int32_t minutes = hints_read_fixed(&text, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || *text != '\0') {
        return false;
    }
    *ahead_s_out = (behind ? -60 : 60) * ((int64_t)hours * 60 + minutes);
    return true;
}

bool hints_parse_instant(const char *text, int64_t *unix_ms_out)
{
    struct hints_date date;
    double fraction = 0, scale = 1;
    int64_t ahead_s;

    date.year = hints_read_fixed(&text, 4);
    if (!hints_skip(&text, "-")) {
        return false;
    }
    date.month = hints_read_fixed(&text, 2) - 1;
    if (!hints_skip(&text, "-")) {
        return false;
    }
    date.day = hints_read_fixed(&text, 2);
    if ((!hints_skip(&text, "T") && !hints_skip(&text, "t")) || !hints_read_time(&text, &date)) {
        return false;
    }
    if (hints_skip(&text, ".") && !hints_read_digits(&text, &fraction, &scale)) {
        return false;
    }
    if (date.month > 11 || !hints_date_exists(&date) || !hints_read_zone(text, &ahead_s)) {
        return false;
    }
    int64_t part_ms = fraction < scale ? (int64_t)(fraction / scale * 1000) : 0; /* no infinities */
    *unix_ms_out = (hints_unix_s(&date) - ahead_s) * 1000 + part_ms;
    return true;
}
