/*
 * runs: the results of one variant: those of a file, one behind the other, or those of the *.json
 * files of a folder, in the order of their names.
 *
 * Happy path: runs_open, then items; runs_close.
 *
 * It fails when a file cannot be read or holds something else: one line on stderr names the file
 * and says why. All that is read must be a result, since what is left out unseen would be missed
 * unseen.
 */
#ifndef QUOIT_BENCH_RUNS_H
#define QUOIT_BENCH_RUNS_H

#include "bench/result.h"

#include <stdint.h>

#define RUNS_MAX 1000
#define RUNS_FILE_SIZE_MAX ((size_t)128 << 20)

struct runs_file {
    char *path;  /* owned */
    char *bytes; /* owned */
};

struct run {
    size_t file;   /* its index */
    size_t number; /* in the file, from 1 */
    struct result result;
};

struct runs {
    const char *name; /* as it was asked for; borrowed */
    struct runs_file *files;
    size_t files_count;
    struct run *items; /* at least one */
    size_t count;
};

/* `name` is a file or a folder. False: a line on stderr says why; runs_close all the same. */
bool runs_open(struct runs *runs, const char *name);

void runs_close(struct runs *runs);

/* The run whose latency p99 is the middle one: what stands for all where one must be shown. */
const struct run *runs_median(const struct runs *runs);

#endif
