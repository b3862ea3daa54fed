/*
 * reference: HTTP/1.1 read slowly and strictly, to hold http/ against.
 *
 * Written from RFC 9112 and RFC 9110 and from the list of what Quoit refuses (DESIGN.md 5), with
 * all bytes at hand and nothing kept between calls: no states, no pieces, no speed, and no code of
 * http/ or llhttp. So a mistake there does not hide behind the same mistake here.
 *
 * Happy path: reference_read_response on all bytes that a server has sent; COMPLETE, with the
 * answer's parts as spans of the bytes. reference_read_request does the same for one request.
 */
#ifndef QUOIT_TESTS_REFERENCE_H
#define QUOIT_TESTS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFERENCE_LINES_MAX 512

enum reference_verdict {
    REFERENCE_COMPLETE,
    REFERENCE_PARTIAL, /* good so far */
    REFERENCE_REFUSED,
    REFERENCE_TOO_LARGE,
};

/* What the connection does behind the bytes. */
enum reference_end {
    REFERENCE_OPEN,
    REFERENCE_CLOSED,  /* a proper end */
    REFERENCE_CUT_OFF, /* TLS without close_notify */
};

struct reference_span {
    const uint8_t *bytes;
    size_t size;
};

struct reference_line {
    struct reference_span name, value; /* value without the blanks around it */
};

struct reference_limits {
    uint64_t body_size_max, head_size_max, lines_max, interim_max, extension_max;
    bool to_head;
    bool to_connect; /* only heads are read: RFC 9110 9.3.6 */
    enum reference_end end;
};

struct reference_response {
    enum reference_verdict verdict;
    const char *why; /* where it is REFUSED or TOO_LARGE; static */

    /* Where it is COMPLETE. */
    size_t size; /* of its bytes, interim responses included */
    uint32_t status;
    bool keep_alive, ends_with_close, has_length;
    uint64_t length;
    uint32_t interim_count;
    uint32_t lines_count;
    struct reference_line lines[REFERENCE_LINES_MAX];
    bool has_extras; /* chunk extensions, trailers, or a tab behind a length or coding */

    /* Always: what there is of the body. */
    size_t body_size;
};

/* body has room for `size` bytes. */
void reference_read_response(const uint8_t *bytes, size_t size,
                             const struct reference_limits *limits,
                             struct reference_response *response_out, uint8_t *body);

/* RFC 9112 3.2.1 to 3.2.3 */
enum reference_form {
    REFERENCE_ORIGIN,    /* "/path" */
    REFERENCE_ABSOLUTE,  /* "http://host/path": to a proxy */
    REFERENCE_AUTHORITY, /* "host:port": CONNECT, and nothing else */
};

struct reference_request {
    enum reference_verdict verdict;
    const char *why;

    /* Where it is COMPLETE: the head's size, and what it says. */
    size_t size;
    enum reference_form form;
    struct reference_span method, target;
    uint32_t lines_count;
    struct reference_line lines[REFERENCE_LINES_MAX];
    bool has_length;
    uint64_t length;
};

/* The head of a request, as a strict server or proxy reads it. */
void reference_read_request(const uint8_t *bytes, size_t size,
                            struct reference_request *request_out);

bool reference_is(struct reference_span span, const char *text); /* the same bytes */
bool reference_is_in_any_case(struct reference_span span, const char *text);

#endif
