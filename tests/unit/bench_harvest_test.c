/*
 * harvest: each rule of the verdict on both sides of its threshold, and each formula by hand.
 */
#include "bench/draw.h"
#include "bench/harvest.h"
#include "tests/unit/check.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define BEGIN_NS (100 * NS_PER_S)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct plan plan;
static struct harvest harvest;
static struct tally_engine passed;

/* Ten seconds of an open loop, of one thread that had nothing to complain of. */
static void begin(void)
{
    plan = (struct plan){ .open_loop = true, .requests = UINT64_MAX };
    harvest = (struct harvest){
        .plan = &plan,
        .tally = tally_create(),
        .begin_ns = BEGIN_NS,
        .end_ns = BEGIN_NS + 10 * NS_PER_S,
    };
    assert(harvest.tally != NULL);
    passed = (struct tally_engine){ .at_ns = 10 * NS_PER_S };
}

static void add_values(enum metric metric, uint64_t count, uint64_t value_ns)
{
    for (uint64_t i = 0; i < count; i++) {
        spread_add(&harvest.tally->metrics[metric], value_ns);
    }
}

/* The verdict on what was set since begin, which ends by it. */
static enum verdict judge(void)
{
    harvest_reckon(&harvest, &passed);
    enum verdict verdict = harvest.verdict;
    harvest_free(&harvest);
    return verdict;
}

static void check_verdict(enum verdict wanted)
{
    enum verdict verdict = judge();

    if (verdict != wanted) {
        CHECK_FAIL("%s, wanted %s", verdict_name(verdict), verdict_name(wanted));
    }
}

/* --- The verdict --- */

static enum verdict verdict_on_lag(uint64_t count, uint64_t lag_ns, uint64_t service_ns)
{
    begin();
    add_values(METRIC_LAG, count, lag_ns);
    add_values(METRIC_SERVICE, service_ns == 0 ? 0 : count, service_ns);
    return judge();
}

static void test_lag_may_be_a_millisecond_or_a_twentieth_of_service(void)
{
    CHECK(verdict_on_lag(100, NS_PER_MS, 0) == VERDICT_OK);
    CHECK(verdict_on_lag(100, NS_PER_MS + 1, 0) == VERDICT_CLIENT_LIMITED);
    CHECK(verdict_on_lag(100, NS_PER_MS, 10000) == VERDICT_OK);
    CHECK(verdict_on_lag(100, NS_PER_MS + 1, 20 * NS_PER_MS) == VERDICT_CLIENT_LIMITED);
    CHECK(verdict_on_lag(100, 5 * NS_PER_MS, 100 * NS_PER_MS) == VERDICT_OK);
    CHECK(verdict_on_lag(100, 5 * NS_PER_MS + 1, 100 * NS_PER_MS) == VERDICT_CLIENT_LIMITED);
}

static void test_lag_of_too_few_requests_says_nothing(void)
{
    CHECK(verdict_on_lag(99, NS_PER_S, 0) == VERDICT_OK);
    CHECK(verdict_on_lag(100, NS_PER_S, 0) == VERDICT_CLIENT_LIMITED);
    CHECK(verdict_on_lag(0, 0, 0) == VERDICT_OK);
}

static void test_lag_of_less_than_a_hundredth_of_requests_is_no_matter(void)
{
    begin();
    add_values(METRIC_LAG, 9910, 1000);
    add_values(METRIC_LAG, 90, NS_PER_S);
    check_verdict(VERDICT_OK);
    begin();
    add_values(METRIC_LAG, 9890, 1000);
    add_values(METRIC_LAG, 110, NS_PER_S);
    check_verdict(VERDICT_CLIENT_LIMITED);
}

static void test_a_core_may_be_nine_tenths_busy(void)
{
    begin();
    harvest.tally->busiest = 0.9;
    check_verdict(VERDICT_OK);
    begin();
    harvest.tally->busiest = nextafter(0.9, 1);
    check_verdict(VERDICT_CLIENT_LIMITED);
}

static enum verdict verdict_on_receives(uint64_t no_buffers, uint64_t overflows, uint64_t cqes)
{
    begin();
    passed.no_buffers = no_buffers;
    passed.cq_overflows = overflows;
    passed.cqes = cqes;
    return judge();
}

