/*
 * buffer: bytes that grow.
 *
 * The happy path: init (or zero), append, look at bytes and size, reset, append again without an
 * allocation. It can only fail for want of memory; then nothing has changed.
 */
#ifndef QUOIT_BASE_BUFFER_H
#define QUOIT_BASE_BUFFER_H

#include "quoit.h"
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* `make GUARD=1`: no room is kept for the next use, so that a use too late meets nothing. */
#ifdef QUOIT_GUARD
#define BUFFER_KEEPS_ROOM false
#else
#define BUFFER_KEEPS_ROOM true
#endif

/* All zero is an empty buffer. */
struct buffer {
    char *bytes; /* owned; NULL while room is 0 */
    size_t size; /* bytes in use */
    size_t room; /* bytes allocated */
};

void buffer_free(struct buffer *buffer);

/* Forget the bytes, keep the memory. */
static inline void buffer_reset(struct buffer *buffer)
{
    if (!BUFFER_KEEPS_ROOM) {
        buffer_free(buffer);
    }
    buffer->size = 0;
}

/* Forget the bytes, and give the memory back if it is more than room_max. */
void buffer_trim(struct buffer *buffer, size_t room_max);

/* Make room for `more` bytes behind the end. False: out of memory, nothing has changed. */
QUOIT_MUST bool buffer_reserve(struct buffer *buffer, size_t more);

/* False: out of memory, nothing has changed. */
QUOIT_MUST static inline bool buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    if (size > buffer->room - buffer->size && !buffer_reserve(buffer, size)) {
        return false;
    }
    if (size != 0) { /* memcpy of nothing from NULL is undefined */
        memcpy(buffer->bytes + buffer->size, bytes, size);
        buffer->size += size;
    }
    return true;
}

static inline struct quoit_span buffer_span(const struct buffer *buffer)
{
    return (struct quoit_span){ buffer->size == 0 ? "" : buffer->bytes, buffer->size };
}

#endif
