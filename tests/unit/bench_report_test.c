/*
 * report: a run that never was, as a table and as JSON.
 */
#include "bench/report.h"
#include "tests/unit/check.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct work_item item = { .method = "POST", .url = "http://h:8000/v1/chat?key=sesame" };
static struct work work = { .items = &item, .count = 1, .url = "http://h:8000/v1/chat?key=sesame" };
static struct bench_options options;
static struct plan plan;
static struct harvest harvest;
static struct report report;

static void add_values(enum metric metric, uint64_t count, uint64_t step_ns)
{
    for (uint64_t i = 1; i <= count; i++) {
        spread_add(&harvest.tally->metrics[metric], i * step_ns);
    }
}

/* An open loop of streams with some of everything. */
static void begin(void)
{
    options = (struct bench_options){ .max_error_rate = -1 };
    plan = (struct plan){
        .work = &work,
        .open_loop = true,
        .schedule = { .arrival = SCHEDULE_GAMMA, .shape = 0.5, .rate_from = 100, .rate_to = 100 },
        .slots = 2000,
        .threads = 2,
        .requests = UINT64_MAX,
        .duration_ns = 10 * NS_PER_S,
        .seed = UINT64_MAX,
        .stream = true,
    };
    harvest = (struct harvest){
        .plan = &plan,
        .tally = tally_create(),
        .timeline = calloc(1, sizeof(struct timeline)),
        .begin_ns = NS_PER_S,
        .end_ns = 11 * NS_PER_S,
        .warm_seconds = 1.25,
        .started_at = 951782400,
        .io = QUOIT_IO_URING,
    };
    assert(harvest.tally != NULL && harvest.timeline != NULL);
    struct tally *tally = harvest.tally;
    tally->ok = tally->window_ok = 1000;
    tally->failed = 40;
    tally->unsent = 10;
    tally->statuses[200] = 1000;
    tally->statuses[503] = 30;
    tally->errors[QUOIT_E_RESET] = 6;
    tally->errors[QUOIT_E_NO_MEMORY] = 1;
    tally->errors[QUOIT_E_NO_SLOT] = 3; /* of the same code */
    tally->tokens_in = tally->window_tokens_in = 30000;
    tally->tokens_out = tally->window_tokens_out = 60000;
    tally->tokens_known = tally->metered = true;
    tally->within_limits = tally->window_within_limits = 800;
    tally->due_sent = 1020;
    tally->warm_requests = 77;
    tally->messages = 600;
    tally->reads = 200;
    tally->in_flight_max = 33;
    tally->workers = 2;
    tally->busiest = 0.25;
    tally->resent = 5;
    tally->engine = (struct tally_engine){
        .at_ns = 10 * NS_PER_S,
        .cpu_ns = 4 * NS_PER_S,
        .spin_ns = NS_PER_S,
        .ended = 2000,
        .sqes = 6000,
        .cqes = 8000,
        .entries = 1000,
        .no_buffers = 3,
        .opened = 44,
    };
    add_values(METRIC_LATENCY, 1000, NS_PER_MS);
    add_values(METRIC_SERVICE, 100, NS_PER_MS);
    add_values(METRIC_TTFT, 10, NS_PER_MS);
    add_values(METRIC_TPOT, 10, 2 * NS_PER_MS);
    add_values(METRIC_ITL, 10, 3 * NS_PER_MS);
    add_values(METRIC_E2EL, 10, 4 * NS_PER_MS);
    add_values(METRIC_LAG, 10, 1000);
    harvest_reckon(&harvest, &tally->engine);
    report = (struct report){ .options = &options, .harvest = &harvest };
}

static void set_slo(const char *text)
{
    const char *why = NULL;

    assert(slo_parse(text, &options.slos[options.slo_texts_count], &why));
    options.slo_texts[options.slo_texts_count++] = text;
}

/* As a program reads it. */
static cJSON *read_back(cJSON *built)
{
    char *text = cJSON_Print(built);
    cJSON *read = cJSON_Parse(text);

    assert(read != NULL);
    cJSON_free(text);
    cJSON_Delete(built);
    return read;
}

/* "a/0/c", with one digit; NULL: it is not there. */
static const cJSON *find(const cJSON *root, const char *place)
{
    char name[64];

    while (root != NULL && *place != '\0') {
        size_t size = strcspn(place, "/");
        snprintf(name, sizeof(name), "%.*s", (int)size, place);
        root = cJSON_IsArray(root) ? cJSON_GetArrayItem(root, name[0] - '0')
                                   : cJSON_GetObjectItemCaseSensitive(root, name);
        place += size + (place[size] == '/');
    }
    return root;
}

