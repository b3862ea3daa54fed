/*
 * query: one line of the input, from its reading until its line in the output.
 *
 * A query owns the bytes that its request borrows, so it lives until the request's END. Queries
 * under way stand in a list; those that are done are kept for the next lines, with their memory if
 * it is not large. So memory is that of what is under way, whatever the file's size.
 */
#ifndef QUOIT_CLI_QUERY_H
#define QUOIT_CLI_QUERY_H

#include "cli/servers.h"
#include "llm/batch.h"
#include "llm/stream.h"
#include "llm/text.h"

#include <stdint.h>

struct rates_item;

/* When events came that carry output of the model. */
struct query_tokens {
    bool streamed; /* the attempt had a stream */
    uint64_t count;
    uint64_t first_ns, last_ns, gap_max_ns;
};

struct query {
    struct query *next; /* in the list of queries to be sent, or of free ones */
    uint64_t number;    /* of the line, from 1 */
    uint64_t sequence;  /* among the lines that are not blank, from 0 */
    uint64_t offset;    /* in the input, of a regular file */
    uint64_t asked;     /* 64 bits of what it asks */
    uint64_t read_ns;
    char *bytes; /* owned; the line */
    size_t size, room;
    struct text body;           /* the body, where it is not that of the line */
    struct json_span custom_id; /* in bytes; size 0: none that may be written */
    char name[48];              /* the output's "id" */
    char random[33];            /* its Idempotency-Key, if that is drawn */
    uint32_t attempts;          /* of an earlier request for this line */
    uint32_t key_generation;    /* of the key that was sent; 0: none */
    size_t server;              /* which of --base-url it goes to, or SERVERS_NONE */
    uint32_t retries;           /* of earlier requests for this line */
    uint32_t turned_away;       /* moves to another server after 429s */
    bool moved;                 /* to another server, after an error */
    bool billed;                /* an earlier attempt may have been */
    uint64_t id;                /* of its request */
    struct rates_item *rates;   /* borrowed; what its request takes from */
    bool at_base;               /* it goes to the origin of a --base-url */
    bool has_key;               /* a key was sent with it, whoever set it */
    bool has_our_key;           /* and it is that of the run, not the line's own */
    bool noted;                 /* its custom_id was looked up, its name made */
    bool key_renewed;           /* it was sent again with a newer key */

    /* Of a query that asks for events. */
    enum stream_form form;      /* NONE: it does not */
    struct stream *stream;      /* owned; made by the first event; NULL: none was needed */
    bool streams;               /* the attempt under way has begun to stream */
    struct query_tokens tokens; /* of the attempt under way */
};

struct query_pool {
    struct query *free;    /* owned */
    uint64_t count, bytes; /* under way */
};

/* A query with a copy of the line. NULL: out of memory. */
struct query *query_take(struct query_pool *pool, struct json_span line);

void query_give_back(struct query_pool *pool, struct query *query);

/* Free what is kept. */
void query_pool_free(struct query_pool *pool);

#endif
