/*
 * buffer: see buffer.h. Room doubles, so that appending byte by byte stays linear.
 */
#include "base/buffer.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#define BUFFER_ROOM_MIN 256

void buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){ 0 };
}

void buffer_trim(struct buffer *buffer, size_t room_max)
{
    buffer->size = 0;
    if (buffer->room > room_max || !BUFFER_KEEPS_ROOM) {
        buffer_free(buffer);
    }
}

bool buffer_reserve(struct buffer *buffer, size_t more)
{
    assert(buffer->size <= buffer->room);
    if (more <= buffer->room - buffer->size) {
        return true;
    }
    if (more > SIZE_MAX / 2 - buffer->size) {
        return false;
    }

    size_t room = buffer->room < BUFFER_ROOM_MIN ? BUFFER_ROOM_MIN : buffer->room;
    while (room < buffer->size + more) {
        room *= 2;
    }
    char *bytes = realloc(buffer->bytes, room);
    if (bytes == NULL) {
        return false;
    }
    buffer->bytes = bytes;
    buffer->room = room;
    return true;
}
