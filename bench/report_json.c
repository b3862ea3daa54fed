/*
 * report_json: the result as JSON.
 */
#include "bench/report.h"

#include "bench/schedule.h"
#include "cli/figures.h"
#include "cli/server.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CURVES_BUCKETS_PER_DOUBLING 32

static const char *const metric_names[METRICS] = {
#define METRIC_X(member, name) name "_ms",
    METRIC_MAP(METRIC_X)
#undef METRIC_X
};

static void add_metric(cJSON *object, const struct harvest *harvest, enum metric metric)
{
    const struct histogram *histogram = &harvest->tally->metrics[metric].histogram;
    struct figures_values values = figures_begin(histogram);

    for (unsigned i = 0; i < FIGURES_PERCENTILES; i++) {
        values.percentiles[i] = harvest_percentile(harvest, metric, figures_fractions[i]);
    }
    figures_add_values(object, metric_names[metric], &values);
}

/* --- Parts of the result --- */

static void add_phases(cJSON *root, const struct tally *tally)
{
    static const char *const names[PHASES] = {
#define PHASE_X(member, name) name "_ms",
        PHASE_MAP(PHASE_X)
#undef PHASE_X
    };
    cJSON *phases = cJSON_AddObjectToObject(root, "phases");

    for (unsigned phase = 0; phase < PHASES; phase++) {
        figures_add_histogram(phases, names[phase], &tally->phases[phase]);
    }
}

static void add_requests(cJSON *root, const struct harvest *harvest)
{
    const struct tally *tally = harvest->tally;
    cJSON *requests = cJSON_AddObjectToObject(root, "requests");

    figures_add_count(requests, "total", tally_total(tally));
    figures_add_count(requests, "ok", tally->ok);
    figures_add_count(requests, "failed", tally->failed);
    figures_add_count(requests, "unsent", tally->unsent);
    figures_add_count(requests, "resent", tally->resent);
    cJSON *errors = cJSON_AddObjectToObject(requests, "errors");
    for (unsigned i = 0; i < TALLY_ERRORS; i++) {
        if (tally->errors[i] != 0) {
            figures_add_error(errors, quoit_error_code((enum quoit_error)i), tally->errors[i]);
        }
    }
    cJSON *statuses = cJSON_AddObjectToObject(root, "statuses");
    for (unsigned status = 0; status < TALLY_STATUSES; status++) {
        char name[8];
        snprintf(name, sizeof(name), "%u", status);
        if (tally->statuses[status] != 0) {
            figures_add_count(statuses, name, tally->statuses[status]);
        }
    }
}

static void add_rate(cJSON *root, const struct harvest *harvest)
{
    cJSON *rate = cJSON_AddObjectToObject(root, "rate");

    if (harvest->plan->open_loop) {
        figures_add_number(rate, "asked", harvest->rate_asked);
        figures_add_number(rate, "sent", harvest->rate_sent);
    } else {
        (void)cJSON_AddNullToObject(rate, "asked");
        (void)cJSON_AddNullToObject(rate, "sent");
    }
}

static void add_tokens(cJSON *root, const struct harvest *harvest)
{
    cJSON *tokens = cJSON_AddObjectToObject(root, "tokens");

    figures_add_count(tokens, "in", harvest->tally->tokens_in);
    figures_add_count(tokens, "out", harvest->tally->tokens_out);
    figures_add_number(tokens, "out_per_second", harvest->tokens_per_second);
    figures_add_number(tokens, "total_per_second", harvest->all_tokens_per_second);
    (void)cJSON_AddBoolToObject(tokens, "metered", harvest->tally->metered);
}

