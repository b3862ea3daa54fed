/*
 * server_parts: what the parts of server_sim share; for them alone.
 *
 * server_sim.c reads and answers; server_use_sim.c says whether a connection was the client's to
 * use.
 */
#ifndef QUOIT_TESTS_SIM_SERVER_PARTS_H
#define QUOIT_TESTS_SIM_SERVER_PARTS_H

#include "tests/sim/server_sim.h"
#include "tests/sim/world.h"

#define SERVER_HEAD_MAX 4096

enum server_state {
    SERVER_HEADERS, /* reads a request's head, or waits for one */
    SERVER_BODY,
    SERVER_THINKING,
    SERVER_DEAF, /* takes what comes and does nothing */
};

struct server_conn {
    uint32_t serial; /* of the socket that this is about; another one: to be set up */
    enum server_state state;
    uint32_t server;
    uint64_t wake_ns;
    bool reads_slowly;

    char head[SERVER_HEAD_MAX];
    size_t head_size;
    uint32_t number; /* of the request; 0: none yet */
    uint64_t body_read;
    uint64_t breaks_at; /* that much of the body, and the connection ends; WORLD_NEVER */
    enum net_end breaks_by;
    bool answered_early; /* and reads on */
    bool unmarked;       /* the next request may have begun unseen, behind the rest of this one */
    bool answer_lost;    /* act on it, and close without a word */

    uint32_t answered;           /* requests of this connection that were */
    uint64_t answer_end;         /* net_written behind the last answer */
    bool must_end;               /* close was said */
    uint32_t requests_left;      /* by hint */
    uint64_t reuse_ns;           /* by hint: how long it may be idle */
    enum world_fault idle_fault; /* what wake_ns brings to an idle connection */
    uint64_t deaf_left;          /* bytes that may still come to a DEAF one */
    bool tainted;
};

struct servers {
    struct server_limits limits;
    struct server_conn conns[NET_SOCKETS_MAX];
    bool tainted[1 << 16]; /* by serial */
    uint16_t statuses[SERVER_SERVERS_MAX];
};

extern struct servers servers;

/* If unasked bytes raced with the request that is being sent there: what came over it says nothing.
 */
void server_taint(const struct net_socket *socket, struct server_conn *conn);

/* The first byte of a request has come: was the connection the client's to use? */
void server_check_use(struct net_socket *socket, struct server_conn *conn);

#endif
