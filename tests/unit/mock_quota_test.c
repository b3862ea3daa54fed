/* Tests of mock/quota.h. */
#include "mock/quota.h"
#include "tests/unit/check.h"

#define NS_PER_S 1000000000ull

static void check_headers(const struct quota *quota, const char *wanted)
{
    struct blob out = { 0 };

    blob_text(&out, "\r\n");
    quota_write_headers(quota, "requests", &out);
    CHECK_MEM(out.bytes, out.size, wanted, strlen(wanted));
    blob_free(&out);
}

static void test_a_bucket_empties_and_refills_at_its_rate(void)
{
    struct quota quota;

    quota_init(&quota, 60, 3, 0);
    for (int i = 0; i < 3; i++) {
        CHECK(quota_has(&quota, 1, 0));
        quota_take(&quota, 1);
    }
    CHECK(!quota_has(&quota, 1, 0));
    CHECK_EQ(quota_wait_ns(&quota, 1), NS_PER_S);
    CHECK(!quota_has(&quota, 1, NS_PER_S - 1));
    CHECK(quota_has(&quota, 1, NS_PER_S + 1));
    CHECK(quota_has(&quota, 3, 100 * NS_PER_S));    /* full again */
    CHECK(quota_has(&quota, 1000, 100 * NS_PER_S)); /* more than it holds: when it is full */
}

static void test_the_headers_are_those_of_openai(void)
{
    struct quota quota;

    quota_init(&quota, 5000, 0, 0);
    quota_take(&quota, 1);
    check_headers(&quota, "\r\nx-ratelimit-limit-requests: 5000\r\n"
                          "x-ratelimit-remaining-requests: 4999\r\n"
                          "x-ratelimit-reset-requests: 12ms\r\n");
    quota_init(&quota, 1, 6, 0);
    quota_take(&quota, 6);
    check_headers(&quota, "\r\nx-ratelimit-limit-requests: 6\r\n"
                          "x-ratelimit-remaining-requests: 0\r\n"
                          "x-ratelimit-reset-requests: 6m0s\r\n");
}

static void test_without_a_limit_there_are_no_headers(void)
{
    struct quota quota;

    quota_init(&quota, 0, 0, 0);
    CHECK(quota_has(&quota, 1e9, 0));
    check_headers(&quota, "\r\n");
}

int main(void)
{
    RUN(test_a_bucket_empties_and_refills_at_its_rate);
    RUN(test_the_headers_are_those_of_openai);
    RUN(test_without_a_limit_there_are_no_headers);
    return check_done();
}