static void check_number(const cJSON *root, const char *place, double wanted)
{
    const cJSON *number = find(root, place);

    if (!cJSON_IsNumber(number) || fabs(number->valuedouble - wanted) > 1e-9 * fabs(wanted)) {
        CHECK_FAIL("%s is %.17g, wanted %.17g", place,
                   cJSON_IsNumber(number) ? number->valuedouble : NAN, wanted);
    }
}

static void check_text(const cJSON *root, const char *place, const char *wanted)
{
    const char *text = cJSON_GetStringValue(find(root, place));

    if (text == NULL || strcmp(text, wanted) != 0) {
        CHECK_FAIL("%s is %s, wanted %s", place, text == NULL ? "none" : text, wanted);
    }
}

static const char *print_table(void)
{
    static char text[8192];
    FILE *file = tmpfile();

    report_print(&report, file);
    rewind(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    return text;
}

/* --- JSON --- */

static const struct {
    const char *place;
    double value;
} result_numbers[] = {
    { "requests/total", 1050 },
    { "requests/ok", 1000 },
    { "requests/failed", 40 },
    { "requests/unsent", 10 },
    { "requests/resent", 5 },
    { "requests/errors/connection_reset", 6 },
    { "requests/errors/resource", 4 },
    { "statuses/200", 1000 },
    { "statuses/503", 30 },
    { "seconds", 10 },
    { "requests_per_second", 100 },
    { "goodput", 80 },
    { "rate/asked", 105 },
    { "rate/sent", 102 },
    { "latency_ms/count", 1000 },
    { "latency_ms/min", 1 },
    { "latency_ms/mean", 500.5 },
    { "latency_ms/std", 288.675 },
    { "latency_ms/p50", 500.5 },
    { "latency_ms/p75", 750.25 },
    { "latency_ms/p90", 900.1 },
    { "latency_ms/p95", 950.05 },
    { "latency_ms/p99", 990.01 },
    { "latency_ms/p99.9", 999.001 },
    { "latency_ms/max", 1000 },
    { "service_ms/p99", 99.01 },
    { "queue_ms/count", 0 },
    { "connect_ms/count", 0 },
    { "ttft_ms/p50", 5.5 },
    { "ttft_schedule_ms/count", 0 },
    { "tpot_ms/p50", 11 },
    { "itl_ms/p50", 16.5 },
    { "e2el_ms/p50", 22 },
    { "tokens/in", 30000 },
    { "tokens/out", 60000 },
    { "tokens/out_per_second", 6000 },
    { "tokens/total_per_second", 9000 },
    { "slo/0/value", 990.01 },
    { "slo/1/value", 50.0 / 1050 },
    { "slo/2/value", 80 },
    { "slo/3/value", 50.0 / 1050 },
    { "client/lag_ms/max", 0.01 },
    { "client/cpu_us_per_request", 2000 },
    { "client/cpu_share", 0.2 },
    { "client/spin_share", 0.05 },
    { "client/enters_per_request", 0.5 },
    { "client/sqes_per_request", 3 },
    { "client/cqes_per_request", 4 },
    { "client/events_per_read", 3 },
    { "client/no_buffers", 3 },
    { "client/slots_full_share", 0 },
    { "warmup/requests", 77 },
    { "warmup/seconds", 1.25 },
    { "config/concurrency", 2000 },
    { "config/threads", 2 },
    { "config/rate", 100 },
    { "config/arrival_shape", 0.5 },
    { "config/duration_seconds", 10 },
};

static void test_the_numbers_of_the_json_are_those_of_the_run(void)
{
    begin();
    options.goodput_text = "ttft<1s";
    options.max_error_rate = 0.01;
    snprintf(options.max_error_expr, sizeof(options.max_error_expr), "error_rate<=0.01");
    set_slo("latency_p99<1s");
    set_slo("error_rate<1%");
    set_slo("goodput>79");
    cJSON *root = read_back(report_build(&report));
    for (size_t i = 0; i < COUNT_OF(result_numbers); i++) {
        check_number(root, result_numbers[i].place, result_numbers[i].value);
    }
    check_text(root, "percentiles", "exact");
    check_text(root, "client/verdict", "saturated");
    check_text(root, "client/io", "uring");
    check_text(root, "config/arrival", "gamma");
    check_text(root, "server/url", "http://h:8000/v1/chat"); /* a query may hold secrets */
    check_text(root, "server/method", "POST");
    check_text(root, "version", quoit_version());
    check_text(root, "started_at", "2000-02-29T00:00:00Z");
    check_text(root, "slo/0/expr", "latency_p99<1s");
    check_text(root, "slo/3/expr", "error_rate<=0.01");
    CHECK(cJSON_IsTrue(find(root, "slo/0/met")));
    CHECK(cJSON_IsFalse(find(root, "slo/1/met")));
    CHECK(cJSON_IsTrue(find(root, "slo/2/met")));
    CHECK(cJSON_IsFalse(find(root, "slo/3/met")));
    CHECK(cJSON_IsFalse(find(root, "interrupted")));
    CHECK(cJSON_IsNull(find(root, "config/requests")));
    CHECK(cJSON_IsNull(find(root, "service_ms/p99.9"))); /* too few to tell */
    CHECK(find(root, "queue_ms/p50") == NULL);           /* of none the count alone */
    CHECK(find(root, "search") == NULL);
    cJSON_Delete(root);
    harvest_free(&harvest);
}

static void test_what_there_is_not_is_null(void)
{
    begin();
    plan.open_loop = false;
    plan.requests = 1050;
    plan.duration_ns = UINT64_MAX;
    harvest.interrupted = true;
    set_slo("queue_p99<1s");
    cJSON *root = read_back(report_build(&report));
    CHECK(cJSON_IsNull(find(root, "goodput")));
    CHECK(cJSON_IsNull(find(root, "rate/asked")));
    CHECK(cJSON_IsNull(find(root, "rate/sent")));
    CHECK(cJSON_IsNull(find(root, "config/rate")));
    CHECK(cJSON_IsNull(find(root, "config/duration_seconds")));
    CHECK(cJSON_IsNull(find(root, "slo/0/value")));
    CHECK(cJSON_IsFalse(find(root, "slo/0/met")));
    CHECK(cJSON_IsTrue(find(root, "interrupted")));
    check_number(root, "config/requests", 1050);
    check_text(root, "config/arrival", "closed");
    cJSON_Delete(root);
    harvest_free(&harvest);
}

static void test_a_seed_has_all_its_digits(void)
{
    begin();
    cJSON *root = report_build(&report);
    char *text = cJSON_PrintUnformatted(root);
    CHECK(strstr(text, "\"seed\":18446744073709551615,") != NULL);
    cJSON_free(text);
    cJSON_Delete(root);
    harvest_free(&harvest);
}

static void test_curves_rise_to_their_end_and_buckets_hold_all(void)
{
    begin();
    add_values(METRIC_QUEUE, 900000, 7);
    spread_add(&harvest.tally->metrics[METRIC_QUEUE], NS_PER_S); /* one that is far away */
    cJSON *root = read_back(report_build(&report));
    const cJSON *curve = find(root, "distributions/queue_ms/curve");
    const cJSON *buckets = find(root, "distributions/queue_ms/buckets");
    int points = cJSON_GetArraySize(curve);
    double percentile = -1, value = -1, count = 0, end = 0;
    for (int i = 0; i < points; i++) {
        const cJSON *point = cJSON_GetArrayItem(curve, i);
        CHECK(cJSON_GetArrayItem(point, 0)->valuedouble > percentile);
        CHECK(cJSON_GetArrayItem(point, 1)->valuedouble >= value);
        percentile = cJSON_GetArrayItem(point, 0)->valuedouble;
        value = cJSON_GetArrayItem(point, 1)->valuedouble;
    }
    CHECK(percentile == 100);
    CHECK(value == 1000);
    const cJSON *bucket = NULL;
    cJSON_ArrayForEach(bucket, buckets)
    {
        CHECK(cJSON_GetArrayItem(bucket, 0)->valuedouble >= end * 0.99999);
        end = cJSON_GetArrayItem(bucket, 1)->valuedouble;
        CHECK(end > cJSON_GetArrayItem(bucket, 0)->valuedouble);
        count += cJSON_GetArrayItem(bucket, 2)->valuedouble;
    }
    CHECK(count == 900001);
    CHECK(find(root, "distributions/connect_ms") == NULL);
    cJSON_Delete(root);
    harvest_free(&harvest);
}

static void test_points_in_time_hold_what_ended_in_them(void)
{
    static struct pulse pulse;
    static struct pulse_sum now;

    begin();
    timeline_begin(harvest.timeline, NS_PER_S / 2, NS_PER_S, NS_PER_S, &now);
    pulse_count(&pulse.sent, 5);
    pulse_count(&pulse.ok, 3);
    pulse_count(&pulse.failed, 1);
    pulse_count(&pulse.tokens_out, 9);
    pulse_add(&pulse, PULSE_LATENCY, 4 * NS_PER_MS);
    pulse_read(&now, &pulse);
    timeline_take(harvest.timeline, NS_PER_S + 510 * NS_PER_MS, &now);
    cJSON *root = read_back(report_build(&report));
    check_number(root, "timeline/interval_seconds", 0.5);
    check_number(root, "timeline/points/0/seconds", 0);
    check_number(root, "timeline/points/0/length", 0.51);
    check_number(root, "timeline/points/0/sent", 5);
    check_number(root, "timeline/points/0/ok", 3);
    check_number(root, "timeline/points/0/failed", 1);
    check_number(root, "timeline/points/0/tokens_out", 9);
    check_number(root, "timeline/points/0/latency_ms/count", 1);
    check_number(root, "timeline/points/0/latency_ms/mean", 4);
    check_number(root, "timeline/points/0/itl_ms/count", 0);
    CHECK(find(root, "timeline/points/0/itl_ms/p50") == NULL);
    CHECK_EQ(cJSON_GetArraySize(find(root, "timeline/points")), 1);
    cJSON_Delete(root);
    harvest_free(&harvest);
}

static void test_the_dialect_of_vllm_has_its_keys(void)
{
    static const struct {
        const char *key;
        double value;
    } numbers[] = {
        { "duration", 10 },
        { "completed", 1000 },
        { "failed", 50 },
        { "total_input_tokens", 30000 },
        { "total_output_tokens", 60000 },
        { "request_throughput", 100 },
        { "output_throughput", 6000 },
        { "total_token_throughput", 9000 },
        { "max_concurrent_requests", 33 },
        { "mean_ttft_ms", 5.5 },
        { "median_ttft_ms", 5.5 },
        { "std_ttft_ms", 2.872 },
        { "p99_ttft_ms", 9.91 },
        { "mean_tpot_ms", 11 },
        { "median_tpot_ms", 11 },
        { "std_tpot_ms", 5.745 },
        { "p99_tpot_ms", 19.82 },
        { "mean_itl_ms", 16.5 },
        { "median_itl_ms", 16.5 },
        { "std_itl_ms", 8.617 },
        { "p99_itl_ms", 29.73 },
        { "mean_e2el_ms", 22 },
        { "median_e2el_ms", 22 },
        { "std_e2el_ms", 11.489 },
        { "p99_e2el_ms", 39.64 },
    };

    begin();
    cJSON *root = read_back(report_build_vllm(&report));
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        check_number(root, numbers[i].key, numbers[i].value);
    }
    CHECK(cJSON_IsNull(find(root, "request_goodput")));
    cJSON_Delete(root);
    options.goodput_text = "ttft<1s";
    root = read_back(report_build_vllm(&report));
    check_number(root, "request_goodput", 80);
    cJSON_Delete(root);
    harvest_free(&harvest);
}

