/*
 * number: the same doubles as strtod's and printf's, whatever the locale writes for a point.
 */
#include "base/bits.h"
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

static const struct {
    const char *a, *b, *sum; /* sum NULL: it is not finite */
} sums[] = {
    { "1", "2", "3" },
    { "9007199254740993", "1", "9007199254740994" },
    { "-9223372036854775808", "0", "-9223372036854775808" },
    { "9223372036854775807", "-1", "9223372036854775806" },
    { "9223372036854775807", "1", "9.223372036854776e+18" },
    { "99999999999999999999", "1", "1e+20" },
    { "-0", "0", "0" },
    { "0.5", "0.25", "0.75" },
    { "0.1", "0.2", "0.30000000000000004" },
    { "1e2", "1", "101" },
    { "1e308", "1e308", NULL },
    { "1e999", "1", NULL },
};

static void check_sums(void)
{
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        char out[NUMBER_SIZE] = "untouched";
        struct json_span a = { sums[i].a, strlen(sums[i].a) };
        struct json_span b = { sums[i].b, strlen(sums[i].b) };
        check_case(sums[i].a);
        CHECK_EQ(number_add(a, b, out), sums[i].sum != NULL);
        CHECK_STR(out, sums[i].sum != NULL ? sums[i].sum : "untouched");
    }
}

static void test_integers_are_added_exactly_and_others_as_doubles(void)
{
    check_sums();
}

int main(void)
{
    RUN(test_numbers_are_read_and_written_as_everywhere);
    RUN(test_a_locale_with_a_comma_changes_nothing);
    RUN(test_very_long_numbers_stay_numbers);
    RUN(test_integers_are_added_exactly_and_others_as_doubles);
    return check_done();
}
