/*
 * ring_setup: which back end a ring gets, and the parts that both have: buffers, the queue of
 * closes, the way of a wake.
 *
 * It fails with what the back end says, and leaves nothing behind.
 */
#include "engine/ring_parts.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * A pair of sockets, and not an eventfd: where a write to one eventfd leads to a signal of another,
 * the one of ring_fd, the kernel puts that off by some milliseconds, and from the second time on
 * for ever (Linux 6.18). Who wakes must not block; the ring's own read waits in the kernel.
 */
static bool ring_make_wake(struct ring *ring)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    ring->wake_fd = ends[0];
    ring->waker_fd = ends[1];
    return fcntl(ring->waker_fd, F_SETFL, O_NONBLOCK) == 0;
}

enum quoit_error ring_parts_init(struct ring *ring, const struct ring_options *options)
{
    ring->wake_fd = ring->waker_fd = -1;
    ring->conns_max = options->conns_max;
    ring->spin_max_ns = options->spin_max_ns;
    ring->closings = calloc(options->conns_max, sizeof(*ring->closings));
    if (ring->closings == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    return ring_make_wake(ring) ? QUOIT_OK : QUOIT_E_NO_DESCRIPTOR;
}

void ring_parts_free(struct ring *ring)
{
    if (ring->wake_fd >= 0) {
        close(ring->wake_fd);
        close(ring->waker_fd);
    }
    ring_unmap_buffers(ring, RING_SMALL);
    ring_unmap_buffers(ring, RING_LARGE);
    free(ring->closings);
}

bool ring_map_buffers(struct ring *ring, enum ring_group group, uint32_t count)
{
    struct ring_buffers *buffers = &ring->groups[group];
    uint32_t size = group == RING_SMALL ? RING_SMALL_SIZE : RING_LARGE_SIZE;
    char *bytes = mmap(NULL, (size_t)count * size, PROT_READ | PROT_WRITE,
                       MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);

    if (bytes == MAP_FAILED) {
        return false;
    }
    *buffers = (struct ring_buffers){
        .bytes = bytes,
        .size = size,
        .first = group == RING_SMALL ? 0 : RING_BUFFERS,
        .count_max = count,
    };
    return true;
}

void ring_unmap_buffers(struct ring *ring, enum ring_group group)
{
    struct ring_buffers *buffers = &ring->groups[group];

    if (buffers->bytes != NULL) {
        munmap(buffers->bytes, (size_t)buffers->count_max * buffers->size);
    }
    *buffers = (struct ring_buffers){ 0 };
}

void ring_give_all(struct ring *ring, enum ring_group group)
{
    const struct ring_buffers *buffers = &ring->groups[group];

    for (uint32_t i = 0; i < buffers->count_max; i++) {
        ring_give_back(ring, buffers->first + i);
    }
}

struct ring *ring_create(const struct ring_options *options, enum quoit_error *error_out)
{
    int refusal = 0;

    if (options->io != QUOIT_IO_EPOLL) {
        struct ring *ring = ring_uring_create(options, error_out, &refusal);
        /* Only a refusal is a reason: what is short now would be short for epoll too, or soon is.
         */
        if (ring != NULL || *error_out != QUOIT_E_NO_URING || options->io == QUOIT_IO_URING) {
            return ring;
        }
    }
    struct ring *ring = ring_epoll_create(options, error_out);
    if (ring != NULL) {
        ring->refusal = refusal;
    }
    return ring;
}

void ring_destroy(struct ring *ring)
{
    if (ring == NULL) {
        return;
    }
    assert(ring->operations == 0);
    assert(ring->closings_count == 0);
    if (ring_is_epoll(ring)) {
        ring_epoll_destroy(ring);
    } else {
        ring_uring_destroy(ring);
    }
}
