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

static void search_note_met(struct search *search)
{
    if (search->rate > search_highest_met(search)) {
        search->met[search->met_count++] = search->rate;
        search->is_confirmed = false;
    } else {
        search->is_confirmed = true;
    }
}

static void search_note_missed(struct search *search)
{
    search->missed = search->rate;
    if (search_highest_met(search) >= search->missed) { /* it was luck */
        search->met_count--;
    }
}

/* Where between what was met and what was missed; the highest met itself: nowhere any more. */
static double search_between(const struct search *search)
{
    double met = search_highest_met(search);

    if (search->missed <= 0) {
        return fmin(met * 2, search->plan.top);
    }
    return search->missed / met > 1 + search->plan.precision ? met * sqrt(search->missed / met)
                                                             : met;
}

/* After a verdict that counts: the next rate, or the end. */
static void search_move(struct search *search)
{
    double met = search_highest_met(search);

    if (search->met_count == 0) {
        if (search->missed <= search->plan.floor) {
            search->end = SEARCH_FLOOR_MISSED;
        }
        search->rate = fmax(search->missed / 2, search->plan.floor);
        return;
    }
    search->rate = search_between(search);
    if (search->rate <= met && search->is_confirmed) {
        search->end = search->missed > 0 ? SEARCH_FOUND : SEARCH_TOP_MET;
    }
}

void search_feed(struct search *search, bool is_met)
{
    assert(search->end == SEARCH_GOES_ON);
    assert(search->trials_count < SEARCH_TRIALS_MAX);
    search->trials_count++;
    search->is_doubted = !is_met && !search->is_doubted;
    if (!search->is_doubted) {
        if (is_met) {
            search_note_met(search);
        } else {
            search_note_missed(search);
        }
        search_move(search);
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