static void add_slo(cJSON *slos, const struct slo *slo, const struct harvest *harvest)
{
    double value = harvest_value(harvest, slo);
    cJSON *item = cJSON_CreateObject();

    (void)cJSON_AddItemToArray(slos, item);
    (void)cJSON_AddStringToObject(item, "expr", slo->expr);
    if (slo->kind == SLO_METRIC) {
        figures_add_milliseconds(item, "value", value);
    } else if (isnan(value)) {
        (void)cJSON_AddNullToObject(item, "value");
    } else {
        figures_add_number(item, "value", value);
    }
    (void)cJSON_AddBoolToObject(item, "met", slo_is_met(slo, value));
}

static void add_slos(cJSON *root, const struct report *report)
{
    cJSON *slos = cJSON_AddArrayToObject(root, "slo");

    for (uint64_t i = 0; i < report->options->slo_texts_count; i++) {
        add_slo(slos, &report->options->slos[i], report->harvest);
    }
    if (report->options->max_error_rate >= 0) {
        const struct slo slo = report_error_slo(report->options);
        add_slo(slos, &slo, report->harvest);
    }
}

static double per_request(uint64_t count, const struct harvest *harvest)
{
    uint64_t ended = harvest->tally->engine.ended;

    return ended == 0 ? 0 : (double)count / (double)ended;
}

static void add_client(cJSON *root, const struct harvest *harvest)
{
    const struct tally *tally = harvest->tally;
    cJSON *client = cJSON_AddObjectToObject(root, "client");

    (void)cJSON_AddStringToObject(client, "verdict", verdict_name(harvest->verdict));
    add_metric(client, harvest, METRIC_LAG);
    figures_add_number(client, "cpu_us_per_request", harvest->cpu_us_per_request);
    figures_add_number(client, "cpu_share", harvest->cpu_share);
    figures_add_number(client, "spin_share", harvest->spin_share);
    figures_add_number(client, "busiest_second", tally->busiest);
    figures_add_number(client, "enters_per_request", per_request(tally->engine.entries, harvest));
    figures_add_number(client, "sqes_per_request", per_request(tally->engine.sqes, harvest));
    figures_add_number(client, "cqes_per_request", per_request(tally->engine.cqes, harvest));
    figures_add_number(client, "events_per_read",
                       tally->reads == 0 ? 0 : (double)tally->messages / (double)tally->reads);
    figures_add_count(client, "no_buffers", tally->engine.no_buffers);
    figures_add_number(client, "slots_full_share", harvest->full_share);
    figures_add_count(client, "connections", tally->engine.opened);
    figures_add_count(client, "in_flight_max", tally->in_flight_max);
    (void)cJSON_AddStringToObject(client, "io", harvest->io == QUOIT_IO_EPOLL ? "epoll" : "uring");
}

/* --- Over time, and curves --- */

static void add_point_metric(cJSON *point, const char *name, const struct pulse_sum *sum,
                             enum pulse_metric metric)
{
    uint64_t count = sum->counts[metric];
    cJSON *out = cJSON_AddObjectToObject(point, name);

    figures_add_count(out, "count", count);
    if (count == 0) {
        return;
    }
    figures_add_milliseconds(out, "mean", (double)sum->sums_ns[metric] / (double)count);
    figures_add_milliseconds(out, "p50", pulse_percentile(sum, metric, 0.5));
    figures_add_milliseconds(out, "p90", pulse_percentile(sum, metric, 0.9));
    figures_add_milliseconds(out, "p99", pulse_percentile(sum, metric, 0.99));
    figures_add_milliseconds(out, "max", pulse_percentile(sum, metric, 1));
}

