/*
 * ring_epoll: struct ring_epoll, for ring_epoll.c and ring_epoll_setup.c: the only ones that know
 * epoll.
 */
#ifndef QUOIT_ENGINE_RING_EPOLL_H
#define QUOIT_ENGINE_RING_EPOLL_H

#include "base/bits.h"
#include "base/list.h"
#include "base/timer.h"
#include "engine/ring_parts.h"

#include <sys/epoll.h>

#define RING_EPOLL_EVENTS 256
/* What events carry: these, or a connection. */
#define RING_EPOLL_WAKE UINT64_MAX        /* what ring_wake sends */
#define RING_EPOLL_ALARM (UINT64_MAX - 1) /* the timerfd of ring_fd_rest */

/*
 *     IDLE --call--> STARTED --turn--> WAITING --> ENDED --handed out--> IDLE
 *                       |                            ^
 *                       +----------- at once --------+     (a quiet send: back to IDLE)
 */
enum ring_epoll_stage {
    RING_EPOLL_IDLE,
    RING_EPOLL_STARTED, /* the next turn that submits carries it out */
    RING_EPOLL_WAITING, /* for its socket, its deadline or a cancel */
    RING_EPOLL_ENDED,   /* has its result, and waits to be handed out */
};

struct ring_epoll_operation {
    struct timer timer; /* its deadline */
    struct list link;   /* among the ended, or the connects that try again */
    struct ring_tag tag;
    enum ring_epoll_stage stage;
    int32_t result; /* in ENDED */
    bool cancelled; /* the next turn that submits ends it */
    bool quiet;     /* a send */
    bool expired;   /* a receive: over when what has come is read */
};

struct ring_epoll_conn {
    struct ring_epoll_operation operations[RING_VERBS];
    struct list started_link;  /* among those with something to carry out */
    struct list readable_link; /* among those that have something to receive */
    struct quoit_span pieces[2];
    const struct sockaddr *address; /* of a connect: borrowed; owned while it tries again */
    uint32_t address_size;
    int fd;                /* from the first operation until the close; -1: none */
    uint32_t watched;      /* the events that epoll tells of; 0: it does not know fd */
    enum ring_group group; /* of its standing receive */
    uint32_t bytes_left;   /* that it may receive in this round */
    bool readable;         /* an edge came, and not all was read since */
    bool hung_up;          /* the edge told of an end: a short read is not the last one */
};

struct ring_epoll {
    struct ring ring;
    int epoll_fd;
    bool lacks_pwait2;             /* the kernel is older than 5.11 */
    bool interrupted;              /* the last wait, by a signal */
    struct ring_epoll_conn *conns; /* owned, conns_max */
    uint32_t *unused[RING_GROUPS]; /* owned, stacks of buffers: the last one back is warm */
    struct timer_heap timers;
    int alarm_fd;      /* a timerfd in the set; -1: nobody has asked for ring_fd */
    uint64_t alarm_ns; /* when it runs out; UINT64_MAX: never */
    uint64_t retry_ns; /* when the next connect of `retrying` is tried again */

    struct list started;  /* conns */
    struct list ended;    /* operations; those that a turn could not hand out go first */
    struct list readable; /* conns, of this round */
    struct list unread;   /* conns that had their share of this round */
    struct list retrying; /* operations: connects that found a full backlog */
    struct epoll_event events[RING_EPOLL_EVENTS];
};

/* The timerfd runs out then. This also takes back that it has run out. */
void ring_epoll_set_alarm(struct ring_epoll *epoll, uint64_t alarm_ns);

static inline struct ring_epoll *ring_epoll_of(const struct ring *ring)
{
    return CONTAINER_OF(ring, struct ring_epoll, ring);
}

#endif
