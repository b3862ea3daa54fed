/*
 * net_sim: sockets and the wires behind them, as a kernel on one side and a server on the other see
 * them. No operations and no HTTP: ring_sim is the one side, server_sim the other.
 *
 *     client --- net_send ---> [ up ] --- net_incoming, net_take ---> server
 *     client <-- net_recv ---- [ down: arrived | on the way ] <--- net_put, net_finish --- server
 *
 * Happy path: open, connect, and when net_connect_ready says so, bytes both ways; close.
 *
 * As in the kernel: what has arrived can be read even after a reset; a reset is told once, by the
 * send or the receive that meets it first, then sends end with -EPIPE and receives with 0; a server
 * that has closed answers bytes with a reset; a pipe that is full takes no more.
 *
 * The promise that is watched here: a descriptor is used by one connection, and not after its
 * close.
 */
#ifndef QUOIT_TESTS_SIM_NET_SIM_H
#define QUOIT_TESTS_SIM_NET_SIM_H

#include "quoit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_SOCKETS_MAX 512
#define NET_SERVERS_MAX 16 /* with a manner of their own */
#define NET_NOBODY UINT32_MAX

struct sockaddr;

enum net_state { NET_CLOSED, NET_FRESH, NET_CONNECTING, NET_CONNECTED, NET_BROKEN };

/* What becomes of connects to a server. */
enum net_manner {
    NET_USUAL, /* as chance wills */
    NET_REFUSES,
    NET_BLACK_HOLE,
};

enum net_end {
    NET_END_NONE,
    NET_END_FIN,        /* the server sends no more, and takes what comes */
    NET_END_FIN_CLOSED, /* the server has closed: what comes is answered by a reset */
    NET_END_RST,
};

struct net_pipe {
    char *bytes; /* owned */
    size_t capacity;
    size_t read, arrived, written; /* read <= arrived <= written */
    uint64_t dropped;              /* bytes before bytes[0], since the connection opened */
};

struct net_socket {
    enum net_state state;
    uint32_t index;
    uint32_t serial; /* never the same twice in a world */
    int fd;
    bool local;      /* a unix socket */
    uint32_t conn;   /* whose it is; NET_NOBODY until it is used */
    uint32_t server; /* whom it talks to, once it connects */

    uint64_t connect_at_ns;
    int32_t connect_result;

    struct net_pipe up, down;
    size_t up_max, down_max; /* bytes that each holds unread */
    uint64_t latency_ns;
    uint64_t gap_max_ns; /* between two deliveries */
    size_t chunk_max;    /* bytes of one delivery */
    uint64_t deliver_at_ns;
    enum net_end end; /* after the last byte written */
    bool end_arrived;
    uint64_t ended_ns;    /* when it arrived; WORLD_NEVER: not yet */
    bool end_missed;      /* it will not be told: kernel_sim's to say */
    uint64_t unasked_at;  /* net_written where the server began to say what nobody asked for */
    uint64_t unasked_ns;  /* when the first byte of that arrived; WORLD_NEVER, both: not yet */
    uint64_t reset_at_ns; /* the answer to bytes that nobody wanted */
    int32_t error;        /* a reset that nobody was told of yet */
    bool up_changed;      /* the server has something to look at */

    /* What the client knows, noted by ring_sim: bytes received that it was told of. */
    uint64_t handed; /* in all turns, the last one too */
    uint64_t known;  /* before the last turn that submitted returned */
    uint64_t handed_at_ns;
    /* Of the current request: ring_sim was given some of it; its first byte was sent, and what was
     * known then. Both are the server's to clear when it has read the whole of it. */
    bool put, in_request;
    uint64_t request_handed, request_known;
};

/* -------- the client's side -------- */

void net_begin(void);

/* From now on, until the next net_begin. */
void net_set_manner(uint32_t server, enum net_manner manner);

/* How many are open, and how many were at most since net_begin. */
uint32_t net_open_count(void);
uint32_t net_open_most(void);

/* A descriptor. */
int net_open(bool local);

/*
 * The socket behind fd, which from its first use on belongs to conn. Anything else is a violation,
 * but NET_NOBODY may look.
 */
struct net_socket *net_find(int fd, uint32_t conn);

void net_connect(struct net_socket *socket, const struct sockaddr *address, uint32_t size);
bool net_connect_ready(const struct net_socket *socket);
int32_t net_connect_result(struct net_socket *socket); /* once it is ready */
void net_connect_abandon(struct net_socket *socket);   /* cancelled or late */

/* A count above 0, -EAGAIN, -ECONNRESET or -EPIPE. */
int32_t net_send(struct net_socket *socket, const char *bytes, size_t size);

bool net_may_send(const struct net_socket *socket); /* something other than -EAGAIN */

/* A count above 0, 0 at the end, -EAGAIN or -ECONNRESET. */
int32_t net_recv(struct net_socket *socket, char *bytes, size_t size);

bool net_may_recv(const struct net_socket *socket); /* something other than -EAGAIN */
size_t net_readable(const struct net_socket *socket);

void net_close(struct net_socket *socket);

/* -------- the server's side -------- */

/* The sockets, by index: look at state first. */
struct net_socket *net_socket_at(uint32_t index);

struct quoit_span net_incoming(const struct net_socket *socket);
void net_take(struct net_socket *socket, size_t size);

void net_put(struct net_socket *socket, const char *bytes, size_t size);
void net_finish(struct net_socket *socket, enum net_end end);

/* All that was written arrives now. */
void net_hurry(struct net_socket *socket);

/* Bytes since the connection opened: that the server has written, that the client has received. */
uint64_t net_written(const struct net_socket *socket);
uint64_t net_received(const struct net_socket *socket);

/* -------- time -------- */

uint64_t net_next_ns(void);
void net_run(void); /* deliver what is due */

#endif
