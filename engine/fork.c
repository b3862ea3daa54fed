/*
 * fork: a page that the kernel wipes in children, and a note by the C library's fork.
 *
 * A child that is made by clone(2) itself, or by vfork and exec, is not noted: it has no copy of
 * the engine that it could use, and its exec closes our sockets.
 */
#include "engine/fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

static atomic_bool fork_seen;

static void fork_note(void)
{
    atomic_store_explicit(&fork_seen, true, memory_order_relaxed);
}

/* What a child makes is its own. */
static void fork_forget(void)
{
    atomic_store_explicit(&fork_seen, false, memory_order_relaxed);
}

/* Noted before the fork, since engines of other threads close sockets while it is under way. */
static void fork_watch(void)
{
    if (pthread_atfork(fork_note, NULL, fork_forget) != 0) {
        fork_note(); /* nobody will say so: suppose it */
    }
}

bool fork_was_seen(void)
{
    return atomic_load_explicit(&fork_seen, memory_order_relaxed);
}

char *fork_guard_create(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char *guard = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    pthread_once(&once, fork_watch);
    if (guard == MAP_FAILED) {
        return NULL;
    }
    *guard = 1;
    madvise(guard, 1, MADV_WIPEONFORK);
    return guard;
}

void fork_guard_free(char *guard)
{
    if (guard != NULL) {
        munmap(guard, 1);
    }
}
