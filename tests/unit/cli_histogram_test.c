/*
 * histogram: percentiles within a thousandth of the truth, from one nanosecond to the end of 64
 * bits.
 */
#include "cli/histogram.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static struct histogram histogram;

static void test_an_empty_histogram_is_all_zero(void)
{
    histogram = (struct histogram){ .count = 0 };
    CHECK_EQ(histogram_percentile(&histogram, 0.5), 0);
    CHECK(histogram_deviation(&histogram) == 0);
}

static void test_small_values_are_exact(void)
{
    histogram = (struct histogram){ .count = 0 };
    for (uint64_t value = 1; value <= 100; value++) {
        histogram_add(&histogram, value);
    }
    CHECK_EQ(histogram_percentile(&histogram, 0.5), 50);
    CHECK_EQ(histogram_percentile(&histogram, 0.99), 99);
    CHECK_EQ(histogram_percentile(&histogram, 1), 100);
    CHECK_EQ(histogram_percentile(&histogram, 0), 1);
    CHECK_EQ(histogram.min, 1);
    CHECK_EQ(histogram.max, 100);
    CHECK(histogram.mean > 50.49 && histogram.mean < 50.51);
    CHECK(histogram_deviation(&histogram) > 28.86 && histogram_deviation(&histogram) < 28.87);
}

static void test_every_value_is_told_within_a_thousandth(void)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)(int64_t)delta;
            if (value > UINT64_MAX - 2) {
                continue;
            }
            histogram = (struct histogram){ .count = 0 };
            histogram_add(&histogram, value);
            histogram_add(&histogram, UINT64_MAX); /* so that max does not hide the bucket */
            uint64_t told = histogram_percentile(&histogram, 0.5);
            CHECK(told >= value);
            CHECK(told - value <= value / 1024);
        }
    }
}

int main(void)
{
    RUN(test_an_empty_histogram_is_all_zero);
    RUN(test_small_values_are_exact);
    RUN(test_every_value_is_told_within_a_thousandth);
    return check_done();
}
