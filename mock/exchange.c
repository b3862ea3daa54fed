/* exchange: see exchange.h. How requests are decided on stands in exchange_begin.c. */
#include "mock/exchange.h"

#include <assert.h>
#include <stdlib.h>

#define EXCHANGE_OUT_MAX (256u * 1024) /* of a stream, made and not yet sent */
#define EXCHANGE_CUT_MAX 64

/* Make all pieces of a stream that are due, as far as there is room. */
static void exchange_fill(struct exchange *exchange, uint64_t now_ns)
{
    struct stream *stream = &exchange->stream;
    bool page = exchange->question.kind == QUESTION_PAGE;

    if (exchange->sent == exchange->out.size) {
        blob_clear(&exchange->out, EXCHANGE_OUT_MAX);
        exchange->sent = 0;
        exchange->open = 0;
    }
    while (!stream->done && exchange->event_ns <= now_ns &&
           exchange->due_count < EXCHANGE_DUE_MAX &&
           exchange->out.size - exchange->sent < EXCHANGE_OUT_MAX) {
        uint64_t index = stream->index;
        stream_write_next(stream, &exchange->request, &exchange->out);
        if (!page && stream->index > index) {
            exchange->due_ns[exchange->due_count++] = exchange->event_ns;
            exchange->event_ns += delay_draw_ns(&exchange->plan.gap, &exchange->plan.chance);
        }
    }
}

static bool exchange_is_dripped(const struct exchange *exchange)
{
    return plan_has(&exchange->plan, FAULT_DRIP) || plan_has(&exchange->plan, FAULT_CUT);
}

/* The size and the interval of the next piece of a drip. */
static void exchange_draw_piece(struct exchange *exchange, size_t *size_out, uint64_t *wait_ns_out)
{
    struct plan *plan = &exchange->plan;

    if (plan_has(plan, FAULT_DRIP)) {
        *wait_ns_out = plan->arguments[FAULT_DRIP][0];
        *size_out = (size_t)plan->arguments[FAULT_DRIP][1];
        *size_out = *size_out == 0 ? 1 : *size_out;
        return;
    }
    *wait_ns_out = plan->arguments[FAULT_CUT][0];
    *size_out = 1 + (size_t)(chance_next(&plan->chance) % EXCHANGE_CUT_MAX);
}

/* Open what may be sent next. False: a drip's next piece is not due. */
static bool exchange_open(struct exchange *exchange, size_t end, uint64_t now_ns)
{
    size_t size = 0;
    uint64_t wait_ns = 0;

    if (exchange_is_dripped(exchange)) {
        if (exchange->piece_ns > now_ns) {
            return false;
        }
        exchange_draw_piece(exchange, &size, &wait_ns);
        exchange->piece_ns += wait_ns;
        exchange->open = size < end - exchange->open ? exchange->open + size : end;
        return true;
    }
    exchange->open = end;
    return true;
}

enum exchange_step exchange_turn(struct exchange *exchange, uint64_t now_ns)
{
    if (now_ns < exchange->begin_ns) {
        exchange->wake_ns = exchange->begin_ns;
        return EXCHANGE_WAIT;
    }
    if (exchange->sent < exchange->open) {
        return EXCHANGE_SEND;
    }
    if (exchange->streamed && !exchange->stream.done) {
        exchange_fill(exchange, now_ns);
    }
    size_t end = exchange->out.size < exchange->stop ? exchange->out.size : exchange->stop;
    if (exchange->open < end) {
        if (exchange_open(exchange, end, now_ns)) {
            return EXCHANGE_SEND;
        }
        exchange->wake_ns = exchange->piece_ns;
        return EXCHANGE_WAIT;
    }
    if (exchange->streamed && !exchange->stream.done) {
        exchange->wake_ns = exchange->event_ns;
        return EXCHANGE_WAIT;
    }
    return exchange->after == AFTER_STALL ? EXCHANGE_STALL : EXCHANGE_DONE;
}

/* What was due has been handed over. What is dripped is late on purpose. */
static void exchange_count_lag(struct exchange *exchange, struct ledger *ledger, uint64_t now_ns)
{
    bool first = exchange->stream.index == exchange->due_count;

    for (uint32_t i = 0; i < exchange->due_count && !exchange_is_dripped(exchange); i++) {
        uint64_t due_ns = exchange->due_ns[i];
        if (due_ns < exchange->free_ns) {
            ledger->tokens_held_up++;
            continue;
        }
        if (!exchange->streamed) {
            lag_add(&ledger->delayed_answers, now_ns - due_ns);
            continue;
        }
        lag_add(&ledger->tokens, now_ns - due_ns);
        if (first && i == 0) {
            lag_add(&ledger->first_tokens, now_ns - due_ns);
        }
    }
    exchange->due_count = 0;
}

void exchange_on_sent(struct exchange *exchange, size_t size, struct ledger *ledger,
                      uint64_t now_ns)
{
    bool was_held_up = exchange->held_up;

    exchange->sent += size;
    assert(exchange->sent <= exchange->open);
    exchange_count_lag(exchange, ledger, now_ns);
    exchange->held_up = exchange->sent < exchange->open;
    if (was_held_up) {
        exchange->free_ns = now_ns;
    }
}

void exchange_free(struct exchange *exchange)
{
    blob_free(&exchange->out);
}
