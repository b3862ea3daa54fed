/*
 * tally: what one worker has counted, or all of them together.
 *
 * Happy path: a worker adds what each request came to; at the end tally_merge joins the workers'.
 * bench/metric.h says what the metrics are. "Measured" is what was due in the window, T0 to T1;
 * the rates count what ended in it, whenever it was due, so that what is cut off at one end makes
 * up for what is cut off at the other.
 */
#ifndef QUOIT_BENCH_TALLY_H
#define QUOIT_BENCH_TALLY_H

#include "bench/metric.h"
#include "bench/spread.h"
#include "quoit.h"

#define TALLY_STATUSES 1000
#define TALLY_ERRORS 64 /* more than there are in QUOIT_ERROR_MAP */

/* Totals of an engine and its thread at one moment, or what they came to between two. */
struct tally_engine {
    uint64_t at_ns, cpu_ns, spin_ns; /* spin: time in busy waits */
    uint64_t ended;                  /* requests, measured or not */
    uint64_t sqes, cqes, entries, no_buffers, cq_overflows, opened;
};

struct tally {
    struct spread metrics[METRICS];
    struct histogram phases[PHASES];
    uint64_t ok, failed, unsent; /* measured; unsent: due, and never sent */
    uint64_t resent;             /* those that a dead kept connection had cost an attempt */
    uint64_t statuses[TALLY_STATUSES], errors[TALLY_ERRORS];
    uint64_t tokens_in, tokens_out; /* of those that are ok */
    bool tokens_known;
    bool metered;           /* each had a usage, so tokens are the server's own count */
    uint64_t within_limits; /* ok, and within --goodput */

    /* Of the window, measured or not. */
    uint64_t window_ok, window_within_limits, window_tokens_in, window_tokens_out;

    uint64_t due_sent; /* open loop: of what was due in the window, sent by T1 */
    uint64_t warm_requests;
    uint64_t last_end_ns; /* of the measured */
    uint64_t messages, reads;
    uint64_t full_ns;       /* all slots were taken */
    uint64_t in_flight_max; /* merged: the sum, at most too high */
    double busiest;         /* share of a core in the busiest second, spinning left out */
    struct tally_engine engine;
    uint32_t workers;
};

/* Large: see struct spread. NULL: no memory. */
struct tally *tally_create(void);
void tally_destroy(struct tally *tally);

void tally_merge(struct tally *into, const struct tally *from);

/* *out = later - earlier */
void tally_engine_subtract(struct tally_engine *out, const struct tally_engine *later,
                           const struct tally_engine *earlier);

/* All that were to be measured. */
uint64_t tally_total(const struct tally *tally);

/* The share of those that failed or were not sent; 0 if there are none. */
double tally_error_rate(const struct tally *tally);

#endif
