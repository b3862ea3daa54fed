/*
 * slots: a table that never moves, and a ring of indices.
 */
#include "bench/slots.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool slots_init(struct slots *slots, uint32_t count)
{
    size_t size = count * sizeof(*slots->items);

    *slots = (struct slots){
        .items = aligned_alloc(_Alignof(struct bench_slot), size),
        .ring = calloc(count, sizeof(*slots->ring)),
        .count = count,
        .free_count = count,
    };
    if (slots->items != NULL) {
        memset(slots->items, 0, size);
    }
    if (slots->items == NULL || slots->ring == NULL) {
        slots_free(slots);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        slots->ring[i] = i;
    }
    return true;
}

void slots_free(struct slots *slots)
{
    for (uint32_t i = 0; slots->items != NULL && i < slots->count; i++) {
        free(slots->items[i].tokens_ns);
    }
    free(slots->items);
    free(slots->ring);
    *slots = (struct slots){ 0 };
}

struct bench_slot *slots_peek(const struct slots *slots)
{
    return slots->free_count == 0 ? NULL : &slots->items[slots->ring[slots->first]];
}

void slots_take(struct slots *slots)
{
    assert(slots->free_count > 0);
    slots->first = slots->first + 1 == slots->count ? 0 : slots->first + 1;
    slots->free_count--;
}

void slots_give_back(struct slots *slots, struct bench_slot *slot, uint64_t free_ns)
{
    uint32_t place = (uint32_t)(((uint64_t)slots->first + slots->free_count) % slots->count);

    assert(slots->free_count < slots->count);
    slot->free_ns = free_ns;
    slots->ring[place] = (uint32_t)(slot - slots->items);
    slots->free_count++;
}

void bench_slot_add_token(struct bench_slot *slot, uint64_t at_ns)
{
    if (slot->tokens_count == slot->tokens_room) {
        uint32_t room = slot->tokens_room == 0 ? 64 : 2 * slot->tokens_room;
        uint64_t *tokens = realloc(slot->tokens_ns, room * sizeof(*tokens));
        if (tokens == NULL) {
            slot->incomplete = true;
            return;
        }
        slot->tokens_ns = tokens;
        slot->tokens_room = room;
    }
    slot->tokens_ns[slot->tokens_count++] = at_ns;
}
