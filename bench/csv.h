/*
 * csv: a line for each measured request, in a file.
 *
 * Workers put records into blocks of their own and hand over full ones; the main thread writes
 * them, so that no worker ever waits for a disk. Memory is what the disk is behind.
 *
 * Happy path: csv_open; csv_put by workers; csv_write now and then; csv_flush for each worker at
 * its end; csv_close.
 */
#ifndef QUOIT_BENCH_CSV_H
#define QUOIT_BENCH_CSV_H

#include "bench/metric.h"
#include "quoit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define CSV_NONE UINT64_MAX /* the request has no value of that metric */

struct csv_record {
    uint64_t due_ns;             /* CLOCK_MONOTONIC */
    uint64_t values_ns[METRICS]; /* or CSV_NONE; itl: the mean */
    uint64_t tokens_in, tokens_out;
    uint64_t bytes_in, bytes_out;
    uint32_t worker, status, attempts;
    enum quoit_error error;
    bool ok, reused;
};

struct csv; /* opaque */

/* `path` "-" is stdout. NULL, with a line on stderr: EXIT_OUTPUT. */
struct csv *csv_open(const char *path, uint32_t workers);

/* By the worker's own thread. Never blocks for long; without memory a record is lost. */
void csv_put(struct csv *csv, uint32_t worker, const struct csv_record *record);

/* Hand over what the worker has not yet. */
void csv_flush(struct csv *csv, uint32_t worker);

/* Write what was handed over. `begin_ns`: the times are counted from there. */
void csv_write(struct csv *csv, uint64_t begin_ns);

/*
 * What csv_write has not got is dropped. False: a line on stderr says that not all is there. NULL
 * is allowed.
 */
bool csv_close(struct csv *csv);

#endif
