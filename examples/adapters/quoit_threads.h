/*
 * quoit_threads: an engine in a thread of its own; other threads quoit_post to its mailbox.
 *
 *   start   all but options is zero. Returns when the engine is there, or why not: then no stop.
 *   stop    what is under way is cancelled and replied to; nobody may be in quoit_post any more.
 */
#pragma once
#include <pthread.h>
#include <quoit_mailbox.h>

struct quoit_thread {
    const struct quoit_options *options; /* NULL: all defaults */
    struct quoit_mailbox *mailbox;
    struct quoit_engine *engine;
    enum quoit_error error;
    pthread_t thread;
    pthread_barrier_t both; /* the engine is there; it was woken, and may go */
    bool over;
};

static inline void *quoit_thread_run(void *context)
{
    struct quoit_thread *self = (struct quoit_thread *)context;

    if ((self->error = quoit_create(self->options, &self->engine)) == QUOIT_OK) {
        self->error = quoit_mailbox_create(self->engine, NULL, &self->mailbox);
    }
    pthread_barrier_wait(&self->both);
    while (self->error == QUOIT_OK && !__atomic_load_n(&self->over, __ATOMIC_RELAXED)) {
        quoit_turn(self->engine, QUOIT_NEVER);
    }
    pthread_barrier_wait(&self->both);
    quoit_mailbox_destroy(self->mailbox);
    quoit_destroy(self->engine);
    return NULL;
}

static inline void quoit_thread_stop(struct quoit_thread *self)
{
    __atomic_store_n(&self->over, true, __ATOMIC_RELAXED);
    if (self->error == QUOIT_OK) {
        quoit_wake(self->engine);
    }
    pthread_barrier_wait(&self->both);
    pthread_join(self->thread, NULL);
}

static inline enum quoit_error quoit_thread_start(struct quoit_thread *self)
{
    pthread_barrier_init(&self->both, NULL, 2); /* nothing to undo, on Linux */
    if (pthread_create(&self->thread, NULL, quoit_thread_run, self) != 0) {
        return QUOIT_E_NO_THREAD;
    }
    pthread_barrier_wait(&self->both);
    if (self->error != QUOIT_OK) {
        quoit_thread_stop(self);
    }
    return self->error;
}
