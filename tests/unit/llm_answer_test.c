/* Lines of the output: whatever the server sent, one line of JSON that says it. */
#include "llm/answer.h"

#include "llm/json_string.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define TEXT(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

struct body_case {
    const char *name;
    struct json_span body;
    bool coded;
    const char *member; /* of the response */
};

static const struct body_case body_cases[] = {
    { "empty", TEXT(""), false, "\"body\":\"\"" },
    { "empty and coded", TEXT(""), true, "\"body\":\"\"" },
    { "object", TEXT("{\"a\":1}"), false, "\"body\":{\"a\":1}" },
    { "array", TEXT("[1, 2]"), false, "\"body\":[1, 2]" },
    { "string", TEXT("\"a\""), false, "\"body\":\"a\"" },
    { "number as it stands", TEXT("9007199254740993"), false, "\"body\":9007199254740993" },
    { "nothing converted", TEXT("{\"a\":1e400,\"a\":\"\\u0000\\ud800\"}"), false,
      "\"body\":{\"a\":1e400,\"a\":\"\\u0000\\ud800\"}" },
    { "space kept", TEXT(" { \"a\" :\t1 } "), false, "\"body\": { \"a\" :\t1 } " },
    { "line ends taken out", TEXT("{\n  \"a\": 1,\r\n  \"b\": [\r\r\n\n1\n]\n}\n"), false,
      "\"body\":{  \"a\": 1,  \"b\": [1]}" },
    { "escaped line ends kept", TEXT("\n\"\\r\\n\"\r"), false, "\"body\":\"\\r\\n\"" },
    { "UTF-8 JSON", TEXT("{\"\xC3\xA9\":\"\xF0\x9F\x98\x80\"}"), false,
      "\"body\":{\"\xC3\xA9\":\"\xF0\x9F\x98\x80\"}" },
    { "HTML", TEXT("<p class=\"x\">\r\n"), false, "\"body\":\"<p class=\\\"x\\\">\\r\\n\"" },
    { "only space", TEXT(" \n"), false, "\"body\":\" \\n\"" },
    { "JSON cut", TEXT("{\"a\":"), false, "\"body\":\"{\\\"a\\\":\"" },
    { "two texts", TEXT("{}\n{}\n"), false, "\"body\":\"{}\\n{}\\n\"" },
    { "byte order mark", TEXT("\xEF\xBB\xBF{}"), false, "\"body\":\"\xEF\xBB\xBF{}\"" },
    { "NUL", TEXT("a\0b"), false, "\"body\":\"a\\u0000b\"" },
    { "not JSON: NaN", TEXT("[NaN]"), false, "\"body\":\"[NaN]\"" },
    { "Latin-1", TEXT("caf\xE9"), false, "\"body_base64\":\"Y2Fm6Q==\"" },
    { "Latin-1 in JSON", TEXT("\"\xE9\""), false, "\"body_base64\":\"Iuki\"" },
    { "coded", TEXT("{}"), true, "\"body_base64\":\"e30=\"" },
    { "gzip", TEXT("\x1F\x8B\x08\0"), true, "\"body_base64\":\"H4sIAA==\"" },
};

static struct json_span exact_copy(struct json_span span)
{
    char *copy = malloc(span.size == 0 ? 1 : span.size);

    memcpy(copy, span.bytes, span.size);
    return (struct json_span){ copy, span.size };
}

/* One line, and one JSON text. */
static void check_line(const struct text *out)
{
    struct json_defect defect;

    CHECK(json_check((struct json_span){ out->bytes, out->size }, &defect));
    CHECK_EQ(out->bytes[out->size - 1], '\n');
    CHECK(memchr(out->bytes, '\n', out->size - 1) == NULL);
    CHECK(memchr(out->bytes, '\r', out->size) == NULL);
}

/* The line of `answer` is `wanted`, and where there is not enough room for it there is none. */
static void check_answer(const struct answer *answer, const char *wanted)
{
    struct text out;

    text_init(&out, 0);
    CHECK(answer_write(&out, answer));
    CHECK_STR(out.bytes, wanted);
    check_line(&out);
    text_free(&out);
    for (size_t size_max = 1; size_max < strlen(wanted); size_max++) {
        text_init(&out, size_max);
        CHECK(!answer_write(&out, answer));
        CHECK_EQ(out.size, 0);
        CHECK(!out.failed);
        text_free(&out);
    }
}

static void test_a_body_is_written_as_what_it_is(void)
{
    for (size_t i = 0; i < COUNT(body_cases); i++) {
        struct json_span body = exact_copy(body_cases[i].body);
        struct answer answer = {
            .id = "quoit-0-1",
            .custom_id = TEXT("\"a\""),
            .status = 200,
            .body = body,
            .body_is_coded = body_cases[i].coded,
        };
        char wanted[512];

        check_case(body_cases[i].name);
        snprintf(wanted, sizeof(wanted),
                 "{\"id\":\"quoit-0-1\",\"custom_id\":\"a\",\"response\":{\"status_code\":200,"
                 "\"request_id\":\"\",%s},\"error\":null}\n",
                 body_cases[i].member);
        check_answer(&answer, wanted);
        free((char *)body.bytes);
    }
}

