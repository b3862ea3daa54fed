/*
 * outcome: which lines are answers, whose, and what is to be done about them.
 */
#include "llm/outcome.h"

#include "check.h"
#include "llm/answer.h"
#include "llm/json_string.h"
#include "llm/member.h"

#include <stdlib.h>

#define OURS "quoit-9f86d081884c7d65-17"

static struct json_span span_of(const char *text)
{
    return (struct json_span){ text, strlen(text) };
}

static const char *kind_name(enum outcome_kind kind)
{
    static const char *const names[] = { "good", "transient", "final" };

    return names[kind];
}

/* --- Lines of every maker --- */

struct row {
    const char *name, *line;
    const char *kind; /* NULL: no answer */
    const char *id;   /* what custom_id says; NULL: it is null */
    uint64_t asked, number;
    uint32_t status;
};

static const struct row rows[] = {
    { "ours, good",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"request_id\":"
      "\"r\",\"body\":{}},\"error\":null}",
      "good", "a", 0x9f86d081884c7d65, 17, 200 },
    { "ours, with details",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"request_id\":"
      "\"r\",\"body\":{}},\"error\":null,\"quoit\":{\"line\":17}}",
      "good", "a", 0x9f86d081884c7d65, 17, 200 },
    { "ours, status 429",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\",\"response\":{\"status_code\":429,\"request_id\":"
      "\"\",\"body\":\"\"},\"error\":null}",
      "transient", "a", 0x9f86d081884c7d65, 17, 429 },
    { "ours, status 400",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\",\"response\":{\"status_code\":400,\"request_id\":"
      "\"\",\"body\":\"\"},\"error\":null}",
      "final", "a", 0x9f86d081884c7d65, 17, 400 },
    { "ours, an error that passes",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\",\"response\":null,\"error\":{\"code\":"
      "\"connection_reset\",\"message\":\"m\"}}",
      "transient", "a", 0x9f86d081884c7d65, 17, 0 },
    { "ours, a line that was refused",
      "{\"id\":\"" OURS "\",\"custom_id\":null,\"response\":null,\"error\":{\"code\":"
      "\"invalid_input_line\",\"message\":\"m\"}}",
      "final", NULL, 0x9f86d081884c7d65, 17, 0 },
    { "ours, an id with an escape",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\\u0041\",\"response\":{\"status_code\":200,"
      "\"request_id\":\"r\",\"body\":{}},\"error\":null}",
      "good", "aA", 0x9f86d081884c7d65, 17, 200 },
    { "OpenAI's",
      "{\"id\": \"batch_req_1\", \"custom_id\": \"b\", \"response\": {\"status_code\": 200, "
      "\"request_id\": \"x\", \"body\": {}}, \"error\": null}",
      "good", "b", 0, 0, 200 },
    { "OpenAI's, expired",
      "{\"id\": \"batch_req_1\", \"custom_id\": \"b\", \"response\": null, \"error\": {\"code\": "
      "\"batch_expired\", \"message\": \"m\"}}",
      "transient", "b", 0, 0, 0 },
    { "OpenAI's error file",
      "{\"id\":\"batch_req_1\",\"custom_id\":\"b\",\"response\":{\"status_code\":400,\"body\":"
      "{\"error\":{}}},\"error\":null}",
      "final", "b", 0, 0, 400 },
    { "vLLM's, an error beside a response",
      "{\"id\":\"vllm-1\",\"custom_id\":\"c\",\"response\":{\"status_code\":500,\"request_id\":"
      "\"r\",\"body\":null},\"error\":{\"object\":\"error\",\"message\":\"m\",\"code\":500}}",
      "transient", "c", 0, 0, 500 },
    { "vLLM's, an error within an error",
      "{\"id\":\"vllm-1\",\"custom_id\":\"c\",\"response\":null,\"error\":{\"error\":{\"code\":"
      "\"connection_reset\"}}}",
      "transient", "c", 0, 0, 0 },
    { "an error that is a string", "{\"custom_id\":\"c\",\"response\":null,\"error\":\"boom\"}",
      "final", "c", 0, 0, 0 },
    { "an error beside a 2xx",
      "{\"custom_id\":\"c\",\"response\":{\"status_code\":200},\"error\":\"boom\"}", "final", "c",
      0, 0, 200 },
    { "no error at all", "{\"custom_id\":\"c\",\"response\":{\"status_code\":200}}", "good", "c", 0,
      0, 200 },
    { "an id that only looks like ours",
      "{\"id\":\"" OURS "x\",\"custom_id\":\"c\",\"response\":{\"status_code\":200}}", "good", "c",
      0, 0, 200 },
    { "an input line", "{\"custom_id\":\"a\",\"url\":\"/v1/x\",\"body\":{}}", NULL, NULL, 0, 0, 0 },
    { "nothing", "", NULL, NULL, 0, 0, 0 },
    { "an array", "[]", NULL, NULL, 0, 0, 0 },
    { "an id that is a number", "{\"custom_id\":1,\"response\":{\"status_code\":200}}", NULL, NULL,
      0, 0, 0 },
    { "a status that is none", "{\"custom_id\":\"a\",\"response\":{\"status_code\":-1}}", NULL,
      NULL, 0, 0, 0 },
    { "ours, torn",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"requ", NULL,
      NULL, 0, 0, 0 },
    { "ours, torn within its body",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"request_id\":"
      "\"r\",\"body\":{\"a\":1",
      NULL, NULL, 0, 0, 0 },
    { "ours, torn, and a whole one behind it",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"request_id\":"
      "\"r\",\"body\":{\"a\":\"b{\"id\":\"" OURS "\",\"custom_id\":\"b\",\"response\":"
      "{\"status_code\":200,\"request_id\":\"r\",\"body\":{}},\"error\":null}",
      NULL, NULL, 0, 0, 0 },
    { "ours, torn early, and a whole one behind it",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"request_id\":"
      "{\"id\":\"" OURS "\",\"custom_id\":\"b\",\"response\":"
      "{\"status_code\":200,\"request_id\":\"r\",\"body\":{}},\"error\":null}",
      NULL, NULL, 0, 0, 0 },
    { "ours, whose body holds what looks like one",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"request_id\":"
      "\"r\",\"body\":{\"a\":{\"id\":\"" OURS "\"}}},\"error\":null}",
      "good", "a", 0x9f86d081884c7d65, 17, 200 },
    { "ours, with a control character",
      "{\"id\":\"" OURS "\",\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"request_id\":"
      "\"\x01\",\"body\":{}},\"error\":null}",
      NULL, NULL, 0, 0, 0 },
};

