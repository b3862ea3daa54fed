/*
 * options: the table, and what one option alone cannot tell.
 */
#include "bench/options.h"

#include "cli/option.h"
#include "cli/options.h"
#include "cli/values.h"

#include <stdlib.h>
#include <string.h>

#define OPTION_STRUCT struct bench_options
#define SHORT_BODY 12 /* letters of a -d that may be meant as a duration */

static const struct option_row option_rows[] = {
    HEADING("Load"),
    COUNT('n', "requests", requests, "N", "measure N requests", 1, UINT64_MAX / 4),
    { OPTION_DURATION, 'z', "duration", AT(duration_ns), 0, "D",
      "measure what is due in D (10s if neither -n nor -z is given)", 0, 0 },
    COUNT('c', "concurrency", concurrency, "N",
          "requests in flight: each followed at once by the next (50);\nwith -q: at most so many "
          "(10,000, or what ulimit -n allows)",
          1, 1000000),
    { OPTION_TEXT, 'q', "rate", AT(rate_text), 0, "R",
      "open loop: R requests a second in total, sent when they are due,\nwhatever the server does",
      0, 0 },
    TEXT(0, "arrival", arrival_text, "KIND",
         "constant, poisson, or gamma:SHAPE (less than 1 comes in bursts)"),
    TEXT(0, "ramp", ramp_text, "R0:R1", "open loop: from R0 to R1 a second, over the run"),
    FLAG(0, "rescale", rescale, "stretch drawn arrivals so that the last of -n falls on N/R"),
    TEXT(0, "warmup", warmup_text, "D|N",
         "for D, or N requests, before anything is measured; 0: none\n(one a connection; with -q: "
         "none)"),
    VALUE(OPTION_WAIT, "grace", grace_ns, "D",
          "at the end: for what is still open, before it counts as failed\n(the --timeout; after a "
          "signal 30s)"),
    COUNT(0, "threads", threads, "N", "engines, each with a thread of its own (1)", 1, 1024),
    COUNT(0, "seed", seed, "N", "of arrivals and of --input-order random (1)", 0, UINT64_MAX),
    HEADING("Requests"),
    TEXT('X', "request", method, "METHOD", "GET, or POST with a body"),
    { OPTION_TEXT, 'd', "data", AT(body), 0, "BODY", "send it; @F: what is in F, as it is", 0, 1 },
    LIST('H', "header", headers, "'NAME: VALUE'",
         "send this header; 'NAME:' takes away one of ours; @F reads\nthem from a file",
         BENCH_OPTIONS_HEADERS_MAX),
    TEXT(0, "input", input, "F", "send the queries of this batch file, again and again"),
    VALUE(OPTION_CHOICE, "input-order", input_order, "turn|random", "in turn, or drawn (turn)"),
    FLAG(0, "stream", stream,
         "read answers as server-sent events: time to first token, gaps,\ntokens; the body has to "
         "ask for them (\"stream\":true)"),
    { OPTION_TEXT, 'x', "proxy", AT(proxy), 0, "URL",
      "go through this http:// proxy; '' for none, whatever the\nenvironment says", 0, 1 },
    TEXT(0, "unix-socket", unix_socket, "SOCKET", "connect to this socket, whatever the host"),
    TEXT(0, "api-key-env", api_key_env, "NAME", "take the key from this variable (OPENAI_API_KEY)"),
    TEXT(0, "api-key-file", api_key_file, "F", "take it from this file"),
    TEXT(0, "api-key-header", api_key_header, "NAME",
         "send it as NAME: KEY, not Authorization: Bearer KEY"),
    HEADING("TLS"),
    TEXT(0, "cacert", cacert, "F", "trust these certificates (PEM), not the system's"),
    TEXT(0, "cert", cert, "F", "our own certificate (PEM)"),
    TEXT(0, "key", key, "F", "its key (PEM)"),
    FLAG('k', "insecure", insecure, "do not verify the server at all"),
    HEADING("What is good enough (exit 99 if it is not)"),
    LIST(0, "slo", slo_texts, "'METRIC_STAT<VALUE'",
         "ttft_p99<200ms, latency_p99.9<1s, error_rate<0.1%,\ngoodput>100, "
         "requests_per_second>500; repeatable",
         BENCH_OPTIONS_SLOS_MAX),
    TEXT(0, "goodput", goodput_text, "LIST",
         "count requests that meet all of 'ttft<200ms,tpot<50ms,e2el<5s'"),
    TEXT(0, "max-error-rate", max_error_text, "P", "as --slo 'error_rate<=P'; 1% or 0.01"),
    FLAG(0, "find-max-rate", find_max_rate,
         "search for the highest rate at which all that is met and the\nserver is not saturated; "
         "-q is where to begin"),
    FLAG(0, "strict", strict, "the verdict has to be ok"),
    HEADING("Timeouts"),
    VALUE(OPTION_DURATION, "timeout", timeout_ns, "D",
          "one request, from its slot to its last byte (1h)"),
    VALUE(OPTION_DURATION, "connect-timeout", connect_ns, "D",
          "name look-up and all addresses, together (5s)"),
    VALUE(OPTION_DURATION, "tls-timeout", tls_ns, "D", "the TLS handshake (10s)"),
    VALUE(OPTION_DURATION, "write-timeout", write_ns, "D", "sending without progress (60s)"),
    VALUE(OPTION_DURATION, "first-byte-timeout", first_byte_ns, "D",
          "all sent until the answer begins (none)"),
    VALUE(OPTION_DURATION, "idle-timeout", idle_ns, "D", "between two bytes of an answer (5m)"),
    VALUE(OPTION_SIZE, "body-max", body_max, "SIZE", "an answer's body (64MiB)"),
    VALUE(OPTION_WAIT, "spin", spin_ns, "D",
          "busy wait when little is in flight, and before a request is\ndue; 0: never (50us)"),
    VALUE(OPTION_CHOICE, "io", io, "auto|uring|epoll",
          "auto: io_uring, or epoll where that is refused, with a line"),
    HEADING("Results (the table goes to stdout; F - is stdout, in its place)"),
    TEXT(0, "json", json, "F", "all of it, as JSON"),
    TEXT(0, "html", html, "F", "one page with plots, that needs nothing else"),
    TEXT(0, "csv", csv, "F", "a line for each request"),
    TEXT(0, "hlog", hlog, "F", "histograms, as HdrHistogram logs them (V2)"),
    VALUE(OPTION_CHOICE, "dialect", dialect, "quoit|vllm",
          "vllm: --json with the keys of `vllm bench serve`, and its rule\nof what a token is"),
    VALUE(OPTION_CHOICE, "progress", progress, "auto|always|never",
          "the live line (auto: on a terminal)"),
    FLAG(0, "quiet", quiet, "nothing on stderr but errors"),
    FLAG('h', "help", help, "this"),
    FLAG(0, "version", version, "versions of quoit, of what it is built with, and of the kernel"),

    WORD(url, "URL"),
    REFUSED(
        't', NULL,
        "is not defined, since tools disagree: say --threads for threads, --timeout for a time"),
};

