/*
 * loop_libevent_test: examples/adapters/quoit_libevent.h keeps what loop_checks.h asks of an
 * adapter, and without it a loop ends that has nothing else.
 */
#include "examples/adapters/quoit_libevent.h"
#include "tests/live/loop_checks.h"

#include <stdlib.h>

static struct event_base *base;
static struct event *timer;
static struct quoit_libevent *adapter; /* on the heap, so that a touch after its end is seen */

static void on_timer(evutil_socket_t fd, short what, void *unused)
{
    (void)fd, (void)what, (void)unused;
    loop_on_tick();
}

static void loop_begin(void)
{
    struct timeval every_ms = { .tv_usec = 1000 };

    base = event_base_new();
    timer = event_new(base, -1, EV_PERSIST, on_timer, NULL);
    CHECK_EQ(event_add(timer, &every_ms), 0);
}

static void loop_hook(struct quoit_engine *engine)
{
    adapter = malloc(sizeof(*adapter));
    *adapter =
        (struct quoit_libevent){ .hook = { engine, loop_on_event, &loop_test, false, NULL } };
    CHECK(quoit_libevent_begin(adapter, base));
}

static enum quoit_error loop_submit(const struct quoit_request *request, uint64_t *id_out)
{
    return quoit_libevent_submit(adapter, request, id_out);
}

static void loop_run(void)
{
    event_base_dispatch(base);
}

static void loop_stop(void)
{
    event_base_loopbreak(base);
}

static void loop_unhook(void)
{
    quoit_libevent_end(adapter);
    free(adapter);
}

static void loop_free(void)
{
    event_free(timer);
    event_base_free(base);
}

static void end_after_three(const struct quoit_event *event)
{
    (void)event;
    if (loop_test.ended == 3) {
        loop_unhook();
    }
}

static void test_a_loop_lasts_until_the_end_of_the_adapter(void)
{
    static const char *const options[] = { NULL };

    loop_test.server = live_start(options);
    loop_test_begin("a loop that ends with the adapter", "latency 5ms", 8);
    event_del(timer);
    loop_test.on_end = end_after_three;
    for (int i = 0; i < 3; i++) {
        loop_test_submit();
    }
    loop_run();
    CHECK_EQ(loop_test.ended, 3);
    quoit_destroy(loop_test.engine);
    loop_free();
    live_stop(&loop_test.server);
}

int main(void)
{
    loop_checks_run();
    RUN(test_a_loop_lasts_until_the_end_of_the_adapter);
    return check_done();
}
