/*
 * number: the same doubles as strtod's and printf's, whatever the locale writes for a point.
 */
#include "llm/number.h"
#include "tests/unit/check.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

static double read_text(const char *text)
{
    return number_read((struct json_span){ text, strlen(text) });
}

static const char *const numbers[] = {
    "0",
    "-0",
    "0.0",
    "1",
    "-1",
    "12.5",
    "-0.0069292834",
    "0.000012345e2",
    "100000",
    "1e3",
    "1E+3",
    "1e-3",
    "-12.50e-10",
    "3.141592653589793",
    "0.1",
    "1.7976931348623157e308",
    "4.9e-324",
    "123456789012345678901234567890123456789",
    "0.00000000000000000000000000000000000000000000000000001",
};

static void check_numbers(void)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char *wanted = NULL;
        check_case(numbers[i]);
        /* What strtod makes of it in the C locale, as a compiler would. */
        locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        double value = strtod_l(numbers[i], &wanted, c);
        freelocale(c);
        CHECK(*wanted == '\0');
        CHECK(read_text(numbers[i]) == value);
        CHECK(signbit(read_text(numbers[i])) == signbit(value));
    }
}

static void check_appended(double value, const char *wanted)
{
    struct text text;

    text_init(&text, 0);
    check_case(wanted);
    number_append(&text, value);
    CHECK_STR(text.bytes, wanted);
    CHECK(read_text(text.bytes) == value);
    text_free(&text);
}

static void check_appends(void)
{
    check_appended(0, "0");
    check_appended(0.7, "0.7");
    check_appended(1, "1");
    check_appended(-2.5, "-2.5");
    check_appended(1e-7, "1e-07");
    check_appended(1.5e300, "1.5e+300");
    check_appended(0.1 + 0.2, "0.30000000000000004");
    check_appended(1.0 / 3, "0.3333333333333333");
}

static void test_numbers_are_read_and_written_as_everywhere(void)
{
    check_numbers();
    check_appends();
}

static void test_a_locale_with_a_comma_changes_nothing(void)
{
    static const char *const locales[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE" };

    size_t tried = 0;

    for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++) {
        if (setlocale(LC_ALL, locales[i]) != NULL) {
            check_numbers();
            check_appends();
            tried++;
        }
    }
    setlocale(LC_ALL, "C");
    if (tried == 0) {
        printf("no locale with a comma is installed: it was not tried\n");
    }
}

static void test_very_long_numbers_stay_numbers(void)
{
    size_t size = 100000;
    char *digits = malloc(size);

    memset(digits, '9', size);
    CHECK(isinf(number_read((struct json_span){ digits, size })));
    CHECK(number_read((struct json_span){ digits, 300 }) == 1e300);
    memset(digits, '0', size);
    digits[1] = '.';
    CHECK(number_read((struct json_span){ digits, size }) == 0);
    digits[300] = '1';
    CHECK(number_read((struct json_span){ digits, 301 }) == 1e-299);
    CHECK(isinf(read_text("1e99999999999999999999")));
    CHECK(read_text("1e-99999999999999999999") == 0);
    free(digits);
}

int main(void)
{
    RUN(test_numbers_are_read_and_written_as_everywhere);
    RUN(test_a_locale_with_a_comma_changes_nothing);
    RUN(test_very_long_numbers_stay_numbers);
    return check_done();
}