/* --- The table --- */

static void test_the_table_says_what_happened(void)
{
    static const char *const lines[] = {
        "POST http://h:8000/v1/chat\n",
        "  open loop, 100/s, gamma, at most 2,000 in flight, 2 threads, streams, io_uring\n",
        "  requests   1,050   ok 1,000   failed 40   unsent 10   error rate 4.76%   in 10.00s\n",
        "  rate       100/s   asked 105/s   sent 102/s   goodput 80/s (ttft<1s)\n",
        "  tokens     in 30,000   out 60,000   6,000 out/s   9,000/s in all\n",
        "                      min     mean      p50      p90      p99    p99.9      max\n",
        "  latency          1.00ms    500ms    500ms    900ms    990ms    999ms    1.00s\n",
        "  service          1.00ms   50.5ms   50.5ms   90.1ms   99.0ms        -    100ms\n",
        "  ttft             1.00ms   5.50ms   5.50ms   9.10ms        -        -   10.0ms\n",
        "  lag              1.00us   5.50us   5.50us   9.10us        -        -   10.0us\n",
        "  statuses   200: 1000 503: 30\n",
        "  resent     5, each at once, after a kept connection had died\n",
        "  slo        met    latency_p99<1s: 990ms\n",
        "  slo        missed error_rate<1%: 4.76%\n",
        "  slo        missed queue_p50<1s: -\n",
        "  client     SATURATED: the server does not keep up with this rate",
        "             2000.00us of CPU a request, 40% of a core (10% spinning); ",
        "0.50 entries, 3.00 SQEs, 4.00 CQEs a request\n",
        "  warm-up    77 requests in 1.25s, not measured\n",
    };

    begin();
    options.goodput_text = "ttft<1s";
    set_slo("latency_p99<1s");
    set_slo("error_rate<1%");
    set_slo("queue_p50<1s");
    const char *at = print_table();
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        const char *line = strstr(at, lines[i]);
        check_case(lines[i]);
        CHECK(line != NULL);
        at = line != NULL ? line : at; /* in this order */
    }
    check_case("");
    CHECK(strchr(at, '\033') == NULL); /* no colours in a file */
    CHECK(strstr(print_table(), "\n  queue ") == NULL);
    CHECK(strstr(print_table(), "interrupted") == NULL);
    harvest_free(&harvest);
}

