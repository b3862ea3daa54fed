/*
 * outcome: the formulas, each of them once.
 */
#include "bench/outcome.h"

#include "cli/figures.h"

#include <math.h>
#include <stdlib.h>

#define NS_PER_S 1e9

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

double outcome_percentile(const struct outcome *outcome, enum metric metric, double fraction)
{
    struct spread *spread = &outcome->tally->metrics[metric];

    return figures_may_tell(spread->histogram.count, fraction) ? spread_percentile(spread, fraction)
                                                               : NAN;
}

/* --- The verdict --- */

/*
 * Lag of more than a millisecond and a twentieth of what is measured, a core that has no time left,
 * or receives that had to wait for us.
 */
static bool outcome_is_client_limited(const struct outcome *outcome)
{
    double lag = outcome_percentile(outcome, METRIC_LAG, 0.99);
    double service = outcome_percentile(outcome, METRIC_SERVICE, 0.5);
    double lag_max = fmax(1e6, isnan(service) ? 0 : 0.05 * service);

    return (!isnan(lag) && lag > lag_max) || outcome->tally->busiest > 0.9 ||
           outcome->no_buffers_share > 0.001;
}

/* For how long the work that was there would have kept the server busy at that rate. */
static double outcome_backlog_s(const struct outcome *outcome, const struct outcome_load *load)
{
    return ratio((double)load->in_flight, outcome->rate_asked) + (double)load->late_ns / NS_PER_S;
}

/*
 * What grows from the half of the window to its end by half of itself and
 * more, and by more than chance (four times the root of a Poisson count) and a hundredth of the
 * window. Where a request takes a good part of the window, nobody can tell.
 */
bool outcome_is_growing(const struct outcome *outcome, uint64_t shortest_ns)
{
    double window_s = (double)(outcome->end_ns - outcome->begin_ns) / NS_PER_S;
    double half = outcome_backlog_s(outcome, &outcome->half);
    double later = outcome_backlog_s(outcome, &outcome->three_quarters);
    double whole = outcome_backlog_s(outcome, &outcome->whole);
    double chance = ratio(4 * sqrt((double)outcome->whole.in_flight), outcome->rate_asked);
    double shortest_s = (double)shortest_ns / NS_PER_S;

    return 4 * shortest_s < window_s && later >= 1.2 * half && whole >= 1.5 * half &&
           whole - half > fmax(0.01 * window_s, chance);
}

static enum verdict outcome_judge(const struct outcome *outcome)
{
    const struct plan *plan = outcome->plan;

    if (outcome_is_client_limited(outcome)) {
        return VERDICT_CLIENT_LIMITED;
    }
    if (plan->open_loop && plan->slots_given && outcome->full_share > 0.01) {
        return VERDICT_SLOTS_LIMITED;
    }
    uint64_t shortest_ns = outcome->tally->metrics[METRIC_SERVICE].histogram.min;
    if (plan->open_loop &&
        (outcome->tally->unsent > 0 || outcome_is_growing(outcome, shortest_ns))) {
        return VERDICT_SATURATED;
    }
    return VERDICT_OK;
}

const char *verdict_name(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_OK:
        return "ok";
    case VERDICT_CLIENT_LIMITED:
        return "client_limited";
    case VERDICT_SLOTS_LIMITED:
        return "slots_limited";
    case VERDICT_SATURATED:
        return "saturated";
    }
    return "?";
}

const char *verdict_meaning(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_OK:
        return "this program was not the limit";
    case VERDICT_CLIENT_LIMITED:
        return "this program or its machine was too slow, and the figures show that: fewer "
               "requests, --threads, or an idle machine";
    case VERDICT_SLOTS_LIMITED:
        return "-c held requests back: raise it, or see queue as the server's";
    case VERDICT_SATURATED:
        return "the server does not keep up with this rate, and latency grows with the length of "
               "the run";
    }
    return "?";
}

/* --- Figures --- */

void outcome_reckon(struct outcome *outcome, const struct tally_engine *passed)
{
    const struct plan *plan = outcome->plan;
    const struct tally *tally = outcome->tally;
    bool all = !plan->open_loop && plan->requests != UINT64_MAX && !outcome->interrupted;
    double window_s = (double)(outcome->end_ns - outcome->begin_ns) / NS_PER_S;
    double worked_s = ratio((double)passed->at_ns, NS_PER_S) * tally->workers;

    /* As ab, h2load and vLLM: with -n until the last has ended. */
    outcome->seconds = window_s;
    if (all && tally->last_end_ns > outcome->begin_ns) {
        outcome->seconds = (double)(tally->last_end_ns - outcome->begin_ns) / NS_PER_S;
    }
    double tokens_in = (double)(all ? tally->tokens_in : tally->window_tokens_in);
    double tokens_out = (double)(all ? tally->tokens_out : tally->window_tokens_out);
    outcome->requests_per_second =
        ratio((double)(all ? tally->ok : tally->window_ok), outcome->seconds);
    outcome->goodput =
        ratio((double)(all ? tally->within_limits : tally->window_within_limits), outcome->seconds);
    outcome->tokens_per_second = ratio(tokens_out, outcome->seconds);
    outcome->all_tokens_per_second = ratio(tokens_in + tokens_out, outcome->seconds);
    if (plan->open_loop) {
        outcome->rate_asked = ratio((double)tally_total(tally), window_s);
        outcome->rate_sent = ratio((double)tally->due_sent, window_s);
    }
    outcome->cpu_us_per_request = ratio((double)passed->cpu_ns / 1e3, (double)passed->ended);
    outcome->cpu_share = ratio((double)passed->cpu_ns / NS_PER_S, worked_s);
    outcome->spin_share = ratio((double)passed->spin_ns / NS_PER_S, worked_s);
    outcome->full_share = ratio((double)tally->full_ns / NS_PER_S, worked_s);
    outcome->no_buffers_share =
        ratio((double)(passed->no_buffers + passed->cq_overflows), (double)passed->cqes);
    outcome->verdict = outcome_judge(outcome);
}

double outcome_value(const struct outcome *outcome, const struct slo *slo)
{
    const struct histogram *histogram = &outcome->tally->metrics[slo->metric].histogram;

    switch (slo->kind) {
    case SLO_METRIC:
        break;
    case SLO_ERROR_RATE:
        return tally_total(outcome->tally) == 0 ? NAN : tally_error_rate(outcome->tally);
    case SLO_GOODPUT:
        return outcome->goodput;
    case SLO_REQUESTS_PER_SECOND:
        return outcome->requests_per_second;
    }
    if (histogram->count == 0) {
        return NAN;
    }
    switch (slo->stat) {
    case SLO_PERCENTILE:
        return outcome_percentile(outcome, slo->metric, slo->fraction);
    case SLO_MEAN:
        return histogram->mean;
    case SLO_MIN:
        return (double)histogram->min;
    case SLO_MAX:
        break;
    }
    return (double)histogram->max;
}

void outcome_free(struct outcome *outcome)
{
    tally_destroy(outcome->tally);
    outcome->tally = NULL;
    if (outcome->timeline != NULL) {
        timeline_free(outcome->timeline);
    }
    free(outcome->timeline);
    outcome->timeline = NULL;
}
