/*
 * ring_epoll: epoll behind engine/ring.h, for machines where io_uring is refused: operations and
 * the turn. How it is made stands in ring_epoll_setup.c.
 *
 * Happy path: calls note what is asked for; a turn carries it out by non-blocking system calls,
 * waits once, and hands out the ends. What can be received is received while it is handed out, so
 * nothing is copied and nothing has to be kept.
 *
 *     call --> started --turn--> (waits for an event) --> ended ----------+--> handed out
 *                     event of a standing receive --> readable --recv()---+
 *
 * Sockets are watched edge-triggered, from their first wait to their close: an exchange on a kept
 * connection costs one sendmsg, one recv, and its share of an epoll_wait. `readable` remembers the
 * edge until a read came back short, which means that the socket was empty (epoll(7)).
 *
 * Nothing here fails: a socket that cannot be watched ends its operation with that errno.
 *
 * Promises: a turn is bounded, since each connection has room for RING_EPOLL_SHARE a round; no
 * connection is passed over, since those that have had theirs go behind the others; what came
 * before a deadline is handed out before it.
 */
#include "engine/ring_epoll.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/time_types.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING_EPOLL_SHARE (2 * RING_LARGE_SIZE) /* for a connection in a round: bytes */
#define RING_EPOLL_RETRY_NS NS_PER_MS
#define RING_EPOLL_IN (EPOLLIN | EPOLLRDHUP | EPOLLET)
#define RING_EPOLL_BOTH (RING_EPOLL_IN | EPOLLOUT)
#define RING_EPOLL_HUNG_UP (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

_Static_assert(RING_EPOLL_SHARE % RING_SMALL_SIZE == 0, "whole buffers are counted");

static struct ring_epoll_conn *ring_epoll_conn_of(const struct ring *ring, uint32_t conn)
{
    assert(conn < ring->conns_max);
    return &ring_epoll_of(ring)->conns[conn];
}

/* -------- what is asked for -------- */

static void ring_epoll_start(struct ring_epoll *epoll, struct ring_tag tag, int fd,
                             uint64_t deadline_ns)
{
    struct ring_epoll_conn *conn = ring_epoll_conn_of(&epoll->ring, tag.conn);
    struct ring_epoll_operation *operation = &conn->operations[tag.verb];

    assert(operation->stage == RING_EPOLL_IDLE); /* never two of a kind */
    assert(conn->fd == -1 || conn->fd == fd);    /* one socket until its close */
    conn->fd = fd;
    operation->stage = RING_EPOLL_STARTED;
    operation->cancelled = false;
    operation->expired = false;
    operation->quiet = false;
    timer_set(&epoll->timers, &operation->timer, deadline_ns);
    list_remove(&conn->started_link);
    list_append(&epoll->started, &conn->started_link);
    epoll->ring.stats.sqes++;
    epoll->ring.operations++;
}

void ring_epoll_connect(struct ring *ring, uint32_t conn, int fd, const struct sockaddr *address,
                        uint32_t address_size, uint64_t deadline_ns)
{
    struct ring_epoll_conn *owner = ring_epoll_conn_of(ring, conn);

    ring_epoll_start(ring_epoll_of(ring), (struct ring_tag){ RING_CONNECT, conn }, fd, deadline_ns);
    owner->address = address;
    owner->address_size = address_size;
}

void ring_epoll_send(struct ring *ring, uint32_t conn, int fd, const struct quoit_span *piece,
                     uint64_t deadline_ns)
{
    struct ring_epoll_conn *owner = ring_epoll_conn_of(ring, conn);

    ring_epoll_start(ring_epoll_of(ring), (struct ring_tag){ RING_SEND, conn }, fd, deadline_ns);
    owner->pieces[0] = *piece;
    owner->pieces[1] = (struct quoit_span){ "", 0 };
}

void ring_epoll_send_quiet(struct ring *ring, uint32_t conn, int fd,
                           const struct quoit_span pieces[2])
{
    struct ring_epoll_conn *owner = ring_epoll_conn_of(ring, conn);

    ring_epoll_start(ring_epoll_of(ring), (struct ring_tag){ RING_SEND, conn }, fd,
                     RING_NO_DEADLINE);
    owner->pieces[0] = pieces[0];
    owner->pieces[1] = pieces[1];
    owner->operations[RING_SEND].quiet = true;
    ring->operations--;
}

