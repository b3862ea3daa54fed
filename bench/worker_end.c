/*
 * worker_end: what a request came to, as bench/metric.h has it.
 *
 * Latency, service, queue and lag are of every request that was answered, with any status, or was
 * given up. What stands between its first and its last byte is of the good ones only.
 */
#include "bench/worker_parts.h"

#include "llm/member.h"
#include "llm/usage.h"

#include <stdio.h>
#include <string.h>

#define PAUSE_NS UINT64_C(10000000) /* closed loop: a slot that found no server */
#define UNREACHABLE_MAX 20

/* A request that has ended. */
struct ending {
    struct bench_slot *slot;
    const struct quoit_result *result;
    enum quoit_error error;      /* the result's, or what the events say */
    bool ok;                     /* 2xx, whole, no error */
    uint64_t values_ns[METRICS]; /* CSV_NONE: no value */
    uint64_t tokens_in, tokens_out;
    bool tokens_known; /* the server has counted them */
};

static uint64_t since(uint64_t later_ns, uint64_t earlier_ns)
{
    return later_ns > earlier_ns ? later_ns - earlier_ns : 0;
}

/* --- What it came to --- */

/* Does the answer of an LLM say that it is an error, whatever its status? */
static bool ending_has_error(const struct ending *ending)
{
    const struct quoit_span *body = &ending->result->body;
    struct json_member member;

    return ending->slot->item->form != STREAM_NONE &&
           member_find((struct json_span){ body->bytes, body->size }, "error", &member) &&
           member.kind != JSON_NULL;
}

static void ending_judge(struct ending *ending)
{
    const struct quoit_result *result = ending->result;
    struct bench_slot *slot = ending->slot;
    bool answered = result->error == QUOIT_OK;

    ending->error = result->error;
    if (!slot->streamed) {
        ending->ok = answered && result->status >= 200 && result->status < 300;
        if (ending->ok && ending_has_error(ending)) {
            ending->ok = false;
            ending->error = QUOIT_E_STREAM;
        }
        return;
    }
    ending->ok = event_reader_is_whole(&slot->reader, !answered) && !slot->reader.failed &&
                 !slot->incomplete;
    if (ending->ok) {
        ending->error =
            QUOIT_OK; /* it said that it was whole; what came behind that is no matter */
    } else if (answered) {
        ending->error = slot->incomplete      ? QUOIT_E_NO_MEMORY
                        : slot->reader.failed ? QUOIT_E_STREAM
                                              : QUOIT_E_INCOMPLETE;
    }
}

static void ending_count_tokens(struct ending *ending)
{
    const struct bench_slot *slot = ending->slot;
    const struct quoit_span *body = &ending->result->body;
    struct usage usage;

    if (!ending->ok) {
        return;
    }
    if (slot->streamed) {
        ending->tokens_known = slot->reader.usage_known;
        ending->tokens_in = slot->reader.tokens_in;
        ending->tokens_out = ending->tokens_known ? slot->reader.tokens_out : slot->tokens_count;
    } else if (slot->item->form != STREAM_NONE && body->size != 0 &&
               usage_read((struct json_span){ body->bytes, body->size }, &usage)) {
        ending->tokens_known = true;
        ending->tokens_in = usage.tokens_in;
        ending->tokens_out = usage.tokens_out;
    }
}

/* Was it answered, or given up when it was late? */
static bool ending_is_timed(const struct ending *ending)
{
    switch (ending->result->error) {
    case QUOIT_OK:
    case QUOIT_E_TIMEOUT_CONNECT:
    case QUOIT_E_TIMEOUT_TLS:
    case QUOIT_E_TIMEOUT_WRITE:
    case QUOIT_E_TIMEOUT_FIRST_BYTE:
    case QUOIT_E_TIMEOUT_IDLE:
    case QUOIT_E_TIMEOUT_TOTAL:
    case QUOIT_E_TIMEOUT_DEADLINE:
    case QUOIT_E_CANCELLED: /* by us only, when the grace was over */
        return true;
    case QUOIT_E_NO_MEMORY:
    case QUOIT_E_NO_SLOT:
    case QUOIT_E_ARGUMENT:
    case QUOIT_E_URL:
    case QUOIT_E_HEADER:
    case QUOIT_E_TLS_FILE:
    case QUOIT_E_NO_URING:
    case QUOIT_E_LOCKED_MEMORY:
    case QUOIT_E_THREAD:
    case QUOIT_E_FORKED:
    case QUOIT_E_STALE:
    case QUOIT_E_FINAL:
    case QUOIT_E_DNS:
    case QUOIT_E_CONNECT:
    case QUOIT_E_RESET:
    case QUOIT_E_TLS:
    case QUOIT_E_PROTOCOL:
    case QUOIT_E_INCOMPLETE:
    case QUOIT_E_TOO_LARGE:
    case QUOIT_E_NO_DESCRIPTOR:
    case QUOIT_E_PROXY:
    case QUOIT_E_NO_THREAD:
    case QUOIT_E_STREAM:
        return false;
    }
    return false;
}

