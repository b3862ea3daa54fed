/*
 * query_file: the lines of a batch's input, read as `quoit batch` would, for commands that send
 * nothing.
 *
 * Happy path: query_file_open, query_file_next until QUERY_FILE_END, query_file_close. Blank lines
 * do not come out; what is no query does, with its custom_id if that is good.
 *
 * It fails with one line on stderr.
 */
#ifndef QUOIT_CLI_QUERY_FILE_H
#define QUOIT_CLI_QUERY_FILE_H

#include "cli/input.h"
#include "llm/batch.h"

enum query_file_next {
    QUERY_FILE_QUERY,
    QUERY_FILE_INVALID, /* line.id_raw.size 0: not even its id is good */
    QUERY_FILE_END,
    QUERY_FILE_FAILED, /* a line on stderr says why */
};

struct query_file {
    /* To be read; good until the next call. */
    struct json_span bytes; /* the line as it stands, without its end */
    struct batch_line line;

    /* Private. */
    struct input input;
};

/* `path` "-" is stdin. False: a line on stderr says why. */
bool query_file_open(struct query_file *file, const char *path);

void query_file_close(struct query_file *file);

/* The next line that is not blank. Blocks where a pipe has nothing yet. */
enum query_file_next query_file_next(struct query_file *file);

#endif
