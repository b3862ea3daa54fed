/* ledger_write: the ledger as JSON, for GET /ledger and --ledger-file. See ledger.h. */
#include "mock/hash.h"
#include "mock/ledger.h"
#include "mock/text.h"

#include <string.h>
#include <strings.h>
#include <time.h>

static void write_number(struct blob *out, const char *name, uint64_t number)
{
    blob_print(out, "  \"%s\": %llu,\n", name, (unsigned long long)number);
}

static void write_us(struct blob *out, const char *name, const char *what, double ns)
{
    blob_print(out, "  \"%s_%s_us\": %.1f,\n", name, what, ns / 1e3);
}

/* How many of `what` were sent, how many of them late, and their lag by the name of `name`. */
static void write_lag(struct blob *out, const char *what, const char *name, const struct lag *lag)
{
    blob_print(out, "  \"%s_sent\": %llu,\n", what, (unsigned long long)lag->count);
    blob_print(out, "  \"%s_late\": %llu,\n", what, (unsigned long long)lag->late);
    write_us(out, name, "mean", lag_mean_ns(lag));
    write_us(out, name, "p50", (double)lag_percentile_ns(lag, 0.5));
    write_us(out, name, "p99", (double)lag_percentile_ns(lag, 0.99));
    write_us(out, name, "max", (double)lag->max_ns);
}

static void write_tally(struct blob *out, const char *name, const struct tally *tally)
{
    blob_print(out, "  \"%s\": ", name);
    tally_write(tally, out);
    blob_text(out, ",\n");
}

static void write_secret(struct blob *out, const char *count_name, const char *hashes_name,
                         const struct ledger_secret *secret)
{
    write_number(out, count_name, secret->count);
    write_tally(out, hashes_name, &secret->hashes);
}

static void write_statuses(struct blob *out, const struct ledger *ledger)
{
    const char *comma = "";

    blob_text(out, "  \"statuses\": {");
    for (unsigned status = 0; status < LEDGER_STATUS_MAX; status++) {
        if (ledger->statuses[status] != 0) {
            blob_print(out, "%s\"%u\":%llu", comma, status,
                       (unsigned long long)ledger->statuses[status]);
            comma = ",";
        }
    }
    blob_text(out, "},\n");
}

static void write_faults(struct blob *out, const struct ledger *ledger)
{
    const char *comma = "";

    blob_text(out, "  \"faults\": {");
    for (enum fault fault = 0; fault < FAULTS; fault++) {
        if (ledger->faults[fault] != 0) {
            blob_print(out, "%s\"%s\":%llu", comma, fault_name(fault),
                       (unsigned long long)ledger->faults[fault]);
            comma = ",";
        }
    }
    blob_text(out, "},\n");
}

static bool is_secret(const char *name)
{
    return strcasecmp(name, "authorization") == 0 || strcasecmp(name, "proxy-authorization") == 0 ||
           strcasecmp(name, "cookie") == 0 || strcasestr(name, "api-key") != NULL;
}

static void write_head(struct blob *out, const struct ledger_head *head)
{
    const char *name = NULL;
    const char *value = NULL;
    const char *comma = "";
    size_t cursor = 0;

    blob_json(out, head->path.bytes, head->path.size);
    blob_print(out, ":{\"method\":\"%s\",\"target\":", head->method);
    blob_json(out, head->target.bytes, head->target.size);
    blob_text(out, ",\"headers\":[");
    while (incoming_next_header(&head->headers, &cursor, &name, &value)) {
        blob_print(out, "%s[", comma);
        blob_json(out, name, strlen(name));
        blob_text(out, ",");
        if (is_secret(name)) {
            blob_text(out, "\"sha256:");
            blob_hex(out, hash_of(value, strlen(value)));
            blob_text(out, "\"");
        } else {
            blob_json(out, value, strlen(value));
        }
        blob_text(out, "]");
        comma = ",";
    }
    blob_text(out, "]}");
}

