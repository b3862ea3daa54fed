/*
 * ring_epoll_setup: how the epoll back end is made and unmade: its set, its connections, its
 * buffers. None of it is locked memory.
 *
 * It fails with NO_MEMORY or NO_DESCRIPTOR, and leaves nothing behind.
 */
#include "engine/ring_epoll.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void ring_epoll_init_conns(struct ring_epoll *epoll)
{
    for (uint32_t i = 0; i < epoll->ring.conns_max; i++) {
        struct ring_epoll_conn *conn = &epoll->conns[i];
        conn->fd = -1;
        list_init(&conn->started_link);
        list_init(&conn->readable_link);
        for (unsigned verb = 0; verb < RING_VERBS; verb++) {
            conn->operations[verb].tag = (struct ring_tag){ (enum ring_verb)verb, i };
            list_init(&conn->operations[verb].link);
        }
    }
}

/* False: out of memory; ring_epoll_free tidies up. */
static bool ring_epoll_make_buffers(struct ring_epoll *epoll, enum ring_group group, uint32_t count)
{
    epoll->unused[group] = calloc(count, sizeof(*epoll->unused[group]));
    if (epoll->unused[group] == NULL || !ring_map_buffers(&epoll->ring, group, count)) {
        return false;
    }
    ring_give_all(&epoll->ring, group);
    return true;
}

bool ring_epoll_make_large(struct ring *ring)
{
    return ring_epoll_make_buffers(ring_epoll_of(ring), RING_LARGE, RING_LARGE_BUFFERS);
}

static enum quoit_error ring_epoll_allocate(struct ring_epoll *epoll)
{
    struct ring *ring = &epoll->ring;

    epoll->conns = calloc(ring->conns_max, sizeof(*epoll->conns));
    if (epoll->conns == NULL || !timer_reserve(&epoll->timers, ring->conns_max * RING_CLOSE) ||
        !ring_epoll_make_buffers(epoll, RING_SMALL, RING_BUFFERS)) {
        return QUOIT_E_NO_MEMORY;
    }
    ring_epoll_init_conns(epoll);
    return QUOIT_OK;
}

static enum quoit_error ring_epoll_open(struct ring_epoll *epoll)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = RING_EPOLL_WAKE };

    epoll->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll->epoll_fd < 0) {
        return errno == ENOMEM ? QUOIT_E_NO_MEMORY : QUOIT_E_NO_DESCRIPTOR;
    }
    if (epoll_ctl(epoll->epoll_fd, EPOLL_CTL_ADD, epoll->ring.wake_fd, &event) != 0) {
        return QUOIT_E_NO_MEMORY;
    }
    return QUOIT_OK;
}

/* Also of the half-built. */
static void ring_epoll_free(struct ring_epoll *epoll)
{
    if (epoll->epoll_fd >= 0) {
        close(epoll->epoll_fd);
    }
    if (epoll->alarm_fd >= 0) {
        close(epoll->alarm_fd);
    }
    ring_parts_free(&epoll->ring);
    timer_heap_free(&epoll->timers);
    free(epoll->unused[RING_SMALL]);
    free(epoll->unused[RING_LARGE]);
    free(epoll->conns);
    free(epoll);
}

struct ring *ring_epoll_create(const struct ring_options *options, enum quoit_error *error_out)
{
    struct ring_epoll *epoll = calloc(1, sizeof(*epoll));

    *error_out = QUOIT_E_NO_MEMORY;
    if (epoll == NULL) {
        return NULL;
    }
    epoll->ring.io = QUOIT_IO_EPOLL;
    epoll->epoll_fd = epoll->alarm_fd = -1;
    epoll->alarm_ns = UINT64_MAX;
    epoll->retry_ns = UINT64_MAX;
    list_init(&epoll->started);
    list_init(&epoll->ended);
    list_init(&epoll->readable);
    list_init(&epoll->unread);
    list_init(&epoll->retrying);
    *error_out = ring_parts_init(&epoll->ring, options);
    if (*error_out == QUOIT_OK) {
        *error_out = ring_epoll_allocate(epoll);
    }
    if (*error_out == QUOIT_OK) {
        *error_out = ring_epoll_open(epoll);
    }
    if (*error_out != QUOIT_OK) {
        ring_epoll_free(epoll);
        return NULL;
    }
    return &epoll->ring;
}

void ring_epoll_destroy(struct ring *ring)
{
    struct ring_epoll *epoll = ring_epoll_of(ring);

    assert(list_is_empty(&epoll->started));
    assert(!ring_epoll_has_more(ring));
    ring_epoll_free(epoll);
}
