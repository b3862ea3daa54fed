/*
 * census: what is counted of a body, whatever the body is.
 */
#include "cli/census.h"
#include "tests/unit/check.h"

static struct census census;

static void take(const char *url, const char *body)
{
    census_take(&census, url, (struct json_span){ body, strlen(body) });
}

static void test_tokens_are_a_quarter_of_the_bytes_and_what_the_body_allows(void)
{
    static const struct {
        const char *body;
        unsigned out, without_max;
    } cases[] = {
        { "{}", 0, 1 },
        { "{\"max_tokens\":100}", 100, 0 },
        { "{\"max_completion_tokens\":7}", 7, 0 },
        { "{\"max_output_tokens\":7,\"max_tokens\":9}", 9, 0 },
        { "{\"max_tokens\":100,\"n\":3}", 300, 0 },
        { "{\"n\":0,\"max_tokens\":100}", 100, 0 },
        { "{\"n\":100000,\"max_tokens\":100}", 100, 0 },
        { "{\"max_tokens\":\"100\"}", 0, 1 },
        { "{\"max_tokens\":1e9}", 0, 1 },
        { "{\"max_tokens\":-1}", 0, 1 },
        { "{\"max_tokens\":99999999999999999999}", 0, 1 },
        { "{\"inner\":{\"max_tokens\":5}}", 0, 1 },
        { "[1,2]", 0, 1 },
        { "plain text, of 24 bytes.", 0, 1 },
        { "{\"max_tokens\":100", 100, 0 },
        { "", 0, 1 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(cases[i].body);
        census_init(&census);
        take("/v1/x", cases[i].body);
        CHECK_EQ(census.requests, 1);
        CHECK_EQ(census.tokens_in, strlen(cases[i].body) / 4);
        CHECK_EQ(census.tokens_out, cases[i].out);
        CHECK_EQ(census.without_max, cases[i].without_max);
        CHECK_EQ(census.body_bytes, strlen(cases[i].body));
        census_free(&census);
    }
}

static void test_models_and_urls_are_counted_by_what_they_say(void)
{
    census_init(&census);
    take("/v1/x", "{\"model\":\"m\"}");
    take("/v1/x", "{\"model\":\"\\u006d\"}");
    take("/v1/y", "{\"model\":\"other\"}");
    take("/v1/x", "{\"model\":5}");
    take("/v1/x", "{}");
    CHECK_EQ(census.urls.count, 2);
    CHECK_STR(census.urls.items[0].name.bytes, "/v1/x");
    CHECK_EQ(census.urls.items[0].requests, 4);
    CHECK_EQ(census.models.count, 2);
    CHECK_STR(census.models.items[0].name.bytes, "m");
    CHECK_EQ(census.models.items[0].requests, 2);
    CHECK_EQ(census.without_model, 2);
    CHECK(!census.failed);
    census_free(&census);
}

static void test_names_without_end_are_counted_together(void)
{
    char body[64];

    census_init(&census);
    for (int i = 0; i < 1000; i++) {
        snprintf(body, sizeof(body), "{\"model\":\"m%d\"}", i);
        take("/v1/x", body);
    }
    take("/v1/x", "{\"model\":\"m3\"}");
    CHECK_EQ(census.models.count, CENSUS_NAMES_MAX);
    CHECK_EQ(census.models.others, 1000 - CENSUS_NAMES_MAX);
    CHECK_EQ(census.models.items[3].requests, 2);
    census_free(&census);
}

int main(void)
{
    RUN(test_tokens_are_a_quarter_of_the_bytes_and_what_the_body_allows);
    RUN(test_models_and_urls_are_counted_by_what_they_say);
    RUN(test_names_without_end_are_counted_together);
    return check_done();
}
