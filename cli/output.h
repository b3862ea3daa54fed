/*
 * output: the files of answers, one write() for each line, in the order that was asked for.
 *
 *     order completion:   output_put --> write
 *     order input:        output_put --> window --> write, as soon as all before it are written
 *
 * Every line of the input has a sequence number, from 0 without gaps, and ends in exactly one
 * output_put or output_skip. In the order of the input what is written is always a beginning of
 * the input: behind a line that was skipped nothing more is written.
 *
 * It fails when a write does: the disk is full, the reader has gone, or after a signal the reader
 * has not read for the time of the grace. Then the rest of a torn line is taken back where the file
 * allows it, `failed` stays set, and nothing more is written or counted. What was counted and then
 * not brought to disk is taken out of the counts again.
 */
#ifndef QUOIT_CLI_OUTPUT_H
#define QUOIT_CLI_OUTPUT_H

#include "llm/json.h"

#include <stdbool.h>
#include <stdint.h>

#define OUTPUT_WINDOW_BYTES ((uint64_t)64 << 20)

/* One file. */
struct output_file {
    const char *name; /* for messages; borrowed */
    int fd;           /* owned, but for stdout's; -1: none */
    bool regular;
    uint64_t size; /* when it was opened */
};

/* How a line ended. */
enum output_kind {
    OUTPUT_GOOD,   /* an answer of status 2xx */
    OUTPUT_FAILED, /* anything else: to the file of errors, if there is one */
};

/* A line that waits for those before it. */
struct output_held {
    char *bytes; /* owned; NULL: nothing is there yet */
    size_t size;
    enum output_kind kind;
    bool skipped;
};

struct output {
    struct output_file answers, errors; /* opened by the caller; errors.fd -1: none */

    /* To be read. */
    uint64_t good, failed_lines; /* written */
    bool failed;                 /* a write failed; no more is written */
    int os_error;                /* then: why, and in which file */
    const char *failed_name;

    /* Private. */
    bool ordered, cut;          /* cut: a line was skipped */
    struct output_held *window; /* owned; a ring */
    uint64_t window_room;       /* lines */
    uint64_t first;             /* the sequence number that is written next */
    uint64_t held_bytes;
};

/*
 * Make ready; opens nothing. `window_room` is the lines of the window for the order of the input, 0
 * for the order of completion. False: out of memory.
 */
bool output_init(struct output *output, uint64_t window_room);

/* Frees, and closes without a word: see output_close. */
void output_free(struct output *output);

/*
 * Open a file, without changing what is in it. `path` NULL or "-" is stdout. False: os_error.
 */
bool output_open(struct output_file *file, const char *path, int *os_error_out);

/* Empty it, if it is a regular file of its own name. False: os_error. */
bool output_empty(struct output_file *file, int *os_error_out);

/* May the line with this sequence number be begun, as far as the window goes? */
bool output_has_room(const struct output *output, uint64_t sequence);

/* The line, with its LF. */
void output_put(struct output *output, uint64_t sequence, enum output_kind kind,
                struct json_span line);

/* No line will come. */
void output_skip(struct output *output, uint64_t sequence);

/*
 * See that all is on disk, and close. False: `failed` says that and why, and the lines of a file
 * that did not get there no longer count.
 */
bool output_close(struct output *output);

#endif
