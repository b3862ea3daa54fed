/*
 * values: every unit, every way to be wrong, and the edges of 64 bits.
 */
#include "cli/values.h"
#include "tests/unit/check.h"

#include <stddef.h>
#include <stdint.h>

#define REFUSED (UINT64_MAX - 1)

struct value_case {
    const char *text;
    uint64_t value; /* or REFUSED */
};

static void check_values(const struct value_case *cases, size_t count,
                         bool (*read)(const char *, uint64_t *))
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = REFUSED;
        check_case(cases[i].text);
        CHECK_EQ(read(cases[i].text, &value), cases[i].value != REFUSED);
        CHECK_EQ(value, cases[i].value);
    }
}

static void test_durations_have_a_unit_and_become_nanoseconds(void)
{
    static const struct value_case cases[] = {
        { "5us", 5000 },
        { "1ms", 1000000 },
        { "1.5s", 1500000000 },
        { "2m", UINT64_C(120000000000) },
        { "1h", UINT64_C(3600000000000) },
        { "0.25h", UINT64_C(900000000000) },
        { "0.0000001s", 100 },
        { "1.9999999999s", 1999999999 },
        { "0", 0 },
        { "0s", 0 },
        { "none", UINT64_MAX },
        { "5", REFUSED },
        { "", REFUSED },
        { "s", REFUSED },
        { ".5s", REFUSED },
        { "1.s", REFUSED },
        { "-1s", REFUSED },
        { " 1s", REFUSED },
        { "1 s", REFUSED },
        { "1s ", REFUSED },
        { "1S", REFUSED },
        { "1d", REFUSED },
        { "None", REFUSED },
        { "1e3s", REFUSED },
        { "87600h", UINT64_C(315360000000000000) },
        { "87601h", REFUSED },
        { "18446744073709551616s", REFUSED },
        { "18446744073709551615us", REFUSED },
    };

    check_values(cases, sizeof(cases) / sizeof(cases[0]), values_duration);
}

static void test_sizes_know_both_kinds_of_units(void)
{
    static const struct value_case cases[] = {
        { "512", 512 },         { "1k", 1000 },        { "1m", 1000000 },
        { "1KiB", 1024 },       { "64MiB", 67108864 }, { "1.5GiB", 1610612736 },
        { "none", UINT64_MAX }, { "1K", REFUSED },     { "1kib", REFUSED },
        { "KiB", REFUSED },     { "-1", REFUSED },     { "99999999999GiB", REFUSED },
    };

    check_values(cases, sizeof(cases) / sizeof(cases[0]), values_size);
}

static void test_counts_are_digits_only(void)
{
    static const struct value_case cases[] = {
        { "0", 0 },         { "64", 64 },       { "18446744073709551613", UINT64_MAX - 2 },
        { "", REFUSED },    { "+1", REFUSED },  { "1.0", REFUSED },
        { "0x3", REFUSED }, { "64 ", REFUSED }, { "18446744073709551616", REFUSED },
    };

    check_values(cases, sizeof(cases) / sizeof(cases[0]), values_count);
}

int main(void)
{
    RUN(test_durations_have_a_unit_and_become_nanoseconds);
    RUN(test_sizes_know_both_kinds_of_units);
    RUN(test_counts_are_digits_only);
    return check_done();
}
