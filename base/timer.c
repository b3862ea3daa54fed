/*
 * timer: see timer.h. A binary heap in an array; places count from 1, so the parent of n is n / 2.
 */
#include "base/timer.h"

#include <assert.h>
#include <stdlib.h>

void timer_heap_free(struct timer_heap *heap)
{
    free(heap->timers);
    *heap = (struct timer_heap){ 0 };
}

bool timer_reserve(struct timer_heap *heap, uint32_t count)
{
    if (count <= heap->room) {
        return true;
    }
    uint32_t room = heap->room < 16 ? 16 : heap->room;
    while (room < count) {
        room *= 2;
    }
    struct timer **timers = realloc(heap->timers, (room + 1u) * sizeof(*timers));
    if (timers == NULL) {
        return false;
    }
    heap->timers = timers;
    heap->room = room;
    return true;
}

static void timer_put(struct timer_heap *heap, uint32_t place, struct timer *timer)
{
    heap->timers[place] = timer;
    timer->place = place;
}

/* Find the place of a timer whose instant is new, from where it stands. */
static void timer_sift(struct timer_heap *heap, struct timer *timer)
{
    uint32_t place = timer->place;

    while (place > 1 && heap->timers[place / 2]->at_ns > timer->at_ns) {
        timer_put(heap, place, heap->timers[place / 2]);
        place /= 2;
    }
    for (;;) {
        uint32_t child = 2 * place;
        if (child < heap->count && heap->timers[child + 1]->at_ns < heap->timers[child]->at_ns) {
            child++;
        }
        if (child > heap->count || heap->timers[child]->at_ns >= timer->at_ns) {
            break;
        }
        timer_put(heap, place, heap->timers[child]);
        place = child;
    }
    timer_put(heap, place, timer);
}

void timer_set(struct timer_heap *heap, struct timer *timer, uint64_t at_ns)
{
    if (at_ns == UINT64_MAX) {
        timer_stop(heap, timer);
        return;
    }
    timer->at_ns = at_ns;
    if (timer->place == 0) {
        assert(heap->count < heap->room);
        heap->count++;
        timer_put(heap, heap->count, timer);
    }
    timer_sift(heap, timer);
}

void timer_stop(struct timer_heap *heap, struct timer *timer)
{
    uint32_t place = timer->place;

    if (place == 0) {
        return;
    }
    assert(heap->timers[place] == timer);
    struct timer *last = heap->timers[heap->count];
    heap->count--;
    timer->place = 0;
    if (last != timer) {
        timer_put(heap, place, last);
        timer_sift(heap, last);
    }
}

uint64_t timer_next_ns(const struct timer_heap *heap)
{
    return heap->count == 0 ? UINT64_MAX : heap->timers[1]->at_ns;
}

struct timer *timer_take(struct timer_heap *heap, uint64_t now_ns)
{
    if (heap->count == 0 || heap->timers[1]->at_ns > now_ns) {
        return NULL;
    }
    struct timer *timer = heap->timers[1];
    timer_stop(heap, timer);
    return timer;
}
