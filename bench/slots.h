/*
 * slots: the places of requests in flight, and since when each free one is free.
 *
 * Free ones are taken in the order in which they came free: so the k-th request that had to wait
 * is granted the slot that was the k-th to come free, as a queue in front of them would do it.
 */
#ifndef QUOIT_BENCH_SLOTS_H
#define QUOIT_BENCH_SLOTS_H

#include "bench/work.h"
#include "llm/event.h"

#include <stdbool.h>
#include <stdint.h>

/* One request in flight. What each needs is in one cache line; the others are of streams. */
struct bench_slot {
    _Alignas(64) uint64_t due_ns;
    uint64_t granted_ns;
    uint64_t free_ns; /* while it is free: since when */
    const struct work_item *item;
    bool measured;
    bool warmed;     /* it has carried a request */
    bool streamed;   /* events come, or came */
    bool incomplete; /* no memory for a token's time */
    uint32_t tokens_count, tokens_room;

    uint64_t sent_ns;      /* as its head says */
    uint64_t last_read_ns; /* when the last event came, of any kind */
    uint64_t *tokens_ns;   /* owned; arrivals of events that carry output */
    struct event_reader reader;
};

struct slots {
    struct bench_slot *items; /* owned */
    uint32_t count, free_count;

    /* Private: a ring of the free ones, the one that has been free longest first. */
    uint32_t *ring; /* owned */
    uint32_t first;
};

/* All free, since ever. False: no memory. */
bool slots_init(struct slots *slots, uint32_t count);
void slots_free(struct slots *slots);

/* The one that has been free longest; NULL: all are taken. */
struct bench_slot *slots_peek(const struct slots *slots);

/* Take what slots_peek gave. */
void slots_take(struct slots *slots);

/* It is free since then; a slot that has to pause, a little later than now. */
void slots_give_back(struct slots *slots, struct bench_slot *slot, uint64_t free_ns);

/* Note a token. */
void bench_slot_add_token(struct bench_slot *slot, uint64_t at_ns);

#endif
