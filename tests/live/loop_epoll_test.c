/*
 * loop_epoll_test: examples/adapters/quoit_epoll.h keeps what loop_checks.h asks of an adapter.
 */
#include "examples/adapters/quoit_epoll.h"
#include "tests/live/loop_checks.h"

#include <sys/timerfd.h>
#include <unistd.h>

static struct quoit_epoll adapter;
static int timer_fd;
static bool stopped;

static void loop_begin(void)
{
    struct itimerspec every_ms = { { .tv_nsec = 1000000 }, { .tv_nsec = 1000000 } };
    struct epoll_event timer = { .events = EPOLLIN };

    adapter.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    CHECK_EQ(timerfd_settime(timer_fd, 0, &every_ms, NULL), 0);
    CHECK_EQ(epoll_ctl(adapter.epoll_fd, EPOLL_CTL_ADD, timer_fd, &timer), 0);
}

static void loop_hook(struct quoit_engine *engine)
{
    adapter.hook = (struct quoit_hook){ engine, loop_on_event, &loop_test, false, NULL };
    CHECK(quoit_epoll_begin(&adapter));
}

static enum quoit_error loop_submit(const struct quoit_request *request, uint64_t *id_out)
{
    return quoit_epoll_submit(&adapter, request, id_out);
}

static void loop_run(void)
{
    struct epoll_event ready[4];
    uint64_t times;

    stopped = false;
    while (!stopped) {
        int count = epoll_wait(adapter.epoll_fd, ready, 4, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.ptr == &adapter) {
                quoit_epoll_turn(&adapter);
            } else if (read(timer_fd, &times, sizeof(times)) == sizeof(times)) {
                loop_on_tick();
            }
        }
    }
}

static void loop_stop(void)
{
    stopped = true;
}

static void loop_unhook(void)
{
    quoit_epoll_end(&adapter);
}

static void loop_free(void)
{
    close(timer_fd);
    close(adapter.epoll_fd);
}

static void test_an_engine_without_a_descriptor_is_refused(void)
{
    struct quoit_epoll closed = { .hook = { .engine = live_engine(NULL) }, .epoll_fd = -1 };

    CHECK(!quoit_epoll_begin(&closed));
    quoit_destroy(closed.hook.engine);
}

int main(void)
{
    loop_checks_run();
    RUN(test_an_engine_without_a_descriptor_is_refused);
    return check_done();
}
