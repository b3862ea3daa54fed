/*
 * engine_end: how an attempt ends, and what follows: the next attempt, or DONE.
 *
 * Everything ends here, once per attempt, when the kernel holds nothing of it any more: answers,
 * failures, timeouts, cancelling. The policy is retry.c's; this file tells it what happened and
 * does what it says.
 */
#include "engine/engine.h"

#include "base/bits.h"
#include "http/hints.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t unix_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / NS_PER_MS;
}

static bool status_is_good(uint32_t status)
{
    return status >= 200 && status < 300;
}

/* -------- the result -------- */

/* A line for people. A connection that never came to be was one to the proxy, if there is one. */
static void engine_note_detail(struct slot *slot, const struct attempt_end *end)
{
    const char *detail = end->detail == NULL ? "" : end->detail;
    bool unreached = end->error == QUOIT_E_DNS || end->error == QUOIT_E_CONNECT ||
                     end->error == QUOIT_E_TIMEOUT_CONNECT;
    bool at_proxy = slot->lane->origin->proxy != NULL && slot->state == SLOT_ACTIVE && unreached &&
                    (end->conn == NULL || end->conn->connected_ns == 0);

    snprintf(slot->detail, sizeof(slot->detail), "%s%s%s", at_proxy ? "the proxy" : "",
             at_proxy && detail[0] != '\0' ? ": " : "", detail);
}

/* Fill the slot's result from the attempt that has ended. */
static void engine_note_result(struct slot *slot, const struct attempt_end *end)
{
    struct quoit_result *result = &slot->result;
    const struct conn *conn = end->conn;

    result->error = slot->stream_error != QUOIT_OK ? slot->stream_error : end->error;
    result->os_error = result->error == QUOIT_OK ? 0 : end->os_error;
    slot->detail[0] = '\0';
    if (result->error != QUOIT_OK) {
        engine_note_detail(slot, end);
    }
    result->detail = slot->detail;
    result->status = 0;
    result->headers_count = 0;
    result->headers = NULL;
    result->body = (struct quoit_span){ "", 0 };
    result->bytes_in = 0;
    result->bytes_out = 0;
    result->reused = false;
    result->times.granted_ns = slot->granted_ns;
    result->times.resolved_ns = slot->resolved_ns;
    result->times.connected_ns = 0;
    result->times.secured_ns = 0;
    result->times.sent_ns = 0;
    result->times.written_ns = 0;
    result->times.first_byte_ns = 0;
    if (conn == NULL) {
        return;
    }
    if (!slot->sending) { /* it got no further than opening */
        result->times.connected_ns = conn->connected_ns;
        result->times.secured_ns = conn->secured_ns;
        return;
    }
    if (!conn->reused) {
        result->times.connected_ns = conn->connected_ns;
        result->times.secured_ns = conn->secured_ns;
    }
    result->times.sent_ns = conn->sent_ns;
    if (conn_has_sent_all(conn)) {
        result->times.written_ns = conn->written_ns != 0 ? conn->written_ns : conn->sent_ns;
    }
    result->times.first_byte_ns = conn->first_byte_ns;
    result->reused = conn->reused;
    result->bytes_out = conn->sent;
    result->bytes_in = conn->received;
    engine_show_head(slot, conn);
    if (!slot->streams) {
        result->body = buffer_span(&slot->answer);
    }
}

/* Count how a slot has ended; `by` is 1, or -1 to take that back. */
static void engine_count(struct quoit_engine *engine, const struct slot *slot, uint64_t by)
{
    struct quoit_stats *stats = &engine->stats;

    if (slot->result.error == QUOIT_OK) {
        stats->succeeded += by;
    } else if (slot->result.error == QUOIT_E_CANCELLED) {
        stats->cancelled += by;
    } else {
        stats->failed += by;
    }
}

/* -------- the limit -------- */

/* The attempt is over, as its limit sees it. */
static void engine_leave_limit(struct slot *slot)
{
    if (slot->limited && slot->lane->limit != NULL) {
        limiter_leave(&slot->lane->limit->limiter, slot->limit_tokens);
    }
    slot->limited = false;
}

