/*
 * ledger: what the mock has received, as tests want to know it.
 *
 * The client may say what it likes; the ledger says what arrived, how often and on how many
 * connections. Requests for the ledger itself, and connections that carried nothing else, are not
 * in it. It takes millions of requests: hash tables of counts, and nothing per request.
 *
 * No secret is in it: values of Authorization, Cookie and *api-key* headers appear as the first
 * 16 hex digits of their SHA-256.
 */
#ifndef QUOIT_MOCK_LEDGER_H
#define QUOIT_MOCK_LEDGER_H

#include "mock/fault.h"
#include "mock/incoming.h"
#include "mock/lag.h"
#include "mock/tally.h"

#define LEDGER_HEADS_MAX 64
#define LEDGER_STATUS_MAX 1000

/* The last request of one path. */
struct ledger_head {
    struct blob path;
    struct blob target;
    struct blob headers; /* as in struct incoming */
    const char *method;  /* static */
};

/* Of one kind of secret: how many requests carried one, and which, hashed. */
struct ledger_secret {
    uint64_t count;
    struct tally hashes;
    struct blob last;   /* the newest value, so that it is hashed once and not per request */
    char last_hash[17]; /* of last */
};

struct ledger {
    bool keeps_bodies; /* account for each body and each key */
    uint64_t resets;
    uint64_t started_ns;
    uint64_t started_unix_ms;
    uint64_t started_cpu_ns; /* of the mock */

    uint64_t requests;   /* heads read */
    uint64_t executions; /* requests read whole, and so executed */
    uint64_t answers;    /* whole answers handed to the kernel */
    uint64_t cut;        /* answers that a fault has cut short or suppressed */
    uint64_t aborted;    /* the client left before its answer was complete */
    uint64_t refused;    /* not HTTP, too large, or with an X-Mock- header that was wrong */
    uint64_t in_flight;  /* from the head read to the last byte given to the kernel, or the end */
    uint64_t in_flight_max;
    uint64_t queued; /* requests that wait for a slot */
    uint64_t queued_max;
    uint64_t working; /* requests that have one */
    uint64_t working_max;
    uint64_t stalls;
    uint64_t rate_limited;
    uint64_t connections_opened;
    uint64_t connections_open;
    uint64_t requests_per_connection_max;
    uint64_t tls_full;
    uint64_t tls_resumed;
    uint64_t tls_failed;
    uint64_t tls_certificates; /* handshakes with a verified client certificate */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t first_request_ns; /* 0: none yet */
    uint64_t last_request_ns;
    uint64_t timers_fired;
    struct lag tokens;          /* of streams: all of them */
    struct lag first_tokens;    /* of these the first of each stream */
    struct lag delayed_answers; /* plain ones that had a latency */
    uint64_t tokens_held_up;    /* in no lag: the client had left no room for them in time */
    uint64_t statuses[LEDGER_STATUS_MAX];
    uint64_t faults[FAULTS];

    struct tally paths, methods, hosts, server_names, bodies, keys;
    struct ledger_secret authorization, cookies, api_keys;
    struct ledger_head heads[LEDGER_HEADS_MAX];
    unsigned heads_count;
    uint32_t *seconds; /* owned; requests in each second since the start */
    uint32_t seconds_count;
    uint32_t seconds_capacity;
};

/* The CPU time that the mock has used since it was started. */
uint64_t ledger_cpu_ns(void);

void ledger_init(struct ledger *ledger, bool keeps_bodies, uint64_t now_ns);

/*
 * Forget what was received, but not what is there now: open connections stay open, what is in
 * flight stays in flight.
 */
void ledger_reset(struct ledger *ledger, uint64_t now_ns);

void ledger_free(struct ledger *ledger);

/* A head was read; the request is in flight from now on. */
void ledger_on_head(struct ledger *ledger, const struct incoming *incoming, uint64_t now_ns);

/*
 * A request was read whole. `key` is what names it: its Idempotency-Key or X-Custom-Id header, or
 * else the hash of its body. Returns how often that key has been executed now, from 1.
 */
uint64_t ledger_on_execution(struct ledger *ledger, const char *key, uint64_t body_hash);

/* A request that was read whole is worked on from now on, or waits for a slot. */
void ledger_on_work(struct ledger *ledger);
void ledger_on_queue(struct ledger *ledger);

/* A request is in flight no more. */
void ledger_on_end(struct ledger *ledger);

/* Append it as one JSON object, one member a line. */
void ledger_write(const struct ledger *ledger, struct blob *out, uint64_t now_ns);

#endif
