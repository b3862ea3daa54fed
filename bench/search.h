/*
 * search: the highest rate at which a server keeps what was asked of it, found by trials.
 *
 *     start --met--> x 2 --met--> x 2 ... --missed--> between the two: their geometric mean,
 *       |                                             until missed / met <= 1 + precision
 *       '-missed--> / 2 ... --met------------------->
 *
 * Pure: the caller runs the trial at search_next_rate, judges it and feeds the verdict. A trial is
 * met if all SLOs hold and the server was not saturated.
 *
 * Neither end of the answer rests on one trial, so that any single wrong verdict is put right:
 *   - A miss is tried again at once, and counts only if it is missed again: a hiccup of the server
 *     does not end the climb.
 *   - What is about to be the answer is tried once more. Missed, and missed again, it was luck:
 * that rate is then the one that was missed, and the search goes on below it, from the highest rate
 *     that was met before.
 * It takes for granted that a server that keeps a rate keeps all lower ones.
 *
 * It ends, see enum search_end, after 10 to 30 trials as a rule and SEARCH_TRIALS_MAX at most.
 */
#ifndef QUOIT_BENCH_SEARCH_H
#define QUOIT_BENCH_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#define SEARCH_TRIALS_MAX 64
#define SEARCH_PRECISION 0.02
#define SEARCH_FLOOR_SHARE 0x1p-10 /* of the start */

enum search_end {
    SEARCH_GOES_ON,
    SEARCH_FOUND,        /* one rate is met, and one above it, within the precision, is missed */
    SEARCH_TOP_MET,      /* the top itself is met */
    SEARCH_FLOOR_MISSED, /* the floor itself is missed */
    SEARCH_TRIALS_USED,  /* SEARCH_TRIALS_MAX; the two rates are further apart than was asked */
};

/* Rates are a second. */
struct search_plan {
    double start;     /* the first trial; above 0, from the floor to the top */
    double floor;     /* the lowest that is tried; 0: SEARCH_FLOOR_SHARE of the start */
    double top;       /* the highest that is tried; 0: none */
    double precision; /* how far apart, as a share of the lower; 0: SEARCH_PRECISION */
};

struct search_result {
    enum search_end end;
    uint32_t trials_count;
    double rate_met;    /* the highest that was met; 0: none */
    double rate_missed; /* the lowest that was missed; 0: none */
};

/* All private. */
struct search {
    struct search_plan plan;
    double rate;                   /* of the next trial, or of the last one at the end */
    double met[SEARCH_TRIALS_MAX]; /* a stack: each was met, and is above those before it */
    uint32_t met_count;
    uint32_t trials_count;
    double missed;   /* the lowest; 0: none */
    bool is_doubted; /* the last trial was the first miss of its rate */
    enum search_end end;
};

/*
 * Begin.
 *
 *   Copies   the plan.
 */
void search_init(struct search *search, const struct search_plan *plan);

/* The rate of the next trial, the same until search_feed; 0: the search has ended. */
double search_next_rate(const struct search *search);

/* The trial at search_next_rate has ended. The search must not have. */
void search_feed(struct search *search, bool is_met);

/* What is known now, at the end or before it. */
struct search_result search_result(const struct search *search);

#endif
