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
    double steps;   /* the sum of squared steps from each value to the next */
    double last;
};

struct statistics_interval {
    double low, high;
    double degrees; /* of freedom; 0: no value differs from another of its side */
};

void statistics_add(struct statistics *statistics, double value);

/* Of what the values were drawn from, so over count - 1. At least two values. */
double statistics_variance(const struct statistics *statistics);

/*
 * Of values that came one after the other in time: count only as many as they are worth, 2 at least
 * of 2 or more, where each is like the one before it. It is judged by how much shorter the steps
 * between neighbours are than those between any two (von Neumann's ratio), as for values of which
 * each keeps a part of the last one's distance from the mean.
 */
void statistics_discount(struct statistics *statistics);

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