static void check_row(struct outcome *outcome, const struct row *row)
{
    enum outcome_verdict verdict = outcome_read(outcome, span_of(row->line));

    if (row->kind == NULL) {
        CHECK_EQ(verdict, OUTCOME_NONE);
        CHECK_EQ(outcome->id.size, 0);
        return;
    }
    CHECK_EQ(verdict, OUTCOME_READ);
    CHECK_STR(kind_name(outcome->kind), row->kind);
    CHECK_EQ(outcome->id_raw.size != 0, row->id != NULL);
    if (row->id != NULL) {
        CHECK_MEM(outcome->id.bytes, outcome->id.size, row->id, strlen(row->id));
    }
    CHECK(outcome->asked == row->asked);
    CHECK_EQ(outcome->line, row->number);
    CHECK_EQ(outcome->status, row->status);
}

static void test_lines_of_every_maker_are_read(void)
{
    struct outcome outcome;

    outcome_init(&outcome);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_case(rows[i].name);
        check_row(&outcome, &rows[i]);
    }
    outcome_free(&outcome);
}

/* Cut anywhere, a line is never taken for a whole one: that is what a killed run leaves. */
static void test_a_torn_line_is_none(void)
{
    struct outcome outcome;

    outcome_init(&outcome);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_case(rows[i].name);
        for (size_t size = 0; rows[i].kind != NULL && size < strlen(rows[i].line); size++) {
            CHECK_EQ(outcome_read(&outcome, (struct json_span){ rows[i].line, size }),
                     OUTCOME_NONE);
        }
    }
    outcome_free(&outcome);
}

