/*
 * api_batch: making a batch, sending, turning, stopping. See api_batch.h.
 */
#include "llm/api_batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT_DEFAULT 64
#define IN_FLIGHT_MOST 1000000 /* as of quoit_create */
#define OUTAGE_WAIT_NS (30 * UINT64_C(1000000000))
#define BODY_KEPT_MAX 16384 /* bytes that an idle ask keeps for its next body */
#define EVENTS_MAX 16
#define FILL_MAX 64 /* requests that one step makes, so that no loop is held up */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* No request has the id 0, so that this asks only whose the engine is. */
static enum quoit_error batch_check_thread(const struct quoit_llm_batch *batch)
{
    enum quoit_error error = quoit_cancel(batch->engine, 0);

    return error == QUOIT_E_STALE ? QUOIT_OK : error;
}

/* --- Create --- */

/* The engine is the caller's: is it free, and his thread's? */
static enum quoit_error batch_borrow_engine(struct quoit_llm_batch *batch,
                                            struct quoit_engine *engine)
{
    struct quoit_stats stats = { 0 };

    batch->engine = engine;
    enum quoit_error error = batch_check_thread(batch);
    if (error != QUOIT_OK) {
        return error;
    }
    quoit_stats_read(engine, &stats);
    bool idle = stats.queued + stats.waiting + stats.in_flight + stats.done == 0;
    return idle ? QUOIT_OK : QUOIT_E_ARGUMENT;
}

static enum quoit_error batch_make_engine(struct quoit_llm_batch *batch)
{
    /* Slots of requests that have just ended come free one turn later. */
    uint64_t requests_max = batch->asks_max + batch->in_flight_max + 64;
    struct quoit_options options = {
        .requests_max = requests_max > UINT32_MAX ? UINT32_MAX : (uint32_t)requests_max,
        .in_flight_max = batch->in_flight_max,
        .outage_wait_ns = OUTAGE_WAIT_NS,
    };
    enum quoit_error error = quoit_create(&options, &batch->engine);

    batch->engine_is_ours = error == QUOIT_OK;
    return error;
}

static enum quoit_error batch_open_engine(struct quoit_llm_batch *batch,
                                          const struct quoit_llm_options *options)
{
    batch->in_flight_max = options->in_flight_max == 0 ? IN_FLIGHT_DEFAULT : options->in_flight_max;
    /* More than may be in flight, so that some can wait while others are sent. */
    batch->asks_max = 4 * (size_t)batch->in_flight_max + 64;
    return options->engine == NULL ? batch_make_engine(batch)
                                   : batch_borrow_engine(batch, options->engine);
}

static enum quoit_error batch_make_tables(struct quoit_llm_batch *batch)
{
    size_t requests = batch->prompts_count / batch->batch_size + 1;

    batch->asks_max = batch->asks_max > requests ? requests : batch->asks_max;
    batch->asks = calloc(batch->asks_max, sizeof(*batch->asks));
    batch->answers = calloc(batch->prompts_count + 1, sizeof(*batch->answers));
    batch->order = calloc(batch->prompts_count + 1, sizeof(*batch->order));
    batch->alone = calloc(batch->asks_max, sizeof(*batch->alone));
    if (batch->asks == NULL || batch->answers == NULL || batch->order == NULL ||
        batch->alone == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    for (size_t i = batch->asks_max; i > 0; i--) {
        struct ask *ask = &batch->asks[i - 1];
        text_init(&ask->body, 0);
        ask->next = batch->idle;
        batch->idle = ask;
    }
    return QUOIT_OK;
}

static void batch_free(struct quoit_llm_batch *batch)
{
    for (size_t i = 0; batch->asks != NULL && i < batch->asks_max; i++) {
        text_free(&batch->asks[i].body);
    }
    if (batch->answers != NULL) {
        ask_free_answers(batch);
    }
    free(batch->asks);
    free(batch->answers);
    free(batch->order);
    free(batch->alone);
    quoit_llm_reply_free(&batch->reply);
    text_free(&batch->detail);
    text_free(&batch->code);
    body_free(&batch->body);
    target_free(&batch->target);
    free(batch);
}

/* What all requests have in common; where they go is still to come. */
static struct quoit_request batch_request(const struct quoit_llm_options *options)
{
    struct quoit_request request = options->request;

