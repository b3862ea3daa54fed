/*
 * conn: see conn.h. Handlers stand in the order of the happy path, failures leave first, and each
 * ends in a verdict.
 *
 * Promise: CONN_CLOSED comes exactly once for each conn_open, when the kernel holds nothing; and no
 * byte that came before a request was sent, or after its answer was complete, is ever part of an
 * answer.
 */
#include "engine/conn.h"

#include "base/bits.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONN_TLS_CHUNK (128 * 1024) /* plaintext encrypted at a time */
#define CONN_TLS_QUIET (240 * 1024) /* plaintext whose ciphertext fits RING_QUIET_MAX */
#define CONN_OUT_KEPT (16 * 1024)   /* room of `out` that an idle connection keeps */

_Static_assert(CONN_TLS_QUIET + (CONN_TLS_QUIET / 16384 + 2) * 64 <= RING_QUIET_MAX,
               "a TLS record adds at most 64 bytes to 16 KiB");

/* Which states may follow each state: the picture in conn.h, for the machine. */
static const unsigned conn_may_become[CONN_STATES] = {
    [CONN_FREE] = BIT(CONN_CONNECTING),
    [CONN_CONNECTING] = BIT(CONN_SECURING) | BIT(CONN_IDLE) | BIT(CONN_CLOSING),
    [CONN_SECURING] = BIT(CONN_IDLE) | BIT(CONN_CLOSING),
    [CONN_IDLE] = BIT(CONN_BUSY) | BIT(CONN_CLOSING),
    [CONN_BUSY] = BIT(CONN_IDLE) | BIT(CONN_CLOSING),
    [CONN_CLOSING] = BIT(CONN_FREE),
};

/* Which operations the kernel may hold in each state. */
static const unsigned conn_may_hold[CONN_STATES] = {
    [CONN_FREE] = 0,
    [CONN_CONNECTING] = BIT(RING_CONNECT),
    [CONN_SECURING] = BIT(RING_RECV) | BIT(RING_SEND),
    [CONN_IDLE] = BIT(RING_RECV) | BIT(RING_SEND),
    [CONN_BUSY] = BIT(RING_RECV) | BIT(RING_SEND),
    [CONN_CLOSING] = BIT(RING_CONNECT) | BIT(RING_SEND) | BIT(RING_RECV) | BIT(RING_CLOSE),
};

static void conn_check(const struct conn *conn)
{
    assert(conn->state < CONN_STATES);
    assert((conn->in_flight & ~conn_may_hold[conn->state]) == 0);
    assert((conn->state == CONN_FREE) == (conn->fd == -1));
    assert(conn->out_sent <= conn->out.size);
    if (conn->state == CONN_CONNECTING) {
        assert(conn->in_flight == BIT(RING_CONNECT));
    }
    if (conn->in_flight & BIT(RING_CLOSE)) {
        assert(conn->in_flight == BIT(RING_CLOSE)); /* the close waits for all others */
    }
}

/* An open connection is listened to, or will be as soon as there are buffers. */
static void conn_check_listens(const struct conn *conn)
{
    bool open =
        conn->state == CONN_SECURING || conn->state == CONN_IDLE || conn->state == CONN_BUSY;

    if (open && !conn->paused) {
        assert((conn->in_flight & BIT(RING_RECV)) || !list_is_empty(&conn->hungry_link));
    }
}

static void conn_become(struct conn *conn, enum conn_state next)
{
    assert(conn_may_become[conn->state] & BIT(next));
    conn->state = next;
    conn_check(conn);
}

/* Note that the kernel is about to hold one more operation. */
static void conn_hold(struct conn *conn, enum ring_verb verb)
{
    assert((conn->in_flight & BIT(verb)) == 0); /* never two of a kind */
    conn->in_flight |= BIT(verb);
}

void conn_init(struct conn *conn, uint32_t index, struct conn_shared *shared)
{
    *conn = (struct conn){ .index = index, .fd = -1, .shared = shared };
    list_init(&conn->hungry_link);
    conn->slot = CONN_NONE;
}

void conn_free(struct conn *conn)
{
    assert(conn->state == CONN_FREE);
    if (conn->has_parser) {
        response_free(&conn->response);
        conn->has_parser = false;
    }
    buffer_free(&conn->out);
    tls_ticket_destroy(conn->ticket);
    conn->ticket = NULL;
}

