/*
 * ring_parts: what stands between the two halves of the ring: struct ring, which both back ends
 * have as the first part of a struct of their own, and what ring.c asks of each of them.
 *
 *     ring.h --- ring.c ---+--- ring_uring*.c   io_uring
 *                          +--- ring_epoll*.c   epoll
 *
 * Each call of ring.h is one plain branch on ring->io and then a direct call: the linker sees
 * through it, and nothing is called by pointer.
 */
#ifndef QUOIT_ENGINE_RING_PARTS_H
#define QUOIT_ENGINE_RING_PARTS_H

#include "engine/ring.h"

#include <sys/socket.h>

#define RING_WAKES_MAX 256 /* that one read takes for one: a byte each */
#define RING_BUFFERS 1024
#define RING_LARGE_BUFFERS 64 /* numbered from RING_BUFFERS on */
#define RING_LARGE_SIZE (64u * 1024)

struct ring_closing {
    uint32_t conn;
    int fd;
};

/* What sendmsg is told of the one or two pieces of a quiet send. */
struct ring_message {
    struct msghdr header;
    struct iovec pieces[2];
};

/* The buffers of a group: received into, read in place. */
struct ring_buffers {
    char *bytes;         /* owned; NULL: there are none */
    uint32_t size;       /* of each */
    uint32_t first;      /* the number of the first */
    uint32_t count_max;  /* how many there are */
    uint32_t free_count; /* ours to count: the kernel's, or on the way to it */
};

/* What both have. All counts and clocks of ring.h are here. */
struct ring {
    enum quoit_io io; /* URING or EPOLL */
    int refusal;      /* AUTO took EPOLL: the errno of io_uring */
    uint32_t conns_max;

    struct ring_buffers groups[RING_GROUPS];
    bool large_refused; /* RING_LARGE cannot be had */

    struct ring_closing *closings; /* a queue of conns_max places */
    uint32_t closings_first, closings_count;
    bool shares;         /* ring_share was called */
    uint64_t operations; /* started and not ended; quiet ones do not count */

    int wake_fd, waker_fd; /* what ring_wake writes to waker_fd is read from wake_fd */
    bool woken;            /* in the last turn */

    uint64_t before_ns, after_ns, rounds, settled;
    uint64_t spin_max_ns;
    uint32_t spin_penalty, spin_skip; /* DESIGN.md 3.6 */
    struct ring_stats stats;
};

static inline bool ring_is_epoll(const struct ring *ring)
{
    return ring->io == QUOIT_IO_EPOLL;
}

/* -------- ring.c and ring_setup.c, for both -------- */

static inline enum ring_group ring_group_of(uint32_t buffer)
{
    return buffer < RING_BUFFERS ? RING_SMALL : RING_LARGE;
}

static inline char *ring_buffer(const struct ring *ring, uint32_t buffer)
{
    const struct ring_buffers *buffers = &ring->groups[ring_group_of(buffer)];

    return buffers->bytes + (size_t)(buffer - buffers->first) * buffers->size;
}

static inline void ring_message_fill(struct ring_message *message,
                                     const struct quoit_span pieces[2])
{
    for (int i = 0; i < 2; i++) {
        message->pieces[i] = (struct iovec){ (void *)(uintptr_t)pieces[i].bytes, pieces[i].size };
    }
    message->header = (struct msghdr){ .msg_iov = message->pieces, .msg_iovlen = 2 };
}

/* CLOCK_MONOTONIC. */
uint64_t ring_clock_ns(void);

/* The next close that waits, of those that a turn may carry out; false: none. */
bool ring_take_closing(struct ring *ring, uint32_t taken, struct ring_closing *closing_out);

/* May this wait begin with a busy one? Counts the waits that may not. */
bool ring_may_spin(struct ring *ring, bool calm);

/* A busy wait is over: what it cost, and whether it found something. */
void ring_has_spun(struct ring *ring, uint64_t begin_ns, uint64_t end_ns, bool won);

