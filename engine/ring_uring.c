/*
 * ring_uring: io_uring behind engine/ring.h: operations and the turn. How it is made stands in
 * ring_uring_setup.c.
 *
 * Happy path: calls fill SQEs; a turn hands them over and waits with one kernel entry, copies the
 * completions out, and gives the CQ back before any of them is acted on.
 *
 * Nothing here fails: a full submission queue is submitted at once, and completions that overflow
 * the CQ wait in the kernel (NODROP).
 *
 * Promises: user_data is never used twice, since a linked timeout and a cancel find their target by
 * it, also late (DESIGN.md 3.4); an operation and its linked timeout are always submitted together;
 * a buffer that was given back is offered to the kernel before anything new is armed.
 */
#include "engine/ring_uring.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct __kernel_timespec ring_uring_timespec(uint64_t ns)
{
    return (struct __kernel_timespec){ .tv_sec = (long long)min_u64(ns / NS_PER_S, INT32_MAX),
                                       .tv_nsec = (long long)(ns % NS_PER_S) };
}

/* -------- submission -------- */

void ring_uring_offer_buffers(struct ring_uring *uring)
{
    for (unsigned group = 0; group < RING_GROUPS; group++) {
        struct ring_uring_offer *offer = &uring->offers[group];
        if (offer->returned > 0) {
            io_uring_buf_ring_advance(offer->queue, (int)offer->returned);
            offer->returned = 0;
        }
    }
}

/* Hand over all SQEs without waiting. */
static void ring_uring_flush(struct ring_uring *uring)
{
    ring_uring_offer_buffers(uring);
    while (io_uring_sq_ready(&uring->queues) > 0) {
        uring->ring.stats.entries++;
        int submitted = io_uring_submit(&uring->queues);
        /* EBUSY and EAGAIN: the kernel is short of memory for requests; task work may free some. */
        assert(submitted >= 0 || submitted == -EBUSY || submitted == -EAGAIN ||
               submitted == -EINTR);
        if (submitted < 0) {
            uring->ring.stats.entries++;
            io_uring_get_events(&uring->queues);
        }
    }
    uring->ring.rounds++; /* answers to what was submitted may come with the rest of a turn */
}

/*
 * A link holds only within one submission. Were the queue to fill up between an operation and its
 * deadline, the operation would go out without one; so both are reserved here.
 */
struct io_uring_sqe *ring_uring_begin(struct ring_uring *uring)
{
    if (io_uring_sq_space_left(&uring->queues) < 2) {
        ring_uring_flush(uring);
    }
    assert(io_uring_sq_space_left(&uring->queues) >= 2);
    uring->ring.stats.sqes++;
    return io_uring_get_sqe(&uring->queues);
}

static uint64_t *ring_uring_held(struct ring_uring *uring, struct ring_tag tag)
{
    assert(tag.conn < uring->ring.conns_max);
    assert(tag.verb < RING_HELD_VERBS);
    return &uring->held[(size_t)tag.conn * RING_HELD_VERBS + tag.verb];
}

bool ring_uring_holds(const struct ring *ring, uint32_t conn)
{
    uint64_t held = 0;

    for (unsigned verb = 0; verb < RING_HELD_VERBS; verb++) {
        held |=
            *ring_uring_held(ring_uring_of(ring), (struct ring_tag){ (enum ring_verb)verb, conn });
    }
    return held != 0;
}

/* Name a prepared SQE with a user_data that no other ever had. */
static uint64_t ring_uring_name(struct ring_uring *uring, struct io_uring_sqe *sqe,
                                struct ring_tag tag)
{
    uring->sequence = (uring->sequence + 1) & ((UINT64_C(1) << RING_SEQUENCE_BITS) - 1);
    uint64_t user_data = (uint64_t)tag.verb << (RING_CONN_BITS + RING_SEQUENCE_BITS) |
                         (uint64_t)tag.conn << RING_SEQUENCE_BITS | uring->sequence;
    io_uring_sqe_set_data64(sqe, user_data);
    return user_data;
}

/* Name a prepared SQE, note that the kernel holds it, and link its deadline, if any, behind it. */
static void ring_uring_commit(struct ring_uring *uring, struct io_uring_sqe *sqe,
                              struct ring_tag tag, uint64_t deadline_ns)
{
    uint64_t *held = ring_uring_held(uring, tag);

    assert(*held == 0); /* never two of a kind */
    *held = ring_uring_name(uring, sqe, tag);
    uring->ring.operations++;
    if (deadline_ns == RING_NO_DEADLINE) {
        return;
    }

