/*
 * results: the files that a run leaves: --json, --html, --hlog, and the table.
 *
 * Happy path: results_open before the run, so that a name that cannot be written is known before
 * anybody has waited; results_write after it.
 *
 * It fails with one line on stderr that names the option, and EXIT_OUTPUT.
 */
#ifndef QUOIT_BENCH_RESULTS_H
#define QUOIT_BENCH_RESULTS_H

#include "bench/report.h"
#include "cli/output_file.h"

struct results {
    const struct bench_options *options; /* borrowed */
    struct output_file json, html, hlog; /* fd -1: not wanted */
};

/* False: a line on stderr says why; EXIT_OUTPUT. results_close is right in both cases. */
bool results_open(struct results *results, const struct bench_options *options);
void results_close(struct results *results);

/* The same for all of them. */
bool results_write(struct results *results, const struct report *report);

#endif