static void test_the_table_of_a_closed_loop_tells_of_no_rate_that_was_asked(void)
{
    begin();
    plan.open_loop = plan.stream = false;
    plan.threads = 1;
    harvest.interrupted = true;
    harvest.tally->tokens_known = false;
    harvest.io = QUOIT_IO_EPOLL;
    const char *text = print_table();
    CHECK(strstr(text, "  closed loop, 2,000 in flight, whole answers, epoll\n") != NULL);
    CHECK(strstr(text, "asked") == NULL);
    CHECK(strstr(text, "tokens") == NULL);
    CHECK(strstr(text, "  interrupted: this is a part of the run\n") != NULL);
    harvest_free(&harvest);
}

static void test_a_search_is_told_step_by_step(void)
{
    static const struct report_step steps[] = {
        { 100, 99.9, true, VERDICT_OK, 1e6, 2e6, 0 },
        { 200, 180, false, VERDICT_SATURATED, 5e6, NAN, 0.125 },
    };

    begin();
    options.find_max_rate = true;
    report.steps = steps;
    report.steps_count = 2;
    report.rate_found = 100;
    const char *text = print_table();
    CHECK(strstr(text, "  search\n"
                       "           100/s  p50   1.00ms  p99   2.00ms  errors 0%  met  ok\n"
                       "           200/s  p50   5.00ms  p99        -  errors 12.5%  missed  "
                       "saturated\n") != NULL);
    CHECK(strstr(text, "  max rate   100/s\n") != NULL);
    cJSON *root = read_back(report_build(&report));
    check_number(root, "max_rate", 100);
    check_number(root, "search/0/rate", 100);
    check_number(root, "search/1/sent", 180);
    check_number(root, "search/0/latency_ms/p99", 2);
    CHECK(cJSON_IsNull(find(root, "search/1/latency_ms/p99")));
    CHECK(cJSON_IsFalse(find(root, "search/1/met")));
    check_text(root, "search/1/verdict", "saturated");
    cJSON_Delete(root);
    report.rate_found = 0;
    CHECK(strstr(print_table(), "  max rate   none: ") != NULL);
    harvest_free(&harvest);
}

