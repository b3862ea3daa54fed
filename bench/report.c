/*
 * report: the table.
 */
#include "bench/report.h"

#include "bench/units.h"
#include "cli/server.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- What was asked of the server --- */

struct slo report_error_slo(const struct bench_options *options)
{
    return (struct slo){
        .expr = options->max_error_expr,
        .kind = SLO_ERROR_RATE,
        .below = true,
        .equal = true,
        .limit = options->max_error_rate,
    };
}

bool report_allows_errors(const struct bench_options *options)
{
    bool allows = options->max_error_rate >= 0;

    for (uint64_t i = 0; i < options->slo_texts_count; i++) {
        allows = allows || options->slos[i].kind == SLO_ERROR_RATE;
    }
    return allows;
}

bool report_slos_are_met(const struct bench_options *options, const struct harvest *harvest)
{
    bool met = true;

    for (uint64_t i = 0; i < options->slo_texts_count; i++) {
        const struct slo *slo = &options->slos[i];
        met = met && slo_is_met(slo, harvest_value(harvest, slo));
    }
    if (options->max_error_rate >= 0) {
        const struct slo slo = report_error_slo(options);
        met = met && slo_is_met(&slo, harvest_value(harvest, &slo));
    }
    return met;
}

/* --- The table --- */

/* Colours, where people look at a terminal. */
struct paint {
    const char *good, *bad, *strong, *none;
};

static struct paint paint_for(FILE *to)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    bool plain = isatty(fileno(to)) != 1 || (no_colour != NULL && *no_colour != '\0') ||
                 (kind != NULL && strcmp(kind, "dumb") == 0);

    return plain ? (struct paint){ "", "", "", "" }
                 : (struct paint){ "\033[32m", "\033[31m", "\033[1m", "\033[0m" };
}

static const char *number(char out[UNITS_SIZE], double value)
{
    units_number(out, value);
    return out;
}

static void print_head(const struct report *report, const struct paint *paint, FILE *to)
{
    static const char *const arrivals[] = { "constant", "poisson", "gamma" };
    const struct plan *plan = report->harvest->plan;
    const struct work *work = plan->work;
    char one[UNITS_SIZE];
    struct text url;

    text_init(&url, 0);
    server_append_url(&url, work->count == 1 ? work->items[0].url : work->url);
    fprintf(to, "%s%s %s%s\n", paint->strong, work->count == 1 ? work->items[0].method : "queries",
            url.failed ? "" : url.bytes, paint->none);
    text_free(&url);
    if (plan->open_loop && plan->schedule.ramp_ns != 0) {
        fprintf(to, "  open loop, from %s", number(one, plan->schedule.rate_from));
        fprintf(to, " to %s/s, %s", number(one, plan->schedule.rate_to),
                arrivals[plan->schedule.arrival]);
    } else if (plan->open_loop) {
        fprintf(to, "  open loop, %s/s, %s", number(one, plan->schedule.rate_to),
                arrivals[plan->schedule.arrival]);
    } else {
        fputs("  closed loop", to);
    }
    fprintf(to, ", %s%s in flight", plan->open_loop ? "at most " : "", number(one, plan->slots));
    if (plan->threads > 1) {
        fprintf(to, ", %u threads", plan->threads);
    }
    fprintf(to, ", %s, %s\n", plan->stream ? "streams" : "whole answers",
            report->harvest->io == QUOIT_IO_EPOLL ? "epoll" : "io_uring");
}

static void print_counts(const struct report *report, const struct paint *paint, FILE *to)
{
    const struct harvest *harvest = report->harvest;
    const struct tally *tally = harvest->tally;
    bool bad = tally->failed + tally->unsent > 0;
    char one[UNITS_SIZE];

    fprintf(to, "\n  requests   %s", number(one, (double)tally_total(tally)));
    fprintf(to, "   ok %s", number(one, (double)tally->ok));
    fprintf(to, "   %sfailed %s%s", tally->failed > 0 ? paint->bad : "",
            number(one, (double)tally->failed), paint->none);
    if (tally->unsent > 0) {
        fprintf(to, "   %sunsent %s%s", paint->bad, number(one, (double)tally->unsent),
                paint->none);
    }
    if (bad) {
        fprintf(to, "   error rate %.3g%%", 100 * tally_error_rate(tally));
    }
    fprintf(to, "   in %.2fs\n  rate       %s%s/s%s", harvest->seconds, paint->strong,
            number(one, harvest->requests_per_second), paint->none);
    if (harvest->plan->open_loop) {
        fprintf(to, "   asked %s/s", number(one, harvest->rate_asked));
        fprintf(to, "   sent %s/s", number(one, harvest->rate_sent));
    }
    if (report->options->goodput_text != NULL) {
        fprintf(to, "   goodput %s/s (%s)", number(one, harvest->goodput),
                report->options->goodput_text);
    }
    fputc('\n', to);
    if (tally->tokens_known) {
        fprintf(to, "  tokens     in %s", number(one, (double)tally->tokens_in));
        fprintf(to, "   out %s", number(one, (double)tally->tokens_out));
        fprintf(to, "   %s%s out/s%s", paint->strong, number(one, harvest->tokens_per_second),
                paint->none);
        fprintf(to, "   %s/s in all%s\n", number(one, harvest->all_tokens_per_second),
                tally->metered ? "" : " (events counted: the answers have no usage)");
    }
}

