/*
 * retry: is a failed attempt made again, and when. Pure policy: structs in, a verdict out; time and
 * chance are arguments.
 *
 * Three questions, in the order in which the engine asks them: what does this failure call for
 * (retry_decide); does the origin's budget allow it (retry_budget); is the origin there at all
 * (outage).
 */
#ifndef QUOIT_ENGINE_RETRY_H
#define QUOIT_ENGINE_RETRY_H

#include "quoit.h"

#define RETRY_NOT_ASKED UINT64_MAX
#define RETRY_ASKED_MAX_NS (120 * UINT64_C(1000000000))    /* a longer wait is a refusal */
#define RETRY_PACE_MAX_NS (15 * 60 * UINT64_C(1000000000)) /* of 429s, for one request */

/* How an attempt ended, and what the request may still do. */
struct retry_case {
    enum quoit_error error; /* QUOIT_OK: an answer, of `status` */
    uint32_t status;
    uint64_t asked_ns; /* the wait that the answer asks for; RETRY_NOT_ASKED */
    int should_retry;  /* x-should-retry: 1, 0; -1: not said */
    bool sent;         /* bytes of the request were handed over */
    bool sent_in_full;
    bool started;     /* bytes of an answer came */
    bool reused;      /* on a kept connection */
    bool replayable;  /* may be sent twice */
    bool resent;      /* the free resend is used up */
    uint32_t retries; /* made so far */
    uint32_t retries_max;
    uint32_t late;     /* retries so far after a timeout of a request sent in full */
    uint32_t paces;    /* answers of this kind in a row from its origin */
    uint64_t paced_ns; /* how long the request has been held up by them */
};

enum retry_kind {
    RETRY_FINAL,  /* the outcome stands */
    RETRY_RESEND, /* at once, on a new connection, at no cost */
    RETRY_PACE,   /* the server's pace: after wait_ns, at no cost */
    RETRY_AGAIN,  /* after wait_ns; costs a retry and budget */
};

struct retry_verdict {
    enum retry_kind kind;
    uint64_t wait_ns;
};

/* `chance` is uniform over all 64-bit values; it spreads the clients apart. */
struct retry_verdict retry_decide(const struct retry_case *last, uint64_t chance);

/* Did it time out after it was sent in full? Then it may have been paid for. */
bool retry_is_late(const struct retry_case *last);

/* min(0.5 * 2^n, 8) s * (1 - 0.25 * chance): the wait before retry n, from 0 (openai-python). */
uint64_t retry_backoff_ns(uint32_t retries, uint64_t chance);

/*
 * budget: retries are at most `percent` of the requests first sent in the last 10 s, and 10 more.
 * All zero is a fresh one.
 */
#define RETRY_BUDGET_SECONDS 10
#define RETRY_BUDGET_FREE 10

struct retry_budget {
    uint32_t firsts[RETRY_BUDGET_SECONDS + 1];
    uint32_t retries[RETRY_BUDGET_SECONDS + 1];
    uint64_t second; /* the newest one that has a place in the rings */
};

void retry_budget_first(struct retry_budget *budget, uint64_t now_ns);

/* May a retry be made now? */
bool retry_budget_has(struct retry_budget *budget, uint32_t percent, uint64_t now_ns);

/* True: it may, and was counted. */
bool retry_budget_take(struct retry_budget *budget, uint32_t percent, uint64_t now_ns);

/*
 * outage: after OUTAGE_FAILURES attempts in a row on new connections that ended without a response,
 * or with 502, 503 without a wait, or 504, an origin is down: only probes go there, 1, 2, 4 ... 30
 * s apart, until any other response. All zero is an origin that is up.
 */
#define OUTAGE_FAILURES 8

struct outage {
    uint32_t failures; /* in a row */
    bool down;
    bool probing; /* a probe is under way */
    uint64_t since_ns;
    uint64_t probe_ns; /* when the next probe may go */
    uint64_t wait_ns;  /* between the last and the next probe */
};

/* Does an attempt that ended so speak of an outage? */
bool outage_is_failure(const struct retry_case *last);

/*
 * True: with this failure the origin has gone down. While it is down only the probe's failure tells
 * something new.
 */
bool outage_fail(struct outage *outage, bool probe, uint64_t now_ns);

/* The probe has told nothing: the next one goes as long after it. */
void outage_probe_again(struct outage *outage, uint64_t now_ns);
void outage_end(struct outage *outage);

/* May a request go there now? If it is the probe, that is noted. */
bool outage_admits(struct outage *outage, uint64_t now_ns);

#endif
