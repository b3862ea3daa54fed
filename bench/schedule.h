/*
 * schedule: when each request of an open loop is due, fixed before the run.
 *
 * Request i, from 0, has a mark u_i, in requests:
 *
 *     constant       u_i = i
 *     poisson        u_i = the sum of i + 1 exponential draws with a mean of 1
 *     gamma:SHAPE    u_i = the sum of i + 1 gamma draws with a mean of 1 and a variance of 1 /
 * SHAPE: the burstiness of `vllm bench serve`; 1 is poisson, less comes in bursts
 *
 * and is due when the rate, added up from the beginning, reaches the mark:
 *
 *     rate to |          ,-------   L(t) = from t + (to - from) t^2 / (2 D)   for t <= D,
 *             |       ,-'           and from then on it grows by `to` a second
 *             |    ,-'
 *        from | ,-'                 t_i = the inverse of L at u_i
 *             +-'--------+----> t
 *             0          D          constant rate: D = 0, t_i = u_i / to
 *
 * So the same marks are pressed together or drawn apart by a ramp, and poisson arrivals on a ramp
 * are a poisson process of that rate.
 *
 * With rescale_count = N all marks are stretched by one factor, so that the last of N requests is
 * due when N requests should have been: at N / rate exactly, as `vllm bench serve` has it. The
 * first constant request stays at 0.
 *
 * The times follow from the plan alone, to the nanosecond, as far as the C library's log, cos and
 * pow agree. Constant ones are computed from i, so that they do not drift; sums are kept as a whole
 * number and a rest, so that the millionth draw adds as exactly as the first. Nothing is allocated,
 * and nothing grows with the length of the run.
 *
 * Threads: part k of n gives the requests i with i % n == k. Each draws all gaps and tells of its
 * own, so the parts together are the same times whatever n is. What is passed over costs its draw:
 * some 20 ns for poisson and 100 ns for gamma; constant arrivals cost nothing.
 *
 * Nothing fails: what people write is refused by the schedule_parse functions.
 */
#ifndef QUOIT_BENCH_SCHEDULE_H
#define QUOIT_BENCH_SCHEDULE_H

#include "bench/draw.h"

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_NONE UINT64_MAX
#define SCHEDULE_RATE_MAX 1e9   /* a second: one each nanosecond */
#define SCHEDULE_SHAPE_MIN 1e-3 /* below, nearly all come at once */
#define SCHEDULE_SHAPE_MAX 1e6  /* above, it is constant */

enum schedule_arrival {
    SCHEDULE_CONSTANT,
    SCHEDULE_POISSON,
    SCHEDULE_GAMMA,
};

struct schedule_plan {
    enum schedule_arrival arrival;
    double shape;              /* of SCHEDULE_GAMMA, within the limits above */
    double rate_from, rate_to; /* a second, 0 to SCHEDULE_RATE_MAX */
    uint64_t ramp_ns;          /* from one to the other; 0: rate_to from the beginning, above 0 */
    uint64_t seed;
    uint64_t rescale_count; /* the last of so many falls on its mean; 0: as it comes */
};

struct schedule {
    uint64_t index; /* of the request that schedule_next tells of next */

    /* Private. */
    struct schedule_plan plan;
    uint32_t stride;
    double ramp_requests; /* due by the end of the ramp */
    double rescale_mark;  /* of the last of rescale_count; 0: not rescaled */
    struct draw draw;
    uint64_t draws_count;
    uint64_t sum; /* of the draws, less sum_rest */
    double sum_rest;
    uint64_t due_ns; /* what schedule_next has told last */
};

/*
 * Begin with the first request of part `offset` of `stride` parts, offset < stride. One of
 * rate_from and rate_to must be above 0, and rate_to if there is no ramp.
 *
 *   Copies   the plan.
 *   Costs    nothing, but with rescale_count and arrivals that are drawn a first pass over so many.
 */
void schedule_init(struct schedule *schedule, const struct schedule_plan *plan, uint32_t stride,
                   uint32_t offset);

/*
 * When the next request of this part is due: nanoseconds after the beginning, never less than what
 * was told before.
 *
 * SCHEDULE_NONE, and from then on always: there is none any more, because the ramp ended at 0, or
 * it is due in more than 290 years.
 */
uint64_t schedule_next(struct schedule *schedule);

/*
 * What people write. Numbers are decimal digits, perhaps with a point and more digits. What is not
 * wholly understood or is beyond a limit is refused, and leaves what it would have set alone.
 *
 * `constant`, `poisson`, or `gamma:SHAPE`; *shape_out is set by the last only.
 */
bool schedule_parse_arrival(const char *text, enum schedule_arrival *arrival_out,
                            double *shape_out);

/* A rate above 0. */
bool schedule_parse_rate(const char *text, double *rate_out);

/* `FROM:TO`; either may be 0, but not both. */
bool schedule_parse_ramp(const char *text, double *from_out, double *to_out);

#endif
