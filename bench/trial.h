/*
 * trial: one run from its first request to its last, and what came of it.
 *
 * Happy path: trial_run makes the workers, gives them the start, looks at their pulses while they
 * work, for the live line and the timeline, and joins what they counted.
 *
 * It fails before anything is sent (no engine, no thread, no memory, exit 3), or because no server
 * was ever there (exit 3); one line on stderr says so. A signal ends it early, with what there is.
 */
#ifndef QUOIT_BENCH_TRIAL_H
#define QUOIT_BENCH_TRIAL_H

#include "bench/csv.h"
#include "bench/harvest.h"
#include "cli/progress.h"

/* Who looks on; borrowed. */
struct trial_watch {
    struct progress *progress;
    struct csv *csv; /* NULL: none */
};

/* Returns 0, with an harvest that is to be freed; or an exit code, and nothing is there. */
int trial_run(const struct plan *plan, const struct trial_watch *watch,
              struct harvest *harvest_out);

#endif
