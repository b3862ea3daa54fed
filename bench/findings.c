/*
 * findings: the formulas, each of them once.
 */
#include "bench/findings.h"

#include "cli/figures.h"

#include <math.h>
#include <stdlib.h>

#define NS_PER_S 1e9

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

double findings_percentile(const struct findings *findings, enum metric metric, double fraction)
{
    struct spread *spread = &findings->tally->metrics[metric];

    return figures_may_tell(spread->histogram.count, fraction) ? spread_percentile(spread, fraction)
                                                               : NAN;
}

/* --- The verdict --- */

/*
 * Lag of more than a millisecond and a twentieth of what is measured, a core that has no time left,
 * or receives that had to wait for us.
 */
static bool findings_is_client_limited(const struct findings *findings)
{
    double lag = findings_percentile(findings, METRIC_LAG, 0.99);
    double service = findings_percentile(findings, METRIC_SERVICE, 0.5);
    double lag_max = fmax(1e6, isnan(service) ? 0 : 0.05 * service);

    return (!isnan(lag) && lag > lag_max) || findings->tally->busiest > 0.9 ||
           findings->no_buffers_share > 0.001;
}

/* For how long the work that was there would have kept the server busy at that rate. */
static double findings_backlog_s(const struct findings *findings, const struct findings_load *load)
{
    return ratio((double)load->in_flight, findings->rate_asked) + (double)load->late_ns / NS_PER_S;
}

/*
 * What grows from the half of the window to its end by half of itself and more, and by more than
 * chance (four times the root of a Poisson count) and a hundredth of the window. Where a request
 * takes a good part of the window, nobody can tell.
 */
bool findings_is_growing(const struct findings *findings, uint64_t shortest_ns)
{
    double window_s = (double)(findings->end_ns - findings->begin_ns) / NS_PER_S;
    double half = findings_backlog_s(findings, &findings->half);
    double later = findings_backlog_s(findings, &findings->three_quarters);
    double whole = findings_backlog_s(findings, &findings->whole);
    double chance = ratio(4 * sqrt((double)findings->whole.in_flight), findings->rate_asked);
    double shortest_s = (double)shortest_ns / NS_PER_S;

    return 4 * shortest_s < window_s && later >= 1.2 * half && whole >= 1.5 * half &&
           whole - half > fmax(0.01 * window_s, chance);
}

static enum verdict findings_judge(const struct findings *findings)
{
    const struct plan *plan = findings->plan;

    if (findings_is_client_limited(findings)) {
        return VERDICT_CLIENT_LIMITED;
    }
    if (plan->open_loop && plan->slots_given && findings->full_share > 0.01) {
        return VERDICT_SLOTS_LIMITED;
    }
    uint64_t shortest_ns = findings->tally->metrics[METRIC_SERVICE].histogram.min;
    if (plan->open_loop &&
        (findings->tally->unsent > 0 || findings_is_growing(findings, shortest_ns))) {
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

void findings_reckon(struct findings *findings, const struct tally_engine *passed)
{
    const struct plan *plan = findings->plan;
    const struct tally *tally = findings->tally;
    bool all = !plan->open_loop && plan->requests != UINT64_MAX && !findings->interrupted;
    double window_s = (double)(findings->end_ns - findings->begin_ns) / NS_PER_S;
    double worked_s = ratio((double)passed->at_ns, NS_PER_S) * tally->workers;

    /* As ab, h2load and vLLM: with -n until the last has ended. */
    findings->seconds = window_s;
    if (all && tally->last_end_ns > findings->begin_ns) {
        findings->seconds = (double)(tally->last_end_ns - findings->begin_ns) / NS_PER_S;
    }
    double tokens_in = (double)(all ? tally->tokens_in : tally->window_tokens_in);
    double tokens_out = (double)(all ? tally->tokens_out : tally->window_tokens_out);
    findings->requests_per_second =
        ratio((double)(all ? tally->ok : tally->window_ok), findings->seconds);
    findings->goodput = ratio((double)(all ? tally->within_limits : tally->window_within_limits),
                              findings->seconds);
    findings->tokens_per_second = ratio(tokens_out, findings->seconds);
    findings->all_tokens_per_second = ratio(tokens_in + tokens_out, findings->seconds);
    if (plan->open_loop) {
        findings->rate_asked = ratio((double)tally_total(tally), window_s);
        findings->rate_sent = ratio((double)tally->due_sent, window_s);
    }
    findings->cpu_us_per_request = ratio((double)passed->cpu_ns / 1e3, (double)passed->ended);
    findings->cpu_share = ratio((double)passed->cpu_ns / NS_PER_S, worked_s);
    findings->spin_share = ratio((double)passed->spin_ns / NS_PER_S, worked_s);
    findings->full_share = ratio((double)tally->full_ns / NS_PER_S, worked_s);
    findings->no_buffers_share =
        ratio((double)(passed->no_buffers + passed->cq_overflows), (double)passed->cqes);
    findings->verdict = findings_judge(findings);
}

double findings_value(const struct findings *findings, const struct slo *slo)
{
    const struct histogram *histogram = &findings->tally->metrics[slo->metric].histogram;

    switch (slo->kind) {
    case SLO_METRIC:
        break;
    case SLO_ERROR_RATE:
        return tally_total(findings->tally) == 0 ? NAN : tally_error_rate(findings->tally);
    case SLO_GOODPUT:
        return findings->goodput;
    case SLO_REQUESTS_PER_SECOND:
        return findings->requests_per_second;
    }
    if (histogram->count == 0) {
        return NAN;
    }
    double percentile = NAN;
    switch (slo->stat) {
    case SLO_PERCENTILE: /* no percentile is above the maximum */
        percentile = findings_percentile(findings, slo->metric, slo->fraction);
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

void findings_free(struct findings *findings)
{
    tally_destroy(findings->tally);
    findings->tally = NULL;
    if (findings->timeline != NULL) {
        timeline_free(findings->timeline);
    }
    free(findings->timeline);
    findings->timeline = NULL;
}