/* The common part of a zeroed struct. NO_MEMORY or NO_DESCRIPTOR; ring_parts_free frees that too.
 */
enum quoit_error ring_parts_init(struct ring *ring, const struct ring_options *options);
void ring_parts_free(struct ring *ring);

/* Memory for that many buffers, none of them free yet. False: out of memory. */
bool ring_map_buffers(struct ring *ring, enum ring_group group, uint32_t count);
void ring_unmap_buffers(struct ring *ring, enum ring_group group);

/* All of a group's buffers are free from now on. */
void ring_give_all(struct ring *ring, enum ring_group group);

/* -------- io_uring; make_large: false, with nothing left behind, if it cannot be had -------- */

/* As ring_create; with QUOIT_E_NO_URING, *refusal_out is the errno. */
struct ring *ring_uring_create(const struct ring_options *options, enum quoit_error *error_out,
                               int *refusal_out);
void ring_uring_destroy(struct ring *ring);
void ring_uring_connect(struct ring *ring, uint32_t conn, int fd, const struct sockaddr *address,
                        uint32_t address_size, uint64_t deadline_ns);
void ring_uring_send(struct ring *ring, uint32_t conn, int fd, const struct quoit_span *piece,
                     uint64_t deadline_ns);
void ring_uring_send_quiet(struct ring *ring, uint32_t conn, int fd,
                           const struct quoit_span pieces[2]);
void ring_uring_recv_stand(struct ring *ring, uint32_t conn, int fd, enum ring_group group,
                           uint64_t deadline_ns);
bool ring_uring_make_large(struct ring *ring);
void ring_uring_cancel(struct ring *ring, struct ring_tag tag);
void ring_uring_give_back(struct ring *ring, uint32_t buffer);
bool ring_uring_holds(const struct ring *ring, uint32_t conn);
bool ring_uring_has_more(const struct ring *ring);
bool ring_uring_may_bring(const struct ring *ring);
int ring_uring_fd(struct ring *ring);
void ring_uring_fd_work(struct ring *ring);
bool ring_uring_fd_rest(struct ring *ring, uint64_t alarm_ns);
void ring_uring_fd_call(struct ring *ring);
uint32_t ring_uring_turn(struct ring *ring, struct ring_done *done, uint32_t done_max,
                         uint64_t wait_ns, bool calm);

/* -------- epoll -------- */

/* As ring_create. */
struct ring *ring_epoll_create(const struct ring_options *options, enum quoit_error *error_out);
void ring_epoll_destroy(struct ring *ring);
void ring_epoll_connect(struct ring *ring, uint32_t conn, int fd, const struct sockaddr *address,
                        uint32_t address_size, uint64_t deadline_ns);
void ring_epoll_send(struct ring *ring, uint32_t conn, int fd, const struct quoit_span *piece,
                     uint64_t deadline_ns);
void ring_epoll_send_quiet(struct ring *ring, uint32_t conn, int fd,
                           const struct quoit_span pieces[2]);
void ring_epoll_recv_stand(struct ring *ring, uint32_t conn, int fd, enum ring_group group,
                           uint64_t deadline_ns);
bool ring_epoll_make_large(struct ring *ring);
void ring_epoll_cancel(struct ring *ring, struct ring_tag tag);
void ring_epoll_give_back(struct ring *ring, uint32_t buffer);
bool ring_epoll_holds(const struct ring *ring, uint32_t conn);
bool ring_epoll_has_more(const struct ring *ring);
bool ring_epoll_may_bring(const struct ring *ring);
int ring_epoll_fd(struct ring *ring);
bool ring_epoll_fd_rest(struct ring *ring, uint64_t alarm_ns);
uint32_t ring_epoll_turn(struct ring *ring, struct ring_done *done, uint32_t done_max,
                         uint64_t wait_ns, bool calm);

#endif
