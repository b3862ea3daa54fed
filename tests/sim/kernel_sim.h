/*
 * kernel_sim: the half of ring_sim that plays the kernel: what becomes of an operation between its
 * submission and its completion.
 *
 *     ring_sim: call --> queue --> kernel_submit --> held --(kernel_progress)--> posted --> told
 *
 * An operation is under way from its call until its last completion has been handed out; the kernel
 * holds it from submission until that is posted. Nothing of a quiet send is ever held.
 */
#ifndef QUOIT_TESTS_SIM_KERNEL_SIM_H
#define QUOIT_TESTS_SIM_KERNEL_SIM_H

#include "engine/ring.h"
#include "tests/sim/net_sim.h"

#define KERNEL_LARGE_BUFFER_SIZE (16 * 1024)
#define KERNEL_QUEUE_MAX 256
#define KERNEL_HASHED_MAX 4096 /* bytes of a send that are watched, at either end */

enum operation_kind { OPERATION_PLAIN, OPERATION_QUIET, OPERATION_CANCEL };

/* What the kernel knows of an operation. */
struct operation {
    bool under_way;         /* called, and its end not handed out */
    uint64_t ended_on_turn; /* when its end was handed out */
    bool held;              /* submitted, and its end not posted */
    int fd;
    const char *bytes; /* of a send; borrowed */
    size_t size;
    uint64_t hash; /* of these bytes when it was called */
    const struct sockaddr *address;
    uint32_t address_size;
    uint64_t deadline_ns, fires_ns; /* fires_ns: when the kernel gets to it */
    uint64_t begins_ns;             /* of a send: not tried before */
    bool hurried;                   /* cancelled, and ends soon by itself */
    bool blind;                     /* of a receive: it will not be told of the end */
    enum ring_group group;          /* of a receive: whose buffers it takes */
};

struct ring_conn {
    struct operation operations[RING_VERBS];
    struct quoit_span quiet[2];
    uint64_t quiet_hash;
    bool quiet_waits;       /* called, not submitted */
    bool quiet_speaks;      /* its completion is posted, not handed out */
    uint64_t ended_on_turn; /* the end of the stream was handed out; 0: not */
};

struct entry {
    enum operation_kind kind;
    struct ring_tag tag;
};

enum buffer_state { BUFFER_FREE, BUFFER_POSTED, BUFFER_HANDED };

/* The buffers of a group. */
struct kernel_buffers {
    char *bytes;               /* owned; NULL: there are none */
    enum buffer_state *states; /* owned */
    uint32_t size;             /* of each */
    uint32_t first;            /* the number of the first */
    uint32_t count, handed;    /* how many there are; handed out and not given back */
};

struct ring {
    uint32_t conns_max;
    struct ring_conn *conns; /* owned */
    uint32_t conns_used;     /* all above were never used */
    struct entry queue[KERNEL_QUEUE_MAX];
    uint32_t queue_count;

    struct ring_done *posted; /* owned; in the order in which they happened */
    uint32_t posted_count, posted_capacity;
    uint32_t posted_quiet; /* of them the first ones */

    struct kernel_buffers groups[RING_GROUPS];
    bool large_refused;

    uint64_t before_ns, after_ns, rounds, settled;
    bool left_over; /* the last turn could not hand out all that had come */
    bool woken, was_woken;
    struct ring_stats stats;
};

/* Of the bytes at either end. */
uint64_t kernel_hash(const char *bytes, size_t size);
uint64_t kernel_quiet_hash(const struct ring_conn *conn);

/*
 * An operation of that verb, the at-th that would have completed, ends with `result` in its place,
 * and with `on` all that follow. A standing receive that fails so has ended; of a quiet send
 * nothing was taken; a close has closed.
 */
struct kernel_refusal {
    enum ring_verb verb;
    uint64_t at; /* from 1; 0: none */
    bool on;
    int32_t result;
};

/* From now on, counting from 0. */
void kernel_refuse(const struct kernel_refusal *refusal);

/* How many of that verb would have completed since. */
uint64_t kernel_refusal_count(void);

/* The buffers of which that is one; NULL: there is no such buffer. */
struct kernel_buffers *kernel_buffers_of(struct ring *ring, uint32_t buffer);

/* The socket that the operation is about. */
struct net_socket *kernel_socket(struct ring *ring, struct ring_tag tag);

/* Take in what is queued, in order. */
void kernel_submit(struct ring *ring);

/* Go on with whatever can go on now, and when there may be more to do. */
void kernel_progress(struct ring *ring);
uint64_t kernel_next_ns(const struct ring *ring);

#endif
