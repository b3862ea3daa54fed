/*
 * prepare: from a query's line to a request that can be submitted.
 *
 * Happy path: prepare_init once; prepare_request for each query; prepare_free. What was prepared is
 * good until the next call; only the body lives as long as the query.
 *
 * It fails with a message for the line's error, and the run goes on.
 */
#ifndef QUOIT_CLI_PREPARE_H
#define QUOIT_CLI_PREPARE_H

#include "cli/digest.h"
#include "cli/headers.h"
#include "cli/ids.h"
#include "cli/options.h"
#include "cli/proxies.h"
#include "cli/query.h"
#include "cli/server.h"
#include "quoit.h"

#define IDEMPOTENCY_SIZE 65 /* hex digits of a digest, and the NUL */

enum prepare_verdict {
    PREPARE_GOOD,
    PREPARE_INVALID, /* invalid_input_line, with message */
    PREPARE_DONE,    /* the output of an earlier run has its answer */
    PREPARE_NO_MEMORY,
};

struct prepare {
    /* To be read after prepare_request. */
    struct quoit_request request;
    char message[512];
    struct batch_line line;
    bool done_failed; /* after PREPARE_DONE: that answer is one that failed */
    uint64_t changed; /* lines of which the output has an answer to another body */

    /* Set by the caller before prepare_init; borrowed. ids_forget_lines: no id is repeated. */
    struct ids *ids;

    /* Private; all but text and line are borrowed. */
    const struct options *options;
    const struct server *server;
    const struct headers *headers;
    const struct keys *keys;
    const struct proxies *proxies;
    struct digest *digest;         /* owned */
    struct text url, query, model; /* query: all of --query; model: as a JSON string */
    struct text spare;             /* a body while a member of it is set */
    struct headers_set set;
    char idempotency[IDEMPOTENCY_SIZE]; /* of the query at hand */
};

/* False: out of memory. Borrows all, until prepare_free. prepare->ids must be set. */
bool prepare_init(struct prepare *prepare, const struct options *options,
                  const struct server *server, const struct headers *headers,
                  const struct keys *keys, const struct proxies *proxies);

/* What prepare_init has not filled, since it was not called, must be zero. */
void prepare_free(struct prepare *prepare);

/*
 * The query goes to server query->server, unless its url leads elsewhere: then that is SERVERS_NONE
 * afterwards. Of a query that is prepared a second time the custom_id is not repeated.
 */
enum prepare_verdict prepare_request(struct prepare *prepare, struct query *query);

/* A line that was too long to be read: PREPARE_INVALID or PREPARE_DONE. */
enum prepare_verdict prepare_unread(struct prepare *prepare, struct query *query, size_t line_max);

/* --- Between prepare.c and prepare_stream.c --- */

/* Under --stream, and where it is known what comes of it: ask for events. */
enum prepare_verdict prepare_stream(struct prepare *prepare, struct query *query);

/* Set the message; returns PREPARE_INVALID. */
__attribute__((format(printf, 2, 3))) enum prepare_verdict prepare_refuse(struct prepare *prepare,
                                                                          const char *format, ...);

#endif
