/* Tests of mock/fault.h. */
#include "mock/fault.h"
#include "tests/unit/check.h"

static bool parse(const char *text, struct fault_rule *rule)
{
    char copy[64];

    check_case(text);
    snprintf(copy, sizeof(copy), "%s", text);
    return fault_parse(copy, rule);
}

static void test_a_rule_has_arguments_and_a_share(void)
{
    struct fault_rule rule;

    CHECK(parse("reset", &rule));
    CHECK_EQ(rule.fault, FAULT_RESET);
    CHECK(rule.share == 1);
    CHECK(parse("reset:0.25", &rule));
    CHECK(rule.share == 0.25);
    CHECK(parse("reset@0.5", &rule));
    CHECK(rule.share == 0.5);
    CHECK(parse("drip:10ms:4@0.5", &rule));
    CHECK_EQ(rule.fault, FAULT_DRIP);
    CHECK_EQ(rule.arguments[0], 10000000);
    CHECK_EQ(rule.arguments[1], 4);
    CHECK(rule.share == 0.5);
    CHECK(parse("early:401", &rule));
    CHECK_EQ(rule.arguments[0], 401);
}

static void test_what_is_not_said_is_the_default(void)
{
    struct fault_rule rule;

    CHECK(parse("drip", &rule));
    CHECK_EQ(rule.arguments[0], 1000000000);
    CHECK_EQ(rule.arguments[1], 1);
    CHECK(parse("early", &rule));
    CHECK_EQ(rule.arguments[0], 413);
    CHECK(parse("close-mid-body", &rule));
    CHECK_EQ(rule.arguments[0], 0);
}

static void test_a_wrong_rule_is_refused_and_changes_nothing(void)
{
    static const char *const wrong[] = { "",          "resets",  "reset:2",          "reset:0.5:1",
                                         "reset@2",   "drip:x",  "drip:1ms:2:3",     "early:99",
                                         "early:600", "reset@x", "close-mid-body:-1" };
    struct fault_rule rule = { .fault = FAULT_CUT, .share = 0.125 };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(!parse(wrong[i], &rule));
        CHECK_EQ(rule.fault, FAULT_CUT);
        CHECK(rule.share == 0.125);
    }
}

static void test_every_fault_is_found_by_its_name(void)
{
    for (enum fault fault = 0; fault < FAULTS; fault++) {
        struct fault_rule rule;
        CHECK(parse(fault_name(fault), &rule));
        CHECK_EQ(rule.fault, fault);
    }
}

int main(void)
{
    RUN(test_a_rule_has_arguments_and_a_share);
    RUN(test_what_is_not_said_is_the_default);
    RUN(test_a_wrong_rule_is_refused_and_changes_nothing);
    RUN(test_every_fault_is_found_by_its_name);
    return check_done();
}
