/*
 * uv: a hundred requests in a libuv loop that has a timer of its own, which ticks on meanwhile.
 *
 *   cc uv.c $(pkg-config --cflags --libs quoit libuv) -o uv && ./uv http://127.0.0.1:8000/
 */
#include "adapters/quoit_uv.h"

#include <stdio.h>

#define COUNT 100

static int answered, ticks;

static void on_event(void *context, const struct quoit_event *event)
{
    (void)context; /* not asked for as a stream, each request has one event: END */
    answered += event->result->error == QUOIT_OK && event->result->status == 200;
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
    ticks++;
}

int main(int argc, char **argv)
{
    struct quoit_request request = { .url = argc > 1 ? argv[1] : "http://127.0.0.1:8000/" };
    struct quoit_uv adapter = { .hook = { .on_event = on_event } };
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t timer;
    uint64_t id;

    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, on_tick, 1, 1);
    uv_unref((uv_handle_t *)&timer); /* so that only requests hold the loop */

    if (quoit_create(NULL, &adapter.hook.engine) != QUOIT_OK ||
        quoit_uv_begin(&adapter, loop) != 0) {
        fprintf(stderr, "uv: no engine or no descriptor\n");
        return 1;
    }
    for (int i = 0; i < COUNT; i++) {
        enum quoit_error error = quoit_uv_submit(&adapter, &request, &id);
        if (error != QUOIT_OK) {
            fprintf(stderr, "uv: %s\n", quoit_error_message(error));
            return 1;
        }
    }
    uv_run(loop, UV_RUN_DEFAULT); /* ends with the last request */
    printf("%d of %d answered, %d ticks\n", answered, COUNT, ticks);
    quoit_uv_end(&adapter, NULL);
    quoit_destroy(adapter.hook.engine);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_DEFAULT); /* both are closed */
    uv_loop_close(loop);
    return answered == COUNT ? 0 : 1;
}
