/*
 * tunnel: see tunnel.h.
 */
#include "http/tunnel.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

bool tunnel_encode(const struct proxy *proxy, const char *host, uint16_t port, struct buffer *out)
{
    bool is_v6 = strchr(host, ':') != NULL;
    const char *authorization = proxy->authorization;
    size_t size = 2 * strlen(host) + (authorization == NULL ? 0 : strlen(authorization)) +
                  sizeof("CONNECT []:65535 HTTP/1.1\r\nHost: []:65535\r\n"
                         "Proxy-Authorization: \r\n\r\n");

    if (!buffer_reserve(out, size)) {
        return false;
    }
    int put =
        snprintf(out->bytes + out->size, size,
                 "CONNECT %1$s%2$s%3$s:%4$u HTTP/1.1\r\nHost: %1$s%2$s%3$s:%4$u\r\n"
                 "%5$s%6$s%7$s\r\n",
                 is_v6 ? "[" : "", host, is_v6 ? "]" : "", port,
                 authorization == NULL ? "" : "Proxy-Authorization: ",
                 authorization == NULL ? "" : authorization, authorization == NULL ? "" : "\r\n");
    assert(put > 0 && (size_t)put < size);
    out->size += (size_t)put;
    return true;
}

void tunnel_reset(struct tunnel *tunnel)
{
    const struct guard_limits limits = {
        .head_size_max = TUNNEL_HEAD_MAX,
        .headers_max = TUNNEL_HEADERS_MAX,
    };

    *tunnel = (struct tunnel){ .error = QUOIT_OK };
    guard_reset(&tunnel->guard, &limits);
}

static enum tunnel_progress tunnel_refuse(struct tunnel *tunnel, enum quoit_error error,
                                          const char *detail)
{
    tunnel->error = error;
    tunnel->detail = detail;
    return TUNNEL_INVALID;
}

/* An interim head: another one follows. */
static enum tunnel_progress tunnel_take_interim(struct tunnel *tunnel)
{
    if (tunnel->guard.status == 101) {
        return tunnel_refuse(tunnel, QUOIT_E_PROTOCOL, "101 Switching Protocols, unasked");
    }
    if (tunnel->interim_count == TUNNEL_INTERIM_MAX) {
        return tunnel_refuse(tunnel, QUOIT_E_TOO_LARGE, "more interim answers than the limit");
    }
    tunnel->interim_count++;
    guard_begin_head(&tunnel->guard);
    return TUNNEL_INCOMPLETE;
}

enum tunnel_progress tunnel_feed(struct tunnel *tunnel, const char *bytes, size_t size,
                                 size_t *consumed_out)
{
    struct guard *guard = &tunnel->guard;
    size_t consumed = 0;

    assert(tunnel->error == QUOIT_OK && tunnel->status == 0);
    while (consumed < size) {
        size_t passed = 0;
        enum guard_verdict verdict = guard_scan(guard, bytes + consumed, size - consumed, &passed);
        consumed += passed;
        *consumed_out = consumed;
        if (verdict == GUARD_REFUSED) {
            return tunnel_refuse(tunnel, guard->error, guard->detail);
        }
        if (verdict != GUARD_HEAD_ENDS) {
            continue;
        }
        if (guard->status >= 200) {
            tunnel->status = guard->status;
            return TUNNEL_ANSWERED;
        }
        if (tunnel_take_interim(tunnel) == TUNNEL_INVALID) {
            return TUNNEL_INVALID;
        }
    }
    return TUNNEL_INCOMPLETE;
}

bool tunnel_is_open(const struct tunnel *tunnel)
{
    assert(tunnel->status >= 200);
    return tunnel->status < 300;
}
