/*
 * summary: the counts as text, and as JSON with the keys of a bench result where they apply.
 */
#include "cli/summary.h"

#include "cli/figures.h"
#include "cli/progress.h"

#include <errno.h>

void summary_count(struct summary *summary, const struct quoit_result *result)
{
    const struct quoit_times *times = &result->times;

    summary->attempts += result->attempts;
    summary->maybe_billed += result->maybe_billed;
    if (result->error == QUOIT_E_CANCELLED) {
        summary->errors[QUOIT_E_CANCELLED] += result->attempts > 0;
        return; /* how long it would have taken, nobody knows */
    }
    if (result->error == QUOIT_OK) {
        summary->statuses[result->status < SUMMARY_STATUSES ? result->status : 0]++;
    } else {
        summary->errors[result->error < SUMMARY_ERRORS ? result->error : 0]++;
    }
    if (times->granted_ns != 0 && times->end_ns >= times->granted_ns) {
        histogram_add(&summary->latency, times->end_ns - times->granted_ns);
    }
    if (times->sent_ns != 0 && times->end_ns >= times->sent_ns) {
        histogram_add(&summary->service, times->end_ns - times->sent_ns);
    }
}

static double summary_seconds(const struct summary *summary)
{
    return (double)(summary->end_ns - summary->begin_ns) / 1e9;
}

static double summary_per_second(const struct summary *summary, uint64_t count)
{
    double seconds = summary_seconds(summary);

    return seconds > 0 ? (double)count / seconds : 0;
}

static double milliseconds(uint64_t ns)
{
    return (double)ns / 1e6;
}

static void print_statuses(const struct summary *summary, FILE *to)
{
    fputs("  statuses ", to);
    for (unsigned status = 0; status < SUMMARY_STATUSES; status++) {
        if (summary->statuses[status] != 0) {
            fprintf(to, " %u: %ju", status, (uintmax_t)summary->statuses[status]);
        }
    }
    for (unsigned i = 0; i < SUMMARY_ERRORS; i++) {
        if (summary->errors[i] != 0) {
            fprintf(to, " %s: %ju", quoit_error_code((enum quoit_error)i),
                    (uintmax_t)summary->errors[i]);
        }
    }
    if (summary->invalid_lines != 0) {
        fprintf(to, " invalid_input_line: %ju", (uintmax_t)summary->invalid_lines);
    }
    fputc('\n', to);
}

void summary_print(const struct summary *summary, FILE *to)
{
    uint64_t done = summary->good + summary->failed;

    fprintf(to, "quoit: %ju done: %ju ok, %ju failed", (uintmax_t)done, (uintmax_t)summary->good,
            (uintmax_t)summary->failed);
    if (summary->resumed != 0) {
        fprintf(to, "; %ju done before (%ju failed)", (uintmax_t)summary->resumed,
                (uintmax_t)summary->resumed_failed);
    }
    if (summary->left != 0) {
        fprintf(to, ", %ju left unanswered", (uintmax_t)summary->left);
    }
    fprintf(to, "; %.2f s, %.1f requests/s\n", summary_seconds(summary),
            summary_per_second(summary, done));
    const struct histogram *latency = &summary->latency;
    if (latency->count != 0) {
        fprintf(to, "  latency   p50 %.1f ms  p90 %.1f ms  p99 %.1f ms  max %.1f ms\n",
                milliseconds(histogram_percentile(latency, 0.5)),
                milliseconds(histogram_percentile(latency, 0.9)),
                milliseconds(histogram_percentile(latency, 0.99)), milliseconds(latency->max));
    }
    if (summary->tokens_known) {
        fprintf(to, "  tokens    %ju in, %ju out, %.0f out/s\n", (uintmax_t)summary->tokens_in,
                (uintmax_t)summary->tokens_out, summary_per_second(summary, summary->tokens_out));
    }
    fprintf(to, "  attempts  %ju sent; retries %ju; maybe billed in vain %ju; connections %ju\n",
            (uintmax_t)summary->attempts, (uintmax_t)(summary->stats.retries + summary->moved),
            (uintmax_t)summary->maybe_billed, (uintmax_t)summary->stats.opened);
    if (summary->stats.paced != 0) {
        fprintf(to, "  paced     %ju waits that the server asked for\n",
                (uintmax_t)summary->stats.paced);
    }
    print_statuses(summary, to);
}

