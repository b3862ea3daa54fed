/*
 * exchange_begin: what a request gets, decided once, when it is whole.
 *
 * In order: the settings that hold for it, its hash and its place in the ledger, the plan, the
 * rate limits, the bytes of the answer, and where a fault cuts them.
 */
#include "mock/exchange.h"

#include "mock/hash.h"
#include "mock/text.h"

#include <assert.h>
#include <string.h>

#define EXCHANGE_OUT_KEEP (16u * 1024) /* memory kept from one answer to the next */

static void exchange_clear(struct exchange *exchange, uint64_t now_ns)
{
    blob_clear(&exchange->out, EXCHANGE_OUT_KEEP);
    exchange->streamed = false;
    exchange->counted = true;
    exchange->cut = false;
    exchange->after = AFTER_KEEP;
    exchange->late_ns = 0;
    exchange->sent = 0;
    exchange->open = 0;
    exchange->stop = SIZE_MAX;
    exchange->begin_ns = now_ns;
    exchange->event_ns = now_ns;
    exchange->piece_ns = now_ns;
    exchange->free_ns = 0;
    exchange->held_up = false;
    exchange->due_count = 0;
    exchange->plan.faults = 0;
}

/* The key that a request's headers give it, or NULL. */
static const char *exchange_key(const struct incoming *incoming)
{
    const char *key = incoming_header(incoming, "x-custom-id");
    return key != NULL ? key : incoming_header(incoming, "idempotency-key");
}

/* Ask the buckets. What both have is taken from both, else from neither. */
static void exchange_admit(struct exchange *exchange, struct shared *shared, uint64_t now_ns)
{
    struct answer_request *request = &exchange->request;
    double tokens = (double)(request->incoming->body.size / 4 + 1) +
                    (double)exchange->plan.tokens * (double)exchange->question.choices;

    if (!question_is_metered(&exchange->question)) {
        return;
    }
    bool has_requests = quota_has(&shared->requests, 1, now_ns);
    bool has_tokens = quota_has(&shared->tokens, tokens, now_ns);
    if (has_requests && has_tokens) {
        quota_take(&shared->requests, 1);
        quota_take(&shared->tokens, tokens);
        return;
    }
    shared->ledger.rate_limited++;
    uint64_t requests_ns = quota_wait_ns(&shared->requests, 1);
    uint64_t tokens_ns = quota_wait_ns(&shared->tokens, tokens);
    request->limited = has_requests ? "tokens" : "requests";
    request->limited_ns = requests_ns > tokens_ns ? requests_ns : tokens_ns;
}

/* What the Keep-Alive header says: "timeout=5, max=100", or one of the two. */
static void exchange_write_hint(struct exchange *exchange, const struct options *options,
                                uint64_t left)
{
    char timeout[24] = "";
    char max[28] = "";

    if (options->keep_alive_ns != 0) {
        snprintf(timeout, sizeof(timeout), "timeout=%u",
                 (unsigned)(options->keep_alive_ns / NS_PER_S));
    }
    if (options->keep_alive_max != 0) {
        snprintf(max, sizeof(max), "max=%u", (unsigned)left);
    }
    snprintf(exchange->hint, sizeof(exchange->hint), "%s%s%s", timeout,
             *timeout != '\0' && *max != '\0' ? ", " : "", max);
}

