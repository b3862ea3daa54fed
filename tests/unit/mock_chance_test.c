/* Tests of mock/chance.h and of what is drawn with it: delays and plans. */
#include "mock/chance.h"
#include "mock/delay.h"
#include "mock/plan.h"
#include "tests/unit/check.h"

#define DRAWS 10000

static void test_a_seed_repeats_its_numbers(void)
{
    struct chance first = { 7 };
    struct chance second = { 7 };
    struct chance other = { 8 };
    int equal = 0;

    for (int i = 0; i < DRAWS; i++) {
        uint64_t number = chance_next(&first);
        CHECK(number == chance_next(&second));
        equal += number == chance_next(&other) ? 1 : 0;
    }
    CHECK_EQ(equal, 0);
}

static void test_shares_are_spread_evenly_below_one(void)
{
    struct chance chance = { 1 };
    int tenths[10] = { 0 };

    for (int i = 0; i < DRAWS; i++) {
        double share = chance_share(&chance);
        CHECK(share >= 0);
        CHECK(share < 1);
        tenths[(int)(share * 10)]++;
    }
    for (int i = 0; i < 10; i++) {
        CHECK(tenths[i] > DRAWS / 10 - 200);
        CHECK(tenths[i] < DRAWS / 10 + 200);
    }
}

static void test_a_delay_stays_within_its_words(void)
{
    struct chance chance = { 3 };
    char fixed[] = "50ms";
    char uniform[] = "uniform:10ms:50ms";
    char lognormal[] = "lognormal:20ms:0.5";
    struct delay delay;
    int below = 0;

    CHECK(delay_parse(fixed, &delay));
    CHECK_EQ(delay_draw_ns(&delay, &chance), 50000000);
    CHECK(delay_parse(uniform, &delay));
    for (int i = 0; i < DRAWS; i++) {
        uint64_t ns = delay_draw_ns(&delay, &chance);
        CHECK(ns >= 10000000);
        CHECK(ns <= 50000000);
    }
    CHECK(delay_parse(lognormal, &delay));
    for (int i = 0; i < DRAWS; i++) {
        below += delay_draw_ns(&delay, &chance) < 20000000 ? 1 : 0;
    }
    CHECK(below > DRAWS / 2 - 300); /* the median is the median */
    CHECK(below < DRAWS / 2 + 300);
}

static void test_a_wrong_delay_is_refused(void)
{
    static const char *const wrong[] = { "",     "ms",        "-1ms",      "5 ms",
                                         "5ms ", "uniform:5", "gamma:1:2", "uniform:9ms:1ms",
                                         "nan",  "inf",       "1e99s",     "lognormal:5ms:x" };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[64];
        struct delay delay;
        snprintf(text, sizeof(text), "%s", wrong[i]);
        check_case(wrong[i]);
        CHECK(!delay_parse(text, &delay));
    }
}

static void test_a_plan_follows_from_body_and_execution_not_from_order(void)
{
    struct behaviour behaviour;
    struct question question = { .kind = QUESTION_PAGE, .choices = 1 };
    uint16_t statuses[100];
    int failed = 0;

    behaviour_init(&behaviour);
    CHECK(behaviour_set(&behaviour, "error", "500:0.3"));
    CHECK(behaviour_set(&behaviour, "LATENCY", "uniform:1ms:2ms"));
    for (uint64_t i = 0; i < 100; i++) {
        struct plan_place place = { .seed = 1, .body_hash = i, .execution = 1, .request = i + 1 };
        struct plan plan = { 0 };
        plan_make(&plan, &behaviour, &question, &place);
        statuses[i] = plan.status;
        failed += plan.status == 500 ? 1 : 0;
    }
    CHECK(failed > 15);
    CHECK(failed < 45);
    for (uint64_t i = 100; i-- > 0;) {
        struct plan_place place = { .seed = 1, .body_hash = i, .execution = 1, .request = 200 - i };
        struct plan plan = { 0 };
        plan_make(&plan, &behaviour, &question, &place);
        CHECK_EQ(plan.status, statuses[i]);
    }
}

static void test_fail_first_spares_the_executions_after(void)
{
    struct behaviour behaviour;
    struct question question = { .kind = QUESTION_PAGE, .choices = 1 };

    behaviour_init(&behaviour);
    CHECK(behaviour_set(&behaviour, "fail-first", "2:502"));
    for (uint64_t execution = 1; execution <= 4; execution++) {
        struct plan_place place = { .execution = execution, .request = 10 };
        struct plan plan = { 0 };
        plan_make(&plan, &behaviour, &question, &place);
        CHECK_EQ(plan.status, execution <= 2 ? 502 : 200);
    }
}

static void test_only_a_body_that_holds_the_text_is_refused(void)
{
    struct behaviour behaviour;
    struct question question = { .kind = QUESTION_PAGE, .choices = 1 };
    struct blob bodies[] = { { 0 }, { 0 }, { 0 } };

    behaviour_init(&behaviour);
    CHECK(!behaviour_set(&behaviour, "refuse-body", "bad"));
    CHECK(!behaviour_set(&behaviour, "refuse-body", "42:bad"));
    blob_text(&bodies[1], "a good one");
    blob_text(&bodies[2], "a bad:one");
    for (size_t i = 0; i < 3; i++) {
        struct plan_place place = { .execution = 1, .request = 1, .body = &bodies[i] };
        struct plan plan = { 0 };
        CHECK(behaviour_set(&behaviour, "refuse-body", "422:bad:o"));
        plan_make(&plan, &behaviour, &question, &place);
        CHECK_EQ(plan.status, i == 2 ? 422 : 200);
        CHECK(behaviour_set(&behaviour, "refuse-body", "none"));
        plan_make(&plan, &behaviour, &question, &place);
        CHECK_EQ(plan.status, 200);
        blob_free(&bodies[i]);
    }
}

int main(void)
{
    RUN(test_a_seed_repeats_its_numbers);
    RUN(test_shares_are_spread_evenly_below_one);
    RUN(test_a_delay_stays_within_its_words);
    RUN(test_a_wrong_delay_is_refused);
    RUN(test_a_plan_follows_from_body_and_execution_not_from_order);
    RUN(test_fail_first_spares_the_executions_after);
    RUN(test_only_a_body_that_holds_the_text_is_refused);
    return check_done();
}