/* --- Limits --- */

static void test_all_limits_have_to_be_met(void)
{
    begin();
    CHECK(report_slos_are_met(&options, &harvest));
    CHECK(!report_allows_errors(&options));
    set_slo("latency_p99<1s");
    CHECK(report_slos_are_met(&options, &harvest));
    CHECK(!report_allows_errors(&options));
    options.max_error_rate = 0.05;
    CHECK(report_slos_are_met(&options, &harvest)); /* 50 of 1,050 */
    CHECK(report_allows_errors(&options));
    options.max_error_rate = 50.0 / 1050; /* the limit itself is good */
    CHECK(report_slos_are_met(&options, &harvest));
    options.max_error_rate = 0.04;
    CHECK(!report_slos_are_met(&options, &harvest));
    options.max_error_rate = -1;
    set_slo("error_rate<50%");
    CHECK(report_allows_errors(&options));
    CHECK(report_slos_are_met(&options, &harvest));
    set_slo("service_p99<1ms");
    CHECK(!report_slos_are_met(&options, &harvest));
    harvest_free(&harvest);
}

int main(void)
{
    RUN(test_the_numbers_of_the_json_are_those_of_the_run);
    RUN(test_what_there_is_not_is_null);
    RUN(test_a_seed_has_all_its_digits);
    RUN(test_curves_rise_to_their_end_and_buckets_hold_all);
    RUN(test_points_in_time_hold_what_ended_in_them);
    RUN(test_the_dialect_of_vllm_has_its_keys);
    RUN(test_the_table_says_what_happened);
    RUN(test_the_table_of_a_closed_loop_tells_of_no_rate_that_was_asked);
    RUN(test_a_search_is_told_step_by_step);
    RUN(test_all_limits_have_to_be_met);
    return check_done();
}
