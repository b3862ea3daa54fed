/*
 * ring_uring: struct ring_uring, for ring_uring.c and ring_uring_setup.c: the only ones that know
 * liburing.
 */
#ifndef QUOIT_ENGINE_RING_URING_H
#define QUOIT_ENGINE_RING_URING_H

#include "base/bits.h"
#include "engine/ring_parts.h"

#include <liburing.h>

#define RING_SQ_SIZE 256

/* user_data: verb, connection, and a number that is never used twice. */
#define RING_SEQUENCE_BITS 40
#define RING_CONN_BITS 21
#define RING_SILENT UINT64_MAX      /* cancels and linked timeouts: nobody asks how they ended */
#define RING_WAKE (UINT64_MAX - 1)  /* the standing receive from wake_fd */
#define RING_ALARM (UINT64_MAX - 2) /* the TIMEOUT operation for ring_fd_rest */
#define RING_HELD_VERBS (RING_RECV + 1) /* verbs that can be cancelled */

/* What a ring is made of; smaller ones are tried where locked memory is short. */
struct ring_sizes {
    unsigned sq, cq, buffers;
};

/* How the kernel is told which buffers of a group it may fill. */
struct ring_uring_offer {
    struct io_uring_buf_ring *queue; /* owned; shared with the kernel; NULL: there is none */
    uint32_t returned;               /* given back, and not yet offered to the kernel */
};

struct ring_uring {
    struct ring ring;
    struct io_uring queues;

    struct ring_uring_offer offers[RING_GROUPS];

    uint64_t *held; /* user_data by connection and verb; 0: none */
    uint64_t sequence;
    struct __kernel_timespec *deadlines; /* beside their SQEs: read when those are submitted */
    struct ring_message *messages;       /* the same */

    char wakes[RING_WAKES_MAX]; /* where the kernel writes what it read from wake_fd */
    bool wake_armed;

    int event_fd;      /* of ring_fd; -1: nobody has asked for it */
    uint64_t alarm_ns; /* when the TIMEOUT operation ends; RING_NO_DEADLINE: there is none */
    struct __kernel_timespec alarm; /* read when its SQE is submitted */
};

static inline struct ring_uring *ring_uring_of(const struct ring *ring)
{
    return CONTAINER_OF(ring, struct ring_uring, ring);
}

struct __kernel_timespec ring_uring_timespec(uint64_t ns);

/* Offer the kernel the buffers that were given back. */
void ring_uring_offer_buffers(struct ring_uring *uring);

/* Hand over what was started, and wait up to wait_ns for a completion. */
void ring_uring_enter_waiting(struct ring_uring *uring, uint64_t wait_ns);

/* An SQE with room for one more behind it. */
struct io_uring_sqe *ring_uring_begin(struct ring_uring *uring);

#endif
