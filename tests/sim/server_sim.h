/*
 * server_sim: HTTP servers of the simulation, their faults, and the ledger of what they received.
 *
 * Happy path: the test announces a request by its number (server_sim_expect) and sends it with the
 * header `X-Number: N`; a server reads it, compares each byte with what was announced, acts on it,
 * and answers with `X-Number`, `X-Try` (an index into the ledger's tries) and `X-Serial` (the
 * connection), and a body of world_pattern. So whoever holds an answer knows whose it is and what
 * it must be.
 *
 * Violations: bytes that are no request or another one than announced, a request on a connection
 * that is not the client's to use (answer under way, closed by word or hint, known to be poisoned),
 * more exchanges at a time than allowed.
 *
 * Bytes that nobody asked for may race with a request so that no client can tell: then, and only
 * then, the connection is tainted, and what came over it says nothing.
 */
#ifndef QUOIT_TESTS_SIM_SERVER_SIM_H
#define QUOIT_TESTS_SIM_SERVER_SIM_H

#include "tests/sim/net_sim.h"

#define SERVER_NUMBERS_MAX 64 /* requests of a world; they count from 1 */
#define SERVER_TRIES_MAX 32
#define SERVER_SERVERS_MAX 4
#define SERVER_BODY_PART 0xffff /* world_pattern's part for the body of a request */

enum server_method { SERVER_GET, SERVER_HEAD, SERVER_POST, SERVER_PUT };

/* One time that a request reached a server. */
struct server_try {
    uint16_t status; /* 0: no answer, or none that is one */
    bool executed;   /* acted on: read to its end, and not turned away for its rate */
    bool whole;      /* all of the answer was written */
    uint32_t serial;
    uint64_t answer_end; /* net_received when the client has all of it */
    uint64_t body_size;  /* of the answer as meant */
    uint32_t events;     /* of an event stream */
};

struct server_ledger {
    enum server_method method; /* announced */
    uint64_t body_size;
    bool sse;

    uint32_t executed; /* what came of it */
    uint32_t tries_count;
    struct server_try tries[SERVER_TRIES_MAX];
};

struct server_limits {
    uint32_t in_flight_max, per_origin_max;
    uint64_t pool_idle_ns;
    uint64_t body_size_max; /* of answers */
};

void server_sim_begin(const struct server_limits *limits);

/* Announce request `number`: fill method, body_size and sse. */
struct server_ledger *server_sim_expect(uint32_t number);

const struct server_ledger *server_sim_ledger(uint32_t number);
bool server_sim_is_tainted(uint32_t serial);

/* The most exchanges at a time, over all servers. */
uint32_t server_sim_busy_most(void);

/* Of event `index` of an event stream: its data, its name ("" for none). Static. */
struct quoit_span server_sim_event_data(uint32_t number, uint32_t try_index, uint32_t index);
const char *server_sim_event_name(uint32_t index);

/* For ring_sim: the client closes; what it had sent may still be read and acted on. */
void server_sim_on_close(struct net_socket *socket);

uint64_t server_sim_next_ns(void);
void server_sim_run(void);

#endif
