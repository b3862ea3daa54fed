/*
 * pool: see pool.h.
 */
#include "engine/pool.h"

#include "base/bits.h"

#include <assert.h>
#include <stdlib.h>

struct pool_entry {
    struct list shelf_link, age_link;
};

struct pool {
    struct list ages; /* oldest first */
    uint32_t conns_max;
    struct pool_entry entries[]; /* by connection */
};

static uint32_t pool_index(const struct pool *pool, const struct pool_entry *entry)
{
    return (uint32_t)(entry - pool->entries);
}

struct pool *pool_create(uint32_t conns_max)
{
    struct pool *pool = malloc(sizeof(*pool) + conns_max * sizeof(pool->entries[0]));

    if (pool == NULL) {
        return NULL;
    }
    list_init(&pool->ages);
    pool->conns_max = conns_max;
    for (uint32_t i = 0; i < conns_max; i++) {
        list_init(&pool->entries[i].shelf_link);
        list_init(&pool->entries[i].age_link);
    }
    return pool;
}

void pool_destroy(struct pool *pool)
{
    free(pool);
}

void pool_shelf_init(struct pool_shelf *shelf)
{
    list_init(&shelf->entries);
}

void pool_put(struct pool *pool, struct pool_shelf *shelf, uint32_t conn)
{
    assert(conn < pool->conns_max);
    assert(!pool_has(pool, conn));
    list_prepend(&shelf->entries, &pool->entries[conn].shelf_link);
    list_append(&pool->ages, &pool->entries[conn].age_link);
}

uint32_t pool_take(struct pool *pool, struct pool_shelf *shelf)
{
    if (list_is_empty(&shelf->entries)) {
        return POOL_NONE;
    }
    uint32_t conn = pool_index(pool, LIST_FIRST(&shelf->entries, struct pool_entry, shelf_link));
    pool_remove(pool, conn);
    return conn;
}

void pool_remove(struct pool *pool, uint32_t conn)
{
    assert(conn < pool->conns_max);
    list_remove(&pool->entries[conn].shelf_link);
    list_remove(&pool->entries[conn].age_link);
}

bool pool_has(const struct pool *pool, uint32_t conn)
{
    return !list_is_empty(&pool->entries[conn].age_link);
}

uint32_t pool_oldest(const struct pool *pool)
{
    if (list_is_empty(&pool->ages)) {
        return POOL_NONE;
    }
    return pool_index(pool, LIST_FIRST(&pool->ages, struct pool_entry, age_link));
}
