/*
 * conn: see conn.h. Handlers stand in the order of the happy path, failures leave first, and each
 * ends in a verdict.
 *
 * Promise: CONN_CLOSED comes exactly once for each conn_open, when the kernel holds nothing; and no
 * byte that the ring told of before the kernel took a byte of the request, or that stands behind a
 * complete answer, is ever part of an answer.
 */
#include "engine/conn_parts.h"

#include "base/bits.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONN_OUT_KEPT (16 * 1024) /* room of `out` that an idle connection keeps */

/* Which states may follow each state: the picture in conn.h, for the machine. */
static const unsigned conn_may_become[CONN_STATES] = {
    [CONN_FREE] = BIT(CONN_CONNECTING),
    [CONN_CONNECTING] =
        BIT(CONN_TUNNELLING) | BIT(CONN_SECURING) | BIT(CONN_IDLE) | BIT(CONN_CLOSING),
    [CONN_TUNNELLING] = BIT(CONN_SECURING) | BIT(CONN_CLOSING),
    [CONN_SECURING] = BIT(CONN_IDLE) | BIT(CONN_CLOSING),
    [CONN_IDLE] = BIT(CONN_BUSY) | BIT(CONN_CLOSING),
    [CONN_BUSY] = BIT(CONN_IDLE) | BIT(CONN_CLOSING),
    [CONN_CLOSING] = BIT(CONN_FREE),
};

/* Which operations the kernel may hold in each state. */
static const unsigned conn_may_hold[CONN_STATES] = {
    [CONN_FREE] = 0,
    [CONN_CONNECTING] = BIT(RING_CONNECT),
    [CONN_TUNNELLING] = BIT(RING_RECV) | BIT(RING_SEND),
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
    bool open = conn->state >= CONN_TUNNELLING && conn->state <= CONN_BUSY;

    if (open && !conn->paused) {
        assert((conn->in_flight & BIT(RING_RECV)) || !list_is_empty(&conn->hungry_link));
    }
}

void conn_become(struct conn *conn, enum conn_state next)
{
    assert(conn_may_become[conn->state] & BIT(next));
    conn->state = next;
    conn_check(conn);
}

/* Note that the kernel is about to hold one more operation. */
void conn_hold(struct conn *conn, enum ring_verb verb)
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

/*
 * Say goodbye on a TLS connection that is at rest, or, if TLS has failed, by an alert why. What
 * cannot be sent at once is not said.
 */
static void conn_say_goodbye(struct conn *conn)
{
    if (conn->session == NULL || conn->quiet || conn->out_sent < conn->out.size) {
        return;
    }
    bool failed = tls_session_error(conn->session) != QUOIT_OK;
    if (!failed && (conn->secured_ns == 0 || conn->error != QUOIT_OK)) {
        return;
    }
    tls_session_close(conn->session); /* nothing, if it has failed */
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
    conn_take_back(conn);
    conn_close_when_quiet(conn);
}

/* Close for that reason, with a line for people. */
enum conn_verdict conn_fail(struct conn *conn, enum quoit_error error, int os_error,
                            const char *detail)
{
    conn->os_error = os_error;
    snprintf(conn->detail, sizeof(conn->detail), "%s", detail);
    conn_close(conn, error);
    return CONN_WORKING;
}