static void write_times(struct blob *out, const struct ledger *ledger, uint64_t now_ns)
{
    time_t seconds = (time_t)(ledger->started_unix_ms / 1000);
    char text[32];
    struct tm date;

    gmtime_r(&seconds, &date);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &date);
    blob_print(out, "  \"started_at\": \"%s.%03uZ\",\n", text,
               (unsigned)(ledger->started_unix_ms % 1000));
    write_number(out, "uptime_ms", (now_ns - ledger->started_ns) / NS_PER_MS);
    write_number(out, "cpu_ms", (ledger_cpu_ns() - ledger->started_cpu_ns) / NS_PER_MS);
    if (ledger->first_request_ns == 0) {
        blob_text(out, "  \"first_request_ms\": null,\n  \"last_request_ms\": null,\n");
        return;
    }
    write_number(out, "first_request_ms",
                 (ledger->first_request_ns - ledger->started_ns) / NS_PER_MS);
    write_number(out, "last_request_ms",
                 (ledger->last_request_ns - ledger->started_ns) / NS_PER_MS);
}

static void write_counts(struct blob *out, const struct ledger *ledger)
{
    write_number(out, "requests", ledger->requests);
    write_number(out, "executions_total", ledger->executions);
    write_number(out, "answers", ledger->answers);
    write_number(out, "cut", ledger->cut);
    write_number(out, "aborted", ledger->aborted);
    write_number(out, "refused", ledger->refused);
    write_number(out, "rate_limited", ledger->rate_limited);
    write_number(out, "in_flight", ledger->in_flight);
    write_number(out, "in_flight_max", ledger->in_flight_max);
    write_number(out, "working_max", ledger->working_max);
    write_number(out, "queued", ledger->queued);
    write_number(out, "queued_max", ledger->queued_max);
    write_number(out, "stalls", ledger->stalls);
    write_number(out, "connections_opened", ledger->connections_opened);
    write_number(out, "connections_open", ledger->connections_open);
    write_number(out, "connections_closed", ledger->connections_opened - ledger->connections_open);
    write_number(out, "requests_per_connection_max", ledger->requests_per_connection_max);
    write_number(out, "tls_full", ledger->tls_full);
    write_number(out, "tls_resumed", ledger->tls_resumed);
    write_number(out, "tls_failed", ledger->tls_failed);
    write_number(out, "tls_client_certificates", ledger->tls_certificates);
    write_number(out, "bytes_in", ledger->bytes_in);
    write_number(out, "bytes_out", ledger->bytes_out);
    write_number(out, "timers_fired", ledger->timers_fired);
    write_lag(out, "tokens", "lag", &ledger->tokens);
    write_number(out, "tokens_held_up", ledger->tokens_held_up);
    write_lag(out, "first_tokens", "first_lag", &ledger->first_tokens);
    write_lag(out, "delayed_answers", "answer_lag", &ledger->delayed_answers);
}

void ledger_write(const struct ledger *ledger, struct blob *out, uint64_t now_ns)
{
    blob_text(out, "{\n");
    write_times(out, ledger, now_ns);
    write_counts(out, ledger);
    write_statuses(out, ledger);
    write_faults(out, ledger);
    write_tally(out, "methods", &ledger->methods);
    write_tally(out, "paths", &ledger->paths);
    write_tally(out, "hosts", &ledger->hosts);
    write_tally(out, "server_names", &ledger->server_names);
    write_secret(out, "authorization", "authorization_hashes", &ledger->authorization);
    write_secret(out, "cookies", "cookie_hashes", &ledger->cookies);
    write_secret(out, "api_keys", "api_key_hashes", &ledger->api_keys);
    write_tally(out, "executions", &ledger->keys);
    write_tally(out, "bodies", &ledger->bodies);
    blob_text(out, "  \"requests_by_second\": [");
    for (uint32_t i = 0; i < ledger->seconds_count; i++) {
        blob_print(out, "%s%u", i == 0 ? "" : ",", ledger->seconds[i]);
    }
    blob_text(out, "],\n  \"last_head\": {");
    for (unsigned i = 0; i < ledger->heads_count; i++) {
        blob_text(out, i == 0 ? "\n    " : ",\n    ");
        write_head(out, &ledger->heads[i]);
    }
    blob_text(out, "}\n}\n");
}