void ring_epoll_recv_stand(struct ring *ring, uint32_t conn, int fd, enum ring_group group,
                           uint64_t deadline_ns)
{
    ring_epoll_conn_of(ring, conn)->group = group;
    ring_epoll_start(ring_epoll_of(ring), (struct ring_tag){ RING_RECV, conn }, fd, deadline_ns);
}

void ring_epoll_cancel(struct ring *ring, struct ring_tag tag)
{
    struct ring_epoll *epoll = ring_epoll_of(ring);
    struct ring_epoll_conn *conn = ring_epoll_conn_of(ring, tag.conn);
    struct ring_epoll_operation *operation = &conn->operations[tag.verb];

    if (operation->stage == RING_EPOLL_STARTED || operation->stage == RING_EPOLL_WAITING) {
        operation->cancelled = true;
        list_remove(&conn->started_link);
        list_append(&epoll->started, &conn->started_link);
        ring->stats.sqes++;
    }
}

bool ring_epoll_holds(const struct ring *ring, uint32_t conn)
{
    const struct ring_epoll_conn *owner = ring_epoll_conn_of(ring, conn);
    bool holds = false;

    for (unsigned verb = 0; verb < RING_CLOSE; verb++) {
        const struct ring_epoll_operation *operation = &owner->operations[verb];
        holds |= operation->stage != RING_EPOLL_IDLE && !operation->quiet;
    }
    return holds;
}

/* -------- ends -------- */

static void ring_epoll_end(struct ring_epoll *epoll, struct ring_epoll_operation *operation,
                           int32_t result)
{
    assert(operation->stage == RING_EPOLL_STARTED || operation->stage == RING_EPOLL_WAITING);
    timer_stop(&epoll->timers, &operation->timer);
    list_remove(&operation->link);
    operation->stage = RING_EPOLL_ENDED;
    operation->result = result;
    if (operation->quiet) { /* it goes before all others */
        list_prepend(&epoll->ended, &operation->link);
    } else {
        list_append(&epoll->ended, &operation->link);
    }
    if (operation->tag.verb == RING_RECV) {
        list_remove(&epoll->conns[operation->tag.conn].readable_link);
    }
}

/* A connect is over: the address that it kept for another try goes. */
static void ring_epoll_end_connect(struct ring_epoll *epoll, struct ring_epoll_conn *conn,
                                   int32_t result)
{
    struct ring_epoll_operation *operation = &conn->operations[RING_CONNECT];

    if (!list_is_empty(&operation->link)) {
        free((void *)(uintptr_t)conn->address);
    }
    conn->address = NULL;
    ring_epoll_end(epoll, operation, result);
}

/* Its deadline came, or a cancel. */
static void ring_epoll_call_off(struct ring_epoll *epoll, struct ring_epoll_operation *operation)
{
    if (operation->tag.verb == RING_CONNECT) {
        ring_epoll_end_connect(epoll, &epoll->conns[operation->tag.conn], -ECANCELED);
    } else {
        ring_epoll_end(epoll, operation, -ECANCELED);
    }
}

/* -------- carrying out -------- */

/* Let epoll tell of these events. 0 or a negative errno. */
static int ring_epoll_watch(struct ring_epoll *epoll, struct ring_epoll_conn *conn, uint32_t events)
{
    int verb = conn->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    struct epoll_event event = { .events = events, .data.u64 = (uint64_t)(conn - epoll->conns) };

    if (conn->watched != events) {
        if (epoll_ctl(epoll->epoll_fd, verb, conn->fd, &event) != 0) {
            return -errno;
        }
        conn->watched = events;
    }
    return 0;
}

/*
 * A unix socket whose listener's backlog is full. Nobody tells when there is room, so it stands in
 * line, and its address has to last.
 */
static int32_t ring_epoll_stand_in_line(struct ring_epoll *epoll, struct ring_epoll_conn *conn)
{
    void *address = malloc(conn->address_size);

    if (address == NULL) {
        return -ENOMEM;
    }
    memcpy(address, conn->address, conn->address_size);
    conn->address = address;
    if (list_is_empty(&epoll->retrying)) {
        epoll->retry_ns = ring_clock_ns() + RING_EPOLL_RETRY_NS;
    }
    list_append(&epoll->retrying, &conn->operations[RING_CONNECT].link);
    return -EINPROGRESS;
}

