/*
 * api_batch: an array of requests, sent as slots come free, their results in its order or as they
 * end.
 *
 * A slot of a batch does not stand among the engine's events: when it is DONE it stands in the
 * batch's list, and the next call of the batch takes the answer out of it, buffers and all, so that
 * results outlive their slots without being copied.
 *
 * It fails only for want of memory, at create; a request that cannot be submitted has that error as
 * its result.
 */
#include "base/bits.h"
#include "engine/engine.h"

#include <assert.h>
#include <stdlib.h>

struct batch_entry {
    struct slot_answer answer; /* owned */
    uint64_t id;               /* while it is under way; else 0 */
    bool ended;
};

struct quoit_batch {
    struct quoit_engine *engine;          /* borrowed */
    const struct quoit_request *requests; /* borrowed */
    size_t count;
    size_t submitted;
    size_t ended;
    size_t given;                /* by quoit_batch_next */
    struct list ready;           /* slots that are DONE, by `ready` */
    struct batch_entry *entries; /* owned */
    size_t *order;               /* owned: the indices in the order in which they ended */
};

static void batch_note_end(struct quoit_batch *batch, size_t index)
{
    struct batch_entry *entry = &batch->entries[index];

    assert(!entry->ended);
    entry->ended = true;
    entry->id = 0;
    batch->order[batch->ended++] = index;
}

/* Take the answers out of the slots that are DONE, and free those. */
static void batch_collect(struct quoit_batch *batch)
{
    LIST_EACH (&batch->ready, link) {
        struct slot *slot = CONTAINER_OF(link, struct slot, ready);
        size_t index = slot->taker_index;

        slot_take_answer(slot, &batch->entries[index].answer);
        list_remove(&slot->ready);
        engine_release(batch->engine, slot);
        engine_note_free_slot(batch->engine);
        batch_note_end(batch, index);
    }
}

/* Will a slot come free by itself? Else all are in the caller's hands, or are to be taken by him.
 */
static bool batch_may_wait_for_slot(const struct quoit_batch *batch)
{
    const uint32_t *counts = batch->engine->slots.counts;

    return batch->submitted > batch->ended || counts[SLOT_QUEUED] > 0 || counts[SLOT_WAITING] > 0 ||
           counts[SLOT_ACTIVE] > 0;
}

/* Submit for as long as there are slots. */
static void batch_submit(struct quoit_batch *batch)
{
    while (batch->submitted < batch->count) {
        size_t index = batch->submitted;
        struct batch_entry *entry = &batch->entries[index];
        struct quoit_request request = batch->requests[index];
        struct slot *slot = NULL;

        request.stream = QUOIT_WHOLE;
        request.judge = false;
        enum quoit_error error = engine_submit(batch->engine, &request, &slot);
        if (error == QUOIT_E_NO_SLOT && batch_may_wait_for_slot(batch)) {
            batch->engine->lacks_slot = true;
            return;
        }
        batch->submitted++;
        if (error == QUOIT_OK) {
            slot->taker = &batch->ready;
            slot->taker_index = index;
            entry->id = slot_id(slot);
        } else {
            entry->answer.result =
                (struct quoit_result){ .error = error, .detail = "", .body = { "", 0 } };
            batch_note_end(batch, index);
        }
    }
}

enum quoit_error quoit_batch_create(struct quoit_engine *engine,
                                    const struct quoit_request *requests, size_t count,
                                    struct quoit_batch **batch_out)
{
    enum quoit_error error = api_check(engine);

    if (error != QUOIT_OK) {
        return error;
    }
    struct quoit_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    batch->engine = engine;
    batch->requests = requests;
    batch->count = count;
    list_init(&batch->ready);
    batch->entries = calloc(count + 1, sizeof(*batch->entries)); /* + 1: NULL is for no memory */
    batch->order = calloc(count + 1, sizeof(*batch->order));
    if (batch->entries == NULL || batch->order == NULL) {
        free(batch->entries);
        free(batch->order);
        free(batch);
        return QUOIT_E_NO_MEMORY;
    }
    *batch_out = batch;
    return QUOIT_OK;
}

/* Submit, work for at most wait_ns, collect. False: nothing ended, and no more can be submitted. */
static bool batch_turn(struct quoit_batch *batch, uint64_t wait_ns)
{
    size_t ended = batch->ended;

    engine_tidy(batch->engine); /* as a turn does: slots in the caller's hands come free */
    batch_submit(batch);
    if (batch->ended == ended) {
        engine_turn(batch->engine, &batch->ready, wait_ns);
    }
    batch_collect(batch);
    return batch->ended > ended ||
           (batch->submitted < batch->count && batch->engine->slots.counts[SLOT_FREE] > 0);
}

void quoit_batch_wait(struct quoit_batch *batch)
{
    if (api_check(batch->engine) != QUOIT_OK) {
        return;
    }
    while (batch->ended < batch->count) {
        batch_turn(batch, QUOIT_NEVER);
    }
}

size_t quoit_batch_next(struct quoit_batch *batch, uint64_t wait_ns)
{
    if (api_check(batch->engine) != QUOIT_OK || batch->given == batch->count) {
        return SIZE_MAX;
    }
    uint64_t end_ns = after_ns(quoit_now_ns(), wait_ns);
    for (uint64_t left_ns = wait_ns; batch->given == batch->ended;) {
        if (!batch_turn(batch, left_ns) && left_ns == 0) {
            return SIZE_MAX;
        }
        left_ns = end_ns == UINT64_MAX ? QUOIT_NEVER : until_ns(end_ns, quoit_now_ns());
    }
    return batch->order[batch->given++];
}

const struct quoit_result *quoit_batch_result(const struct quoit_batch *batch, size_t index)
{
    if (index >= batch->count || !batch->entries[index].ended) {
        return NULL;
    }
    return &batch->entries[index].answer.result;
}

void quoit_batch_destroy(struct quoit_batch *batch)
{
    if (batch == NULL || api_check(batch->engine) != QUOIT_OK) {
        return;
    }
    batch->count = batch->submitted; /* the others are never sent */
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->entries[i].id != 0) {
            quoit_cancel(batch->engine, batch->entries[i].id);
        }
    }
    while (batch->ended < batch->count) {
        batch_turn(batch, QUOIT_NEVER);
    }
    for (size_t i = 0; i < batch->count; i++) {
        slot_answer_free(&batch->entries[i].answer);
    }
    free(batch->entries);
    free(batch->order);
    free(batch);
}
