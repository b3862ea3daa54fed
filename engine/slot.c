/*
 * slot: see slot.h.
 */
#include "engine/slot.h"

#include "base/bits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Which states may follow each state: the picture in slot.h, for the machine. */
static const unsigned slot_may_become[SLOT_STATES] = {
    [SLOT_FREE] = BIT(SLOT_QUEUED) | BIT(SLOT_WAITING),
    [SLOT_QUEUED] = BIT(SLOT_ACTIVE) | BIT(SLOT_DONE),
    [SLOT_WAITING] = BIT(SLOT_QUEUED) | BIT(SLOT_DONE),
    [SLOT_ACTIVE] = BIT(SLOT_DONE) | BIT(SLOT_QUEUED) | BIT(SLOT_WAITING),
    [SLOT_DONE] = BIT(SLOT_HANDED) | BIT(SLOT_FREE), /* FREE: at destroy, untaken */
    [SLOT_HANDED] = BIT(SLOT_FREE) | BIT(SLOT_KEPT) | BIT(SLOT_QUEUED) | BIT(SLOT_WAITING),
    [SLOT_KEPT] = BIT(SLOT_FREE),
};

bool slot_table_init(struct slot_table *table, uint32_t slots_max)
{
    *table = (struct slot_table){ .slots_max = slots_max };
    for (unsigned state = 0; state < SLOT_STATES; state++) {
        list_init(&table->lists[state]);
    }
    table->slots = calloc(slots_max, sizeof(*table->slots));
    if (table->slots == NULL) {
        return false;
    }
    table->counts[SLOT_FREE] = slots_max;
    return true;
}

static void slot_make(struct slot_table *table)
{
    struct slot *slot = &table->slots[table->slots_made];

    slot->index = table->slots_made++;
    slot->generation = 1;
    slot->conn = SLOT_NONE;
    slot->rival = SLOT_NONE;
    slot->timer.kind = TIMER_SLOT;
    list_init(&slot->link);
    list_init(&slot->ready);
    list_init(&slot->touched);
    list_append(&table->lists[SLOT_FREE], &slot->link);
}

struct slot *slot_first_free(struct slot_table *table)
{
    if (table->counts[SLOT_FREE] == 0) {
        return NULL;
    }
    if (list_is_empty(&table->lists[SLOT_FREE])) {
        slot_make(table);
    }
    return LIST_FIRST(&table->lists[SLOT_FREE], struct slot, link);
}

void slot_table_free(struct slot_table *table)
{
    for (uint32_t i = 0; i < table->slots_made; i++) {
        struct slot *slot = &table->slots[i];
        buffer_free(&slot->head);
        buffer_free(&slot->text);
        buffer_free(&slot->headers);
        buffer_free(&slot->answer);
        buffer_free(&slot->messages);
    }
    free(table->slots);
    table->slots = NULL;
}

/* Out of its list and into the state `to`, but not yet into its list. */
static void slot_leave(struct slot_table *table, struct slot *slot, enum slot_state to)
{
    assert(slot_may_become[slot->state] & BIT(to));
    assert(slot->timer.place == 0); /* a timer belongs to the state that set it */
    list_remove(&slot->link);
    table->counts[slot->state]--;
    table->counts[to]++;
    slot->state = to;
}

void slot_move(struct slot_table *table, struct slot *slot, enum slot_state to)
{
    assert(to != SLOT_QUEUED);
    slot_leave(table, slot, to);
    if (to != SLOT_FREE) {
        list_append(&table->lists[to], &slot->link);
        return;
    }
    slot->generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1;
    list_prepend(&table->lists[to], &slot->link); /* the warm one is taken next */
}

void slot_queue(struct slot_table *table, struct slot *slot, struct list *queue, bool first)
{
    slot_leave(table, slot, SLOT_QUEUED);
    if (first) {
        list_prepend(queue, &slot->link);
    } else {
        list_append(queue, &slot->link);
    }
}

uint64_t slot_id(const struct slot *slot)
{
    return (uint64_t)slot->generation << 32 | slot->index;
}

struct slot *slot_find(struct slot_table *table, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    uint32_t generation = (uint32_t)(id >> 32);

    if (index >= table->slots_made) {
        return NULL;
    }
    struct slot *slot = &table->slots[index];
    if (slot->generation != generation || slot->state == SLOT_FREE) {
        return NULL;
    }
    return slot;
}

void slot_reset_answer(struct slot *slot)
{
    slot->detail[0] = '\0';
    slot->messages_read = 0;
    slot->answer_due = 0;
    slot->answer_read = 0;
    slot->stream_error = QUOIT_OK;
    slot->streams = false;
    slot->head_waits = false;
    slot->head_told = false;
    slot->full = false;
    buffer_trim(&slot->text, SLOT_ROOM_KEPT);
    buffer_trim(&slot->headers, SLOT_ROOM_KEPT);
    buffer_trim(&slot->answer, SLOT_ROOM_KEPT);
    buffer_trim(&slot->messages, SLOT_ROOM_KEPT);
}

void slot_take_answer(struct slot *slot, struct slot_answer *answer_out)
{
    assert(slot->state == SLOT_DONE);
    *answer_out = (struct slot_answer){
        .result = slot->result,
        .text = slot->text,
        .headers = slot->headers,
        .bytes = slot->answer,
        .detail = slot->detail[0] == '\0' ? NULL : strdup(slot->detail),
    };
    answer_out->result.detail = answer_out->detail == NULL ? "" : answer_out->detail;
    slot->text = (struct buffer){ 0 };
    slot->headers = (struct buffer){ 0 };
    slot->answer = (struct buffer){ 0 };
}

void slot_answer_free(struct slot_answer *answer)
{
    buffer_free(&answer->text);
    buffer_free(&answer->headers);
    buffer_free(&answer->bytes);
    free(answer->detail);
}

void slot_reset(struct slot *slot)
{
    assert(list_is_empty(&slot->ready));
    slot_reset_answer(slot);
    buffer_trim(&slot->head, SLOT_ROOM_KEPT);
    slot->result = (struct quoit_result){ 0 };
    slot->lane = NULL;
    slot->body = (struct quoit_span){ "", 0 };
    slot->conn = SLOT_NONE;
    slot->rival = SLOT_NONE;
    slot->cancelled = false;
    slot->counted = false;
    slot->limited = false;
    slot->limit_held = 0;
    slot->resent = false;
    slot->fresh = false;
    slot->probe = false;
    slot->awaits_budget = false;
    slot->resolving = false;
    slot->sending = false;
    slot->taker = NULL;
    slot->paused = false;
    slot->retries = 0;
    slot->late = 0;
    slot->paced_ns = 0;
}