struct tls_ticket *conn_take_ticket(struct conn *conn)
{
    struct tls_ticket *ticket = conn->ticket;

    conn->ticket = NULL;
    if (ticket == NULL && conn->session != NULL) {
        ticket = tls_session_take_ticket(conn->session);
    }
    return ticket;
}

/* -------- closing -------- */

/* Say goodbye on a TLS connection that is at rest; what cannot be sent at once is not said. */
static void conn_say_goodbye(struct conn *conn)
{
    if (conn->session == NULL || conn->secured_ns == 0 || conn->quiet ||
        conn->out_sent < conn->out.size || conn->error != QUOIT_OK) {
        return;
    }
    tls_session_close(conn->session);
    buffer_reset(&conn->out);
    conn->out_sent = 0;
    tls_session_take(conn->session, &conn->out);
    if (conn->out.size > 0 && conn->out.size <= RING_QUIET_MAX) {
        struct quoit_span pieces[2] = { buffer_span(&conn->out), { "", 0 } };
        ring_send_quiet(conn->shared->ring, conn->index, conn->fd, pieces);
    }
}

/* In CLOSING: close the socket as soon as the kernel holds nothing of ours. */
static void conn_close_when_quiet(struct conn *conn)
{
    assert(conn->state == CONN_CLOSING);
    if (conn->in_flight == 0) {
        conn_say_goodbye(conn);
        conn_hold(conn, RING_CLOSE); /* the queue keeps it behind quiet sends */
        ring_close(conn->shared->ring, conn->index, conn->fd);
    }
}

void conn_close(struct conn *conn, enum quoit_error error)
{
    assert(conn->state != CONN_FREE);
    if (conn->state == CONN_CLOSING) {
        return;
    }
    conn->error = conn->answered ? QUOIT_OK : error;
    list_remove(&conn->hungry_link);
    conn_become(conn, CONN_CLOSING);
    if (conn->in_flight & BIT(RING_CONNECT)) {
        ring_cancel(conn->shared->ring, (struct ring_tag){ RING_CONNECT, conn->index });
    }
    if (conn->in_flight & BIT(RING_SEND)) {
        ring_cancel(conn->shared->ring, (struct ring_tag){ RING_SEND, conn->index });
    }
    if ((conn->in_flight & BIT(RING_RECV)) && !conn->recv_taken_back) {
        ring_cancel(conn->shared->ring, (struct ring_tag){ RING_RECV, conn->index });
    }
    conn_close_when_quiet(conn);
}

/* Close for that reason, with a line for people. */
static enum conn_verdict conn_fail(struct conn *conn, enum quoit_error error, int os_error,
                                   const char *detail)
{
    conn->os_error = os_error;
    snprintf(conn->detail, sizeof(conn->detail), "%s", detail);
    conn_close(conn, error);
    return CONN_WORKING;
}

/* In CLOSING: whatever it was, only the fact that it is over counts. */
static enum conn_verdict conn_on_done_closing(struct conn *conn, const struct ring_done *done)
{
    if (done->tag.verb != RING_CLOSE) {
        if ((conn->in_flight & BIT(RING_CLOSE)) == 0) { /* else a goodbye that did not fit */
            conn_close_when_quiet(conn);
        }
        return CONN_WORKING;
    }
    conn->ticket = conn_take_ticket(conn);
    tls_session_destroy(conn->session);
    conn->session = NULL;
    conn->quiet = false;
    conn->fd = -1;
    conn->out_sent = 0;
    buffer_trim(&conn->out, CONN_OUT_KEPT);
    conn_become(conn, CONN_FREE);
    return CONN_CLOSED;
}

/* -------- time -------- */

/* Take `deadline_ns` if it is earlier than what there is. */
static void conn_deadline_earlier(struct conn *conn, uint64_t deadline_ns, enum quoit_error error)
{
    if (deadline_ns < conn->deadline_ns) {
        conn->deadline_ns = deadline_ns;
        conn->deadline_error = error;
    }
}

