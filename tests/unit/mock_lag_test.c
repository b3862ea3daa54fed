/* Tests of mock/lag.h. */
#include "mock/lag.h"
#include "tests/unit/check.h"

static void test_a_percentile_is_never_below_the_truth_and_at_most_a_32nd_above(void)
{
    static struct lag lag;

    for (uint64_t ns = 1; ns <= 100000; ns++) {
        lag_add(&lag, ns);
    }
    for (uint64_t percent = 1; percent <= 100; percent++) {
        uint64_t truth = percent * 1000;
        uint64_t told = lag_percentile_ns(&lag, (double)percent / 100);
        CHECK(told >= truth);
        CHECK(told <= truth + truth / 32);
    }
    CHECK_EQ(lag_percentile_ns(&lag, 1), 100000);
    CHECK_EQ(lag_mean_ns(&lag), 50000); /* and a half */
    CHECK_EQ(lag.count, 100000);
}

static void test_late_is_what_is_more_than_200_us_behind_its_time(void)
{
    static struct lag lag;

    lag_add(&lag, 0);
    lag_add(&lag, 200000);
    CHECK_EQ(lag.late, 0);
    lag_add(&lag, 200001);
    CHECK_EQ(lag.late, 1);
    CHECK_EQ(lag.max_ns, 200001);
}

static void test_the_smallest_and_the_largest_values_have_their_buckets(void)
{
    static const uint64_t values[] = { 0, 1, 31, 32, 63, 64, 65, 1ull << 40, UINT64_MAX };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        static struct lag lag;
        lag = (struct lag){ 0 };
        lag_add(&lag, values[i]);
        CHECK(lag_percentile_ns(&lag, 0.5) == values[i]);
    }
}

static void test_of_nothing_all_is_zero(void)
{
    static const struct lag lag;

    CHECK_EQ(lag_percentile_ns(&lag, 0.99), 0);
    CHECK_EQ(lag_mean_ns(&lag), 0);
}

int main(void)
{
    RUN(test_a_percentile_is_never_below_the_truth_and_at_most_a_32nd_above);
    RUN(test_late_is_what_is_more_than_200_us_behind_its_time);
    RUN(test_the_smallest_and_the_largest_values_have_their_buckets);
    RUN(test_of_nothing_all_is_zero);
    return check_done();
}
