/*
 * search: against servers that keep a rate or do not, with one wrong verdict at any place, and
 * with verdicts that are a matter of luck near the limit.
 */
#include "bench/draw.h"
#include "bench/search.h"
#include "tests/unit/check.h"

#include <math.h>

#define RIGHT UINT32_MAX /* no verdict is wrong */

struct server {
    double capacity;
    double softness; /* how far around the capacity luck decides, as a share of it; 0: nowhere */
    uint32_t wrong_trial; /* the verdict that is wrong, from 0 */
    struct draw draw;
};

static bool server_keeps(struct server *server, double rate)
{
    if (server->softness <= 0) {
        return rate <= server->capacity;
    }
    double above = (rate / server->capacity - 1) / server->softness;
    return draw_share(&server->draw) < 1 / (1 + exp(above));
}

static struct search_result run(struct server server, const struct search_plan *plan)
{
    struct search search;
    double rate;

    search_init(&search, plan);
    for (uint32_t trial = 0; (rate = search_next_rate(&search)) > 0; trial++) {
        CHECK(trial < SEARCH_TRIALS_MAX);
        search_feed(&search, server_keeps(&server, rate) != (trial == server.wrong_trial));
    }
    return search_result(&search);
}

static void check_found(struct search_result result, double capacity, double precision)
{
    CHECK(result.end == SEARCH_FOUND);
    CHECK(result.rate_met <= capacity);
    CHECK(result.rate_missed > capacity);
    CHECK(result.rate_missed <= result.rate_met * (1 + precision));
}

static void test_it_finds_any_limit_above_and_below_its_start(void)
{
    static const double capacities[] = { 1,    1.5, 37,    99.999, 100,    101,
                                         1000, 777, 54321, 102400, 999999, 123456789 };
    struct search_plan plan = { .start = 100 };

    for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        struct server server = { .capacity = capacities[i], .wrong_trial = RIGHT };
        struct search_result result = run(server, &plan);
        check_found(result, capacities[i], SEARCH_PRECISION);
        CHECK(result.trials_count <= 42); /* of a limit that is a million times the start */
    }
}

static void test_it_is_as_precise_as_asked(void)
{
    static const double precisions[] = { 0.5, 0.1, 0.02, 0.001 };

    for (size_t i = 0; i < sizeof(precisions) / sizeof(precisions[0]); i++) {
        struct search_plan plan = { .start = 10, .precision = precisions[i] };
        struct server server = { .capacity = 1234.5, .wrong_trial = RIGHT };
        check_found(run(server, &plan), 1234.5, precisions[i]);
    }
}

static void test_the_trials_are_these(void)
{
    static const struct {
        double rate;
        bool is_met;
    } trials[] = {
        { 100, true },    { 200, true },   /* it climbs */
        { 400, false },   { 400, false },  /* a miss is tried again */
        { 282.8, false }, { 282.8, true }, /* and may have been a hiccup */
        { 336.4, false }, { 336.4, false }, { 308.4, false }, { 308.4, false }, { 282.8, true },
    };
    struct search_plan plan = { .start = 100, .precision = 0.1 };
    struct search search;

    search_init(&search, &plan);
    for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
        CHECK(search_result(&search).end == SEARCH_GOES_ON);
        CHECK(fabs(search_next_rate(&search) - trials[i].rate) < 0.1);
        search_feed(&search, trials[i].is_met);
    }
    CHECK(search_next_rate(&search) == 0);
    CHECK(search_result(&search).end == SEARCH_FOUND);
    CHECK_EQ(search_result(&search).trials_count, 11);
    CHECK(fabs(search_result(&search).rate_met - 282.8) < 0.1);
    CHECK(fabs(search_result(&search).rate_missed - 308.4) < 0.1);
}

static void test_one_wrong_verdict_anywhere_changes_nothing(void)
{
    static const double capacities[] = { 3, 99, 100, 1234, 6500 };
    struct search_plan plan = { .start = 100 };

    for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        struct server server = { .capacity = capacities[i], .wrong_trial = RIGHT };
        uint32_t count = run(server, &plan).trials_count;
        for (server.wrong_trial = 0; server.wrong_trial < count; server.wrong_trial++) {
            check_found(run(server, &plan), capacities[i], SEARCH_PRECISION);
        }
    }
}

static void test_a_lucky_trial_is_not_the_answer(void)
{
    struct search_plan plan = { .start = 100 };
    struct server first = { .capacity = 20, .wrong_trial = 0 };
    struct server second = { .capacity = 150, .wrong_trial = 1 };

    check_found(run(first, &plan), 20, SEARCH_PRECISION);
    check_found(run(second, &plan), 150, SEARCH_PRECISION);
}

