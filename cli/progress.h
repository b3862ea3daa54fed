/*
 * progress: what people see on stderr while a batch runs: one live line, and lines that stay.
 *
 *     412/1319  98.5/s  64 in flight  3 failed  2 retries  5120 tokens/s  ETA 9s
 *
 * On a terminal the live line is written over; elsewhere, where it was asked for, it is a line a
 * second. Lines that stay go through progress_say, so that the two do not mix.
 */
#ifndef QUOIT_CLI_PROGRESS_H
#define QUOIT_CLI_PROGRESS_H

#include "cli/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress_counts {
    uint64_t done, failed, in_flight, retries, tokens;
    uint64_t total;      /* 0: not known */
    bool total_is_guess; /* of a file that is not read to its end */
    bool tokens_known;
};

struct progress {
    /* To be read. */
    bool quiet;       /* progress_say says nothing */
    uint64_t wait_ns; /* when it wants to be asked again; UINT64_MAX: never */

    /* Private. */
    bool live, over, colour; /* over: the line is written over */
    bool shown;
    uint64_t begin_ns, last_ns, last_done;
    double rate;
};

void progress_init(struct progress *progress, enum options_progress mode, bool quiet);

/* Show the counts, if it is time for it. */
void progress_show(struct progress *progress, const struct progress_counts *counts,
                   uint64_t now_ns);

/* Is a live line wanted now? */
bool progress_is_due(const struct progress *progress, uint64_t now_ns);

/*
 * Show a line of one's own in place of progress_show's; from `begin` to `end` it is red.
 */
void progress_show_line(struct progress *progress, const char *line, size_t begin, size_t end);

/* Take the live line away. */
void progress_clear(struct progress *progress);

/* A line that stays, `quoit: ...`; not with --quiet. */
__attribute__((format(printf, 2, 3))) void progress_say(struct progress *progress,
                                                        const char *format, ...);

/* The same, also with --quiet: errors. */
__attribute__((format(printf, 2, 3))) void progress_warn(struct progress *progress,
                                                         const char *format, ...);

/* "850ms", "12s", "3m05s", "2h10m": a length of time for people. */
void progress_format_time(char *out, size_t size, uint64_t ns);

#endif
