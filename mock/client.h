/*
 * client: one connection of one client.
 *
 *                         QUEUED
 *                         ^    |
 *                         |    v
 *     SECURING --> READING --> ANSWERING --> READING ...
 *         |           |         |   |
 *         |           |         |   +--> STALLED
 *         v           v         v           |
 *        GONE <---------- LEAVING <---------+
 *
 * Happy path: read a request, wait for a slot if all are taken, answer it, read the next one. The
 * way of an answer is the exchange's affair (exchange.h); the client carries its bytes and its
 * waits.
 *
 * It ends when the client leaves, when a fault says so, or when it was idle for too long. LEAVING
 * has sent its FIN and waits for the other one, so that no RST overtakes the answer. A client that
 * is GONE is freed by the server, when no event can name it any more.
 */
#ifndef QUOIT_MOCK_CLIENT_H
#define QUOIT_MOCK_CLIENT_H

#include "mock/exchange.h"
#include "mock/wire.h"

enum client_state {
    CLIENT_SECURING,
    CLIENT_READING,
    CLIENT_QUEUED, /* its request is whole and waits for a slot */
    CLIENT_ANSWERING,
    CLIENT_STALLED, /* nothing more will be said; waits for the client to leave */
    CLIENT_MUTE,    /* --mode silent: reads and says nothing; deaf: does not even read */
    CLIENT_LEAVING,
    CLIENT_GONE,
};

/* What the one timer of a client means. */
enum client_alarm {
    ALARM_EXCHANGE, /* the exchange can go on */
    ALARM_IDLE,     /* --keep-alive-timeout */
    ALARM_LATE,     /* the answer that nobody asked for */
    ALARM_LEAVING,  /* the client does not leave */
};

struct client {
    struct timer timer; /* first, so that a timer that fires is its client */
    enum client_alarm alarm;
    enum client_state state;
    struct shared *shared;
    struct wire wire;
    struct incoming incoming;
    struct exchange exchange;
    struct blob held;               /* received, and not yet read by `incoming` */
    size_t held_taken;              /* of held */
    uint64_t requests;              /* of this connection, the mock's own not counted */
    uint64_t bytes_in;              /* since the last request that was counted */
    bool counted;                   /* the connection is in the ledger */
    bool secured;                   /* its handshake is done */
    uint64_t secured_in;            /* its handshake stands in the ledger after so many resets */
    bool in_flight;                 /* its request is in the ledger, as in flight */
    bool has_slot;                  /* its request is worked on */
    bool left;                      /* the peer has ended its side */
    bool deaf;                      /* what comes is not read any more */
    struct client *previous, *next; /* among all; the server's */
    struct client *queue_previous, *queue_next; /* among those who are QUEUED; slots.h */
    struct client *gone_next;                   /* among those of this turn that are GONE */
};

/*
 * A new connection, whose fd and SSL the client owns from now on. `mode` is what its listener is
 * to do with it. NULL without memory: then they are closed.
 */
struct client *client_create(struct shared *shared, int fd, SSL *ssl, enum options_mode mode);

/* epoll has said something about it. `ended`: EPOLLRDHUP, `broken`: EPOLLHUP or EPOLLERR. */
void client_on_event(struct client *client, bool readable, bool writable, bool ended, bool broken);

/* Its request has waited for a slot and has one now. */
void client_on_slot(struct client *client);

/* Its timer has fired. */
void client_on_timer(struct client *client);

/* Close it at once: the mock ends. */
void client_close(struct client *client);

/* Free one that is GONE. */
void client_destroy(struct client *client);

#endif
