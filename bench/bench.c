/*
 * bench: from the words to a plan, from the plan to a run or a search, and from there to results.
 */
#include "bench/bench.h"

#include "bench/results.h"
#include "bench/search.h"
#include "bench/trial.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/reach.h"
#include "cli/server.h"
#include "cli/version.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)
#define DURATION_NS (10 * NS_PER_S)
#define TIMEOUT_NS (3600 * NS_PER_S)  /* the library's, of one attempt */
#define GRACE_MORE_NS (NS_PER_S / 10) /* so that a request's own timeout is the first to tell */
#define INT_GRACE_NS (30 * NS_PER_S)
#define TERM_GRACE_NS (20 * NS_PER_S)
#define CLOSED_SLOTS 50
#define OPEN_SLOTS 10000
#define PROBE_NS (2 * NS_PER_S)
#define TRIAL_GRACE_NS (10 * NS_PER_S)

/* All that one run of the command owns. */
struct bench {
    struct bench_options options;
    struct proxies proxies;
    struct headers headers;
    struct keys keys;
    struct work work;
    struct quoit_tls *tls;
    struct progress progress;
    struct csv *csv;
    struct results results;
    struct plan plan;
    struct harvest harvest;
    struct report_step steps[SEARCH_TRIALS_MAX];
    size_t steps_count;
    double rate_found;
};

/* --- The plan --- */

static struct quoit_options bench_engine_options(const struct bench *bench)
{
    const struct bench_options *options = &bench->options;

    return (struct quoit_options){
        .body_size_max = options->body_max,
        .sse_line_max = options->stream ? options->body_max : 0,
        .sse_event_max = options->stream ? options->body_max : 0,
        .io = (enum quoit_io)options->io,
        .spin_max_ns =
            options->spin_ns == BENCH_OPTIONS_UNSET ? 0 : reach_spin_ns(options->spin_ns),
        .no_outages = true, /* what is due is sent, whatever the server is like */
        .timeouts = {
            .connect_ns = options->connect_ns,
            .tls_ns = options->tls_ns,
            .write_ns = options->write_ns,
            .first_byte_ns = options->first_byte_ns,
            .idle_ns = options->idle_ns,
            .attempt_ns = options->timeout_ns,
        },
        .tls = bench->tls,
    };
}

/* How many of the schedule's requests are due before that moment? */
static uint64_t bench_count_due(const struct schedule_plan *plan, uint64_t before_ns)
{
    struct schedule schedule;
    uint64_t count = 0;

    schedule_init(&schedule, plan, 1, 0);
    while (schedule_next(&schedule) < before_ns && interrupt_count() == 0) {
        count++;
    }
    return count;
}

/* When requests are due, from `rate` on. */
static void bench_plan_schedule(struct bench *bench, double rate)
{
    const struct bench_options *options = &bench->options;
    struct plan *plan = &bench->plan;
    bool ramp = options->ramp_text != NULL;

    plan->schedule = (struct schedule_plan){
        .arrival = options->arrival,
        .shape = options->shape,
        .rate_from = ramp ? options->ramp_from : rate,
        .rate_to = ramp ? options->ramp_to : rate,
        .seed = options->seed,
    };
    uint64_t warm_ns = options->warmup_ns == BENCH_OPTIONS_UNSET ? 0 : options->warmup_ns;
    if (ramp && plan->duration_ns != UINT64_MAX) {
        plan->schedule.ramp_ns = warm_ns + plan->duration_ns;
    } else if (ramp) {
        double seconds = 2 * (double)plan->requests / (options->ramp_from + options->ramp_to);
        plan->schedule.ramp_ns = (uint64_t)fmin(seconds * (double)NS_PER_S, 9e18);
    }
    if (warm_ns != 0) {
        plan->warm_requests = bench_count_due(&plan->schedule, warm_ns);
    }
    if (options->rescale) {
        plan->schedule.rescale_count = plan->warm_requests + plan->requests;
    }
}

