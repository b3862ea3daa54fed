/*
 * output: the files of answers, one write() for each line, in the order that was asked for.
 *
 *     order completion:   output_put --> write
 *     order input:        output_put --> window --> write, as soon as all before it are written
 *
 * Every line of the input has a sequence number, from 0 without gaps, and ends in exactly one
 * output_put, output_skip or output_pass. In the order of the input what is written is always a
 * beginning of the input: behind a line that was skipped nothing more is written.
 *
 * A line counts when it is as safe as was promised: on disk (output_begin), for the lines of files
 * that have one. The counts are brought up to date by output_update and output_settle.
 *
 * It fails when a write does, or a sync: the disk is full, the reader has gone, or after a signal
 * the reader has not read for the time of the grace. Then the rest of a torn line is taken back
 * where the file allows it, `failed` stays set, and nothing more is written or counted.
 */
#ifndef QUOIT_CLI_OUTPUT_H
#define QUOIT_CLI_OUTPUT_H

#include "cli/output_file.h"
#include "cli/sync.h"
#include "llm/json.h"

#include <stdbool.h>
#include <stdint.h>

#define OUTPUT_WINDOW_BYTES ((uint64_t)64 << 20)

/* How a line ended. */
enum output_kind {
    OUTPUT_GOOD,   /* an answer of status 2xx */
    OUTPUT_FAILED, /* anything else: to the file of errors, if there is one */
};

/* When a line that was written counts. The order is that of --fsync. */
enum output_promise {
    OUTPUT_ALWAYS, /* each is brought to disk before the next is written */
    OUTPUT_GROUP,  /* a thread brings groups of them to disk */
    OUTPUT_NEVER,  /* at once */
};

/* What is there for a line that may not be written yet. */
enum output_place {
    OUTPUT_NOTHING,
    OUTPUT_LINE,
    OUTPUT_SKIPPED, /* it will have no line */
    OUTPUT_PASSED,  /* it has one already */
};

struct output_held {
    enum output_place place;
    enum output_kind kind;
    char *bytes; /* owned */
    size_t size;
};

struct output {
    struct output_file answers, errors; /* opened by the caller; errors.fd -1: none */

    /* To be read. */
    uint64_t good, failed_lines; /* written, and as safe as was promised */
    uint64_t lost;               /* answers behind a line that was skipped */
    bool failed;                 /* a write or a sync failed; no more is written */
    int os_error;                /* then: why, and in which file */
    const char *failed_name;

    /* Private. */
    enum output_promise promise;
    struct sync *sync; /* owned; of OUTPUT_GROUP */
    struct sync_counts written[SYNC_FILES];
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

/*
 * The files are open: lines can come. Until then and after output_settle each counts at once.
 *
 *   Borrows  engine, which is woken if a sync fails; may be NULL.
 *
 * False: os_error; a thread could not be started.
 */
bool output_begin(struct output *output, enum output_promise promise, struct quoit_engine *engine,
                  int *os_error_out);

/* Frees, and closes without a word: see output_close. */
void output_free(struct output *output);

/* May the line with this sequence number be begun, as far as the window goes? */
bool output_has_room(const struct output *output, uint64_t sequence);

/* Lines that failed and were written, be they on disk or not. */
uint64_t output_failed_so_far(const struct output *output);

/* The line, with its LF. */
void output_put(struct output *output, uint64_t sequence, enum output_kind kind,
                struct json_span line);

/* No line will come. */
void output_skip(struct output *output, uint64_t sequence);

/* The line is there since an earlier run. */
void output_pass(struct output *output, uint64_t sequence);

/* Bring the counts up to date, and see whether a sync has failed. Once in a while. */
void output_update(struct output *output);

/* All lines have come: bring them to disk, as far as that was promised. */
void output_settle(struct output *output);

/* Settle and close. False: `failed` says that and why. */
bool output_close(struct output *output);

#endif
