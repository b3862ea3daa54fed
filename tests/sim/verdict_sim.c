/*
 * verdict_sim: is what came what was meant? tests/sim/verdict_sim.h is the manual.
 */
#include "tests/sim/verdict_sim.h"

#include "tests/sim/client_sim.h"
#include "tests/sim/ring_sim.h"
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

#define VERDICT_LATE_MAX_NS NS_PER_S            /* behind a deadline: the join */
#define VERDICT_CANCEL_MAX_NS (300 * NS_PER_MS) /* the same, and less than any back-off */

static uint32_t number_of_header(const struct quoit_result *result, const char *name)
{
    const char *value = quoit_result_header(result, name);

    return value == NULL ? UINT32_MAX : (uint32_t)strtoul(value, NULL, 10);
}

/*
 * Whose answer is it? NULL: it says nothing, since the connection was tainted. With an error there
 * may be no head at all, and then it is NULL too.
 */
const struct ledger_try *verdict_find_try(struct ask *ask, const struct quoit_result *result)
{
    uint32_t number = number_of_header(result, "X-Number");
    uint32_t index = number_of_header(result, "X-Try");
    uint32_t serial = number_of_header(result, "X-Serial");
    const struct ledger_entry *ledger = ledger_read(ask->number);

    if (number == UINT32_MAX && result->error != QUOIT_OK) {
        return NULL;
    }
    if (serial != UINT32_MAX && server_sim_is_tainted(serial)) {
        ask->is_tainted = true;
        return NULL;
    }
    if (number != ask->number || index >= ledger->tries_count) {
        world_violation("request %u has the answer of request %u, try %u", ask->number, number,
                        index);
    }
    ask->try_index = index;
    const struct ledger_try *try = &ledger->tries[index];
    if (result->status != try->status) {
        world_violation("request %u: status %u, meant was %u", ask->number, result->status,
                        try->status);
    }
    return try;
}

void verdict_check_body(const struct ask *ask, const struct quoit_result *result,
                        const struct ledger_try *try)
{
    const char *wanted = world_pattern(ask->number, ask->try_index);
    struct quoit_span body = result->body;

    if (try->events > 0) {
        return; /* an event stream that was taken whole, as in a batch; its length is checked */
    }
    if (body.size > try->body_size || memcmp(body.bytes, wanted, body.size) != 0) {
        world_violation("request %u: other bytes than its answer's (%zu, meant were %llu)",
                        ask->number, body.size, (unsigned long long)try->body_size);
    }
}

static void check_sizes(const struct ask *ask, const struct quoit_result *result,
                        const struct ledger_try *try, bool streamed)
{
    if (!try->whole) {
        world_violation("request %u: OK, and its answer was never written whole", ask->number);
    }
    uint64_t kept = ask->stream == QUOIT_DISCARD && try->status / 100 == 2 ? 0 : try->body_size;
    if (!streamed && result->body.size != kept) {
        world_violation("request %u: %zu bytes of body, meant were %llu", ask->number,
                        result->body.size, (unsigned long long)kept);
    }
    if (streamed && result->body.size != 0) {
        world_violation("request %u: a stream with a body at its end", ask->number);
    }
    if (streamed && ask->stream == QUOIT_PIECES && ask->received != try->body_size) {
        world_violation("request %u: %llu bytes of pieces, meant were %llu", ask->number,
                        (unsigned long long)ask->received, (unsigned long long)try->body_size);
    }
    if (streamed && ask->stream == QUOIT_SSE && ask->messages != try->events) {
        world_violation("request %u: %u messages, meant were %u", ask->number, ask->messages,
                        try->events);
    }
}

