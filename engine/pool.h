/*
 * pool: the idle connections, by origin and by age.
 *
 * Each origin has a shelf. The connection put last is taken first (LIFO), so that few connections
 * stay warm and the others reach their idle time. All idle connections of all shelves also stand in
 * one line by age, so that the oldest can make room for a new one. A connection is known here by
 * its index only. Nothing allocates after create.
 */
#ifndef QUOIT_ENGINE_POOL_H
#define QUOIT_ENGINE_POOL_H

#include "base/list.h"
#include "quoit.h"

#define POOL_NONE UINT32_MAX

struct pool_shelf {
    struct list entries; /* newest first */
};

struct pool;

/* NULL: out of memory. */
struct pool *pool_create(uint32_t conns_max);
void pool_destroy(struct pool *pool); /* NULL is allowed */

void pool_shelf_init(struct pool_shelf *shelf);

/* The connection must not be in the pool. */
void pool_put(struct pool *pool, struct pool_shelf *shelf, uint32_t conn);

/* The newest of that shelf, out of the pool; POOL_NONE: it is empty. */
uint32_t pool_take(struct pool *pool, struct pool_shelf *shelf);

/* Out of the pool, if it is there. */
void pool_remove(struct pool *pool, uint32_t conn);

bool pool_has(const struct pool *pool, uint32_t conn);

/* The one that has been idle for longest, left in the pool; POOL_NONE: the pool is empty. */
uint32_t pool_oldest(const struct pool *pool);

#endif