/* The earliest instant at which what is under way has failed. */
static void conn_find_deadline(struct conn *conn)
{
    conn->deadline_ns = UINT64_MAX;
    conn->deadline_error = QUOIT_OK;
    if (conn->state != CONN_BUSY) {
        conn_deadline_earlier(conn, conn->end_ns,
                              conn->state == CONN_SECURING ? QUOIT_E_TIMEOUT_TLS : QUOIT_OK);
    }
    if (conn->state == CONN_BUSY && conn->response.started) {
        conn_deadline_earlier(conn, after_ns(conn->progress_ns, conn->exchange.idle_ns),
                              QUOIT_E_TIMEOUT_IDLE);
    } else if (conn->state == CONN_BUSY && conn_has_sent_all(conn)) {
        conn_deadline_earlier(conn, after_ns(conn->progress_ns, conn->exchange.first_byte_ns),
                              QUOIT_E_TIMEOUT_FIRST_BYTE);
    }
    if (conn->state == CONN_BUSY || conn->state == CONN_SECURING) {
        conn_deadline_earlier(conn, conn->exchange.attempt_ns, QUOIT_E_TIMEOUT_TOTAL);
        conn_deadline_earlier(conn, conn->exchange.deadline_ns, QUOIT_E_TIMEOUT_DEADLINE);
    }
}

static void conn_arm(struct conn *conn)
{
    struct conn_shared *shared = conn->shared;

    if ((conn->in_flight & BIT(RING_RECV)) || conn->paused) {
        return;
    }
    list_remove(&conn->hungry_link);
    conn_hold(conn, RING_RECV);
    conn->recv_taken_back = false;
    conn->armed_ns = min_u64(conn->deadline_ns, after_ns(shared->now_ns, shared->arm_max_ns));
    ring_recv_stand(shared->ring, conn->index, conn->fd, conn->armed_ns);
}

/* The deadline may have moved: later costs nothing, earlier than the timer takes the receive back.
 */
static void conn_move_deadline(struct conn *conn)
{
    conn_find_deadline(conn);
    if (conn->deadline_ns < conn->armed_ns && (conn->in_flight & BIT(RING_RECV)) &&
        !conn->recv_taken_back) {
        conn->recv_taken_back = true;
        ring_cancel(conn->shared->ring, (struct ring_tag){ RING_RECV, conn->index });
    }
}

void conn_feed_hungry(struct conn *conn)
{
    assert(!list_is_empty(&conn->hungry_link));
    conn_arm(conn);
}

void conn_pause(struct conn *conn, bool paused)
{
    assert(conn->state == CONN_BUSY);
    if (conn->paused == paused) {
        return;
    }
    conn->paused = paused;
    if (!paused) {
        conn->progress_ns = conn->shared->now_ns; /* its idle clock stood still */
        conn_find_deadline(conn);
        conn_arm(conn);
        return;
    }
    list_remove(&conn->hungry_link);
    if ((conn->in_flight & BIT(RING_RECV)) && !conn->recv_taken_back) {
        conn->recv_taken_back = true;
        ring_cancel(conn->shared->ring, (struct ring_tag){ RING_RECV, conn->index });
    }
}

void conn_rest(struct conn *conn, uint64_t until)
{
    assert(conn->state == CONN_IDLE);
    conn->end_ns = until;
    conn_move_deadline(conn);
}

/* -------- opening -------- */

enum quoit_error conn_open(struct conn *conn, const struct conn_target *target)
{
    assert(conn->state == CONN_FREE);
    struct ring *ring = conn->shared->ring;

    conn->os_error = 0;
    conn->detail[0] = '\0';
    if (!conn->has_parser && !(conn->has_parser = response_init(&conn->response))) {
        return QUOIT_E_NO_MEMORY;
    }
    tls_ticket_destroy(conn->ticket);
    conn->ticket = NULL;
    if (target->tls != NULL) {
        conn->session = tls_session_create(target->tls, target->host, target->ticket);
        if (conn->session == NULL) {
            return QUOIT_E_NO_MEMORY;
        }
    }
    int fd = ring_socket(ring, target->address->sa_family);
    if (fd < 0) {
        tls_session_destroy(conn->session);
        conn->session = NULL;
        conn->os_error = -fd;
        return fd == -ENOMEM || fd == -ENOBUFS ? QUOIT_E_NO_MEMORY : QUOIT_E_NO_DESCRIPTOR;
    }

