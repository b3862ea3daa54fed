/*
 * conn_recv: the receiving half of a connection (conn.h).
 *
 * Happy path: bytes are parsed in place, or decrypted into the engine's scratch and parsed there;
 * what belongs to the answer is copied into the exchange's buffers, once. When the answer is
 * complete the connection is IDLE again.
 *
 * It can end early: the server closes, speaks unasked, sends what is not HTTP, or is late. Each has
 * an error and a line for people, and closes.
 */
#include "base/bits.h"
#include "engine/conn_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONN_MISFITS_MAX 8 /* 32 KiB in full small buffers; as many small pieces in large ones */

/* The answer is complete: keep the connection if both sides are done with it. */
static enum conn_verdict conn_settle(struct conn *conn)
{
    conn->answered = true;
    conn->answered_ns = conn->shared->now_ns;
    if (conn_is_sending(conn) || conn->sending_stopped || !conn_has_sent_all(conn) ||
        !conn->response.keep_alive || conn->paused) {
        conn_close(conn, QUOIT_OK);
        return CONN_WORKING;
    }
    conn->exchange.attempt_ns = UINT64_MAX;
    conn->exchange.deadline_ns = UINT64_MAX;
    conn->end_ns = UINT64_MAX;
    conn_become(conn, CONN_IDLE);
    return CONN_ANSWERED;
}

/* The answer cannot be used; says how far it got. */
static enum conn_verdict conn_fail_answer(struct conn *conn, enum quoit_error error,
                                          const char *detail)
{
    const struct response *response = &conn->response;
    char line[CONN_DETAIL_SIZE];

    if (error == QUOIT_E_INCOMPLETE && response->head_done && response->has_length) {
        snprintf(line, sizeof(line), "after %llu of %llu bytes",
                 (unsigned long long)response->body_size, (unsigned long long)response->length);
        detail = line;
    } else if (error == QUOIT_E_INCOMPLETE && conn->os_error != 0) {
        detail = strerror(conn->os_error);
    }
    return conn_fail(conn, error, conn->os_error, detail);
}

/* Plaintext of the server. */
static enum conn_verdict conn_on_plain(struct conn *conn, const char *bytes, size_t size)
{
    struct response *response = &conn->response;
    size_t consumed = 0;

    if (conn->state != CONN_BUSY || !conn->handed_over) {
        return conn_fail(conn, QUOIT_E_RESET, 0, "the server spoke unasked");
    }
    uint32_t interim_count = response->interim_count;
    enum response_progress progress = response_feed(response, bytes, size, &consumed);
    conn->received += consumed;
    if (response->interim_count > interim_count) {
        conn->first_byte_ns = 0; /* what had begun was not the final answer */
    }
    if (response->begun) {
        conn->progress_ns = conn->shared->now_ns;
        if (conn->first_byte_ns == 0) {
            conn->first_byte_ns = conn->shared->now_ns;
        }
    }
    switch (progress) {
    case RESPONSE_INCOMPLETE:
        return CONN_PROGRESS;
    case RESPONSE_COMPLETE:
        if (consumed < size) {
            response->keep_alive = false; /* what follows was not asked for: it is nobody's */
        }
        return conn_settle(conn);
    case RESPONSE_INVALID:
        return conn_fail_answer(conn, response->error, response->detail);
    }
    abort(); /* a progress without a case */
}

static enum conn_verdict conn_on_end(struct conn *conn, int os_error, bool notified);

/* Ciphertext of the server: all that can be read from it, piece by piece. */
static enum conn_verdict conn_on_cipher(struct conn *conn)
{
    enum conn_verdict verdict = CONN_WORKING;

    for (;;) {
        size_t size = 0;
        switch (tls_session_read(conn->session, conn->shared->plain, CONN_PLAIN_SIZE, &size)) {
        case TLS_DONE:
            /* Behind a whole answer it finds nobody, and closes; the answer stays good. */
            verdict = conn_on_plain(conn, conn->shared->plain, size);
            if (conn->state == CONN_CLOSING) {
                return verdict;
            }
            break;
        case TLS_STARVED:
            if (tls_session_pending(conn->session) > 0) { /* a KeyUpdate's answer */
                conn_send_more(conn);
            }
            return verdict;
        case TLS_ENDED:
            return conn_on_end(conn, 0, true);
        case TLS_FAILED:
            return conn_fail_tls(conn);
        }
    }
}

/* Bytes from the network before it was ever IDLE: the proxy's, or the handshake's. */
static enum conn_verdict conn_on_opening(struct conn *conn, const char *bytes, size_t size)
{
    if (conn->state == CONN_TUNNELLING) {
        return conn_on_tunnel(conn, bytes, size);
    }
    tls_session_feed(conn->session, bytes, size);
    enum conn_verdict verdict = conn_shake_hands(conn);
    if (verdict != CONN_OPENED) {
        return verdict;
    }
    /* Tickets may have come in the same segment as the end of the handshake. */
    conn_on_cipher(conn);
    return CONN_OPENED;
}