static const char *metric_label(enum metric metric)
{
    static const char *const names[METRICS] = {
#define METRIC_X(member, name) name,
        METRIC_MAP(METRIC_X)
#undef METRIC_X
    };

    return names[metric];
}

/* Is a row worth its place? Queue and connect are not where they are nothing. */
static bool is_shown(const struct harvest *harvest, enum metric metric)
{
    const struct histogram *histogram = &harvest->tally->metrics[metric].histogram;

    if (histogram->count == 0 || (metric == METRIC_QUEUE && histogram->max == 0)) {
        return false;
    }
    switch (metric) {
    case METRIC_E2EL:
    case METRIC_TTFT_SCHEDULE:
        return harvest->plan->stream;
    case METRIC_LATENCY:
    case METRIC_SERVICE:
    case METRIC_QUEUE:
    case METRIC_CONNECT:
    case METRIC_TTFT:
    case METRIC_TPOT:
    case METRIC_ITL:
    case METRIC_LAG:
        return true;
    case METRICS:
        break;
    }
    abort(); /* a metric without a case */
}

/* Where the time of a request went, in the middle and at the end. */
static void print_phases(const struct tally *tally, FILE *to)
{
    static const char *const names[PHASES] = {
#define PHASE_X(member, name) name,
        PHASE_MAP(PHASE_X)
#undef PHASE_X
    };
    char half[UNITS_SIZE], most[UNITS_SIZE];

    const char *head = "  phases p50/p99";
    for (unsigned phase = 0; phase < PHASES; phase++) {
        const struct histogram *histogram = &tally->phases[phase];
        if (histogram->count != 0 && histogram->max != 0) {
            units_time(half, (double)histogram_percentile(histogram, 0.5));
            units_time(most, (double)histogram_percentile(histogram, 0.99));
            fprintf(to, "%s  %s %s/%s", head, names[phase], half, most);
            head = "";
        }
    }
    fputs(*head == '\0' ? "\n" : "", to);
}

static void print_metrics(const struct harvest *harvest, const struct paint *paint, FILE *to)
{
    static const double fractions[] = { 0.5, 0.9, 0.99, 0.999 };
    char time[UNITS_SIZE];

    fprintf(to, "\n  %-14s%9s%9s%9s%9s%9s%9s%9s\n", "", "min", "mean", "p50", "p90", "p99", "p99.9",
            "max");
    for (unsigned i = 0; i < METRICS; i++) {
        enum metric metric = (enum metric)i;
        const struct histogram *histogram = &harvest->tally->metrics[metric].histogram;
        if (!is_shown(harvest, metric)) {
            continue;
        }
        fprintf(to, "  %-14s", metric_label(metric));
        units_time(time, (double)histogram->min);
        fprintf(to, "%9s", time);
        units_time(time, histogram->mean);
        fprintf(to, "%9s", time);
        for (size_t k = 0; k < sizeof(fractions) / sizeof(fractions[0]); k++) {
            units_time(time, harvest_percentile(harvest, metric, fractions[k]));
            bool strong = metric == METRIC_LATENCY && k == 2;
            fprintf(to, "%s%9s%s", strong ? paint->strong : "", time, strong ? paint->none : "");
        }
        units_time(time, (double)histogram->max);
        fprintf(to, "%9s\n", time);
    }
    print_phases(harvest->tally, to);
    fputs("  latency from when a request was due, service from when it was sent; lag is ours\n",
          to);
}

static void print_ends(const struct harvest *harvest, FILE *to)
{
    const struct tally *tally = harvest->tally;

    const char *statuses = "  statuses  ";
    fputc('\n', to);
    for (unsigned status = 0; status < TALLY_STATUSES; status++) {
        if (tally->statuses[status] != 0) {
            fprintf(to, "%s %u: %ju", statuses, status, (uintmax_t)tally->statuses[status]);
            statuses = "";
        }
    }
    fputs(*statuses == '\0' ? "\n" : "", to);
    const char *head = "  errors    ";
    for (unsigned i = 0; i < TALLY_ERRORS; i++) {
        if (tally->errors[i] != 0) {
            fprintf(to, "%s %s: %ju", head, quoit_error_code((enum quoit_error)i),
                    (uintmax_t)tally->errors[i]);
            head = "";
        }
    }
    if (*head == '\0') {
        fputc('\n', to);
    }
    if (tally->resent != 0) {
        fprintf(to, "  resent     %ju, each at once, after a kept connection had died\n",
                (uintmax_t)tally->resent);
    }
}

