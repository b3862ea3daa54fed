/*
 * prepare: from a line to a request, and which part of the line its body is.
 */
#include "cli/prepare.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static struct prepare prepare;
static struct ids *ids;
static struct options options;
static struct headers headers;
static struct keys keys;
static struct proxies proxies;
static struct server server;
static struct query_pool pool;

static void begin(const char *base_url)
{
    unsetenv("OPENAI_ORG_ID");
    unsetenv("OPENAI_PROJECT_ID");
    keys = (struct keys){ .header = { "Authorization", "Bearer K" }, .generation = 1 };
    CHECK_EQ(headers_open(&headers, NULL, 0, NULL), 0);
    ids = ids_create(NULL);
    CHECK(ids != NULL);
    prepare = (struct prepare){ .ids = ids };
    CHECK(server_choose(&server, &base_url, 1));
    CHECK(prepare_init(&prepare, &options, &server, &headers, &keys, &proxies));
}

static void end(void)
{
    prepare_free(&prepare);
    ids_destroy(ids);
    headers_close(&headers);
    query_pool_free(&pool);
    options = (struct options){ .retries = 2 };
}

static struct query *query_of(const char *line, uint64_t number)
{
    struct query *query = query_take(&pool, (struct json_span){ line, strlen(line) });

    query->number = number;
    return query;
}

static void test_the_body_is_that_of_the_line_itself(void)
{
    begin("http://h/v1");
    struct query *query =
        query_of("{\"custom_id\":\"a\",\"url\":\"/v1/x\",\"body\":{\"n\": 1e400}}", 7);
    CHECK_EQ(prepare_request(&prepare, query), PREPARE_GOOD);
    CHECK_MEM(prepare.request.body.bytes, prepare.request.body.size, "{\"n\": 1e400}", 12);
    CHECK(prepare.request.body.bytes > query->bytes);
    CHECK(prepare.request.body.bytes < query->bytes + query->size);
    CHECK_STR(prepare.request.url, "http://h/v1/x");
    CHECK_STR(prepare.request.method, "POST");
    CHECK_EQ(prepare.request.retries, 2);
    CHECK(prepare.request.judge);
    CHECK_EQ(prepare.request.replay, QUOIT_REPLAY_YES);
    CHECK(query->at_base);
    CHECK_MEM(query->custom_id.bytes, query->custom_id.size, "\"a\"", 3);
    CHECK(strncmp(query->name, "quoit-", 6) == 0);
    CHECK_STR(query->name + 22, "-7");
    query_give_back(&pool, query);
    end();
}

static void test_a_decoded_or_spliced_body_outlives_the_next_line(void)
{
    options.model = "new";
    begin("http://h/v1");
    struct query *text = query_of("{\"custom_id\":\"t\",\"url\":\"/v1/x\",\"body\":{}}", 1);
    CHECK_EQ(prepare_request(&prepare, text), PREPARE_GOOD);
    struct quoit_span body = prepare.request.body;
    struct query *other = query_of("{\"custom_id\":\"u\",\"url\":\"/v1/x\",\"body\":[]}", 2);
    CHECK_EQ(prepare_request(&prepare, other), PREPARE_INVALID);
    CHECK(strstr(prepare.message, "--model") != NULL);
    CHECK_MEM(body.bytes, body.size, "{\"model\":\"new\"}", 15);
    query_give_back(&pool, text);
    query_give_back(&pool, other);
    end();
}

static void check_stream(const char *url, const char *body, const char *wanted)
{
    char line[512];

    snprintf(line, sizeof(line), "{\"custom_id\":\"a\",\"url\":\"%s\",\"body\":%s}", url, body);
    check_case(line);
    begin("http://h/v1");
    struct query *query = query_of(line, 1);
    enum prepare_verdict verdict = prepare_request(&prepare, query);
    CHECK_EQ(verdict, wanted == NULL ? PREPARE_INVALID : PREPARE_GOOD);
    if (verdict == PREPARE_GOOD) {
        bool streams = query->form != STREAM_NONE;
        CHECK_MEM(prepare.request.body.bytes, prepare.request.body.size, wanted, strlen(wanted));
        CHECK_EQ(prepare.request.stream, streams ? QUOIT_SSE : QUOIT_WHOLE);
        CHECK_EQ(prepare.request.stream_size_max, streams ? QUOIT_NEVER : 0);
        CHECK_EQ(streams, strcmp(body, wanted) != 0);
    }
    query_give_back(&pool, query);
    struct options kept = options;
    end();
    options = kept;
}

static void test_streams_are_asked_for_where_their_answers_are_known(void)
{
    static const char usage[] = "{\"stream_options\":{\"include_usage\":true},\"stream\":true,"
                                "\"n\": 1e400}";

    options.stream = true;
    check_stream("/v1/chat/completions", "{\"n\": 1e400}", usage);
    check_stream("/v1/completions", "{\"n\": 1e400}", usage);
    check_stream("/v1/responses", "{\"n\": 1e400}", "{\"stream\":true,\"n\": 1e400}");
    check_stream("/v1/messages", "{\"stream\":false}", "{\"stream\":true}");
    check_stream("/v1/embeddings", "{\"stream\":true}", "{\"stream\":true}");
    check_stream("/v1/chat/completions",
                 "{\"stream_options\":{\"include_usage\": false,\"x\":[ ]}}",
                 "{\"stream\":true,\"stream_options\":{\"include_usage\": true,\"x\":[ ]}}");
    check_stream("/v1/chat/completions", "[]", NULL);
    options.model = "m";
    check_stream("/v1/messages", "{}", "{\"stream\":true,\"model\":\"m\"}");
    options.no_stream_usage = true;
    check_stream("/v1/completions", "{}", "{\"stream\":true,\"model\":\"m\"}");
    options = (struct options){ .retries = 2 };
}

