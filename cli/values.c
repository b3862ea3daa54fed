/*
 * values: one reader of numbers with units, and the two lists of units.
 */
#include "cli/values.h"

#include <stddef.h>
#include <string.h>

#define NONE UINT64_MAX
#define FRACTION_DIGITS_MAX 9
#define BILLION UINT64_C(1000000000)

struct unit {
    const char *name;
    uint64_t factor;
};

/* A name of NULL ends a list. "0" has no unit, and is a duration all the same. */
static const struct unit duration_units[] = {
    { "us", 1000 },
    { "ms", 1000000 },
    { "s", 1000000000 },
    { "m", UINT64_C(60) * 1000000000 },
    { "h", UINT64_C(3600) * 1000000000 },
    { NULL, 0 },
};

static const struct unit size_units[] = {
    { "", 1 },       { "k", 1000 },      { "m", 1000000 },
    { "KiB", 1024 }, { "MiB", 1 << 20 }, { "GiB", UINT64_C(1) << 30 },
    { NULL, 0 },
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits at *at, which moves behind them. False: there are none, or they are too large. */
static bool read_digits(const char **at, uint64_t *number_out)
{
    const char *digit = *at;
    uint64_t number = 0;

    for (; is_digit(*digit); digit++) {
        uint64_t value = (uint64_t)(*digit - '0');
        if (number > (UINT64_MAX - value) / 10) {
            return false;
        }
        number = number * 10 + value;
    }
    if (digit == *at) {
        return false;
    }
    *at = digit;
    *number_out = number;
    return true;
}

/* The fraction at *at, if there is one, in billionths. */
static bool read_fraction(const char **at, uint64_t *billionths_out)
{
    uint64_t billionths = 0;
    int count = 0;

    *billionths_out = 0;
    if (**at != '.') {
        return true;
    }
    for ((*at)++; is_digit(**at); (*at)++, count++) {
        if (count < FRACTION_DIGITS_MAX) {
            billionths = billionths * 10 + (uint64_t)(**at - '0');
        }
    }
    for (int i = count; i < FRACTION_DIGITS_MAX; i++) {
        billionths *= 10;
    }
    *billionths_out = billionths;
    return count > 0;
}

static bool read_with_unit(const char *text, const struct unit *units, uint64_t *value_out)
{
    uint64_t whole = 0;
    uint64_t billionths = 0;

    if (strcmp(text, "none") == 0) {
        *value_out = NONE;
        return true;
    }
    if (!read_digits(&text, &whole) || !read_fraction(&text, &billionths)) {
        return false;
    }
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (strcmp(text, unit->name) != 0) {
            continue;
        }
        if (whole > (NONE - 1) / unit->factor - 1) {
            return false;
        }
        /* The product with an hour could overflow, but that is a multiple of a billion. */
        uint64_t part = unit->factor % BILLION == 0 ? unit->factor / BILLION * billionths
                                                    : unit->factor * billionths / BILLION;
        *value_out = whole * unit->factor + part;
        return true;
    }
    return false;
}

bool values_duration(const char *text, uint64_t *ns_out)
{
    const uint64_t longest_ns = UINT64_C(3650) * 24 * 3600 * 1000000000;
    uint64_t value = 0;

    if (strcmp(text, "0") == 0) {
        *ns_out = 0;
        return true;
    }
    if (!read_with_unit(text, duration_units, &value) || (value != NONE && value > longest_ns)) {
        return false;
    }
    *ns_out = value;
    return true;
}

bool values_size(const char *text, uint64_t *size_out)
{
    return read_with_unit(text, size_units, size_out);
}

bool values_count(const char *text, uint64_t *count_out)
{
    uint64_t count = 0;

    if (!read_digits(&text, &count) || *text != '\0') {
        return false;
    }
    *count_out = count;
    return true;
}
