/*
 * ring_uring_setup: how the io_uring back end is made and unmade: its queues and its buffer ring.
 *
 * Happy path: one try with the sizes that DESIGN.md 3.1 found best. All of it is locked memory, so
 * on ENOMEM smaller ones are tried, and all of them again a little later, since the memory of a
 * ring that was closed comes back late.
 *
 * It fails with LOCKED_MEMORY, NO_DESCRIPTOR, NO_MEMORY, or NO_URING for all other reasons (old
 * kernel, seccomp, sysctl), and leaves nothing behind.
 */
#include "engine/ring_uring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define RING_SQ_SIZE_MIN 32
#define RING_CQ_SIZE 4096
#define RING_CQ_SIZE_SMALL 1024 /* where locked memory is limited to 64 KiB */
#define RING_CQ_SIZE_MIN 256
#define RING_BUFFERS_MIN 128
#define RING_CREATE_TRIES 3
#define RING_CREATE_PAUSE_NS (10 * NS_PER_MS)
#define RING_LOCKED_MEMORY_SMALL (64 * 1024u)

/* Memory for the queue by which buffers are offered. NULL: out of memory. */
static struct io_uring_buf_ring *ring_uring_map_queue(unsigned count)
{
    void *queue = mmap(NULL, count * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
                       MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);

    return queue == MAP_FAILED ? NULL : queue;
}

/* 0, or a negative errno; then ring_uring_unmap_buffers tidies up. */
static int ring_uring_map_buffers(struct ring_uring *uring, enum ring_group group, unsigned count)
{
    struct ring_uring_offer *offer = &uring->offers[group];
    struct io_uring_buf_reg registration = { .ring_entries = count, .bgid = (uint16_t)group };

    offer->queue = ring_uring_map_queue(count);
    if (offer->queue == NULL || !ring_map_buffers(&uring->ring, group, count)) {
        return -ENOMEM;
    }
    registration.ring_addr = (uint64_t)(uintptr_t)offer->queue;
    int error = io_uring_register_buf_ring(&uring->queues, &registration, 0);
    if (error != 0) {
        return error;
    }
    io_uring_buf_ring_init(offer->queue);
    ring_give_all(&uring->ring, group);
    return 0;
}

/* The kernel must not know the group any more, or not have learnt of it. */
static void ring_uring_unmap_buffers(struct ring_uring *uring, enum ring_group group,
                                     unsigned count)
{
    struct ring_uring_offer *offer = &uring->offers[group];

    if (offer->queue != NULL) {
        munmap(offer->queue, count * sizeof(struct io_uring_buf));
    }
    *offer = (struct ring_uring_offer){ 0 };
    ring_unmap_buffers(&uring->ring, group);
}

bool ring_uring_make_large(struct ring *ring)
{
    struct ring_uring *uring = ring_uring_of(ring);

    if (ring_uring_map_buffers(uring, RING_LARGE, RING_LARGE_BUFFERS) == 0) {
        return true;
    }
    ring_uring_unmap_buffers(uring, RING_LARGE, RING_LARGE_BUFFERS);
    return false;
}

/* One try. 0, or a negative errno with nothing left behind. */
static int ring_uring_set_up(struct ring_uring *uring, struct ring_sizes sizes)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
                 IORING_SETUP_CLAMP,
        .cq_entries = sizes.cq,
    };

    int error = io_uring_queue_init_params(sizes.sq, &uring->queues, &params);
    if (error != 0) {
        return error;
    }
    error = ring_uring_map_buffers(uring, RING_SMALL, sizes.buffers);
    if (error == 0) { /* a filter may let a ring be made and not be entered */
        error = io_uring_get_events(&uring->queues);
    }
    if (error != 0) {
        io_uring_queue_exit(&uring->queues);
        ring_uring_unmap_buffers(uring, RING_SMALL, sizes.buffers);
    }
    return error;
}

/* One try from the wished sizes down to the smallest. */
static int ring_uring_set_up_shrinking(struct ring_uring *uring, struct ring_sizes sizes)
{
    for (;;) {
        int error = ring_uring_set_up(uring, sizes);
        if (error != -ENOMEM) {
            return error;
        }
        if (sizes.cq > RING_CQ_SIZE_MIN) {
            sizes.cq /= 2;
        } else if (sizes.sq > RING_SQ_SIZE_MIN) {
            sizes.sq /= 2;
        } else if (sizes.buffers > RING_BUFFERS_MIN) {
            sizes.buffers /= 2;
        } else {
            return -ENOMEM;
        }
    }
}