const struct option_table bench_options_table = {
    .command = "quoit bench",
    OPTION_ROWS(option_rows),
    .head =
        "quoit bench [URL]: measure a server.\n"
        "\n"
        "Latency counts from the moment at which a request was due, service from the moment at\n"
        "which it was sent. Nothing is clipped or dropped; requests that were late are charged "
        "for\n"
        "it; and when this program was itself too slow, the verdict says so.\n"
        "Without -q each of -c connections sends its next request when its last has ended. That "
        "is\n"
        "how wrk and ab work, and a server that stalls is asked less: for latency as users see it\n"
        "say -q.\n",
    .foot =
        "\n"
        "D is a duration: 50us, 500ms, 5s, 2m, 1h, or none. With --input URL is the base url, as\n"
        "of quoit batch. METRIC: latency, service, queue, connect, ttft, ttft_schedule, tpot, "
        "itl,\n"
        "e2el, lag; STAT: p50, p75, p90, p95, p99, p99.9, mean, min, max.\n"
        "\n"
        "Environment: OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_ORG_ID, OPENAI_PROJECT_ID,\n"
        "SSL_CERT_FILE, SSL_CERT_DIR, NO_COLOR, https_proxy, http_proxy, all_proxy, no_proxy.\n"
        "\n"
        "Exit: 0 all requests succeeded; 1 done, but some failed; 2 wrong usage; 3 could not "
        "start;\n"
        "4 a result could not be written; 99 --slo or --strict was missed; 130, 143 interrupted.\n",
};

