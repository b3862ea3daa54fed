/*
 * retry: see retry.h. The rules are those of DESIGN.md 5, in their order.
 */
#include "engine/retry.h"

#include "base/bits.h"

#include <string.h>

#define RETRY_BACKOFF_MIN_NS (500 * NS_PER_MS)
#define RETRY_BACKOFF_MAX_NS (8 * NS_PER_S)
#define RETRY_PACE_MIN_NS (1 * NS_PER_S)
#define RETRY_PACE_STEP_MAX_NS (60 * NS_PER_S)
#define OUTAGE_PROBE_MIN_NS (1 * NS_PER_S)
#define OUTAGE_PROBE_MAX_NS (30 * NS_PER_S)

/* A share of `ns` between 0 and all of it. */
static uint64_t share_ns(uint64_t ns, uint64_t chance)
{
    return (uint64_t)((double)ns * ((double)(chance >> 11) / 9007199254740992.0));
}

/* `ns` doubled n times, at most max_ns. */
static uint64_t doubled_ns(uint64_t ns, uint32_t n, uint64_t max_ns)
{
    while (n-- > 0 && ns < max_ns) {
        ns *= 2;
    }
    return min_u64(ns, max_ns);
}

uint64_t retry_backoff_ns(uint32_t retries, uint64_t chance)
{
    uint64_t wait_ns = doubled_ns(RETRY_BACKOFF_MIN_NS, retries, RETRY_BACKOFF_MAX_NS);

    return wait_ns - share_ns(wait_ns / 4, chance);
}

/* Of those that ask for no slower pace: 429 does. */
static bool retry_status_is_transient(uint32_t status)
{
    return status == 408 || status == 409 || status >= 500;
}

static bool retry_has_asked(const struct retry_case *last)
{
    return last->asked_ns != RETRY_NOT_ASKED && last->asked_ns != 0;
}

static struct retry_verdict retry_again(const struct retry_case *last, uint64_t chance)
{
    if (last->retries >= last->retries_max) {
        return (struct retry_verdict){ RETRY_FINAL, 0 };
    }
    uint64_t wait_ns = retry_backoff_ns(last->retries, chance);
    if (retry_has_asked(last)) {
        wait_ns = last->asked_ns + share_ns(last->asked_ns / 4, chance); /* jitter only adds */
    }
    return (struct retry_verdict){ RETRY_AGAIN, wait_ns };
}

static struct retry_verdict retry_pace(const struct retry_case *last, uint64_t chance)
{
    uint64_t wait_ns = doubled_ns(RETRY_PACE_MIN_NS, last->paces, RETRY_PACE_STEP_MAX_NS);

    if (retry_has_asked(last)) {
        wait_ns = last->asked_ns;
    }
    if (last->paced_ns > RETRY_PACE_MAX_NS) {
        return (struct retry_verdict){ RETRY_FINAL, 0 };
    }
    return (struct retry_verdict){ RETRY_PACE, wait_ns + share_ns(wait_ns / 4, chance) };
}

/* What an answer calls for. */
static struct retry_verdict retry_decide_answer(const struct retry_case *last, uint64_t chance)
{
    const struct retry_verdict final = { RETRY_FINAL, 0 };

    if (retry_has_asked(last) && last->asked_ns > RETRY_ASKED_MAX_NS) {
        return final;
    }
    if (last->should_retry == 0 || !last->replayable) {
        return final;
    }
    if (last->status == 429 || (last->status == 503 && retry_has_asked(last))) {
        return retry_pace(last, chance);
    }
    if (last->should_retry == 1 || retry_status_is_transient(last->status)) {
        return retry_again(last, chance);
    }
    return final;
}

bool retry_is_late(const struct retry_case *last)
{
    return last->sent_in_full &&
           (last->error == QUOIT_E_TIMEOUT_FIRST_BYTE || last->error == QUOIT_E_TIMEOUT_IDLE ||
            last->error == QUOIT_E_TIMEOUT_TOTAL);
}

struct retry_verdict retry_decide(const struct retry_case *last, uint64_t chance)
{
    const struct retry_verdict final = { RETRY_FINAL, 0 };