static void ring_epoll_connect_now(struct ring_epoll *epoll, struct ring_epoll_conn *conn)
{
    int32_t result = connect(conn->fd, conn->address, conn->address_size) == 0 ? 0 : -errno;

    if (result == -EAGAIN && conn->address->sa_family == AF_UNIX) {
        result = ring_epoll_stand_in_line(epoll, conn);
    } else if (result == -EINPROGRESS) {
        int error = ring_epoll_watch(epoll, conn, RING_EPOLL_BOTH);
        result = error == 0 ? result : error;
    }
    if (result != -EINPROGRESS) {
        ring_epoll_end_connect(epoll, conn, result);
        return;
    }
    conn->operations[RING_CONNECT].stage = RING_EPOLL_WAITING;
}

/* Those that stand in line, until one finds the backlog full: that one goes to the end. */
static void ring_epoll_connect_again(struct ring_epoll *epoll, uint64_t now_ns)
{
    while (!list_is_empty(&epoll->retrying)) {
        struct ring_epoll_operation *operation =
            LIST_FIRST(&epoll->retrying, struct ring_epoll_operation, link);
        struct ring_epoll_conn *conn = &epoll->conns[operation->tag.conn];

        if (connect(conn->fd, conn->address, conn->address_size) == 0) {
            ring_epoll_end_connect(epoll, conn, 0);
        } else if (errno != EAGAIN) {
            ring_epoll_end_connect(epoll, conn, -errno);
        } else {
            list_remove(&operation->link);
            list_append(&epoll->retrying, &operation->link);
            break;
        }
    }
    epoll->retry_ns = list_is_empty(&epoll->retrying) ? UINT64_MAX : now_ns + RING_EPOLL_RETRY_NS;
}

static void ring_epoll_send_now(struct ring_epoll *epoll, struct ring_epoll_conn *conn)
{
    struct ring_epoll_operation *operation = &conn->operations[RING_SEND];
    size_t size = conn->pieces[0].size + conn->pieces[1].size;
    struct ring_message message;

    ring_message_fill(&message, conn->pieces);
    ssize_t sent = sendmsg(conn->fd, &message.header, MSG_DONTWAIT | MSG_NOSIGNAL);
    int32_t result = sent < 0 ? -errno : (int32_t)sent;
    if (operation->quiet && result == (int32_t)size) {
        operation->stage = RING_EPOLL_IDLE; /* its silence says it */
        return;
    }
    if (!operation->quiet && result == -EAGAIN) {
        result = ring_epoll_watch(epoll, conn, RING_EPOLL_BOTH);
        if (result == 0) {
            operation->stage = RING_EPOLL_WAITING;
            return;
        }
    }
    ring_epoll_end(epoll, operation, result);
}

/* Something may be there for the standing receive. */
static void ring_epoll_note_readable(struct ring_epoll *epoll, struct ring_epoll_conn *conn)
{
    bool stands = conn->operations[RING_RECV].stage == RING_EPOLL_WAITING;

    if (conn->readable && stands && list_is_empty(&conn->readable_link)) {
        conn->bytes_left = RING_EPOLL_SHARE;
        list_append(&epoll->readable, &conn->readable_link);
    }
}

static void ring_epoll_stand_now(struct ring_epoll *epoll, struct ring_epoll_conn *conn)
{
    int error = conn->watched == 0 ? ring_epoll_watch(epoll, conn, RING_EPOLL_IN) : 0;

    if (error != 0) {
        ring_epoll_end(epoll, &conn->operations[RING_RECV], error);
        return;
    }
    conn->operations[RING_RECV].stage = RING_EPOLL_WAITING;
    ring_epoll_note_readable(epoll, conn);
}

static void ring_epoll_carry_out(struct ring_epoll *epoll, struct ring_epoll_conn *conn)
{
    if (conn->operations[RING_CONNECT].stage == RING_EPOLL_STARTED) {
        ring_epoll_connect_now(epoll, conn);
    }
    if (conn->operations[RING_SEND].stage == RING_EPOLL_STARTED) {
        ring_epoll_send_now(epoll, conn);
    }
    if (conn->operations[RING_RECV].stage == RING_EPOLL_STARTED) {
        ring_epoll_stand_now(epoll, conn);
    }
    for (unsigned verb = 0; verb < RING_CLOSE; verb++) {
        struct ring_epoll_operation *operation = &conn->operations[verb];
        if (operation->cancelled && operation->stage == RING_EPOLL_WAITING) {
            ring_epoll_call_off(epoll, operation);
        }
    }
}

