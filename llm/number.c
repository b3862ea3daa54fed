/*
 * number: what strtod is given has no decimal point: 12.5 is read as 125e-1. Integers are added as
 * such, since those are what is counted.
 */
#include "llm/number.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS_MAX 40      /* more than a double can tell apart */
#define NUMBER_EXPONENT_MAX 99999 /* far beyond any double */

/* Digits without a point, and where the point would be. */
struct number_parts {
    char digits[NUMBER_DIGITS_MAX + 1];
    size_t count;
    long exponent;
};

static void number_take_digit(struct number_parts *parts, char digit, bool behind_point)
{
    bool counts = parts->count > 0 || digit != '0';

    if (counts && parts->count < NUMBER_DIGITS_MAX) {
        parts->digits[parts->count++] = digit;
        parts->exponent -= behind_point;
    } else if (counts || behind_point) {
        parts->exponent += counts ? !behind_point : -1; /* left out, or a zero in front */
    }
}

/* What stands behind the `e`. */
static long number_exponent(const char *at, const char *end)
{
    bool negative = at < end && *at == '-';
    long exponent = 0;

    for (at += at < end && (*at == '-' || *at == '+'); at < end; at++) {
        exponent = exponent * 10 + (*at - '0');
        exponent = exponent > NUMBER_EXPONENT_MAX ? NUMBER_EXPONENT_MAX : exponent;
    }
    return negative ? -exponent : exponent;
}

double number_read(struct json_span number)
{
    const char *at = number.bytes, *end = number.bytes + number.size;
    struct number_parts parts = { .count = 0 };
    char plain[NUMBER_DIGITS_MAX + 32];
    bool behind_point = false;

    assert(number.size > 0);
    for (at += *at == '-'; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            behind_point = true;
        } else {
            number_take_digit(&parts, *at, behind_point);
        }
    }
    if (at < end) {
        parts.exponent += number_exponent(at + 1, end);
    }
    parts.digits[parts.count] = '\0';
    snprintf(plain, sizeof(plain), "%s0%se%ld", number.bytes[0] == '-' ? "-" : "", parts.digits,
             parts.exponent);
    return strtod(plain, NULL);
}

/* The fewest digits that are read as the same value again, with a point whatever the locale. */
static void number_write(double value, char out[NUMBER_SIZE])
{
    char digits[NUMBER_SIZE];

    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*g", precision, value);
        if (strtod(digits, NULL) == value) {
            break;
        }
    }
    size_t before = strspn(digits, "-0123456789");
    size_t point = strcspn(digits + before, "0123456789e");
    snprintf(out, NUMBER_SIZE, "%.*s%s%s", (int)before, digits, point > 0 ? "." : "",
             digits + before + point);
}

void number_append(struct text *text, double value)
{
    char digits[NUMBER_SIZE];

    assert(isfinite(value));
    number_write(value, digits);
    text_append_string(text, digits);
}

/* An integer without fraction or exponent that fits into 64 bits. */
static bool number_read_integer(struct json_span number, int64_t *value_out)
{
    bool negative = number.size > 0 && number.bytes[0] == '-';
    int64_t value = 0;

    for (size_t i = negative; i < number.size; i++) {
        char byte = number.bytes[i];
        if (byte < '0' || byte > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, byte - '0', &value)) {
            return false; /* counted downwards, since there is one more of those */
        }
    }
    if (!negative && __builtin_sub_overflow(0, value, &value)) {
        return false;
    }
    *value_out = value;
    return true;
}

bool number_add(struct json_span a, struct json_span b, char out[NUMBER_SIZE])
{
    int64_t left = 0, right = 0, sum = 0;

    if (number_read_integer(a, &left) && number_read_integer(b, &right) &&
        !__builtin_add_overflow(left, right, &sum)) {
        snprintf(out, NUMBER_SIZE, "%" PRId64, sum);
        return true;
    }
    double total = number_read(a) + number_read(b);
    if (!isfinite(total)) {
        return false;
    }
    number_write(total, out);
    return true;
}