/* Whether the connection outlives this answer, and what its head says about that. */
static void exchange_decide_end(struct exchange *exchange, const struct options *options,
                                uint64_t connection_request)
{
    struct answer_request *request = &exchange->request;
    const struct plan *plan = &exchange->plan;
    uint64_t max = options->keep_alive_max;
    bool old =
        request->incoming->parser.http_major == 1 && request->incoming->parser.http_minor == 0;
    bool streamed = answer_is_streamed(request);
    bool events = streamed && exchange->question.kind != QUESTION_PAGE;

    request->unframed =
        plan_has(plan, FAULT_CLOSE_DELIMITED) || (events && (old || plan_has(plan, FAULT_HTTP10)));
    request->chunked = !request->unframed && (events || plan_has(plan, FAULT_CHUNKED));
    request->closes = request->unframed || !request->incoming->keep_alive ||
                      plan_has(plan, FAULT_HTTP10) ||
                      (options->requests_per_connection_max != 0 &&
                       connection_request >= options->requests_per_connection_max);
    exchange->after = request->closes ? AFTER_CLOSE : AFTER_KEEP;
    request->hint = NULL;
    if (options->keep_alive_ns != 0 || max != 0) {
        exchange_write_hint(exchange, options, max == 0 ? 0 : max - connection_request);
        if (max != 0 && connection_request >= max) {
            exchange->after = AFTER_CLOSE;
        }
        request->hint = exchange->hint;
    }
}

/* Faults that leave the answer whole. */
static void exchange_decide_after(struct exchange *exchange)
{
    const struct plan *plan = &exchange->plan;

    if (plan_has(plan, FAULT_SECOND_RESPONSE) && !exchange->streamed) {
        answer_write_poison(&exchange->out);
    }
    if (plan_has(plan, FAULT_LATE_RESPONSE)) {
        exchange->after = AFTER_LATE;
        exchange->late_ns = plan->arguments[FAULT_LATE_RESPONSE][0];
    }
    if (plan_has(plan, FAULT_KEY_UPDATE) && exchange->after == AFTER_KEEP) {
        exchange->after = AFTER_KEY_UPDATE;
    }
    if (plan_has(plan, FAULT_CLOSE_AFTER) || plan_has(plan, FAULT_EARLY)) {
        exchange->after = AFTER_CLOSE;
    }
    if (plan_has(plan, FAULT_NO_CLOSE_NOTIFY)) {
        exchange->after = AFTER_CLOSE_QUIET;
    }
    if (plan_has(plan, FAULT_HALF_RECORD)) {
        exchange->after = AFTER_HALF_RECORD;
    }
    if (plan_has(plan, FAULT_RESET_AFTER) || plan_has(plan, FAULT_EARLY_RESET)) {
        exchange->after = AFTER_RESET;
    }
}

/* Keep back what lies behind `place` of the answer, and then do `after`. */
static void exchange_cut(struct exchange *exchange, size_t place, enum exchange_after after)
{
    exchange->stop = place;
    exchange->stream.done = true; /* of a stream nothing more is made */
    exchange->after = after;
    exchange->cut = true;
}

/* Where a body is cut that lies in the blob; a stream cuts itself. */
static void exchange_cut_body(struct exchange *exchange, enum fault fault,
                              const struct answer_shape *shape, enum exchange_after after)
{
    size_t size = exchange->out.size - shape->body_begin;
    uint64_t asked = exchange->plan.arguments[fault][0];
    size_t kept = asked == 0 ? (size + 1) / 2 : (size_t)(asked < size ? asked : size);

    exchange->cut = true;
    if (exchange->streamed) {
        exchange->after = after;
        return;
    }
    exchange_cut(exchange, shape->body_begin + kept, after);
}