static void test_a_thousandth_of_receives_may_find_no_buffer(void)
{
    CHECK(verdict_on_receives(1000, 0, 1000000) == VERDICT_OK);
    CHECK(verdict_on_receives(1001, 0, 1000000) == VERDICT_CLIENT_LIMITED);
    CHECK(verdict_on_receives(0, 1001, 1000000) == VERDICT_CLIENT_LIMITED);
    CHECK(verdict_on_receives(500, 500, 1000000) == VERDICT_OK);
    CHECK(verdict_on_receives(500, 501, 1000000) == VERDICT_CLIENT_LIMITED);
    CHECK(verdict_on_receives(0, 0, 0) == VERDICT_OK);
}

static enum verdict verdict_on_slots(bool open_loop, bool given, uint32_t workers, uint64_t full_ns)
{
    begin();
    plan.open_loop = open_loop;
    plan.slots_given = given;
    harvest.tally->workers = workers;
    harvest.tally->full_ns = full_ns;
    return judge();
}

static void test_slots_that_were_given_may_be_taken_a_hundredth_of_the_time(void)
{
    CHECK(verdict_on_slots(true, true, 1, 100 * NS_PER_MS) == VERDICT_OK);
    CHECK(verdict_on_slots(true, true, 1, 100 * NS_PER_MS + 100) == VERDICT_SLOTS_LIMITED);
    CHECK(verdict_on_slots(true, true, 2, 200 * NS_PER_MS) == VERDICT_OK);
    CHECK(verdict_on_slots(true, true, 2, 200 * NS_PER_MS + 100) == VERDICT_SLOTS_LIMITED);
    CHECK(verdict_on_slots(true, false, 1, 10 * NS_PER_S) == VERDICT_OK);
    CHECK(verdict_on_slots(false, true, 1, 10 * NS_PER_S) == VERDICT_OK);
}

static void test_what_could_not_be_sent_is_the_servers_in_an_open_loop(void)
{
    begin();
    harvest.tally->ok = 1000000;
    harvest.tally->unsent = 1;
    check_verdict(VERDICT_SATURATED);
    begin();
    plan.open_loop = false;
    harvest.tally->unsent = 1;
    check_verdict(VERDICT_OK);
}

static void test_the_first_rule_that_holds_is_the_verdict(void)
{
    begin();
    harvest.tally->unsent = 1;
    plan.slots_given = true;
    harvest.tally->full_ns = NS_PER_S;
    harvest.tally->busiest = 0.95;
    check_verdict(VERDICT_CLIENT_LIMITED);
    begin();
    harvest.tally->unsent = 1;
    plan.slots_given = true;
    harvest.tally->full_ns = NS_PER_S;
    check_verdict(VERDICT_SLOTS_LIMITED);
    begin();
    plan.open_loop = false;
    harvest.tally->busiest = 0.95;
    check_verdict(VERDICT_CLIENT_LIMITED);
}

static void test_each_verdict_has_its_own_name_and_meaning(void)
{
    static const char *const names[] = { "ok", "client_limited", "slots_limited", "saturated" };

    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        CHECK_STR(verdict_name((enum verdict)i), names[i]);
        for (unsigned other = 0; other < i; other++) {
            CHECK(strcmp(verdict_meaning((enum verdict)i), verdict_meaning((enum verdict)other)));
        }
    }
}

/* --- Growth --- */

struct growth_case {
    const char *name;
    double rate, window_s;
    struct harvest_load half, three_quarters, whole;
    uint64_t shortest_ns;
    bool growing;
};

static bool is_growing(const struct growth_case *growth)
{
    const struct harvest it = {
        .begin_ns = BEGIN_NS,
        .end_ns = BEGIN_NS + (uint64_t)(growth->window_s * (double)NS_PER_S),
        .rate_asked = growth->rate,
        .half = growth->half,
        .three_quarters = growth->three_quarters,
        .whole = growth->whole,
    };

    return harvest_is_growing(&it, growth->shortest_ns);
}

