/*
 * cli_rates: which queries share a limit, and what they take of it.
 */
#include "cli/rates.h"

#include "tests/unit/check.h"

#include <stdlib.h>

static struct quoit_engine *engine;
static struct rates rates;

static struct rates_item *name(const char *url, const char *body, uint32_t *tokens_out)
{
    struct quoit_request request = { .url = url, .body = { body, strlen(body) } };
    struct rates_item *item = rates_name(&rates, &request);

    CHECK(item != NULL);
    CHECK(request.limit == item->limit);
    *tokens_out = request.limit_tokens;
    return item;
}

static void begin(void)
{
    rates_close(&rates);
    rates_open(&rates, engine, 0, 0);
}

static void test_origin_and_model_find_the_limit(void)
{
    static const struct {
        const char *url, *body;
        size_t place;
    } cases[] = {
        { "http://a/v1/x", "{\"model\":\"m\"}", 0 },
        { "http://a/v1/y?z", "{\"x\":[{\"model\":\"n\"}],\"model\":\"m\"}", 0 },
        { "http://a?z", " {\"model\" : \"m\"}", 0 },
        { "http://a", "{\"mod\\u0065l\":\"m\"}", 0 },
        { "http://a/v1/x", "{\"model\":\"mm\"}", 1 },
        { "http://a:81/v1/x", "{\"model\":\"m\"}", 2 },
        { "https://a/v1/x", "{\"model\":\"m\"}", 3 },
        { "http://a/v1/x", "", 4 },
        { "http://a/v1/x", "{}", 4 },
        { "http://a/v1/x", "no JSON", 4 },
        { "http://a/v1/x", "{\"model\":7}", 4 },
        { "http://a/v1/x", "[\"model\"]", 4 },
    };
    uint32_t tokens;

    begin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(cases[i].body);
        CHECK(name(cases[i].url, cases[i].body, &tokens) == &rates.items[cases[i].place]);
    }
}

static void test_beyond_the_table_the_last_limit_is_shared(void)
{
    char body[64];
    uint32_t tokens;

    begin();
    for (int i = 0; i < 2 * RATES_MAX; i++) {
        snprintf(body, sizeof(body), "{\"model\":\"%d\"}", i);
        struct rates_item *item = name("http://a/", body, &tokens);
        CHECK(item == &rates.items[i < RATES_MAX ? i : RATES_MAX - 1]);
    }
    CHECK_EQ(rates.count, RATES_MAX);
}

static void test_bytes_and_the_smaller_of_max_and_mean_are_taken(void)
{
    static const struct {
        const char *body;
        uint32_t before, after; /* answers of 100 tokens were seen */
    } cases[] = {
        { "{\"model\":\"m\",   \"x\":1}", 5, 105 },
        { "{\"max_tokens\":1000}", 1004, 104 },
        { "{\"max_tokens\":10}", 14, 14 },
        { "{\"max_completion_tokens\":10}", 17, 17 },
        { "{\"max_output_tokens\":10}", 16, 16 },
        { "{\"max_tokens\":-1}", 4, 104 },
        { "{\"max_tokens\":\"10\"}", 4, 104 },
        { "{\"max_tokens\":1e3}", 4, 104 },
        { "{\"max_tokens\":999999999999}", UINT32_MAX, 106 },
        { "", 0, 100 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t tokens;
        check_case(cases[i].body);
        begin();
        struct rates_item *item = name("http://a/", cases[i].body, &tokens);
        CHECK_EQ(tokens, cases[i].before);
        for (int k = 0; k < 200; k++) { /* the oldest are forgotten */
            rates_settle(item, 0, &(struct usage){ 7, k < 150 ? 5000 : 100 });
        }
        CHECK(name("http://a/", cases[i].body, &tokens) == item);
        CHECK_EQ(tokens, cases[i].after);
    }
}

int main(void)
{
    if (quoit_create(NULL, &engine) != QUOIT_OK) {
        puts("no engine");
        return 1;
    }
    rates_open(&rates, engine, 0, 0);
    RUN(test_origin_and_model_find_the_limit);
    RUN(test_beyond_the_table_the_last_limit_is_shared);
    RUN(test_bytes_and_the_smaller_of_max_and_mean_are_taken);
    rates_close(&rates);
    quoit_destroy(engine);
    return check_done();
}
