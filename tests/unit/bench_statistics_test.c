/*
 * statistics: against published tables and examples.
 */
#include "bench/statistics.h"

#include "tests/unit/check.h"

#include <math.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define CHECK_NEAR(got, wanted, off)                                                               \
    do {                                                                                           \
        double near_got = (got), near_wanted = (wanted);                                           \
        if (!(fabs(near_got - near_wanted) <= (off))) {                                            \
            CHECK_FAIL("%s is %.9g, wanted %.9g", #got, near_got, near_wanted);                    \
        }                                                                                          \
    } while (0)

static struct statistics statistics_of(const double *values, size_t count)
{
    struct statistics statistics = { .count = 0 };

    for (size_t i = 0; i < count; i++) {
        statistics_add(&statistics, values[i]);
    }
    return statistics;
}

static double uniform(void)
{
    static unsigned long long state = 1;

    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(state >> 11) / 9007199254740992.0 - 0.5;
}

/* The rows of any printed table of Student's distribution. */
static void test_quantiles_are_those_of_the_printed_tables(void)
{
    static const struct {
        double degrees, t_90, t_95, t_975, t_995;
    } rows[] = {
        { 1, 3.078, 6.314, 12.706, 63.657 }, { 2, 1.886, 2.920, 4.303, 9.925 },
        { 3, 1.638, 2.353, 3.182, 5.841 },   { 4, 1.533, 2.132, 2.776, 4.604 },
        { 5, 1.476, 2.015, 2.571, 4.032 },   { 10, 1.372, 1.812, 2.228, 3.169 },
        { 20, 1.325, 1.725, 2.086, 2.845 },  { 30, 1.310, 1.697, 2.042, 2.750 },
        { 60, 1.296, 1.671, 2.000, 2.660 },  { 120, 1.289, 1.658, 1.980, 2.617 },
        { 1e6, 1.282, 1.645, 1.960, 2.576 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_NEAR(statistics_t_quantile(0.9, rows[i].degrees), rows[i].t_90, 0.0005);
        CHECK_NEAR(statistics_t_quantile(0.95, rows[i].degrees), rows[i].t_95, 0.0005);
        CHECK_NEAR(statistics_t_quantile(0.975, rows[i].degrees), rows[i].t_975, 0.0005);
        CHECK_NEAR(statistics_t_quantile(0.995, rows[i].degrees), rows[i].t_995, 0.0005);
    }
}

/* With one and with two degrees the quantile has a closed form. */
static void test_quantiles_have_nine_digits(void)
{
    for (double probability = 0.5; probability < 0.9999; probability += 0.0123) {
        double part = 2 * probability - 1;
        double one = tan(M_PI * (probability - 0.5));
        double two = part * sqrt(2 / (1 - part * part));
        CHECK_NEAR(statistics_t_quantile(probability, 1), one, 1e-9 * (1 + one));
        CHECK_NEAR(statistics_t_quantile(probability, 2), two, 1e-9 * (1 + two));
    }
}

/* Student's own data on sleep (1908); what R 4 prints for t.test(extra ~ group, data = sleep). */
static void test_the_interval_is_that_of_students_sleep(void)
{
    static const double group_1[] = { 0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0 };
    static const double group_2[] = { 1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4 };
    struct statistics one = statistics_of(group_1, COUNT_OF(group_1));
    struct statistics two = statistics_of(group_2, COUNT_OF(group_2));
    struct statistics_interval interval = statistics_interval(&two, &one, 0.95);

    CHECK_NEAR(one.mean, 0.75, 1e-12);
    CHECK_NEAR(two.mean, 2.33, 1e-12);
    CHECK_NEAR(interval.degrees, 17.776, 0.0005);
    CHECK_NEAR(interval.low, -3.3654832, 5e-7);
    CHECK_NEAR(interval.high, 0.2054832, 5e-7);
}

/* The first two examples of Wikipedia's article on Welch's test, whose t and degrees it gives. */
static void test_t_and_degrees_are_those_of_welchs_examples(void)
{
    static const double a_1[] = { 27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1,
                                  21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4 };
    static const double b_1[] = { 27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0,
                                  24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4 };
    static const double a_2[] = { 17.2, 20.9, 22.6, 18.1, 21.7, 21.4, 23.5, 24.2, 14.7, 21.8 };
    static const double b_2[] = { 21.5, 22.8, 21.0, 23.0, 21.6, 23.6, 22.5, 20.7, 23.4, 21.8,
                                  20.7, 21.7, 21.5, 22.5, 23.6, 21.5, 22.5, 23.5, 21.5, 21.8 };
    static const struct {
        const char *name;
        const double *a, *b;
        size_t a_count, b_count;
        double t, degrees;
    } examples[] = {
        { "equal sizes", a_1, b_1, COUNT_OF(a_1), COUNT_OF(b_1), -2.46, 25.0 },
        { "unequal sizes", a_2, b_2, COUNT_OF(a_2), COUNT_OF(b_2), -1.57, 9.9 },
    };

    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        check_case(examples[i].name);
        struct statistics a = statistics_of(examples[i].a, examples[i].a_count);
        struct statistics b = statistics_of(examples[i].b, examples[i].b_count);
        struct statistics_interval interval = statistics_interval(&b, &a, 0.95);
        double reach = (interval.high - interval.low) / 2;
        double error = reach / statistics_t_quantile(0.975, interval.degrees);
        CHECK_NEAR((a.mean - b.mean) / error, examples[i].t, 0.005);
        CHECK_NEAR(interval.degrees, examples[i].degrees, 0.05);
    }
}

/* Of draws from one distribution 95 of 100 intervals must hold 0: the interval says what it is. */
static void test_an_interval_of_95_percent_holds_the_truth_95_times_of_100(void)
{
    int held = 0, tries = 2000;

    for (int i = 0; i < tries; i++) {
        struct statistics sides[2] = { { .count = 0 } };
        for (int j = 0; j < 10; j++) { /* 4 of one side, 6 of the other, which spreads wider */
            double sum = 0;
            for (int k = 0; k < 12; k++) { /* twelve uniform draws are about normal */
                sum += uniform();
            }
            statistics_add(&sides[j % 5 >= 2], 100 + sum * (j % 5 >= 2 ? 3 : 1));
        }
        struct statistics_interval interval = statistics_interval(&sides[0], &sides[1], 0.95);
        held += interval.low <= 0 && interval.high >= 0;
    }
    CHECK(held > tries * 0.935);
    CHECK(held < tries * 0.965);
}

/* Both sides from one distribution, of which each value keeps `kept` of the last one's distance. */
static double held_of_neighbours(double kept, bool discounts)
{
    int held = 0, tries = 500;

    for (int i = 0; i < tries; i++) {
        struct statistics sides[2] = { { .count = 0 } };
        for (int side = 0; side < 2; side++) {
            double distance = 0;
            for (int j = 0; j < 100; j++) {
                distance = kept * distance + uniform() + uniform() + uniform();
                statistics_add(&sides[side], distance);
            }
            if (discounts) {
                statistics_discount(&sides[side]);
            }
        }
        struct statistics_interval interval = statistics_interval(&sides[0], &sides[1], 0.95);
        held += interval.low <= 0 && interval.high >= 0;
    }
    return (double)held / tries;
}

static void test_values_like_their_neighbours_count_for_less(void)
{
    CHECK(held_of_neighbours(0.8, false) < 0.6); /* what is to be mended */
    CHECK(held_of_neighbours(0.8, true) > 0.9);
    CHECK(held_of_neighbours(0.4, true) > 0.9);
    CHECK_NEAR(held_of_neighbours(0, true), 0.955, 0.02);
}

static void test_a_discount_changes_no_variance_and_leaves_two(void)
{
    struct statistics rising = statistics_of((double[]){ 1, 2, 3, 4, 5, 6, 7, 8 }, 8);
    struct statistics other = statistics_of((double[]){ 1, -1, 1, -1, 1, -1 }, 6);
    struct statistics fives = statistics_of((double[]){ 5, 5, 5 }, 3);

    statistics_discount(&rising);
    CHECK_EQ(rising.count, 2);
    CHECK_NEAR(statistics_variance(&rising), 6, 1e-12);
    statistics_discount(&other);
    CHECK_EQ(other.count, 6);
    statistics_discount(&fives);
    CHECK_EQ(fives.count, 3);
}

static void test_values_that_do_not_spread_leave_no_doubt(void)
{
    struct statistics fives = statistics_of((double[]){ 5, 5, 5 }, 3);
    struct statistics sixes = statistics_of((double[]){ 6, 6, 6, 6 }, 4);
    struct statistics_interval same = statistics_interval(&fives, &fives, 0.95);
    struct statistics_interval more = statistics_interval(&fives, &sixes, 0.95);

    CHECK(same.low == 0 && same.high == 0);
    CHECK(more.low == 1 && more.high == 1);
    CHECK(more.degrees == 0);
}

static void test_tiny_and_huge_values_give_finite_intervals(void)
{
    static const double sizes[] = { 1e-150, 1e-300, 1e140 };

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        double size = sizes[i];
        struct statistics one = statistics_of((double[]){ size, 2 * size, 4 * size }, 3);
        struct statistics two = statistics_of((double[]){ 9 * size, 8 * size, 6 * size }, 3);
        struct statistics_interval interval = statistics_interval(&one, &two, 0.95);
        CHECK(isfinite(interval.low) && isfinite(interval.high));
        CHECK(interval.low <= interval.high);
    }
}

int main(void)
{
    RUN(test_quantiles_are_those_of_the_printed_tables);
    RUN(test_quantiles_have_nine_digits);
    RUN(test_the_interval_is_that_of_students_sleep);
    RUN(test_t_and_degrees_are_those_of_welchs_examples);
    RUN(test_an_interval_of_95_percent_holds_the_truth_95_times_of_100);
    RUN(test_values_like_their_neighbours_count_for_less);
    RUN(test_a_discount_changes_no_variance_and_leaves_two);
    RUN(test_values_that_do_not_spread_leave_no_doubt);
    RUN(test_tiny_and_huge_values_give_finite_intervals);
    return check_done();
}