/* Faults that cut the answer; of several the first of this list. */
static void exchange_decide_cut(struct exchange *exchange, const struct answer_shape *shape)
{
    const struct plan *plan = &exchange->plan;
    size_t mid_head = (shape->head_begin + shape->body_begin) / 2;

    if (plan_has(plan, FAULT_RESET)) {
        exchange_cut(exchange, 0, AFTER_RESET);
    } else if (plan_has(plan, FAULT_CLOSE_BEFORE)) {
        exchange_cut(exchange, 0, AFTER_CLOSE);
    } else if (plan_has(plan, FAULT_STALL_BEFORE)) {
        exchange_cut(exchange, 0, AFTER_STALL);
    } else if (plan_has(plan, FAULT_GARBAGE)) {
        blob_clear(&exchange->out, EXCHANGE_OUT_KEEP);
        answer_write_garbage(&exchange->out);
        exchange_cut(exchange, SIZE_MAX, AFTER_CLOSE);
    } else if (plan_has(plan, FAULT_STALL_HEAD)) {
        exchange_cut(exchange, mid_head, AFTER_STALL);
    } else if (plan_has(plan, FAULT_CLOSE_MID_HEAD)) {
        exchange_cut(exchange, mid_head, AFTER_CLOSE);
    } else if (plan_has(plan, FAULT_STALL_MID_BODY)) {
        exchange_cut_body(exchange, FAULT_STALL_MID_BODY, shape, AFTER_STALL);
    } else if (plan_has(plan, FAULT_CLOSE_MID_BODY)) {
        bool quiet = plan_has(plan, FAULT_NO_CLOSE_NOTIFY);
        exchange_cut_body(exchange, FAULT_CLOSE_MID_BODY, shape,
                          quiet ? AFTER_CLOSE_QUIET : AFTER_CLOSE);
    } else if (plan_has(plan, FAULT_RESET_MID_BODY)) {
        exchange_cut_body(exchange, FAULT_RESET_MID_BODY, shape, AFTER_RESET);
    }
}

/* Where a fault cuts a stream; UINT64_MAX: nowhere. */
static uint64_t exchange_stream_cut(const struct plan *plan)
{
    static const enum fault cuts[] = { FAULT_STALL_MID_BODY, FAULT_CLOSE_MID_BODY,
                                       FAULT_RESET_MID_BODY };

    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        if (plan_has(plan, cuts[i])) {
            return plan->arguments[cuts[i]][0];
        }
    }
    return UINT64_MAX;
}

/* The plan is made: write the answer, and set its times. */
static void exchange_answer(struct exchange *exchange, const struct behaviour *behaviour,
                            const struct options *options, uint64_t connection_request,
                            uint64_t now_ns)
{
    struct answer_shape shape = { 0 };
    const struct plan *plan = &exchange->plan;

    exchange_decide_end(exchange, options, connection_request);
    exchange->streamed = answer_is_streamed(&exchange->request);
    if (exchange->streamed) {
        stream_init(&exchange->stream, &exchange->request, behaviour->body_size,
                    exchange_stream_cut(plan));
        exchange->stream.done = exchange->request.incoming->parser.method == HTTP_HEAD;
    }
    answer_write(&exchange->request, &exchange->out, &shape);
    exchange->begin_ns = now_ns + plan->latency_ns;
    exchange->event_ns = now_ns + plan->ttft_ns;
    if (exchange->event_ns < exchange->begin_ns) {
        exchange->event_ns = exchange->begin_ns;
    }
    exchange->piece_ns = exchange->begin_ns;
    if (!exchange->streamed && plan->latency_ns != 0) {
        exchange->due_ns[exchange->due_count++] = exchange->begin_ns;
    }
    exchange_decide_after(exchange);
    exchange_decide_cut(exchange, &shape);
}

/* One line of --log: when, where, what, whose, and what it gets. */
static void exchange_log(const struct exchange *exchange, struct shared *shared,
                         uint64_t connection_request, uint64_t now_ns)
{
    const struct incoming *incoming = exchange->request.incoming;
    const char *key = exchange->request.key;

    fprintf(shared->log, "%.3f\t%llu\t%s\t%.*s\t%016llx\t%s\t%llu\t%u\t%08x\n",
            (double)(now_ns - shared->ledger.started_ns) / 1e6,
            (unsigned long long)connection_request, incoming_method(incoming),
            (int)incoming->target.size, incoming->target.bytes,
            (unsigned long long)exchange->request.body_hash, key == NULL ? "-" : key,
            (unsigned long long)exchange->request.execution,
            exchange->request.limited != NULL ? 429 : exchange->plan.status, exchange->plan.faults);
}

static void exchange_count(const struct exchange *exchange, struct ledger *ledger)
{
    uint16_t status = exchange->request.limited != NULL ? 429 : exchange->plan.status;

    ledger->statuses[status]++;
    if (exchange->plan.faults != 0) {
        for (enum fault fault = 0; fault < FAULTS; fault++) {
            ledger->faults[fault] += plan_has(&exchange->plan, fault) ? 1 : 0;
        }
    }
}