    if (last->error == QUOIT_OK) {
        return retry_decide_answer(last, chance);
    }
    if (!quoit_error_is_transient(last->error) || (last->sent && !last->replayable)) {
        return final;
    }
    if (last->error == QUOIT_E_RESET && last->reused && !last->started && !last->resent) {
        return (struct retry_verdict){ RETRY_RESEND, 0 };
    }
    if (retry_is_late(last) && last->late > 0) {
        return final; /* it may have been paid for twice already */
    }
    return retry_again(last, chance);
}

/* -------- budget -------- */

/* Empty the places of the seconds that have begun since the last call. */
static uint64_t retry_budget_turn(struct retry_budget *budget, uint64_t now_ns)
{
    uint64_t second = now_ns / NS_PER_S;
    uint64_t places = COUNT_OF(budget->firsts);

    if (second > budget->second + places) {
        memset(budget->firsts, 0, sizeof(budget->firsts));
        memset(budget->retries, 0, sizeof(budget->retries));
        budget->second = second;
    }
    while (budget->second < second) {
        budget->second++;
        budget->firsts[budget->second % places] = 0;
        budget->retries[budget->second % places] = 0;
    }
    return budget->second % places;
}

void retry_budget_first(struct retry_budget *budget, uint64_t now_ns)
{
    budget->firsts[retry_budget_turn(budget, now_ns)]++;
}

bool retry_budget_has(struct retry_budget *budget, uint32_t percent, uint64_t now_ns)
{
    uint64_t place = retry_budget_turn(budget, now_ns);
    uint64_t oldest = (place + 1) % COUNT_OF(budget->firsts);
    uint64_t firsts = 0;
    uint64_t retries = 0;

    /* Retries of eleven seconds against firsts of ten: no window of ten seconds has more. */
    for (uint64_t i = 0; i < COUNT_OF(budget->firsts); i++) {
        firsts += i == oldest ? 0 : budget->firsts[i];
        retries += budget->retries[i];
    }
    return retries < firsts * percent / 100 + RETRY_BUDGET_FREE;
}

bool retry_budget_take(struct retry_budget *budget, uint32_t percent, uint64_t now_ns)
{
    if (!retry_budget_has(budget, percent, now_ns)) {
        return false;
    }
    budget->retries[retry_budget_turn(budget, now_ns)]++;
    return true;
}

/* -------- outage -------- */

bool outage_is_failure(const struct retry_case *last)
{
    if (last->error == QUOIT_OK) {
        return last->status == 502 || last->status == 504 ||
               (last->status == 503 && !retry_has_asked(last));
    }
    if (last->reused || last->started) {
        return false;
    }
    return last->error == QUOIT_E_CONNECT || last->error == QUOIT_E_RESET ||
           last->error == QUOIT_E_TIMEOUT_CONNECT || last->error == QUOIT_E_TIMEOUT_TLS ||
           last->error == QUOIT_E_TIMEOUT_WRITE || last->error == QUOIT_E_TIMEOUT_FIRST_BYTE ||
           last->error == QUOIT_E_TIMEOUT_TOTAL;
}

bool outage_fail(struct outage *outage, bool probe, uint64_t now_ns)
{
    bool was_down = outage->down;

    outage->failures++;
    if (!was_down && outage->failures < OUTAGE_FAILURES) {
        return false;
    }
    if (was_down && !probe) {
        return false; /* an attempt that was under way when it went down */
    }
    if (!was_down) {
        outage->down = true;
        outage->since_ns = now_ns;
        outage->wait_ns = 0;
    }
    outage->wait_ns = outage->wait_ns == 0 ? OUTAGE_PROBE_MIN_NS
                                           : min_u64(2 * outage->wait_ns, OUTAGE_PROBE_MAX_NS);
    outage->probe_ns = now_ns + outage->wait_ns;
    outage->probing = false;
    return !was_down;
}

void outage_probe_again(struct outage *outage, uint64_t now_ns)
{
    outage->probing = false;
    outage->probe_ns = now_ns + outage->wait_ns;
}

void outage_end(struct outage *outage)
{
    *outage = (struct outage){ 0 };
}

bool outage_admits(struct outage *outage, uint64_t now_ns)
{
    if (!outage->down) {
        return true;
    }
    if (outage->probing || now_ns < outage->probe_ns) {
        return false;
    }
    outage->probing = true;
    return true;
}
