/*
 * histogram: values below 2,048 each have a bucket; above, each power of two has 1,024.
 */
#include "cli/histogram.h"

#include <assert.h>
#include <math.h>

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

/* The largest value of a bucket. */
static uint64_t histogram_upper(uint64_t index)
{
    uint64_t power = index < 2 * HISTOGRAM_HALF ? 0 : index / HISTOGRAM_HALF - 1;
    uint64_t step = index - power * HISTOGRAM_HALF;

    return ((step + 1) << power) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    uint64_t index = histogram_index(value);

    assert(index < sizeof(histogram->buckets) / sizeof(histogram->buckets[0]));
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

uint64_t histogram_percentile(const struct histogram *histogram, double fraction)
{
    uint64_t wanted = (uint64_t)ceil(fraction * (double)histogram->count);
    uint64_t seen = 0;

    for (uint64_t i = 0; i < sizeof(histogram->buckets) / sizeof(histogram->buckets[0]); i++) {
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