/* Stall the mock, for as long as the body says, as soon as the answer to this is out. */
static bool exchange_stall(struct shared *shared, const struct blob *body, uint64_t now_ns)
{
    char text[32] = "";
    uint64_t length_ns = 0;

    if (body->size == 0 || body->size >= sizeof(text)) {
        return false;
    }
    memcpy(text, body->bytes, body->size);
    text[strcspn(text, "\r\n")] = '\0';
    if (!text_to_ns(text, &length_ns)) {
        return false;
    }
    shared_stall(shared, now_ns, length_ns);
    return true;
}

/* The mock's own paths, which are in no ledger. */
static bool exchange_answer_for_mock(struct exchange *exchange, struct shared *shared,
                                     const struct incoming *incoming, uint64_t now_ns)
{
    struct blob json = { 0 };
    bool closes = !incoming->keep_alive;

    switch (exchange->question.kind) {
    case QUESTION_LEDGER:
        ledger_write(&shared->ledger, &json, now_ns);
        break;
    case QUESTION_LEDGER_RESET:
        ledger_reset(&shared->ledger, now_ns);
        shared->requests_seen = 0;
        blob_text(&json, "{\"reset\":true}\n");
        break;
    case QUESTION_SETTINGS:
        if (!behaviour_read_lines(&shared->behaviour, &incoming->body)) {
            answer_write_refusal(400, "a line was not understood", closes, &exchange->out);
        }
        blob_text(&json, "{\"set\":true}\n");
        break;
    case QUESTION_STALL:
        if (!exchange_stall(shared, &incoming->body, now_ns)) {
            answer_write_refusal(400, "not a length of time", closes, &exchange->out);
        }
        blob_text(&json, "{\"stalls\":true}\n");
        break;
    case QUESTION_CHAT:
    case QUESTION_COMPLETION:
    case QUESTION_EMBEDDING:
    case QUESTION_RESPONSES:
    case QUESTION_MESSAGES:
    case QUESTION_MODELS:
    case QUESTION_ECHO:
    case QUESTION_RAW:
    case QUESTION_MISSING:
    case QUESTION_PAGE:
        return false;
    }
    if (exchange->out.size == 0) {
        answer_write_json(&json, closes, &exchange->out);
    }
    if (shared->log != NULL) {
        fflush(shared->log); /* whoever asks now may read the log next */
    }
    blob_free(&json);
    exchange->counted = false;
    exchange->after = closes ? AFTER_CLOSE : AFTER_KEEP;
    return true;
}

/* The settings that hold for this request: its own, in *own_out, or everybody's; NULL: wrong. */
static const struct behaviour *exchange_behaviour(const struct shared *shared,
                                                  const struct incoming *incoming,
                                                  struct behaviour *own_out, const char **wrong_out)
{
    *wrong_out = NULL;
    if (!incoming->has_behaviour) {
        return &shared->behaviour;
    }
    *own_out = shared->behaviour;
    *wrong_out = behaviour_read_headers(own_out, incoming);
    return own_out;
}

static void exchange_set_request(struct exchange *exchange, const struct shared *shared,
                                 const struct incoming *incoming, const struct behaviour *behaviour)
{
    exchange->request = (struct answer_request){
        .incoming = incoming,
        .question = &exchange->question,
        .plan = &exchange->plan,
        .behaviour = behaviour,
        .requests = &shared->requests,
        .tokens = &shared->tokens,
        .key = exchange_key(incoming),
        .seed = shared->options->seed,
    };
}

