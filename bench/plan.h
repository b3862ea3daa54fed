/*
 * plan: what a run is to do, decided before it begins and then only read, by all its threads.
 *
 *     closed loop: `slots` requests are in flight, each followed at once by the next
 *     open loop:   request i is due at a moment that was fixed before; `slots` bounds how many
 *                  may be in flight, and one that finds no slot waits and is charged for it
 */
#ifndef QUOIT_BENCH_PLAN_H
#define QUOIT_BENCH_PLAN_H

#include "bench/schedule.h"
#include "bench/slo.h"
#include "bench/work.h"

struct plan {
    const struct work *work;     /* borrowed */
    struct quoit_options engine; /* of each thread; in_flight_max and requests_max are set there */
    bool open_loop;
    struct schedule_plan schedule; /* of an open loop */
    uint32_t slots, threads;       /* slots: over all threads */
    bool slots_given;              /* by -c */
    uint64_t requests;             /* measured; UINT64_MAX: as many as come in duration_ns */
    uint64_t duration_ns;          /* of the window; UINT64_MAX: until `requests` are done */

    /* What is not measured. Closed: one request a slot, if neither is set. */
    bool warm_slots;        /* one request a slot */
    uint64_t warm_requests; /* 0: none */
    uint64_t warm_ns;       /* 0: none */

    uint64_t grace_ns; /* behind the window; UINT64_MAX: without end */
    uint64_t seed;
    bool random_order;       /* of work->items */
    bool stream;             /* answers are read as events */
    bool any_choice;         /* vLLM's rule of what a token is: each event with choices */
    bool spins;              /* the last microseconds before a request is due are spent awake */
    bool stops_if_saturated; /* at T1, if more and more is waiting, nobody waits for what is open */
    struct goodput goodput;
};

/* Is there anything before T0? If not, whatever is done belongs to the window. */
static inline bool plan_warms_up(const struct plan *plan)
{
    return plan->warm_slots || plan->warm_requests != 0 || plan->warm_ns != 0;
}

#endif
