/*
 * histogram: values below 2,048 each have a bucket; above, each power of two has 1,024.
 */
#include "cli/histogram.h"

#include <assert.h>
#include <math.h>

#define HISTOGRAM_TICKS 5 /* points of a curve on the way to half as far from 100 */
/* The ticks of a curve end there, 64 times half as far: nothing is counted beyond. */
#define HISTOGRAM_STEPS (64 * HISTOGRAM_TICKS)

/* Which power of two above 2,048 the value is in: 0 for smaller ones. */
static unsigned histogram_power(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);

    return bits <= 11 ? 0 : bits - 11;
}

static uint64_t histogram_index(uint64_t value)
{
    unsigned power = histogram_power(value);

    return (uint64_t)HISTOGRAM_HALF * power + (value >> power);
}

/* The smallest value of a bucket. Behind the last one: 0. */
static uint64_t histogram_lower(uint64_t index)
{
    uint64_t power = index < 2 * HISTOGRAM_HALF ? 0 : index / HISTOGRAM_HALF - 1;

    return (index - power * HISTOGRAM_HALF) << power;
}

/* The largest value of a bucket. */
static uint64_t histogram_upper(uint64_t index)
{
    return histogram_lower(index + 1) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    uint64_t index = histogram_index(value);

    assert(index < HISTOGRAM_BUCKETS);
    histogram->buckets[index]++;
    if (histogram->count == 0 || value < histogram->min) {
        histogram->min = value;
    }
    if (value > histogram->max) {
        histogram->max = value;
    }
    histogram->count++;
    double distance = (double)value - histogram->mean;
    histogram->mean += distance / (double)histogram->count;
    histogram->squares += distance * ((double)value - histogram->mean);
}

/* Mean and squares of two parts: Chan, Golub and LeVeque, 1979. */
void histogram_merge(struct histogram *into, const struct histogram *from)
{
    assert(into != from);
    if (from->count == 0) {
        return;
    }
    for (uint64_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
    into->min = into->count == 0 || from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;

    double distance = from->mean - into->mean;
    double share = (double)from->count / ((double)into->count + (double)from->count);
    into->squares += from->squares + distance * distance * share * (double)into->count;
    into->mean += distance * share;
    into->count += from->count;
}

uint64_t histogram_percentile(const struct histogram *histogram, double fraction)
{
    /* A little less, or 0.07 of 100 would be 8: doubles have no 0.07. */
    uint64_t wanted = (uint64_t)ceil(nextafter(fraction, 0) * (double)histogram->count);
    uint64_t seen = 0;

    for (uint64_t i = histogram_index(histogram->min); i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && seen >= wanted) {
            uint64_t upper = histogram_upper(i);
            return upper < histogram->max ? upper : histogram->max;
        }
    }
    return histogram->max;
}

double histogram_deviation(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0 : sqrt(histogram->squares / (double)histogram->count);
}

bool histogram_next(const struct histogram *histogram, uint64_t *index,
                    struct histogram_bucket *bucket_out)
{
    while (*index < HISTOGRAM_BUCKETS && histogram->buckets[*index] == 0) {
        (*index)++;
    }
    if (*index >= HISTOGRAM_BUCKETS) {
        return false;
    }
    *bucket_out = (struct histogram_bucket){ .from = histogram_lower(*index),
                                             .to = histogram_upper(*index),
                                             .count = histogram->buckets[*index] };
    (*index)++;
    return true;
}

bool histogram_curve(const struct histogram *histogram, uint32_t *step,
                     struct histogram_point *point_out)
{
    if (histogram->count == 0 || *step > HISTOGRAM_STEPS) {
        return false;
    }
    int halves = (int)(*step / HISTOGRAM_TICKS), tick = (int)(*step % HISTOGRAM_TICKS);
    double percentile = 100 - ldexp(100 - 50.0 * tick / HISTOGRAM_TICKS, -halves);
    uint64_t value = histogram_percentile(histogram, percentile / 100);

    if (value == histogram->max && *step > 0) {
        *point_out = (struct histogram_point){ .percentile = 100, .value = value };
        *step = HISTOGRAM_STEPS + 1;
        return true;
    }
    *point_out = (struct histogram_point){ .percentile = percentile, .value = value };
    (*step)++;
    return true;
}

void histogram_recount(struct histogram *histogram)
{
    struct histogram_bucket bucket;
    uint64_t index = 0;

    histogram->count = histogram->min = histogram->max = 0;
    histogram->mean = histogram->squares = 0;
    while (histogram_next(histogram, &index, &bucket)) {
        double middle = (double)(bucket.from + (bucket.to - bucket.from + 1) / 2);
        double distance = middle - histogram->mean;
        histogram->min = histogram->count == 0 ? bucket.from : histogram->min;
        histogram->max = bucket.to;
        histogram->count += bucket.count;
        histogram->mean += distance * ((double)bucket.count / (double)histogram->count);
        histogram->squares += distance * (middle - histogram->mean) * (double)bucket.count;
    }
}