static const struct growth_case growth_cases[] = {
    { "nothing was ever there", 1000, 10, { 0, 0 }, { 0, 0 }, { 0, 0 }, 0, false },
    { "steady", 1000, 10, { 100, 0 }, { 100, 0 }, { 100, 0 }, 0, false },
    { "a twentieth more than the server does",
      1000,
      10,
      { 250, 0 },
      { 375, 0 },
      { 500, 0 },
      1000,
      true },
    { "half of it is lost", 1000, 10, { 2500, 0 }, { 3750, 0 }, { 5000, 0 }, 1000, true },
    { "slots are out, and requests are late",
      1000,
      10,
      { 1000, 1500000000 },
      { 1000, 2750000000 },
      { 1000, 4000000000 },
      1000,
      true },
    { "late, but not later and later",
      1000,
      10,
      { 1000, 1500000000 },
      { 1000, 1600000000 },
      { 1000, 1550000000 },
      1000,
      false },
    { "from nothing, in the second half", 1000, 10, { 0, 0 }, { 300, 0 }, { 600, 0 }, 1000, true },
    { "it drains", 1000, 10, { 3000, 0 }, { 2000, 0 }, { 1000, 0 }, 1000, false },
    { "a hill in the middle", 1000, 10, { 100, 0 }, { 3000, 0 }, { 120, 0 }, 1000, false },
    { "it was more at three quarters of half",
      1000,
      10,
      { 1000, 0 },
      { 100, 0 },
      { 1600, 0 },
      1000,
      false },
    { "by half, and no more", 1000, 10, { 1000, 0 }, { 1250, 0 }, { 1500, 0 }, 1000, true },
    { "by less than half", 1000, 10, { 1000, 0 }, { 1250, 0 }, { 1499, 0 }, 1000, false },
    { "from one to three: luck", 10, 10, { 1, 0 }, { 2, 0 }, { 3, 0 }, 1000, false },
    { "less than a hundredth of the window",
      100000,
      10,
      { 1000, 0 },
      { 3000, 0 },
      { 9000, 0 },
      1000,
      false },
    { "a fiftieth of the window", 100000, 10, { 1000, 0 }, { 10000, 0 }, { 21000, 0 }, 1000, true },
    { "a model whose answers take half the window",
      10,
      60,
      { 150, 0 },
      { 225, 0 },
      { 300, 0 },
      30 * NS_PER_S,
      false },
    { "answers take a quarter of the window",
      10,
      60,
      { 150, 0 },
      { 225, 0 },
      { 300, 0 },
      15 * NS_PER_S,
      false },
    { "answers take less than that",
      10,
      60,
      { 150, 0 },
      { 225, 0 },
      { 300, 0 },
      15 * NS_PER_S - 1,
      true },
    { "a model's ramp-in: full long before the half",
      10,
      60,
      { 100, 0 },
      { 102, 0 },
      { 98, 0 },
      8 * NS_PER_S,
      false },
    { "no rate is known", 0, 10, { 10, 0 }, { 100, 0 }, { 1000, 0 }, 1000, false },
    { "no window", 1000, 0, { 10, 0 }, { 100, 0 }, { 1000, 0 }, 1000, false },
};

static void test_only_what_grows_to_the_end_is_growing(void)
{
    for (size_t i = 0; i < COUNT_OF(growth_cases); i++) {
        check_case(growth_cases[i].name);
        CHECK(is_growing(&growth_cases[i]) == growth_cases[i].growing);
    }
}

/* Poisson: so many of mean 1 that fit in `mean`. */
static uint64_t draw_poisson(struct draw *draw, double mean)
{
    uint64_t count = 0;

    for (double sum = draw_exponential(draw); sum < mean; sum += draw_exponential(draw)) {
        count++;
    }
    return count;
}

static void test_noise_around_a_level_is_not_growth(void)
{
    static const double levels[] = { 0.5, 2, 5, 10, 30, 100, 1000 };
    struct draw draw = { 1 };

    for (size_t i = 0; i < COUNT_OF(levels); i++) {
        unsigned wrong = 0;
        for (unsigned trial = 0; trial < 1000; trial++) {
            const struct growth_case growth = {
                .rate = 20 * levels[i], /* 50 ms each */
                .window_s = 10,
                .half = { draw_poisson(&draw, levels[i]), 0 },
                .three_quarters = { draw_poisson(&draw, levels[i]), 0 },
                .whole = { draw_poisson(&draw, levels[i]), 0 },
                .shortest_ns = 50 * NS_PER_MS,
            };
            wrong += is_growing(&growth);
        }
        CHECK(wrong == 0);
    }
}

