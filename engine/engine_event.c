/*
 * engine_event: what is handed out, and when it is taken away again.
 *
 * A slot with events stands once in the list `ready`, in the order in which it got the first of
 * them. What events point to stays where it is until the next turn begins: that is when touched
 * slots are tidied up, and those whose END was handed out are released.
 *
 * Messages of a stream stand in slot->messages as records, each a struct message_record, the data
 * and the name, since they are cut when they arrive and keep the time of their arrival.
 */
#include "engine/engine.h"

#include "base/bits.h"
#include "http/sse.h"

#include <stdlib.h>
#include <string.h>

#define ENGINE_LENT_MIN (64 * 1024) /* a smaller body is not worth the look */

struct message_record {
    uint64_t at_ns;
    uint64_t data_size, name_size;
};

void engine_show_head(struct slot *slot, const struct conn *conn)
{
    if (conn->response.head_done) {
        slot->result.status = conn->response.status;
        slot->result.headers_count = conn->response.headers_count;
        slot->result.headers = response_headers(&conn->response);
    }
}

void engine_make_ready(struct quoit_engine *engine, struct slot *slot)
{
    if (!list_is_empty(&slot->ready)) {
        return;
    }
    if (slot->taker != NULL) {
        list_append(slot->taker, &slot->ready);
        return;
    }
    list_append(&engine->ready, &slot->ready);
    engine->ready_count++;
}

static void engine_take_ready(struct quoit_engine *engine, struct slot *slot)
{
    list_remove(&slot->ready);
    engine->ready_count--;
}

/* -------- streams -------- */

static bool message_append(struct buffer *messages, const struct sse *sse, uint64_t at_ns)
{
    struct message_record record = { at_ns, sse->data.size, sse->name.size };

    if (!buffer_reserve(messages, sizeof(record) + sse->data.size + sse->name.size)) {
        return false;
    }
    return buffer_append(messages, &record, sizeof(record)) &&
           buffer_append(messages, sse->data.bytes, sse->data.size) &&
           buffer_append(messages, sse->name.bytes, sse->name.size);
}

/* Cut what has come into messages. */
static enum quoit_error engine_cut(struct slot *slot, uint64_t at_ns)
{
    size_t at = 0;

    while (at < slot->answer.size) {
        size_t consumed = 0;
        enum sse_result result =
            sse_feed(slot->sse, slot->answer.bytes + at, slot->answer.size - at, &consumed);
        at += consumed;
        switch (result) {
        case SSE_MORE:
            break;
        case SSE_MESSAGE:
            if (!message_append(&slot->messages, slot->sse, at_ns)) {
                return QUOIT_E_NO_MEMORY;
            }
            break;
        case SSE_TOO_LARGE:
            return QUOIT_E_TOO_LARGE;
        case SSE_NO_MEMORY:
            return QUOIT_E_NO_MEMORY;
        }
    }
    buffer_reset(&slot->answer);
    return QUOIT_OK;
}

/* Errors come whole, and so does what a server sends that does not know streams. */
static bool slot_may_stream(const struct slot *slot, const struct response *response)
{
    return response->status >= 200 && response->status <= 299 &&
           (slot->stream != QUOIT_SSE || !response_is_json(response));
}

/* The head of a 2xx has come for a slot that wants events. */
static void engine_begin_stream(struct quoit_engine *engine, struct slot *slot, struct conn *conn)
{
    slot->streams = true;
    response_set_body_max(&conn->response, slot->stream_size_max);
    slot->head_waits = true;
    slot->head_ns = engine_now_ns(engine);
    if (slot->stream == QUOIT_SSE) {
        if (slot->sse != NULL) {
            sse_reset(slot->sse);
        } else if ((slot->sse = calloc(1, sizeof(*slot->sse))) != NULL) {
            sse_init(slot->sse, engine->options.sse_line_max, engine->options.sse_event_max);
        } else {
            slot->stream_error = QUOIT_E_NO_MEMORY;
            return;
        }
    }
    slot->result.times.first_byte_ns = conn->first_byte_ns;
    slot->result.times.sent_ns = conn->sent_ns;
    slot->result.error = QUOIT_OK;
    slot->result.detail = "";
    slot->result.body = (struct quoit_span){ "", 0 };
    engine_show_head(slot, conn);
}