static void ending_measure(struct ending *ending)
{
    const struct quoit_times *times = &ending->result->times;
    const struct bench_slot *slot = ending->slot;
    uint64_t *values = ending->values_ns;
    uint64_t connect_ns = 0;

    if (!ending->result->reused) {
        uint64_t open_ns = times->secured_ns != 0 ? times->secured_ns : times->connected_ns;
        connect_ns = since(open_ns, times->granted_ns);
    }
    if (ending->ok || ending_is_timed(ending)) {
        values[METRIC_LATENCY] = since(times->end_ns, slot->due_ns);
        values[METRIC_QUEUE] = since(slot->granted_ns, slot->due_ns);
        if (times->sent_ns != 0) {
            values[METRIC_SERVICE] = since(times->end_ns, times->sent_ns);
        }
        if (times->sent_ns != 0 && ending->result->attempts == 1) {
            values[METRIC_LAG] = since(times->sent_ns, slot->granted_ns + connect_ns);
        }
    }
    if (ending->ok) {
        uint64_t last_ns = times->end_ns;
        if (!ending->result->reused && ending->result->attempts == 1) {
            values[METRIC_CONNECT] = connect_ns; /* else the first attempt is in it */
        }
        if (slot->streamed && slot->tokens_count > 0) {
            uint64_t first_ns = slot->tokens_ns[0];
            last_ns = slot->tokens_ns[slot->tokens_count - 1];
            values[METRIC_TTFT] = since(first_ns, times->sent_ns);
            values[METRIC_TTFT_SCHEDULE] = since(first_ns, slot->due_ns);
            if (ending->tokens_out > 1) {
                values[METRIC_TPOT] = since(last_ns, first_ns) / (ending->tokens_out - 1);
            }
        }
        values[METRIC_E2EL] = since(last_ns, times->sent_ns);
    }
}

/* --- Where it is counted --- */

static bool ending_is_within_limits(const struct worker *worker, const struct ending *ending)
{
    uint64_t values[METRICS];

    memcpy(values, ending->values_ns, sizeof(values));
    if (ending->slot->streamed && ending->tokens_out <= 1) {
        values[METRIC_TPOT] = 0;
    }
    return ending->ok && goodput_is_met(&worker->plan->goodput, values);
}

/* Of all that end in the window, whenever they were due. */
static void worker_count_in_window(struct worker *worker, const struct ending *ending, bool within)
{
    uint64_t end_ns = ending->result->times.end_ns;
    struct tally *tally = worker->tally;

    if (end_ns < load_look(&worker->load->begin_ns) || end_ns > load_look(&worker->load->end_ns)) {
        return;
    }
    if (ending->ok) {
        tally->window_ok++;
        tally->window_within_limits += within;
        tally->window_tokens_in += ending->tokens_in;
        tally->window_tokens_out += ending->tokens_out;
    }
}

static void worker_add_gaps(struct worker *worker, const struct bench_slot *slot)
{
    for (uint32_t i = 1; i < slot->tokens_count; i++) {
        spread_add(&worker->tally->metrics[METRIC_ITL],
                   since(slot->tokens_ns[i], slot->tokens_ns[i - 1]));
    }
}

static void worker_add_record(struct worker *worker, const struct ending *ending)
{
    const struct quoit_result *result = ending->result;
    const struct bench_slot *slot = ending->slot;
    struct csv_record record = {
        .due_ns = slot->due_ns,
        .tokens_in = ending->tokens_in,
        .tokens_out = ending->tokens_out,
        .bytes_in = result->bytes_in,
        .bytes_out = result->bytes_out,
        .worker = worker->index,
        .status = result->status,
        .attempts = result->attempts,
        .error = ending->error,
        .ok = ending->ok,
        .reused = result->reused,
    };

    memcpy(record.values_ns, ending->values_ns, sizeof(record.values_ns));
    if (ending->ok && slot->tokens_count > 1) {
        record.values_ns[METRIC_ITL] =
            since(slot->tokens_ns[slot->tokens_count - 1], slot->tokens_ns[0]) /
            (slot->tokens_count - 1);
    }
    csv_put(worker->csv, worker->index, &record);
}

