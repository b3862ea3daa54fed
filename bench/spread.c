/*
 * spread: samples grow by doubling, up to the million; one that does not fit ends the exactness.
 */
#include "bench/spread.h"

#include <stdlib.h>
#include <string.h>

#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)
#define SORT_MANY 4096 /* from so many on it is worth its table */

/* Room for that many samples. False: there is no memory, or they would be too many. */
static bool spread_reserve(struct spread *spread, size_t count)
{
    size_t room = spread->samples_room == 0 ? 4096 : spread->samples_room;

    if (count <= spread->samples_room) {
        return true;
    }
    while (room < count) {
        room *= 2;
    }
    room = room < SPREAD_EXACT_MAX ? room : SPREAD_EXACT_MAX;
    if (count > room) {
        return false;
    }
    uint64_t *samples = realloc(spread->samples, room * sizeof(*samples));
    if (samples == NULL) {
        return false;
    }
    spread->samples = samples;
    spread->samples_room = room;
    return true;
}

bool spread_is_exact(const struct spread *spread)
{
    return spread->samples_count == spread->histogram.count;
}

void spread_add(struct spread *spread, uint64_t value_ns)
{
    if (spread_is_exact(spread) && spread_reserve(spread, spread->samples_count + 1)) {
        spread->samples[spread->samples_count++] = value_ns;
        spread->sorted = false;
    }
    histogram_add(&spread->histogram, value_ns);
}

void spread_merge(struct spread *into, const struct spread *from)
{
    if (spread_is_exact(into) && spread_is_exact(from) && from->samples_count != 0 &&
        spread_reserve(into, into->samples_count + from->samples_count)) {
        memcpy(into->samples + into->samples_count, from->samples,
               from->samples_count * sizeof(*from->samples));
        into->samples_count += from->samples_count;
        into->sorted = false;
    }
    histogram_merge(&into->histogram, &from->histogram);
}

void spread_free(struct spread *spread)
{
    free(spread->samples);
    spread->samples = NULL;
    spread->samples_count = spread->samples_room = 0;
}

/* Sort by digits, the lowest first: a pass for each 11 bits of the largest. False: no memory. */
static bool spread_sort_digits(uint64_t *samples, size_t count, uint64_t max)
{
    uint64_t *spare = malloc(count * sizeof(*spare));
    uint64_t *from = samples;
    uint64_t *to = spare;

    if (spare == NULL) {
        return false;
    }
    for (unsigned shift = 0; shift < 64 && max >> shift != 0; shift += DIGIT_BITS) {
        size_t places[DIGITS] = { 0 };
        size_t place = 0;
        for (size_t i = 0; i < count; i++) {
            places[from[i] >> shift & (DIGITS - 1)]++;
        }
        for (unsigned digit = 0; digit < DIGITS; digit++) {
            size_t here = places[digit];
            places[digit] = place;
            place += here;
        }
        for (size_t i = 0; i < count; i++) {
            to[places[from[i] >> shift & (DIGITS - 1)]++] = from[i];
        }
        uint64_t *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != samples) {
        memcpy(samples, from, count * sizeof(*samples));
    }
    free(spare);
    return true;
}

static int spread_compare(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one;
    uint64_t b = *(const uint64_t *)other;

    return (a > b) - (a < b);
}

static void spread_sort(struct spread *spread)
{
    size_t count = spread->samples_count;
    bool sorted =
        spread->sorted ||
        (count >= SORT_MANY && spread_sort_digits(spread->samples, count, spread->histogram.max));

    if (!sorted) {
        qsort(spread->samples, count, sizeof(*spread->samples), spread_compare);
    }
    spread->sorted = true;
}

double spread_percentile(struct spread *spread, double fraction)
{
    if (spread->histogram.count == 0) {
        return 0;
    }
    if (!spread_is_exact(spread)) {
        return (double)histogram_percentile(&spread->histogram, fraction);
    }
    spread_sort(spread);
    double place = fraction * (double)(spread->samples_count - 1);
    size_t below = (size_t)place;
    size_t above = below + 1 < spread->samples_count ? below + 1 : below;
    double low = (double)spread->samples[below];
    double high = (double)spread->samples[above];
    return low + (high - low) * (place - (double)below);
}
