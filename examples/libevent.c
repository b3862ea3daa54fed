/*
 * libevent: a hundred requests in a libevent loop that has a timer of its own, which ticks on.
 *
 *   cc libevent.c $(pkg-config --cflags --libs quoit libevent) -o libevent
 *   ./libevent http://127.0.0.1:8000/
 */
#include "adapters/quoit_libevent.h"

#include <stdio.h>

#define COUNT 100

static int ended, answered, ticks;

static void on_event(void *base, const struct quoit_event *event)
{
    answered += event->result->error == QUOIT_OK && event->result->status == 200;
    if (++ended == COUNT) { /* not asked for as a stream, each request has one event: END */
        event_base_loopbreak(base);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what, (void)context;
    ticks++;
}

int main(int argc, char **argv)
{
    struct quoit_request request = { .url = argc > 1 ? argv[1] : "http://127.0.0.1:8000/" };
    struct event_base *base = event_base_new();
    struct quoit_libevent adapter = { .hook = { .on_event = on_event, .context = base } };
    struct event *timer = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    struct timeval every_ms = { .tv_usec = 1000 };
    uint64_t id;

    if (event_add(timer, &every_ms) != 0 || quoit_create(NULL, &adapter.hook.engine) != QUOIT_OK ||
        !quoit_libevent_begin(&adapter, base)) {
        fprintf(stderr, "libevent: no engine, memory or descriptor\n");
        return 1;
    }
    for (int i = 0; i < COUNT; i++) {
        enum quoit_error error = quoit_libevent_submit(&adapter, &request, &id);
        if (error != QUOIT_OK) {
            fprintf(stderr, "libevent: %s\n", quoit_error_message(error));
            return 1;
        }
    }
    event_base_dispatch(base);
    printf("%d of %d answered, %d ticks\n", answered, COUNT, ticks);
    quoit_libevent_end(&adapter);
    quoit_destroy(adapter.hook.engine);
    event_free(timer);
    event_base_free(base);
    return answered == COUNT ? 0 : 1;
}