static void add_timeline(cJSON *root, const struct harvest *harvest)
{
    const struct timeline *timeline = harvest->timeline;
    cJSON *out = cJSON_AddObjectToObject(root, "timeline");

    figures_add_number(out, "interval_seconds", (double)timeline->interval_ns / 1e9);
    cJSON *points = cJSON_AddArrayToObject(out, "points");
    for (size_t i = 0; i < timeline->count; i++) {
        const struct timeline_point *from = timeline->points[i];
        const struct pulse_sum *sum = &from->sum;
        cJSON *point = cJSON_CreateObject();
        (void)cJSON_AddItemToArray(points, point);
        figures_add_number(point, "seconds", (double)(from->begin_ns / 1000000) / 1e3);
        figures_add_number(point, "length",
                           (double)((from->end_ns - from->begin_ns) / 1000000) / 1e3);
        figures_add_count(point, "sent", sum->sent);
        figures_add_count(point, "ok", sum->ok);
        figures_add_count(point, "failed", sum->failed);
        figures_add_count(point, "in_flight", sum->in_flight);
        figures_add_count(point, "tokens_out", sum->tokens_out);
        add_point_metric(point, "latency_ms", sum, PULSE_LATENCY);
        add_point_metric(point, "service_ms", sum, PULSE_SERVICE);
        if (harvest->plan->stream) {
            add_point_metric(point, "ttft_ms", sum, PULSE_TTFT);
            add_point_metric(point, "itl_ms", sum, PULSE_ITL);
        }
    }
}

static void add_pair(cJSON *array, double one, double other_ns)
{
    char text[64];

    /* So many digits that no point but the last is at 100. */
    snprintf(text, sizeof(text), "[%.12g,%.3f]", one, other_ns / 1e6);
    (void)cJSON_AddItemToArray(array, cJSON_CreateRaw(text));
}

/* In which of the buckets of a plot is the value? Thirty-two to each power of two. */
static int plot_bucket(uint64_t value_ns)
{
    return (int)floor(log2((double)(value_ns | 1)) * CURVES_BUCKETS_PER_DOUBLING);
}

static void add_plot_bucket(cJSON *buckets, int bucket, uint64_t count)
{
    double from = exp2((double)bucket / CURVES_BUCKETS_PER_DOUBLING);
    double to = exp2((double)(bucket + 1) / CURVES_BUCKETS_PER_DOUBLING);
    char text[96];

    snprintf(text, sizeof(text), "[%.6g,%.6g,%ju]", from / 1e6, to / 1e6, (uintmax_t)count);
    (void)cJSON_AddItemToArray(buckets, cJSON_CreateRaw(text));
}

static void add_distribution(cJSON *out, const char *name, const struct histogram *histogram)
{
    cJSON *distribution = cJSON_AddObjectToObject(out, name);
    cJSON *curve = cJSON_AddArrayToObject(distribution, "curve");
    cJSON *buckets = cJSON_AddArrayToObject(distribution, "buckets");
    struct histogram_point point;
    struct histogram_bucket bucket;
    uint32_t step = 0;
    uint64_t index = 0;
    int at = 0;
    uint64_t count = 0;

    while (histogram_curve(histogram, &step, &point)) {
        add_pair(curve, point.percentile, (double)point.value);
    }
    while (histogram_next(histogram, &index, &bucket)) {
        int here = plot_bucket(bucket.from);
        if (count != 0 && here != at) {
            add_plot_bucket(buckets, at, count);
            count = 0;
        }
        at = here;
        count += bucket.count;
    }
    if (count != 0) {
        add_plot_bucket(buckets, at, count);
    }
}

static void add_distributions(cJSON *root, const struct harvest *harvest)
{
    cJSON *out = cJSON_AddObjectToObject(root, "distributions");

    for (unsigned metric = 0; metric < METRICS; metric++) {
        const struct histogram *histogram = &harvest->tally->metrics[metric].histogram;
        if (histogram->count != 0) {
            add_distribution(out, metric_names[metric], histogram);
        }
    }
}