static void test_luck_near_the_limit_leads_near_the_limit(void)
{
    struct search_plan plan = { .start = 50 };
    int near = 0;

    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct server server = {
            .capacity = 1000,
            .softness = 0.03,
            .wrong_trial = RIGHT,
            .draw = { seed },
        };
        struct search_result result = run(server, &plan);
        CHECK(result.end == SEARCH_FOUND);
        CHECK(result.rate_met < result.rate_missed);
        near += fabs(result.rate_met / 1000 - 1) < 0.1;
    }
    CHECK(near > 970);
}

static void test_a_server_without_a_rule_is_left_in_bounded_time(void)
{
    struct search_plan plan = { .start = 50, .precision = 1e-12 };
    int used = 0;

    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct server server = {
            .capacity = 1000,
            .softness = 1e9, /* heads or tails */
            .wrong_trial = RIGHT,
            .draw = { seed },
        };
        struct search_result result = run(server, &plan);
        CHECK(result.end != SEARCH_GOES_ON);
        CHECK(result.trials_count <= SEARCH_TRIALS_MAX);
        used += result.end == SEARCH_TRIALS_USED;
    }
    CHECK(used > 0);
}

static void test_the_top_is_tried_and_not_passed(void)
{
    struct search_plan plan = { .start = 100, .top = 1000 };
    struct server strong = { .capacity = 1e6, .wrong_trial = RIGHT };
    struct server weak = { .capacity = 990, .wrong_trial = RIGHT };
    struct search_result result = run(strong, &plan);

    CHECK(result.end == SEARCH_TOP_MET);
    CHECK(result.rate_met == 1000);
    CHECK(result.rate_missed == 0);
    CHECK_EQ(result.trials_count, 6); /* 100 200 400 800 1000 1000 */
    check_found(run(weak, &plan), 990, SEARCH_PRECISION);
}

static void test_a_start_at_the_top_is_enough(void)
{
    struct search_plan plan = { .start = 100, .top = 100 };
    struct server server = { .capacity = 1e6, .wrong_trial = RIGHT };
    struct search_result result = run(server, &plan);

    CHECK(result.end == SEARCH_TOP_MET);
    CHECK_EQ(result.trials_count, 2);
}

static void test_a_dead_server_ends_it_at_the_floor(void)
{
    struct search_plan plan = { .start = 100 };
    struct search_plan raised = { .start = 100, .floor = 30 };
    struct server server = { .capacity = 0, .wrong_trial = RIGHT };
    struct search_result result = run(server, &plan);

    CHECK(result.end == SEARCH_FLOOR_MISSED);
    CHECK(result.rate_met == 0);
    CHECK(result.rate_missed == 100 * SEARCH_FLOOR_SHARE);
    CHECK_EQ(result.trials_count, 22); /* ten halvings, and each rate twice */
    result = run(server, &raised);
    CHECK(result.rate_missed == 30);
    CHECK_EQ(result.trials_count, 6); /* 100 50 30 */
    server.capacity = 31;
    check_found(run(server, &raised), 31, SEARCH_PRECISION);
}

static void test_a_server_without_a_limit_is_left_after_all_trials(void)
{
    struct search_plan plan = { .start = 1 };
    struct server server = { .capacity = INFINITY, .wrong_trial = RIGHT };
    struct search_result result = run(server, &plan);

    CHECK(result.end == SEARCH_TRIALS_USED);
    CHECK_EQ(result.trials_count, SEARCH_TRIALS_MAX);
    CHECK(result.rate_met == ldexp(1, SEARCH_TRIALS_MAX - 1));
    CHECK(result.rate_missed == 0);
}

static void test_what_is_known_can_be_asked_at_any_time(void)
{
    struct search_plan plan = { .start = 100 };
    struct search search;

    search_init(&search, &plan);
    CHECK(search_result(&search).rate_met == 0);
    CHECK(search_next_rate(&search) == 100);
    CHECK(search_next_rate(&search) == 100);
    search_feed(&search, true);
    search_feed(&search, false);
    CHECK(search_result(&search).rate_met == 100);
    CHECK(search_result(&search).rate_missed == 0); /* one miss does not count yet */
    search_feed(&search, false);
    CHECK(search_result(&search).rate_missed == 200);
    CHECK(search_result(&search).end == SEARCH_GOES_ON);
}

int main(void)
{
    RUN(test_it_finds_any_limit_above_and_below_its_start);
    RUN(test_it_is_as_precise_as_asked);
    RUN(test_the_trials_are_these);
    RUN(test_one_wrong_verdict_anywhere_changes_nothing);
    RUN(test_a_lucky_trial_is_not_the_answer);
    RUN(test_luck_near_the_limit_leads_near_the_limit);
    RUN(test_a_server_without_a_rule_is_left_in_bounded_time);
    RUN(test_the_top_is_tried_and_not_passed);
    RUN(test_a_start_at_the_top_is_enough);
    RUN(test_a_dead_server_ends_it_at_the_floor);
    RUN(test_a_server_without_a_limit_is_left_after_all_trials);
    RUN(test_what_is_known_can_be_asked_at_any_time);
    return check_done();
}