/* What the attempt took was not used. */
static void engine_give_back_tokens(struct slot *slot)
{
    if (slot->lane->limit != NULL) {
        limiter_settle(&slot->lane->limit->limiter, slot->limit_held, 0);
    }
    slot->limit_held = 0;
}

/* What the answer says of the server's limits. */
static void engine_learn(struct quoit_engine *engine, struct slot *slot)
{
    const struct hints_bucket nothing = { HINTS_NONE, HINTS_NONE, HINTS_NONE };
    const struct quoit_result *result = &slot->result;
    struct quoit_limit *limit = slot->lane->limit;
    struct hints_rate said = { nothing, nothing };
    bool refused = result->status == 429;

    if (!slot->limited || limit == NULL || result->status == 0) {
        return;
    }
    if (!hints_rate_read(result->headers, result->headers_count, &said) && !refused) {
        return;
    }
    limiter_learn(&limit->limiter, &(struct limiter_answer){
                                       .mark = &slot->limit_mark,
                                       .tokens = slot->limit_tokens,
                                       .said = &said,
                                       .refused = refused,
                                       .now_ns = engine_now_ns(engine),
                                       .chance = engine_chance(engine),
                                   });
    if (refused) {
        slot->limit_held = 0;
    }
    if (engine->origins_count > 1) {
        engine_wake_limit(engine, limit); /* else its lanes are woken with their origin's */
    }
}

/* -------- the end -------- */

/* The result is final: DONE, with END among the events. */
static void engine_finish(struct quoit_engine *engine, struct slot *slot)
{
    engine_leave_limit(slot);
    slot->result.times.end_ns = engine_now_ns(engine);
    slot->result.retries = slot->retries;
    slot_move(&engine->slots, slot, SLOT_DONE);
    engine_count(engine, slot, 1);
    engine_make_ready(engine, slot);
}

void engine_end_slot(struct quoit_engine *engine, struct slot *slot, enum quoit_error error,
                     const char *detail)
{
    struct attempt_end end = { .error = error, .detail = detail };

    assert(slot->state == SLOT_QUEUED || slot->state == SLOT_WAITING);
    timer_stop(&engine->timers, &slot->timer);
    slot_reset_answer(slot);
    slot->resolved_ns = 0;
    slot->sending = false;
    engine_note_result(slot, &end);
    if (slot->limited) { /* it was let in, and then could not go */
        engine_give_back_tokens(slot);
    }
    engine_finish(engine, slot);
    engine_wake_lane(engine, slot->lane); /* who stood behind it may have less to wait for */
}

void engine_refuse_retry(struct quoit_engine *engine, struct slot *slot)
{
    assert(slot->state == SLOT_WAITING);
    if (engine->options.outage_wait_ns > 0) {
        uint64_t next_ns = engine_now_ns(engine) + NS_PER_S;
        timer_set(&engine->timers, &slot->timer, min_u64(next_ns, slot->deadline_ns));
    } else {
        slot->retries--;
        engine_finish(engine, slot); /* with the result of its last attempt */
    }
}

/* -------- what follows -------- */

/* How often it was asked for a slower pace before; what was in flight then counts as one. */
static uint32_t engine_paces(const struct quoit_engine *engine, const struct origin *origin)
{
    bool resting = origin->rest_ns > engine_now_ns(engine);

    return resting && origin->paces > 0 ? origin->paces - 1 : origin->paces;
}

static struct retry_case engine_case(const struct quoit_engine *engine, const struct slot *slot,
                                     const struct conn *conn)
{
    const struct quoit_result *result = &slot->result;
    struct retry_case last = {
        .error = result->error,
        .status = result->status,
        .asked_ns = RETRY_NOT_ASKED,
        .should_retry = -1,
        .reused = result->reused,
        .replayable = slot->replayable,
        .resent = slot->resent,
        .retries = slot->retries,
        .retries_max = slot->retries_max,
        .late = slot->late,
        .paces = engine_paces(engine, slot->lane->origin),
        .paced_ns = slot->paced_ns,
    };

    if (conn != NULL && slot->sending) {
        last.sent = true;
        last.sent_in_full = conn_has_sent_all(conn);
        last.started = conn->response.started;
    }
    if (result->status != 0 && !status_is_good(result->status)) {
        last.asked_ns = hints_retry_wait_ns(result->headers, result->headers_count, unix_ms());
        last.should_retry = hints_should_retry(result->headers, result->headers_count);
    }
    return last;
}