static void add_search(cJSON *root, const struct report *report)
{
    if (!report->options->find_max_rate) {
        return;
    }
    figures_add_number(root, "max_rate", report->rate_found);
    cJSON *search = cJSON_AddArrayToObject(root, "search");
    for (size_t i = 0; i < report->steps_count; i++) {
        const struct report_step *step = &report->steps[i];
        cJSON *item = cJSON_CreateObject();
        (void)cJSON_AddItemToArray(search, item);
        figures_add_number(item, "rate", step->rate);
        figures_add_number(item, "sent", step->sent);
        (void)cJSON_AddBoolToObject(item, "met", step->met);
        (void)cJSON_AddStringToObject(item, "verdict", verdict_name(step->verdict));
        figures_add_number(item, "error_rate", step->error_rate);
        cJSON *latency = cJSON_AddObjectToObject(item, "latency_ms");
        figures_add_milliseconds(latency, "p50", step->latency_p50_ns);
        figures_add_milliseconds(latency, "p99", step->latency_p99_ns);
    }
}

/* --- How it was run --- */

static void add_config(cJSON *root, const struct report *report)
{
    static const char *const arrivals[] = { "constant", "poisson", "gamma" };
    const struct plan *plan = report->harvest->plan;
    const struct bench_options *options = report->options;
    cJSON *config = cJSON_AddObjectToObject(root, "config");
    char seed[32];

    figures_add_count(config, "concurrency", plan->slots);
    figures_add_count(config, "threads", plan->threads);
    if (plan->open_loop) {
        figures_add_number(config, "rate", plan->schedule.rate_to);
        if (plan->schedule.ramp_ns != 0) {
            figures_add_number(config, "rate_from", plan->schedule.rate_from);
        }
        (void)cJSON_AddStringToObject(config, "arrival", arrivals[plan->schedule.arrival]);
        if (plan->schedule.arrival == SCHEDULE_GAMMA) {
            figures_add_number(config, "arrival_shape", plan->schedule.shape);
        }
    } else {
        (void)cJSON_AddNullToObject(config, "rate");
        (void)cJSON_AddStringToObject(config, "arrival", "closed");
    }
    if (plan->duration_ns != UINT64_MAX) {
        figures_add_number(config, "duration_seconds", (double)plan->duration_ns / 1e9);
    } else {
        (void)cJSON_AddNullToObject(config, "duration_seconds");
    }
    if (plan->requests != UINT64_MAX) {
        figures_add_count(config, "requests", plan->requests);
    } else {
        (void)cJSON_AddNullToObject(config, "requests");
    }
    (void)cJSON_AddBoolToObject(config, "stream", plan->stream);
    snprintf(seed, sizeof(seed), "%ju", (uintmax_t)plan->seed); /* all of its digits */
    (void)cJSON_AddRawToObject(config, "seed", seed);
    figures_add_count(config, "queries", plan->work->count);
    (void)cJSON_AddBoolToObject(config, "random_order", plan->random_order);
    if (options->goodput_text != NULL) {
        (void)cJSON_AddStringToObject(config, "goodput", options->goodput_text);
    }
}

static void add_server(cJSON *root, const struct work *work)
{
    struct text url;
    cJSON *server = cJSON_AddObjectToObject(root, "server");

    text_init(&url, 0);
    server_append_url(&url, work->count == 1 ? work->items[0].url : work->url);
    (void)cJSON_AddStringToObject(server, "url", url.size == 0 ? "" : url.bytes);
    text_free(&url);
    (void)cJSON_AddStringToObject(server, "method", work->items[0].method);
    if (work->unix_socket != NULL) {
        (void)cJSON_AddStringToObject(server, "unix_socket", work->unix_socket);
    }
}

static bool is_exact(const struct harvest *harvest)
{
    for (unsigned metric = 0; metric < METRICS; metric++) {
        if (!spread_is_exact(&harvest->tally->metrics[metric])) {
            return false;
        }
    }
    return true;
}

