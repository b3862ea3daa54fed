/*
 * timeline: how a run went over time: what all workers did in each interval of its window.
 *
 * Happy path: timeline_begin at the beginning of the window, timeline_take whenever timeline_due_ns
 * has come, and once more at the end. Intervals double as often as it takes to stay below 300.
 *
 * A point's length is what the clock said, not what was meant: who looks late has a longer point,
 * and its rates are still right.
 */
#ifndef QUOIT_BENCH_TIMELINE_H
#define QUOIT_BENCH_TIMELINE_H

#include "bench/pulse.h"

#include <stdbool.h>
#include <stddef.h>

#define TIMELINE_POINTS_MAX 300

struct timeline_point {
    uint64_t begin_ns, end_ns; /* since the beginning of the window */
    struct pulse_sum sum;
};

struct timeline {
    /* To be read. */
    uint64_t interval_ns;
    struct timeline_point *points[TIMELINE_POINTS_MAX]; /* owned */
    size_t count;

    /* Private. */
    uint64_t begin_ns, last_ns;
    struct pulse_sum last;
};

/*
 * The window began at begin_ns; `now` is the sum of all pulses. The interval is the shortest that
 * may do; it doubles later.
 */
void timeline_begin(struct timeline *timeline, uint64_t interval_ns, uint64_t begin_ns,
                    uint64_t now_ns, const struct pulse_sum *now);

/* When timeline_take wants to be called. */
uint64_t timeline_due_ns(const struct timeline *timeline);

/* End the interval here. Without memory for a point the next one holds its time too. */
void timeline_take(struct timeline *timeline, uint64_t now_ns, const struct pulse_sum *now);

void timeline_free(struct timeline *timeline);

#endif
