/*
 * openai: what OpenAI refuses though we would send it, at each limit and one beyond.
 */
#include "cli/openai.h"
#include "tests/unit/check.h"

static void test_a_line_is_good_for_openai_only_in_its_own_form(void)
{
    static const struct {
        const char *line;
        const char *fault; /* a part of it; NULL: none */
    } cases[] = {
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/x\",\"body\":{}}", NULL },
        { "{\"custom_id\":\"a\",\"url\":\"/v1/x\",\"body\":{}}", "no method" },
        { "{\"custom_id\":\"a\",\"method\":\"PUT\",\"url\":\"/v1/x\",\"body\":{}}", "not POST" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"body\":{}}", "no url" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"http://h/\",\"body\":{}}", "path" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/x\",\"body\":[]}", "object" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/x\",\"body\":\"{}\","
          "\"body_encoding\":\"text\"}",
          "object" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/x\","
          "\"body\":{\"stream\":true}}",
          "stream" },
        { "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/x\",\"body\":{},"
          "\"headers\":{\"X\":\"1\"}}",
          "headers" },
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

static size_t faults_of(uint64_t requests, size_t urls, size_t models, uint64_t bytes)
{
    static struct census census;
    const char *faults[OPENAI_FAULTS_MAX];

    census = (struct census){ .requests = requests };
    census.urls.count = urls;
    census.models.count = models;
    return openai_file_faults(&census, bytes, faults);
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
    CHECK_EQ(faults_of(OPENAI_REQUESTS_MAX + 1, 2, 2, OPENAI_BYTES_MAX + 1), 4);
}

int main(void)
{
    RUN(test_a_line_is_good_for_openai_only_in_its_own_form);
    RUN(test_a_file_may_be_as_large_as_its_limits_and_no_larger);
    return check_done();
}
