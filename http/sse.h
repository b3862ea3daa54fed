/*
 * sse: server-sent events (WHATWG HTML 9.2), cut out of a body that comes in pieces.
 *
 * Happy path: init, feed until it gives SSE_MESSAGE, read data and name, feed the rest. Lines end
 * in LF, CR or CRLF, split anywhere; a leading BOM is dropped; comments and fields that are not
 * `data` or `event` make no message. An event without data is none. What follows the last empty
 * line when the stream ends is dropped, as the standard says.
 *
 * It fails with SSE_TOO_LARGE for a line (without its end) over line_max or data over event_max,
 * and with SSE_NO_MEMORY; then only reset or free may follow.
 */
#ifndef QUOIT_HTTP_SSE_H
#define QUOIT_HTTP_SSE_H

#include "base/buffer.h"
#include "quoit.h"

enum sse_result {
    SSE_MORE,      /* all bytes taken in; no message is complete */
    SSE_MESSAGE,   /* data and name hold one; good until the next call */
    SSE_TOO_LARGE, /* a line or an event is over its limit */
    SSE_NO_MEMORY,
};

struct sse {
    /* Readable after SSE_MESSAGE. */
    struct buffer data; /* `data` lines joined by LF */
    struct buffer name; /* the last `event` field; empty if there was none */

    /* Private. */
    struct buffer line;
    size_t line_max, event_max;
    bool started;  /* past the place of a BOM */
    bool after_cr; /* an LF that comes now belongs to the CR before it */
    bool has_data;
    bool delivered; /* data and name belong to a message that was handed out */
};

void sse_init(struct sse *sse, size_t line_max, size_t event_max);
void sse_reset(struct sse *sse); /* ready for a new stream; keeps memory and limits */
void sse_free(struct sse *sse);

/* Take in bytes until a message is complete or they end; *consumed_out says how many. */
enum sse_result sse_feed(struct sse *sse, const char *bytes, size_t size, size_t *consumed_out);

#endif