static void test_what_is_growing_makes_a_verdict_of_an_open_loop(void)
{
    for (int open = 0; open < 2; open++) {
        begin();
        plan.open_loop = open;
        harvest.tally->ok = 10000;
        harvest.half.in_flight = 250;
        harvest.three_quarters.in_flight = 375;
        harvest.whole.in_flight = 500;
        add_values(METRIC_SERVICE, 100, NS_PER_MS);
        check_verdict(open ? VERDICT_SATURATED : VERDICT_OK);
    }
}

/* --- Figures --- */

static void check_near(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-12 * fabs(wanted))) {
        CHECK_FAIL("%.17g, wanted %.17g", got, wanted);
    }
}

/* A tally in which no two numbers are alike. */
static void begin_counts(void)
{
    begin();
    harvest.tally->ok = 1000;
    harvest.tally->within_limits = 800;
    harvest.tally->tokens_in = 30000;
    harvest.tally->tokens_out = 60000;
    harvest.tally->window_ok = 900;
    harvest.tally->window_within_limits = 700;
    harvest.tally->window_tokens_in = 20000;
    harvest.tally->window_tokens_out = 50000;
    harvest.tally->failed = 40;
    harvest.tally->unsent = 10;
    harvest.tally->due_sent = 1020;
    harvest.tally->last_end_ns = BEGIN_NS + 16 * NS_PER_S;
}

static void test_rates_count_what_ended_in_the_window(void)
{
    for (int kind = 0; kind < 3; kind++) { /* open; closed for a time; closed, interrupted */
        begin_counts();
        plan.open_loop = kind == 0;
        plan.requests = kind == 2 ? 1050 : UINT64_MAX;
        harvest.interrupted = kind == 2;
        harvest_reckon(&harvest, &passed);
        check_near(harvest.seconds, 10);
        check_near(harvest.requests_per_second, 90);
        check_near(harvest.goodput, 70);
        check_near(harvest.tokens_per_second, 5000);
        check_near(harvest.all_tokens_per_second, 7000);
        check_near(harvest.rate_asked, kind == 0 ? 105 : 0);
        check_near(harvest.rate_sent, kind == 0 ? 102 : 0);
        harvest_free(&harvest);
    }
}

static void test_a_closed_loop_of_so_many_lasts_until_the_last_has_ended(void)
{
    begin_counts();
    plan.open_loop = false;
    plan.requests = 1050;
    harvest_reckon(&harvest, &passed);
    check_near(harvest.seconds, 16);
    check_near(harvest.requests_per_second, 62.5);
    check_near(harvest.goodput, 50);
    check_near(harvest.tokens_per_second, 3750);
    check_near(harvest.all_tokens_per_second, 5625);
    harvest_free(&harvest);
}

static void test_an_open_loop_of_so_many_is_reckoned_over_its_window(void)
{
    begin_counts();
    plan.requests = 1050;
    harvest_reckon(&harvest, &passed);
    check_near(harvest.seconds, 10);
    check_near(harvest.requests_per_second, 90);
    harvest_free(&harvest);
}

static void test_shares_are_of_all_threads(void)
{
    begin();
    harvest.tally->workers = 4;
    harvest.tally->full_ns = 4 * NS_PER_S;
    passed.cpu_ns = 20 * NS_PER_S;
    passed.spin_ns = 8 * NS_PER_S;
    passed.ended = 1000000;
    harvest_reckon(&harvest, &passed);
    check_near(harvest.cpu_us_per_request, 20);
    check_near(harvest.cpu_share, 0.5);
    check_near(harvest.spin_share, 0.2);
    check_near(harvest.full_share, 0.1);
    harvest_free(&harvest);
}

static void test_a_run_of_nothing_has_numbers(void)
{
    for (int open = 0; open < 2; open++) {
        begin();
        plan.open_loop = open;
        plan.requests = 1;
        harvest.end_ns = harvest.begin_ns;
        passed.at_ns = 0;
        harvest_reckon(&harvest, &passed);
        check_near(harvest.seconds, 0);
        check_near(harvest.requests_per_second, 0);
        check_near(harvest.goodput, 0);
        check_near(harvest.rate_asked, 0);
        check_near(harvest.cpu_us_per_request, 0);
        check_near(harvest.cpu_share, 0);
        check_near(harvest.full_share, 0);
        CHECK(harvest.verdict == VERDICT_OK);
        harvest_free(&harvest);
    }
}

