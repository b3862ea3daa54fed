/*
 * timers: a heap of instants, the earliest on top.
 *
 * Each client has one timer of its own; setting, moving and stopping one costs the logarithm of
 * how many are set, a few tens of nanoseconds at 10,000. The instants stand in the heap beside
 * their timers, so that a comparison does not wait for the memory of a client.
 */
#ifndef QUOIT_MOCK_TIMERS_H
#define QUOIT_MOCK_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

struct timer {
    uint64_t due_ns; /* CLOCK_MONOTONIC; meaningful while it is set */
    uint32_t place;  /* in the heap, from 1; 0: not set */
};

struct timers_entry {
    uint64_t due_ns; /* of the timer */
    struct timer *timer;
};

struct timers {
    struct timers_entry *heap; /* owned; heap[0] is not used */
    uint32_t count;
    uint32_t capacity;
};

/* Set it, or move it if it is set. The timer must stay where it is until it fires or stops. */
void timers_set(struct timers *timers, struct timer *timer, uint64_t due_ns);

/* Nothing happens if it is not set. */
void timers_stop(struct timers *timers, struct timer *timer);

/* The earliest timer whose time has come, no longer set; NULL if there is none. */
struct timer *timers_take_due(struct timers *timers, uint64_t now_ns);

/* When the earliest one is due; UINT64_MAX if none is set. */
uint64_t timers_next_ns(const struct timers *timers);

void timers_free(struct timers *timers);

#endif
