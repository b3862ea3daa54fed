/*
 * quoit_libevent: a quoit engine in a libevent 2 base; quoit_hook.h says what on_event may do.
 *
 *     struct quoit_libevent adapter = { .hook = { .engine = engine, .on_event = on_event } };
 *
 *   begin   watches the engine in that base. False: no memory or descriptor. Like any event of
 *           libevent's it holds event_base_dispatch from now on, until end, busy or not.
 *   submit  is quoit_submit, and sees to the turn that has to follow.
 *   end     takes the engine out. The struct is yours again, also within on_event.
 */
#ifndef QUOIT_LIBEVENT_H
#define QUOIT_LIBEVENT_H

#include "quoit_hook.h"

#include <event2/event.h>

struct quoit_libevent {
    struct quoit_hook hook;
    struct event *event;
};

static inline void quoit_libevent_on_readable(evutil_socket_t fd, short what, void *adapter)
{
    (void)fd, (void)what;
    quoit_hook_turn(&((struct quoit_libevent *)adapter)->hook);
}

static inline void quoit_libevent_end(struct quoit_libevent *adapter)
{
    quoit_hook_end(&adapter->hook);
    if (adapter->event != NULL) {
        event_free(adapter->event);
    }
}

static inline bool quoit_libevent_begin(struct quoit_libevent *adapter, struct event_base *base)
{
    int fd = quoit_fd(adapter->hook.engine);

    quoit_wake(adapter->hook.engine); /* the first turn sees what is there already */
    adapter->event = event_new(base, fd, EV_READ | EV_PERSIST, quoit_libevent_on_readable, adapter);
    if (fd < 0 || adapter->event == NULL || event_add(adapter->event, NULL) != 0) {
        quoit_libevent_end(adapter);
        return false;
    }
    return true;
}

static inline enum quoit_error quoit_libevent_submit(struct quoit_libevent *adapter,
                                                     const struct quoit_request *request,
                                                     uint64_t *id_out)
{
    return quoit_hook_submit(&adapter->hook, request, id_out);
}

#endif
