/* timers: see timers.h. */
#include "mock/timers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMERS_CAPACITY_MIN 1024

static void timers_put(struct timers *timers, struct timer *timer, uint32_t place)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void timers_rise(struct timers *timers, struct timer *timer)
{
    uint32_t place = timer->place;

    while (place > 1 && timers->heap[place / 2]->due_ns > timer->due_ns) {
        timers_put(timers, timers->heap[place / 2], place);
        place /= 2;
    }
    timers_put(timers, timer, place);
}

static void timers_sink(struct timers *timers, struct timer *timer)
{
    uint32_t place = timer->place;

    for (;;) {
        uint32_t child = 2 * place;
        if (child > timers->count) {
            break;
        }
        if (child < timers->count &&
            timers->heap[child + 1]->due_ns < timers->heap[child]->due_ns) {
            child++;
        }
        if (timers->heap[child]->due_ns >= timer->due_ns) {
            break;
        }
        timers_put(timers, timers->heap[child], place);
        place = child;
    }
    timers_put(timers, timer, place);
}

void timers_set(struct timers *timers, struct timer *timer, uint64_t due_ns)
{
    timer->due_ns = due_ns;
    if (timer->place == 0) {
        if (timers->count + 2 > timers->capacity) {
            timers->capacity = timers->capacity == 0 ? TIMERS_CAPACITY_MIN : 2 * timers->capacity;
            timers->heap = realloc(timers->heap, timers->capacity * sizeof(*timers->heap));
            if (timers->heap == NULL) {
                fprintf(stderr, "quoit-mock: out of memory\n");
                exit(3);
            }
        }
        timers->count++;
        timers_put(timers, timer, timers->count);
    }
    assert(timers->heap[timer->place] == timer);
    timers_rise(timers, timer);
    timers_sink(timers, timer);
}

void timers_stop(struct timers *timers, struct timer *timer)
{
    if (timer->place == 0) {
        return;
    }
    assert(timers->heap[timer->place] == timer);
    struct timer *last = timers->heap[timers->count];
    uint32_t place = timer->place;
    timers->count--;
    timer->place = 0;
    if (last != timer) {
        timers_put(timers, last, place);
        timers_rise(timers, last);
        timers_sink(timers, last);
    }
}

struct timer *timers_take_due(struct timers *timers, uint64_t now_ns)
{
    if (timers->count == 0 || timers->heap[1]->due_ns > now_ns) {
        return NULL;
    }
    struct timer *timer = timers->heap[1];
    timers_stop(timers, timer);
    return timer;
}

uint64_t timers_next_ns(const struct timers *timers)
{
    return timers->count == 0 ? UINT64_MAX : timers->heap[1]->due_ns;
}

void timers_free(struct timers *timers)
{
    free(timers->heap);
    *timers = (struct timers){ 0 };
}
