/*
 * ring: engine/ring.h over one of two back ends, and what both have in common: the clocks, rounds,
 * the queue of closes, the wake, the rule of when to spin. How a ring is made stands in
 * ring_setup.c.
 *
 * Happy path: a call goes straight to the back end that was chosen at create. Nothing here fails.
 */
#include "base/bits.h"
#include "engine/ring_parts.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RING_CLOSES_A_TURN 256 /* 8 us each: so that a turn stays bounded */
#define RING_SPIN_SKIP_MAX 63

uint64_t ring_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t ring_now_ns(const struct ring *ring)
{
    (void)ring;
    return ring_clock_ns();
}

/* -------- operations -------- */

int ring_socket(struct ring *ring, int family)
{
    /* io_uring waits for a socket that blocks, and would not for one that does not. */
    int blocks_not = ring_is_epoll(ring) ? SOCK_NONBLOCK : 0;
    int one = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | blocks_not, 0);

    if (fd < 0) {
        return -errno;
    }
    if (family != AF_UNIX) {
        /* Whole requests are sent at once: Nagle could only delay the end of a long one. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    return fd;
}

void ring_connect(struct ring *ring, uint32_t conn, int fd, const struct sockaddr *address,
                  uint32_t address_size, uint64_t deadline_ns)
{
    if (ring_is_epoll(ring)) {
        ring_epoll_connect(ring, conn, fd, address, address_size, deadline_ns);
    } else {
        ring_uring_connect(ring, conn, fd, address, address_size, deadline_ns);
    }
}

void ring_send(struct ring *ring, uint32_t conn, int fd, const char *bytes, size_t size,
               uint64_t deadline_ns)
{
    const struct quoit_span piece = { bytes, min_u64(size, RING_QUIET_MAX) };

    assert(size > 0);
    if (ring_is_epoll(ring)) {
        ring_epoll_send(ring, conn, fd, &piece, deadline_ns);
    } else {
        ring_uring_send(ring, conn, fd, &piece, deadline_ns);
    }
}

void ring_send_quiet(struct ring *ring, uint32_t conn, int fd, const struct quoit_span pieces[2])
{
    assert(pieces[0].size > 0);
    assert(pieces[0].size + pieces[1].size <= RING_QUIET_MAX);
    if (ring_is_epoll(ring)) {
        ring_epoll_send_quiet(ring, conn, fd, pieces);
    } else {
        ring_uring_send_quiet(ring, conn, fd, pieces);
    }
}

void ring_recv_stand(struct ring *ring, uint32_t conn, int fd, enum ring_group group,
                     uint64_t deadline_ns)
{
    assert(ring->groups[group].bytes != NULL);
    if (ring_is_epoll(ring)) {
        ring_epoll_recv_stand(ring, conn, fd, group, deadline_ns);
    } else {
        ring_uring_recv_stand(ring, conn, fd, group, deadline_ns);
    }
}

void ring_cancel(struct ring *ring, struct ring_tag tag)
{
    if (ring_is_epoll(ring)) {
        ring_epoll_cancel(ring, tag);
    } else {
        ring_uring_cancel(ring, tag);
    }
}

/* -------- closes -------- */

void ring_close(struct ring *ring, uint32_t conn, int fd)
{
    assert(ring->closings_count < ring->conns_max);
    assert(!(ring_is_epoll(ring) ? ring_epoll_holds(ring, conn) : ring_uring_holds(ring, conn)));
    uint32_t place = (ring->closings_first + ring->closings_count) % ring->conns_max;

    ring->closings[place] = (struct ring_closing){ conn, fd };
    ring->closings_count++;
    ring->operations++;
}

void ring_share(struct ring *ring)
{
    ring->shares = true;
}

bool ring_take_closing(struct ring *ring, uint32_t taken, struct ring_closing *closing_out)
{
    if (ring->closings_count == 0 || taken == RING_CLOSES_A_TURN) {
        return false;
    }
    *closing_out = ring->closings[ring->closings_first];
    ring->closings_first = (ring->closings_first + 1) % ring->conns_max;
    ring->closings_count--;
    return true;
}

/* -------- buffers -------- */

void ring_give_back(struct ring *ring, uint32_t buffer)
{
    struct ring_buffers *buffers = &ring->groups[ring_group_of(buffer)];

    assert(buffer - buffers->first < buffers->count_max);
    assert(buffers->free_count < buffers->count_max);
    if (ring_is_epoll(ring)) {
        ring_epoll_give_back(ring, buffer);
    } else {
        ring_uring_give_back(ring, buffer);
    }
    buffers->free_count++;
}

bool ring_offers_large(struct ring *ring)
{
    if (ring->groups[RING_LARGE].bytes == NULL && !ring->large_refused) {
        ring->large_refused =
            !(ring_is_epoll(ring) ? ring_epoll_make_large(ring) : ring_uring_make_large(ring));
    }
    return !ring->large_refused;
}

uint32_t ring_buffers_free(const struct ring *ring, enum ring_group group)
{
    return ring->groups[group].free_count;
}

uint32_t ring_buffers_count(const struct ring *ring, enum ring_group group)
{
    return ring->groups[group].count_max;
}

/* -------- the wake -------- */

void ring_wake(struct ring *ring)
{
    int error = errno; /* a signal handler must leave it alone */
    ssize_t sent = send(ring->waker_fd, "", 1, MSG_NOSIGNAL);

    (void)sent; /* it can only fail when hundreds of wakes wait already */
    errno = error;
}

bool ring_was_woken(const struct ring *ring)
{
    return ring->woken;
}

int ring_wake_fd(const struct ring *ring)
{
    return ring->waker_fd;
}

/* -------- somebody else's event loop -------- */

int ring_fd(struct ring *ring)
{
    return ring_is_epoll(ring) ? ring_epoll_fd(ring) : ring_uring_fd(ring);
}

void ring_fd_work(struct ring *ring)
{
    if (!ring_is_epoll(ring)) { /* a set of epoll is readable for as long as it has to be */
        ring_uring_fd_work(ring);
    }
}

bool ring_fd_rest(struct ring *ring, uint64_t alarm_ns)
{
    if (alarm_ns <= ring->after_ns) {
        return false;
    }
    return ring_is_epoll(ring) ? ring_epoll_fd_rest(ring, alarm_ns)
                               : ring_uring_fd_rest(ring, alarm_ns);
}

void ring_fd_call(struct ring *ring)
{
    if (ring_is_epoll(ring)) {
        ring_wake(ring);
    } else {
        ring_uring_fd_call(ring);
    }
}

/* -------- the turn -------- */

bool ring_may_spin(struct ring *ring, bool calm)
{
    if (!calm || ring->spin_max_ns == 0) {
        return false;
    }
    if (ring->spin_skip > 0) {
        ring->spin_skip--;
        return false;
    }
    return true;
}

void ring_has_spun(struct ring *ring, uint64_t begin_ns, uint64_t end_ns, bool won)
{
    ring->stats.spin_ns += end_ns - begin_ns;
    if (won) {
        ring->spin_penalty /= 2;
    } else {
        ring->spin_penalty = (uint32_t)min_u64(RING_SPIN_SKIP_MAX, 2 * ring->spin_penalty + 1);
        ring->spin_skip = ring->spin_penalty;
    }
}

bool ring_has_more(const struct ring *ring)
{
    return ring_is_epoll(ring) ? ring_epoll_has_more(ring) : ring_uring_has_more(ring);
}

bool ring_may_bring(const struct ring *ring)
{
    return ring_is_epoll(ring) ? ring_epoll_may_bring(ring) : ring_uring_may_bring(ring);
}

uint32_t ring_turn(struct ring *ring, struct ring_done *done, uint32_t done_max, uint64_t wait_ns,
                   bool calm)
{
    ring->woken = false;
    ring->before_ns = ring_clock_ns();
    uint32_t count = ring_is_epoll(ring) ? ring_epoll_turn(ring, done, done_max, wait_ns, calm)
                                         : ring_uring_turn(ring, done, done_max, wait_ns, calm);
    if (!ring_has_more(ring)) {
        ring->settled = ring->rounds;
    }
    ring->after_ns = ring_clock_ns();
    return count;
}

bool ring_peer_has_ended(const struct ring *ring, int fd)
{
    char byte;

    (void)ring;
    return recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) == 0;
}

uint64_t ring_before_ns(const struct ring *ring)
{
    return ring->before_ns;
}

uint64_t ring_after_ns(const struct ring *ring)
{
    return ring->after_ns;
}

uint64_t ring_settled(const struct ring *ring)
{
    return ring->settled;
}

uint64_t ring_rounds(const struct ring *ring)
{
    return ring->rounds;
}

enum quoit_io ring_io(const struct ring *ring)
{
    return ring->io;
}

int ring_refusal(const struct ring *ring)
{
    return ring->refusal;
}

struct ring_stats ring_stats_read(const struct ring *ring)
{
    return ring->stats;
}
