/*
 * conn_send: the sending half of a connection (conn.h).
 *
 * Happy path: the whole request, or its ciphertext, goes out as one quiet send, whose silence means
 * that all of it is in the socket buffer. What is too long for that, or what a quiet send left
 * over, goes by ordinary sends, piece by piece, under the write timeout.
 *
 * A send that fails does not end the exchange: the server may have answered before it stopped
 * listening, so sending stops and the receive tells.
 */
#include "base/bits.h"
#include "engine/conn_parts.h"

#include <assert.h>
#include <errno.h>

#define CONN_TLS_CHUNK (128 * 1024) /* plaintext encrypted at a time */
#define CONN_TLS_QUIET (240 * 1024) /* plaintext whose ciphertext fits RING_QUIET_MAX */

_Static_assert(CONN_TLS_QUIET + (CONN_TLS_QUIET / 16384 + 2) * 64 <= RING_QUIET_MAX,
               "a TLS record adds at most 64 bytes to 16 KiB");

bool conn_has_sent_all(const struct conn *conn)
{
    return conn->sent == conn->exchange.head.size + conn->exchange.body.size &&
           conn->out_sent == conn->out.size;
}

/* The next bytes of head or body that have not been handed over; empty at the end. */
static struct quoit_span conn_next_plain(const struct conn *conn)
{
    const struct conn_exchange *exchange = &conn->exchange;

    if (conn->sent < exchange->head.size) {
        return (struct quoit_span){ exchange->head.bytes + conn->sent,
                                    exchange->head.size - conn->sent };
    }
    size_t body_sent = conn->sent - exchange->head.size;
    if (body_sent < exchange->body.size) {
        return (struct quoit_span){ exchange->body.bytes + body_sent,
                                    exchange->body.size - body_sent };
    }
    return (struct quoit_span){ "", 0 };
}

/*
 * Let TLS make the next ciphertext in `out`, which has been sent: its own first (handshake, alerts,
 * a KeyUpdate's answer), then up to plain_max bytes of the request. False: it failed.
 */
static bool conn_encrypt(struct conn *conn, size_t plain_max)
{
    buffer_reset(&conn->out);
    conn->out_sent = 0;
    while (conn->state == CONN_BUSY && plain_max > 0) {
        struct quoit_span piece = conn_next_plain(conn);
        if (piece.size == 0) {
            break;
        }
        size_t size = min_u64(piece.size, plain_max);
        if (tls_session_write(conn->session, piece.bytes, size) != TLS_DONE) {
            return false;
        }
        conn->sent += size;
        plain_max -= size;
    }
    tls_session_take(conn->session, &conn->out);
    return true;
}

/* What to send next, by an ordinary send; empty: nothing. */
static struct quoit_span conn_next_piece(struct conn *conn)
{
    if (conn->out_sent < conn->out.size) {
        return (struct quoit_span){ conn->out.bytes + conn->out_sent,
                                    conn->out.size - conn->out_sent };
    }
    if (conn->session == NULL && conn->state == CONN_BUSY) {
        return conn_next_plain(conn);
    }
    return (struct quoit_span){ "", 0 };
}

/* Is a send under way, or one whose silence has not lasted long enough to be trusted? */
bool conn_is_sending(const struct conn *conn)
{
    return (conn->in_flight & BIT(RING_SEND)) || conn->quiet;
}

/* Note that a quiet send has stayed silent: the turn that submitted it is over. */
void conn_settle_quiet(struct conn *conn)
{
    if (conn->quiet && ring_settled(conn->shared->ring) > conn->quiet_round) {
        conn->quiet = false;
    }
}

/* Send what is left, by ordinary sends, each completion of which is progress. */
enum conn_verdict conn_send_more(struct conn *conn)
{
    if (conn_is_sending(conn) || conn->sending_stopped) {
        return CONN_WORKING;
    }
    if (conn->session != NULL && conn->out_sent == conn->out.size &&
        !conn_encrypt(conn, CONN_TLS_CHUNK)) {
        return conn_fail_tls(conn);
    }
    struct quoit_span piece = conn_next_piece(conn);
    if (piece.size > 0) {
        uint64_t deadline_ns = after_ns(conn->shared->now_ns, conn->exchange.write_ns);
        deadline_ns = min_u64(deadline_ns, conn->exchange.attempt_ns);
        conn_hold(conn, RING_SEND);
        ring_send(conn->shared->ring, conn->index, conn->fd, piece.bytes, piece.size,
                  min_u64(deadline_ns, conn->exchange.deadline_ns));
    }
    return CONN_WORKING;
}