    request.method = NULL;
    request.start_ns = 0;
    request.stream = QUOIT_WHOLE;
    request.replay = QUOIT_REPLAY_YES;
    request.judge = true;
    return request;
}

static bool batch_options_are_good(const struct quoit_llm_options *options,
                                   const struct quoit_llm_batch *batch)
{
    for (size_t i = 0; i < COUNT_OF(options->reserved); i++) {
        if (options->reserved[i] != 0) {
            return false;
        }
    }
    return !batch->body.stream && body_takes(&batch->body, batch->batch_size) &&
           options->in_flight_max <= IN_FLIGHT_MOST;
}

/* Fill what create has zeroed. On an error, what was made is left for batch_free. */
static enum quoit_error batch_init(struct quoit_llm_batch *batch,
                                   const struct quoit_llm_options *options)
{
    const struct quoit_llm_parameters *parameters = &options->parameters;
    enum quoit_error error = body_init(&batch->body, parameters);

    if (error != QUOIT_OK) {
        return error;
    }
    batch->tokens_max = parameters->max_completion_tokens != 0 ? parameters->max_completion_tokens
                                                               : parameters->max_tokens;
    batch->batch_size = options->batch_size == 0 ? 1 : options->batch_size;
    batch->keep_bodies = options->keep_bodies;
    if (!batch_options_are_good(options, batch)) {
        return QUOIT_E_ARGUMENT;
    }
    error = target_init(&batch->target, options);
    error = error == QUOIT_OK ? batch_open_engine(batch, options) : error;
    error = error == QUOIT_OK ? batch_make_tables(batch) : error;
    batch->request = batch_request(options);
    batch->request.url = batch->target.url.bytes;
    batch->request.headers = batch->target.headers;
    batch->request.headers_count = batch->target.headers_count;
    return error;
}

enum quoit_error quoit_llm_batch_create(const struct quoit_llm_options *options,
                                        const struct quoit_llm_prompt *prompts,
                                        size_t prompts_count, struct quoit_llm_batch **batch_out)
{
    const struct quoit_llm_options defaults = { .base_url = NULL };
    struct quoit_llm_batch *batch = calloc(1, sizeof(*batch));

    if (batch == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    batch->prompts = prompts;
    batch->prompts_count = prompts_count;
    text_init(&batch->detail, 0);
    text_init(&batch->code, 0);
    enum quoit_error error = batch_init(batch, options == NULL ? &defaults : options);
    if (error != QUOIT_OK) {
        if (batch->engine_is_ours) {
            quoit_destroy(batch->engine);
        }
        batch_free(batch);
        return error;
    }
    *batch_out = batch;
    return QUOIT_OK;
}

/* --- Sending --- */

/* The prompts whose turn it is, at most as many as one request may have; none: all are taken. */
static struct range batch_peek(const struct quoit_llm_batch *batch)
{
    size_t left = batch->prompts_count - batch->next;

    if (batch->alone_count > 0) {
        return (struct range){ batch->alone[batch->alone_count - 1].first, 1 };
    }
    return (struct range){ batch->next, left < batch->batch_size ? left : batch->batch_size };
}

/* Take the first `count` of them. */
static void batch_take(struct quoit_llm_batch *batch, size_t count)
{
    if (batch->alone_count == 0) {
        batch->next += count;
        return;
    }
    struct range *alone = &batch->alone[batch->alone_count - 1];
    alone->first += count;
    alone->count -= count;
    batch->alone_count -= alone->count == 0;
}

/* How many of these prompts can go into one request; 0: the first cannot be sent. */
static size_t batch_gather(struct quoit_llm_batch *batch, struct range range,
                           enum quoit_error *error_out, const char **why_out)
{
    size_t count = 0;

    while (count < range.count) {
        const struct quoit_llm_prompt *prompt = &batch->prompts[range.first + count];
        *error_out = body_check(&batch->body, prompt, why_out);
        if (*error_out != QUOIT_OK) {
            break;
        }
        count++;
    }
    return count;
}

static enum quoit_error batch_submit(struct quoit_llm_batch *batch, struct ask *ask)
{
    struct quoit_request request = batch->request;

    request.body = (struct quoit_span){ ask->body.bytes, ask->body.size };
    request.context = ask;
    if (request.limit != NULL && request.limit_tokens == 0) {
        uint64_t tokens = ask->body.size / 4 + batch->tokens_max * ask->count;
        request.limit_tokens = tokens > UINT32_MAX ? UINT32_MAX : (uint32_t)tokens;
    }
    enum quoit_error error = quoit_submit(batch->engine, &request, &ask->id);
    if (error == QUOIT_E_NO_SLOT && batch->open == 0) {
        quoit_turn(batch->engine, 0); /* gives back the slots of requests that have just ended */
        error = quoit_submit(batch->engine, &request, &ask->id);
    }
    return error;
}

/* Send the next prompts. False: not now, all slots are taken. */
static bool batch_send(struct quoit_llm_batch *batch)
{
    enum quoit_error error = QUOIT_OK;
    const char *why = "";
    struct range range = batch_peek(batch);
    size_t first = range.first, count = batch_gather(batch, range, &error, &why);
    struct ask *ask = batch->idle;

    if (count == 0) {
        batch_take(batch, 1);
        ask_refuse(batch, first, 1, error, why);
        return true;
    }
    text_reset(&ask->body);
    body_write(&batch->body, &batch->prompts[first], count, &ask->body);
    *ask = (struct ask){ .first = first, .count = count, .body = ask->body, .next = ask->next };
    error = ask->body.failed ? QUOIT_E_NO_MEMORY : batch_submit(batch, ask);
    if (error == QUOIT_E_NO_SLOT && batch->open > 0) {
        return false;
    }
    batch_take(batch, count);
    if (error == QUOIT_OK) {
        batch->idle = ask->next;
        batch->open++;
    } else {
        ask_refuse(batch, first, count, error, "");
    }
    return true;
}

/*
 * How many more requests may be submitted. Not more than can be sent now: what stands in the
 * engine's queue could not be told from what was sent, should the batch stop.
 */
static uint64_t batch_room(const struct quoit_llm_batch *batch)
{
    struct quoit_stats stats = { 0 };

    quoit_stats_read(batch->engine, &stats);
    uint64_t busy = stats.in_flight + stats.queued;
    return batch->in_flight_max > busy ? batch->in_flight_max - busy : 0;
}

/*
 * Send what there is room for, within the bound; or, once it is stopped, end what was not sent.
 * True: there may be room for more.
 */
static bool batch_fill(struct quoit_llm_batch *batch)
{
    while (batch->stopped != NULL && batch_peek(batch).count > 0) {
        size_t index = batch_peek(batch).first;
        batch_take(batch, 1);
        ask_end(batch, index, batch->stopped);
    }
    uint64_t room = batch_room(batch);
    for (uint64_t i = 0; i < room && i < FILL_MAX; i++) {
        if (batch_peek(batch).count == 0 || batch->idle == NULL || !batch_send(batch)) {
            return false;
        }
    }
    return room > FILL_MAX;
}

/* --- Ends --- */

static void batch_give_back(struct quoit_llm_batch *batch, struct ask *ask)
{
    if (ask->body.size > BODY_KEPT_MAX) {
        text_free(&ask->body);
    }
    ask->id = 0;
    ask->next = batch->idle;
    batch->idle = ask;
    batch->open--;
}

/* The server refused these prompts together: it gets them once more, one by one. */
static void batch_split(struct quoit_llm_batch *batch, const struct ask *ask,
                        const struct quoit_result *result)
{
    assert(batch->alone_count < batch->asks_max);
    batch->alone[batch->alone_count++] = (struct range){ ask->first, ask->count };
    batch->attempts += result->attempts;
}

static void batch_on_end(struct quoit_llm_batch *batch, const struct quoit_event *event)
{
    struct ask *ask = event->context;
    const struct quoit_result *result = event->result;
    enum ask_verdict verdict = ask_judge(result);

    assert(event->kind == QUOIT_END);
    assert(ask->id == event->id);
    if (verdict == ASK_AGAIN && batch->stopped == NULL &&
        quoit_again(batch->engine, event->id, QUOIT_OK, 0) == QUOIT_OK) {
        return;
    }
    if (verdict == ASK_REFUSED && batch->stopped == NULL && ask->count > 1) {
        batch_split(batch, ask, result);
        batch_give_back(batch, ask);
        return;
    }
    if (verdict == ASK_STOP) {
        ask_stop(batch, result);
    }
    ask_settle(batch, ask, result);
    uint64_t tokens = batch->reply.tokens_in + batch->reply.tokens_out;
    if (batch->request.limit != NULL && result->error == QUOIT_OK && tokens != 0) {
        quoit_limit_settle(batch->request.limit, event->id, tokens);
    }
    batch_give_back(batch, ask);
}

/* An event of a request that is not the batch's is against the rules of the header. */
static bool batch_is_ask(const struct quoit_llm_batch *batch, const void *context)
{
    uintptr_t at = (uintptr_t)context;

    return at >= (uintptr_t)batch->asks && at < (uintptr_t)(batch->asks + batch->asks_max);
}

/* Hand over, wait for at most wait_ns, take what ended. False: nothing has. */
static bool batch_turn(struct quoit_llm_batch *batch, uint64_t wait_ns)
{
    struct quoit_event events[EVENTS_MAX];
    bool took = false;

    quoit_turn(batch->engine, wait_ns);
    for (uint32_t count; (count = quoit_next(batch->engine, events, EVENTS_MAX)) > 0;) {
        took = true;
        for (uint32_t i = 0; i < count; i++) {
            if (batch_is_ask(batch, events[i].context)) {
                batch_on_end(batch, &events[i]);
            }
        }
    }
    return took;
}

/* Is the batch stopped, with nothing in flight? What is open waits to be sent again. */
static bool batch_is_run_down(const struct quoit_llm_batch *batch)
{
    struct quoit_stats stats = { 0 };

    if (batch->stopped == NULL) {
        return false;
    }
    quoit_stats_read(batch->engine, &stats);
    return stats.in_flight == 0;
}

/* Cancel all that is under way, if the caller has asked for it, or if it is to no purpose. */
static void batch_look_at_cancel(struct quoit_llm_batch *batch)
{
    bool asked = atomic_load(&batch->cancel_asked);

    if (batch->cancelled || !(asked || batch_is_run_down(batch))) {
        return;
    }
    batch->cancelled = true;
    if (asked) {
        ask_stop_cancelled(batch);
    }
    for (size_t i = 0; i < batch->asks_max; i++) {
        if (batch->asks[i].id != 0) {
            quoit_cancel(batch->engine, batch->asks[i].id);
        }
    }
}

/*
 * Send what can be sent, and wait. What ends without having been sent ends at once. True: something
 * has happened, so that there may be more to send now.
 */
static bool batch_step(struct quoit_llm_batch *batch, uint64_t wait_ns)
{
    size_t ended = batch->ended;

    batch_look_at_cancel(batch);
    bool more = batch_fill(batch) || batch->ended > ended;
    return batch_turn(batch, more ? 0 : wait_ns) || more;
}

void quoit_llm_batch_wait(struct quoit_llm_batch *batch)
{
    if (batch_check_thread(batch) != QUOIT_OK) {
        return;
    }
    while (batch->ended < batch->prompts_count) {
        batch_step(batch, QUOIT_NEVER);
    }
}

size_t quoit_llm_batch_next(struct quoit_llm_batch *batch, uint64_t wait_ns)
{
    if (batch_check_thread(batch) != QUOIT_OK || batch->given == batch->prompts_count) {
        return SIZE_MAX;
    }
    uint64_t begin_ns = quoit_now_ns();
    for (uint64_t left_ns = wait_ns; batch->given == batch->ended;) {
        bool more = batch_step(batch, left_ns);
        if (batch->given == batch->ended && left_ns == 0) {
            if (more) {
                quoit_wake(batch->engine); /* who watches its fd comes again for the next step */
            }
            return SIZE_MAX;
        }
        uint64_t gone_ns = quoit_now_ns() - begin_ns;
        if (wait_ns != QUOIT_NEVER) {
            left_ns = gone_ns < wait_ns ? wait_ns - gone_ns : 0;
        }
    }
    return batch->order[batch->given++];
}

/* --- Looking, and giving up --- */

const struct quoit_llm_answer *quoit_llm_batch_answer(const struct quoit_llm_batch *batch,
                                                      size_t index)
{
    return index < batch->prompts_count ? batch->answers[index] : NULL;
}

void quoit_llm_batch_counts(const struct quoit_llm_batch *batch,
                            struct quoit_llm_counts *counts_out)
{
    struct quoit_stats stats = { 0 };

    if (batch_check_thread(batch) != QUOIT_OK) {
        return;
    }
    quoit_stats_read(batch->engine, &stats);
    *counts_out = (struct quoit_llm_counts){
        .prompts = batch->prompts_count,
        .ended = batch->ended,
        .good = batch->good,
        .in_flight = stats.in_flight,
        .attempts = batch->attempts,
        .tokens_in = batch->tokens_in,
        .tokens_out = batch->tokens_out,
    };
}

void quoit_llm_batch_cancel(struct quoit_llm_batch *batch)
{
    atomic_store(&batch->cancel_asked, true);
    quoit_wake(batch->engine);
}

void quoit_llm_batch_destroy(struct quoit_llm_batch *batch)
{
    if (batch == NULL || batch_check_thread(batch) != QUOIT_OK) {
        return;
    }
    atomic_store(&batch->cancel_asked, true);
    batch_look_at_cancel(batch);
    while (batch->open > 0) {
        batch_turn(batch, QUOIT_NEVER);
    }
    if (batch->engine_is_ours) {
        quoit_destroy(batch->engine);
    }
    batch_free(batch);
}
