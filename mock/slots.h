/*
 * slots: how many requests are worked on at once, and who waits for that.
 *
 *     take --> work on it --> give back
 *       |                         |
 *       +--> wait, in order  <----+--> next
 *
 * As the max-num-seqs of an LLM server: what finds no slot waits, oldest first, and its times begin
 * when it gets one. Nobody overtakes those who wait.
 */
#ifndef QUOIT_MOCK_SLOTS_H
#define QUOIT_MOCK_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct client;

struct slots {
    uint64_t max; /* 0: no limit */
    uint64_t taken;
    struct client *first, *last; /* those who wait */
};

/* Take a slot. False if there is none, or if others wait for one. */
bool slots_take(struct slots *slots);

/* Somebody who has taken a slot is done. */
void slots_give_back(struct slots *slots);

/* Wait behind all others. */
void slots_wait(struct slots *slots, struct client *client);

/* Somebody who waits does so no more. */
void slots_leave(struct slots *slots, struct client *client);

/* Take a free slot for the one who has waited for longest; NULL: no slot, or nobody waits. */
struct client *slots_next(struct slots *slots);

#endif