/* How many may be in flight. */
static void bench_plan_slots(struct bench *bench)
{
    const struct bench_options *options = &bench->options;
    struct plan *plan = &bench->plan;
    uint64_t wanted = plan->open_loop ? OPEN_SLOTS : CLOSED_SLOTS;

    plan->slots_given = options->concurrency != BENCH_OPTIONS_UNSET;
    if (plan->slots_given) {
        wanted = options->concurrency;
    }
    if (!plan->open_loop && wanted > plan->requests) {
        wanted = plan->requests; /* the others would have nothing to do */
    }
    uint64_t allowed = reach_raise_descriptors(wanted + 16 * options->threads);
    allowed = allowed > 16 * options->threads ? allowed - 16 * options->threads : 1;
    if (allowed < wanted && plan->slots_given) {
        progress_say(&bench->progress,
                     "files that may be open: enough for %ju in flight, fewer than -c %ju: raise "
                     "ulimit -n",
                     (uintmax_t)allowed, (uintmax_t)wanted);
    }
    plan->slots = (uint32_t)(wanted < allowed ? wanted : allowed);
    plan->threads = (uint32_t)options->threads;
    plan->threads = plan->threads < plan->slots ? plan->threads : plan->slots;
}

/* What is open at the end may take as long as one request may, unless something else was said. */
static uint64_t bench_grace_ns(const struct bench_options *options)
{
    if (options->grace_ns != BENCH_OPTIONS_UNSET) {
        return options->grace_ns;
    }
    uint64_t timeout_ns = options->timeout_ns != 0 ? options->timeout_ns : TIMEOUT_NS;

    return timeout_ns == UINT64_MAX ? UINT64_MAX : timeout_ns + GRACE_MORE_NS;
}

static void bench_plan(struct bench *bench, bool open_loop, double rate)
{
    const struct bench_options *options = &bench->options;
    struct plan *plan = &bench->plan;

    *plan = (struct plan){
        .work = &bench->work,
        .engine = bench_engine_options(bench),
        .open_loop = open_loop,
        .requests = options->requests == BENCH_OPTIONS_UNSET ? UINT64_MAX : options->requests,
        .duration_ns = UINT64_MAX,
        .grace_ns = bench_grace_ns(options),
        .seed = options->seed,
        .random_order = options->input_order == BENCH_INPUT_RANDOM,
        .stream = options->stream,
        .any_choice = options->dialect == BENCH_DIALECT_VLLM,
        .spins = options->spin_ns != 0,
        .goodput = options->goodput,
    };
    if (plan->requests == UINT64_MAX) {
        plan->duration_ns =
            options->duration_ns == BENCH_OPTIONS_UNSET ? DURATION_NS : options->duration_ns;
    }
    bool set = options->warmup_text != NULL;
    plan->warm_requests =
        options->warmup_requests == BENCH_OPTIONS_UNSET ? 0 : options->warmup_requests;
    plan->warm_slots = !open_loop && !set;
    if (open_loop) {
        bench_plan_schedule(bench, rate);
    }
    if (options->warmup_ns != BENCH_OPTIONS_UNSET) {
        plan->warm_ns = options->warmup_ns;
    }
    bench_plan_slots(bench);
}

/* --- The search --- */

/* Run the plan as it stands. The harvest before it is forgotten. */
static int bench_run(struct bench *bench)
{
    const struct trial_watch watch = { &bench->progress, bench->csv };

    harvest_free(&bench->harvest);
    return trial_run(&bench->plan, &watch, &bench->harvest);
}

/* Where to begin: half of what the server does when it is asked for as much as it can. */
static int bench_probe(struct bench *bench, double *rate_out)
{
    bench_plan(bench, false, 0);
    bench->plan.requests = UINT64_MAX;
    bench->plan.duration_ns = PROBE_NS;
    bench->plan.grace_ns = TRIAL_GRACE_NS;
    int exit_code = bench_run(bench);
    if (exit_code == 0) {
        *rate_out = bench->harvest.requests_per_second / 2;
        *rate_out = *rate_out < 0.5 ? 0.5 : *rate_out;
    }
    return exit_code;
}

static bool bench_judge_trial(struct bench *bench, double rate)
{
    const struct harvest *harvest = &bench->harvest;
    double error_rate = tally_error_rate(harvest->tally);
    bool met = report_slos_are_met(&bench->options, harvest) && harvest->verdict == VERDICT_OK;

    if (!report_allows_errors(&bench->options)) {
        met = met && error_rate <= 0.01;
    }
    bench->steps[bench->steps_count++] = (struct report_step){
        .rate = rate,
        .sent = harvest->rate_sent,
        .met = met,
        .verdict = harvest->verdict,
        .latency_p50_ns = harvest_percentile(harvest, METRIC_LATENCY, 0.5),
        .latency_p99_ns = harvest_percentile(harvest, METRIC_LATENCY, 0.99),
        .error_rate = error_rate,
    };
    progress_say(&bench->progress, "%.6g/s: %s (%s)", rate, met ? "met" : "missed",
                 verdict_name(harvest->verdict));
    return met;
}

