/*
 * units: three digits that count, on both sides of every place where the unit or the point moves.
 */
#include "bench/units.h"
#include "tests/unit/check.h"

#include <math.h>

static void test_lengths_of_time_have_three_digits_and_the_unit_that_fits(void)
{
    static const struct {
        double ns;
        const char *text;
    } cases[] = {
        { 0, "0.00ns" },
        { 0.4, "0.40ns" },
        { 1, "1.00ns" },
        { 9.994, "9.99ns" },
        { 9.996, "10.0ns" },
        { 99.94, "99.9ns" },
        { 99.96, "100ns" },
        { 999, "999ns" },
        { 999.4, "999ns" },
        { 999.6, "1.00us" },
        { 1000, "1.00us" },
        { 14200, "14.2us" },
        { 123456, "123us" },
        { 999400, "999us" },
        { 999950, "1.00ms" },
        { 999499, "999us" },
        { 999501, "1.00ms" },
        { 3049000, "3.05ms" },
        { 10e6, "10.0ms" },
        { 999.4e6, "999ms" },
        { 999.95e6, "1.00s" },
        { 1.2e9, "1.20s" },
        { 59.96e9, "60.0s" },
        { 3600e9, "3600s" },
        { 12345.6e9, "12346s" },
        { 1.8446744073709552e19, "18446744074s" },
        { NAN, "-" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[UNITS_SIZE];
        check_case(cases[i].text);
        units_time(out, cases[i].ns);
        CHECK_STR(out, cases[i].text);
    }
}

static void test_numbers_have_three_digits_at_least_and_commas_between_thousands(void)
{
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 1, "1" },
        { 0.12, "0.12" },
        { 0.004, "0.00" },
        { 9.994, "9.99" },
        { 9.996, "10.0" },
        { 12.5, "12.5" },
        { 99.94, "99.9" },
        { 99.96, "100" },
        { 100, "100" },
        { 980, "980" },
        { 980.4, "980" },
        { 999.4, "999" },
        { 999.6, "1,000" },
        { 1000, "1,000" },
        { 12345, "12,345" },
        { 12345.6, "12,346" },
        { 999999.6, "1,000,000" },
        { 100000, "100,000" },
        { 1234567890123, "1,234,567,890,123" },
        { 99999999999999, "99,999,999,999,999" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[UNITS_SIZE];
        check_case(cases[i].text);
        units_number(out, cases[i].number);
        CHECK_STR(out, cases[i].text);
    }
}

int main(void)
{
    RUN(test_lengths_of_time_have_three_digits_and_the_unit_that_fits);
    RUN(test_numbers_have_three_digits_at_least_and_commas_between_thousands);
    return check_done();
}
