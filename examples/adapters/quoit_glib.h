/*
 * quoit_glib: a quoit engine in a GMainContext; quoit_hook.h says what on_event may do.
 *
 *     struct quoit_glib adapter = { .hook = { .engine = engine, .on_event = on_event } };
 *
 *   begin   watches the engine in that context, NULL being the default one. False: it has no
 *           descriptor. Sources hold no loop: g_main_loop_run goes on until g_main_loop_quit.
 *   submit  is quoit_submit, and sees to the turn that has to follow.
 *   end     takes the engine out. The struct is yours again, also within on_event.
 */
#ifndef QUOIT_GLIB_H
#define QUOIT_GLIB_H

#include "quoit_hook.h"

#include <glib-unix.h>

struct quoit_glib {
    struct quoit_hook hook;
    GSource *source;
};

static inline gboolean quoit_glib_on_readable(gint fd, GIOCondition condition, gpointer adapter)
{
    (void)fd, (void)condition;
    return quoit_hook_turn(&((struct quoit_glib *)adapter)->hook);
}

static inline gboolean quoit_glib_begin(struct quoit_glib *adapter, GMainContext *context)
{
    int fd = quoit_fd(adapter->hook.engine);

    if (fd < 0) {
        return FALSE;
    }
    quoit_wake(adapter->hook.engine); /* the first turn sees what is there already */
    adapter->source = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(adapter->source, G_SOURCE_FUNC(quoit_glib_on_readable), adapter, NULL);
    g_source_attach(adapter->source, context);
    return TRUE;
}

static inline enum quoit_error
quoit_glib_submit(struct quoit_glib *adapter, const struct quoit_request *request, uint64_t *id_out)
{
    return quoit_hook_submit(&adapter->hook, request, id_out);
}

static inline void quoit_glib_end(struct quoit_glib *adapter)
{
    quoit_hook_end(&adapter->hook);
    g_source_destroy(adapter->source);
    g_source_unref(adapter->source);
}

#endif
