/*
 * glib: a hundred requests in a GLib loop that has a timer of its own, which ticks on meanwhile.
 *
 *   cc glib.c $(pkg-config --cflags --libs quoit glib-2.0) -o glib && ./glib http://127.0.0.1:8000/
 */
#include "adapters/quoit_glib.h"

#include <stdio.h>

#define COUNT 100

static int ended, answered, ticks;

static void on_event(void *loop, const struct quoit_event *event)
{
    answered += event->result->error == QUOIT_OK && event->result->status == 200;
    if (++ended == COUNT) { /* not asked for as a stream, each request has one event: END */
        g_main_loop_quit(loop);
    }
}

static gboolean on_tick(gpointer context)
{
    (void)context;
    ticks++;
    return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
    struct quoit_request request = { .url = argc > 1 ? argv[1] : "http://127.0.0.1:8000/" };
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    struct quoit_glib adapter = { .hook = { .on_event = on_event, .context = loop } };
    guint timer = g_timeout_add(1, on_tick, NULL);
    uint64_t id;

    if (quoit_create(NULL, &adapter.hook.engine) != QUOIT_OK || !quoit_glib_begin(&adapter, NULL)) {
        fprintf(stderr, "glib: no engine or no descriptor\n");
        return 1;
    }
    for (int i = 0; i < COUNT; i++) {
        enum quoit_error error = quoit_glib_submit(&adapter, &request, &id);
        if (error != QUOIT_OK) {
            fprintf(stderr, "glib: %s\n", quoit_error_message(error));
            return 1;
        }
    }
    g_main_loop_run(loop);
    printf("%d of %d answered, %d ticks\n", answered, COUNT, ticks);
    quoit_glib_end(&adapter);
    quoit_destroy(adapter.hook.engine);
    g_source_remove(timer);
    g_main_loop_unref(loop);
    return answered == COUNT ? 0 : 1;
}
