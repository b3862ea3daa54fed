/*
 * live: the line that people see while a run goes on.
 *
 *     12.4s  980.2/s  64 in flight  p50 12.1ms  p99 31.0ms  3 errors
 */
#ifndef QUOIT_BENCH_LIVE_H
#define QUOIT_BENCH_LIVE_H

#include "bench/pulse.h"
#include "cli/progress.h"

/* What was shown last. All zero is the beginning. */
struct live {
    uint64_t begin_ns, last_ns;
    struct pulse_sum last, passed;
};

/* Show what has happened since it was called last. */
void live_show(struct live *live, struct progress *progress, const struct pulse_sum *now,
               uint64_t now_ns);

#endif
