/*
 * conn_tunnel: the way through a proxy to a server (conn.h): CONNECT, and what the proxy says to
 * it.
 *
 * Happy path: the head that stands in `out` since conn_open is sent, a 2xx comes, and the handshake
 * with the server begins on the same socket. Until then not a byte of TLS has been sent, so what
 * stands behind the 2xx cannot be the server's, and is refused.
 *
 * Any other answer ends the attempt: QUOIT_E_CONNECT where the proxy says that it could not reach
 * the server (502, 503, 504, and tinyproxy's 500), which may pass; QUOIT_E_PROXY where it does not
 * want to. Nothing that it sends is shown but the status.
 */
#include "engine/conn_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum quoit_error conn_prepare_tunnel(struct conn *conn, struct quoit_span head)
{
    buffer_reset(&conn->out); /* a head may stand there of an opening that had no socket */
    if (head.size == 0) {
        return QUOIT_OK;
    }
    conn->tunnel = malloc(sizeof(*conn->tunnel));
    if (conn->tunnel == NULL || !buffer_append(&conn->out, head.bytes, head.size)) {
        return QUOIT_E_NO_MEMORY;
    }
    tunnel_reset(conn->tunnel);
    return QUOIT_OK;
}

void conn_drop_tunnel(struct conn *conn)
{
    free(conn->tunnel);
    conn->tunnel = NULL;
}

enum conn_verdict conn_ask_for_tunnel(struct conn *conn)
{
    conn->exchange.write_ns = UINT64_MAX; /* the time to connect bounds it */
    conn_become(conn, CONN_TUNNELLING);
    conn_find_deadline(conn);
    conn_arm(conn);
    return conn_send_more(conn);
}

static enum conn_verdict conn_fail_tunnel(struct conn *conn, uint16_t status)
{
    bool unreachable = status == 500 || status == 502 || status == 503 || status == 504;
    char line[CONN_DETAIL_SIZE];

    snprintf(line, sizeof(line), "the proxy answers %u to CONNECT", status);
    return conn_fail(conn, unreachable ? QUOIT_E_CONNECT : QUOIT_E_PROXY, 0, line);
}

enum conn_verdict conn_on_tunnel(struct conn *conn, const char *bytes, size_t size)
{
    struct tunnel *tunnel = conn->tunnel;
    char line[CONN_DETAIL_SIZE];
    size_t consumed = 0;

    switch (tunnel_feed(tunnel, bytes, size, &consumed)) {
    case TUNNEL_INCOMPLETE:
        return CONN_WORKING;
    case TUNNEL_INVALID:
        snprintf(line, sizeof(line), "the proxy's answer: %s", tunnel->detail);
        return conn_fail(conn, tunnel->error, 0, line);
    case TUNNEL_ANSWERED:
        break;
    }
    if (!tunnel_is_open(tunnel)) {
        return conn_fail_tunnel(conn, tunnel->status);
    }
    if (consumed < size) {
        return conn_fail(conn, QUOIT_E_PROTOCOL, 0, "bytes in the tunnel before it was used");
    }
    conn_drop_tunnel(conn);
    return conn_on_way(conn);
}
