/*
 * reread: pread, so that the reading of the input itself is not disturbed.
 */
#include "cli/reread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REREAD_EVERY 4096 /* lines between two places */
#define REREAD_ROOM_MIN ((size_t)16 << 10)

void reread_init(struct reread *reread, int fd)
{
    *reread = (struct reread){ .fd = fd };
    batch_line_init(&reread->line);
}

void reread_free(struct reread *reread)
{
    batch_line_free(&reread->line);
    free(reread->places);
    free(reread->bytes);
    *reread = (struct reread){ .fd = -1 };
}

bool reread_note(struct reread *reread, uint64_t line, uint64_t offset)
{
    if (reread->count != 0 && line - reread->places[reread->count - 1].line < REREAD_EVERY) {
        return true;
    }
    if (reread->count == reread->room) {
        size_t room = reread->room == 0 ? 64 : reread->room + reread->room / 2;
        struct reread_place *places = realloc(reread->places, room * sizeof(*places));
        if (places == NULL) {
            return false;
        }
        reread->places = places;
        reread->room = room;
    }
    reread->places[reread->count++] = (struct reread_place){ line, offset };
    return true;
}

/* Room for `size` bytes, of which those that are there stay. */
static bool reread_reserve(struct reread *reread, size_t size)
{
    char *bytes = size <= reread->bytes_room ? reread->bytes : realloc(reread->bytes, size);

    if (bytes == NULL) {
        return false;
    }
    reread->bytes = bytes;
    reread->bytes_room = size <= reread->bytes_room ? reread->bytes_room : size;
    return true;
}

/* Read on at `offset`, behind the `size` bytes that are there. 0: the end, or it cannot be read. */
static size_t reread_more(struct reread *reread, uint64_t offset, size_t size)
{
    ssize_t count;

    do {
        count = pread(reread->fd, reread->bytes + size, reread->bytes_room - size,
                      (off_t)(offset + size));
    } while (count < 0 && errno == EINTR);
    return count <= 0 ? 0 : (size_t)count;
}

/* The line at `offset`; size 0: it cannot be read. Good until the next call. */
static struct json_span reread_line(struct reread *reread, uint64_t offset)
{
    const struct json_span none = { NULL, 0 };
    size_t size = 0;

    for (;;) {
        if (!reread_reserve(reread, size < REREAD_ROOM_MIN ? REREAD_ROOM_MIN : 2 * size)) {
            return none;
        }
        size_t count = reread_more(reread, offset, size);
        const char *end = count == 0 ? NULL : memchr(reread->bytes + size, '\n', count);
        if (end != NULL) {
            return (struct json_span){ reread->bytes, (size_t)(end - reread->bytes) };
        }
        size += count;
        if (count == 0) {
            return (struct json_span){ reread->bytes, size };
        }
    }
}

bool reread_has_id(struct reread *reread, uint64_t offset, struct json_span id)
{
    struct json_span bytes = reread_line(reread, offset);

    /* Of a line that is invalid the custom_id may be good, and is there then. */
    if (bytes.size == 0 || batch_line_read(&reread->line, bytes) == BATCH_NO_MEMORY) {
        return false;
    }
    const struct json_span *found = &reread->line.id;
    return found->size == id.size && id.size != 0 && memcmp(found->bytes, id.bytes, id.size) == 0;
}

/* The last place at or before `offset`, or NULL. */
static const struct reread_place *reread_place_before(const struct reread *reread, uint64_t offset)
{
    size_t low = 0, high = reread->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reread->places[middle].offset <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : &reread->places[low - 1];
}

static uint64_t count_line_ends(const char *bytes, size_t size)
{
    uint64_t count = 0;

    for (const char *end = bytes + size; (bytes = memchr(bytes, '\n', (size_t)(end - bytes)));) {
        bytes++;
        count++;
    }
    return count;
}

uint64_t reread_number(struct reread *reread, uint64_t offset)
{
    const struct reread_place *place = reread_place_before(reread, offset);

    if (place == NULL || !reread_reserve(reread, REREAD_ROOM_MIN)) {
        return 0;
    }
    uint64_t line = place->line;
    for (uint64_t at = place->offset; at < offset;) {
        size_t count = reread_more(reread, at, 0);
        if (count == 0) {
            return 0;
        }
        count = count < offset - at ? count : (size_t)(offset - at);
        line += count_line_ends(reread->bytes, count);
        at += count;
    }
    return line;
}
