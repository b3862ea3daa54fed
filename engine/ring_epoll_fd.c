/*
 * ring_epoll_fd: an event loop of somebody else's beside epoll (DESIGN.md 4).
 *
 * Happy path: the loop watches the set itself, which is readable while it has events to tell. What
 * only time brings is one more member of it, a timerfd; what was started and not carried out is
 * told by ring_fd_rest.
 *
 * It fails only while the timerfd is made, and leaves nothing behind.
 */
#include "engine/ring_epoll.h"

#include <assert.h>
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

void ring_epoll_set_alarm(struct ring_epoll *epoll, uint64_t alarm_ns)
{
    struct itimerspec at = { .it_value = { 0 } };

    if (alarm_ns != UINT64_MAX) { /* all 0 would be never */
        at.it_value.tv_sec = (time_t)(alarm_ns / NS_PER_S);
        at.it_value.tv_nsec = (long)max_u64(alarm_ns % NS_PER_S, 1);
    }
    int error = timerfd_settime(epoll->alarm_fd, TFD_TIMER_ABSTIME, &at, NULL);
    assert(error == 0);
    epoll->alarm_ns = alarm_ns;
}

int ring_epoll_fd(struct ring *ring)
{
    struct ring_epoll *epoll = ring_epoll_of(ring);
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = RING_EPOLL_ALARM };

    if (epoll->alarm_fd < 0) {
        int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (fd < 0) {
            return -errno;
        }
        if (epoll_ctl(epoll->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
            int error = errno;
            close(fd);
            return -error;
        }
        epoll->alarm_fd = fd;
        ring_wake(ring); /* what was started, or has come, is not in the set */
    }
    return epoll->epoll_fd;
}

bool ring_epoll_fd_rest(struct ring *ring, uint64_t alarm_ns)
{
    struct ring_epoll *epoll = ring_epoll_of(ring);
    uint64_t until = min_u64(min_u64(alarm_ns, epoll->retry_ns), timer_next_ns(&epoll->timers));

    if (until != epoll->alarm_ns) {
        ring_epoll_set_alarm(epoll, until);
    }
    return list_is_empty(&epoll->started) && ring->closings_count == 0 &&
           !ring_epoll_may_bring(ring);
}