/*
 * The harvest that stays is that of the rate which the search tells, from the trial that confirmed
 * it, or of the last trial. What was met by luck is not kept: the search tries its answer twice.
 */
static int bench_search(struct bench *bench)
{
    struct search_plan search_plan = { .start = bench->options.rate };
    struct search search;
    struct harvest best = { 0 };
    struct plan best_plan = { 0 };
    double rate = 0;
    int exit_code = 0;

    if (bench->options.rate_text == NULL) {
        exit_code = bench_probe(bench, &search_plan.start);
    }
    if (exit_code != 0) {
        return exit_code;
    }
    search_init(&search, &search_plan);
    while (exit_code == 0 && interrupt_count() == 0 && (rate = search_next_rate(&search)) > 0) {
        bench_plan(bench, true, rate);
        bench->plan.stops_if_saturated = true;
        if (bench->options.grace_ns == BENCH_OPTIONS_UNSET) {
            bench->plan.grace_ns = TRIAL_GRACE_NS;
        }
        exit_code = bench_run(bench);
        if (exit_code == 0 && interrupt_count() == 0) {
            bool met = bench_judge_trial(bench, rate);
            search_feed(&search, met);
            if (met && rate >= search_result(&search).rate_met) {
                harvest_free(&best);
                best = bench->harvest;
                best_plan = bench->plan;
                bench->harvest = (struct harvest){ 0 };
            }
        }
    }
    bench->rate_found = search_result(&search).rate_met;
    if (exit_code == 0 && best.tally != NULL) {
        harvest_free(&bench->harvest);
        bench->harvest = best;
        bench->plan = best_plan;
        bench->harvest.plan = &bench->plan;
        bench->harvest.interrupted = interrupt_count() > 0; /* the search was */
    } else {
        harvest_free(&best);
    }
    return exit_code;
}

/* --- The steps --- */

/* Which variables of the environment had a say; and what others may have seen. */
static void bench_say_first(struct bench *bench)
{
    struct text line;

    text_init(&line, 0);
    reach_append_variable(&line, bench->work.variable);
    reach_append_variable(&line, bench->keys.variable);
    reach_append_variable(&line, "OPENAI_ORG_ID");
    reach_append_variable(&line, "OPENAI_PROJECT_ID");
    const struct proxies_item *proxy = proxies_find(&bench->proxies, bench->work.url);
    if (proxy != NULL) {
        reach_append_variable(&line, proxy->from);
    }
    if (line.size != 0 && !line.failed) {
        struct text url;
        text_init(&url, 0);
        server_append_url(&url, bench->work.url);
        progress_say(&bench->progress, "server %s%s)", url.size == 0 ? "" : url.bytes, line.bytes);
        text_free(&url);
    }
    text_free(&line);
    if (bench->proxies.literal_secret) {
        progress_say(&bench->progress, "-x: other users of this machine may have seen the "
                                       "password: say it in https_proxy or http_proxy");
    }
    if (bench->headers.literal_secret != NULL) {
        progress_say(&bench->progress,
                     "-H %s: other users of this machine may have seen it: say -H @FILE",
                     bench->headers.literal_secret);
    }
}

static void bench_say_io(struct bench *bench)
{
    const struct quoit_stats stats = { .io_refusal = bench->harvest.io_refusal };
    struct text line;

    text_init(&line, 0);
    reach_append_io(&line, &stats);
    if (line.size != 0) {
        progress_say(&bench->progress, "%s", line.bytes);
    }
    text_free(&line);
}

