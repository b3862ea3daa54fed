/*
 * input: the lines of a file or a pipe, read as they are asked for.
 *
 * Happy path: input_open, input_next until INPUT_END, input_close. Memory is that of the longest
 * line, whatever the file's size.
 *
 * A pipe may have nothing to give just now: then input_next says INPUT_LATER and does not block. A
 * line longer than line_max is told of with too_long, without its bytes, and reading goes on behind
 * it. A byte order mark at the start is dropped, and so is the LF or CR LF of a line; a last line
 * needs none.
 *
 * Of a regular file a range of bytes can be asked for: then the lines are those that begin in it,
 * so that ranges that lie side by side share no line and leave none out.
 */
#ifndef QUOIT_CLI_INPUT_H
#define QUOIT_CLI_INPUT_H

#include "llm/json.h"

#include <stdbool.h>
#include <stdint.h>

/* A line of this size is there up to three times: in the buffer, in its query, and in a body that
 * was edited. That shall stay below 64 MiB with all else. */
#define INPUT_LINE_MAX ((size_t)16 << 20)

enum input_next {
    INPUT_LINE,
    INPUT_LATER,  /* nothing there yet: ask again, or input_wait */
    INPUT_END,    /* no more lines */
    INPUT_FAILED, /* os_error says why */
};

struct input_line {
    struct json_span bytes; /* good until the next call; without its line end */
    uint64_t number;        /* from 1, in the range; blank lines count */
    uint64_t offset;        /* in the file or pipe, of its first byte */
    bool too_long;          /* then bytes is empty */
    bool has_end;           /* an LF stands behind it */
};

struct input {
    /* To be read. */
    const char *name;    /* for messages; borrowed */
    int fd;              /* owned, but for stdin's */
    int os_error;        /* after a failure */
    bool regular;        /* it is a file, so that what was read can be read again */
    uint64_t size;       /* of a regular file, or of its range; else 0 */
    uint64_t bytes_read; /* in the lines handed out */
    uint64_t line_number;
    size_t line_max; /* set by input_open; may be changed before the first line */

    /* Private. */
    bool ended, skipping;
    bool is_behind;       /* the line at hand began before the range */
    bool is_done;         /* no more lines begin in the range */
    uint64_t line_offset; /* of the line at hand, in the file */
    uint64_t read_begin;  /* where reading began, in the file */
    uint64_t range_end;
    char *bytes; /* owned */
    size_t room, begin, searched, end;
};

/* `path` "-" is stdin. False: os_error says why. */
bool input_open(struct input *input, const char *path);

/*
 * Only the lines whose first byte lies in [begin, end). Before the first line. Reads nothing of
 * what lies before `begin`, so lines are numbered from 1 in the range. False: os_error; ESPIPE if
 * it is not a regular file.
 */
bool input_set_range(struct input *input, uint64_t begin, uint64_t end);

/* Begin anew, at the first line of the whole file. A regular file only. False: os_error. */
bool input_rewind(struct input *input);

void input_close(struct input *input);

enum input_next input_next(struct input *input, struct input_line *line_out);

/* Blocks until there is more to read, a signal comes, or wait_ms have passed. */
void input_wait(const struct input *input, int wait_ms);

#endif