/* A phase that has two ends. */
static void worker_add_phase(struct worker *worker, enum phase phase, uint64_t from_ns,
                             uint64_t to_ns)
{
    if (from_ns != 0 && to_ns != 0) {
        histogram_add(&worker->tally->phases[phase], since(to_ns, from_ns));
    }
}

static void worker_add_phases(struct worker *worker, const struct quoit_result *result)
{
    const struct quoit_times *times = &result->times;
    uint64_t resolved_ns = times->resolved_ns != 0 ? times->resolved_ns : times->granted_ns;

    if (!result->reused && result->attempts == 1) { /* else the first attempt is in them */
        worker_add_phase(worker, PHASE_RESOLVE, times->granted_ns, times->resolved_ns);
        worker_add_phase(worker, PHASE_CONNECT, resolved_ns, times->connected_ns);
        worker_add_phase(worker, PHASE_TLS, times->connected_ns, times->secured_ns);
    }
    worker_add_phase(worker, PHASE_SEND, times->sent_ns, times->written_ns);
    worker_add_phase(worker, PHASE_WAIT, times->written_ns, times->first_byte_ns);
    worker_add_phase(worker, PHASE_RECEIVE, times->first_byte_ns, times->end_ns);
}

static void worker_count_measured(struct worker *worker, const struct ending *ending, bool within)
{
    const struct quoit_result *result = ending->result;
    uint64_t sent_ns = result->times.sent_ns;
    struct tally *tally = worker->tally;

    if (ending->error == QUOIT_E_CANCELLED && sent_ns == 0) {
        tally->unsent++; /* the grace was over before its connection was open */
        return;
    }
    tally->resent += result->attempts > 1;
    tally->ok += ending->ok;
    tally->failed += !ending->ok;
    tally->within_limits += within;
    if (ending->error != QUOIT_OK) {
        tally->errors[ending->error]++;
    } else {
        tally->statuses[result->status < TALLY_STATUSES ? result->status : 0]++;
    }
    tally->due_sent += sent_ns != 0 && sent_ns <= load_look(&worker->load->end_ns);
    tally->tokens_in += ending->tokens_in;
    tally->tokens_out += ending->tokens_out;
    if (ending->ok) {
        tally->tokens_known = tally->tokens_known || ending->tokens_known || ending->slot->streamed;
        tally->metered = tally->metered && ending->tokens_known;
        worker_add_gaps(worker, ending->slot);
        worker_add_phases(worker, result);
    }
    for (unsigned metric = 0; metric < METRICS; metric++) {
        if (ending->values_ns[metric] != CSV_NONE) {
            spread_add(&tally->metrics[metric], ending->values_ns[metric]);
        }
    }
    if (ending->values_ns[METRIC_LATENCY] != CSV_NONE) {
        pulse_add(&worker->pulse, PULSE_LATENCY, ending->values_ns[METRIC_LATENCY]);
    }
    if (ending->values_ns[METRIC_SERVICE] != CSV_NONE) {
        pulse_add(&worker->pulse, PULSE_SERVICE, ending->values_ns[METRIC_SERVICE]);
    }
    if (result->times.end_ns > tally->last_end_ns) {
        tally->last_end_ns = result->times.end_ns;
    }
    if (worker->csv != NULL) {
        worker_add_record(worker, ending);
    }
}

/* One that was not measured may have been the last that the window waited for. */
static void worker_count_warm(struct worker *worker, struct bench_slot *slot, uint64_t end_ns)
{
    const struct plan *plan = worker->plan;
    bool counts = plan->warm_requests != 0 || (plan->warm_slots && !slot->warmed);

    worker->tally->warm_requests++;
    slot->warmed = true;
    if (!plan->open_loop && counts && load_look(&worker->load->begin_ns) == LOAD_UNKNOWN &&
        atomic_fetch_sub(&worker->load->warm_left, 1) == 1) {
        load_begin(worker->load, end_ns);
    }
}

/* --- A server that is not there --- */

static bool worker_found_no_server(const struct quoit_result *result)
{
    return result->status == 0 &&
           (result->error == QUOIT_E_CONNECT || result->error == QUOIT_E_DNS ||
            result->error == QUOIT_E_TLS || result->error == QUOIT_E_TIMEOUT_CONNECT ||
            result->error == QUOIT_E_TIMEOUT_TLS || result->error == QUOIT_E_PROXY);
}

