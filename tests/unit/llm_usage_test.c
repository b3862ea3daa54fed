/*
 * usage: tokens under both names, from any bytes.
 */
#include "llm/usage.h"
#include "tests/unit/check.h"

static struct json_span span(const char *text)
{
    return (struct json_span){ text, strlen(text) };
}

static void test_tokens_are_read_under_both_names(void)
{
    struct usage usage = { 0, 0 };

    CHECK(usage_read(span("{\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34}}"), &usage));
    CHECK_EQ(usage.tokens_in, 12);
    CHECK_EQ(usage.tokens_out, 34);
    CHECK(usage_read(span(" {\"a\":[],\"us\\u0061ge\":{\"output_tokens\":5}}"), &usage));
    CHECK_EQ(usage.tokens_in, 0);
    CHECK_EQ(usage.tokens_out, 5);
}

static void test_what_says_nothing_changes_nothing(void)
{
    static const char *const cases[] = {
        "",
        "null",
        "[{\"usage\":{\"prompt_tokens\":1}}]",
        "{\"usage\":null}",
        "{\"usage\":{}}",
        "{\"usage\":{\"prompt_tokens\":-1}}",
        "{\"usage\":{\"prompt_tokens\":1e3}}",
        "{\"usage\":{\"prompt_tokens\":1234567890123456}}",
        "{\"usage\":{\"prompt_tokens\":1}",
        "{\"usage\":{\"prompt_tokens\":1}} x",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct usage usage = { 7, 7 };
        check_case(cases[i]);
        CHECK(!usage_read(span(cases[i]), &usage));
        CHECK_EQ(usage.tokens_in, 7);
    }
}

static void test_a_usage_that_comes_in_parts_adds_up(void)
{
    struct usage usage = { USAGE_UNKNOWN, USAGE_UNKNOWN };

    usage_update(&usage, span("{\"input_tokens\":9}"));
    CHECK_EQ(usage.tokens_in, 9);
    CHECK(usage.tokens_out == USAGE_UNKNOWN);
    usage_update(&usage, span("{\"output_tokens\":5,\"input_tokens\":null}"));
    CHECK_EQ(usage.tokens_in, 9);
    CHECK_EQ(usage.tokens_out, 5);
    usage_update(&usage, span("null"));
    usage_update(&usage, span("{\"output_tokens\":1,\"completion_tokens\":6}"));
    CHECK_EQ(usage.tokens_in, 9);
    CHECK_EQ(usage.tokens_out, 6);
}

static void test_a_spent_quota_stands_in_type_or_code(void)
{
    CHECK(usage_quota_is_spent(span("{\"error\":{\"type\":\"insufficient_quota\"}}")));
    CHECK(
        usage_quota_is_spent(span("{\"error\":{\"type\":\"x\",\"code\":\"insufficient_quota\"}}")));
    CHECK(!usage_quota_is_spent(span("{\"error\":{\"message\":\"insufficient_quota\"}}")));
    CHECK(!usage_quota_is_spent(span("{\"type\":\"insufficient_quota\"}")));
    CHECK(!usage_quota_is_spent(span("insufficient_quota")));
}

int main(void)
{
    RUN(test_tokens_are_read_under_both_names);
    RUN(test_what_says_nothing_changes_nothing);
    RUN(test_a_usage_that_comes_in_parts_adds_up);
    RUN(test_a_spent_quota_stands_in_type_or_code);
    return check_done();
}
