/*
 * statistics: is the difference of two means more than chance? By Welch's t-test, which does not
 * ask that both sides spread alike.
 *
 *     statistics_add... --> mean, variance     of each side
 *     both --statistics_interval--> where the true difference lies, at that confidence
 *
 * Pure; numbers must be finite. What is asked of values is what every t-test asks: that they do not
 * depend on each other, and that their mean spreads about normally.
 */
#ifndef QUOIT_BENCH_STATISTICS_H
#define QUOIT_BENCH_STATISTICS_H

#include <stddef.h>

/* What is known of values. All zero is none. */
struct statistics {
    size_t count;
    double mean;
    double squares; /* the sum of squared distances from the mean */
};

struct statistics_interval {
    double low, high;
    double degrees; /* of freedom; 0: no value differs from another of its side */
};

void statistics_add(struct statistics *statistics, double value);

/* Of what the values were drawn from, so over count - 1. At least two values. */
double statistics_variance(const struct statistics *statistics);

/*
 * Where the mean of what `other` was drawn from, less that of `base`, lies with `confidence` (above
 * 0, below 1). At least two values on each side. Where no value differs from another of its side,
 * the interval is the difference alone.
 */
struct statistics_interval statistics_interval(const struct statistics *base,
                                               const struct statistics *other, double confidence);

/*
 * The t below which Student's distribution has `probability`, which is at least 0.5 and below 1, to
 * nine digits. `degrees` at least 1.
 */
double statistics_t_quantile(double probability, double degrees);

#endif
