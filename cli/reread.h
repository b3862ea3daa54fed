/*
 * reread: lines of the input that were read before, found again by their offset.
 *
 * Happy path: reread_init with the input's file; reread_note for each line as it is read; then
 * reread_has_id and reread_number answer for any offset that was noted or lies behind one.
 *
 * For a custom_id that may have been there before: its hash is equal, and only the line itself can
 * say whether it is the same. Memory is 16 bytes for every 4,096 lines, and that of the longest
 * line that was read again.
 */
#ifndef QUOIT_CLI_REREAD_H
#define QUOIT_CLI_REREAD_H

#include "llm/batch.h"

#include <stdint.h>

/* Where a line is. */
struct reread_place {
    uint64_t line, offset;
};

struct reread {
    int fd;                      /* borrowed; a regular file */
    struct reread_place *places; /* owned; in their order */
    size_t count, room;
    struct batch_line line; /* as it was read again */
    char *bytes;            /* owned */
    size_t bytes_room;
};

void reread_init(struct reread *reread, int fd);

void reread_free(struct reread *reread);

/* A line begins there. Lines come in their order. False: out of memory. */
bool reread_note(struct reread *reread, uint64_t line, uint64_t offset);

/* Does the line at `offset` have this custom_id? No, if it cannot be read. */
bool reread_has_id(struct reread *reread, uint64_t offset, struct json_span id);

/* The number of the line at `offset`, counted from 1; 0: it cannot be read. */
uint64_t reread_number(struct reread *reread, uint64_t offset);

#endif