static void test_text_of_any_bytes_comes_back_lossless(void)
{
    char body[128], said[sizeof(body) * 6];
    struct answer answer = { .id = "x", .status = 200, .body = { body, sizeof(body) } };
    static const char before[] =
        "{\"id\":\"x\",\"custom_id\":null,\"response\":{\"status_code\":200,"
        "\"request_id\":\"\",\"body\":";
    static const char after[] = "},\"error\":null}\n";
    struct text out;
    bool lone;

    for (size_t i = 0; i < sizeof(body); i++) {
        body[i] = (char)i; /* all of ASCII */
    }
    text_init(&out, 0);
    CHECK(answer_write(&out, &answer));
    check_line(&out);
    struct json_span string = { out.bytes + strlen(before),
                                out.size - strlen(before) - strlen(after) };
    size_t size = json_string_decode(string, said, &lone);
    CHECK_MEM(said, size, body, sizeof(body));
    text_free(&out);
}

static void test_a_custom_id_is_written_as_it_stands(void)
{
    struct answer answer = {
        .id = "quoit-9f86d081884c7d65-17",
        .custom_id = TEXT("\"\\u0061\\/\""),
        .status = 404,
        .request_id = "req \"1\" \xE9",
    };

    check_answer(&answer, "{\"id\":\"quoit-9f86d081884c7d65-17\",\"custom_id\":\"\\u0061\\/\","
                          "\"response\":{\"status_code\":404,\"request_id\":\"req \\\"1\\\" "
                          "\xEF\xBF\xBD\",\"body\":\"\"},\"error\":null}\n");
}

static void test_an_error_has_no_response(void)
{
    struct answer answer = {
        .id = "quoit-0-2",
        .error_code = "invalid_input_line",
        .error_message = "custom_id is a number: \"quote\" it\n",
    };

    check_answer(&answer, "{\"id\":\"quoit-0-2\",\"custom_id\":null,\"response\":null,"
                          "\"error\":{\"code\":\"invalid_input_line\","
                          "\"message\":\"custom_id is a number: \\\"quote\\\" it\\n\"}}\n");
}

static void test_details_are_in_milliseconds(void)
{
    struct answer_details details = {
        .line = 17,
        .attempts = 2,
        .reused = true,
        .queued_ns = 1999999,
        .connect_ns = ANSWER_NEVER,
        .first_byte_ns = 12005000,
        .latency_ns = 3600000000000,
        .bytes_in = 1234,
    };
    struct answer answer = {
        .id = "x",
        .error_code = "cancelled",
        .error_message = "",
        .details = &details,
    };

    check_answer(&answer, "{\"id\":\"x\",\"custom_id\":null,\"response\":null,"
                          "\"error\":{\"code\":\"cancelled\",\"message\":\"\"},"
                          "\"quoit\":{\"line\":17,\"attempts\":2,\"queued_ms\":1.999,"
                          "\"connect_ms\":null,\"first_byte_ms\":12.005,"
                          "\"latency_ms\":3600000.000,\"reused\":true,\"bytes_in\":1234}}\n");
}

static void test_details_of_a_stream_are_few_whatever_its_length(void)
{
    struct answer_details details = {
        .streamed = true,
        .token_events = 100000,
        .first_token_ns = 1500000,
        .last_token_ns = 2500000,
        .token_gap_max_ns = ANSWER_NEVER,
    };
    struct answer answer = {
        .id = "x",
        .error_code = "c",
        .error_message = "",
        .details = &details,
    };

    check_answer(&answer,
                 "{\"id\":\"x\",\"custom_id\":null,\"response\":null,"
                 "\"error\":{\"code\":\"c\",\"message\":\"\"},"
                 "\"quoit\":{\"line\":0,\"attempts\":0,\"queued_ms\":0.000,\"connect_ms\":0.000,"
                 "\"first_byte_ms\":0.000,\"latency_ms\":0.000,\"reused\":false,\"bytes_in\":0,"
                 "\"token_events\":100000,\"first_token_ms\":1.500,\"last_token_ms\":2.500,"
                 "\"token_gap_max_ms\":null}}\n");
}

static void test_a_line_is_appended_to_what_is_there(void)
{
    struct answer answer = { .id = "x", .error_code = "reset", .error_message = "" };
    struct text out;

    text_init(&out, 200);
    CHECK(answer_write(&out, &answer));
    size_t one = out.size;
    CHECK(answer_write(&out, &answer));
    CHECK_EQ(out.size, 2 * one);
    CHECK(!answer_write(&out, &answer));
    CHECK_EQ(out.size, 2 * one);
    CHECK(memcmp(out.bytes, out.bytes + one, one) == 0);
    text_free(&out);
}

int main(void)
{
    RUN(test_a_body_is_written_as_what_it_is);
    RUN(test_text_of_any_bytes_comes_back_lossless);
    RUN(test_a_custom_id_is_written_as_it_stands);
    RUN(test_an_error_has_no_response);
    RUN(test_details_are_in_milliseconds);
    RUN(test_details_of_a_stream_are_few_whatever_its_length);
    RUN(test_a_line_is_appended_to_what_is_there);
    return check_done();
}
