/*
 * lines: the whole lines of a regular file, read fast.
 *
 *     lines_begin --> lines_next ... --> lines_free
 *
 * Memory is 1 MiB, or that of the longest line up to LINES_ROOM_MAX; a longer one is mapped.
 */
#ifndef QUOIT_CLI_LINES_H
#define QUOIT_CLI_LINES_H

#include "llm/json.h"

#include <stdint.h>

#define LINES_ROOM_MAX ((size_t)32 << 20)

enum lines_next {
    LINES_LINE,
    LINES_END,    /* no more whole lines */
    LINES_FAILED, /* os_error says why */
};

struct lines {
    /* To be read after lines_next. */
    struct json_span line; /* with its LF; good until the next call */
    uint64_t offset;       /* where it begins */
    uint64_t number;       /* from 1 */
    int os_error;

    /* Private. */
    int fd;      /* borrowed */
    char *bytes; /* owned */
    size_t room, begin, end;
    uint64_t end_offset; /* what lies behind `end` in the file */
    void *map;           /* of a line that is too long for the buffer */
    size_t map_size;
};

/* Read from the file's begin; its own position does not matter and does not move. */
void lines_begin(struct lines *lines, int fd);

void lines_free(struct lines *lines);

enum lines_next lines_next(struct lines *lines);

/*
 * Where the last whole line of a file of `size` bytes ends: 0 if there is none. False: errno.
 */
bool lines_find_end(int fd, uint64_t size, uint64_t *end_out);

#endif