static size_t slot_held(const struct slot *slot)
{
    return slot->answer_due - slot->answer_read + slot->messages.size - slot->messages_read;
}

/* Hold the stream back, or let it go on, as its owner and its buffer say. */
static void engine_apply_pause(struct quoit_engine *engine, struct slot *slot)
{
    if (slot->state != SLOT_ACTIVE || !slot->sending) {
        return;
    }
    struct conn *conn = &engine->conns[slot->conn];
    bool paused = (slot->paused && slot->streams) || slot->full; /* the head is always let in */
    if (conn->state != CONN_BUSY || conn->paused == paused) {
        return;
    }
    conn_pause(conn, paused);
    /* Without a receive there is no linked timer: the slot's own stands in for it. */
    timer_set(&engine->timers, &slot->timer,
              paused ? min_u64(slot->attempt_ns, slot->deadline_ns) : UINT64_MAX);
}

void engine_set_paused(struct quoit_engine *engine, struct slot *slot, bool paused)
{
    slot->paused = paused;
    engine_apply_pause(engine, slot);
}

/* A body that is known to be large grows in the memory of one that is over. */
static void engine_lend_room(struct quoit_engine *engine, struct slot *slot,
                             const struct response *response)
{
    uint64_t size = response->has_length ? response->length : 2 * slot->answer.size;

    if (slot->streams) { /* it holds what waits to be handed out, and no more */
        size = min_u64(size, 2 * engine->options.stream_buffer_max);
    }
    if (slot->answer.size == 0 || size < ENGINE_LENT_MIN) {
        return;
    }
    spare_take(&engine->spare, &slot->answer, size);
}

void engine_on_progress(struct quoit_engine *engine, struct slot *slot, struct conn *conn)
{
    const struct response *response = &conn->response;

    engine_lend_room(engine, slot, response);
    if (!slot_wants_events(slot) || !response->head_done) {
        return;
    }
    if (!slot->streams) {
        if (!slot_may_stream(slot, response)) {
            return;
        }
        engine_begin_stream(engine, slot, conn);
        engine_make_ready(engine, slot);
    }
    if (slot->stream == QUOIT_SSE && slot->stream_error == QUOIT_OK) {
        slot->stream_error = engine_cut(slot, engine_now_ns(engine));
    } else if (slot->answer.size > slot->answer_due) {
        slot->answer_due = slot->answer.size;
        slot->piece_ns = engine_now_ns(engine);
    }
    if (slot->stream_error != QUOIT_OK) {
        buffer_reset(&slot->answer);
        slot->answer_due = 0;
        if (conn->state == CONN_BUSY) {
            conn_close(conn, slot->stream_error);
        }
        return;
    }
    if (slot_held(slot) > 0) {
        engine_make_ready(engine, slot);
    }
    slot->full = slot_held(slot) > engine->options.stream_buffer_max;
    engine_apply_pause(engine, slot);
}

/* -------- handing out -------- */

static void event_fill(struct quoit_event *event, const struct slot *slot,
                       enum quoit_event_kind kind, uint64_t at_ns)
{
    *event = (struct quoit_event){ .kind = kind,
                                   .id = slot_id(slot),
                                   .at_ns = at_ns,
                                   .context = slot->context,
                                   .bytes = { "", 0 },
                                   .name = { "", 0 } };
}

