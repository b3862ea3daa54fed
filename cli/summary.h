/*
 * summary: what a run came to, counted as it goes, told at its end.
 *
 * A request is counted here when its outcome is final. What was written is the output's count, and
 * is given to summary_print: nothing is reported done that is not in a file.
 */
#ifndef QUOIT_CLI_SUMMARY_H
#define QUOIT_CLI_SUMMARY_H

#include "cli/histogram.h"
#include "quoit.h"

#include <stdbool.h>
#include <stdio.h>

#define SUMMARY_STATUSES 1000
#define SUMMARY_ERRORS 64

struct summary {
    struct histogram latency; /* from the first slot to the end, all attempts */
    struct histogram service; /* of the last attempt, from its first byte out to its end */
    uint64_t statuses[SUMMARY_STATUSES];
    uint64_t errors[SUMMARY_ERRORS]; /* by enum quoit_error */
    uint64_t invalid_lines;
    uint64_t attempts, maybe_billed;
    uint64_t moved; /* retries at another server, which are not in stats */
    uint64_t tokens_in, tokens_out;
    bool tokens_known;
    uint64_t begin_ns, end_ns;
    int64_t started_at; /* Unix time, seconds */

    /* Known at the end. */
    uint64_t good, failed;   /* written */
    uint64_t resumed;        /* lines that an earlier run has answered */
    uint64_t resumed_failed; /* of these, those that failed */
    uint64_t left;           /* lines of the input that have no line in the output */
    struct quoit_stats stats;
    bool interrupted;
    char stopped[256]; /* why the run ended early; empty: it did not */
};

/* Count how a request ended. One that was cancelled counts if it was sent. */
void summary_count(struct summary *summary, const struct quoit_result *result);

/* For people. */
void summary_print(const struct summary *summary, FILE *to);

/* As one JSON object and a newline. False: a write failed (errno), or there is no memory. */
bool summary_write_json(const struct summary *summary, int fd);

#endif
