/*
 * fork: what a fork of the host means for an engine: a child that must not use it, and a parent
 * whose sockets the child has too.
 */
#ifndef QUOIT_ENGINE_FORK_H
#define QUOIT_ENGINE_FORK_H

#include <stdbool.h>

/* A byte that is 1, and 0 in each child that is forked from now on. NULL: out of memory. */
char *fork_guard_create(void);
void fork_guard_free(char *guard); /* NULL is allowed */

/*
 * Has this process forked since its first guard was made? Then a child may hold our sockets, and a
 * close ends no connection: it has to be shut down before.
 */
bool fork_was_seen(void);

#endif
