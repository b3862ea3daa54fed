/* timers: see timers.h. */
#include "mock/timers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMERS_CAPACITY_MIN 1024

static void timers_put(struct timers *timers, struct timers_entry entry, uint32_t place)
{
    timers->heap[place] = entry;
    entry.timer->place = place;
}

static void timers_rise(struct timers *timers, struct timers_entry entry, uint32_t place)
{
    while (place > 1 && timers->heap[place / 2].due_ns > entry.due_ns) {
        timers_put(timers, timers->heap[place / 2], place);
        place /= 2;
    }
    timers_put(timers, entry, place);
}

static void timers_sink(struct timers *timers, struct timers_entry entry, uint32_t place)
{
    for (;;) {
        uint32_t child = 2 * place;
        if (child > timers->count) {
            break;
        }
        if (child < timers->count && timers->heap[child + 1].due_ns < timers->heap[child].due_ns) {
            child++;
        }
        if (timers->heap[child].due_ns >= entry.due_ns) {
            break;
        }
        timers_put(timers, timers->heap[child], place);
        place = child;
    }
    timers_put(timers, entry, place);
}

/* Put it where it belongs; `place` is free, and nothing else is out of order. */
static void timers_settle(struct timers *timers, struct timers_entry entry, uint32_t place)
{
    if (place > 1 && timers->heap[place / 2].due_ns > entry.due_ns) {
        timers_rise(timers, entry, place);
    } else {
        timers_sink(timers, entry, place);
    }
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
        timer->place = ++timers->count;
    } else {
        assert(timers->heap[timer->place].timer == timer);
    }
    timers_settle(timers, (struct timers_entry){ due_ns, timer }, timer->place);
}

void timers_stop(struct timers *timers, struct timer *timer)
{
    if (timer->place == 0) {
        return;
    }
    assert(timers->heap[timer->place].timer == timer);
    struct timers_entry last = timers->heap[timers->count];
    uint32_t place = timer->place;
    timers->count--;
    timer->place = 0;
    if (last.timer != timer) {
        timers_settle(timers, last, place);
    }
}

struct timer *timers_take_due(struct timers *timers, uint64_t now_ns)
{
    if (timers->count == 0 || timers->heap[1].due_ns > now_ns) {
        return NULL;
    }
    struct timer *timer = timers->heap[1].timer;
    timers_stop(timers, timer);
    return timer;
}

uint64_t timers_next_ns(const struct timers *timers)
{
    return timers->count == 0 ? UINT64_MAX : timers->heap[1].due_ns;
}

void timers_free(struct timers *timers)
{
    free(timers->heap);
    *timers = (struct timers){ 0 };
}
