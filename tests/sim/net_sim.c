/*
 * net_sim: the wires of the simulation; tests/sim/net_sim.h is the manual.
 */
#include "tests/sim/net_sim.h"

#include "tests/sim/world.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NET_FD_FIRST 100000    /* no descriptor of this process */
#define NET_DELIVERIES_MAX 300 /* of one answer: so that a large one takes no million turns */
#define NET_SEND_BUFFER_MIN 32 /* the same of a large request */

static struct {
    struct net_socket sockets[NET_SOCKETS_MAX];
    uint32_t used; /* all above were never open in this world */
    uint32_t serial;
    uint32_t open, open_most;
    enum net_manner manners[NET_SERVERS_MAX];
} net;

/* -------- pipes -------- */

static void pipe_reset(struct net_pipe *pipe)
{
    pipe->read = pipe->arrived = pipe->written = 0;
    pipe->dropped = 0;
}

static void pipe_write(struct net_pipe *pipe, const char *bytes, size_t size)
{
    if (size == 0) {
        return;
    }
    if (pipe->read == pipe->written) {
        pipe->dropped += pipe->read;
        pipe->read = pipe->arrived = pipe->written = 0;
    }
    if (pipe->written + size > pipe->capacity) {
        pipe->capacity = 2 * (pipe->written + size);
        pipe->bytes = realloc(pipe->bytes, pipe->capacity);
        assert(pipe->bytes != NULL);
    }
    memcpy(pipe->bytes + pipe->written, bytes, size);
    pipe->written += size;
}

/* -------- open, connect, close -------- */

void net_begin(void)
{
    for (uint32_t i = 0; i < net.used; i++) {
        net.sockets[i].state = NET_CLOSED;
    }
    net.used = net.serial = net.open = net.open_most = 0;
    memset(net.manners, 0, sizeof(net.manners));
}

void net_set_manner(uint32_t server, enum net_manner manner)
{
    assert(server < NET_SERVERS_MAX);
    net.manners[server] = manner;
}

static enum net_manner net_manner_of(uint32_t server)
{
    return server < NET_SERVERS_MAX ? net.manners[server] : NET_USUAL;
}

uint32_t net_open_count(void)
{
    return net.open;
}

uint32_t net_open_most(void)
{
    return net.open_most;
}

struct net_socket *net_socket_at(uint32_t index)
{
    return index < net.used ? &net.sockets[index] : NULL;
}

int net_open(bool local)
{
    uint32_t index = 0;

    while (index < net.used && net.sockets[index].state != NET_CLOSED) {
        index++; /* the lowest free number, as a kernel does: a stale one then hits a stranger */
    }
    if (index == NET_SOCKETS_MAX) {
        world_violation("more than %u sockets are open", NET_SOCKETS_MAX);
    }
    if (index == net.used) {
        net.used++;
    }

    struct net_socket *socket = &net.sockets[index];
    struct net_pipe up = socket->up;
    struct net_pipe down = socket->down;
    pipe_reset(&up);
    pipe_reset(&down);
    *socket = (struct net_socket){
        .state = NET_FRESH,
        .index = index,
        .serial = ++net.serial,
        .fd = NET_FD_FIRST + (int)index,
        .local = local,
        .conn = NET_NOBODY,
        .up = up,
        .down = down,
        .up_max = 2 * 1024 * 1024,
        .down_max = 256 * 1024,
        .connect_at_ns = WORLD_NEVER,
        .deliver_at_ns = WORLD_NEVER,
        .reset_at_ns = WORLD_NEVER,
        .ended_ns = WORLD_NEVER,
        .unasked_at = WORLD_NEVER,
        .unasked_ns = WORLD_NEVER,
        .latency_ns = world_between(5 * NS_PER_US, 500 * NS_PER_US),
        .gap_max_ns = 200 * NS_PER_US,
        .chunk_max = 64 * 1024,
    };
    if (world_happens(WORLD_SEND_BUFFER_SMALL)) {
        socket->up_max = NET_SEND_BUFFER_MIN + world_size(16 * 1024);
    }
    if (world_happens(WORLD_WINDOW_SMALL)) {
        socket->down_max = 1024 + world_size(8 * 1024);
    }
    net.open++;
    net.open_most = net.open > net.open_most ? net.open : net.open_most;
    return socket->fd;
}

