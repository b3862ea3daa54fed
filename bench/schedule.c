/*
 * schedule: marks, and the inverse of the rate's integral. See schedule.h.
 */
#include "bench/schedule.h"

#include "llm/number.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_SECOND 1e9
#define DUE_MAX_NS 0x1p63 /* what llround can tell */

static double schedule_gap(struct schedule *schedule)
{
    switch (schedule->plan.arrival) {
    case SCHEDULE_CONSTANT:
        return 1;
    case SCHEDULE_POISSON:
        return draw_exponential(&schedule->draw);
    case SCHEDULE_GAMMA:
        return draw_gamma(&schedule->draw, schedule->plan.shape);
    }
    abort(); /* an arrival without a case */
}

/* The mark of request `index`; of drawn arrivals, one not asked for before. */
static double schedule_mark(struct schedule *schedule)
{
    if (schedule->plan.arrival == SCHEDULE_CONSTANT) {
        return (double)schedule->index;
    }
    for (; schedule->draws_count <= schedule->index; schedule->draws_count++) {
        schedule->sum_rest += schedule_gap(schedule);
        uint64_t whole = (uint64_t)schedule->sum_rest;
        schedule->sum += whole;
        schedule->sum_rest -= (double)whole;
    }
    return (double)schedule->sum + schedule->sum_rest;
}

/*
 * Within the ramp: the root of (to - from) t^2 / (2 D) + from t - mark. Written with the square
 * root in the denominator it subtracts nothing on a ramp that rises, and is mark / from on none at
 * all.
 */
static double schedule_ramp_ns(const struct schedule *schedule, double mark)
{
    const struct schedule_plan *plan = &schedule->plan;
    double ramp_seconds = (double)plan->ramp_ns / NS_PER_SECOND;
    double square = plan->rate_from * plan->rate_from +
                    2 * (plan->rate_to - plan->rate_from) * mark / ramp_seconds;
    /* On a ramp that falls to 0 rounding may lead below 0 at its very end. */
    double rates = plan->rate_from + sqrt(fmax(square, 0));

    /* A ramp that begins with 0, at its beginning. */
    if (rates <= 0) {
        return 0;
    }
    return 2 * NS_PER_SECOND * mark / rates;
}

/* When the rate, added up, reaches the mark; infinite: never. */
static double schedule_due_ns(const struct schedule *schedule, double mark)
{
    const struct schedule_plan *plan = &schedule->plan;
    double beyond = mark - schedule->ramp_requests;

    if (plan->ramp_ns > 0 && beyond <= 0) {
        return schedule_ramp_ns(schedule, mark);
    }
    if (plan->rate_to <= 0) {
        return INFINITY;
    }
    /* The product of a whole number up to 2^32 and 10^9 is exact, and so the quotient is rounded
     * once: constant arrivals are exact whatever the rate. */
    return (double)plan->ramp_ns + beyond * NS_PER_SECOND / plan->rate_to;
}

/* The mark of the last request that is rescaled, from a pass over the same draws. */
static double schedule_last_mark(const struct schedule *schedule)
{
    struct schedule pass = *schedule;

    if (pass.plan.rescale_count == 0) {
        return 0;
    }
    pass.index = pass.plan.rescale_count - 1;
    return schedule_mark(&pass);
}

void schedule_init(struct schedule *schedule, const struct schedule_plan *plan, uint32_t stride,
                   uint32_t offset)
{
    assert(offset < stride);
    assert(plan->rate_from >= 0);
    assert(plan->rate_to >= 0);
    assert(plan->rate_to > 0 || (plan->rate_from > 0 && plan->ramp_ns > 0));
    if (plan->arrival == SCHEDULE_GAMMA) {
        assert(plan->shape >= SCHEDULE_SHAPE_MIN);
        assert(plan->shape <= SCHEDULE_SHAPE_MAX);
    }
    *schedule = (struct schedule){
        .index = offset,
        .plan = *plan,
        .stride = stride,
        .ramp_requests =
            (plan->rate_from + plan->rate_to) / 2 * ((double)plan->ramp_ns / NS_PER_SECOND),
        .draw = { plan->seed },
    };
    schedule->rescale_mark = schedule_last_mark(schedule);
}

uint64_t schedule_next(struct schedule *schedule)
{
    double mark = schedule_mark(schedule);

    if (schedule->rescale_mark > 0) {
        /* In this order the last one's mark is its count exactly. */
        mark = mark / schedule->rescale_mark * (double)schedule->plan.rescale_count;
    }
    double due = schedule_due_ns(schedule, mark);
    uint64_t due_ns = due < DUE_MAX_NS ? (uint64_t)llround(due) : SCHEDULE_NONE;
    if (due_ns > schedule->due_ns) { /* rounding on a ramp may lead back by a nanosecond */
        schedule->due_ns = due_ns;
    }
    schedule->index += schedule->stride;
    return schedule->due_ns;
}

static size_t count_digits(const char *text, size_t size)
{
    size_t count = 0;

    while (count < size && text[count] >= '0' && text[count] <= '9') {
        count++;
    }
    return count;
}

/* All of the text is one number between two limits. */
static bool parse_number(struct json_span text, double min, double max, double *number_out)
{
    size_t whole = count_digits(text.bytes, text.size);
    size_t size = whole;

    if (size < text.size && text.bytes[size] == '.') {
        size_t fraction = count_digits(text.bytes + size + 1, text.size - size - 1);
        size += fraction == 0 ? 0 : 1 + fraction;
    }
    if (whole == 0 || size != text.size) {
        return false;
    }
    double number = number_read(text);
    if (number < min || number > max) {
        return false;
    }
    *number_out = number;
    return true;
}

bool schedule_parse_arrival(const char *text, enum schedule_arrival *arrival_out, double *shape_out)
{
    static const char gamma[] = "gamma:";
    const char *shape = text + strlen(gamma);

    if (strcmp(text, "constant") == 0) {
        *arrival_out = SCHEDULE_CONSTANT;
        return true;
    }
    if (strcmp(text, "poisson") == 0) {
        *arrival_out = SCHEDULE_POISSON;
        return true;
    }
    if (strncmp(text, gamma, strlen(gamma)) != 0 ||
        !parse_number((struct json_span){ shape, strlen(shape) }, SCHEDULE_SHAPE_MIN,
                      SCHEDULE_SHAPE_MAX, shape_out)) {
        return false;
    }
    *arrival_out = SCHEDULE_GAMMA;
    return true;
}

bool schedule_parse_rate(const char *text, double *rate_out)
{
    double rate = 0;

    if (!parse_number((struct json_span){ text, strlen(text) }, 0, SCHEDULE_RATE_MAX, &rate) ||
        rate <= 0) {
        return false;
    }
    *rate_out = rate;
    return true;
}

bool schedule_parse_ramp(const char *text, double *from_out, double *to_out)
{
    size_t from_size = strcspn(text, ":");
    const char *behind = text + from_size + 1;
    double from = 0;
    double to = 0;

    if (text[from_size] == '\0' ||
        !parse_number((struct json_span){ text, from_size }, 0, SCHEDULE_RATE_MAX, &from) ||
        !parse_number((struct json_span){ behind, strlen(behind) }, 0, SCHEDULE_RATE_MAX, &to) ||
        from + to <= 0) {
        return false;
    }
    *from_out = from;
    *to_out = to;
    return true;
}
