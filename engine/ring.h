/*
 * ring: the engine's only door to the network.
 *
 * An operation is started by a call and ends in one completion that ring_turn hands out (the
 * standing receive: in one without `more`). Two are quiet: a quiet send says nothing if all went
 * well and is over when the turn that submits it returns; a cancel never says anything, since the
 * end of its target is the truth. Nothing here blocks but ring_turn and ring_create.
 *
 * io_uring stands behind this header (engine/ring_uring.c), or epoll where that is refused
 * (engine/ring_epoll.c); in tests/sim a simulated network does. So an operation is named by what it
 * does and for which connection (struct ring_tag), and what the kernel is told is their own affair.
 * At most one operation of a verb is under way for one connection, but a quiet send beside nothing
 * else of RING_SEND. A socket is one connection's, and a connection has one, until its ring_close.
 *
 * Deadlines are instants of CLOCK_MONOTONIC, UINT64_MAX for none. One that fires shows as
 * -ECANCELED, or, after progress of a send, as a short count; so the caller compares the clock.
 */
#ifndef QUOIT_ENGINE_RING_H
#define QUOIT_ENGINE_RING_H

#include "quoit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_NO_DEADLINE UINT64_MAX
#define RING_NO_BUFFER UINT32_MAX
#define RING_SMALL_SIZE 4096         /* bytes of a buffer of RING_SMALL */
#define RING_QUIET_MAX (256u * 1024) /* bytes of a quiet send, so that a turn stays bounded */

struct sockaddr;

enum ring_verb {
    RING_CONNECT,
    RING_SEND,
    RING_RECV,
    RING_CLOSE,
    RING_VERBS,
};

/* Which buffers a standing receive is fed from; those of a group are of one size. */
enum ring_group {
    RING_SMALL, /* every connection's, unless it asks for others */
    RING_LARGE, /* few and long, for large bodies; see ring_offers_large */
    RING_GROUPS,
};

struct ring_tag {
    enum ring_verb verb;
    uint32_t conn; /* below ring_options.conns_max */
};

struct ring_done {
    struct ring_tag tag;
    int32_t result;    /* bytes, 0, or a negative errno */
    bool more;         /* of a standing receive: it goes on */
    const char *bytes; /* received; until ring_give_back(buffer) */
    uint32_t buffer;   /* RING_NO_BUFFER: none */
};

struct ring_options {
    enum quoit_io io; /* AUTO: EPOLL if URING were NO_URING */
    uint32_t conns_max;
    uint64_t spin_max_ns; /* 0: never spin */
};

/*
 * Counts since ring_create. Of epoll: sqes are operations started, cqes completions handed out,
 * entries epoll_wait.
 */
struct ring_stats {
    uint64_t sqes, cqes, entries, spin_ns, no_buffers, cq_overflows;
};

struct ring;

/* NULL with *error_out: NO_MEMORY, NO_URING, LOCKED_MEMORY, NO_DESCRIPTOR. */
struct ring *ring_create(const struct ring_options *options, enum quoit_error *error_out);

/* Everything must have ended. NULL is allowed. */
void ring_destroy(struct ring *ring);

/*
 * Hand over what was started, wait for at least one completion, ring_wake, a signal, or wait_ns (0:
 * do not wait; QUOIT_NEVER: as long as it takes), and store up to done_max completions. Those not
 * stored come with the next turn. Returns how many.
 *
 * `calm` says that so little is in flight that a busy wait may pay (DESIGN.md 3.6).
 */
uint32_t ring_turn(struct ring *ring, struct ring_done *done, uint32_t done_max, uint64_t wait_ns,
                   bool calm);

/* The clock just before the last turn handed anything over, and just after it had all it brings. */
uint64_t ring_before_ns(const struct ring *ring);
uint64_t ring_after_ns(const struct ring *ring);

/* The clock that all instants here are of. */
uint64_t ring_now_ns(const struct ring *ring);

/*
 * Have completions come that no turn has handed out? Then the next turn hands them out, and submits
 * nothing. Whoever starts something new for a connection while this is false knows that all that
 * the connection was told before has been acted on.
 */
bool ring_has_more(const struct ring *ring);

/* May there be more that has come already: to be handed out, or to be had from the kernel? */
bool ring_may_bring(const struct ring *ring);

/* Counts rounds: turns that submitted. */
uint64_t ring_rounds(const struct ring *ring);

/*
 * The newest round all of whose completions were handed out. What was started while ring_rounds was
 * R has been submitted, and a quiet send among it is over, once this is above R.
 */