    conn->fd = fd;
    conn->error = QUOIT_OK;
    conn->quiet = false;
    conn->paused = false;
    conn->recv_taken_back = false;
    conn->peer_ended = false;
    conn->sending_stopped = false;
    conn->answered = false;
    conn->sent = 0;
    conn->exchanges = 0;
    conn->exchange = (struct conn_exchange){ .attempt_ns = target->attempt_ns,
                                             .deadline_ns = target->deadline_ns };
    conn->connected_ns = 0;
    conn->secured_ns = 0;
    conn->sent_ns = 0;
    conn->first_byte_ns = 0;
    conn->end_ns = target->tls_ns; /* a length until connected */
    conn->deadline_ns = target->connect_ns;
    conn->deadline_error = QUOIT_E_TIMEOUT_CONNECT;
    conn_deadline_earlier(conn, target->attempt_ns, QUOIT_E_TIMEOUT_TOTAL);
    conn_deadline_earlier(conn, target->deadline_ns, QUOIT_E_TIMEOUT_DEADLINE);
    conn_hold(conn, RING_CONNECT);
    ring_connect(ring, conn->index, fd, target->address, target->address_size, conn->deadline_ns);
    conn_become(conn, CONN_CONNECTING);
    return QUOIT_OK;
}

/* -------- sending -------- */

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
    while (conn->state == CONN_BUSY && plain_max > 0 && !conn->sending_stopped) {
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
static bool conn_is_sending(const struct conn *conn)
{
    return (conn->in_flight & BIT(RING_SEND)) || conn->quiet;
}

/* Note that a quiet send has stayed silent: the turn that submitted it is over. */
static void conn_settle_quiet(struct conn *conn)
{
    if (conn->quiet && ring_turns(conn->shared->ring) != conn->quiet_turn) {
        conn->quiet = false;
    }
}

/* Send what is left, by ordinary sends, each completion of which is progress. */
static enum conn_verdict conn_send_more(struct conn *conn)
{
    if (conn_is_sending(conn) || conn->sending_stopped) {
        return CONN_WORKING;
    }
    if (conn->session != NULL && conn->out_sent == conn->out.size &&
        !conn_encrypt(conn, CONN_TLS_CHUNK)) {
        return conn_fail(conn, QUOIT_E_TLS, 0, tls_session_detail(conn->session));
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
    conn->quiet = true;
    conn->quiet_turn = ring_turns(conn->shared->ring);
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
    conn->send_turn = ring_turns(conn->shared->ring);
    conn->answered = false;
    conn->sending_stopped = false;
    conn->received = 0;
    conn->reused = conn->exchanges > 0;
    conn->exchanges++;
    conn->sent_ns = 0;
    conn->first_byte_ns = 0;
    conn->progress_ns = conn->shared->now_ns;
    conn->detail[0] = '\0';
    response_reset(&conn->response, &exchange->answer);
    conn_become(conn, CONN_BUSY);

    bool small = size <= (conn->session == NULL ? RING_QUIET_MAX : CONN_TLS_QUIET);
    if (small && !conn_is_sending(conn) && conn->out_sent == conn->out.size) {
        if (conn->session != NULL && !conn_encrypt(conn, size)) {
            conn_fail(conn, QUOIT_E_TLS, 0, tls_session_detail(conn->session));
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
    return conn->state == CONN_SECURING ? QUOIT_E_TIMEOUT_TLS : QUOIT_E_TIMEOUT_WRITE;
}

static enum conn_verdict conn_on_send(struct conn *conn, int32_t result)
{
    bool was_quiet = conn->quiet;

    if (was_quiet) { /* it speaks: so take back what silence would have meant */
        conn->quiet = false;
        if (conn->session != NULL) {
            conn->out_sent = 0;
        } else {
            conn->sent = 0;
        }
    }
    if (result == -ECANCELED) {
        return conn_fail(conn, conn_send_timeout(conn), 0, "");
    }
    if (result == -EAGAIN && was_quiet) {
        result = 0;
    }
    if (result < 0) {
        /* The server may have answered before it stopped listening: let the receive tell. */
        conn->sending_stopped = true;
        conn->os_error = -result;
        return CONN_WORKING;
    }
    if (conn->out_sent < conn->out.size) {
        conn->out_sent += (size_t)result;
    } else {
        conn->sent += (size_t)result;
    }
    conn->progress_ns = conn->shared->now_ns;
    enum conn_verdict verdict = conn_send_more(conn);
    if (conn->state != CONN_CLOSING) {
        conn_move_deadline(conn);
    }
    return verdict;
}

/* -------- connecting and securing -------- */

/* IDLE for the first time. */
static enum conn_verdict conn_on_open(struct conn *conn)
{
    conn->end_ns = UINT64_MAX; /* the engine gives it a request, or a rest, at once */
    conn_become(conn, CONN_IDLE);
    return CONN_OPENED;
}

/* Go on with the handshake: with what was fed, and with what there is to send. */
static enum conn_verdict conn_shake_hands(struct conn *conn)
{
    switch (tls_session_handshake(conn->session)) {
    case TLS_DONE:
        conn->secured_ns = conn->shared->now_ns;
        conn_send_more(conn);
        return conn->state == CONN_CLOSING ? CONN_WORKING : conn_on_open(conn);
    case TLS_STARVED:
        return conn_send_more(conn);
    case TLS_ENDED:
    case TLS_FAILED:
        return conn_fail(conn, QUOIT_E_TLS, 0, tls_session_detail(conn->session));
    }
    abort(); /* a result without a case */
}

static enum conn_verdict conn_on_connect(struct conn *conn, int32_t result)
{
    uint64_t now_ns = conn->shared->now_ns;

    if (result == -ECANCELED) {
        return conn_fail(conn, conn->deadline_error, 0, "");
    }
    if (result < 0) {
        enum quoit_error error = result == -EADDRNOTAVAIL ? QUOIT_E_NO_DESCRIPTOR : QUOIT_E_CONNECT;
        return conn_fail(conn, error, -result, strerror(-result));
    }
    conn->connected_ns = now_ns;
    conn->progress_ns = now_ns;
    conn->exchange.write_ns = conn->end_ns; /* in the handshake, no progress is bounded by it */
    conn->end_ns = after_ns(now_ns, conn->end_ns);
    if (conn->session == NULL) {
        conn->deadline_ns = min_u64(conn->exchange.attempt_ns, conn->exchange.deadline_ns);
        conn_arm(conn);
        return conn_on_open(conn);
    }
    conn_become(conn, CONN_SECURING);
    conn_find_deadline(conn);
    conn_arm(conn);
    return conn_shake_hands(conn);
}

/* -------- receiving -------- */

/* The answer is complete: keep the connection if both sides are done with it. */
static enum conn_verdict conn_settle(struct conn *conn)
{
    conn->answered = true;
    conn->answered_ns = conn->shared->now_ns;
    if (conn_is_sending(conn) || conn->sending_stopped || !conn_has_sent_all(conn) ||
        !conn->response.keep_alive || conn->paused || conn->peer_ended) {
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
    }
    return conn_fail(conn, error, conn->os_error, detail);
}

/* Plaintext of the server. */
static enum conn_verdict conn_on_plain(struct conn *conn, const char *bytes, size_t size)
{
    struct response *response = &conn->response;
    size_t consumed = 0;

    if (conn->state != CONN_BUSY || conn->send_turn == ring_turns(conn->shared->ring)) {
        return conn_fail(conn, QUOIT_E_RESET, 0, "the server spoke unasked");
    }
    conn->progress_ns = conn->shared->now_ns;
    enum response_progress progress = response_feed(response, bytes, size, &consumed);
    conn->received += consumed;
    if (conn->first_byte_ns == 0 && response->started) {
        conn->first_byte_ns = conn->shared->now_ns;
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

static enum conn_verdict conn_on_end(struct conn *conn, int os_error);

/* Ciphertext of the server: all that can be read from it, piece by piece. */
static enum conn_verdict conn_on_cipher(struct conn *conn)
{
    enum conn_verdict verdict = CONN_WORKING;

    for (;;) {
        size_t size = 0;
        switch (tls_session_read(conn->session, conn->shared->plain, CONN_PLAIN_SIZE, &size)) {
        case TLS_DONE:
            if (verdict == CONN_ANSWERED) { /* bytes behind the answer are nobody's */
                conn_close(conn, QUOIT_OK);
                return CONN_WORKING;
            }
            verdict = conn_on_plain(conn, conn->shared->plain, size);
            if (conn->state == CONN_CLOSING) {
                return verdict;
            }
            break;
        case TLS_STARVED:
            if (tls_session_pending(conn->session) > 0) { /* a KeyUpdate's answer */
                conn_send_more(conn);
            }
            return conn->state == CONN_CLOSING ? CONN_WORKING : verdict;
        case TLS_ENDED:
            conn->peer_ended = true;
            return conn_on_end(conn, 0);
        case TLS_FAILED:
            return conn_fail(conn, QUOIT_E_TLS, 0, tls_session_detail(conn->session));
        }
    }
}

/* Bytes from the network. */
static enum conn_verdict conn_on_bytes(struct conn *conn, const char *bytes, size_t size)
{
    if (conn->session == NULL) {
        return conn_on_plain(conn, bytes, size);
    }
    tls_session_feed(conn->session, bytes, size);
    if (conn->state != CONN_SECURING) {
        return conn_on_cipher(conn);
    }
    enum conn_verdict verdict = conn_shake_hands(conn);
    if (verdict != CONN_OPENED) {
        return verdict;
    }
    /* Tickets may have come in the same segment as the end of the handshake. */
    verdict = conn_on_cipher(conn);
    return conn->state == CONN_IDLE ? CONN_OPENED : verdict;
}

/* The server will send no more; os_error is 0 if it said so properly. */
static enum conn_verdict conn_on_end(struct conn *conn, int os_error)
{
    bool clean = os_error == 0 && (conn->session == NULL || conn->peer_ended);

    if (os_error != 0) {
        conn->os_error = os_error;
    }
    switch (conn->state) {
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
    if (!conn->paused && !ours && conn->shared->now_ns >= conn->deadline_ns) {
        if (conn->state == CONN_BUSY && conn->response.ends_with_close &&
            ring_peer_has_ended(conn->shared->ring, conn->fd)) {
            return conn_on_end(conn, 0);
        }
        return conn_fail(conn, conn->deadline_error, 0, "");
    }
    conn_arm(conn);
    return CONN_WORKING;
}

static enum conn_verdict conn_on_recv(struct conn *conn, const struct ring_done *done)
{
    if (done->result > 0) {
        if (!done->more) {
            conn_arm(conn); /* the kernel may end a multishot for reasons of its own */
        }
        enum conn_verdict verdict = conn_on_bytes(conn, done->bytes, (size_t)done->result);
        if (conn->state == CONN_CLOSING) {
            return CONN_WORKING;
        }
        conn_move_deadline(conn);
        return verdict;
    }
    if (done->result == -ENOBUFS && !conn->recv_taken_back) {
        if (!conn->paused) {
            list_append(&conn->shared->hungry, &conn->hungry_link);
        }
        return CONN_WORKING;
    }
    if (done->result == -ECANCELED || done->result == -ENOBUFS) {
        return conn_on_recv_back(conn);
    }
    return conn_on_end(conn, -done->result);
}

static enum conn_verdict conn_on_done_open(struct conn *conn, const struct ring_done *done)
{
    switch (done->tag.verb) {
    case RING_CONNECT:
        return conn_on_connect(conn, done->result);
    case RING_SEND:
        return conn_on_send(conn, done->result);
    case RING_RECV:
        return conn_on_recv(conn, done);
    case RING_CLOSE:
    case RING_VERBS:
        break; /* only CLOSING starts it; see conn_may_hold */
    }
    abort(); /* a completion that no state expects */
}

enum conn_verdict conn_on_done(struct conn *conn, const struct ring_done *done)
{
    assert(done->tag.conn == conn->index);
    if (done->tag.verb == RING_SEND && conn->quiet) {
        assert((conn->in_flight & BIT(RING_SEND)) == 0);
    } else {
        conn_settle_quiet(conn);
        if ((conn->in_flight & BIT(done->tag.verb)) == 0) {
            assert(conn->state == CONN_CLOSING); /* a goodbye that did not fit */
            assert(done->tag.verb == RING_SEND);
        }
        if (!done->more) {
            conn->in_flight &= ~BIT(done->tag.verb);
        }
    }
    if (conn->state == CONN_CLOSING) {
        return conn_on_done_closing(conn, done);
    }
    enum conn_verdict verdict = conn_on_done_open(conn, done);
    conn_check(conn);
    conn_check_listens(conn);
    return verdict;
}