static void test_a_repeated_id_is_refused_but_not_when_a_query_comes_again(void)
{
    begin("http://h/v1");
    struct query *first = query_of("{\"custom_id\":\"a\",\"url\":\"/v1/x\",\"body\":{}}", 1);
    struct query *second = query_of("{\"custom_id\":\"\\u0061\",\"url\":\"/v1/y\",\"body\":{}}", 2);
    CHECK_EQ(prepare_request(&prepare, first), PREPARE_GOOD);
    CHECK_EQ(prepare_request(&prepare, first), PREPARE_GOOD);
    CHECK_EQ(prepare_request(&prepare, second), PREPARE_INVALID);
    CHECK(strstr(prepare.message, "line 2") != NULL);
    CHECK(strstr(prepare.message, "line 1") != NULL);
    CHECK_EQ(second->custom_id.size, 0);
    query_give_back(&pool, first);
    query_give_back(&pool, second);
    end();
}

static void test_an_absolute_url_elsewhere_gets_no_key(void)
{
    begin("http://h/v1");
    struct query *query =
        query_of("{\"custom_id\":\"a\",\"url\":\"http://other/v1/x\",\"body\":{}}", 1);
    CHECK_EQ(prepare_request(&prepare, query), PREPARE_GOOD);
    CHECK(!query->at_base);
    for (uint32_t i = 0; i < prepare.request.headers_count; i++) {
        CHECK(strcmp(prepare.request.headers[i].name, "Authorization") != 0);
    }
    query_give_back(&pool, query);
    end();
}

static void test_a_line_without_url_needs_an_endpoint(void)
{
    const char *line = "{\"custom_id\":\"a\",\"body\":{}}";

    begin("http://h/v1");
    struct query *query = query_of(line, 1);
    CHECK_EQ(prepare_request(&prepare, query), PREPARE_INVALID);
    CHECK(strstr(prepare.message, "--endpoint") != NULL);
    query_give_back(&pool, query);
    end();

    options.endpoint = "/v1/embeddings";
    options.queries[0] = "a=b";
    options.queries[1] = "c=d";
    options.queries_count = 2;
    options.retries = 0;
    begin("http://h");
    query = query_of(line, 1);
    CHECK_EQ(prepare_request(&prepare, query), PREPARE_GOOD);
    CHECK_STR(prepare.request.url, "http://h/v1/embeddings?a=b&c=d");
    CHECK_EQ(prepare.request.retries, QUOIT_NONE);
    query_give_back(&pool, query);
    end();
}

static void test_each_url_has_the_proxy_of_its_scheme(void)
{
    static char empty[] = "";
    static const struct {
        const char *url, *proxy;
    } cases[] = { { "/x", "http://p" }, { "http://other/", "http://p" }, { "http://free/", NULL } };

    setenv("http_proxy", "http://p", 1);
    setenv("https_proxy", "socks5://p", 1);
    setenv("no_proxy", "free", 1);
    CHECK(proxies_open(&proxies, NULL));
    begin("http://h/v1");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[128];
        snprintf(line, sizeof(line), "{\"custom_id\":\"%zu\",\"url\":\"%s\",\"body\":{}}", i,
                 cases[i].url);
        struct query *query = query_of(line, i + 1);
        CHECK_EQ(prepare_request(&prepare, query), PREPARE_GOOD);
        CHECK_EQ(prepare.request.proxy_url == NULL, cases[i].proxy == NULL);
        if (cases[i].proxy != NULL) {
            CHECK_STR(prepare.request.proxy_url, cases[i].proxy);
        }
        query_give_back(&pool, query);
    }
    struct query *query =
        query_of("{\"custom_id\":\"s\",\"url\":\"https://other/\",\"body\":{}}", 9);
    CHECK_EQ(prepare_request(&prepare, query), PREPARE_INVALID);
    CHECK_STR(prepare.message,
              "https_proxy names a proxy of socks5://, and only http:// is spoken");
    query_give_back(&pool, query);
    end();
    proxies_close(&proxies);
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("no_proxy");
    CHECK(proxies_open(&proxies, empty));
}

int main(void)
{
    options.retries = 2;
    RUN(test_the_body_is_that_of_the_line_itself);
    RUN(test_a_decoded_or_spliced_body_outlives_the_next_line);
    RUN(test_streams_are_asked_for_where_their_answers_are_known);
    RUN(test_a_repeated_id_is_refused_but_not_when_a_query_comes_again);
    RUN(test_an_absolute_url_elsewhere_gets_no_key);
    RUN(test_a_line_without_url_needs_an_endpoint);
    RUN(test_each_url_has_the_proxy_of_its_scheme);
    return check_done();
}
