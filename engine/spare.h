/*
 * spare: the memory of large bodies that are over, for the next ones.
 *
 * A body of a megabyte that grows in fresh memory costs more in page faults than in all else. So
 * what a slot has no use for any more is given to the engine's spares, up to SPARE_SIZE_MAX (one
 * body at its default limit), and the next body that is known to be large grows there. What is
 * above goes back to the system.
 *
 * Nothing here allocates, so nothing fails.
 */
#ifndef QUOIT_ENGINE_SPARE_H
#define QUOIT_ENGINE_SPARE_H

#include "base/buffer.h"

#include <stdint.h>

#define SPARE_SIZE_MAX (64u * 1024 * 1024)
#define SPARE_COUNT_MAX 64

/* All zero: none. */
struct spare {
    struct buffer rooms[SPARE_COUNT_MAX]; /* owned; the last one given is the first one taken */
    uint32_t count;
    size_t size; /* the sum of their room */
};

void spare_free(struct spare *spare);

/* Forget the bytes, and take the memory over, or free it. */
void spare_give(struct spare *spare, struct buffer *buffer);

/*
 * A buffer is to grow to about `size`: move its bytes into a room that is larger than its own and
 * not out of proportion, if one is there.
 */
void spare_take(struct spare *spare, struct buffer *buffer, uint64_t size);

#endif
