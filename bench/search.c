/*
 * search: two ends that close in on each other, and the doubts about both. See search.h.
 */
#include "bench/search.h"

#include <assert.h>
#include <math.h>

void search_init(struct search *search, const struct search_plan *plan)
{
    *search = (struct search){ .plan = *plan, .rate = plan->start };
    if (plan->floor <= 0) {
        search->plan.floor = plan->start * SEARCH_FLOOR_SHARE;
    }
    if (plan->top <= 0) {
        search->plan.top = INFINITY;
    }
    if (plan->precision <= 0) {
        search->plan.precision = SEARCH_PRECISION;
    }
    assert(plan->start > 0);
    assert(plan->start >= search->plan.floor);
    assert(plan->start <= search->plan.top);
}

double search_next_rate(const struct search *search)
{
    return search->end == SEARCH_GOES_ON ? search->rate : 0;
}

static double search_highest_met(const struct search *search)
{
    return search->met_count == 0 ? 0 : search->met[search->met_count - 1];
}

/* With one rate met at least: between it and what was missed, or above all; or that rate itself. */
static double search_higher_rate(const struct search *search)
{
    double met = search_highest_met(search);

    if (search->missed <= 0) {
        return fmin(met * 2, search->plan.top);
    }
    return search->missed / met > 1 + search->plan.precision ? met * sqrt(search->missed / met)
                                                             : met;
}

static void search_on_met(struct search *search)
{
    if (search->rate <= search_highest_met(search)) { /* met twice, and nothing left above it */
        search->end = search->missed > 0 ? SEARCH_FOUND : SEARCH_TOP_MET;
        return;
    }
    search->met[search->met_count++] = search->rate;
    search->rate = search_higher_rate(search);
}

static void search_on_missed(struct search *search)
{
    search->missed = search->rate;
    if (search_highest_met(search) >= search->missed) { /* it was luck */
        search->met_count--;
    }
    if (search->met_count > 0) {
        search->rate = search_higher_rate(search);
    } else if (search->missed > search->plan.floor) {
        search->rate = fmax(search->missed / 2, search->plan.floor);
    } else {
        search->end = SEARCH_FLOOR_MISSED;
    }
}

void search_feed(struct search *search, bool is_met)
{
    assert(search->end == SEARCH_GOES_ON);
    assert(search->trials_count < SEARCH_TRIALS_MAX);
    search->trials_count++;
    search->is_doubted = !is_met && !search->is_doubted;
    if (is_met) {
        search_on_met(search);
    } else if (!search->is_doubted) {
        search_on_missed(search);
    }
    if (search->end == SEARCH_GOES_ON && search->trials_count == SEARCH_TRIALS_MAX) {
        search->end = SEARCH_TRIALS_USED;
    }
}

struct search_result search_result(const struct search *search)
{
    return (struct search_result){
        .end = search->end,
        .trials_count = search->trials_count,
        .rate_met = search_highest_met(search),
        .rate_missed = search->missed,
    };
}
