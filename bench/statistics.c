/*
 * statistics: mean and variance as values come (Welford), and Student's distribution as the
 * integral that it is, which is exact enough and needs no table.
 */
#include "bench/statistics.h"

#include <assert.h>
#include <math.h>

#define STATISTICS_STEPS 200 /* of Simpson's rule; even */
#define STATISTICS_HALVINGS 40

void statistics_add(struct statistics *statistics, double value)
{
    double distance = value - statistics->mean;

    assert(isfinite(value));
    if (statistics->count > 0) {
        statistics->steps += (value - statistics->last) * (value - statistics->last);
    }
    statistics->last = value;
    statistics->count++;
    statistics->mean += distance / (double)statistics->count;
    statistics->squares += distance * (value - statistics->mean);
}

double statistics_variance(const struct statistics *statistics)
{
    assert(statistics->count >= 2);
    return statistics->squares / (double)(statistics->count - 1);
}

void statistics_discount(struct statistics *statistics)
{
    if (statistics->count < 2 || !(statistics->squares > 0)) {
        return;
    }
    double ratio = statistics->steps / (2 * statistics->squares); /* 1 less the correlation */
    double worth = (double)statistics->count * ratio / (2 - ratio);
    size_t count = worth > 2 ? (size_t)worth : 2;
    if (ratio < 1 && count < statistics->count) {
        statistics->squares = statistics_variance(statistics) * (double)(count - 1);
        statistics->count = count;
    }
}

/*
 * The probability from 0 to t. With t = sqrt(degrees) tan(angle) the density is a power of the
 * cosine: smooth, and on a short way from 0 to the angle, however far away t is.
 */
static double statistics_t_from_zero(double t, double degrees)
{
    double angle = atan(t / sqrt(degrees));
    double step = angle / STATISTICS_STEPS;
    double scale = exp(lgamma((degrees + 1) / 2) - lgamma(degrees / 2)) / sqrt(M_PI);
    double sum = 1 + pow(cos(angle), degrees - 1);

    for (int i = 1; i < STATISTICS_STEPS; i++) {
        sum += (i % 2 == 1 ? 4 : 2) * pow(cos(i * step), degrees - 1);
    }
    return scale * sum * step / 3;
}

double statistics_t_quantile(double probability, double degrees)
{
    double low = 0, high = 1;

    assert(probability >= 0.5);
    assert(probability < 1);
    assert(degrees >= 1);
    while (statistics_t_from_zero(high, degrees) < probability - 0.5) {
        low = high;
        high *= 2;
    }
    for (int i = 0; i < STATISTICS_HALVINGS; i++) {
        double middle = (low + high) / 2;
        if (statistics_t_from_zero(middle, degrees) < probability - 0.5) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (low + high) / 2;
}

struct statistics_interval statistics_interval(const struct statistics *base,
                                               const struct statistics *other, double confidence)
{
    double base_part = statistics_variance(base) / (double)base->count;
    double other_part = statistics_variance(other) / (double)other->count;
    double difference = other->mean - base->mean;
    double both = base_part + other_part;

    assert(confidence > 0);
    assert(confidence < 1);
    if (!(both > 0)) {
        return (struct statistics_interval){ difference, difference, 0 };
    }
    /* As parts of the whole, whose squares cannot vanish as those of tiny variances would. */
    double base_share = base_part / both, other_share = other_part / both;
    double degrees = 1 / (base_share * base_share / (double)(base->count - 1) +
                          other_share * other_share / (double)(other->count - 1));
    double reach = statistics_t_quantile((1 + confidence) / 2, degrees > 1 ? degrees : 1);
    reach *= sqrt(both);
    return (struct statistics_interval){ difference - reach, difference + reach, degrees };
}
