/*
 * sink: a file of lines that is there as a whole or not at all.
 *
 *     sink_open --> NAME.part-PID --sink_put...--> sink_close --> fsync, rename --> NAME
 *
 * Happy path: sink_open, sink_put for each line, sink_close. Until the last step nothing of the
 * name changes: what it held before can still be read, also as a source of the new lines.
 *
 * It fails with one line on stderr; then the name is as it was. What is no regular file (stdout, a
 * pipe, a device) is written as the lines come.
 */
#ifndef QUOIT_CLI_SINK_H
#define QUOIT_CLI_SINK_H

#include "cli/exit.h"
#include "llm/json.h"

#include <stdint.h>
#include <stdio.h>

struct sink {
    /* To be read. */
    const char *name; /* for messages; borrowed */
    uint64_t lines;

    /* Private. NULL and -1 where there is none. */
    FILE *file;
    int os_error;      /* of the write that failed */
    int folder_fd;     /* of a regular file: where it stands */
    char *base, *part; /* owned; its name there, and the one that it is written under */
};

/* Make it one that is not open: for sink_drop. */
void sink_init(struct sink *sink);

/*
 * Would writing to `path`, which is as for sink_open, replace what is read from `source`, where "-"
 * is stdin? To be asked before sink_open.
 */
bool sink_is_source(const char *path, const char *source);

/*
 * `path` NULL or "-" is stdout. A file that holds something is refused, unless `overwrite`.
 *
 * Returns EXIT_GOOD, EXIT_START (refused) or EXIT_OUTPUT.
 */
enum exit_code sink_open(struct sink *sink, const char *path, bool overwrite);

/* Would both end in the same file? */
bool sink_is_same(const struct sink *one, const struct sink *other);

/* Write a line, which is given without its LF. False: it cannot be written; nothing was said yet.
 */
bool sink_put(struct sink *sink, struct json_span line);

/* See that all is on disk under its name, and close. False: a line on stderr says why not. */
bool sink_close(struct sink *sink);

/* Close and forget what was written. One that is not open is allowed. */
void sink_drop(struct sink *sink);

#endif