#define bench_refuse(...) option_refuse(&bench_options_table, __VA_ARGS__)

/* --- What the texts say --- */

/* "1%" or "0.01", as a share. */
static bool parse_share(const char *text, double *share_out)
{
    char *end = NULL;
    double share = strtod(text, &end);

    size_t digits = strspn(text, "0123456789.");

    if (digits == 0 || digits != strcspn(text, "%")) {
        return false;
    }
    if (*end == '%') {
        share /= 100;
        end++;
    }
    if (*end != '\0' || !(share >= 0) || share > 1) {
        return false;
    }
    *share_out = share;
    return true;
}

static bool bench_read_load(struct bench_options *options)
{
    if (options->rate_text != NULL && !schedule_parse_rate(options->rate_text, &options->rate)) {
        return bench_refuse("-q %s: say requests a second, more than 0", options->rate_text);
    }
    if (options->ramp_text != NULL &&
        !schedule_parse_ramp(options->ramp_text, &options->ramp_from, &options->ramp_to)) {
        return bench_refuse("--ramp %s: say R0:R1, requests a second", options->ramp_text);
    }
    if (options->arrival_text != NULL &&
        !schedule_parse_arrival(options->arrival_text, &options->arrival, &options->shape)) {
        return bench_refuse("--arrival %s: say constant, poisson or gamma:SHAPE",
                            options->arrival_text);
    }
    const char *warmup = options->warmup_text;
    uint64_t count = 0;
    if (warmup != NULL && strcmp(warmup, "none") == 0) {
        options->warmup_requests = 0;
    } else if (warmup != NULL && values_count(warmup, &count)) {
        options->warmup_requests = count;
    } else if (warmup != NULL && !values_duration(warmup, &options->warmup_ns)) {
        return bench_refuse("--warmup %s: say a number of requests, or a duration as 5s", warmup);
    }
    return true;
}

static bool bench_read_limits(struct bench_options *options)
{
    const char *why = NULL;

    for (uint64_t i = 0; i < options->slo_texts_count; i++) {
        if (!slo_parse(options->slo_texts[i], &options->slos[i], &why)) {
            return bench_refuse("--slo '%s': %s", options->slo_texts[i], why);
        }
    }
    if (options->max_error_text != NULL &&
        !parse_share(options->max_error_text, &options->max_error_rate)) {
        return bench_refuse("--max-error-rate %s: say 1%% or 0.01", options->max_error_text);
    }
    snprintf(options->max_error_expr, sizeof(options->max_error_expr), "error_rate<=%g",
             options->max_error_rate);
    goodput_init(&options->goodput);
    if (options->goodput_text != NULL &&
        !goodput_parse(options->goodput_text, &options->goodput, &why)) {
        return bench_refuse("--goodput '%s': %s", options->goodput_text, why);
    }
    return true;
}

/* --- What one option alone cannot tell --- */

static bool bench_is_open(const struct bench_options *options)
{
    return options->rate_text != NULL || options->ramp_text != NULL;
}

