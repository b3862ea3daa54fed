/*
 * ledger_sim: what was announced to the servers of the simulation, and what reached them: the one
 * truth that answers and counts are held against.
 *
 * The test announces a request by its number; a server notes each time that it comes.
 */
#ifndef QUOIT_TESTS_SIM_LEDGER_SIM_H
#define QUOIT_TESTS_SIM_LEDGER_SIM_H

#include "quoit.h"

#include <stdbool.h>
#include <stdint.h>

#define LEDGER_NUMBERS_MAX 2048 /* requests of a world; they count from 1 */
#define LEDGER_TRIES_MAX 32
#define LEDGER_BODY_PART 0xffff /* world_pattern's part for the body of a request */

enum ledger_method { LEDGER_GET, LEDGER_HEAD, LEDGER_POST, LEDGER_PUT };

/* One time that a request reached a server. */
struct ledger_try {
    uint64_t at_ns;  /* when the server acted on it, or turned it away */
    uint16_t status; /* 0: no answer, or none that is one */
    bool executed;   /* acted on: read to its end, and not turned away for its rate */
    bool whole;      /* all of the answer was written */
    uint32_t serial;
    uint64_t answer_end; /* net_received when the client has all of it */
    uint64_t body_size;  /* of the answer as meant */
    uint32_t events;     /* of an event stream */
};

struct ledger_entry {
    enum ledger_method method; /* announced */
    uint64_t body_size;
    bool sse;

    uint32_t executed; /* what came of it */
    uint32_t tries_count;
    struct ledger_try tries[LEDGER_TRIES_MAX];
};

void ledger_begin(void);

/* Announce request `number`, or another one under it: fill method, body_size and sse. */
struct ledger_entry *ledger_expect(uint32_t number);

const struct ledger_entry *ledger_read(uint32_t number);

/* Of event `index` of an event stream: its data, its name ("" for none). Static. */
struct quoit_span ledger_event_data(uint32_t number, uint32_t try_index, uint32_t index);
const char *ledger_event_name(uint32_t index);

/*
 * For the servers. Compare a head, NUL-terminated and without its empty line, with what was
 * announced; anything else is a violation. Returns the request's number.
 */
uint32_t ledger_check_head(const char *head);

/* The request has come once more, on connection `serial`. */
struct ledger_try *ledger_try_begin(uint32_t number, uint32_t serial);
void ledger_execute(uint32_t number, struct ledger_try *try);

#endif
