/*
 * tunnel: asking a proxy for a way to a server (CONNECT: RFC 9110 9.3.6), and its answer.
 *
 * The answer is a head and nothing else: what its headers say of a body does not count, since after
 * a 2xx the connection is the tunnel's from the next byte on, and after any other it is closed. So
 * only the guard reads it, and nothing is kept but the status.
 *
 * Happy path: encode and send; reset, and feed until ANSWERED. Interim answers are swallowed. It
 * fails by INVALID, with error and detail set: not HTTP (PROTOCOL), or over a limit (TOO_LARGE).
 */
#ifndef QUOIT_HTTP_TUNNEL_H
#define QUOIT_HTTP_TUNNEL_H

#include "base/buffer.h"
#include "http/guard.h"
#include "http/proxy.h"
#include "quoit.h"

#define TUNNEL_HEAD_MAX (64 * 1024) /* bytes of the answer, interim ones included */
#define TUNNEL_HEADERS_MAX 256
#define TUNNEL_INTERIM_MAX 16

enum tunnel_progress {
    TUNNEL_INCOMPLETE, /* feed more */
    TUNNEL_ANSWERED,   /* status is readable; bytes past *consumed_out are not the answer's */
    TUNNEL_INVALID,    /* error and detail say why; only reset may follow */
};

struct tunnel {
    /* Readable when ANSWERED. */
    uint16_t status;

    /* Readable when INVALID. */
    enum quoit_error error;
    const char *detail; /* static */

    /* Private. */
    struct guard guard;
    uint32_t interim_count;
};

/*
 * Append the head that asks for a way to host (without brackets) and port. False: out of memory,
 * and nothing was appended.
 */
QUOIT_MUST bool tunnel_encode(const struct proxy *proxy, const char *host, uint16_t port,
                              struct buffer *out);

/* Make ready for an answer. */
void tunnel_reset(struct tunnel *tunnel);

/* Take in up to `size` bytes (at least 1); *consumed_out says how many. */
enum tunnel_progress tunnel_feed(struct tunnel *tunnel, const char *bytes, size_t size,
                                 size_t *consumed_out);

/* ANSWERED: does it open the tunnel? */
bool tunnel_is_open(const struct tunnel *tunnel);

#endif