static void print_slo(const struct slo *slo, const struct harvest *harvest,
                      const struct paint *paint, FILE *to)
{
    double value = harvest_value(harvest, slo);
    bool met = slo_is_met(slo, value);
    char text[UNITS_SIZE] = "no value";

    if (slo->kind == SLO_METRIC) {
        units_time(text, value);
    } else if (slo->kind == SLO_ERROR_RATE && !isnan(value)) {
        snprintf(text, sizeof(text), "%.3g%%", 100 * value);
    } else if (!isnan(value)) {
        units_number(text, value);
    }
    fprintf(to, "  slo        %s%-6s%s %s: %s\n", met ? paint->good : paint->bad,
            met ? "met" : "missed", paint->none, slo->expr, text);
}

static void print_slos(const struct report *report, const struct paint *paint, FILE *to)
{
    for (uint64_t i = 0; i < report->options->slo_texts_count; i++) {
        print_slo(&report->options->slos[i], report->harvest, paint, to);
    }
    if (report->options->max_error_rate >= 0) {
        const struct slo slo = report_error_slo(report->options);
        print_slo(&slo, report->harvest, paint, to);
    }
}

static void print_verdict(const struct harvest *harvest, const struct paint *paint, FILE *to)
{
    char name[32];
    size_t size = 0;
    double ended = (double)harvest->tally->engine.ended;

    for (const char *at = verdict_name(harvest->verdict); *at != '\0'; at++) {
        name[size++] = *at == '_' ? ' ' : (char)(*at - 'a' + 'A');
    }
    name[size] = '\0';
    fprintf(to, "  client     %s%s%s: %s\n",
            harvest->verdict == VERDICT_OK ? paint->good : paint->bad, name, paint->none,
            verdict_meaning(harvest->verdict));
    fprintf(to,
            "             %.2fus of CPU a request, %.0f%% of a core (%.0f%% spinning); %.2f "
            "entries, %.2f SQEs, %.2f CQEs a request\n",
            harvest->cpu_us_per_request, 100 * harvest->cpu_share * harvest->tally->workers,
            100 * harvest->spin_share * harvest->tally->workers,
            ended > 0 ? (double)harvest->tally->engine.entries / ended : 0,
            ended > 0 ? (double)harvest->tally->engine.sqes / ended : 0,
            ended > 0 ? (double)harvest->tally->engine.cqes / ended : 0);
}

static void print_search(const struct report *report, const struct paint *paint, FILE *to)
{
    char one[UNITS_SIZE], half[UNITS_SIZE], most[UNITS_SIZE];

    if (!report->options->find_max_rate) {
        return;
    }
    fputs("  search\n", to);
    for (size_t i = 0; i < report->steps_count; i++) {
        const struct report_step *step = &report->steps[i];
        units_time(half, step->latency_p50_ns);
        units_time(most, step->latency_p99_ns);
        fprintf(to, "    %10s/s  p50 %8s  p99 %8s  errors %.3g%%  %s%s%s  %s\n",
                number(one, step->rate), half, most, 100 * step->error_rate,
                step->met ? paint->good : paint->bad, step->met ? "met" : "missed", paint->none,
                verdict_name(step->verdict));
    }
    if (report->rate_found > 0) {
        fprintf(to, "  max rate   %s%s/s%s\n", paint->strong, number(one, report->rate_found),
                paint->none);
    } else {
        fputs("  max rate   none: not even the lowest rate was good enough\n", to);
    }
}

void report_print(const struct report *report, FILE *to)
{
    const struct harvest *harvest = report->harvest;
    const struct paint paint = paint_for(to);

    print_head(report, &paint, to);
    print_counts(report, &paint, to);
    print_metrics(harvest, &paint, to);
    print_ends(harvest, to);
    print_slos(report, &paint, to);
    print_verdict(harvest, &paint, to);
    if (harvest->tally->warm_requests != 0) {
        fprintf(to, "  warm-up    %ju requests in %.2fs, not measured\n",
                (uintmax_t)harvest->tally->warm_requests, harvest->warm_seconds);
    }
    if (harvest->interrupted) {
        fputs("  interrupted: this is a part of the run\n", to);
    }
    print_search(report, &paint, to);
}