static void ring_epoll_close_now(struct ring_epoll *epoll, const struct ring_closing *closing)
{
    struct ring_epoll_conn *conn = &epoll->conns[closing->conn];
    struct ring_epoll_operation *operation = &conn->operations[RING_CLOSE];

    if (conn->watched != 0) { /* a forked child may keep the socket open, and so in the set */
        epoll_ctl(epoll->epoll_fd, EPOLL_CTL_DEL, closing->fd, NULL);
    }
    if (epoll->ring.shares) {
        shutdown(closing->fd, SHUT_RDWR);
    }
    conn->fd = -1;
    conn->watched = 0;
    conn->readable = conn->hung_up = false;
    operation->stage = RING_EPOLL_STARTED;
    epoll->ring.stats.sqes++;
    ring_epoll_end(epoll, operation, close(closing->fd) == 0 ? 0 : -errno);
}

/* Carry out all that was started; the closes last, so that they stay behind quiet sends. */
static void ring_epoll_submit(struct ring_epoll *epoll)
{
    struct ring_closing closing;

    while (!list_is_empty(&epoll->unread)) {
        struct ring_epoll_conn *conn =
            LIST_FIRST(&epoll->unread, struct ring_epoll_conn, readable_link);
        list_remove(&conn->readable_link);
        ring_epoll_note_readable(epoll, conn);
    }
    while (!list_is_empty(&epoll->started)) {
        struct ring_epoll_conn *conn =
            LIST_FIRST(&epoll->started, struct ring_epoll_conn, started_link);
        list_remove(&conn->started_link);
        ring_epoll_carry_out(epoll, conn);
    }
    for (uint32_t taken = 0; ring_take_closing(&epoll->ring, taken, &closing); taken++) {
        ring_epoll_close_now(epoll, &closing);
    }
}

/* -------- waiting -------- */

static void ring_epoll_on_event(struct ring_epoll *epoll, const struct epoll_event *event)
{
    if (event->data.u64 == RING_EPOLL_WAKE) {
        char wakes[RING_WAKES_MAX];
        epoll->ring.woken = recv(epoll->ring.wake_fd, wakes, sizeof(wakes), MSG_DONTWAIT) > 0;
        return;
    }
    if (event->data.u64 == RING_EPOLL_ALARM) {
        ring_epoll_set_alarm(epoll, UINT64_MAX);
        return;
    }
    struct ring_epoll_conn *conn = &epoll->conns[event->data.u64];
    if (event->events & (EPOLLIN | RING_EPOLL_HUNG_UP)) {
        conn->readable = true;
        conn->hung_up |= (event->events & RING_EPOLL_HUNG_UP) != 0;
        ring_epoll_note_readable(epoll, conn);
    }
    if (conn->operations[RING_CONNECT].stage == RING_EPOLL_WAITING) {
        int error = 0;
        socklen_t size = sizeof(error);
        getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0 || (event->events & EPOLLOUT)) {
            ring_epoll_end_connect(epoll, conn, -error);
        }
    } else if (conn->operations[RING_SEND].stage == RING_EPOLL_WAITING) {
        if (event->events & (EPOLLOUT | RING_EPOLL_HUNG_UP)) { /* not each time that bytes come */
            ring_epoll_send_now(epoll, conn);
        }
    } else if (event->events == EPOLLOUT) {
        /* Room that nobody asked for: unix sockets tell of it each time that the peer reads. */
        ring_epoll_watch(epoll, conn, RING_EPOLL_IN);
    }
}

/* As epoll_wait, to the nanosecond where the kernel can. */
static int ring_epoll_ask(struct ring_epoll *epoll, uint64_t wait_ns)
{
    epoll->ring.stats.entries++;
    if (wait_ns > 0 && wait_ns != UINT64_MAX && !epoll->lacks_pwait2) {
        struct __kernel_timespec wait = { .tv_sec = (long long)min_u64(wait_ns / NS_PER_S, INT_MAX),
                                          .tv_nsec = (long long)(wait_ns % NS_PER_S) };
        long count = syscall(SYS_epoll_pwait2, epoll->epoll_fd, epoll->events, RING_EPOLL_EVENTS,
                             &wait, NULL, 0);
        if (count >= 0 || errno == EINTR) {
            return (int)count;
        }
        epoll->lacks_pwait2 = true; /* ENOSYS, or EPERM of a filter that does not know it */
    }
    uint64_t wait_ms = wait_ns / NS_PER_MS + (wait_ns % NS_PER_MS != 0);
    return epoll_wait(epoll->epoll_fd, epoll->events, RING_EPOLL_EVENTS,
                      wait_ns == UINT64_MAX ? -1 : (int)min_u64(wait_ms, INT_MAX));
}

