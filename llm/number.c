/*
 * number: what strtod is given has no decimal point: 12.5 is read as 125e-1.
 */
#include "llm/number.h"

#include <assert.h>
#include <math.h>
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

void number_append(struct text *text, double value)
{
    char digits[64];

    assert(isfinite(value));
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*g", precision, value);
        if (strtod(digits, NULL) == value) {
            break;
        }
    }
    size_t before = strspn(digits, "-0123456789");
    size_t point = strcspn(digits + before, "0123456789e");

    text_append(text, (struct json_span){ digits, before });
    text_append_string(text, point > 0 ? "." : "");
    text_append_string(text, digits + before + point);
}
