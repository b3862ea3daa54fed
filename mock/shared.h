/*
 * shared: what all connections of one mock have in common.
 */
#ifndef QUOIT_MOCK_SHARED_H
#define QUOIT_MOCK_SHARED_H

#include "mock/ledger.h"
#include "mock/options.h"
#include "mock/quota.h"
#include "mock/slots.h"
#include "mock/timers.h"

#include <stdio.h>

struct client;

#define SHARED_SCRATCH_SIZE (256u * 1024)

struct shared {
    const struct options *options; /* borrowed from main */
    struct behaviour behaviour;    /* of the options, as POST /mock/settings has changed it */
    struct ledger ledger;
    struct timers timers;
    struct slots slots;
    struct quota requests;
    struct quota tokens;
    uint64_t requests_seen; /* survives a reset of the ledger */
    uint64_t connections_seen;
    uint64_t stall_from_ns; /* from then on, until then, the mock does nothing; 0: never */
    uint64_t stall_until_ns;
    struct client *gone; /* closed in this turn; freed at its end */
    FILE *log;           /* --log, or NULL */
    char *scratch;       /* owned; where bytes are received; SHARED_SCRATCH_SIZE */
};

/* CLOCK_MONOTONIC. */
uint64_t shared_now_ns(void);

/* From then on, for so long, neither accept nor read nor write. Takes the place of another one. */
void shared_stall(struct shared *shared, uint64_t from_ns, uint64_t length_ns);

#endif