struct net_socket *net_find(int fd, uint32_t conn)
{
    uint32_t index = (uint32_t)(fd - NET_FD_FIRST);

    if (fd < NET_FD_FIRST || index >= net.used) {
        world_violation("conn %u uses descriptor %d, which never was one", conn, fd);
    }
    struct net_socket *socket = &net.sockets[index];
    if (socket->state == NET_CLOSED) {
        world_violation("conn %u uses descriptor %d after its close", conn, fd);
    }
    if (conn == NET_NOBODY) {
        return socket;
    }
    if (socket->conn == NET_NOBODY) {
        socket->conn = conn;
    } else if (socket->conn != conn) {
        world_violation("conn %u uses descriptor %d of conn %u", conn, fd, socket->conn);
    }
    return socket;
}

/* Which server listens there; 10.0.0.N:80 and /sim/N are server N. */
static uint32_t net_server_of(const struct net_socket *socket, const struct sockaddr *address,
                              uint32_t size)
{
    uint32_t server = 0;

    if (socket->local) {
        const struct sockaddr_un *path = (const void *)address;
        if (address->sa_family != AF_UNIX || size > sizeof(*path) ||
            sscanf(path->sun_path, "/sim/%u", &server) != 1) {
            world_violation("conn %u connects a unix socket to a stranger", socket->conn);
        }
        return server;
    }
    const struct sockaddr_in *internet = (const void *)address;
    if (address->sa_family != AF_INET || size < sizeof(*internet) ||
        ntohs(internet->sin_port) != 80 || ntohl(internet->sin_addr.s_addr) >> 8 != 0x0a0000) {
        world_violation("conn %u connects to a stranger", socket->conn);
    }
    return ntohl(internet->sin_addr.s_addr) & 0xff;
}

void net_connect(struct net_socket *socket, const struct sockaddr *address, uint32_t size)
{
    static const uint64_t syn_retries_s[] = { 3, 7, 15, 31, 63, 127 };
    if (socket->state != NET_FRESH) {
        world_violation("conn %u connects descriptor %d twice", socket->conn, socket->fd);
    }
    socket->server = net_server_of(socket, address, size);
    socket->state = NET_CONNECTING;
    socket->connect_result = 0;
    socket->connect_at_ns = world_now_ns() + (socket->local ? 0 : 2 * socket->latency_ns);
    enum net_manner manner = net_manner_of(socket->server);
    if (manner == NET_REFUSES || world_happens(WORLD_CONNECT_REFUSED)) {
        socket->connect_result = -ECONNREFUSED;
    } else if (!socket->local && world_happens(WORLD_CONNECT_UNREACHABLE)) {
        socket->connect_result = -ENETUNREACH;
        socket->connect_at_ns = world_now_ns();
    } else if (manner == NET_BLACK_HOLE || world_happens(WORLD_CONNECT_BLACK_HOLE)) {
        socket->connect_result = -ETIMEDOUT; /* by the kernel, after tcp_syn_retries SYNs */
        socket->connect_at_ns =
            world_now_ns() + syn_retries_s[world_below(COUNT_OF(syn_retries_s))] * NS_PER_S;
        if (socket->local) { /* its backlog is full until it goes away */
            socket->connect_result = -ECONNREFUSED;
        }
    } else if (world_happens(WORLD_CONNECT_SLOW)) {
        socket->connect_at_ns += world_below(4 * NS_PER_S);
    }
}

bool net_connect_ready(const struct net_socket *socket)
{
    return socket->state == NET_CONNECTING && socket->connect_at_ns <= world_now_ns();
}

