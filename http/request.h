/*
 * request: the head of one HTTP/1.1 request as bytes (RFC 9112 3, 5).
 *
 * What is encoded and then parsed by a server is exactly one request: a method or header name that
 * is not a token, a value with CR, LF, NUL or another control character but HTAB, and the headers
 * that frame a message are refused before a byte is written.
 */
#ifndef QUOIT_HTTP_REQUEST_H
#define QUOIT_HTTP_REQUEST_H

#include "base/buffer.h"
#include "http/proxy.h"
#include "http/url.h"
#include "quoit.h"

struct request_head {
    const char *method; /* NULL: GET, or POST where there is a body */
    const struct url *url;
    const struct quoit_header *headers; /* in this order, behind Host */
    uint32_t headers_count;
    uint64_t body_size;
    const struct proxy *proxy; /* whom it is sent to; NULL: to the server itself */
};

/* The method that is sent: `method`, or where that is NULL the default for this body. */
const char *request_method(const char *method, uint64_t body_size);

/*
 * Append the head, up to and with its empty line. Host comes first; Content-Length is added where
 * body_size is not 0, and where the method is POST, PUT or PATCH (RFC 9110 8.6); Accept-Encoding:
 * identity is added unless headers has one (RFC 9110 12.5.3: without it any coding may come). To a
 * proxy the target is the whole url (RFC 9112 3.2.2), and Proxy-Authorization is added if it has
 * one; Host is the server's all the same.
 *
 * QUOIT_OK, or with `out` as it was:
 *   QUOIT_E_HEADER     what the top of this file refuses; also Connection, Proxy-Authorization,
 *                      which is for the proxy alone, and the method CONNECT, whose answer would
 *                      be a tunnel.
 *   QUOIT_E_NO_MEMORY
 */
QUOIT_MUST enum quoit_error request_encode(const struct request_head *head, struct buffer *out);

/* RFC 9110 9.2.2: may it be sent again although the server may have acted on it? Not of NULL. */
bool request_method_is_idempotent(const char *method);

/* RFC 9110 5.6.2; of `size` bytes; an empty one is none. */
bool request_is_token(const char *bytes, size_t size);

#endif
