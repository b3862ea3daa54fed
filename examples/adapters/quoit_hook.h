/*
 * quoit_hook: what the adapters share: an engine's turns in somebody else's loop. C11, C++17.
 *
 * on_event gets each event, never within a submit, 64 before others' turn. It may submit, cancel,
 * quoit_again, end, and then quoit_destroy the engine. That is the caller's, but turned by nobody
 * else; after a quoit_cancel or quoit_pause elsewhere call quoit_wake, as submit does once a burst.
 */
#pragma once
#include <quoit.h>

struct quoit_hook {
    struct quoit_engine *engine;
    void (*on_event)(void *context, const struct quoit_event *event);
    void *context;
    bool awake;  /* a turn is sure to come */
    bool *ended; /* where the turn under way looks; NULL: there is none */
};

static inline enum quoit_error
quoit_hook_submit(struct quoit_hook *hook, const struct quoit_request *request, uint64_t *id_out)
{
    if (!hook->awake) {
        quoit_wake(hook->engine);
    }
    hook->awake = true;
    return quoit_submit(hook->engine, request, id_out);
}

static inline void quoit_hook_end(struct quoit_hook *hook)
{
    if (hook->ended != NULL) {
        *hook->ended = true;
    }
    hook->awake = false;
    hook->ended = NULL;
}

/* quoit_fd is readable. False: on_event has called end, and the hook may be gone. */
static inline bool quoit_hook_turn(struct quoit_hook *hook)
{
    struct quoit_event event;
    bool ended = false;

    hook->ended = &ended;
    hook->awake = true;
    quoit_turn(hook->engine, 0);
    for (int left = 64; left > 0 && quoit_next(hook->engine, &event, 1) == 1; left--) {
        hook->on_event(hook->context, &event);
        if (ended) {
            return false;
        }
    }
    hook->awake = quoit_turn(hook->engine, 0) > 0; /* of what on_event began */
    if (hook->awake) {
        quoit_wake(hook->engine);
    }
    hook->ended = NULL;
    return true;
}