int32_t net_connect_result(struct net_socket *socket)
{
    assert(net_connect_ready(socket));
    socket->connect_at_ns = WORLD_NEVER;
    socket->state = socket->connect_result == 0 ? NET_CONNECTED : NET_BROKEN;
    if (socket->connect_result == -ETIMEDOUT) {
        world_note(WORLD_CONNECT_TIMED_OUT);
    }
    return socket->connect_result;
}

void net_connect_abandon(struct net_socket *socket)
{
    socket->connect_at_ns = WORLD_NEVER;
    socket->state = NET_BROKEN;
}

void net_close(struct net_socket *socket)
{
    assert(socket->state != NET_CLOSED);
    socket->state = NET_CLOSED;
    net.open--;
}

/* -------- the client's bytes -------- */

bool net_may_send(const struct net_socket *socket)
{
    return socket->state != NET_CONNECTED || socket->error != 0 ||
           socket->up.written - socket->up.read < socket->up_max;
}

int32_t net_send(struct net_socket *socket, const char *bytes, size_t size)
{
    assert(size > 0);
    if (socket->error != 0) {
        int32_t error = socket->error;
        socket->error = 0;
        return error;
    }
    if (socket->state != NET_CONNECTED) {
        return -EPIPE;
    }
    if (socket->end_arrived && socket->local && socket->end != NET_END_FIN) {
        return -EPIPE; /* a unix socket knows at once that its peer is gone */
    }
    size_t unread = socket->up.written - socket->up.read;
    if (unread >= socket->up_max) {
        return -EAGAIN;
    }
    size = min_u64(size, socket->up_max - unread);
    pipe_write(&socket->up, bytes, size);
    socket->up.arrived = socket->up.written;
    if (!socket->in_request) {
        socket->in_request = true;
        socket->request_handed = socket->handed;
        socket->request_known = socket->known;
    }
    if (socket->end == NET_END_NONE) {
        socket->up_changed = true;
    } else if (socket->end == NET_END_FIN || socket->end == NET_END_RST) {
        socket->up.read = socket->up.written; /* taken, and thrown away */
    } else if (socket->end == NET_END_FIN_CLOSED) {
        socket->up.read = socket->up.written;
        socket->reset_at_ns = min_u64(socket->reset_at_ns, world_now_ns() + 2 * socket->latency_ns);
    }
    return (int32_t)size;
}

size_t net_readable(const struct net_socket *socket)
{
    return socket->down.arrived - socket->down.read;
}

bool net_may_recv(const struct net_socket *socket)
{
    return socket->state == NET_BROKEN || net_readable(socket) > 0 || socket->error != 0 ||
           socket->end_arrived;
}

int32_t net_recv(struct net_socket *socket, char *bytes, size_t size)
{
    size_t readable = net_readable(socket);

    assert(size > 0);
    if (readable > 0) {
        size = min_u64(size, readable);
        memcpy(bytes, socket->down.bytes + socket->down.read, size);
        socket->down.read += size;
        if (socket->deliver_at_ns == WORLD_NEVER && socket->down.arrived < socket->down.written) {
            socket->deliver_at_ns = world_now_ns() + socket->latency_ns; /* the window opens */
        }
        return (int32_t)size;
    }
    if (socket->error != 0) {
        int32_t error = socket->error;
        socket->error = 0;
        return error;
    }
    return socket->end_arrived || socket->state == NET_BROKEN ? 0 : -EAGAIN;
}

/* -------- the server's bytes -------- */

struct quoit_span net_incoming(const struct net_socket *socket)
{
    if (socket->up.bytes == NULL) {
        return (struct quoit_span){ "", 0 };
    }
    return (struct quoit_span){ socket->up.bytes + socket->up.read,
                                socket->up.arrived - socket->up.read };
}

void net_take(struct net_socket *socket, size_t size)
{
    assert(size <= socket->up.arrived - socket->up.read);
    socket->up.read += size;
}

