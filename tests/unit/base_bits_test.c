/*
 * base_bits: arithmetic of instants and lengths at its edges, where never is UINT64_MAX.
 */
#include "base/bits.h"

#include "tests/unit/check.h"

#define NEVER UINT64_MAX

static void test_a_length_of_never_and_a_sum_too_large_are_never(void)
{
    static const struct {
        const char *name;
        uint64_t instant_ns, length_ns, sum_ns;
    } cases[] = {
        { "nothing", 0, 0, 0 },
        { "a usual sum", 7 * NS_PER_S, 500 * NS_PER_MS, 7500 * NS_PER_MS },
        { "no length", 5, 0, 5 },
        { "never from now", 5, NEVER, NEVER },
        { "a while from never", NEVER, 5, NEVER },
        { "never from never", NEVER, NEVER, NEVER },
        { "the last that fits", NEVER - 1, 1, NEVER },
        { "one below the last", NEVER - 2, 1, NEVER - 1 },
        { "one too many", NEVER - 1, 2, NEVER },
        { "half and half", NEVER / 2 + 1, NEVER / 2 + 1, NEVER },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(cases[i].name);
        CHECK(after_ns(cases[i].instant_ns, cases[i].length_ns) == cases[i].sum_ns);
    }
}

static void test_what_has_passed_is_no_time_away(void)
{
    CHECK_EQ(until_ns(10, 3), 7);
    CHECK_EQ(until_ns(10, 10), 0);
    CHECK_EQ(until_ns(10, 11), 0);
    CHECK_EQ(until_ns(0, NEVER), 0);
    CHECK(until_ns(NEVER, 0) == NEVER);
    CHECK(until_ns(NEVER, 1) == NEVER - 1);
}

static void test_the_smaller_and_the_larger_are_compared_without_a_sign(void)
{
    CHECK_EQ(min_u64(1, 2), 1);
    CHECK_EQ(min_u64(2, 1), 1);
    CHECK_EQ(max_u64(1, 2), 2);
    CHECK_EQ(max_u64(2, 1), 2);
    CHECK_EQ(min_u64(0, NEVER), 0);
    CHECK(max_u64(0, NEVER) == NEVER);
    CHECK(max_u64(NEVER / 2, NEVER / 2 + 1) == NEVER / 2 + 1);
}

static void test_a_member_leads_back_to_its_struct(void)
{
    struct box {
        char before[3];
        uint64_t member;
        char after;
    } boxes[2] = { 0 };

    CHECK(CONTAINER_OF(&boxes[1].member, struct box, member) == &boxes[1]);
    CHECK(CONTAINER_OF(&boxes[0].after, struct box, after) == &boxes[0]);
    CHECK(CONTAINER_OF(&boxes[1].before, struct box, before) == &boxes[1]);
}

static void test_units_and_bits_are_what_they_are_called(void)
{
    uint16_t numbers[7] = { 0 };

    CHECK_EQ(NS_PER_S, 1000 * NS_PER_MS);
    CHECK_EQ(NS_PER_MS, 1000 * NS_PER_US);
    CHECK_EQ(NS_PER_US, 1000);
    CHECK_EQ(BIT(0), 1);
    CHECK_EQ(BIT(5), 32);
    CHECK_EQ(BIT(31), 2147483648u);
    CHECK_EQ(COUNT_OF(numbers), 7);
    CHECK_EQ(numbers[0], 0);
}

int main(void)
{
    RUN(test_a_length_of_never_and_a_sum_too_large_are_never);
    RUN(test_what_has_passed_is_no_time_away);
    RUN(test_the_smaller_and_the_larger_are_compared_without_a_sign);
    RUN(test_a_member_leads_back_to_its_struct);
    RUN(test_units_and_bits_are_what_they_are_called);
    return check_done();
}
