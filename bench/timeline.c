/*
 * timeline: points are differences, so that two of them can be joined to one.
 */
#include "bench/timeline.h"

#include <stdlib.h>

void timeline_begin(struct timeline *timeline, uint64_t interval_ns, uint64_t begin_ns,
                    uint64_t now_ns, const struct pulse_sum *now)
{
    timeline->interval_ns = interval_ns;
    timeline->begin_ns = begin_ns;
    timeline->last_ns = now_ns;
    timeline->last = *now;
}

uint64_t timeline_due_ns(const struct timeline *timeline)
{
    uint64_t passed_ns = timeline->last_ns - timeline->begin_ns;

    return timeline->begin_ns + (passed_ns / timeline->interval_ns + 1) * timeline->interval_ns;
}

/* Half as many points, each twice as long. */
static void timeline_double(struct timeline *timeline)
{
    size_t half = timeline->count / 2;

    for (size_t i = 0; i < half; i++) {
        struct timeline_point *first = timeline->points[2 * i];
        struct timeline_point *second = timeline->points[2 * i + 1];
        pulse_join(&first->sum, &second->sum);
        first->end_ns = second->end_ns;
        free(second);
        timeline->points[i] = first;
    }
    timeline->count = half;
    timeline->interval_ns *= 2;
}

void timeline_take(struct timeline *timeline, uint64_t now_ns, const struct pulse_sum *now)
{
    if (now_ns <= timeline->last_ns) {
        return;
    }
    if (timeline->count == TIMELINE_POINTS_MAX) {
        timeline_double(timeline);
    }
    struct timeline_point *point = malloc(sizeof(*point));
    if (point == NULL) {
        return; /* the next one will hold this one's time too */
    }
    point->begin_ns = timeline->last_ns - timeline->begin_ns;
    point->end_ns = now_ns - timeline->begin_ns;
    pulse_subtract(&point->sum, now, &timeline->last);
    timeline->points[timeline->count++] = point;
    timeline->last = *now;
    timeline->last_ns = now_ns;
}

void timeline_free(struct timeline *timeline)
{
    for (size_t i = 0; i < timeline->count; i++) {
        free(timeline->points[i]);
    }
    timeline->count = 0;
}