/*
 * One wait, and all that it brings, so that no timer goes before what has come in time; returns the
 * clock after it.
 */
static uint64_t ring_epoll_look(struct ring_epoll *epoll, uint64_t wait_ns)
{
    struct timer *timer;
    int count = ring_epoll_ask(epoll, wait_ns);

    assert(count >= 0 || errno == EINTR);
    epoll->interrupted = count < 0;
    for (uint32_t asked = 0; count > 0; asked += RING_EPOLL_EVENTS) {
        for (int i = 0; i < count; i++) {
            ring_epoll_on_event(epoll, &epoll->events[i]);
        }
        bool may_be_more = count == RING_EPOLL_EVENTS && asked < epoll->ring.conns_max;
        count = may_be_more ? ring_epoll_ask(epoll, 0) : 0;
    }
    uint64_t now_ns = ring_clock_ns();
    while ((timer = timer_take(&epoll->timers, now_ns)) != NULL) {
        struct ring_epoll_operation *operation =
            CONTAINER_OF(timer, struct ring_epoll_operation, timer);
        if (list_is_empty(&epoll->conns[operation->tag.conn].readable_link) ||
            operation->tag.verb != RING_RECV) {
            ring_epoll_call_off(epoll, operation);
        } else {
            operation->expired = true;
        }
    }
    if (now_ns >= epoll->retry_ns) {
        ring_epoll_connect_again(epoll, now_ns);
    }
    return now_ns;
}

bool ring_epoll_has_more(const struct ring *ring)
{
    const struct ring_epoll *epoll = ring_epoll_of(ring);

    return !list_is_empty(&epoll->ended) || !list_is_empty(&epoll->readable);
}

/* `unread` has had its share of the last round, and may have more. */
bool ring_epoll_may_bring(const struct ring *ring)
{
    return ring_epoll_has_more(ring) || !list_is_empty(&ring_epoll_of(ring)->unread);
}

static bool ring_epoll_waits(const struct ring_epoll *epoll)
{
    return !ring_epoll_has_more(&epoll->ring) && !epoll->ring.woken && !epoll->interrupted;
}

/* True: the wait is over. */
static bool ring_epoll_spin(struct ring_epoll *epoll, uint64_t spin_ns)
{
    uint64_t begin_ns = ring_clock_ns();
    uint64_t now_ns = begin_ns;

    do {
        now_ns = ring_epoll_look(epoll, 0);
    } while (ring_epoll_waits(epoll) && now_ns - begin_ns < spin_ns);
    ring_has_spun(&epoll->ring, begin_ns, now_ns, !ring_epoll_waits(epoll));
    return !ring_epoll_waits(epoll);
}

/* Until something can be handed out, a wake, a signal, or that time. */
static void ring_epoll_wait(struct ring_epoll *epoll, uint64_t wait_ns, bool calm)
{
    uint64_t end_ns = after_ns(epoll->ring.before_ns, wait_ns);

    if (wait_ns == 0 || ring_epoll_has_more(&epoll->ring)) {
        ring_epoll_look(epoll, 0);
        return;
    }
    if (ring_may_spin(&epoll->ring, calm) &&
        ring_epoll_spin(epoll, min_u64(epoll->ring.spin_max_ns, wait_ns))) {
        return;
    }
    uint64_t now_ns = ring_clock_ns();
    do {
        uint64_t until = min_u64(end_ns, min_u64(timer_next_ns(&epoll->timers), epoll->retry_ns));
        now_ns = ring_epoll_look(epoll, until == UINT64_MAX ? until : until_ns(until, now_ns));
    } while (ring_epoll_waits(epoll) && now_ns < end_ns);
}

/* -------- handing out -------- */

