/*
 * server_sim: HTTP servers of the simulation, their faults, and the ledger of what they received.
 *
 * Happy path: the test announces a request by its number (ledger_expect) and sends it with the
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

#include "tests/sim/ledger_sim.h"
#include "tests/sim/net_sim.h"

#define SERVER_SERVERS_MAX 4

struct server_limits {
    uint32_t in_flight_max, per_origin_max;
    uint64_t pool_idle_ns;
    uint64_t body_size_max; /* of answers */
};

void server_sim_begin(const struct server_limits *limits);

/* From now on that server answers everything with that status alone; 0: as chance wills. */
void server_sim_set_status(uint32_t server, uint16_t status);

bool server_sim_is_tainted(uint32_t serial);

/*
 * For ring_sim: the client is about to send. True: at this very moment something unasked has come.
 */
bool server_sim_interrupts(struct net_socket *socket);

/* For ring_sim: the client gives bytes to send; are they of a request that may go this way? */
void server_sim_on_put(struct net_socket *socket);

/* For ring_sim: the client closes; what it had sent may still be read and acted on. */
void server_sim_on_close(struct net_socket *socket);

uint64_t server_sim_next_ns(void);
void server_sim_run(void);

#endif
