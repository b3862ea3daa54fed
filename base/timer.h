/*
 * timer: a heap of instants. What has to happen later is in it once, the earliest on top.
 *
 * A timer lives in the struct that it is about, and knows its place in the heap, so that setting,
 * moving and stopping it are O(log n). Memory is reserved beforehand: only timer_reserve can fail.
 */
#ifndef QUOIT_BASE_TIMER_H
#define QUOIT_BASE_TIMER_H

#include "quoit.h"

/* What a timer is about; the heap does not care. */
enum timer_kind {
    TIMER_SLOT,
    TIMER_LANE,
    TIMER_POST,
    TIMER_STARVED,
};

/* All zero is a stopped timer. */
struct timer {
    uint64_t at_ns;
    uint32_t place; /* in the heap, from 1; 0: it is stopped */
    enum timer_kind kind;
};

struct timer_heap {
    struct timer **timers; /* owned array; timers are borrowed while they run */
    uint32_t count, room;
};

void timer_heap_free(struct timer_heap *heap);

/* Room for `count` timers in all. False: out of memory. */
QUOIT_MUST bool timer_reserve(struct timer_heap *heap, uint32_t count);

/* Let it run out at that instant; UINT64_MAX stops it. */
void timer_set(struct timer_heap *heap, struct timer *timer, uint64_t at_ns);
void timer_stop(struct timer_heap *heap, struct timer *timer);

/* The earliest instant; UINT64_MAX: none runs. */
uint64_t timer_next_ns(const struct timer_heap *heap);

/* Stop and return one that has run out, or NULL. */
struct timer *timer_take(struct timer_heap *heap, uint64_t now_ns);

#endif
