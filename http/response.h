/*
 * response: one HTTP/1.x response, from bytes that somebody else received.
 *
 * No sockets, no clock, no callbacks across this line: feed bytes, look at the struct. Cutting the
 * same bytes elsewhere never changes the outcome (tests/unit/http_response_test.c cuts every case
 * everywhere to hold it to that).
 *
 * Happy path: reset, feed until COMPLETE; status and headers are readable from head_done on, body
 * bytes are appended to the caller's buffer as they come. Interim responses (1xx) are swallowed and
 * counted. Parsing stops at the message's end: bytes past *consumed_out are not its.
 *
 * Trailers are checked and dropped; one that frames a message is refused, as is an interim response
 * that ends the connection. It fails by INVALID, with error and detail set: not HTTP (PROTOCOL),
 * cut short (INCOMPLETE), over a limit (TOO_LARGE; a Content-Length above body_size_max is refused
 * with the head, chunks when their bytes come), or no memory (NO_MEMORY). llhttp in strict mode
 * frames the message; the guard refuses what llhttp still lets through, and finds the end on its
 * own: where the two disagree, in the head or later, that is PROTOCOL too (http/guard.h).
 */
#ifndef QUOIT_HTTP_RESPONSE_H
#define QUOIT_HTTP_RESPONSE_H

#include "base/buffer.h"
#include "http/guard.h"
#include "quoit.h"

#define RESPONSE_INTERIM_MAX 16           /* 1xx before the final one */
#define RESPONSE_CHUNK_EXTENSION_MAX 4096 /* bytes of a chunk's line behind its size */

struct llhttp_state; /* llhttp's own, known to response.c only */

enum response_progress {
    RESPONSE_INCOMPLETE, /* feed more */
    RESPONSE_COMPLETE,   /* all there; bytes past *consumed_out are not its */
    RESPONSE_INVALID,    /* error and detail say why; only reset or free may follow */
};

/* What a response may cost, and where its parts go. All borrowed until the next reset. */
struct response_options {
    struct buffer *text;    /* the head; a NUL behind each name and value */
    struct buffer *headers; /* an array of struct quoit_header into text */
    struct buffer *body;    /* body bytes are appended; the caller may empty it between feeds */
    uint64_t body_size_max; /* of the whole body, however often `body` is emptied */
    uint32_t head_size_max; /* bytes of status lines, headers and trailers, 1xx included */
    uint32_t headers_max;   /* lines of one head, trailers included */
    bool to_head;           /* the request was HEAD: there is no body */
    bool discards;          /* of a 2xx the body is counted and not kept */
};

struct response {
    /* Readable once head_done. */
    uint16_t status;
    bool head_done;
    bool keep_alive;      /* both sides may use the connection again after COMPLETE */
    bool ends_with_close; /* neither length nor chunks: only the end of the connection ends it */
    bool has_length;      /* Content-Length was given: length */
    uint64_t length;
    uint32_t headers_count; /* entries in options.headers */

    /* Readable at any time. */
    bool started;       /* a byte of it has come */
    bool begun;         /* and one behind its interim responses, as far as can be known */
    uint64_t body_size; /* bytes of body received so far */
    uint32_t interim_count;

    /* Readable when INVALID. */
    enum quoit_error error;
    const char *detail; /* static */

    /* Private. */
    struct response_options options;
    struct guard guard;
    struct llhttp_state *parser; /* owned; made by init */
    bool parser_past_head;       /* llhttp too has seen the head's end */
    bool parser_ended;           /* ... and the message's */
};

/* Allocates the parser. False: out of memory. */
QUOIT_MUST bool response_init(struct response *response);
void response_free(struct response *response);

/* Make ready for a new response; empties the three buffers. Allocates nothing. */
void response_reset(struct response *response, const struct response_options *options);

/* From here on the body may be that large, bytes that have come included; with head_done only. */
void response_set_body_max(struct response *response, uint64_t body_size_max);

/*
 * Take in up to `size` bytes (at least 1); *consumed_out says how many. It is less than `size` only
 * when the response ends, or is found invalid, before the bytes do.
 */
enum response_progress response_feed(struct response *response, const char *bytes, size_t size,
                                     size_t *consumed_out);

/*
 * The server will send no more. COMPLETE if that is a proper end, else INVALID. `clean` is false
 * where TLS ended without close_notify: then a body that only the end delimits is INCOMPLETE.
 */
enum response_progress response_end(struct response *response, bool clean);

/* Does its Content-Type say that the body is JSON (application/json, or anything of +json)? */
bool response_is_json(const struct response *response);

/* options.headers as an array; headers_count says how many. */
const struct quoit_header *response_headers(const struct response *response);

/* The first header of that name in any case (RFC 9110 5.1), or NULL. */
const char *header_find(const struct quoit_header *headers, uint32_t count, const char *name);

/* The version of the llhttp in use. Static. */
const char *response_library(void);

#endif
