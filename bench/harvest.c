/*
 * harvest: the formulas, each of them once.
 */
#include "bench/harvest.h"

#include "cli/figures.h"

#include <math.h>
#include <stdlib.h>

#define NS_PER_S 1e9

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

double harvest_percentile(const struct harvest *harvest, enum metric metric, double fraction)
{
    struct spread *spread = &harvest->tally->metrics[metric];

    return figures_may_tell(spread->histogram.count, fraction) ? spread_percentile(spread, fraction)
                                                               : NAN;
}

/* --- The verdict --- */

/*
 * Lag of more than a millisecond and a twentieth of what is measured, a core that has no time left,
 * or receives that had to wait for us.
 */
static bool harvest_is_client_limited(const struct harvest *harvest)
{
    double lag = harvest_percentile(harvest, METRIC_LAG, 0.99);
    double service = harvest_percentile(harvest, METRIC_SERVICE, 0.5);
    double lag_max = fmax(1e6, isnan(service) ? 0 : 0.05 * service);

    return (!isnan(lag) && lag > lag_max) || harvest->tally->busiest > 0.9 ||
           harvest->no_buffers_share > 0.001;
}

/* For how long the work that was there would have kept the server busy at that rate. */
static double harvest_backlog_s(const struct harvest *harvest, const struct harvest_load *load)
{
    return ratio((double)load->in_flight, harvest->rate_asked) + (double)load->late_ns / NS_PER_S;
}

/*
 * What grows from the half of the window to its end by half of itself and more, and by more than
 * chance (four times the root of a Poisson count) and a hundredth of the window. Where a request
 * takes a good part of the window, nobody can tell.
 */
bool harvest_is_growing(const struct harvest *harvest, uint64_t shortest_ns)
{
    double window_s = (double)(harvest->end_ns - harvest->begin_ns) / NS_PER_S;
    double half = harvest_backlog_s(harvest, &harvest->half);
    double later = harvest_backlog_s(harvest, &harvest->three_quarters);
    double whole = harvest_backlog_s(harvest, &harvest->whole);
    double chance = ratio(4 * sqrt((double)harvest->whole.in_flight), harvest->rate_asked);
    double shortest_s = (double)shortest_ns / NS_PER_S;

    return 4 * shortest_s < window_s && later >= 1.2 * half && whole >= 1.5 * half &&
           later - half >= 0.25 * (whole - half) && whole - half > fmax(0.01 * window_s, chance);
}

static enum verdict harvest_judge(const struct harvest *harvest)
{
    const struct plan *plan = harvest->plan;

    if (harvest_is_client_limited(harvest)) {
        return VERDICT_CLIENT_LIMITED;
    }
    if (plan->open_loop && plan->slots_given && harvest->full_share > 0.01) {
        return VERDICT_SLOTS_LIMITED;
    }
    uint64_t shortest_ns = harvest->tally->metrics[METRIC_SERVICE].histogram.min;
    if (plan->open_loop &&
        (harvest->tally->unsent > 0 || harvest_is_growing(harvest, shortest_ns))) {
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
    abort(); /* a verdict without a case */
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
    abort(); /* a verdict without a case */
}

/* --- Figures --- */

void harvest_reckon(struct harvest *harvest, const struct tally_engine *passed)
{
    const struct plan *plan = harvest->plan;
    const struct tally *tally = harvest->tally;
    bool all = !plan->open_loop && plan->requests != UINT64_MAX && !harvest->interrupted;
    double window_s = (double)(harvest->end_ns - harvest->begin_ns) / NS_PER_S;
    double worked_s = ratio((double)passed->at_ns, NS_PER_S) * tally->workers;

    /* As ab, h2load and vLLM: with -n until the last has ended. */
    harvest->seconds = window_s;
    if (all && tally->last_end_ns > harvest->begin_ns) {
        harvest->seconds = (double)(tally->last_end_ns - harvest->begin_ns) / NS_PER_S;
    }
    double tokens_in = (double)(all ? tally->tokens_in : tally->window_tokens_in);
    double tokens_out = (double)(all ? tally->tokens_out : tally->window_tokens_out);
    harvest->requests_per_second =
        ratio((double)(all ? tally->ok : tally->window_ok), harvest->seconds);
    harvest->goodput =
        ratio((double)(all ? tally->within_limits : tally->window_within_limits), harvest->seconds);
    harvest->tokens_per_second = ratio(tokens_out, harvest->seconds);
    harvest->all_tokens_per_second = ratio(tokens_in + tokens_out, harvest->seconds);
    if (plan->open_loop) {
        harvest->rate_asked = ratio((double)tally_total(tally), window_s);
        harvest->rate_sent = ratio((double)tally->due_sent, window_s);
    }
    harvest->cpu_us_per_request = ratio((double)passed->cpu_ns / 1e3, (double)passed->ended);
    harvest->cpu_share = ratio((double)passed->cpu_ns / NS_PER_S, worked_s);
    harvest->spin_share = ratio((double)passed->spin_ns / NS_PER_S, worked_s);
    harvest->full_share = ratio((double)tally->full_ns / NS_PER_S, worked_s);
    harvest->no_buffers_share =
        ratio((double)(passed->no_buffers + passed->cq_overflows), (double)passed->cqes);
    harvest->verdict = harvest_judge(harvest);
}

double harvest_value(const struct harvest *harvest, const struct slo *slo)
{
    const struct histogram *histogram = &harvest->tally->metrics[slo->metric].histogram;

    switch (slo->kind) {
    case SLO_METRIC:
        break;
    case SLO_ERROR_RATE:
        return tally_total(harvest->tally) == 0 ? NAN : tally_error_rate(harvest->tally);
    case SLO_GOODPUT:
        return harvest->goodput;
    case SLO_REQUESTS_PER_SECOND:
        return harvest->requests_per_second;
    }
    if (histogram->count == 0) {
        return NAN;
    }
    double percentile = NAN;
    switch (slo->stat) {
    case SLO_PERCENTILE: /* no percentile is above the maximum */
        percentile = harvest_percentile(harvest, slo->metric, slo->fraction);
        return isnan(percentile) ? (double)histogram->max : percentile;
    case SLO_MEAN:
        return histogram->mean;
    case SLO_MIN:
        return (double)histogram->min;
    case SLO_MAX:
        break;
    }
    return (double)histogram->max;
}

void harvest_free(struct harvest *harvest)
{
    tally_destroy(harvest->tally);
    harvest->tally = NULL;
    if (harvest->timeline != NULL) {
        timeline_free(harvest->timeline);
    }
    free(harvest->timeline);
    harvest->timeline = NULL;
}