enum conn_verdict conn_fail_tls(struct conn *conn)
{
    return conn_fail(conn, tls_session_error(conn->session), 0, tls_session_detail(conn->session));
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
    conn_drop_tunnel(conn);
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
void conn_find_deadline(struct conn *conn)
{
    conn->deadline_ns = UINT64_MAX;
    conn->deadline_error = QUOIT_OK;
    if (conn->state != CONN_BUSY) {
        conn_deadline_earlier(conn, conn->end_ns, conn->end_error);
    }
    if (conn->state == CONN_BUSY && conn->response.begun) {
        conn_deadline_earlier(conn, after_ns(conn->progress_ns, conn->exchange.idle_ns),
                              QUOIT_E_TIMEOUT_IDLE);
    } else if (conn->state == CONN_BUSY && conn->sending_stopped) {
        conn_deadline_earlier(conn, after_ns(conn->progress_ns, conn->exchange.write_ns),
                              QUOIT_E_TIMEOUT_WRITE);
    } else if (conn->state == CONN_BUSY && conn_has_sent_all(conn)) {
        conn_deadline_earlier(conn, after_ns(conn->progress_ns, conn->exchange.first_byte_ns),
                              QUOIT_E_TIMEOUT_FIRST_BYTE);
    }
    if (conn->state != CONN_IDLE) {
        conn_deadline_earlier(conn, conn->exchange.attempt_ns, QUOIT_E_TIMEOUT_TOTAL);
        conn_deadline_earlier(conn, conn->exchange.deadline_ns, QUOIT_E_TIMEOUT_DEADLINE);
    }
}

void conn_arm(struct conn *conn)
{
    struct conn_shared *shared = conn->shared;

    if ((conn->in_flight & BIT(RING_RECV)) || conn->paused) {
        return;
    }
    list_remove(&conn->hungry_link);
    conn_hold(conn, RING_RECV);
    if (conn->state >= CONN_IDLE) {
        shared->heard_ns = 0; /* who knows what has come while nobody listened */
    }
    conn->recv_taken_back = false;
    conn->armed_ns = min_u64(conn->deadline_ns, after_ns(shared->now_ns, shared->arm_max_ns));
    ring_recv_stand(shared->ring, conn->index, conn->fd, conn->group, conn->armed_ns);
}

void conn_take_back(struct conn *conn)
{
    if ((conn->in_flight & BIT(RING_RECV)) && !conn->recv_taken_back) {
        conn->recv_taken_back = true;
        ring_cancel(conn->shared->ring, (struct ring_tag){ RING_RECV, conn->index });
    }
}

void conn_use_group(struct conn *conn, enum ring_group group)
{
    if (conn->group == group) {
        return;
    }
    conn->group = group;
    conn->misfits = 0;
    if (!list_is_empty(&conn->hungry_link)) {
        list_remove(&conn->hungry_link);
        list_append(&conn->shared->hungry[group], &conn->hungry_link);
    }
    conn_take_back(conn);
}

/* The deadline may have moved: later costs nothing, earlier than the timer takes the receive back.
 */
void conn_move_deadline(struct conn *conn)
{
    conn_find_deadline(conn);
    if (conn->deadline_ns < conn->armed_ns) {
        conn_take_back(conn);
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
    conn_take_back(conn);
}

void conn_rest(struct conn *conn, uint64_t until)
{
    assert(conn->state == CONN_IDLE);
    conn->end_ns = until;
    conn_move_deadline(conn);
}

/* -------- opening -------- */

const char *conn_os_detail(int os_error)
{
    switch (os_error) {
    case 0:
        return "";
    case EMFILE:
        return "too many open files: raise RLIMIT_NOFILE (ulimit -n)";
    case ENFILE:
        return "too many open files on this machine: raise sysctl fs.file-max";
    case EADDRNOTAVAIL:
        return "every local port is taken: widen sysctl net.ipv4.ip_local_port_range";
    }
    return strerror(os_error);
}

/* What it would have needed, had it been opened. */
static void conn_drop_parts(struct conn *conn)
{
    tls_session_destroy(conn->session);
    conn->session = NULL;
    conn_drop_tunnel(conn);
}

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
    enum quoit_error error = conn_prepare_tunnel(conn, target->tunnel);
    if (error != QUOIT_OK) {
        conn_drop_parts(conn);
        return error;
    }
    int fd = ring_socket(ring, target->address->sa_family);
    if (fd < 0) {
        conn_drop_parts(conn);
        conn->os_error = -fd;
        if (fd == -EMFILE || fd == -ENFILE) {
            return QUOIT_E_NO_DESCRIPTOR;
        }
        return fd == -ENOMEM || fd == -ENOBUFS ? QUOIT_E_NO_MEMORY : QUOIT_E_CONNECT;
    }

    conn->fd = fd;
    conn->error = QUOIT_OK;
    conn->quiet = false;
    conn->paused = false;
    conn->recv_taken_back = false;
    conn->group = RING_SMALL;
    conn->misfits = 0;
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
    conn->tls_ns = target->tls_ns;
    conn->end_ns = target->connect_ns;
    conn->end_error = QUOIT_E_TIMEOUT_CONNECT;
    conn_find_deadline(conn);
    conn_hold(conn, RING_CONNECT);
    ring_connect(ring, conn->index, fd, target->address, target->address_size, conn->deadline_ns);
    conn_become(conn, CONN_CONNECTING);
    return QUOIT_OK;
}

/* -------- connecting and securing -------- */

/* IDLE for the first time. */
static enum conn_verdict conn_on_open(struct conn *conn)
{
    conn->end_ns = UINT64_MAX; /* the engine gives it a request, or a rest, at once */
    conn->end_error = QUOIT_OK;
    conn_become(conn, CONN_IDLE);
    return CONN_OPENED;
}

/* Go on with the handshake: with what was fed, and with what there is to send. */
enum conn_verdict conn_shake_hands(struct conn *conn)
{
    switch (tls_session_handshake(conn->session)) {
    case TLS_DONE:
        conn->secured_ns = conn->shared->now_ns;
        conn_send_more(conn); /* what is left of the handshake: no request that could fail */
        return conn_on_open(conn);
    case TLS_STARVED:
        return conn_send_more(conn);
    case TLS_ENDED:
    case TLS_FAILED:
        return conn_fail_tls(conn);
    }
    abort(); /* a result without a case */
}

enum conn_verdict conn_on_way(struct conn *conn)
{
    uint64_t now_ns = conn->shared->now_ns;

    conn->connected_ns = now_ns;
    conn->progress_ns = now_ns;
    if (conn->session == NULL) {
        conn->deadline_ns = min_u64(conn->exchange.attempt_ns, conn->exchange.deadline_ns);
        conn_arm(conn);
        return conn_on_open(conn);
    }
    conn->exchange.write_ns = conn->tls_ns; /* no progress is bounded by it too */
    conn->end_ns = after_ns(now_ns, conn->tls_ns);
    conn->end_error = QUOIT_E_TIMEOUT_TLS;
    conn_become(conn, CONN_SECURING);
    conn_move_deadline(conn); /* from TUNNELLING it listens already */
    conn_arm(conn);
    return conn_shake_hands(conn);
}

static enum conn_verdict conn_on_connect(struct conn *conn, int32_t result)
{
    bool taken = result == -ECANCELED || result == -EINTR; /* EINTR: from a kernel thread */

    if (taken && conn->shared->now_ns >= conn->deadline_ns) {
        return conn_fail(conn, conn->deadline_error, 0, "");
    }
    if (result < 0) {
        enum quoit_error error = result == -EADDRNOTAVAIL ? QUOIT_E_NO_DESCRIPTOR : QUOIT_E_CONNECT;
        return conn_fail(conn, error, -result, conn_os_detail(-result));
    }
    conn->connected_ns = conn->shared->now_ns;
    return conn->tunnel != NULL ? conn_ask_for_tunnel(conn) : conn_on_way(conn);
}

/* -------- completions -------- */

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