static void add_errors(cJSON *object, const struct summary *summary)
{
    cJSON *errors = cJSON_AddObjectToObject(object, "errors");

    for (unsigned i = 0; i < SUMMARY_ERRORS; i++) {
        const char *code = quoit_error_code((enum quoit_error)i);
        if (summary->errors[i] == 0) {
            continue;
        }
        figures_add_error(errors, code, summary->errors[i]);
    }
    if (summary->invalid_lines != 0) {
        figures_add_count(errors, "invalid_input_line", summary->invalid_lines);
    }
}

static void add_requests(cJSON *root, const struct summary *summary)
{
    cJSON *requests = cJSON_AddObjectToObject(root, "requests");
    cJSON *statuses = cJSON_AddObjectToObject(root, "statuses");

    figures_add_count(requests, "total", summary->good + summary->failed + summary->left);
    figures_add_count(requests, "ok", summary->good);
    figures_add_count(requests, "failed", summary->failed);
    figures_add_count(requests, "unsent", summary->left);
    figures_add_count(requests, "resent", summary->stats.resent);
    add_errors(requests, summary);
    for (unsigned status = 0; status < SUMMARY_STATUSES; status++) {
        char name[8];
        snprintf(name, sizeof(name), "%u", status);
        if (summary->statuses[status] != 0) {
            figures_add_count(statuses, name, summary->statuses[status]);
        }
    }
}

static void add_tokens(cJSON *root, const struct summary *summary)
{
    cJSON *tokens = cJSON_AddObjectToObject(root, "tokens");
    uint64_t all = summary->tokens_in + summary->tokens_out;

    figures_add_count(tokens, "in", summary->tokens_in);
    figures_add_count(tokens, "out", summary->tokens_out);
    figures_add_number(tokens, "out_per_second", summary_per_second(summary, summary->tokens_out));
    figures_add_number(tokens, "total_per_second", summary_per_second(summary, all));
}

/* What there is no memory for is left out, and errno is ENOMEM then; else it is 0. */
static cJSON *summary_build(const struct summary *summary)
{
    errno = 0;
    cJSON *root = cJSON_CreateObject();
    add_requests(root, summary);
    figures_add_number(root, "seconds", summary_seconds(summary));
    figures_add_number(root, "requests_per_second",
                       summary_per_second(summary, summary->good + summary->failed));
    figures_add_histogram(root, "latency_ms", &summary->latency);
    figures_add_histogram(root, "service_ms", &summary->service);
    if (summary->tokens_known) {
        add_tokens(root, summary);
    }
    figures_add_count(root, "resumed", summary->resumed);
    figures_add_count(root, "retries", summary->stats.retries + summary->moved);
    figures_add_count(root, "attempts", summary->attempts);
    figures_add_count(root, "maybe_billed", summary->maybe_billed);
    figures_add_count(root, "paced", summary->stats.paced);
    figures_add_count(root, "connections", summary->stats.opened);
    (void)cJSON_AddStringToObject(root, "percentiles", "hdr");
    (void)cJSON_AddBoolToObject(root, "interrupted", summary->interrupted);
    if (summary->stopped[0] != '\0') {
        (void)cJSON_AddStringToObject(root, "stopped", summary->stopped);
    } else {
        (void)cJSON_AddNullToObject(root, "stopped");
    }
    (void)cJSON_AddStringToObject(root, "version", quoit_version());
    figures_add_date(root, "started_at", summary->started_at);
    return root;
}

bool summary_write_json(const struct summary *summary, int fd)
{
    return figures_write(summary_build(summary), fd);
}
