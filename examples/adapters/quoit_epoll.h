/*
 * quoit_epoll: a quoit engine in an epoll loop of your own; quoit_hook.h says what on_event may do.
 *
 *     struct quoit_epoll adapter = { .hook = { .engine = engine, .on_event = on_event },
 *                                    .epoll_fd = epoll_fd };
 *
 *   begin   watches the engine. False: it has no descriptor. When epoll_wait gives an event whose
 *           data.ptr is the adapter, call turn.
 *   submit  is quoit_submit, and sees to the turn that has to follow.
 *   end     takes the engine out. The struct is yours again, also within on_event; what the same
 *           epoll_wait gave may name it still.
 */
#ifndef QUOIT_EPOLL_H
#define QUOIT_EPOLL_H

#include "quoit_hook.h"

#include <sys/epoll.h>

struct quoit_epoll {
    struct quoit_hook hook;
    int epoll_fd;
};

static inline bool quoit_epoll_begin(struct quoit_epoll *adapter)
{
    struct epoll_event event;

    event.events = EPOLLIN;
    event.data.ptr = adapter;
    quoit_wake(adapter->hook.engine); /* the first turn sees what is there already */
    return epoll_ctl(adapter->epoll_fd, EPOLL_CTL_ADD, quoit_fd(adapter->hook.engine), &event) == 0;
}

static inline void quoit_epoll_turn(struct quoit_epoll *adapter)
{
    quoit_hook_turn(&adapter->hook);
}

static inline enum quoit_error quoit_epoll_submit(struct quoit_epoll *adapter,
                                                  const struct quoit_request *request,
                                                  uint64_t *id_out)
{
    return quoit_hook_submit(&adapter->hook, request, id_out);
}

static inline void quoit_epoll_end(struct quoit_epoll *adapter)
{
    epoll_ctl(adapter->epoll_fd, EPOLL_CTL_DEL, quoit_fd(adapter->hook.engine), NULL);
    quoit_hook_end(&adapter->hook);
}

#endif