    struct io_uring_sqe *timeout = io_uring_get_sqe(&uring->queues);
    assert(timeout != NULL); /* ring_uring_begin kept room */
    uring->ring.stats.sqes++;
    struct __kernel_timespec *wait = &uring->deadlines[timeout - uring->queues.sq.sqes];
    *wait = ring_uring_timespec(until_ns(deadline_ns, ring_clock_ns()));
    sqe->flags |= IOSQE_IO_LINK;
    io_uring_prep_link_timeout(timeout, wait, 0);
    io_uring_sqe_set_data64(timeout, RING_SILENT);
    timeout->flags |= IOSQE_CQE_SKIP_SUCCESS; /* the operation's own completion tells all */
}

void ring_uring_connect(struct ring *ring, uint32_t conn, int fd, const struct sockaddr *address,
                        uint32_t address_size, uint64_t deadline_ns)
{
    struct ring_uring *uring = ring_uring_of(ring);
    struct io_uring_sqe *sqe = ring_uring_begin(uring);

    io_uring_prep_connect(sqe, fd, address, address_size);
    ring_uring_commit(uring, sqe, (struct ring_tag){ RING_CONNECT, conn }, deadline_ns);
}

void ring_uring_send(struct ring *ring, uint32_t conn, int fd, const struct quoit_span *piece,
                     uint64_t deadline_ns)
{
    struct ring_uring *uring = ring_uring_of(ring);
    struct io_uring_sqe *sqe = ring_uring_begin(uring);

    io_uring_prep_send(sqe, fd, piece->bytes, piece->size, MSG_NOSIGNAL);
    ring_uring_commit(uring, sqe, (struct ring_tag){ RING_SEND, conn }, deadline_ns);
}

void ring_uring_send_quiet(struct ring *ring, uint32_t conn, int fd,
                           const struct quoit_span pieces[2])
{
    int flags = MSG_WAITALL | MSG_DONTWAIT | MSG_NOSIGNAL;
    struct ring_uring *uring = ring_uring_of(ring);
    struct io_uring_sqe *sqe = ring_uring_begin(uring);

    assert(*ring_uring_held(uring, (struct ring_tag){ RING_SEND, conn }) == 0);
    if (pieces[1].size == 0) {
        io_uring_prep_send(sqe, fd, pieces[0].bytes, pieces[0].size, flags);
    } else {
        struct ring_message *message = &uring->messages[sqe - uring->queues.sq.sqes];
        ring_message_fill(message, pieces);
        io_uring_prep_sendmsg(sqe, fd, &message->header, (unsigned)flags);
    }
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    ring_uring_name(uring, sqe, (struct ring_tag){ RING_SEND, conn });
}

void ring_uring_recv_stand(struct ring *ring, uint32_t conn, int fd, enum ring_group group,
                           uint64_t deadline_ns)
{
    struct ring_uring *uring = ring_uring_of(ring);
    struct io_uring_sqe *sqe = ring_uring_begin(uring);

    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = (uint16_t)group;
    ring_uring_commit(uring, sqe, (struct ring_tag){ RING_RECV, conn }, deadline_ns);
}