/* Bytes from the network. */
static enum conn_verdict conn_on_bytes(struct conn *conn, const char *bytes, size_t size)
{
    if (conn->session == NULL) {
        return conn_on_plain(conn, bytes, size);
    }
    if (conn->state < CONN_IDLE) {
        return conn_on_opening(conn, bytes, size);
    }
    tls_session_feed(conn->session, bytes, size);
    return conn_on_cipher(conn);
}

/* The server will send no more: it ended the stream, or said so in TLS, or that error did. */
static enum conn_verdict conn_on_end(struct conn *conn, int os_error, bool notified)
{
    /* A reset is told once: if a send has met it, the receive finds a mere end. */
    bool was_reset = conn->sending_stopped && conn->os_error != EPIPE;
    bool clean = os_error == 0 && !was_reset && (conn->session == NULL || notified);

    if (os_error != 0) {
        conn->os_error = os_error;
    }
    switch (conn->state) {
    case CONN_TUNNELLING:
        return conn_fail(conn, QUOIT_E_RESET, os_error, "the proxy closed before it answered");
    case CONN_SECURING:
        return conn_fail(conn, QUOIT_E_RESET, os_error, "during the TLS handshake");
    case CONN_IDLE:
        return conn_fail(conn, QUOIT_E_RESET, os_error, "while it was idle");
    case CONN_BUSY:
        break;
    case CONN_FREE:
    case CONN_CONNECTING:
    case CONN_CLOSING:
    case CONN_STATES:
        abort(); /* nothing receives in these */
    }
    if (!conn->response.started) {
        return conn_fail(conn, QUOIT_E_RESET, conn->os_error, "before it answered");
    }
    if (response_end(&conn->response, clean) == RESPONSE_COMPLETE) {
        conn->answered = true;
        conn->answered_ns = conn->shared->now_ns;
        conn_close(conn, QUOIT_OK);
        return CONN_WORKING;
    }
    return conn_fail_answer(conn, conn->response.error, conn->response.detail);
}

/* The receive came back without an end: we took it, or its timer fired. */
static enum conn_verdict conn_on_recv_back(struct conn *conn)
{
    bool ours = conn->recv_taken_back;

    conn->recv_taken_back = false;
    if (!ours && conn->shared->now_ns >= conn->deadline_ns) {
        if (conn->state == CONN_BUSY && conn->response.ends_with_close &&
            ring_peer_has_ended(conn->shared->ring, conn->fd)) {
            return conn_on_end(conn, 0, false);
        }
        return conn_fail(conn, conn->deadline_error, 0,
                         conn->state == CONN_TUNNELLING ? "the proxy has not answered" : "");
    }
    conn_arm(conn);
    return CONN_WORKING;
}

/*
 * Where the bytes come faster than they are taken in, small buffers come back full, and large ones
 * are cheaper; where they come by and by, the other way round. So after some receives in a row that
 * the other group would have suited, the connection changes over. What the head says of the length
 * is not asked: a server may take an hour for a megabyte. A kept connection stays where it is, and
 * a series of large bodies moves once. A stream stays with small ones, since what one entry brings
 * comes on top of stream_buffer_max.
 */
static void conn_choose_group(struct conn *conn, size_t size)
{
    bool fills = size >= RING_SMALL_SIZE && conn->exchange.bulk;
    enum ring_group suited = fills ? RING_LARGE : RING_SMALL;

    conn->misfits = suited == conn->group ? 0 : conn->misfits + 1;
    if (conn->misfits < CONN_MISFITS_MAX) {
        return;
    }
    conn->misfits = 0;
    if (suited == RING_SMALL || ring_offers_large(conn->shared->ring)) {
        conn_use_group(conn, suited);
    }
}

enum conn_verdict conn_on_recv(struct conn *conn, const struct ring_done *done)
{
    if (done->result > 0) {
        if (!done->more) {
            conn_arm(conn); /* the kernel may end a multishot for reasons of its own */
        }
        enum conn_verdict verdict = conn_on_bytes(conn, done->bytes, (size_t)done->result);
        if (conn->state == CONN_CLOSING) { /* whatever it was: it is over */
            return CONN_WORKING;
        }
        conn_choose_group(conn, (size_t)done->result);
        conn_move_deadline(conn);
        return verdict;
    }
    if (done->result == -ENOBUFS && !conn->recv_taken_back) {
        assert(!conn->paused); /* a pause takes the receive back */
        list_append(&conn->shared->hungry[conn->group], &conn->hungry_link);
        return CONN_WORKING;
    }
    if (done->result == -ECANCELED || done->result == -ENOBUFS) {
        return conn_on_recv_back(conn);
    }
    return conn_on_end(conn, -done->result, false);
}
