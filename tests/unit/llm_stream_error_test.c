/*
 * llm_stream_error: which errors another attempt may survive, and what people are told of them.
 */
#include "llm/stream_error.h"

#include "base/bits.h"
#include "llm/utf8.h"
#include "tests/unit/check.h"

static struct stream_error error_of(const char *value)
{
    struct stream_error error;

    stream_error_read(&error, (struct json_span){ value, strlen(value) });
    return error;
}

static void test_errors_are_judged_as_their_status_would_be(void)
{
    static const struct {
        const char *value;
        enum stream_error_kind kind;
        const char *text;
    } rows[] = {
        { "{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}", STREAM_ERROR_TRANSIENT,
          "overloaded_error: Overloaded" },
        { "{\"type\":\"requests\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}",
          STREAM_ERROR_TRANSIENT, "requests: rate_limit_exceeded: slow" },
        { "{\"type\":\"InternalServerError\",\"code\":500}", STREAM_ERROR_TRANSIENT,
          "InternalServerError" },
        { "{\"type\":\"odd\",\"code\":429}", STREAM_ERROR_TRANSIENT, "odd" },
        { "{\"type\":\"BadRequestError\",\"code\":400,\"message\":\"long\"}", STREAM_ERROR_FINAL,
          "BadRequestError: long" },
        { "{\"type\":\"server_error\",\"code\":\"insufficient_quota\"}", STREAM_ERROR_QUOTA,
          "server_error: insufficient_quota" },
        { "{\"type\":\"insufficient_quota\",\"code\":429}", STREAM_ERROR_QUOTA,
          "insufficient_quota" },
        { "{\"type\":\"invalid_request_error\",\"code\":null}", STREAM_ERROR_FINAL,
          "invalid_request_error" },
        { "{\"type\":7,\"code\":600}", STREAM_ERROR_FINAL, "" },
        { "\"server_error\"", STREAM_ERROR_TRANSIENT, "server_error" },
        { "true", STREAM_ERROR_FINAL, "" },
        { "[]", STREAM_ERROR_FINAL, "" },
        { "{}", STREAM_ERROR_FINAL, "" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_case(rows[i].value);
        struct stream_error error = error_of(rows[i].value);
        CHECK_EQ(error.kind, rows[i].kind);
        CHECK_STR(error.text, rows[i].text);
    }
}

static void test_the_text_moves_no_cursor_and_is_one_line(void)
{
    CHECK_STR(error_of("{\"message\":\"a\\u001b[2J\\nb\\u0000c\\u007f\"}").text, "a [2J b c ");
}

static void test_a_long_text_ends_with_a_whole_character(void)
{
    static const char begin[] = "{\"message\":\"";
    char value[1024];
    char *at = value + sizeof(begin) - 1;

    memcpy(value, begin, sizeof(begin));
    for (size_t i = 0; i < 300; i++, at += 3) {
        memcpy(at, "\xe7\x8c\xab", 3);
    }
    memcpy(at, "\"}", 3);
    struct stream_error error = error_of(value);
    CHECK_EQ(utf8_size(error.text, strlen(error.text)), strlen(error.text));
    CHECK(strlen(error.text) > STREAM_ERROR_TEXT_SIZE - 4);
}

int main(void)
{
    RUN(test_errors_are_judged_as_their_status_would_be);
    RUN(test_the_text_moves_no_cursor_and_is_one_line);
    RUN(test_a_long_text_ends_with_a_whole_character);
    return check_done();
}