/* What the attempt says about its origin: is it up, does it ask for a slower pace? */
static void engine_note_origin(struct quoit_engine *engine, struct slot *slot,
                               const struct retry_case *last)
{
    struct origin *origin = slot->lane->origin;

    if (outage_is_failure(last)) {
        origin->reached &= slot->sending;
        if (!engine->options.no_outages &&
            outage_fail(&origin->outage, slot->probe, engine_now_ns(engine))) {
            engine->stats.outages++;
        }
        origin->down_error = last->error == QUOIT_OK ? QUOIT_E_CONNECT : last->error;
        if (last->error == QUOIT_OK) {
            snprintf(origin->down_detail, sizeof(origin->down_detail), "it answers %u",
                     last->status);
        } else {
            memcpy(origin->down_detail, slot->detail, sizeof(slot->detail));
        }
    } else if (last->error == QUOIT_OK || last->started) {
        outage_end(&origin->outage);
    } else if (slot->probe) {
        outage_probe_again(&origin->outage, engine_now_ns(engine)); /* it says nothing */
    }
    if (last->error == QUOIT_OK && status_is_good(last->status)) {
        origin->paces = 0;
    }
    slot->probe = false;
}

/* Let the slot wait for its next attempt. */
static void engine_wait(struct quoit_engine *engine, struct slot *slot, uint64_t wait_ns)
{
    uint64_t until = after_ns(engine_now_ns(engine), wait_ns);

    timer_stop(&engine->timers, &slot->timer);
    slot_move(&engine->slots, slot, SLOT_WAITING);
    timer_set(&engine->timers, &slot->timer, min_u64(until, slot->deadline_ns));
}

/* The server's pace: the origin and the limit rest, and the request with them. */
static void engine_pace(struct quoit_engine *engine, struct slot *slot, uint64_t wait_ns)
{
    struct origin *origin = slot->lane->origin;
    uint64_t until = after_ns(engine_now_ns(engine), wait_ns);

    engine->stats.paced++;
    slot->paced_ns += wait_ns;
    if (until > origin->rest_ns) { /* one step for all that were in flight when it began */
        if (origin->rest_ns <= engine_now_ns(engine)) {
            origin->paces++;
        }
        origin->rest_ns = until;
    }
    if (slot->lane->limit != NULL) {
        limiter_rest(&slot->lane->limit->limiter, until);
    }
    engine_wait(engine, slot, wait_ns);
}

/*
 * Do what the policy says. False: the outcome stands, and nothing was changed. The slot is in
 * ACTIVE, or in HANDED.
 */
static bool engine_follow(struct quoit_engine *engine, struct slot *slot,
                          const struct retry_case *last, struct retry_verdict verdict)
{
    struct origin *origin = slot->lane->origin;
    uint64_t now_ns = engine_now_ns(engine);
    bool patient = engine->options.outage_wait_ns > 0;

    if (slot->deadline_ns != UINT64_MAX && after_ns(now_ns, verdict.wait_ns) >= slot->deadline_ns) {
        return false;
    }
    if (patient && origin->outage.down && outage_is_failure(last)) {
        struct retry_case unbounded = *last;
        unbounded.retries_max = UINT32_MAX;
        if (retry_decide(&unbounded, 0).kind == RETRY_AGAIN) {
            slot->late += retry_is_late(last);
            engine_enqueue(engine, slot, true); /* keeps its place, spends nothing */
            return true;
        }
    }
    switch (verdict.kind) {
    case RETRY_FINAL:
        return false;
    case RETRY_RESEND:
        engine->stats.resent++;
        slot->resent = true;
        slot->fresh = true;
        engine_enqueue(engine, slot, true);
        return true;
    case RETRY_PACE:
        engine_leave_limit(slot);
        engine_give_back_tokens(slot);
        engine_pace(engine, slot, verdict.wait_ns);
        return true;
    case RETRY_AGAIN:
        break;
    }
    uint32_t percent = engine->options.retry_budget_percent;
    if (!patient && !retry_budget_has(&origin->budget, percent, now_ns)) {
        return false;
    }
    slot->retries++;
    slot->late += retry_is_late(last);
    engine_leave_limit(slot);
    if (last->error == QUOIT_OK || !last->sent) { /* nobody will be billed for it */
        engine_give_back_tokens(slot);
    }
    slot->awaits_budget = true; /* taken when the retry goes, not now: it may wait for long */
    engine_wait(engine, slot, verdict.wait_ns);
    return true;
}

