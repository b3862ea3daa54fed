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
           exchange->out.size - exchange->sent < EXCHANGE_OUT_MAX) {
        stream_write_next(stream, &exchange->request, &exchange->out);
        if (!page) {
            exchange->event_ns += delay_draw_ns(&exchange->plan.gap, &exchange->plan.chance);
        }
    }
}

/* The size and the interval of the pieces in which the answer goes out; false: as it is. */
static bool exchange_is_dripped(struct exchange *exchange, size_t *size_out, uint64_t *wait_ns_out)
{
    struct plan *plan = &exchange->plan;

    if (plan_has(plan, FAULT_DRIP)) {
        *wait_ns_out = plan->arguments[FAULT_DRIP][0];
        *size_out = (size_t)plan->arguments[FAULT_DRIP][1];
        *size_out = *size_out == 0 ? 1 : *size_out;
        return true;
    }
    if (plan_has(plan, FAULT_CUT)) {
        *wait_ns_out = plan->arguments[FAULT_CUT][0];
        *size_out = 1 + (size_t)(chance_next(&plan->chance) % EXCHANGE_CUT_MAX);
        return true;
    }
    return false;
}

/* Open what may be sent next. False: a drip's next piece is not due. */
static bool exchange_open(struct exchange *exchange, size_t end, uint64_t now_ns)
{
    size_t size = 0;
    uint64_t wait_ns = 0;

    if (plan_has(&exchange->plan, FAULT_DRIP) || plan_has(&exchange->plan, FAULT_CUT)) {
        if (exchange->piece_ns > now_ns) {
            return false;
        }
        exchange_is_dripped(exchange, &size, &wait_ns);
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

void exchange_on_sent(struct exchange *exchange, size_t size)
{
    exchange->sent += size;
    assert(exchange->sent <= exchange->open);
}

void exchange_free(struct exchange *exchange)
{
    blob_free(&exchange->out);
}