/* The next message of the slot. */
static void event_take_message(struct quoit_event *event, struct slot *slot)
{
    const char *bytes = slot->messages.bytes + slot->messages_read;
    struct message_record record;

    memcpy(&record, bytes, sizeof(record));
    bytes += sizeof(record);
    event_fill(event, slot, QUOIT_MESSAGE, record.at_ns);
    event->bytes = (struct quoit_span){ bytes, record.data_size };
    event->name = (struct quoit_span){ bytes + record.data_size, record.name_size };
    slot->messages_read += sizeof(record) + record.data_size + record.name_size;
}

/* The next event of a slot that streams, END aside. False: there is none. */
static bool engine_next_of_stream(struct slot *slot, struct quoit_event *event)
{
    if (slot->head_waits) {
        slot->head_waits = false;
        slot->head_told = true;
        event_fill(event, slot, QUOIT_HEAD, slot->head_ns);
        event->result = &slot->result;
        return true;
    }
    if (slot->messages_read < slot->messages.size) {
        event_take_message(event, slot);
        return true;
    }
    if (slot->answer_read < slot->answer_due) {
        event_fill(event, slot, QUOIT_PIECE, slot->piece_ns);
        event->bytes = (struct quoit_span){ slot->answer.bytes + slot->answer_read,
                                            slot->answer_due - slot->answer_read };
        slot->answer_read = slot->answer_due;
        return true;
    }
    return false;
}

uint32_t engine_next(struct quoit_engine *engine, struct quoit_event *events, uint32_t events_max)
{
    uint32_t count = 0;

    while (count < events_max && !list_is_empty(&engine->ready)) {
        struct slot *slot = LIST_FIRST(&engine->ready, struct slot, ready);
        if (slot->streams && list_is_empty(&slot->touched)) {
            list_append(&engine->touched, &slot->touched);
        }
        while (count < events_max && slot->streams && engine_next_of_stream(slot, &events[count])) {
            count++;
        }
        if (count == events_max) {
            break; /* what it still has keeps its turn */
        }
        engine_take_ready(engine, slot);
        if (slot->full) {
            engine_owe_turn(engine); /* which lets it go on, now that its buffer is read */
        }
        if (slot->state == SLOT_DONE) {
            event_fill(&events[count], slot, QUOIT_END, slot->result.times.end_ns);
            events[count++].result = &slot->result;
            slot_move(&engine->slots, slot, SLOT_HANDED);
            engine_note_free_slot(engine);
        }
    }
    return count;
}

/* -------- tidying up -------- */

void engine_release(struct quoit_engine *engine, struct slot *slot)
{
    list_remove(&slot->touched);
    if (slot->answer.room > SLOT_ROOM_KEPT) {
        spare_give(&engine->spare, &slot->answer);
    }
    slot_reset(slot);
    slot_move(&engine->slots, slot, SLOT_FREE);
}

/* Forget the first `size` bytes. */
static void buffer_forget(struct buffer *buffer, size_t *size)
{
    if (*size > 0) {
        buffer->size -= *size;
        memmove(buffer->bytes, buffer->bytes + *size, buffer->size);
        *size = 0;
    }
}

/* Forget what was handed out of a stream's buffers. */
static void slot_forget_handed(struct slot *slot)
{
    slot->answer_due -= slot->answer_read;
    buffer_forget(&slot->answer, &slot->answer_read);
    buffer_forget(&slot->messages, &slot->messages_read);
}

void engine_tidy(struct quoit_engine *engine)
{
    LIST_EACH (&engine->slots.lists[SLOT_HANDED], link) {
        engine_release(engine, CONTAINER_OF(link, struct slot, link));
    }
    engine_answer_posts(engine);
    LIST_EACH (&engine->touched, link) {
        struct slot *slot = CONTAINER_OF(link, struct slot, touched);
        list_remove(&slot->touched);
        slot_forget_handed(slot);
        if (slot->full && slot_held(slot) <= engine->options.stream_buffer_max / 2) {
            slot->full = false;
            engine_apply_pause(engine, slot);
        }
    }
}
