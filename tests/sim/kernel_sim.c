/*
 * kernel_sim: plays the kernel; tests/sim/kernel_sim.h is the manual.
 */
#include "tests/sim/kernel_sim.h"

#include "tests/sim/server_sim.h"
#include "tests/sim/world.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

uint64_t kernel_hash(const char *bytes, size_t size)
{
    uint64_t hash = size;

    for (size_t i = 0; i < size; i++) {
        if (i == KERNEL_HASHED_MAX && size > 2 * KERNEL_HASHED_MAX) {
            i = size - KERNEL_HASHED_MAX;
        }
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t kernel_quiet_hash(const struct ring_conn *conn)
{
    return kernel_hash(conn->quiet[0].bytes, conn->quiet[0].size) ^
           3 * kernel_hash(conn->quiet[1].bytes, conn->quiet[1].size);
}

struct kernel_buffers *kernel_buffers_of(struct ring *ring, uint32_t buffer)
{
    for (unsigned group = 0; group < RING_GROUPS; group++) {
        struct kernel_buffers *buffers = &ring->groups[group];
        if (buffer >= buffers->first && buffer - buffers->first < buffers->count) {
            return buffers;
        }
    }
    return NULL;
}

static char *buffer_bytes(struct ring *ring, uint32_t buffer)
{
    struct kernel_buffers *buffers = kernel_buffers_of(ring, buffer);

    return buffers->bytes + (size_t)(buffer - buffers->first) * buffers->size;
}

static uint32_t buffer_take(struct kernel_buffers *buffers)
{
    for (uint32_t i = 0; i < buffers->count; i++) {
        if (buffers->states[i] == BUFFER_FREE) {
            buffers->states[i] = BUFFER_POSTED;
            return buffers->first + i;
        }
    }
    return RING_NO_BUFFER;
}

/* -------- what is refused -------- */

static struct kernel_refusal kernel_refusal;
static uint64_t kernel_counted;

void kernel_refuse(const struct kernel_refusal *refusal)
{
    kernel_refusal = *refusal;
    kernel_counted = 0;
}

uint64_t kernel_refusal_count(void)
{
    return kernel_counted;
}

/* Is this one to fail? Then *result_out says how. */
static bool kernel_refuses(enum ring_verb verb, int32_t *result_out)
{
    if (verb != kernel_refusal.verb || kernel_refusal.at == 0) {
        return false;
    }
    kernel_counted++;
    if (kernel_counted < kernel_refusal.at ||
        (kernel_counted > kernel_refusal.at && !kernel_refusal.on)) {
        return false;
    }
    *result_out = kernel_refusal.result;
    return true;
}

/* -------- what goes on -------- */

static void kernel_post(struct ring *ring, struct ring_tag tag, int32_t result, bool more,
                        uint32_t buffer)
{
    if (ring->posted_count == ring->posted_capacity) {
        ring->posted_capacity = 2 * ring->posted_capacity + 64;
        ring->posted = realloc(ring->posted, ring->posted_capacity * sizeof(*ring->posted));
        assert(ring->posted != NULL);
    }
    ring->posted[ring->posted_count++] = (struct ring_done){
        .tag = tag,
        .result = result,
        .more = more,
        .bytes = buffer == RING_NO_BUFFER ? NULL : buffer_bytes(ring, buffer),
        .buffer = buffer,
    };
    ring->stats.cqes++;
}

/* The end of an operation that the kernel holds. */
static void kernel_end(struct ring *ring, struct ring_tag tag, int32_t result, uint32_t buffer)
{
    struct operation *operation = &ring->conns[tag.conn].operations[tag.verb];

    assert(operation->held);
    operation->held = false;
    kernel_post(ring, tag, result, false, buffer);
}

struct net_socket *kernel_socket(struct ring *ring, struct ring_tag tag)
{
    return net_find(ring->conns[tag.conn].operations[tag.verb].fd, tag.conn);
}

static bool has_fired(const struct operation *operation)
{
    return operation->fires_ns <= world_now_ns();
}

/* What a connect or a send ends with that was cancelled, or whose deadline fired. */
static int32_t cancelled_result(const struct operation *operation, const struct net_socket *socket)
{
    if (operation->hurried || (socket->local && world_happens(WORLD_CANCEL_RUNNING))) {
        return -EINTR; /* it ran in a thread of the kernel */
    }
    return -ECANCELED;
}

static void progress_connect(struct ring *ring, struct ring_tag tag)
{
    struct net_socket *socket = kernel_socket(ring, tag);
    const struct operation *operation = &ring->conns[tag.conn].operations[RING_CONNECT];
    bool ready = net_connect_ready(socket);
    bool fired = has_fired(operation);
    int32_t refused;

    if (ready && kernel_refuses(RING_CONNECT, &refused)) {
        net_connect_abandon(socket);
        kernel_end(ring, tag, refused, RING_NO_BUFFER);
        return;
    }
    if (ready && (!fired || world_below(2) == 0)) {
        kernel_end(ring, tag, net_connect_result(socket), RING_NO_BUFFER);
    } else if (fired) {
        world_note(ready ? WORLD_CONNECT_DEADLINE_FIRST : WORLD_CONNECT_DEADLINE);
        net_connect_abandon(socket);
        kernel_end(ring, tag, cancelled_result(operation, socket), RING_NO_BUFFER);
    }
}

static void progress_send(struct ring *ring, struct ring_tag tag)
{
    struct net_socket *socket = kernel_socket(ring, tag);
    struct operation *operation = &ring->conns[tag.conn].operations[RING_SEND];
    bool fired = has_fired(operation);
    bool ready = net_may_send(socket) && operation->begins_ns <= world_now_ns();
    int32_t refused;

    if (ready && kernel_refuses(RING_SEND, &refused)) {
        kernel_end(ring, tag, refused, RING_NO_BUFFER);
        return;
    }
    if (ready && (!fired || world_below(2) == 0)) {
        size_t size = min_u64(operation->size, RING_QUIET_MAX);
        if (world_happens(WORLD_SEND_SHORT)) {
            size = 1 + world_size(size - 1);
        }
        int32_t sent = net_send(socket, operation->bytes, size);
        if (sent < 0) {
            world_note(WORLD_SEND_BROKEN);
        }
        kernel_end(ring, tag, sent, RING_NO_BUFFER);
    } else if (fired) {
        world_note(ready ? WORLD_SEND_DEADLINE_FIRST : WORLD_SEND_DEADLINE);
        kernel_end(ring, tag, cancelled_result(operation, socket), RING_NO_BUFFER);
    }
}

/* One segment of what is there, or the end. False: the receive has ended. */
static bool receive_once(struct ring *ring, struct ring_tag tag, struct net_socket *socket)
{
    enum ring_group group = ring->conns[tag.conn].operations[RING_RECV].group;
    size_t size = ring->groups[group].size;
    int32_t refused;

    if (kernel_refuses(RING_RECV, &refused)) {
        kernel_end(ring, tag, refused, RING_NO_BUFFER);
        return false;
    }
    if (net_readable(socket) == 0) {
        char none;
        kernel_end(ring, tag, net_recv(socket, &none, 1), RING_NO_BUFFER);
        return false;
    }
    uint32_t buffer = buffer_take(&ring->groups[group]);
    if (buffer == RING_NO_BUFFER) {
        world_note(group == RING_SMALL ? WORLD_RECV_NO_BUFFER : WORLD_RECV_NO_LARGE_BUFFER);
        ring->stats.no_buffers++;
        kernel_end(ring, tag, -ENOBUFS, RING_NO_BUFFER);
        return false;
    }
    if (world_happens(WORLD_RECV_SMALL)) {
        size = 1 + world_size(size - 1);
    }
    int32_t count = net_recv(socket, buffer_bytes(ring, buffer), size);
    if (count > RING_SMALL_SIZE) {
        world_note(WORLD_RECV_LARGE);
    }
    if (world_happens(WORLD_RECV_ENDED)) {
        kernel_end(ring, tag, count, buffer);
        return false;
    }
    kernel_post(ring, tag, count, true, buffer);
    return true;
}

static bool may_receive(const struct net_socket *socket, const struct operation *operation)
{
    return net_may_recv(socket) && !(operation->blind && net_readable(socket) == 0);
}

static void progress_recv(struct ring *ring, struct ring_tag tag)
{
    struct net_socket *socket = kernel_socket(ring, tag);
    struct operation *operation = &ring->conns[tag.conn].operations[RING_RECV];
    bool fired = has_fired(operation);

    if (fired && may_receive(socket, operation) && world_below(2) == 0) {
        world_note(WORLD_DEADLINE_FIRST);
        kernel_end(ring, tag, -ECANCELED, RING_NO_BUFFER);
        return;
    }
    bool received = false;
    while (may_receive(socket, operation)) {
        received = true;
        if (!receive_once(ring, tag, socket)) {
            return;
        }
    }
    if (fired) {
        world_note(received ? WORLD_DATA_FIRST : WORLD_RECV_DEADLINE);
        kernel_end(ring, tag, -ECANCELED, RING_NO_BUFFER);
    }
}

/* Go on with whatever can go on. */
void kernel_progress(struct ring *ring)
{
    for (uint32_t i = 0; i < ring->conns_used; i++) {
        struct operation *operations = ring->conns[i].operations;
        if (operations[RING_CONNECT].held) {
            progress_connect(ring, (struct ring_tag){ RING_CONNECT, i });
        }
        if (operations[RING_SEND].held) {
            progress_send(ring, (struct ring_tag){ RING_SEND, i });
        }
        if (operations[RING_RECV].held) {
            progress_recv(ring, (struct ring_tag){ RING_RECV, i });
        }
    }
}

/* -------- submission -------- */

static void submit_connect(struct ring *ring, struct ring_tag tag)
{
    struct operation *operation = &ring->conns[tag.conn].operations[RING_CONNECT];

    if (kernel_hash((const char *)operation->address, operation->address_size) != operation->hash) {
        world_violation("conn %u: its address changed before it was submitted", tag.conn);
    }
    operation->held = true;
    net_connect(kernel_socket(ring, tag), operation->address, operation->address_size);
}

static void submit_recv(struct ring *ring, struct ring_tag tag)
{
    struct operation *operation = &ring->conns[tag.conn].operations[RING_RECV];
    struct net_socket *socket = kernel_socket(ring, tag);

    operation->held = true;
    if (!net_may_recv(socket)) {
        operation->blind = socket->local && world_happens(WORLD_UNIX_END_MISSED);
        socket->end_missed |= operation->blind;
        return; /* it waits; only now its deadline counts */
    }
    while (net_may_recv(socket)) {
        if (!receive_once(ring, tag, socket)) {
            return;
        }
    }
}

/* All of it now, or a word about it. */
static void submit_quiet(struct ring *ring, struct ring_tag tag)
{
    struct ring_conn *conn = &ring->conns[tag.conn];
    struct net_socket *socket = kernel_socket(ring, tag);
    size_t asked = conn->quiet[0].size + conn->quiet[1].size;
    size_t may = world_happens(WORLD_SEND_SHORT) ? 1 + world_size(asked - 1) : asked;
    size_t sent = 0;
    bool interrupted = server_sim_interrupts(socket);
    int32_t result = 0;

    if ((interrupted && world_below(2) == 0) || world_happens(WORLD_SEND_NOTHING)) {
        result = -EAGAIN;
    }
    (void)kernel_refuses(RING_SEND, &result);
    if (kernel_quiet_hash(conn) != conn->quiet_hash) {
        world_violation("conn %u: a quiet send's memory changed before it was submitted", tag.conn);
    }
    conn->quiet_waits = false;
    for (unsigned i = 0; i < 2 && result == 0; i++) {
        size_t size = min_u64(conn->quiet[i].size, may - sent);
        if (size == 0) {
            continue;
        }
        int32_t count = net_send(socket, conn->quiet[i].bytes, size);
        sent += count > 0 ? (size_t)count : 0;
        result = count < 0 ? count : 0;
        if ((size_t)count < size) {
            break;
        }
    }
    if (sent == asked) {
        return;
    }
    if (sent == 0 && result < 0 && result != -EAGAIN) {
        world_note(WORLD_SEND_BROKEN);
    }
    conn->quiet_speaks = true;
    kernel_post(ring, tag, sent > 0 ? (int32_t)sent : result, false, RING_NO_BUFFER);
    struct ring_done done = ring->posted[ring->posted_count - 1];
    memmove(ring->posted + ring->posted_quiet + 1, ring->posted + ring->posted_quiet,
            (ring->posted_count - 1 - ring->posted_quiet) * sizeof(done));
    ring->posted[ring->posted_quiet++] = done;
}

/* The kernel looks for the target: it has ended already, or ends now, perhaps with what was there.
 */
static void submit_cancel(struct ring *ring, struct ring_tag tag)
{
    struct operation *operation = &ring->conns[tag.conn].operations[tag.verb];

    if (!operation->held) {
        world_note(WORLD_CANCEL_LOST);
        return;
    }
    struct net_socket *socket = kernel_socket(ring, tag);
    if (tag.verb != RING_RECV && socket->local && world_happens(WORLD_CANCEL_RUNNING)) {
        operation->hurried = true;
        operation->fires_ns = world_now_ns() + world_below(NS_PER_MS);
        return;
    }
    if (tag.verb == RING_CONNECT && net_connect_ready(socket) && world_below(2) == 0) {
        kernel_end(ring, tag, net_connect_result(socket), RING_NO_BUFFER);
        return;
    }
    if (tag.verb == RING_CONNECT) {
        net_connect_abandon(socket);
    }
    while (tag.verb == RING_RECV && may_receive(socket, operation) &&
           world_happens(WORLD_CANCEL_DATA_FIRST)) {
        if (!receive_once(ring, tag, socket)) {
            return;
        }
    }
    world_note(WORLD_CANCEL_WON);
    bool old = tag.verb == RING_RECV && world_happens(WORLD_CANCEL_NO_BUFFERS);
    kernel_end(ring, tag, old ? -ENOBUFS : -ECANCELED, RING_NO_BUFFER);
}

static void submit_close(struct ring *ring, struct ring_tag tag)
{
    struct net_socket *socket = kernel_socket(ring, tag);
    int32_t result = 0;

    ring->conns[tag.conn].operations[RING_CLOSE].held = true;
    server_sim_on_close(socket);
    net_close(socket);
    (void)kernel_refuses(RING_CLOSE, &result);
    kernel_end(ring, tag, result, RING_NO_BUFFER);
}

void kernel_submit(struct ring *ring)
{
    for (uint32_t i = 0; i < ring->queue_count; i++) {
        struct ring_tag tag = ring->queue[i].tag;
        if (ring->queue[i].kind == OPERATION_CANCEL) {
            submit_cancel(ring, tag);
            continue;
        }
        switch (tag.verb) {
        case RING_CONNECT:
            submit_connect(ring, tag);
            break;
        case RING_SEND:
            if (ring->queue[i].kind == OPERATION_QUIET) {
                submit_quiet(ring, tag);
                break;
            }
            ring->conns[tag.conn].operations[RING_SEND].held = true;
            progress_send(ring, tag);
            break;
        case RING_RECV:
            submit_recv(ring, tag);
            break;
        case RING_CLOSE:
            submit_close(ring, tag);
            break;
        case RING_VERBS:
            abort(); /* no verb */
        }
    }
    ring->queue_count = 0;
}

/* -------- time -------- */

uint64_t kernel_next_ns(const struct ring *ring)
{
    uint64_t next_ns = min_u64(net_next_ns(), server_sim_next_ns());

    for (uint32_t i = 0; i < ring->conns_used; i++) {
        for (unsigned verb = 0; verb < RING_CLOSE; verb++) {
            const struct operation *operation = &ring->conns[i].operations[verb];
            if (operation->held) {
                next_ns = min_u64(next_ns, operation->fires_ns);
                if (operation->begins_ns > world_now_ns()) {
                    next_ns = min_u64(next_ns, operation->begins_ns);
                }
            }
        }
    }
    return next_ns;
}
