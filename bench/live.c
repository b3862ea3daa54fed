/*
 * live: rate and percentiles are of the time since the line was last renewed, at least a second.
 */
#include "bench/live.h"

#include "bench/units.h"

#include <stdio.h>
#include <string.h>

#define RENEW_NS UINT64_C(1000000000)

void live_show(struct live *live, struct progress *progress, const struct pulse_sum *now,
               uint64_t now_ns)
{
    char line[256];
    char half[UNITS_SIZE] = "-";
    char most[UNITS_SIZE] = "-";
    int begin = 0;
    int end = 0;

    if (live->begin_ns == 0) {
        live->begin_ns = live->last_ns = now_ns;
        live->last = *now;
    }
    progress->last_ns = now_ns;
    uint64_t passed_ns = now_ns - live->last_ns;
    if (passed_ns == 0) {
        return;
    }
    pulse_subtract(&live->passed, now, &live->last);
    if (live->passed.counts[PULSE_LATENCY] != 0) {
        units_time(half, pulse_percentile(&live->passed, PULSE_LATENCY, 0.5));
        units_time(most, pulse_percentile(&live->passed, PULSE_LATENCY, 0.99));
    }
    double rate = (double)(live->passed.ok + live->passed.failed) * 1e9 / (double)passed_ns;
    int used =
        snprintf(line, sizeof(line), "%.1fs  %.1f/s  %ju in flight  p50 %s  p99 %s  %n%ju errors%n",
                 (double)(now_ns - live->begin_ns) / 1e9, rate, (uintmax_t)now->in_flight, half,
                 most, &begin, (uintmax_t)now->failed, &end);
    if (used > 0 && now->tokens_out != 0 && (size_t)used < sizeof(line)) {
        snprintf(line + used, sizeof(line) - (size_t)used, "  %.0f tokens/s",
                 (double)live->passed.tokens_out * 1e9 / (double)passed_ns);
    }
    if (now->failed == 0 || !progress->colour) {
        end = begin;
    }
    progress_show_line(progress, line, (size_t)begin, (size_t)end);
    if (passed_ns >= RENEW_NS) {
        live->last = *now;
        live->last_ns = now_ns;
    }
}