/* --- Both sides of one format --- */

static void test_what_answer_writes_is_read_without_parsing(void)
{
    const struct answer answers[] = {
        { .id = OURS, .custom_id = span_of("\"a\""), .status = 200, .body = span_of("{\"a\": 1}") },
        { .id = OURS, .custom_id = span_of("\"a\""), .status = 200, .body = span_of("}{ \n") },
        { .id = OURS, .error_code = "timeout_idle", .error_message = "it \"stood\" still" },
    };
    struct outcome outcome;
    struct text line;

    outcome_init(&outcome);
    text_init(&line, 0);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        text_reset(&line);
        CHECK(answer_write(&line, &answers[i]));
        CHECK_EQ(outcome_read(&outcome, (struct json_span){ line.bytes, line.size }), OUTCOME_READ);
        CHECK_EQ(outcome.line, 17);
        CHECK_EQ(outcome.status, answers[i].status);
        CHECK_EQ(outcome.kind, answers[i].error_code == NULL ? OUTCOME_GOOD : OUTCOME_TRANSIENT);
    }
    text_free(&line);
    outcome_free(&outcome);
}

/* --- What passes --- */

static void test_what_may_succeed_next_time_is_transient(void)
{
    const struct json_span none = { NULL, 0 };

    for (uint32_t status = 300; status < 600; status++) {
        bool wanted = status == 408 || status == 409 || status == 429 || status >= 500;
        CHECK_EQ(outcome_is_transient(status, none), wanted);
    }
    CHECK(outcome_is_transient(0, span_of("\"dns_error\"")));
    CHECK(outcome_is_transient(0, span_of("\"timeout_total\"")));
    CHECK(outcome_is_transient(0, span_of("\"cancelled\"")));
    CHECK(!outcome_is_transient(0, span_of("\"timeout_deadline\"")));
    CHECK(!outcome_is_transient(0, span_of("\"too_large\"")));
    CHECK(!outcome_is_transient(0, span_of("\"invalid_input_line\"")));
    CHECK(!outcome_is_transient(0, span_of("\"\"")));
    CHECK(!outcome_is_transient(0, none));
}

static void test_a_member_is_found_by_what_its_name_says(void)
{
    struct json_member member;
    struct json_span value;
    uint64_t count = 0;

    CHECK(member_find(span_of("{\"a\":1,\"\\u0061\":2}"), "a", &member));
    CHECK_MEM(member.value.bytes, member.value.size, "2", 1);
    CHECK(!member_find(span_of("{\"a\":1"), "a", &member));
    CHECK(!member_find(span_of("[1]"), "a", &member));
    CHECK(member_find_kind(span_of("{\"a\":1}"), "a", JSON_NUMBER, &value));
    CHECK(!member_find_kind(span_of("{\"a\":1}"), "a", JSON_STRING, &value));
    CHECK(member_count(span_of("999999999999999"), &count));
    CHECK(count == 999999999999999);
    CHECK(!member_count(span_of("1000000000000000"), &count));
    CHECK(!member_count(span_of("1.0"), &count));
    CHECK(!member_count(span_of("-1"), &count));
    CHECK(!member_count(span_of(""), &count));
}

int main(void)
{
    RUN(test_lines_of_every_maker_are_read);
    RUN(test_a_torn_line_is_none);
    RUN(test_what_answer_writes_is_read_without_parsing);
    RUN(test_what_may_succeed_next_time_is_transient);
    RUN(test_a_member_is_found_by_what_its_name_says);
    return check_done();
}