void net_put(struct net_socket *socket, const char *bytes, size_t size)
{
    if (socket->end != NET_END_NONE) {
        return;
    }
    pipe_write(&socket->down, bytes, size);
    if (socket->deliver_at_ns == WORLD_NEVER) {
        socket->deliver_at_ns = world_now_ns() + socket->latency_ns;
    }
}

void net_finish(struct net_socket *socket, enum net_end end)
{
    if (socket->end != NET_END_NONE) {
        return;
    }
    socket->end = end;
    socket->up.read = socket->up.written;
    if (socket->deliver_at_ns == WORLD_NEVER) {
        socket->deliver_at_ns = world_now_ns() + socket->latency_ns;
    }
}

/* More has arrived: was it asked for? */
static void net_note_unasked(struct net_socket *socket)
{
    if (socket->unasked_ns == WORLD_NEVER &&
        socket->down.dropped + socket->down.arrived > socket->unasked_at) {
        socket->unasked_ns = world_now_ns();
    }
}

void net_hurry(struct net_socket *socket)
{
    socket->down.arrived = socket->down.written;
    net_note_unasked(socket);
}

uint64_t net_written(const struct net_socket *socket)
{
    return socket->down.dropped + socket->down.written;
}

uint64_t net_received(const struct net_socket *socket)
{
    return socket->down.dropped + socket->down.read;
}

/* -------- time -------- */

static void net_end_arrives(struct net_socket *socket)
{
    socket->end_arrived = true;
    socket->ended_ns = min_u64(socket->ended_ns, world_now_ns());
    if (socket->end == NET_END_RST) {
        socket->error = -ECONNRESET;
        socket->state = NET_BROKEN;
    }
}

static void net_deliver(struct net_socket *socket)
{
    struct net_pipe *down = &socket->down;
    size_t left = down->written - down->arrived;

    socket->deliver_at_ns = WORLD_NEVER;
    if (left > 0) {
        size_t room = socket->down_max - min_u64(socket->down_max, down->arrived - down->read);
        size_t chunk = 1 + world_below(socket->chunk_max) + left / NET_DELIVERIES_MAX;
        down->arrived += min_u64(min_u64(left, room), chunk);
        net_note_unasked(socket);
        if (room == 0) {
            return; /* net_recv goes on */
        }
        left = down->written - down->arrived;
    }
    if (left == 0 && (socket->end == NET_END_NONE || socket->end_arrived)) {
        return;
    }
    if (left == 0 && world_below(2) == 0) {
        net_end_arrives(socket); /* with the last byte */
        return;
    }
    if (left == 0 && down->arrived == down->read) {
        net_end_arrives(socket);
        return;
    }
    socket->deliver_at_ns = world_now_ns() + world_below(socket->gap_max_ns + 1);
}

uint64_t net_next_ns(void)
{
    uint64_t next_ns = WORLD_NEVER;

    for (uint32_t i = 0; i < net.used; i++) {
        const struct net_socket *socket = &net.sockets[i];
        if (socket->state != NET_CLOSED) {
            next_ns = min_u64(next_ns, min_u64(socket->deliver_at_ns, socket->reset_at_ns));
            if (socket->connect_at_ns > world_now_ns()) {
                next_ns = min_u64(next_ns, socket->connect_at_ns);
            }
        }
    }
    return next_ns;
}

void net_run(void)
{
    for (uint32_t i = 0; i < net.used; i++) {
        struct net_socket *socket = &net.sockets[i];
        if (socket->state == NET_CLOSED || socket->state == NET_BROKEN) {
            socket->deliver_at_ns = socket->reset_at_ns = WORLD_NEVER;
            continue;
        }
        if (socket->deliver_at_ns <= world_now_ns()) {
            net_deliver(socket);
        }
        if (socket->reset_at_ns <= world_now_ns()) {
            socket->reset_at_ns = WORLD_NEVER;
            socket->end = NET_END_RST;
            net_end_arrives(socket);
        }
    }
}
