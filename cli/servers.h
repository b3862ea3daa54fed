/*
 * servers: the servers of a run, and which of them a query goes to.
 *
 *     --base-url A --base-url B:   pick --> A or B --> begin ... end --> pick for the next one
 *
 * Happy path: servers_pick says where the next query goes: to the server with the least under way,
 * of those that may have more. None has more under way than its share.
 *
 * A server that fails rests: 1 s, then twice as long each time, up to 30 s. It fails by being down
 * (the library found no way to it, or only 502, 503 and 504 behind it), or by SERVERS_FAILURES bad
 * answers in a row. When its rest is over it gets one query, and if that ends well it is as before.
 * One that is down gets nothing while it rests; one that answers badly gets queries only while none
 * is well, since a bad answer is an answer.
 *
 * With one server none of this holds: the library knows when to wait for it. Pure; time is an
 * argument.
 */
#ifndef QUOIT_CLI_SERVERS_H
#define QUOIT_CLI_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVERS_MAX 64
#define SERVERS_NONE SIZE_MAX
#define SERVERS_FAILURES 8

/* How a query that was at a server ended. */
enum servers_end {
    SERVERS_GOOD,   /* an answer that is not the server's fault */
    SERVERS_BAD,    /* an answer of 500 and above, or an error on the way */
    SERVERS_DOWN,   /* the library says that it is down */
    SERVERS_SILENT, /* nothing that speaks for or against it */
};

struct servers_item {
    uint64_t open;     /* queries under way */
    uint32_t failures; /* bad ends in a row */
    bool down;         /* else it may be failing: wait_ns is not 0 */
    uint64_t wait_ns;  /* how long it rests; 0: it is well */
    uint64_t rest_ns;  /* the instant until when */
};

struct servers {
    struct servers_item items[SERVERS_MAX];
    size_t count;
    uint64_t share;    /* queries that each may have under way */
    uint64_t since_ns; /* since when all are down; 0: they are not */
};

/* `concurrency` queries may be under way in all. */
void servers_init(struct servers *servers, size_t count, uint64_t concurrency);

/*
 * The server for the next query, and not `not_this` (or SERVERS_NONE) as long as another one is
 * well. SERVERS_NONE: those that it may go to have their share, or are down.
 */
size_t servers_pick(const struct servers *servers, size_t not_this, uint64_t now_ns);

/* Is there another one that is well? */
bool servers_has_better(const struct servers *servers, size_t than);

/* A query goes there, and has ended. */
void servers_begin(struct servers *servers, size_t index);
void servers_end(struct servers *servers, size_t index, enum servers_end how, uint64_t now_ns);

/* The first instant at which one that is down may be tried again; UINT64_MAX: none is down. */
uint64_t servers_wake_ns(const struct servers *servers);

#endif
