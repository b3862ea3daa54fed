/*
 * histogram: percentiles within a thousandth of the truth, from one nanosecond to the end of 64
 * bits.
 */
#include "cli/histogram.h"
#include "tests/unit/check.h"

#include <math.h>
#include <stdlib.h>

static struct histogram histogram, part;

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

static void test_a_rank_is_not_one_too_high_because_doubles_are_not_exact(void)
{
    histogram = (struct histogram){ .count = 0 };
    for (uint64_t value = 1; value <= 100; value++) {
        histogram_add(&histogram, value);
    }
    for (uint64_t rank = 1; rank <= 100; rank++) {
        CHECK_EQ(histogram_percentile(&histogram, (double)rank / 100), rank);
    }
}

static uint64_t state = 1;

/* All magnitudes are as likely. */
static uint64_t value_next(void)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 12) >> (state >> 6 & 31);
}

static void test_merging_is_the_same_as_counting_all_in_one(void)
{
    static struct histogram whole;

    histogram = whole = (struct histogram){ .count = 0 };
    for (unsigned i = 0; i < 5; i++) { /* part 2 is empty */
        part = (struct histogram){ .count = 0 };
        for (unsigned j = 0; i != 2 && j < 1000 * (i + 1); j++) {
            uint64_t value = value_next() + i * UINT64_C(1000000);
            histogram_add(&part, value);
            histogram_add(&whole, value);
        }
        histogram_merge(&histogram, &part);
    }
    CHECK_EQ(whole.count, 12000);
    CHECK_EQ(histogram.count, whole.count);
    CHECK_EQ(histogram.min, whole.min);
    CHECK_EQ(histogram.max, whole.max);
    CHECK_MEM(histogram.buckets, sizeof(histogram.buckets), whole.buckets, sizeof(whole.buckets));
    CHECK(fabs(histogram.mean - whole.mean) < 1e-12 * whole.mean);
    CHECK(fabs(histogram.squares - whole.squares) < 1e-12 * whole.squares);
}

static void test_merging_an_empty_one_changes_nothing(void)
{
    static struct histogram before;

    histogram = part = (struct histogram){ .count = 0 };
    histogram_merge(&histogram, &part);
    CHECK_EQ(histogram.count, 0);
    histogram_add(&histogram, 7);
    before = histogram;
    histogram_merge(&histogram, &part);
    CHECK(memcmp(&histogram, &before, sizeof(before)) == 0);
    histogram_merge(&part, &histogram);
    CHECK(memcmp(&part, &before, sizeof(before)) == 0);
}

static void test_the_walk_meets_each_bucket_once_with_its_bounds(void)
{
    static const struct histogram_bucket wanted[] = {
        { 0, 0, 1 },
        { 2047, 2047, 2 },
        { 2048, 2049, 2 },
        { UINT64_C(1) << 53, (UINT64_C(1) << 53) + (UINT64_C(1) << 43) - 1, 1 },
        { UINT64_MAX - (UINT64_C(1) << 53) + 1, UINT64_MAX, 1 },
    };
    static const uint64_t values[] = { 2047, 0, UINT64_C(1) << 53, 2049, 2048, 2047, UINT64_MAX };
    struct histogram_bucket bucket;
    uint64_t index = 0;

    histogram = (struct histogram){ .count = 0 };
    CHECK(!histogram_next(&histogram, &index, &bucket));
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        histogram_add(&histogram, values[i]);
    }
    index = 0;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        CHECK(histogram_next(&histogram, &index, &bucket));
        CHECK(bucket.from == wanted[i].from);
        CHECK(bucket.to == wanted[i].to);
        CHECK_EQ(bucket.count, wanted[i].count);
    }
    CHECK(!histogram_next(&histogram, &index, &bucket));
    CHECK(!histogram_next(&histogram, &index, &bucket));
}

static void test_the_curve_is_denser_towards_the_end_which_it_reaches(void)
{
    static const double wanted[] = { 0,  10,   20, 30,   40, 50,   55,    60,   65,    70,
                                     75, 77.5, 80, 82.5, 85, 87.5, 88.75, 90.0, 91.25, 92.5 };
    struct histogram_point point = { 0 };
    uint32_t step = 0, points = 0;
    double last = -1;

    histogram = (struct histogram){ .count = 0 };
    CHECK(!histogram_curve(&histogram, &step, &point));
    for (uint64_t value = 1; value <= 1000; value++) {
        histogram_add(&histogram, value);
    }
    for (; histogram_curve(&histogram, &step, &point); points++) {
        if (points < sizeof(wanted) / sizeof(wanted[0])) {
            CHECK(point.percentile == wanted[points]);
        }
        CHECK(point.percentile > last);
        CHECK_EQ(point.value, point.percentile == 0 ? 1 : ceil(point.percentile * 10));
        last = point.percentile;
    }
    CHECK(last == 100);
    CHECK_EQ(points, 51); /* of what is above 99.9, the first is the maximum and the end */
}

static void test_the_curve_of_one_value_has_a_beginning_and_an_end(void)
{
    struct histogram_point point;
    uint32_t step = 0;

    histogram = (struct histogram){ .count = 0 };
    histogram_add(&histogram, 5000);
    CHECK(histogram_curve(&histogram, &step, &point));
    CHECK(point.percentile == 0);
    CHECK_EQ(point.value, 5000);
    CHECK(histogram_curve(&histogram, &step, &point));
    CHECK(point.percentile == 100);
    CHECK_EQ(point.value, 5000);
    CHECK(!histogram_curve(&histogram, &step, &point));
}

int main(void)
{
    RUN(test_an_empty_histogram_is_all_zero);
    RUN(test_small_values_are_exact);
    RUN(test_every_value_is_told_within_a_thousandth);
    RUN(test_a_rank_is_not_one_too_high_because_doubles_are_not_exact);
    RUN(test_merging_is_the_same_as_counting_all_in_one);
    RUN(test_merging_an_empty_one_changes_nothing);
    RUN(test_the_walk_meets_each_bucket_once_with_its_bounds);
    RUN(test_the_curve_is_denser_towards_the_end_which_it_reaches);
    RUN(test_the_curve_of_one_value_has_a_beginning_and_an_end);
    return check_done();
}
