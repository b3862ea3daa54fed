/*
 * spare: see spare.h.
 */
#include "engine/spare.h"

#define SPARE_PROPORTION 4 /* times the size that is wanted, at most */

void spare_free(struct spare *spare)
{
    while (spare->count > 0) {
        buffer_free(&spare->rooms[--spare->count]);
    }
    spare->size = 0;
}

void spare_give(struct spare *spare, struct buffer *buffer)
{
    bool fits = spare->count < SPARE_COUNT_MAX && buffer->room <= SPARE_SIZE_MAX - spare->size;

    if (!BUFFER_KEEPS_ROOM || !fits || buffer->room == 0) {
        buffer_free(buffer);
        return;
    }
    buffer_reset(buffer);
    spare->size += buffer->room;
    spare->rooms[spare->count++] = *buffer;
    *buffer = (struct buffer){ 0 };
}

void spare_take(struct spare *spare, struct buffer *buffer, uint64_t size)
{
    uint32_t at = buffer->room < size ? spare->count : 0;

    while (at > 0 && (spare->rooms[at - 1].room <= buffer->room ||
                      spare->rooms[at - 1].room / SPARE_PROPORTION > size)) {
        at--;
    }
    if (at == 0) {
        return;
    }
    struct buffer room = spare->rooms[at - 1];
    spare->rooms[at - 1] = spare->rooms[--spare->count];
    spare->size -= room.room;
    if (buffer->size > 0) {
        memcpy(room.bytes, buffer->bytes, buffer->size);
    }
    room.size = buffer->size;
    buffer_free(buffer);
    *buffer = room;
}