void exchange_begin(struct exchange *exchange, struct shared *shared,
                    const struct incoming *incoming, uint64_t connection_request, uint64_t now_ns)
{
    struct answer_request *request = &exchange->request;
    struct behaviour own;
    const char *wrong = NULL;

    exchange_clear(exchange, now_ns);
    question_read(&exchange->question, incoming);
    if (exchange_answer_for_mock(exchange, shared, incoming, now_ns)) {
        return;
    }
    const struct behaviour *behaviour = exchange_behaviour(shared, incoming, &own, &wrong);
    exchange_set_request(exchange, shared, incoming, behaviour);
    request->body_hash = hash_of(incoming->body.bytes, incoming->body.size);
    request->execution = ledger_on_execution(&shared->ledger, request->key, request->body_hash);
    if (behaviour->answer_to_key && request->key != NULL) {
        request->body_hash = hash_of(request->key, strlen(request->key));
    }
    shared->requests_seen++;
    if (wrong != NULL) {
        shared->ledger.refused++;
        answer_write_refusal(400, wrong, !incoming->keep_alive, &exchange->out);
        exchange->after = incoming->keep_alive ? AFTER_KEEP : AFTER_CLOSE;
        return;
    }
    struct plan_place place = {
        .seed = shared->options->seed,
        .body_hash = request->body_hash,
        .execution = request->execution,
        .request = shared->requests_seen,
        .connection_request = connection_request,
        .body = &incoming->body,
    };
    plan_make(&exchange->plan, behaviour, &exchange->question, &place);
    if (plan_has(&exchange->plan, FAULT_EARLY) || plan_has(&exchange->plan, FAULT_EARLY_RESET)) {
        bool reset = plan_has(&exchange->plan, FAULT_EARLY_RESET);
        enum fault fault = reset ? FAULT_EARLY_RESET : FAULT_EARLY;
        exchange->plan.status = (uint16_t)exchange->plan.arguments[fault][0];
    }
    exchange_admit(exchange, shared, now_ns);
    exchange_answer(exchange, behaviour, shared->options, connection_request, now_ns);
    exchange_count(exchange, &shared->ledger);
    if (shared->log != NULL) {
        exchange_log(exchange, shared, connection_request, now_ns);
    }
    request->behaviour = NULL; /* `own` ends here */
}

bool exchange_begin_early(struct exchange *exchange, struct shared *shared,
                          const struct incoming *incoming, uint64_t connection_request,
                          uint64_t now_ns)
{
    struct answer_request *request = &exchange->request;
    struct behaviour own;
    const char *wrong = NULL;

    if (!incoming->has_behaviour && shared->behaviour.faults_count == 0) {
        return false;
    }
    exchange_clear(exchange, now_ns);
    const struct behaviour *behaviour = exchange_behaviour(shared, incoming, &own, &wrong);
    if (wrong != NULL) {
        return false; /* said when the request is whole */
    }
    exchange->question = (struct question){ .kind = question_kind_of(incoming), .choices = 1 };
    exchange_set_request(exchange, shared, incoming, behaviour);
    /* The body's hash is not known yet, so chance goes by the number of the request. */
    struct plan_place place = {
        .seed = shared->options->seed,
        .body_hash = shared->requests_seen + 1,
        .request = shared->requests_seen + 1,
        .connection_request = connection_request,
    };
    plan_make(&exchange->plan, behaviour, &exchange->question, &place);
    bool reset = plan_has(&exchange->plan, FAULT_EARLY_RESET);
    if (!reset && !plan_has(&exchange->plan, FAULT_EARLY)) {
        return false;
    }
    shared->requests_seen++;
    enum fault fault = reset ? FAULT_EARLY_RESET : FAULT_EARLY;
    exchange->plan.status = (uint16_t)exchange->plan.arguments[fault][0];
    exchange->question.stream = false;
    exchange_answer(exchange, behaviour, shared->options, connection_request, now_ns);
    exchange->after = reset ? AFTER_RESET : AFTER_CLOSE;
    exchange_count(exchange, &shared->ledger);
    request->behaviour = NULL;
    return true;
}

void exchange_begin_refusal(struct exchange *exchange, uint16_t status, uint64_t now_ns)
{
    exchange_clear(exchange, now_ns);
    answer_write_refusal(status, "this is not a request that the mock can read", true,
                         &exchange->out);
    exchange->after = AFTER_CLOSE;
    exchange->counted = false;
}
