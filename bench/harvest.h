/*
 * harvest: all that is known of a run when it has ended, for whoever writes it down.
 */
#ifndef QUOIT_BENCH_HARVEST_H
#define QUOIT_BENCH_HARVEST_H

#include "bench/plan.h"
#include "bench/tally.h"
#include "bench/timeline.h"

enum verdict {
    VERDICT_OK,
    VERDICT_CLIENT_LIMITED, /* this program was too slow: what it measured is itself */
    VERDICT_SLOTS_LIMITED,  /* -c held requests back */
    VERDICT_SATURATED,      /* the server cannot keep up with the rate */
};

/* How much work was waiting at one moment of an open loop. */
struct harvest_load {
    uint64_t in_flight;
    uint64_t late_ns; /* how long the next request has been due and found no slot */
};

struct harvest {
    const struct plan *plan;   /* borrowed */
    struct tally *tally;       /* owned; of all workers */
    struct timeline *timeline; /* owned */
    uint64_t begin_ns, end_ns; /* T0, T1 */
    double seconds;            /* what rates are reckoned over */
    double requests_per_second, goodput, tokens_per_second, all_tokens_per_second;
    double rate_asked, rate_sent; /* open loop */
    double warm_seconds;
    double cpu_us_per_request, cpu_share, spin_share, full_share;
    double no_buffers_share; /* of receives: no buffer, or the queue of completions full */
    struct harvest_load half, three_quarters, whole; /* of the window */
    enum verdict verdict;
    bool interrupted;
    int64_t started_at; /* seconds since 1970 */
    enum quoit_io io;
    int io_refusal;
};

/* What the tally and the window make of it: rates, shares and the verdict. */
void harvest_reckon(struct harvest *harvest, const struct tally_engine *passed);

/*
 * Was more and more waiting, towards the end of the window? Needs begin, end, rate_asked and the
 * three loads; `shortest_ns` is what the shortest request took.
 */
bool harvest_is_growing(const struct harvest *harvest, uint64_t shortest_ns);

/* "ok", "client_limited", ... and what that means, and what to do; a line without its end. */
const char *verdict_name(enum verdict verdict);
const char *verdict_meaning(enum verdict verdict);

/*
 * NaN: there is no such value. ns for METRIC, else as struct slo has it. For a percentile that too
 * few values do not tell, the maximum stands.
 */
double harvest_value(const struct harvest *harvest, const struct slo *slo);

/* A percentile in ns; NaN where there are not enough values to tell it: n (1 - p) < 1. */
double harvest_percentile(const struct harvest *harvest, enum metric metric, double fraction);

void harvest_free(struct harvest *harvest);

#endif
