/*
 * openai: what OpenAI refuses though we would send it, at each limit and one beyond.
 */
#include "cli/openai.h"
#include "tests/unit/check.h"

#define POST(url, body)                                                                            \
    "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"" url "\",\"body\":" body "}"

static void test_a_line_is_good_for_openai_only_in_its_own_form(void)
{
    static const struct {
        const char *line;
        const char *fault; /* a part of it; NULL: none */
    } cases[] = {
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/responses\",\"body\":{}}", NULL },
        { "{\"custom_id\":\"a\",\"url\":\"/v1/responses\",\"body\":{}}", "no method" },
        { "{\"custom_id\":\"a\",\"method\":\"PUT\",\"url\":\"/v1/responses\",\"body\":{}}",
          "not POST" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"body\":{}}", "no url" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"http://h/\",\"body\":{}}", "path" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/responses\",\"body\":[]}",
          "object" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/responses\",\"body\":\"{}\","
          "\"body_encoding\":\"text\"}",
          "object" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/responses\","
          "\"body\":{\"stream\":true}}",
          "stream" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/responses\",\"body\":{},"
          "\"headers\":{\"X\":\"1\"}}",
          "headers" },
        { POST("/v1/chat/completions", "{}"), NULL },
        { POST("/v1/completions", "{}"), NULL },
        { POST("/v1/embeddings", "{}"), NULL },
        { POST("/v1/moderations", "{}"), NULL },
        { POST("/v1/rerank", "{}"), "batches" },
        { POST("/v1/chat/completions/", "{}"), "batches" },
        { POST("/v1/chat/completions?a=b", "{}"), "batches" },
        { POST("/chat/completions", "{}"), "batches" },
    };
    struct batch_line line;

    batch_line_init(&line);
    line.may_stream = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_span bytes = { cases[i].line, strlen(cases[i].line) };
        check_case(cases[i].line);
        CHECK_EQ(batch_line_read(&line, bytes), BATCH_GOOD);
        const char *fault = openai_line_fault(&line);
        CHECK_EQ(fault == NULL, cases[i].fault == NULL);
        CHECK(fault == NULL || cases[i].fault == NULL || strstr(fault, cases[i].fault) != NULL);
    }
    batch_line_free(&line);
}

static void test_inputs_of_embeddings_are_texts_not_tokens(void)
{
    static const struct {
        const char *line;
        unsigned inputs;
    } cases[] = {
        { POST("/v1/embeddings", "{\"input\":\"a\"}"), 1 },
        { POST("/v1/embeddings", "{\"input\":[\"a\",\"b\",\"[c,d]\"]}"), 3 },
        { POST("/v1/embeddings", "{\"input\":[1,2,3]}"), 1 },
        { POST("/v1/embeddings", "{\"input\":[[1,2],[3]]}"), 2 },
        { POST("/v1/embeddings", "{\"input\":[]}"), 0 },
        { POST("/v1/embeddings", "{\"model\":\"m\"}"), 0 },
        { POST("/v1/responses", "{\"input\":[\"a\",\"b\"]}"), 0 },
    };
    struct batch_line line;

    batch_line_init(&line);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_span bytes = { cases[i].line, strlen(cases[i].line) };
        check_case(cases[i].line);
        CHECK_EQ(batch_line_read(&line, bytes), BATCH_GOOD);
        CHECK_EQ(openai_inputs(&line), cases[i].inputs);
    }
    batch_line_free(&line);
}

static size_t faults_with(uint64_t inputs)
{
    static struct census census = { .requests = 1 };
    const char *faults[OPENAI_FAULTS_MAX];

    return openai_file_faults(&census, 100, inputs, faults);
}

static size_t faults_of(uint64_t requests, size_t urls, size_t models, uint64_t bytes)
{
    static struct census census;
    const char *faults[OPENAI_FAULTS_MAX];

    census = (struct census){ .requests = requests };
    census.urls.count = urls;
    census.models.count = models;
    return openai_file_faults(&census, bytes, 0, faults);
}

static void test_a_file_may_be_as_large_as_its_limits_and_no_larger(void)
{
    CHECK_EQ(faults_of(1, 1, 0, 100), 0);
    CHECK_EQ(faults_of(OPENAI_REQUESTS_MAX, 1, 1, OPENAI_BYTES_MAX), 0);
    CHECK_EQ(faults_of(OPENAI_REQUESTS_MAX + 1, 1, 1, 100), 1);
    CHECK_EQ(faults_of(1, 1, 1, OPENAI_BYTES_MAX + 1), 1);
    CHECK_EQ(faults_of(2, 2, 1, 100), 1);
    CHECK_EQ(faults_of(2, 1, 2, 100), 1);
    CHECK_EQ(faults_of(0, 0, 0, 0), 1);
    CHECK_EQ(faults_with(OPENAI_INPUTS_MAX), 0);
    CHECK_EQ(faults_with(OPENAI_INPUTS_MAX + 1), 1);
    CHECK_EQ(faults_of(OPENAI_REQUESTS_MAX + 1, 2, 2, OPENAI_BYTES_MAX + 1), 4);
}

int main(void)
{
    RUN(test_a_line_is_good_for_openai_only_in_its_own_form);
    RUN(test_inputs_of_embeddings_are_texts_not_tokens);
    RUN(test_a_file_may_be_as_large_as_its_limits_and_no_larger);
    return check_done();
}
