/*
 * quoit_uv: a quoit engine in a libuv loop; quoit_hook.h says what on_event may do.
 *
 *     struct quoit_uv adapter = { .hook = { .engine = engine, .on_event = on_event } };
 *
 *   begin   watches the engine. 0, or libuv's error. uv_run goes on while requests are under way.
 *   submit  is quoit_submit, and sees to the turn that has to follow.
 *   end     takes the engine out, at once. The struct is yours again with on_closed, which may be
 *           NULL, and finds it in handle->data.
 */
#ifndef QUOIT_UV_H
#define QUOIT_UV_H

#include "quoit_hook.h"

#include <uv.h>

struct quoit_uv {
    struct quoit_hook hook;
    uv_poll_t poll;
};

static inline void quoit_uv_on_readable(uv_poll_t *poll, int status, int events)
{
    struct quoit_hook *hook = &((struct quoit_uv *)poll->data)->hook;
    struct quoit_stats now;

    (void)status, (void)events;
    if (quoit_hook_turn(hook) && !hook->awake) {
        quoit_stats_read(hook->engine, &now);
        if (now.queued + now.waiting + now.in_flight == 0) {
            uv_unref((uv_handle_t *)poll);
        }
    }
}

static inline int quoit_uv_begin(struct quoit_uv *adapter, uv_loop_t *loop)
{
    int error = uv_poll_init(loop, &adapter->poll, quoit_fd(adapter->hook.engine));

    adapter->poll.data = adapter;
    quoit_wake(adapter->hook.engine); /* the first turn sees what is there already */
    return error != 0 ? error : uv_poll_start(&adapter->poll, UV_READABLE, quoit_uv_on_readable);
}

static inline enum quoit_error
quoit_uv_submit(struct quoit_uv *adapter, const struct quoit_request *request, uint64_t *id_out)
{
    uv_ref((uv_handle_t *)&adapter->poll);
    return quoit_hook_submit(&adapter->hook, request, id_out);
}

static inline void quoit_uv_end(struct quoit_uv *adapter, uv_close_cb on_closed)
{
    quoit_hook_end(&adapter->hook);
    uv_close((uv_handle_t *)&adapter->poll, on_closed);
}

#endif