cJSON *report_build(const struct report *report)
{
    const struct harvest *harvest = report->harvest;

    errno = 0;
    cJSON *root = cJSON_CreateObject();
    add_requests(root, harvest);
    figures_add_number(root, "seconds", harvest->seconds);
    figures_add_number(root, "requests_per_second", harvest->requests_per_second);
    if (report->options->goodput_text != NULL) {
        figures_add_number(root, "goodput", harvest->goodput);
    } else {
        (void)cJSON_AddNullToObject(root, "goodput");
    }
    add_rate(root, harvest);
    for (unsigned metric = 0; metric < METRIC_LAG; metric++) {
        add_metric(root, harvest, (enum metric)metric);
    }
    add_phases(root, harvest->tally);
    add_tokens(root, harvest);
    add_slos(root, report);
    add_client(root, harvest);
    (void)cJSON_AddStringToObject(root, "percentiles", is_exact(harvest) ? "exact" : "hdr");
    cJSON *warmup = cJSON_AddObjectToObject(root, "warmup");
    figures_add_count(warmup, "requests", harvest->tally->warm_requests);
    figures_add_number(warmup, "seconds", harvest->warm_seconds);
    (void)cJSON_AddBoolToObject(root, "interrupted", harvest->interrupted);
    add_config(root, report);
    add_server(root, harvest->plan->work);
    add_timeline(root, harvest);
    add_distributions(root, harvest);
    add_search(root, report);
    (void)cJSON_AddStringToObject(root, "version", quoit_version());
    figures_add_date(root, "started_at", harvest->started_at);
    return root;
}

/* --- vLLM's keys --- */

static void add_vllm_metric(cJSON *root, const struct harvest *harvest, enum metric metric,
                            const char *name)
{
    struct spread *spread = &harvest->tally->metrics[metric];
    char key[64];

    snprintf(key, sizeof(key), "mean_%s_ms", name);
    figures_add_milliseconds(root, key, spread->histogram.mean);
    snprintf(key, sizeof(key), "median_%s_ms", name);
    figures_add_milliseconds(root, key, spread_percentile(spread, 0.5));
    snprintf(key, sizeof(key), "std_%s_ms", name);
    figures_add_milliseconds(root, key, histogram_deviation(&spread->histogram));
    snprintf(key, sizeof(key), "p99_%s_ms", name);
    figures_add_milliseconds(root, key, spread_percentile(spread, 0.99));
}

static void add_vllm_rate(cJSON *root, const char *name, uint64_t count, double seconds)
{
    figures_add_number(root, name, seconds > 0 ? (double)count / seconds : 0);
}

cJSON *report_build_vllm(const struct report *report)
{
    const struct harvest *harvest = report->harvest;
    const struct tally *tally = harvest->tally;
    double seconds = harvest->seconds;

    /* It has no window: all that was asked, until the last of it has ended. */
    if (tally->last_end_ns > harvest->begin_ns) {
        seconds = (double)(tally->last_end_ns - harvest->begin_ns) / 1e9;
    }
    errno = 0;
    cJSON *root = cJSON_CreateObject();
    figures_add_date(root, "date", harvest->started_at);
    figures_add_number(root, "duration", seconds);
    figures_add_count(root, "completed", tally->ok);
    figures_add_count(root, "failed", tally->failed + tally->unsent);
    figures_add_count(root, "total_input_tokens", tally->tokens_in);
    figures_add_count(root, "total_output_tokens", tally->tokens_out);
    add_vllm_rate(root, "request_throughput", tally->ok, seconds);
    if (report->options->goodput_text != NULL) {
        add_vllm_rate(root, "request_goodput", tally->within_limits, seconds);
    } else {
        (void)cJSON_AddNullToObject(root, "request_goodput");
    }
    add_vllm_rate(root, "output_throughput", tally->tokens_out, seconds);
    add_vllm_rate(root, "total_token_throughput", tally->tokens_in + tally->tokens_out, seconds);
    figures_add_count(root, "max_concurrent_requests", tally->in_flight_max);
    add_vllm_metric(root, harvest, METRIC_TTFT, "ttft");
    add_vllm_metric(root, harvest, METRIC_TPOT, "tpot");
    add_vllm_metric(root, harvest, METRIC_ITL, "itl");
    add_vllm_metric(root, harvest, METRIC_E2EL, "e2el");
    return root;
}