static void check_times(const struct ask *ask, const struct quoit_result *result)
{
    const struct quoit_times *times = &result->times;
    uint64_t last_ns = 0;
    const uint64_t in_order[] = { times->submitted_ns, times->granted_ns, times->sent_ns,
                                  times->first_byte_ns, times->end_ns };

    for (size_t i = 0; i < COUNT_OF(in_order); i++) {
        if (i == 2 && (ask->agains > 0 || result->attempts > 1)) {
            last_ns = 0; /* of another attempt */
        }
        if (in_order[i] != 0 && in_order[i] < last_ns) {
            world_violation("request %u: instant %zu is before the one before it", ask->number, i);
        }
        last_ns = max_u64(last_ns, in_order[i]);
    }
    if (ask->submitted_ns != 0 && times->submitted_ns != ask->submitted_ns) {
        world_violation("request %u: submitted_ns is not when it was submitted", ask->number);
    }
    if (times->end_ns > world_now_ns()) {
        world_violation("request %u ends in the future", ask->number);
    }
    if (times->sent_ns != 0 && times->sent_ns < ask->start_ns) {
        world_violation("request %u was sent before its start_ns", ask->number);
    }
    uint64_t ended_ns = until_ns(times->end_ns, times->submitted_ns);
    uint64_t deadline_ns = times->submitted_ns + ask->deadline_ns;
    if (result->error == QUOIT_E_TIMEOUT_DEADLINE && ended_ns < ask->deadline_ns) {
        world_violation("request %u: its deadline passed too early", ask->number);
    }
    if (ask->cancelled && times->end_ns > ask->cancelled_ns + VERDICT_CANCEL_MAX_NS +
                                              ring_sim_away_ns(ask->cancelled_ns, times->end_ns)) {
        world_violation("request %u ends %llu ms after it was cancelled", ask->number,
                        (unsigned long long)((times->end_ns - ask->cancelled_ns) / NS_PER_MS));
    }
    if (ask->deadline_ns != 0 && times->end_ns > deadline_ns + VERDICT_LATE_MAX_NS +
                                                     ring_sim_away_ns(deadline_ns, times->end_ns)) {
        world_violation("request %u ends %llu ms after its deadline", ask->number,
                        (unsigned long long)((ended_ns - ask->deadline_ns) / NS_PER_MS));
    }
}

/* More often acted on than the request allows? */
void verdict_check_executed(const struct ask *ask)
{
    const struct ledger_entry *ledger = ledger_read(ask->number);
    bool replayable = ask->replay == QUOIT_REPLAY_YES ||
                      (ask->replay == QUOIT_REPLAY_METHOD && ask->method != LEDGER_POST);

    if (!replayable && ledger->executed > 1 + ask->agains) {
        world_violation("request %u may not be replayed and was acted on %u times", ask->number,
                        ledger->executed);
    }
}

static bool may_fail_when_calm(const struct ask *ask, const struct quoit_result *result)
{
    return ask->cancelled && result->error == QUOIT_E_CANCELLED;
}

static void check_calm(const struct ask *ask, const struct quoit_result *result)
{
    if (result->error != QUOIT_OK && !may_fail_when_calm(ask, result)) {
        world_violation("request %u failed in a calm world: %s (%s)", ask->number,
                        quoit_error_name(result->error), result->detail);
    }
    if (result->attempts > 1 && ask->agains == 0) {
        world_violation("request %u took %u attempts in a calm world", ask->number,
                        result->attempts);
    }
}

void verdict_check(struct ask *ask, const struct quoit_result *result, bool calm)
{
    if (result->detail == NULL || strstr(result->detail, CLIENT_SECRET) != NULL) {
        world_violation("request %u: a detail with a secret, or none", ask->number);
    }
    if (result->error == QUOIT_E_CANCELLED && !ask->cancelled) {
        world_violation("request %u was not cancelled", ask->number);
    }
    const struct ledger_try *try = ask->is_tainted ? NULL : verdict_find_try(ask, result);
    bool streamed = ask->head_seen;
    if (try != NULL && !streamed) {
        verdict_check_body(ask, result, try);
    }
    if (try != NULL && result->error == QUOIT_OK) {
        bool wants_events = ask->stream == QUOIT_PIECES || ask->stream == QUOIT_SSE;
        if (streamed != (wants_events && try->status / 100 == 2)) {
            world_violation("request %u: HEAD and status %u do not agree", ask->number,
                            try->status);
        }
        check_sizes(ask, result, try, streamed);
    }
    check_times(ask, result);
    verdict_check_executed(ask);
    if (calm && !ask->is_tainted) {
        check_calm(ask, result);
    }
}