/* All that is needed before the first request. */
static int bench_open(struct bench *bench)
{
    static char none[] = "";
    struct bench_options *options = &bench->options;
    const struct reach_tls files = { options->cacert, options->cert, options->key,
                                     options->insecure };
    const struct keys_source source = {
        .variable = options->api_key_env,
        .file = options->api_key_file,
        .header = options->api_key_header,
    };
    int exit_code = headers_open(&bench->headers, options->headers, options->headers_count,
                                 options->api_key_header);

    if (exit_code != 0) {
        return exit_code;
    }
    if (!proxies_open(&bench->proxies, options->unix_socket != NULL ? none : options->proxy)) {
        fputs("quoit: out of memory\n", stderr);
        return EXIT_START;
    }
    exit_code = reach_open_keys(&bench->keys, &source, "quoit bench");
    exit_code = exit_code != 0 ? exit_code
                               : work_open(&bench->work, options, &bench->headers, &bench->keys,
                                           &bench->proxies);
    exit_code = exit_code != 0 ? exit_code : work_check(&bench->work);
    exit_code = exit_code != 0 ? exit_code : reach_open_tls(&files, &bench->tls);
    if (exit_code == 0 && !results_open(&bench->results, options)) {
        exit_code = EXIT_OUTPUT;
    }
    if (exit_code == 0 && options->csv != NULL) {
        bench->csv = csv_open(options->csv, (uint32_t)options->threads);
        exit_code = bench->csv != NULL ? 0 : EXIT_OUTPUT;
    }
    return exit_code;
}

static int bench_exit_code(const struct bench *bench)
{
    const struct bench_options *options = &bench->options;
    const struct harvest *harvest = &bench->harvest;
    bool missed = !report_slos_are_met(options, harvest) ||
                  (options->strict && harvest->verdict != VERDICT_OK) ||
                  (options->find_max_rate && bench->rate_found == 0);

    if (interrupt_signal() != 0) {
        return EXIT_SIGNAL + (interrupt_signal() == SIGINT ? SIGINT : SIGTERM);
    }
    if (missed) {
        return EXIT_MISSED;
    }
    return harvest->tally->failed + harvest->tally->unsent > 0 && !report_allows_errors(options)
               ? EXIT_FAILED
               : EXIT_GOOD;
}

/* The run, or the search, and what it leaves. */
static int bench_work(struct bench *bench)
{
    const struct bench_options *options = &bench->options;
    bool set = options->grace_ns != BENCH_OPTIONS_UNSET;
    int exit_code = 0;

    bench_say_first(bench);
    interrupt_catch(set ? options->grace_ns : INT_GRACE_NS,
                    set ? options->grace_ns : TERM_GRACE_NS);
    if (options->find_max_rate) {
        exit_code = bench_search(bench);
    } else {
        bench_plan(bench, options->rate_text != NULL || options->ramp_text != NULL, options->rate);
        exit_code = bench_run(bench);
    }
    if (exit_code != 0) {
        return exit_code;
    }
    const struct report report = {
        .options = options,
        .harvest = &bench->harvest,
        .steps = bench->steps,
        .steps_count = bench->steps_count,
        .rate_found = bench->rate_found,
    };
    bench_say_io(bench);
    bool written = results_write(&bench->results, &report);
    bool csv_written = csv_close(bench->csv);
    bench->csv = NULL;
    return written && csv_written ? bench_exit_code(bench) : EXIT_OUTPUT;
}

static void bench_close(struct bench *bench)
{
    (void)csv_close(bench->csv);
    results_close(&bench->results);
    harvest_free(&bench->harvest);
    quoit_tls_destroy(bench->tls);
    work_close(&bench->work);
    keys_close(&bench->keys);
    headers_close(&bench->headers);
    proxies_close(&bench->proxies);
    free(bench);
}

int bench_main(int count, char **words)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    int exit_code = EXIT_GOOD;

    if (bench == NULL) {
        fputs("quoit: out of memory\n", stderr);
        return EXIT_START;
    }
    bench->results.json.fd = bench->results.html.fd = bench->results.hlog.fd = -1;
    if (!bench_options_parse(&bench->options, count, words)) {
        exit_code = EXIT_USAGE;
    } else if (bench->options.help) {
        bench_options_print_help(stdout);
    } else if (bench->options.version) {
        version_print();
    } else {
        progress_init(&bench->progress, (enum options_progress)bench->options.progress,
                      bench->options.quiet);
        exit_code = bench_open(bench);
        exit_code = exit_code != 0 ? exit_code : bench_work(bench);
    }
    bench_close(bench);
    return exit_code;
}