void ring_uring_cancel(struct ring *ring, struct ring_tag tag)
{
    struct ring_uring *uring = ring_uring_of(ring);
    uint64_t target = *ring_uring_held(uring, tag);

    if (target == 0) {
        return; /* its end was copied out already, and is about to be acted on */
    }
    struct io_uring_sqe *sqe = ring_uring_begin(uring);
    io_uring_prep_cancel64(sqe, target, 0);
    io_uring_sqe_set_data64(sqe, RING_SILENT);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

/* Shut down, and then close, whatever came of it. Returns the close. */
static struct io_uring_sqe *ring_uring_shut_down(struct ring_uring *uring, struct io_uring_sqe *sqe,
                                                 int fd)
{
    io_uring_prep_shutdown(sqe, fd, SHUT_RDWR);
    io_uring_sqe_set_data64(sqe, RING_SILENT);
    sqe->flags |= IOSQE_IO_HARDLINK | IOSQE_CQE_SKIP_SUCCESS;
    uring->ring.stats.sqes++;
    return io_uring_get_sqe(&uring->queues); /* ring_uring_begin kept room */
}

/* Turn closes that wait into SQEs: by SQE, so that the queue keeps them behind quiet sends. */
static void ring_uring_submit_closings(struct ring_uring *uring)
{
    struct ring_closing closing;

    for (uint32_t taken = 0; ring_take_closing(&uring->ring, taken, &closing); taken++) {
        struct io_uring_sqe *sqe = ring_uring_begin(uring);

        if (uring->ring.shares) {
            sqe = ring_uring_shut_down(uring, sqe, closing.fd);
        }
        io_uring_prep_close(sqe, closing.fd);
        ring_uring_name(uring, sqe, (struct ring_tag){ RING_CLOSE, closing.conn });
    }
}

void ring_uring_give_back(struct ring *ring, uint32_t buffer)
{
    enum ring_group group = ring_group_of(buffer);
    const struct ring_buffers *buffers = &ring->groups[group];
    struct ring_uring_offer *offer = &ring_uring_of(ring)->offers[group];

    io_uring_buf_ring_add(offer->queue, ring_buffer(ring, buffer), buffers->size,
                          (unsigned short)buffer, io_uring_buf_ring_mask(buffers->count_max),
                          (int)offer->returned);
    offer->returned++;
}

/* -------- the turn -------- */

static unsigned ring_uring_flags(const struct ring_uring *uring)
{
    return IO_URING_READ_ONCE(*uring->queues.sq.kflags) &
           (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static void ring_uring_arm_wake(struct ring_uring *uring)
{
    struct io_uring_sqe *sqe = ring_uring_begin(uring);

    io_uring_prep_recv(sqe, uring->ring.wake_fd, uring->wakes, sizeof(uring->wakes), 0);
    io_uring_sqe_set_data64(sqe, RING_WAKE);
    uring->wake_armed = true;
}

/* Submit, let the kernel run its work, and do not wait. */
static void ring_uring_enter(struct ring_uring *uring)
{
    if (io_uring_sq_ready(&uring->queues) > 0 || ring_uring_flags(uring) != 0) {
        uring->ring.stats.entries++;
        io_uring_submit_and_get_events(&uring->queues);
    }
}

void ring_uring_enter_waiting(struct ring_uring *uring, uint64_t wait_ns)
{
    struct __kernel_timespec wait = ring_uring_timespec(wait_ns);
    struct io_uring_cqe *cqe = NULL;

    /* Its return value hides errors behind a count: ask the queues. */
    uring->ring.stats.entries++;
    if (wait_ns == QUOIT_NEVER) {
        io_uring_submit_and_wait(&uring->queues, 1);
    } else {
        io_uring_submit_and_wait_timeout(&uring->queues, &cqe, 1, &wait, NULL);
    }
}

/* Tell the processor that this is a busy wait. */
static inline void ring_uring_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Look for something to do without sleeping, for a little while. True: there is. */
static bool ring_uring_spin(struct ring_uring *uring, uint64_t spin_ns)
{
    uint64_t begin_ns = ring_clock_ns();
    uint64_t now_ns = begin_ns;
    bool won = false;

    while (!won && now_ns - begin_ns < spin_ns) {
        for (int i = 0; i < 8 && !won; i++) {
            won = ring_uring_flags(uring) != 0 || io_uring_cq_ready(&uring->queues) > 0;
            ring_uring_relax();
        }
        now_ns = ring_clock_ns();
    }
    ring_has_spun(&uring->ring, begin_ns, now_ns, won);
    return won;
}

/* Wait for one completion, if need be: by a busy wait where that pays, else asleep. */
static void ring_uring_wait(struct ring_uring *uring, uint64_t wait_ns, bool calm)
{
    if (ring_may_spin(&uring->ring, calm)) {
        ring_uring_enter(uring);
        if (io_uring_cq_ready(&uring->queues) > 0) {
            return;
        }
        if (ring_uring_spin(uring, min_u64(uring->ring.spin_max_ns, wait_ns))) {
            ring_uring_enter(uring);
            if (io_uring_cq_ready(&uring->queues) > 0) {
                return;
            }
        }
    }
    ring_uring_enter_waiting(uring, wait_ns);
}

/* Whom a completion concerns. */
enum ring_uring_concern {
    RING_NOBODYS, /* nobody above */
    RING_ORDINARY,
    RING_QUIET, /* a quiet send that speaks: it goes before all others */
};

/* Turn one CQE into *done. */
static enum ring_uring_concern ring_uring_translate(struct ring_uring *uring,
                                                    const struct io_uring_cqe *cqe,
                                                    struct ring_done *done)
{
    uint64_t user_data = io_uring_cqe_get_data64(cqe);
    struct ring *ring = &uring->ring;

    ring->stats.cqes++;
    assert(cqe->res != -EFAULT); /* memory that the kernel was to use was given back too early */
    if (user_data == RING_SILENT) {
        assert(cqe->res != -EINVAL); /* a deadline whose link was torn */
        return RING_NOBODYS;
    }
    if (user_data == RING_ALARM) {
        uring->alarm_ns = RING_NO_DEADLINE;
        return RING_NOBODYS;
    }
    if (user_data == RING_WAKE) {
        uring->wake_armed = false;
        ring->woken = true;
        return RING_NOBODYS;
    }

    done->tag.verb = (enum ring_verb)(user_data >> (RING_CONN_BITS + RING_SEQUENCE_BITS));
    done->tag.conn = (uint32_t)(user_data >> RING_SEQUENCE_BITS) & (BIT(RING_CONN_BITS) - 1);
    /* Only a connect to a full unix listener waits in a thread, and is taken back by a signal. */
    done->result = cqe->res == -EINTR ? -ECANCELED : cqe->res;
    done->more = (cqe->flags & IORING_CQE_F_MORE) != 0;
    done->buffer = RING_NO_BUFFER;
    done->bytes = NULL;
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        done->buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        done->bytes = ring_buffer(ring, done->buffer);
        struct ring_buffers *buffers = &ring->groups[ring_group_of(done->buffer)];
        assert(buffers->free_count > 0);
        buffers->free_count--;
    }
    if (cqe->res == -ENOBUFS) {
        ring->stats.no_buffers++;
    }
    if (done->tag.verb == RING_CLOSE) {
        ring->operations--;
        return RING_ORDINARY;
    }
    if (*ring_uring_held(uring, done->tag) != user_data) {
        assert(done->tag.verb == RING_SEND);
        return RING_QUIET;
    }
    if (!done->more) {
        *ring_uring_held(uring, done->tag) = 0;
        ring->operations--;
    }
    return RING_ORDINARY;
}

static uint32_t ring_uring_copy_out(struct ring_uring *uring, struct ring_done *done,
                                    uint32_t done_max)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned seen = 0;
    uint32_t count = 0;

    io_uring_for_each_cqe(&uring->queues, head, cqe)
    {
        if (count == done_max) {
            break;
        }
        seen++;
        struct ring_done one;
        switch (ring_uring_translate(uring, cqe, &one)) {
        case RING_NOBODYS:
            break;
        case RING_ORDINARY:
            done[count++] = one;
            break;
        case RING_QUIET:
            memmove(done + 1, done, count++ * sizeof(*done));
            done[0] = one;
            break;
        }
    }
    io_uring_cq_advance(&uring->queues, seen);
    return count;
}

bool ring_uring_has_more(const struct ring *ring)
{
    const struct io_uring *queues = &ring_uring_of(ring)->queues;

    return io_uring_cq_ready(queues) > 0 || io_uring_cq_has_overflow(queues);
}

bool ring_uring_may_bring(const struct ring *ring)
{
    return ring_uring_has_more(ring) || ring_uring_flags(ring_uring_of(ring)) != 0;
}

/* Hand over what was started, and wait. */
static void ring_uring_enter_anew(struct ring_uring *uring, uint64_t wait_ns, bool calm)
{
    if (!uring->wake_armed) {
        ring_uring_arm_wake(uring);
    }
    ring_uring_submit_closings(uring);
    ring_uring_offer_buffers(uring);
    if (wait_ns == 0) {
        ring_uring_enter(uring);
    } else {
        ring_uring_wait(uring, wait_ns, calm);
    }
}

uint32_t ring_uring_turn(struct ring *ring, struct ring_done *done, uint32_t done_max,
                         uint64_t wait_ns, bool calm)
{
    struct ring_uring *uring = ring_uring_of(ring);

    if (!ring_uring_has_more(ring)) {
        ring_uring_enter_anew(uring, wait_ns, calm);
        /* Where the kernel was too short of memory to take all, the next one is the same round. */
        ring->rounds += io_uring_sq_ready(&uring->queues) == 0;
    } else if (io_uring_cq_has_overflow(&uring->queues)) {
        ring->stats.entries++;
        io_uring_get_events(&uring->queues);
    }
    uint32_t count = ring_uring_copy_out(uring, done, done_max);
    ring->stats.cq_overflows += io_uring_cq_has_overflow(&uring->queues);
    return count;
}
