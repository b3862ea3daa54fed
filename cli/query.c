/*
 * query: a free list, and the size above which memory is not kept.
 */
#include "cli/query.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_KEPT_MAX 16384 /* bytes */

static void query_destroy(struct query *query)
{
    free(query->bytes);
    text_free(&query->body);
    if (query->stream != NULL) {
        stream_free(query->stream);
        free(query->stream);
    }
    free(query);
}

/* All but its memory as new. */
static void query_reset(struct query *query)
{
    char *bytes = query->bytes;
    size_t room = query->room;
    struct text body = query->body;
    struct stream *stream = query->stream;

    text_reset(&body);
    *query = (struct query){
        .bytes = bytes, .room = room, .body = body, .stream = stream, .server = SERVERS_NONE
    };
}

struct query *query_take(struct query_pool *pool, struct json_span line)
{
    struct query *query = pool->free;

    if (query == NULL) {
        query = calloc(1, sizeof(*query));
        if (query == NULL) {
            return NULL;
        }
        text_init(&query->body, 0);
        query_reset(query);
    } else {
        pool->free = query->next;
        query_reset(query);
    }
    if (query->room < line.size || query->bytes == NULL) {
        char *bytes = realloc(query->bytes, line.size + 1);
        if (bytes == NULL) {
            query_destroy(query);
            return NULL;
        }
        query->bytes = bytes;
        query->room = line.size + 1;
    }
    if (line.size != 0) {
        memcpy(query->bytes, line.bytes, line.size);
    }
    query->size = line.size;
    pool->count++;
    pool->bytes += query->size;
    return query;
}

void query_give_back(struct query_pool *pool, struct query *query)
{
    assert(pool->count > 0);
    pool->count--;
    pool->bytes -= query->size;
    if (query->room > QUERY_KEPT_MAX) {
        free(query->bytes);
        query->bytes = NULL;
        query->room = 0;
    }
    if (query->body.size > QUERY_KEPT_MAX) {
        text_free(&query->body);
        text_init(&query->body, 0);
    }
    if (query->stream != NULL) {
        stream_free(query->stream);
    }
    query->next = pool->free;
    pool->free = query;
}

void query_pool_free(struct query_pool *pool)
{
    assert(pool->count == 0);
    while (pool->free != NULL) {
        struct query *query = pool->free;
        pool->free = query->next;
        query_destroy(query);
    }
}
