/*
 * options: what is not said, what is said, and for each refusal its line.
 */
#include "bench/options.h"
#include "tests/unit/capture.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define WORDS_MAX 80
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct bench_options options;

/*
 * Parse words between single spaces, or tabs where one of them holds spaces. They stay there until
 * the next call.
 */
static bool parse(const char *line)
{
    static char copy[4096];
    const char *between = strchr(line, '\t') != NULL ? "\t" : " ";
    char *words[WORDS_MAX];
    char *rest = copy;
    int count = 0;

    snprintf(copy, sizeof(copy), "%s", line);
    while (rest != NULL && *copy != '\0' && count < WORDS_MAX) {
        words[count++] = strsep(&rest, between);
    }
    return bench_options_parse(&options, count, words);
}

static const char *refusal(const char *line)
{
    capture_begin();
    bool good = parse(line);
    const char *said = capture_end();

    return good ? "accepted" : said;
}

static void test_defaults_are_those_of_the_manual(void)
{
    CHECK(parse("http://h/"));
    CHECK_STR(options.url, "http://h/");
    CHECK_EQ(options.requests, BENCH_OPTIONS_UNSET);
    CHECK_EQ(options.duration_ns, BENCH_OPTIONS_UNSET);
    CHECK_EQ(options.concurrency, BENCH_OPTIONS_UNSET);
    CHECK_EQ(options.warmup_ns, BENCH_OPTIONS_UNSET);
    CHECK_EQ(options.warmup_requests, BENCH_OPTIONS_UNSET);
    CHECK_EQ(options.grace_ns, BENCH_OPTIONS_UNSET);
    CHECK_EQ(options.spin_ns, BENCH_OPTIONS_UNSET);
    CHECK_EQ(options.threads, 1);
    CHECK_EQ(options.seed, 1);
    CHECK_EQ(options.body_max, UINT64_C(64) << 20);
    CHECK_EQ(options.timeout_ns, 0);
    CHECK_EQ(options.input_order, BENCH_INPUT_TURN);
    CHECK_EQ(options.dialect, BENCH_DIALECT_QUOIT);
    CHECK_EQ(options.arrival, SCHEDULE_CONSTANT);
    CHECK(options.rate == 0);
    CHECK(options.max_error_rate < 0);
    CHECK(!options.goodput.used);
    CHECK(!options.stream);
    CHECK(!options.strict);
    CHECK(options.method == NULL);
    CHECK(options.body == NULL);
    CHECK(options.proxy == NULL);
    CHECK(options.json == NULL);
}

static void test_the_url_may_be_left_out(void)
{
    CHECK(parse(""));
    CHECK(options.url == NULL);
}

static void test_load_arrives_in_its_fields(void)
{
    CHECK(parse("-q 1.5 -n 20 -c 7 --threads 3 --seed 9 --arrival gamma:0.5 --rescale http://h"));
    CHECK(options.rate == 1.5);
    CHECK_EQ(options.requests, 20);
    CHECK_EQ(options.concurrency, 7);
    CHECK_EQ(options.threads, 3);
    CHECK_EQ(options.seed, 9);
    CHECK_EQ(options.arrival, SCHEDULE_GAMMA);
    CHECK(options.shape == 0.5);
    CHECK(options.rescale);
    CHECK(parse("--ramp 10:200.5 -z 1m --arrival poisson http://h"));
    CHECK(options.ramp_from == 10);
    CHECK(options.ramp_to == 200.5);
    CHECK_EQ(options.duration_ns, UINT64_C(60000000000));
    CHECK_EQ(options.arrival, SCHEDULE_POISSON);
    CHECK(parse("--find-max-rate --arrival poisson http://h"));
}