uint64_t ring_settled(const struct ring *ring);

/* End a ring_turn that waits, or the next one. Any thread, any signal handler. */
void ring_wake(struct ring *ring);

/* Did ring_wake end the last turn, or would it have? */
bool ring_was_woken(const struct ring *ring);

/* What ring_wake writes, for others that can only write; -1: there is none. */
int ring_wake_fd(const struct ring *ring);

/*
 * For an event loop of somebody else's: an fd that is readable when a turn is due. Made by the
 * first call, and then the same as long as the ring is there. A negative errno: it cannot be had.
 */
int ring_fd(struct ring *ring);

/* A turn begins, or several: until ring_fd_rest the fd says nothing. It must have been made. */
void ring_fd_work(struct ring *ring);

/*
 * The turns are over: from now on the fd tells of each completion, of ring_wake, and when
 * `alarm_ns` has come. False: another turn is due already, to take what came meanwhile, to hand
 * over what was started, or because of alarm_ns. Who cannot make it now says so by ring_fd_call,
 * which makes the fd readable.
 */
bool ring_fd_rest(struct ring *ring, uint64_t alarm_ns);
void ring_fd_call(struct ring *ring);

/* A stream socket of that address family, or a negative errno. */
int ring_socket(struct ring *ring, int family);

/* Borrows address until the next turn returns. Completes with 0 or a negative errno. */
void ring_connect(struct ring *ring, uint32_t conn, int fd, const struct sockaddr *address,
                  uint32_t address_size, uint64_t deadline_ns);

/*
 * Send some of `bytes`; completes with a count above 0 or a negative errno. Borrows bytes until its
 * completion. Each completion is progress: the deadline is about that.
 */
void ring_send(struct ring *ring, uint32_t conn, int fd, const char *bytes, size_t size,
               uint64_t deadline_ns);

/*
 * Send all of one or two pieces (the second may be empty; together at most RING_QUIET_MAX) without
 * waiting. Silence means that all is in the socket buffer; else one completion of RING_SEND, in the
 * turn that submits it and before that turn's other completions, with a count that may be short or
 * a negative errno (-EAGAIN: nothing fitted). Borrows the pieces until that turn returns. No other
 * send of this connection in that time; a ring_close stays behind it.
 */
void ring_send_quiet(struct ring *ring, uint32_t conn, int fd, const struct quoit_span pieces[2]);

/*
 * Receive, again and again, until the end (result 0), an error, the deadline, or ring_cancel. A
 * completion with bytes holds a buffer of that group: give it back in the same turn. -ENOBUFS: none
 * of them was free. RING_LARGE: only once ring_offers_large has been true.
 */
void ring_recv_stand(struct ring *ring, uint32_t conn, int fd, enum ring_group group,
                     uint64_t deadline_ns);

void ring_give_back(struct ring *ring, uint32_t buffer);

/*
 * May receives be fed from RING_LARGE? The first call makes its buffers, 4 MiB. Where they cannot
 * be had it is false, then and ever after: RING_SMALL serves all, at a higher price.
 */
bool ring_offers_large(struct ring *ring);

/* How many buffers of a group are free, and how many there are. */
uint32_t ring_buffers_free(const struct ring *ring, enum ring_group group);
uint32_t ring_buffers_count(const struct ring *ring, enum ring_group group);

/*
 * Ask the kernel to end the operation that is under way for that connection. Its own completion
 * still comes, with -ECANCELED or with what came first; perhaps it was handed out already, in the
 * turn whose completions are being acted on. Says nothing itself.
 */
void ring_cancel(struct ring *ring, struct ring_tag tag);

/* Nothing else of that connection may be under way. Completes with 0 or a negative errno. */
void ring_close(struct ring *ring, uint32_t conn, int fd);

/*
 * Another process may have our sockets too, so that a close ends no connection: from now on each is
 * shut down before.
 */
void ring_share(struct ring *ring);

/*
 * True if the peer has sent all it will, and all of it was received. For unix sockets, where
 * kernels before March 2026 (a68ed2df72) can miss to say so (DESIGN.md 3.7). One system call.
 */
bool ring_peer_has_ended(const struct ring *ring, int fd);

/* What it runs on: URING or EPOLL; and if AUTO took EPOLL, the errno of io_uring, else 0. */
enum quoit_io ring_io(const struct ring *ring);
int ring_refusal(const struct ring *ring);

struct ring_stats ring_stats_read(const struct ring *ring);

#endif
