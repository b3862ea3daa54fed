/*
 * epoll: a hundred requests in an epoll loop that has a timer of its own, which ticks on meanwhile.
 *
 *   cc epoll.c $(pkg-config --cflags --libs quoit) -o epoll && ./epoll http://127.0.0.1:8000/
 */
#include "adapters/quoit_epoll.h"

#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define COUNT 100

static int ended, answered;

static void on_event(void *context, const struct quoit_event *event)
{
    (void)context;
    ended++; /* not asked for as a stream, each request has one event: END */
    answered += event->result->error == QUOIT_OK && event->result->status == 200;
}

/* Until all have ended. How often the timer has ticked. */
static uint64_t loop_run(struct quoit_epoll *adapter, int timer_fd)
{
    struct epoll_event ready[8];
    uint64_t ticks = 0, more;

    while (ended < COUNT) {
        int count = epoll_wait(adapter->epoll_fd, ready, 8, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.ptr == adapter) {
                quoit_epoll_turn(adapter);
            } else if (read(timer_fd, &more, sizeof(more)) == sizeof(more)) {
                ticks += more;
            }
        }
    }
    return ticks;
}

int main(int argc, char **argv)
{
    struct quoit_request request = { .url = argc > 1 ? argv[1] : "http://127.0.0.1:8000/" };
    struct quoit_epoll adapter = { .hook = { .on_event = on_event },
                                   .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
    int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec every_ms = { { .tv_nsec = 1000000 }, { .tv_nsec = 1000000 } };
    struct epoll_event timer = { .events = EPOLLIN };
    uint64_t id;

    if (timerfd_settime(timer_fd, 0, &every_ms, NULL) != 0 ||
        epoll_ctl(adapter.epoll_fd, EPOLL_CTL_ADD, timer_fd, &timer) != 0 ||
        quoit_create(NULL, &adapter.hook.engine) != QUOIT_OK || !quoit_epoll_begin(&adapter)) {
        fprintf(stderr, "epoll: no engine or no descriptor\n");
        return 1;
    }
    for (int i = 0; i < COUNT; i++) {
        enum quoit_error error = quoit_epoll_submit(&adapter, &request, &id);
        if (error != QUOIT_OK) {
            fprintf(stderr, "epoll: %s\n", quoit_error_message(error));
            return 1;
        }
    }
    uint64_t ticks = loop_run(&adapter, timer_fd);
    printf("%d of %d answered, %llu ticks\n", answered, COUNT, (unsigned long long)ticks);
    quoit_epoll_end(&adapter);
    quoit_destroy(adapter.hook.engine);
    close(timer_fd);
    close(adapter.epoll_fd);
    return answered == COUNT ? 0 : 1;
}