static bool bench_check_load(const struct bench_options *options)
{
    bool open = bench_is_open(options) || options->find_max_rate;

    if (options->requests != BENCH_OPTIONS_UNSET && options->duration_ns != BENCH_OPTIONS_UNSET) {
        return bench_refuse("-n and -z: one of them");
    }
    if (options->duration_ns == UINT64_MAX) {
        return bench_refuse("-z none: say how long, or -n N");
    }
    if (options->rate_text != NULL && options->ramp_text != NULL) {
        return bench_refuse("-q and --ramp: one of them");
    }
    if (options->ramp_text != NULL && options->find_max_rate) {
        return bench_refuse("--ramp and --find-max-rate: one of them");
    }
    if (options->csv != NULL && options->find_max_rate) {
        return bench_refuse("--csv and --find-max-rate: one of them; the csv is of one run");
    }
    if (!open && options->arrival_text != NULL) {
        return bench_refuse("--arrival goes with -q: without it the server decides when");
    }
    if (options->rescale && (!bench_is_open(options) || options->requests == BENCH_OPTIONS_UNSET)) {
        return bench_refuse("--rescale goes with -q and -n");
    }
    if (options->concurrency != BENCH_OPTIONS_UNSET && options->threads > options->concurrency) {
        return bench_refuse("--threads %ju: more than -c %ju", (uintmax_t)options->threads,
                            (uintmax_t)options->concurrency);
    }
    return true;
}

static bool is_stdout(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static bool bench_check_results(const struct bench_options *options)
{
    int to_stdout = is_stdout(options->json) + is_stdout(options->csv) + is_stdout(options->hlog) +
                    is_stdout(options->html);

    if (to_stdout > 1) {
        return bench_refuse("only one result can go to stdout");
    }
    if (options->dialect == BENCH_DIALECT_VLLM && options->json == NULL) {
        return bench_refuse("--dialect vllm goes with --json F");
    }
    if (options->goodput_text == NULL) {
        for (uint64_t i = 0; i < options->slo_texts_count; i++) {
            if (options->slos[i].kind == SLO_GOODPUT) {
                return bench_refuse("--slo '%s' goes with --goodput, which says what is good",
                                    options->slo_texts[i]);
            }
        }
    }
    return true;
}

static bool bench_check(const struct bench_options *options)
{
    uint64_t ns = 0;

    if (options->input != NULL && (options->body != NULL || options->method != NULL)) {
        return bench_refuse("--input has its own methods and bodies: not beside -X and -d");
    }
    /* Of oha and hey -z is the duration; of others it is -d. */
    if (options->body != NULL && strlen(options->body) < SHORT_BODY &&
        options->duration_ns == BENCH_OPTIONS_UNSET && options->requests == BENCH_OPTIONS_UNSET &&
        values_duration(options->body, &ns)) {
        return bench_refuse("-d is the body, as curl's: for a duration say -z %s", options->body);
    }
    if ((options->cert == NULL) != (options->key == NULL)) {
        return bench_refuse("--cert and --key go together: %s is missing",
                            options->cert == NULL ? "--cert" : "--key");
    }
    if (options->api_key_env != NULL && options->api_key_file != NULL) {
        return bench_refuse("--api-key-env and --api-key-file: one of them");
    }
    if (options->proxy != NULL && *options->proxy != '\0' && options->unix_socket != NULL) {
        return bench_refuse("-x and --unix-socket: one of them");
    }
    return bench_check_load(options) && bench_check_results(options);
}

bool bench_options_parse(struct bench_options *options, int count, char **words)
{
    *options = (struct bench_options){
        .requests = BENCH_OPTIONS_UNSET,
        .duration_ns = BENCH_OPTIONS_UNSET,
        .concurrency = BENCH_OPTIONS_UNSET,
        .threads = 1,
        .seed = 1,
        .grace_ns = BENCH_OPTIONS_UNSET,
        .spin_ns = BENCH_OPTIONS_UNSET,
        .warmup_ns = BENCH_OPTIONS_UNSET,
        .warmup_requests = BENCH_OPTIONS_UNSET,
        .max_error_rate = -1,
        .body_max = OPTIONS_BODY_MAX,
    };
    if (!option_parse(&bench_options_table, options, count, words)) {
        return false;
    }
    if (options->help || options->version) {
        return true;
    }
    return bench_read_load(options) && bench_read_limits(options) && bench_check(options);
}

void bench_options_print_help(FILE *to)
{
    option_print_help(&bench_options_table, to);
}