/* --- What an --slo is held against --- */

static struct slo slo_of(const char *text)
{
    struct slo slo;
    const char *why = NULL;

    if (!slo_parse(text, &slo, &why)) {
        CHECK_FAIL("%s: %s", text, why);
    }
    return slo;
}

static double value_of(const char *text)
{
    const struct slo slo = slo_of(text);

    return harvest_value(&harvest, &slo);
}

static void test_an_slo_gets_the_statistic_that_it_names(void)
{
    begin();
    for (uint64_t i = 1; i <= 1000; i++) {
        spread_add(&harvest.tally->metrics[METRIC_TTFT], i * NS_PER_MS);
    }
    check_near(value_of("ttft_p50<1s"), 500.5e6);
    check_near(value_of("ttft_p90<1s"), 900.1e6);
    check_near(value_of("ttft_p99.9<1s"), 999.001e6);
    check_near(value_of("ttft_mean<1s"), 500.5e6);
    check_near(value_of("ttft_min<1s"), 1e6);
    check_near(value_of("ttft_max<1s"), 1000e6);
    CHECK(isnan(value_of("itl_p99<1s")));
    CHECK(isnan(value_of("itl_max<1s")));
    harvest_free(&harvest);
}

static void test_a_percentile_that_too_few_values_do_not_tell_is_held_against_their_maximum(void)
{
    begin();
    add_values(METRIC_LATENCY, 98, NS_PER_MS);
    add_values(METRIC_LATENCY, 1, 7 * NS_PER_MS);
    CHECK(isnan(harvest_percentile(&harvest, METRIC_LATENCY, 0.99)));
    check_near(value_of("latency_p99<1s"), 7e6);
    add_values(METRIC_LATENCY, 1, NS_PER_MS);
    check_near(harvest_percentile(&harvest, METRIC_LATENCY, 0.99), 1e6 + 0.01 * 6e6);
    check_near(value_of("latency_p99<1s"), 1e6 + 0.01 * 6e6);
    CHECK(isnan(harvest_percentile(&harvest, METRIC_LATENCY, 0.999)));
    harvest_free(&harvest);
}

static void test_rates_are_values_of_an_slo_too(void)
{
    begin_counts();
    CHECK(isnan(value_of("latency_p50<1s")));
    check_near(value_of("error_rate<1%"), 50.0 / 1050);
    harvest_reckon(&harvest, &passed);
    check_near(value_of("goodput>1"), 70);
    check_near(value_of("requests_per_second>1"), 90);
    harvest_free(&harvest);
    begin();
    CHECK(isnan(value_of("error_rate<1%"))); /* of nothing */
    harvest_free(&harvest);
}

int main(void)
{
    RUN(test_lag_may_be_a_millisecond_or_a_twentieth_of_service);
    RUN(test_lag_of_too_few_requests_says_nothing);
    RUN(test_lag_of_less_than_a_hundredth_of_requests_is_no_matter);
    RUN(test_a_core_may_be_nine_tenths_busy);
    RUN(test_a_thousandth_of_receives_may_find_no_buffer);
    RUN(test_slots_that_were_given_may_be_taken_a_hundredth_of_the_time);
    RUN(test_what_could_not_be_sent_is_the_servers_in_an_open_loop);
    RUN(test_the_first_rule_that_holds_is_the_verdict);
    RUN(test_each_verdict_has_its_own_name_and_meaning);
    RUN(test_only_what_grows_to_the_end_is_growing);
    RUN(test_noise_around_a_level_is_not_growth);
    RUN(test_what_is_growing_makes_a_verdict_of_an_open_loop);
    RUN(test_rates_count_what_ended_in_the_window);
    RUN(test_a_closed_loop_of_so_many_lasts_until_the_last_has_ended);
    RUN(test_an_open_loop_of_so_many_is_reckoned_over_its_window);
    RUN(test_shares_are_of_all_threads);
    RUN(test_a_run_of_nothing_has_numbers);
    RUN(test_an_slo_gets_the_statistic_that_it_names);
    RUN(test_a_percentile_that_too_few_values_do_not_tell_is_held_against_their_maximum);
    RUN(test_rates_are_values_of_an_slo_too);
    return check_done();
}