/* Hand over everything at once and trust its silence: the usual request. */
static void conn_send_quietly(struct conn *conn)
{
    struct quoit_span pieces[2] = { conn->exchange.head, conn->exchange.body };

    if (conn->session != NULL) {
        pieces[0] = buffer_span(&conn->out);
        pieces[1] = (struct quoit_span){ "", 0 };
        conn->out_sent = conn->out.size;
    } else {
        conn->sent = pieces[0].size + pieces[1].size;
    }
    conn->handed_over = true;
    conn->quiet = true;
    conn->quiet_round = ring_rounds(conn->shared->ring);
    ring_send_quiet(conn->shared->ring, conn->index, conn->fd, pieces);
}

void conn_send(struct conn *conn, const struct conn_exchange *exchange)
{
    assert(conn->state == CONN_IDLE);
    assert(exchange->head.size > 0);
    size_t size = exchange->head.size + exchange->body.size;

    conn_settle_quiet(conn);
    conn->exchange = *exchange;
    conn->sent = 0;
    conn->answered = false;
    conn->handed_over = false;
    conn->sending_stopped = false;
    conn->received = 0;
    conn->reused = conn->exchanges > 0;
    conn->exchanges++;
    conn->sent_ns = 0;
    conn->written_ns = 0;
    conn->first_byte_ns = 0;
    conn->progress_ns = conn->shared->now_ns;
    conn->detail[0] = '\0';
    response_reset(&conn->response, &exchange->answer);
    conn_become(conn, CONN_BUSY);
    if (!exchange->bulk) {
        conn_use_group(conn, RING_SMALL);
    }

    bool small = size <= (conn->session == NULL ? RING_QUIET_MAX : CONN_TLS_QUIET);
    if (small && !conn_is_sending(conn) && conn->out_sent == conn->out.size) {
        if (conn->session != NULL && !conn_encrypt(conn, size)) {
            conn_fail_tls(conn);
            return;
        }
        conn_send_quietly(conn);
    } else {
        conn_send_more(conn);
    }
    if (conn->state == CONN_BUSY) {
        conn_move_deadline(conn);
    }
}

/* Which timeout a cancelled send or connect has met; QUOIT_OK: none yet. */
static enum quoit_error conn_send_timeout(const struct conn *conn)
{
    uint64_t now_ns = conn->shared->now_ns;

    if (now_ns >= conn->exchange.deadline_ns) {
        return QUOIT_E_TIMEOUT_DEADLINE;
    }
    if (now_ns >= conn->exchange.attempt_ns) {
        return QUOIT_E_TIMEOUT_TOTAL;
    }
    return conn->end_error != QUOIT_OK ? conn->end_error : QUOIT_E_TIMEOUT_WRITE;
}

enum conn_verdict conn_on_send(struct conn *conn, int32_t result)
{
    bool was_quiet = conn->quiet;

    if (was_quiet) { /* it speaks: so take back what silence would have meant */
        conn->quiet = false;
        conn->handed_over = false;
        if (conn->session != NULL) {
            conn->out_sent = 0;
        } else {
            conn->sent = 0;
        }
    }
    if (result == -ECANCELED || result == -EINTR) {
        return conn_fail(conn, conn_send_timeout(conn), 0, "");
    }
    if (result == -EAGAIN && was_quiet) {
        result = 0;
    }
    if (result < 0) {
        /* The server may have answered before it stopped listening: let the receive tell. */
        conn->sending_stopped = true;
        conn->os_error = -result;
        conn_move_deadline(conn);
        return CONN_WORKING;
    }
    if (conn->out_sent < conn->out.size) {
        conn->out_sent += (size_t)result;
    } else {
        conn->sent += (size_t)result;
    }
    conn->handed_over = conn->handed_over || (result > 0 && conn->sent > 0);
    conn->progress_ns = conn->shared->now_ns;
    enum conn_verdict verdict = conn_send_more(conn);
    if (conn->written_ns == 0 && conn_has_sent_all(conn)) {
        conn->written_ns = conn->shared->now_ns;
    }
    if (conn->state != CONN_CLOSING) {
        conn_move_deadline(conn);
    }
    return verdict;
}