static void ring_epoll_tell(struct ring_epoll *epoll, struct ring_done *done)
{
    struct ring_epoll_operation *operation =
        LIST_FIRST(&epoll->ended, struct ring_epoll_operation, link);

    list_remove(&operation->link);
    operation->stage = RING_EPOLL_IDLE;
    epoll->ring.operations -= !operation->quiet;
    epoll->ring.stats.cqes++;
    *done = (struct ring_done){
        .tag = operation->tag,
        .result = operation->result,
        .buffer = RING_NO_BUFFER,
    };
}

/* The round is over for a connection: it is empty, or has had its share. */
static void ring_epoll_leave_readable(struct ring_epoll *epoll, struct ring_epoll_conn *conn)
{
    struct ring_epoll_operation *operation = &conn->operations[RING_RECV];

    list_remove(&conn->readable_link);
    if (operation->expired) {
        ring_epoll_end(epoll, operation, -ECANCELED);
    } else if (conn->readable) {
        list_append(&epoll->unread, &conn->readable_link);
    }
}

/* Receive one piece of the first connection that may have some. True: *done holds it. */
static bool ring_epoll_receive(struct ring_epoll *epoll, struct ring_done *done)
{
    struct ring *ring = &epoll->ring;
    struct ring_epoll_conn *conn =
        LIST_FIRST(&epoll->readable, struct ring_epoll_conn, readable_link);
    struct ring_epoll_operation *operation = &conn->operations[RING_RECV];
    struct ring_buffers *buffers = &ring->groups[conn->group];
    uint32_t buffer = epoll->unused[conn->group][buffers->free_count - 1];

    ssize_t size = recv(conn->fd, ring_buffer(ring, buffer), buffers->size, MSG_DONTWAIT);
    if (size == 0 || (size < 0 && errno != EAGAIN)) {
        ring_epoll_end(epoll, operation, size == 0 ? 0 : -errno);
        return false;
    }
    conn->bytes_left -= buffers->size;
    conn->readable = size == (ssize_t)buffers->size || (size > 0 && conn->hung_up);
    if (!conn->readable || conn->bytes_left == 0) {
        ring_epoll_leave_readable(epoll, conn);
    }
    if (size < 0) {
        return false;
    }
    buffers->free_count--;
    ring->stats.cqes++;
    *done = (struct ring_done){
        .tag = operation->tag,
        .result = (int32_t)size,
        .more = true,
        .bytes = ring_buffer(ring, buffer),
        .buffer = buffer,
    };
    return true;
}

/* Is there one for the connection that receives next? */
static bool ring_epoll_has_buffer(const struct ring_epoll *epoll)
{
    const struct ring_epoll_conn *conn =
        LIST_FIRST(&epoll->readable, struct ring_epoll_conn, readable_link);

    return epoll->ring.groups[conn->group].free_count > 0;
}

static uint32_t ring_epoll_hand_out(struct ring_epoll *epoll, struct ring_done *done,
                                    uint32_t done_max)
{
    uint32_t count = 0;

    while (count < done_max && ring_epoll_has_more(&epoll->ring)) {
        if (!list_is_empty(&epoll->ended)) {
            ring_epoll_tell(epoll, &done[count]);
            count++;
        } else if (ring_epoll_has_buffer(epoll)) {
            count += ring_epoll_receive(epoll, &done[count]);
        } else if (count > 0) {
            break; /* those that this turn hands out will be given back */
        } else {
            struct ring_epoll_conn *conn =
                LIST_FIRST(&epoll->readable, struct ring_epoll_conn, readable_link);
            epoll->ring.stats.no_buffers++;
            ring_epoll_end(epoll, &conn->operations[RING_RECV], -ENOBUFS);
        }
    }
    return count;
}

void ring_epoll_give_back(struct ring *ring, uint32_t buffer)
{
    enum ring_group group = ring_group_of(buffer);

    ring_epoll_of(ring)->unused[group][ring->groups[group].free_count] = buffer;
}

uint32_t ring_epoll_turn(struct ring *ring, struct ring_done *done, uint32_t done_max,
                         uint64_t wait_ns, bool calm)
{
    struct ring_epoll *epoll = ring_epoll_of(ring);

    if (!ring_epoll_has_more(ring)) {
        ring_epoll_submit(epoll);
        ring_epoll_wait(epoll, wait_ns, calm);
        ring->rounds++;
    }
    return ring_epoll_hand_out(epoll, done, done_max);
}