/* When nobody has ever answered, there is nothing to measure. */
static void worker_note_reach(struct worker *worker, const struct quoit_result *result)
{
    struct load *load = worker->load;
    uint64_t most = worker->plan->slots < UNREACHABLE_MAX ? worker->plan->slots : UNREACHABLE_MAX;

    if (worker->plan->open_loop && worker->plan->requests < most) {
        most = worker->plan->requests; /* a closed loop has no more slots than requests */
    }
    if (result->status != 0) {
        if (atomic_load_explicit(&load->answers, memory_order_relaxed) == 0) {
            atomic_fetch_add(&load->answers, 1);
        }
    } else if (worker_found_no_server(result) && atomic_load(&load->answers) == 0 &&
               atomic_fetch_add(&load->unreachable, 1) + 1 == most) {
        snprintf(load->detail, sizeof(load->detail), "%s", result->detail);
        load->detail_error = result->error;
        load_begin(load, worker->now_ns);
        load_end(load, worker->now_ns);
        atomic_store(&load->over_ns, worker->now_ns);
        atomic_store(&load->hopeless, true);
    }
}

/* --- The end --- */

static void worker_end(struct worker *worker, struct bench_slot *slot,
                       const struct quoit_result *result)
{
    struct ending ending = { .slot = slot, .result = result };
    uint64_t free_ns = result->times.end_ns;

    for (unsigned metric = 0; metric < METRICS; metric++) {
        ending.values_ns[metric] = CSV_NONE;
    }
    ending_judge(&ending);
    ending_count_tokens(&ending);
    ending_measure(&ending);
    bool within = ending_is_within_limits(worker, &ending);
    worker->ended++;
    worker->in_flight--;
    pulse_count(ending.ok ? &worker->pulse.ok : &worker->pulse.failed, 1);
    worker_count_in_window(worker, &ending, within);
    if (slot->measured) {
        worker_count_measured(worker, &ending, within);
    } else {
        worker_count_warm(worker, slot, result->times.end_ns);
    }
    worker_note_reach(worker, result);
    worker_note_full(worker);
    if (!worker->plan->open_loop && worker_found_no_server(result)) {
        free_ns += PAUSE_NS;
    }
    slots_give_back(&worker->slots, slot, free_ns);
}

void worker_refuse(struct worker *worker, struct bench_slot *slot, enum quoit_error error)
{
    const struct quoit_result result = {
        .error = error,
        .detail = quoit_error_message(error),
        .times = { .end_ns = worker->now_ns },
    };

    worker_end(worker, slot, &result);
}

/* Output of a model. */
static void worker_on_token(struct worker *worker, struct bench_slot *slot, uint64_t at_ns)
{
    uint32_t count = slot->tokens_count;

    if (slot->measured && count == 0) {
        pulse_add(&worker->pulse, PULSE_TTFT, since(at_ns, slot->sent_ns));
    } else if (slot->measured) {
        pulse_add(&worker->pulse, PULSE_ITL, since(at_ns, slot->tokens_ns[count - 1]));
    }
    pulse_count(&worker->pulse.tokens_out, 1);
    bench_slot_add_token(slot, at_ns);
}

static void worker_on_message(struct worker *worker, struct bench_slot *slot,
                              const struct quoit_event *event)
{
    struct event_reader *reader = &slot->reader;

    worker->tally->messages++;
    if (event->at_ns != slot->last_read_ns) {
        worker->tally->reads++;
        slot->last_read_ns = event->at_ns;
    }
    event_reader_feed(reader, (struct json_span){ event->name.bytes, event->name.size },
                      (struct json_span){ event->bytes.bytes, event->bytes.size });
    if (worker->plan->any_choice ? reader->has_choices : reader->carries) {
        worker_on_token(worker, slot, event->at_ns);
    }
}

void worker_on_event(struct worker *worker, const struct quoit_event *event)
{
    struct bench_slot *slot = event->context;

    switch (event->kind) {
    case QUOIT_HEAD:
        slot->streamed = true;
        slot->sent_ns = event->result->times.sent_ns;
        event_reader_begin(&slot->reader, slot->item->form);
        return;
    case QUOIT_PIECE:
        return;
    case QUOIT_MESSAGE:
        worker_on_message(worker, slot, event);
        return;
    case QUOIT_END:
        worker_end(worker, slot, event->result);
        return;
    }
}
