/*
 * loop_uv_test: examples/adapters/quoit_uv.h keeps what loop_checks.h asks of an adapter, and holds
 * a loop as long as something is under way, and no longer.
 */
#include "examples/adapters/quoit_uv.h"
#include "tests/live/loop_checks.h"

#include <stdlib.h>

static uv_loop_t loop;
static uv_timer_t timer;
static struct quoit_uv *adapter; /* on the heap, so that a touch after its end is seen */

static void on_timer(uv_timer_t *handle)
{
    (void)handle;
    loop_on_tick();
}

static void loop_begin(void)
{
    CHECK_EQ(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_timer, 1, 1);
}

static void loop_hook(struct quoit_engine *engine)
{
    adapter = malloc(sizeof(*adapter));
    *adapter = (struct quoit_uv){ .hook = { engine, loop_on_event, &loop_test, false, NULL } };
    CHECK_EQ(quoit_uv_begin(adapter, &loop), 0);
}

static enum quoit_error loop_submit(const struct quoit_request *request, uint64_t *id_out)
{
    return quoit_uv_submit(adapter, request, id_out);
}

static void loop_run(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void loop_stop(void)
{
    uv_stop(&loop);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void loop_unhook(void)
{
    quoit_uv_end(adapter, on_closed);
}

static void loop_free(void)
{
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(&loop), 0);
}

static void submit_once_more(const struct quoit_event *event)
{
    if (loop_test.ended < 3) {
        CHECK_EQ(quoit_again(loop_test.engine, event->id, QUOIT_E_INCOMPLETE, 20 * LIVE_NS_PER_MS),
                 QUOIT_OK);
    } else if (loop_test.ended == 3) {
        loop_test_submit();
    }
}

/* Its timer does not count, so nothing but requests keeps it: also those that wait to be sent. */
static void test_a_loop_lasts_as_long_as_requests_do(void)
{
    loop_test_begin("a loop that ends by itself", "latency 5ms", 8);
    uv_unref((uv_handle_t *)&timer);
    CHECK(uv_loop_alive(&loop) != 0); /* until its first turn has found nothing */
    loop_run();
    CHECK_EQ(uv_loop_alive(&loop), 0);
    for (int round = 0; round < 3; round++) {
        loop_test.ended = 0;
        loop_test.request.retries = 5;
        loop_test.on_end = submit_once_more;
        loop_test_submit();
        loop_run();
        CHECK_EQ(loop_test.ended, 4);
        CHECK_EQ(uv_loop_alive(&loop), 0);
    }
    loop_test.request.url = "nonsense";
    CHECK_EQ(loop_submit(&loop_test.request, &loop_test.id), QUOIT_E_URL);
    loop_run();
    CHECK_EQ(uv_loop_alive(&loop), 0);
    loop_test_end();
}

static void test_an_engine_that_comes_again_holds_no_loop(void)
{
    loop_test_begin("an engine that comes again", "", 8);
    uv_unref((uv_handle_t *)&timer);
    loop_run();
    loop_unhook();
    loop_hook(loop_test.engine);
    loop_run();
    CHECK_EQ(uv_loop_alive(&loop), 0);
    loop_test_end();
}

int main(void)
{
    static const char *const options[] = { NULL };

    loop_checks_run();
    loop_test.server = live_start(options);
    RUN(test_an_engine_that_comes_again_holds_no_loop);
    RUN(test_a_loop_lasts_as_long_as_requests_do);
    live_stop(&loop_test.server);
    return check_done();
}
