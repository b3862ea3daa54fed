/*
 * lines: one buffer, as in cli/input.c, filled by pread.
 */
#include "cli/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINES_ROOM_MIN ((size_t)1 << 20)

void lines_begin(struct lines *lines, int fd)
{
    *lines = (struct lines){ .fd = fd };
}

static void lines_unmap(struct lines *lines)
{
    if (lines->map != NULL) {
        munmap(lines->map, lines->map_size);
        lines->map = NULL;
    }
}

void lines_free(struct lines *lines)
{
    lines_unmap(lines);
    free(lines->bytes);
    *lines = (struct lines){ .fd = -1 };
}

static ssize_t lines_pread(int fd, char *bytes, size_t size, uint64_t offset)
{
    ssize_t count;

    do {
        count = pread(fd, bytes, size, (off_t)offset);
    } while (count < 0 && errno == EINTR);
    return count;
}

/* Move what is left to the front, and make the buffer larger if it is full of one line. */
static bool lines_make_room(struct lines *lines)
{
    size_t left = lines->end - lines->begin;

    if (lines->begin != 0) {
        memmove(lines->bytes, lines->bytes + lines->begin, left);
        lines->begin = 0;
        lines->end = left;
    }
    if (left < lines->room) {
        return true;
    }
    size_t room = lines->room == 0 ? LINES_ROOM_MIN : 2 * lines->room;
    char *bytes = realloc(lines->bytes, room);
    if (bytes == NULL) {
        lines->os_error = ENOMEM;
        return false;
    }
    lines->bytes = bytes;
    lines->room = room;
    return true;
}

/* A line that is longer than the buffer may be: find its end, and map it. */
static enum lines_next lines_map(struct lines *lines)
{
    uint64_t begin = lines->end_offset - (lines->end - lines->begin);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t map_begin = begin - begin % page;
    const char *found = NULL;

    lines->begin = lines->end = 0; /* the buffer is for the search now */
    while (found == NULL) {
        ssize_t count = lines_pread(lines->fd, lines->bytes, LINES_ROOM_MIN, lines->end_offset);
        if (count <= 0) {
            lines->os_error = count < 0 ? errno : 0;
            return count < 0 ? LINES_FAILED : LINES_END;
        }
        found = memchr(lines->bytes, '\n', (size_t)count);
        lines->end_offset += found == NULL ? (uint64_t)count : (uint64_t)(found + 1 - lines->bytes);
    }
    lines->map_size = (size_t)(lines->end_offset - map_begin);
    lines->map = mmap(NULL, lines->map_size, PROT_READ, MAP_SHARED, lines->fd, (off_t)map_begin);
    if (lines->map == MAP_FAILED) {
        lines->map = NULL;
        lines->os_error = errno;
        return LINES_FAILED;
    }
    size_t before = (size_t)(begin - map_begin);
    lines->line = (struct json_span){ (const char *)lines->map + before, lines->map_size - before };
    lines->offset = begin;
    lines->number++;
    return LINES_LINE;
}

enum lines_next lines_next(struct lines *lines)
{
    size_t searched = lines->begin;

    lines_unmap(lines);
    for (;;) {
        size_t left = lines->end - searched;
        const char *found = left == 0 ? NULL : memchr(lines->bytes + searched, '\n', left);
        if (found != NULL) {
            const char *begin = lines->bytes + lines->begin;
            lines->offset = lines->end_offset - (lines->end - lines->begin);
            lines->line = (struct json_span){ begin, (size_t)(found + 1 - begin) };
            lines->begin += lines->line.size;
            lines->number++;
            return LINES_LINE;
        }
        if (lines->end - lines->begin >= LINES_ROOM_MAX) {
            return lines_map(lines);
        }
        if (!lines_make_room(lines)) {
            return LINES_FAILED;
        }
        searched = lines->end;
        ssize_t count = lines_pread(lines->fd, lines->bytes + lines->end, lines->room - lines->end,
                                    lines->end_offset);
        if (count <= 0) {
            lines->os_error = count < 0 ? errno : 0;
            return count < 0 ? LINES_FAILED : LINES_END;
        }
        lines->end += (size_t)count;
        lines->end_offset += (uint64_t)count;
    }
}

bool lines_find_end(int fd, uint64_t size, uint64_t *end_out)
{
    char bytes[16384];
    uint64_t end = size;

    while (end > 0) {
        size_t wanted = end < sizeof(bytes) ? (size_t)end : sizeof(bytes);
        ssize_t count = lines_pread(fd, bytes, wanted, end - wanted);
        if (count < 0 || (size_t)count < wanted) {
            errno = count < 0 ? errno : EIO; /* it became shorter meanwhile: nobody may do that */
            return false;
        }
        const char *found = memrchr(bytes, '\n', wanted);
        if (found != NULL) {
            *end_out = end - wanted + (uint64_t)(found - bytes) + 1;
            return true;
        }
        end -= wanted;
    }
    *end_out = 0;
    return true;
}
