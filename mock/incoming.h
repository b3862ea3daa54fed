/*
 * incoming: one HTTP/1.1 request, from bytes that somebody else received.
 *
 * Bytes are fed, llhttp (strict) cuts them, and the head and the body are kept as they came until
 * incoming_reset. The end of a request is never overstepped: what follows it is left to the next.
 */
#ifndef QUOIT_MOCK_INCOMING_H
#define QUOIT_MOCK_INCOMING_H

#include "mock/blob.h"

#include <llhttp.h>
#include <stdbool.h>

#define INCOMING_HEAD_MAX (256u * 1024)

enum incoming_progress {
    INCOMING_MORE,  /* feed more */
    INCOMING_HEAD,  /* the head is there, the body is not: told once, then feed more */
    INCOMING_WHOLE, /* the request is whole; what was not consumed belongs to the next one */
    INCOMING_BAD,   /* not HTTP or over a limit: answer incoming->error_status and close */
};

struct incoming {
    llhttp_t parser;
    size_t body_max;
    struct blob target;  /* as it stands in the request line; no NUL behind it */
    struct blob headers; /* name NUL value NUL name NUL value NUL ..., in their order */
    struct blob body;    /* without its transfer coding */
    bool begun;          /* a byte of it has come */
    bool head_done;
    bool head_told;
    bool whole;
    bool keep_alive;       /* what the client wants; meaningful when the head is done */
    bool expects_continue; /* it has said Expect: 100-continue */
    bool has_behaviour;    /* there is an X-Mock- header */
    uint16_t error_status; /* meaningful after INCOMING_BAD */
};

/* Make ready for the first request. incoming_free is the counterpart. */
void incoming_init(struct incoming *incoming, size_t body_max);

/* Take in up to `size` bytes; *consumed_out says how many. */
enum incoming_progress incoming_feed(struct incoming *incoming, const char *bytes, size_t size,
                                     size_t *consumed_out);

/* Make ready for the next request. Only after INCOMING_WHOLE. */
void incoming_reset(struct incoming *incoming);

void incoming_free(struct incoming *incoming);

/* Its method, as in "POST". */
const char *incoming_method(const struct incoming *incoming);

/* The value of the first header of that name, whatever its case, or NULL. */
const char *incoming_header(const struct incoming *incoming, const char *name);

/*
 * Walk over the headers: *cursor begins at 0. False when there are no more, else *name_out and
 * *value_out are strings that live until incoming_reset.
 */
bool incoming_next_header(const struct blob *headers, size_t *cursor, const char **name_out,
                          const char **value_out);

#endif
