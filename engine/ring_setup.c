/*
 * ring_setup: how a ring is made and unmade: its queues, its buffers, its eventfd.
 *
 * Happy path: one try with the sizes that DESIGN.md 3.1 found best. All of it is locked memory, so
 * on ENOMEM smaller ones are tried, and all of them again a little later, since the memory of a
 * ring that was closed comes back late.
 *
 * It fails with LOCKED_MEMORY, NO_DESCRIPTOR, NO_MEMORY, or NO_URING for all other reasons (old
 * kernel, seccomp, sysctl), and leaves nothing behind.
 */
#include "base/bits.h"
#include "engine/ring_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define RING_SQ_SIZE_MIN 32
#define RING_CQ_SIZE 4096
#define RING_CQ_SIZE_SMALL 1024 /* where locked memory is limited to 64 KiB */
#define RING_CQ_SIZE_MIN 256
#define RING_BUFFERS 1024
#define RING_BUFFERS_MIN 128
#define RING_CREATE_TRIES 3
#define RING_CREATE_PAUSE_NS (10 * NS_PER_MS)
#define RING_LOCKED_MEMORY_SMALL (64 * 1024u)

static int ring_map_buffers(struct ring *ring)
{
    unsigned count = ring->sizes.buffers;
    struct io_uring_buf_reg registration = { .ring_entries = count, .bgid = RING_GROUP };

    ring->buffer_ring = mmap(NULL, count * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
                             MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    if (ring->buffer_ring == MAP_FAILED) {
        ring->buffer_ring = NULL;
        return -ENOMEM;
    }
    ring->buffers = mmap(NULL, (size_t)count * RING_BUFFER_SIZE, PROT_READ | PROT_WRITE,
                         MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    if (ring->buffers == MAP_FAILED) {
        ring->buffers = NULL;
        return -ENOMEM;
    }
    registration.ring_addr = (uint64_t)(uintptr_t)ring->buffer_ring;
    int error = io_uring_register_buf_ring(&ring->uring, &registration, 0);
    if (error != 0) {
        return error;
    }
    io_uring_buf_ring_init(ring->buffer_ring);
    for (uint32_t buffer = 0; buffer < count; buffer++) {
        ring_give_back(ring, buffer);
    }
    return 0;
}

static void ring_unmap_buffers(struct ring *ring)
{
    if (ring->buffer_ring != NULL) {
        munmap(ring->buffer_ring, ring->sizes.buffers * sizeof(struct io_uring_buf));
    }
    if (ring->buffers != NULL) {
        munmap(ring->buffers, (size_t)ring->sizes.buffers * RING_BUFFER_SIZE);
    }
    ring->buffer_ring = NULL;
    ring->buffers = NULL;
    ring->buffers_free = 0;
    ring->buffers_returned = 0;
}

/* One try with ring->sizes. 0, or a negative errno with nothing left behind. */
static int ring_set_up(struct ring *ring)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
                 IORING_SETUP_CLAMP,
        .cq_entries = ring->sizes.cq,
    };

    int error = io_uring_queue_init_params(ring->sizes.sq, &ring->uring, &params);
    if (error != 0) {
        return error;
    }
    error = ring_map_buffers(ring);
    if (error != 0) {
        io_uring_queue_exit(&ring->uring);
        ring_unmap_buffers(ring);
    }
    return error;
}

/* One try from the wished sizes down to the smallest. */
static int ring_set_up_shrinking(struct ring *ring, struct ring_sizes sizes)
{
    for (;;) {
        ring->sizes = sizes;
        int error = ring_set_up(ring);
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

static enum quoit_error ring_open(struct ring *ring)
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
        error = ring_set_up_shrinking(ring, wished);
        if (error != -ENOMEM) {
            break;
        }
    }
    switch (error) {
    case 0:
        return QUOIT_OK;
    case -ENOMEM:
        return QUOIT_E_LOCKED_MEMORY;
    case -EMFILE:
    case -ENFILE:
        return QUOIT_E_NO_DESCRIPTOR;
    default: /* EPERM, ENOSYS, EINVAL: refused, or older than what we ask for */
        return QUOIT_E_NO_URING;
    }
}

/* All but the kernel's part, also of the half-built. */
static void ring_free(struct ring *ring)
{
    if (ring->wake_fd >= 0) {
        close(ring->wake_fd);
    }
    free(ring->messages);
    free(ring->deadlines);
    free(ring->closings);
    free(ring->held);
    free(ring);
}

struct ring *ring_create(const struct ring_options *options, enum quoit_error *error_out)
{
    assert(options->conns_max <= BIT(RING_CONN_BITS) - 1); /* the last one is RING_SILENT's */
    struct ring *ring = calloc(1, sizeof(*ring));

    *error_out = QUOIT_E_NO_MEMORY;
    if (ring == NULL) {
        return NULL;
    }
    ring->wake_fd = -1;
    ring->conns_max = options->conns_max;
    ring->spin_max_ns = options->spin_max_ns;
    ring->held = calloc((size_t)options->conns_max * RING_HELD_VERBS, sizeof(*ring->held));
    ring->closings = calloc(options->conns_max, sizeof(*ring->closings));
    ring->deadlines = calloc(RING_SQ_SIZE, sizeof(*ring->deadlines));
    ring->messages = calloc(RING_SQ_SIZE, sizeof(*ring->messages));
    if (ring->held == NULL || ring->closings == NULL || ring->deadlines == NULL ||
        ring->messages == NULL) {
        goto fail;
    }
    ring->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (ring->wake_fd < 0) {
        *error_out = QUOIT_E_NO_DESCRIPTOR;
        goto fail;
    }
    *error_out = ring_open(ring);
    if (*error_out != QUOIT_OK) {
        goto fail;
    }
    io_uring_register_ring_fd(&ring->uring); /* saves a look-up per entry; works without */
    io_uring_ring_dontfork(&ring->uring);    /* a child must not see the ring; it works without */
    return ring;

fail:
    ring_free(ring);
    return NULL;
}

void ring_destroy(struct ring *ring)
{
    if (ring == NULL) {
        return;
    }
    assert(ring->operations == 0);
    assert(ring->closings_count == 0);

    /* The read of wake_fd points into this struct: it has to end before the struct does. */
    struct ring_done done;
    while (ring->wake_armed) {
        ring_wake(ring);
        uint32_t count = ring_turn(ring, &done, 1, NS_PER_S, false);
        assert(count == 0);
    }
    io_uring_queue_exit(&ring->uring);
    ring_unmap_buffers(ring);
    ring_free(ring);
}