void engine_end_attempt(struct quoit_engine *engine, struct slot *slot,
                        const struct attempt_end *end)
{
    assert(slot->state == SLOT_ACTIVE);
    struct origin *origin = slot->lane->origin;

    timer_stop(&engine->timers, &slot->timer);
    engine->in_flight--;
    origin->in_flight--;
    if (!slot->sending) {
        assert(origin->opening > 0);
        origin->opening--;
        engine->opening--;
    }
    engine_note_result(slot, end);
    engine->stats.bytes_in += slot->result.bytes_in;
    engine->stats.bytes_out += slot->result.bytes_out;

    struct retry_case last = engine_case(engine, slot, end->conn);
    engine_note_origin(engine, slot, &last);
    engine_learn(engine, slot);
    slot->fresh = false;
    slot->result.maybe_billed |= last.error != QUOIT_OK && last.sent_in_full;
    slot->conn = SLOT_NONE;
    slot->rival = SLOT_NONE;

    bool final = slot->cancelled || slot->streams || (last.error == QUOIT_OK && slot->judge);
    if (slot->cancelled && slot->result.error != QUOIT_OK) {
        slot->result.error = QUOIT_E_CANCELLED;
    }
    if (!final) {
        struct retry_verdict verdict = retry_decide(&last, engine_chance(engine));
        final = !engine_follow(engine, slot, &last, verdict);
    }
    if (final) {
        engine_finish(engine, slot);
    }
    engine_wake_lanes(engine, origin);
}

enum quoit_error engine_again(struct quoit_engine *engine, struct slot *slot, enum quoit_error why,
                              uint64_t wait_ns)
{
    assert(slot->state == SLOT_HANDED);
    if (slot->cancelled) {
        return QUOIT_E_FINAL;
    }
    struct retry_case last = engine_case(engine, slot, NULL);
    last.replayable = true; /* the caller says so */
    last.sent = slot->result.attempts > 0;
    if (why != QUOIT_OK) {
        last.error = quoit_error_is_transient(why) ? why : QUOIT_E_INCOMPLETE;
        last.started = true;
        last.asked_ns = RETRY_NOT_ASKED;
    }
    last.resent = true; /* a free one was the engine's to make */
    struct retry_verdict verdict = retry_decide(&last, engine_chance(engine));
    if (wait_ns != 0) {
        verdict.wait_ns = wait_ns;
    }
    if (!engine_follow(engine, slot, &last, verdict)) {
        return QUOIT_E_FINAL;
    }
    engine_count(engine, slot, UINT64_MAX); /* it has not ended after all */
    slot->paused = false;                   /* that was said of the stream that has ended */
    return QUOIT_OK;
}

/* -------- giving up -------- */

void engine_abort(struct quoit_engine *engine, struct slot *slot, enum quoit_error error)
{
    assert(slot->state == SLOT_ACTIVE);
    if (slot->conn == SLOT_NONE) {
        struct attempt_end end = { .error = error, .detail = "resolving" };
        slot->resolving = false;
        engine_end_attempt(engine, slot, &end);
        return;
    }
    if (slot->rival != SLOT_NONE) {
        conn_close(&engine->conns[slot->rival], error);
    }
    conn_close(&engine->conns[slot->conn], error);
}

void engine_cancel(struct quoit_engine *engine, struct slot *slot)
{
    slot->cancelled = true;
    if (slot->state == SLOT_QUEUED || slot->state == SLOT_WAITING) {
        engine_end_slot(engine, slot, QUOIT_E_CANCELLED, "before it was sent");
    } else if (slot->state == SLOT_ACTIVE) {
        timer_stop(&engine->timers, &slot->timer);
        engine_abort(engine, slot, QUOIT_E_CANCELLED);
    }
}
