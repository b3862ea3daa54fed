/*
 * facts: small files of the kernel, and those that are not as they should be.
 */
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

static void test_a_line_is_given_without_its_end_and_only_the_first(void)
{
    char line[FACTS_LINE_MAX];

    machine_write("/sys/a", "tsc \nhpet\n");
    CHECK(facts_line(&machine, "/sys/a", line));
    CHECK_STR(line, "tsc ");
    machine_write("/sys/a", "no end");
    CHECK(facts_line(&machine, "/sys/a", line));
    CHECK_STR(line, "no end");
}

static void test_what_is_missing_or_empty_is_not_known(void)
{
    char line[FACTS_LINE_MAX] = "before";
    uint64_t number = 7;

    machine_write("/sys/empty", "");
    CHECK(!facts_line(&machine, "/sys/empty", line));
    CHECK_STR(line, "");
    CHECK(!facts_line(&machine, "/sys/none", line));
    CHECK(!facts_number(&machine, "/sys/none", &number));
    CHECK(!facts_field(&machine, "/sys/none", "key", &number));
    CHECK(!facts_count_lines(&machine, "/sys/none", "key", &number));
    CHECK_EQ(number, 7);
    CHECK(facts_exists(&machine, "/sys/empty"));
    CHECK(!facts_exists(&machine, "/sys/none"));
}

static void test_a_number_is_digits_or_max_and_nothing_else(void)
{
    static const struct {
        const char *text;
        bool known;
        uint64_t number;
    } rows[] = {
        { "0\n", true, 0 },        { "4096\n", true, 4096 },
        { " 12 \n", true, 12 },    { "max\n", true, UINT64_MAX },
        { "-1\n", false, 0 },      { "12 13\n", false, 0 },
        { "maximum\n", false, 0 }, { "x\n", false, 0 },
        { "\n", false, 0 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t number = 0;
        check_case(rows[i].text);
        machine_write("/proc/n", rows[i].text);
        CHECK_EQ(facts_number(&machine, "/proc/n", &number), rows[i].known);
        CHECK_EQ(number, rows[i].number);
    }
}

static void test_a_field_is_found_by_its_whole_name(void)
{
    uint64_t number = 0;

    machine_write("/proc/status",
                  "Name:\tquoit\nSeccomp_filters:\t3\nSeccomp:\t2\nnr_throttled 5\n");
    CHECK(facts_field(&machine, "/proc/status", "Seccomp", &number));
    CHECK_EQ(number, 2);
    CHECK(facts_field(&machine, "/proc/status", "nr_throttled", &number));
    CHECK_EQ(number, 5);
    CHECK(!facts_field(&machine, "/proc/status", "Name", &number));
    CHECK(!facts_field(&machine, "/proc/status", "nr", &number));
}

static void test_lines_are_counted_by_their_first_word(void)
{
    uint64_t count = 0;

    machine_write("/etc/resolv.conf",
                  "# nameserver 1\nnameserver 127.0.0.1\nnameserver\t::1\nnameservers x\n");
    CHECK(facts_count_lines(&machine, "/etc/resolv.conf", "nameserver", &count));
    CHECK_EQ(count, 2);
}

int main(void)
{
    machine_reset();
    RUN(test_a_line_is_given_without_its_end_and_only_the_first);
    RUN(test_what_is_missing_or_empty_is_not_known);
    RUN(test_a_number_is_digits_or_max_and_nothing_else);
    RUN(test_a_field_is_found_by_its_whole_name);
    RUN(test_lines_are_counted_by_their_first_word);
    machine_close();
    return check_done();
}
