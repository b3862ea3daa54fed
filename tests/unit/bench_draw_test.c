/*
 * draw: each distribution against its own distribution function, by Kolmogorov and Smirnov, and its
 * mean and variance. The seeds are fixed, so that a verdict is always the same.
 */
#include "bench/draw.h"
#include "tests/unit/check.h"

#include <math.h>
#include <stdlib.h>

#define DRAWS 20000
#define KS_MAX 1.95 /* sqrt(n) times the distance: above it in one sound sample of a thousand */

static double draws[DRAWS];

static void test_the_numbers_are_those_of_splitmix64(void)
{
    static const uint64_t published[] = { 6457827717110365317u, 3203168211198807973u,
                                          9817491932198370423u, 4593380528125082431u,
                                          16408922859458223821u };
    struct draw draw = { 1234567 };

    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        CHECK(draw_bits(&draw) == published[i]);
    }
}

static void test_a_seed_repeats_its_numbers_and_no_other_seed_does(void)
{
    struct draw first = { 7 };
    struct draw second = { 7 };
    struct draw other = { 8 };
    int equal = 0;

    for (int i = 0; i < DRAWS; i++) {
        double number = draw_gamma(&first, 0.5);
        CHECK(number == draw_gamma(&second, 0.5));
        equal += number == draw_gamma(&other, 0.5);
    }
    CHECK(equal < 10);
}

static int compare(const void *a, const void *b)
{
    double first = *(const double *)a;
    double second = *(const double *)b;

    return (first > second) - (first < second);
}

/* Of the gamma distribution with a mean of 1: the series of the incomplete gamma function. */
static double gamma_below(double shape, double value)
{
    double x = value * shape;
    double term = 1 / shape;
    double sum = term;

    if (x <= 0) {
        return 0;
    }
    for (double k = shape + 1; term > sum * 1e-16; k++) {
        term *= x / k;
        sum += term;
    }
    return sum * exp(shape * log(x) - x - lgamma(shape));
}

static double share_below(double shape, double value)
{
    (void)shape;
    return value;
}

/* sqrt(n) times the largest distance of the draws, which it sorts, from their distribution. */
static double distance(double (*below)(double shape, double value), double shape)
{
    double worst = 0;

    qsort(draws, DRAWS, sizeof(draws[0]), compare);
    for (int i = 0; i < DRAWS; i++) {
        double wanted = below(shape, draws[i]);
        worst = fmax(worst, fabs(wanted - (double)i / DRAWS));
        worst = fmax(worst, fabs(wanted - (double)(i + 1) / DRAWS));
    }
    return worst * sqrt(DRAWS);
}

static double mean(void)
{
    double sum = 0;

    for (int i = 0; i < DRAWS; i++) {
        sum += draws[i];
    }
    return sum / DRAWS;
}

/* The correlation of each draw with the one behind it; call it before they are sorted. */
static double neighbours(double centre, double variance)
{
    double sum = 0;

    for (int i = 1; i < DRAWS; i++) {
        sum += (draws[i] - centre) * (draws[i - 1] - centre);
    }
    return sum / (DRAWS - 1) / variance;
}

static void test_shares_are_uniform_from_0_to_below_1(void)
{
    struct draw draw = { 1 };

    for (int i = 0; i < DRAWS; i++) {
        draws[i] = draw_share(&draw);
        CHECK(draws[i] >= 0);
        CHECK(draws[i] < 1);
    }
    CHECK(fabs(neighbours(0.5, 1.0 / 12)) < 0.03);
    CHECK(distance(share_below, 0) < KS_MAX);
}

static void test_exponential_draws_follow_their_distribution(void)
{
    struct draw draw = { 2 };

    for (int i = 0; i < DRAWS; i++) {
        draws[i] = draw_exponential(&draw);
        CHECK(draws[i] >= 0);
    }
    CHECK(fabs(mean() - 1) < 0.03);
    CHECK(fabs(neighbours(1, 1)) < 0.03);
    CHECK(distance(gamma_below, 1) < KS_MAX); /* a shape of 1 is the same */
}

static void test_gamma_draws_follow_their_distribution_at_any_shape(void)
{
    static const struct {
        const char *name;
        double shape;
    } rows[] = { { "0.01", 0.01 }, { "0.3", 0.3 }, { "0.999", 0.999 }, { "1", 1 },
                 { "1.5", 1.5 },   { "20", 20 },   { "1000", 1000 } };

    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct draw draw = { 3 };
        double shape = rows[row].shape;
        double deviation = sqrt(1 / shape);
        double square = 0;
        check_case(rows[row].name);
        for (int i = 0; i < DRAWS; i++) {
            draws[i] = draw_gamma(&draw, shape);
            CHECK(draws[i] >= 0);
            square += (draws[i] - 1) * (draws[i] - 1) / DRAWS;
        }
        /* The variance of a variance is (2 + 6 / shape) of its square. */
        CHECK(fabs(mean() - 1) < 4 * deviation / sqrt(DRAWS));
        CHECK(fabs(square * shape - 1) < 4 * sqrt((2 + 6 / shape) / DRAWS));
        CHECK(fabs(neighbours(1, 1 / shape)) < 0.03);
        CHECK(distance(gamma_below, shape) < KS_MAX);
    }
}

static void test_the_ends_of_what_may_be_asked_are_numbers(void)
{
    static const double shapes[] = { 1e-3, 1e6 };

    for (size_t row = 0; row < sizeof(shapes) / sizeof(shapes[0]); row++) {
        struct draw draw = { 4 };
        for (int i = 0; i < DRAWS; i++) {
            double value = draw_gamma(&draw, shapes[row]);
            CHECK(isfinite(value));
            CHECK(value >= 0);
        }
    }
}

int main(void)
{
    RUN(test_the_numbers_are_those_of_splitmix64);
    RUN(test_a_seed_repeats_its_numbers_and_no_other_seed_does);
    RUN(test_shares_are_uniform_from_0_to_below_1);
    RUN(test_exponential_draws_follow_their_distribution);
    RUN(test_gamma_draws_follow_their_distribution_at_any_shape);
    RUN(test_the_ends_of_what_may_be_asked_are_numbers);
    return check_done();
}
