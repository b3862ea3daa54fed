/*
 * spread: percentiles against whole-number arithmetic, on both sides of the millionth value.
 */
#include "bench/draw.h"
#include "bench/spread.h"
#include "tests/unit/check.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define PERMILLES 1000
#define VALUES_MAX 2000

static struct spread *spread_of(const uint64_t *values, size_t count)
{
    struct spread *spread = calloc(1, sizeof(*spread));

    assert(spread != NULL);
    for (size_t i = 0; i < count; i++) {
        spread_add(spread, values[i]);
    }
    return spread;
}

/* `count` values, none like its neighbours. */
static struct spread *spread_counted(uint64_t first, uint64_t count)
{
    struct spread *spread = calloc(1, sizeof(*spread));

    assert(spread != NULL);
    for (uint64_t i = 0; i < count; i++) {
        spread_add(spread, first + i);
    }
    return spread;
}

static void forget(struct spread *spread)
{
    spread_free(spread);
    free(spread);
}

static void check_near(double got, double wanted)
{
    if (fabs(got - wanted) > 1e-9 * fabs(wanted)) {
        CHECK_FAIL("%.17g, wanted %.17g", got, wanted);
    }
}

/* What numpy.percentile says of them. */
static void test_percentiles_are_numpys(void)
{
    static const uint64_t five[] = { 50, 15, 40, 20, 35 };
    static const uint64_t ten[] = { 7, 1, 9, 3, 10, 2, 8, 4, 6, 1000000007 };
    static const struct {
        const uint64_t *values;
        size_t count;
        double fraction, wanted;
    } cases[] = {
        { five, 5, 0, 15 },
        { five, 5, 0.4, 29 },
        { five, 5, 0.5, 35 },
        { five, 5, 0.75, 40 },
        { five, 5, 0.9, 46 },
        { five, 5, 0.99, 49.6 },
        { five, 5, 1, 50 },
        { five, 1, 0.5, 50 },
        { five, 2, 0.9, 46.5 },
        { ten, 10, 0.5, 6.5 },
        { ten, 10, 0.25, 3.25 },
        { ten, 10, 0.9, 100000009.7 },
        { ten, 10, 0.999, 991000007.027 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spread *spread = spread_of(cases[i].values, cases[i].count);
        check_near(spread_percentile(spread, cases[i].fraction), cases[i].wanted);
        forget(spread);
    }
}

static int compare(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

    return a < b ? -1 : a > b;
}

static void test_each_permille_of_any_number_of_values_is_between_its_neighbours(void)
{
    static uint64_t values[VALUES_MAX];
    struct draw draw = { 7 };

    for (size_t count = 1; count <= VALUES_MAX; count = count * 3 + 1) {
        for (size_t i = 0; i < count; i++) {
            values[i] = draw_bits(&draw) >> (20 + draw_bits(&draw) % 30);
        }
        struct spread *spread = spread_of(values, count);
        qsort(values, count, sizeof(values[0]), compare);
        for (uint64_t permille = 0; permille <= PERMILLES; permille++) {
            uint64_t place = (count - 1) * permille;
            uint64_t rest = place % PERMILLES;
            uint64_t low = values[place / PERMILLES];
            uint64_t high = rest == 0 ? low : values[place / PERMILLES + 1];
            long double wanted = (long double)low + (long double)(high - low) * rest / PERMILLES;
            check_near(spread_percentile(spread, (double)permille / PERMILLES), (double)wanted);
        }
        forget(spread);
    }
}

static void test_values_that_come_after_a_look_count_too(void)
{
    struct spread *spread = spread_counted(10, 3); /* 10 11 12 */
    struct spread *other = spread_counted(1, 1);

    check_near(spread_percentile(spread, 0.5), 11);
    spread_add(spread, 2);
    spread_add(spread, 3);
    check_near(spread_percentile(spread, 0.5), 10);
    spread_merge(spread, other);
    check_near(spread_percentile(spread, 0), 1);
    forget(spread);
    forget(other);
}

static void test_of_no_values_all_is_zero(void)
{
    struct spread *spread = spread_counted(0, 0);
    struct spread *other = spread_counted(0, 0);

    spread_merge(spread, other);
    CHECK(spread_percentile(spread, 0.99) == 0);
    CHECK(spread_is_exact(spread));
    forget(spread);
    forget(other);
}

static void test_the_millionth_value_is_exact_and_the_next_is_not(void)
{
    struct spread *spread = spread_counted(5000000, SPREAD_EXACT_MAX);

    CHECK(spread_is_exact(spread));
    check_near(spread_percentile(spread, 0.5), 5499999.5);
    spread_add(spread, 1);
    CHECK(!spread_is_exact(spread));
    CHECK_EQ(spread->histogram.count, SPREAD_EXACT_MAX + 1);
    CHECK(spread_percentile(spread, 0.5) == (double)histogram_percentile(&spread->histogram, 0.5));
    CHECK(spread_percentile(spread, 0) < 5000000); /* the last one counts */
    spread_add(spread, 2);
    CHECK(!spread_is_exact(spread));
    forget(spread);
}

/* Merge so many with so many; is what comes of it exact? */
static void check_merge(uint64_t into_count, uint64_t from_count, bool exact)
{
    struct spread *into = spread_counted(1000000, into_count);
    struct spread *from = spread_counted(1000000 + into_count, from_count);
    struct spread *whole = spread_counted(1000000, into_count + from_count);

    spread_merge(into, from);
    CHECK(spread_is_exact(into) == exact);
    CHECK_EQ(into->histogram.count, into_count + from_count);
    CHECK_EQ(from->histogram.count, from_count);
    CHECK(spread_is_exact(from) == (from_count <= SPREAD_EXACT_MAX));
    check_near(spread_percentile(into, 0.5), spread_percentile(whole, 0.5));
    check_near(spread_percentile(into, 0.999), spread_percentile(whole, 0.999));
    forget(into);
    forget(from);
    forget(whole);
}

static void test_what_is_merged_is_as_if_it_had_been_counted_together(void)
{
    check_merge(0, 10, true);
    check_merge(10, 0, true);
    check_merge(4095, 4097, true);
    check_merge(400000, 600000, true); /* a million */
    check_merge(400000, 600001, false);
    check_merge(0, SPREAD_EXACT_MAX + 1, false);
    check_merge(10, SPREAD_EXACT_MAX + 1, false);
    check_merge(SPREAD_EXACT_MAX + 1, 10, false);
    check_merge(SPREAD_EXACT_MAX + 1, 0, false);
}

/* Many are sorted in another way than few: by digits, of values of every length. */
static void test_many_values_of_every_length_are_in_their_order(void)
{
    enum { COUNT = 20001 };
    static uint64_t values[COUNT];
    struct draw draw = { .state = 7 };

    for (unsigned bits = 1; bits <= 64; bits += 7) {
        for (size_t i = 0; i < COUNT; i++) {
            values[i] = draw_bits(&draw) >> (64 - bits) >> (i % 3 == 0 ? bits / 2 : 0);
        }
        struct spread *spread = spread_of(values, COUNT);
        qsort(values, COUNT, sizeof(values[0]), compare);
        for (size_t i = 0; i < COUNT; i += 97) {
            check_near(spread_percentile(spread, (double)i / (COUNT - 1)), (double)values[i]);
        }
        forget(spread);
    }
}

int main(void)
{
    RUN(test_many_values_of_every_length_are_in_their_order);
    RUN(test_percentiles_are_numpys);
    RUN(test_each_permille_of_any_number_of_values_is_between_its_neighbours);
    RUN(test_values_that_come_after_a_look_count_too);
    RUN(test_of_no_values_all_is_zero);
    RUN(test_the_millionth_value_is_exact_and_the_next_is_not);
    RUN(test_what_is_merged_is_as_if_it_had_been_counted_together);
    return check_done();
}
