/*
 * ring_parts: struct ring, for ring.c and ring_setup.c: the only ones that know liburing.
 */
#ifndef QUOIT_ENGINE_RING_PARTS_H
#define QUOIT_ENGINE_RING_PARTS_H

#include "engine/ring.h"

#include <liburing.h>
#include <sys/socket.h>

#define RING_SQ_SIZE 256
#define RING_BUFFER_SIZE 4096
#define RING_GROUP 0

/* user_data: verb, connection, and a number that is never used twice. */
#define RING_SEQUENCE_BITS 40
#define RING_CONN_BITS 21
#define RING_SILENT UINT64_MAX     /* cancels and linked timeouts: nobody asks how they ended */
#define RING_WAKE (UINT64_MAX - 1) /* the standing read of the wake eventfd */
#define RING_HELD_VERBS (RING_RECV + 1) /* verbs that can be cancelled */

/* What a ring is made of; smaller ones are tried where locked memory is short. */
struct ring_sizes {
    unsigned sq, cq, buffers;
};

struct ring_closing {
    uint32_t conn;
    int fd;
};

struct ring_message {
    struct msghdr header;
    struct iovec pieces[2];
};

struct ring {
    struct io_uring uring;
    struct ring_sizes sizes;
    uint32_t conns_max;

    struct io_uring_buf_ring *buffer_ring; /* owned; shared with the kernel */
    char *buffers;                         /* owned; the kernel writes, we read in place */
    uint32_t buffers_free;                 /* ours to count: the kernel's or on the way to it */
    uint32_t buffers_returned;             /* given back, and not yet offered to the kernel */

    uint64_t *held; /* user_data by connection and verb; 0: none */
    uint64_t sequence;
    struct __kernel_timespec *deadlines; /* beside their SQEs: read when those are submitted */
    struct ring_message *messages;       /* the same */
    struct ring_closing *closings;       /* a queue of conns_max places */
    uint32_t closings_first, closings_count;
    uint64_t operations; /* started and not ended; quiet ones do not count */

    int wake_fd;
    uint64_t wake_value; /* where the kernel writes what it read from wake_fd */
    bool wake_armed;
    bool woken; /* in the last turn */

    uint64_t before_ns, after_ns, rounds, settled;
    uint64_t spin_max_ns;
    uint32_t spin_penalty, spin_skip; /* DESIGN.md 3.6 */
    struct ring_stats stats;
};

#endif