/* 0, or a negative errno with nothing left behind. */
static int ring_uring_open(struct ring_uring *uring)
{
    struct ring_sizes wished = { RING_SQ_SIZE, RING_CQ_SIZE, RING_BUFFERS };
    struct rlimit locked;
    struct timespec pause = { .tv_nsec = RING_CREATE_PAUSE_NS };
    int error = 0;

    if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur <= RING_LOCKED_MEMORY_SMALL) {
        wished.cq = RING_CQ_SIZE_SMALL;
    }
    for (int try = 0; try < RING_CREATE_TRIES; try++) {
        if (try > 0) {
            nanosleep(&pause, NULL);
        }
        error = ring_uring_set_up_shrinking(uring, wished);
        if (error != -ENOMEM) {
            break;
        }
    }
    return error;
}

static enum quoit_error ring_uring_error_of(int error)
{
    switch (error) {
    case 0:
        return QUOIT_OK;
    case -ENOMEM:
        return QUOIT_E_LOCKED_MEMORY;
    case -EMFILE:
    case -ENFILE:
        return QUOIT_E_NO_DESCRIPTOR;
    default: /* EPERM, ENOSYS, EINVAL, or what a filter likes to say: refused, or too old */
        return QUOIT_E_NO_URING;
    }
}

/* All but the kernel's part, also of the half-built. */
static void ring_uring_free(struct ring_uring *uring)
{
    ring_parts_free(&uring->ring);
    free(uring->messages);
    free(uring->deadlines);
    free(uring->held);
    free(uring);
}

static enum quoit_error ring_uring_allocate(struct ring_uring *uring)
{
    uring->held = calloc((size_t)uring->ring.conns_max * RING_HELD_VERBS, sizeof(*uring->held));
    uring->deadlines = calloc(RING_SQ_SIZE, sizeof(*uring->deadlines));
    uring->messages = calloc(RING_SQ_SIZE, sizeof(*uring->messages));
    if (uring->held == NULL || uring->deadlines == NULL || uring->messages == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    return QUOIT_OK;
}

struct ring *ring_uring_create(const struct ring_options *options, enum quoit_error *error_out,
                               int *refusal_out)
{
    assert(options->conns_max <= BIT(RING_CONN_BITS) - 1); /* the last one is RING_SILENT's */
    struct ring_uring *uring = calloc(1, sizeof(*uring));

    *error_out = QUOIT_E_NO_MEMORY;
    if (uring == NULL) {
        return NULL;
    }
    uring->ring.io = QUOIT_IO_URING;
    uring->event_fd = -1;
    uring->alarm_ns = RING_NO_DEADLINE;
    *error_out = ring_parts_init(&uring->ring, options);
    if (*error_out == QUOIT_OK) {
        *error_out = ring_uring_allocate(uring);
    }
    if (*error_out == QUOIT_OK) {
        *refusal_out = -ring_uring_open(uring);
        *error_out = ring_uring_error_of(-*refusal_out);
    }
    if (*error_out != QUOIT_OK) {
        ring_uring_free(uring);
        return NULL;
    }
    io_uring_register_ring_fd(&uring->queues); /* saves a look-up per entry; works without */
    io_uring_ring_dontfork(&uring->queues);    /* a child must not see it; it works without */
    return &uring->ring;
}

void ring_uring_destroy(struct ring *ring)
{
    struct ring_uring *uring = ring_uring_of(ring);

    /* The read of wake_fd points into this struct: it has to end before the struct does. */
    struct ring_done done;
    while (uring->wake_armed) {
        ring_wake(ring);
        uint32_t count = ring_turn(ring, &done, 1, NS_PER_S, false);
        assert(count == 0);
    }
    io_uring_queue_exit(&uring->queues);
    if (uring->event_fd >= 0) {
        close(uring->event_fd);
    }
    ring_uring_unmap_buffers(uring, RING_SMALL, ring->groups[RING_SMALL].count_max);
    ring_uring_unmap_buffers(uring, RING_LARGE, RING_LARGE_BUFFERS);
    ring_uring_free(uring);
}
