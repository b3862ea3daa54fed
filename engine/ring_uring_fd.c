/*
 * ring_uring_fd: an event loop of somebody else's beside io_uring (DESIGN.md 4).
 *
 * Happy path: the kernel writes an eventfd when it has work for the ring or a completion, but only
 * between ring_fd_rest and the next ring_fd_work, so that what a turn finds by itself costs
 * nothing. An instant at which the loop must come back is one TIMEOUT operation.
 *
 * The fd is never the ring's own: with DEFER_TASKRUN whoever sleeps on that misses every timeout.
 * Nor does the ring read it, or it would wake itself for ever: ring_wake has a way of its own.
 *
 * It fails only while the fd is made, and leaves nothing behind.
 */
#include "engine/ring_uring.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void ring_uring_let_speak(struct ring_uring *uring, bool speaks)
{
    int error = io_uring_cq_eventfd_toggle(&uring->queues, speaks);

    (void)error; /* the kernel knows how since 5.8, and nobody has said so already */
}

int ring_uring_fd(struct ring *ring)
{
    struct ring_uring *uring = ring_uring_of(ring);

    if (uring->event_fd >= 0) {
        return uring->event_fd;
    }
    int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* 1: what has come already says nothing */
    if (fd < 0) {
        return -errno;
    }
    int error = io_uring_register_eventfd(&uring->queues, fd);
    if (error != 0) {
        close(fd);
        return error;
    }
    uring->event_fd = fd;
    return fd;
}

void ring_uring_fd_work(struct ring *ring)
{
    struct ring_uring *uring = ring_uring_of(ring);
    uint64_t times;

    ring_uring_let_speak(uring, false);
    ssize_t size = read(uring->event_fd, &times, sizeof(times));
    (void)size; /* -1: it had said nothing */
}

/* An alarm that comes too early does no harm, so a later one leaves it where it is. */
static void ring_uring_set_alarm(struct ring_uring *uring, uint64_t alarm_ns)
{
    struct __kernel_timespec *at = &uring->alarm;

    if (alarm_ns >= uring->alarm_ns) {
        return;
    }
    struct io_uring_sqe *sqe = ring_uring_begin(uring);
    *at = ring_uring_timespec(alarm_ns);
    if (uring->alarm_ns == RING_NO_DEADLINE) {
        io_uring_prep_timeout(sqe, at, 0, IORING_TIMEOUT_ABS);
        io_uring_sqe_set_data64(sqe, RING_ALARM);
    } else { /* if it has run out meanwhile, its own completion says so */
        io_uring_prep_timeout_update(sqe, at, RING_ALARM, IORING_TIMEOUT_ABS);
        io_uring_sqe_set_data64(sqe, RING_SILENT);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
    uring->alarm_ns = alarm_ns;
}

/*
 * Has something come? TASKRUN may be set though there is nothing to run, and then stays until there
 * is (who adds work marks it later); so the kernel is asked, which runs all there is until a
 * completion comes of it.
 */
static bool ring_uring_find_more(struct ring_uring *uring)
{
    if (!ring_uring_has_more(&uring->ring) && ring_uring_may_bring(&uring->ring)) {
        ring_uring_enter_waiting(uring, 0);
    }
    return ring_uring_has_more(&uring->ring);
}

bool ring_uring_fd_rest(struct ring *ring, uint64_t alarm_ns)
{
    struct ring_uring *uring = ring_uring_of(ring);

    ring_uring_set_alarm(uring, alarm_ns);
    ring_uring_offer_buffers(uring);
    if (io_uring_sq_ready(&uring->queues) > 0 || ring->closings_count > 0 || !uring->wake_armed ||
        ring_uring_find_more(uring)) {
        return false;
    }
    ring_uring_let_speak(uring, true);
    atomic_thread_fence(memory_order_seq_cst); /* either we see it, or the kernel sees the switch */
    return !ring_uring_find_more(uring);
}

void ring_uring_fd_call(struct ring *ring)
{
    uint64_t one = 1;
    ssize_t size = write(ring_uring_of(ring)->event_fd, &one, sizeof(one));

    (void)size; /* -1: it has been told 2^64 - 2 times, which is enough */
}
