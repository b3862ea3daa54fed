/*
 * judge, remedy: what each status means for a batch, and what is said of those that stop it.
 */
#include "cli/judge.h"
#include "cli/remedy.h"
#include "llm/verdict.h"
#include "tests/unit/check.h"

static struct quoit_result answer(uint32_t status, const struct quoit_header *header,
                                  const char *body)
{
    return (struct quoit_result){
        .status = status,
        .detail = "",
        .headers = header,
        .headers_count = header != NULL,
        .body = { body, strlen(body) },
    };
}

static void test_statuses_are_good_final_or_worth_another_attempt(void)
{
    static const struct {
        uint32_t status;
        enum judge_verdict verdict;
        bool hopeless;
    } cases[] = {
        { 200, JUDGE_GOOD, false },   { 204, JUDGE_GOOD, false },  { 299, JUDGE_GOOD, false },
        { 301, JUDGE_FAILED, true },  { 308, JUDGE_FAILED, true }, { 400, JUDGE_FAILED, false },
        { 401, JUDGE_FAILED, true },  { 403, JUDGE_FAILED, true }, { 404, JUDGE_FAILED, true },
        { 407, JUDGE_FAILED, true },  { 408, JUDGE_AGAIN, false }, { 409, JUDGE_AGAIN, false },
        { 422, JUDGE_FAILED, false }, { 429, JUDGE_AGAIN, false }, { 500, JUDGE_AGAIN, false },
        { 503, JUDGE_AGAIN, false },  { 529, JUDGE_AGAIN, false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quoit_result result = answer(cases[i].status, NULL, "{}");
        CHECK_EQ(judge_result(&result), cases[i].verdict);
        CHECK_EQ(judge_is_hopeless(&result), cases[i].hopeless);
    }
}

static void test_an_error_is_final_and_only_a_proxys_refusal_hopeless(void)
{
    struct quoit_result result = answer(404, NULL, "");

    result.error = QUOIT_E_INCOMPLETE;
    CHECK_EQ(judge_result(&result), JUDGE_FAILED);
    CHECK(!judge_is_hopeless(&result));
    result.error = QUOIT_E_PROXY;
    CHECK_EQ(judge_result(&result), JUDGE_FAILED);
    CHECK(judge_is_hopeless(&result));
}

static void test_the_server_may_say_whether_to_try_again(void)
{
    const struct quoit_header yes = { "x-should-retry", "true" };
    const struct quoit_header no = { "X-Should-Retry", "false" };
    struct quoit_result result = answer(400, &yes, "");

    CHECK_EQ(judge_result(&result), JUDGE_AGAIN);
    result = answer(500, &no, "");
    CHECK_EQ(judge_result(&result), JUDGE_FAILED);
    result = answer(200, &yes, "");
    CHECK_EQ(judge_result(&result), JUDGE_GOOD);
}

static void test_a_spent_quota_is_told_from_a_rate_limit(void)
{
    struct quoit_result result =
        answer(429, NULL, "{\"error\":{\"code\":null,\"type\":\"insufficient_quota\"}}");

    CHECK_EQ(judge_result(&result), JUDGE_QUOTA);
    result = answer(429, NULL, "{\"error\":{\"code\":\"insufficient_quota\"}}");
    CHECK_EQ(judge_result(&result), JUDGE_QUOTA);
    result = answer(429, NULL, "{\"error\":{\"type\":\"tokens\"}}");
    CHECK_EQ(judge_result(&result), JUDGE_AGAIN);
    result = answer(429, NULL, "{\"error\":\"insufficient_quota\"}");
    CHECK_EQ(judge_result(&result), JUDGE_AGAIN);
}

static void test_an_answer_in_a_coding_is_no_good_one(void)
{
    const struct quoit_header gzip = { "Content-Encoding", "gzip" };
    const struct quoit_header identity = { "content-encoding", "Identity" };
    struct quoit_result result = answer(200, &gzip, "x");

    CHECK_EQ(judge_result(&result), JUDGE_FAILED);
    CHECK(verdict_is_coded(&result));
    result = answer(200, &identity, "x");
    CHECK_EQ(judge_result(&result), JUDGE_GOOD);
}

static void test_the_remedy_names_where_a_redirect_points(void)
{
    static const char *const cases[][2] = {
        { "https://h/v1/chat/completions?x=1", "base url answers 308: try https://h/v1" },
        { "https://u:p@h/", "base url answers 308: try https://h/" },
        { "/login", "base url answers 308: it points to /login" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct quoit_header header = { "Location", cases[i][0] };
        struct quoit_result result = answer(308, &header, "");
        struct text text;
        text_init(&text, 0);
        remedy_append(&text, &result, true);
        CHECK_STR(text.bytes, cases[i][1]);
        text_free(&text);
    }
}

int main(void)
{
    RUN(test_statuses_are_good_final_or_worth_another_attempt);
    RUN(test_an_error_is_final_and_only_a_proxys_refusal_hopeless);
    RUN(test_the_server_may_say_whether_to_try_again);
    RUN(test_a_spent_quota_is_told_from_a_rate_limit);
    RUN(test_an_answer_in_a_coding_is_no_good_one);
    RUN(test_the_remedy_names_where_a_redirect_points);
    return check_done();
}