static void test_a_warm_up_is_a_time_or_a_number_or_none(void)
{
    static const struct {
        const char *line;
        uint64_t ns, requests;
    } cases[] = {
        { "--warmup 5s u", UINT64_C(5000000000), BENCH_OPTIONS_UNSET },
        { "--warmup 100 u", BENCH_OPTIONS_UNSET, 100 },
        { "--warmup 0 u", BENCH_OPTIONS_UNSET, 0 },
        { "--warmup 0s u", 0, BENCH_OPTIONS_UNSET },
        { "--warmup none u", BENCH_OPTIONS_UNSET, 0 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(cases[i].line);
        CHECK(parse(cases[i].line));
        CHECK_EQ(options.warmup_ns, cases[i].ns);
        CHECK_EQ(options.warmup_requests, cases[i].requests);
    }
}

static void test_limits_arrive_in_their_fields(void)
{
    CHECK(parse("--slo ttft_p99<200ms --slo error_rate<=1% --slo goodput>=3 --goodput "
                "ttft<200ms,tpot<50ms --max-error-rate 0.5% --strict u"));
    CHECK_EQ(options.slo_texts_count, 3);
    CHECK_EQ(options.slos[0].metric, METRIC_TTFT);
    CHECK(options.slos[0].limit == 200e6);
    CHECK_EQ(options.slos[1].kind, SLO_ERROR_RATE);
    CHECK_EQ(options.slos[2].kind, SLO_GOODPUT);
    CHECK(options.goodput.used);
    CHECK_EQ(options.goodput.limit_ns[METRIC_TPOT], 49999999);
    CHECK(options.max_error_rate == 0.005);
    CHECK_STR(options.max_error_expr, "error_rate<=0.005");
    CHECK(options.strict);
    CHECK(parse("--max-error-rate 0 u"));
    CHECK(options.max_error_rate == 0);
    CHECK(parse("--max-error-rate 1 u"));
    CHECK(options.max_error_rate == 1);
    CHECK(parse("--max-error-rate 100% u"));
    CHECK(options.max_error_rate == 1);
}

static void test_the_request_is_said_as_to_curl(void)
{
    CHECK(parse("-X\tPUT\t-d\t{\"a\": 1}\t-H\tA: 1\t-H\tB: 2\t-k\t-x\t\thttp://h"));
    CHECK_STR(options.method, "PUT");
    CHECK_STR(options.body, "{\"a\": 1}");
    CHECK_EQ(options.headers_count, 2);
    CHECK_STR(options.headers[1], "B: 2");
    CHECK_STR(options.proxy, "");
    CHECK(options.insecure);
    CHECK_STR(options.url, "http://h");
    CHECK(parse("-d\t\thttp://h"));
    CHECK_STR(options.body, "");
}

static void test_a_body_that_might_be_a_time_is_one_if_a_time_or_a_number_is_said(void)
{
    CHECK(parse("-d 10s -z 5s u"));
    CHECK_STR(options.body, "10s");
    CHECK(parse("-d 10s -n 5 u"));
    CHECK(parse("-d @10s u"));
    CHECK(parse("-d 10 u"));
    CHECK(parse("-d 0000000000010s u")); /* nobody writes a time so */
}

static void test_what_cannot_be_is_refused_with_what_to_say(void)
{
    static const struct {
        const char *line, *said;
    } cases[] = {
        { "-t 4 u", "-t is not defined, since tools disagree: say --threads for threads, "
                    "--timeout for a time" },
        { "-d 10s u", "-d is the body, as curl's: for a duration say -z 10s" },
        { "-d 500ms u", "-d is the body, as curl's: for a duration say -z 500ms" },
        { "-q 0 u", "-q 0: say requests a second, more than 0" },
        { "-q fast u", "-q fast: say requests a second, more than 0" },
        { "-q -1 u", "-q -1: say requests a second, more than 0" },
        { "--ramp 5 u", "--ramp 5: say R0:R1, requests a second" },
        { "--ramp 0:0 u", "--ramp 0:0: say R0:R1, requests a second" },
        { "-q 1 --arrival uniform u", "--arrival uniform: say constant, poisson or gamma:SHAPE" },
        { "-q 1 --arrival gamma:0 u", "--arrival gamma:0: say constant, poisson or gamma:SHAPE" },
        { "--warmup soon u", "--warmup soon: say a number of requests, or a duration as 5s" },
        { "--max-error-rate 2 u", "--max-error-rate 2: say 1% or 0.01" },
        { "--max-error-rate 101% u", "--max-error-rate 101%: say 1% or 0.01" },
        { "--max-error-rate -1 u", "--max-error-rate -1: say 1% or 0.01" },
        { "--max-error-rate nan u", "--max-error-rate nan: say 1% or 0.01" },
        { "--max-error-rate 1%% u", "--max-error-rate 1%%: say 1% or 0.01" },
        { "--max-error-rate % u", "--max-error-rate %: say 1% or 0.01" },
        { "-n 5 -z 5s u", "-n and -z: one of them" },
        { "-z none u", "-z none: say how long, or -n N" },
        { "-q 5 --ramp 1:2 u", "-q and --ramp: one of them" },
        { "--ramp 1:2 --find-max-rate u", "--ramp and --find-max-rate: one of them" },
        { "--arrival poisson u", "--arrival goes with -q: without it the server decides when" },
        { "--rescale -q 5 u", "--rescale goes with -q and -n" },
        { "--rescale -n 5 u", "--rescale goes with -q and -n" },
        { "-c 2 --threads 3 u", "--threads 3: more than -c 2" },
        { "--json - --csv - u", "only one result can go to stdout" },
        { "--html - --hlog - u", "only one result can go to stdout" },
        { "--dialect vllm u", "--dialect vllm goes with --json F" },
        { "--slo goodput>5 u", "--slo 'goodput>5' goes with --goodput, which says what is good" },
        { "--input f -d b u", "--input has its own methods and bodies: not beside -X and -d" },
        { "--input f -X PUT u", "--input has its own methods and bodies: not beside -X and -d" },
        { "--cert f u", "--cert and --key go together: --key is missing" },
        { "--key f u", "--cert and --key go together: --cert is missing" },
        { "--api-key-env E --api-key-file F u", "--api-key-env and --api-key-file: one of them" },
        { "-x http://p --unix-socket s u", "-x and --unix-socket: one of them" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char wanted[256];
        check_case(cases[i].line);
        snprintf(wanted, sizeof(wanted), "quoit bench: %s\n", cases[i].said);
        CHECK_STR(refusal(cases[i].line), wanted);
    }
}

/* The reason is of slo.c, and tested there. */
static void test_what_is_no_limit_is_refused_by_its_name(void)
{
    CHECK(strncmp(refusal("--slo ttft<5 u"), "quoit bench: --slo 'ttft<5': ", 29) == 0);
    CHECK(strncmp(refusal("--goodput itl<5 u"), "quoit bench: --goodput 'itl<5': ", 32) == 0);
    CHECK(strncmp(refusal("--slo ttft_p99<1s --slo x u"), "quoit bench: --slo 'x': ", 24) == 0);
}

/* Of the table, which cli_option_test holds to its own promises. */
static void test_the_table_refuses_what_is_out_of_bounds(void)
{
    static const char *const lines[] = {
        "-n 0 u",
        "-n 1.5 u",
        "-c 0 u",
        "-c 1000001 u",
        "--threads 0 u",
        "--threads 1025 u",
        "-z 0 u",
        "-z 5 u",
        "--seed -1 u",
        "--timeout 0 u",
        "--body-max 0 u",
        "--io aio u",
        "--dialect oha u",
        "--input-order by u",
        "--nowhere u",
        "-n",
        "http://a http://b",
        "--json= u",
    };

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        check_case(lines[i]);
        const char *said = refusal(lines[i]);
        CHECK(strncmp(said, "quoit bench: ", 13) == 0);
        CHECK(said[0] != '\0' && said[strlen(said) - 1] == '\n');
        CHECK(strchr(said, '\n') == said + strlen(said) - 1); /* one line */
    }
}

static void test_lists_have_an_end(void)
{
    static char line[4096];
    size_t size = 0;

    for (int i = 0; i <= BENCH_OPTIONS_SLOS_MAX; i++) {
        size += (size_t)snprintf(line + size, sizeof(line) - size, "--slo ttft_p99<1s ");
    }
    line[--size] = '\0';
    CHECK(parse(line + strlen("--slo ttft_p99<1s "))); /* one less */
    CHECK_EQ(options.slo_texts_count, BENCH_OPTIONS_SLOS_MAX);
    CHECK_STR(refusal(line), "quoit bench: --slo: at most 32 of them\n");
}

static void test_help_is_not_held_up_by_what_else_is_wrong(void)
{
    CHECK(parse("--help -n 5 -z 5s"));
    CHECK(options.help);
    CHECK(parse("--version -q x"));
    CHECK(options.version);
}

static void test_help_names_each_option_that_the_contract_names(void)
{
    static const char *const names[] = {
        "-n",
        "-z",
        "-c",
        "-q",
        "--arrival",
        "--ramp",
        "--warmup",
        "--grace",
        "--seed",
        "--threads",
        "--input",
        "--input-order",
        "--stream",
        "--strict",
        "--slo",
        "--goodput",
        "--find-max-rate",
        "--max-error-rate",
        "--json",
        "--csv",
        "--hlog",
        "--html",
        "--dialect",
        "--rescale",
        "-X",
        "-d",
        "-H",
        "-k",
        "-x",
    };
    FILE *file = tmpfile();
    static char text[16384];

    bench_options_print_help(file);
    rewind(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    CHECK(size > 0 && size < sizeof(text) - 1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        check_case(names[i]);
        CHECK(strstr(text, names[i]) != NULL);
    }
    char *rest = text;
    for (char *line = NULL; (line = strsep(&rest, "\n")) != NULL;) {
        check_case(line);
        CHECK(strlen(line) <= 100);
    }
}

int main(void)
{
    RUN(test_defaults_are_those_of_the_manual);
    RUN(test_the_url_may_be_left_out);
    RUN(test_load_arrives_in_its_fields);
    RUN(test_a_warm_up_is_a_time_or_a_number_or_none);
    RUN(test_limits_arrive_in_their_fields);
    RUN(test_the_request_is_said_as_to_curl);
    RUN(test_a_body_that_might_be_a_time_is_one_if_a_time_or_a_number_is_said);
    RUN(test_what_cannot_be_is_refused_with_what_to_say);
    RUN(test_what_is_no_limit_is_refused_by_its_name);
    RUN(test_the_table_refuses_what_is_out_of_bounds);
    RUN(test_lists_have_an_end);
    RUN(test_help_is_not_held_up_by_what_else_is_wrong);
    RUN(test_help_names_each_option_that_the_contract_names);
    return check_done();
}
