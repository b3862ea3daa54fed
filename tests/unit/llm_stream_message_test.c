/*
 * llm_stream_message: events of the Messages API, by a table.
 */
#include "tests/unit/llm_stream_rows.h"

static void test_a_message_is_put_together(void)
{
    static const struct stream_case rows[] = {
        { "text, and what is no part of it",
          STREAM_MESSAGE,
          { "ping|{\"type\":\"ping\"}", START, BLOCK("0", "\"type\":\"text\",\"text\":\"\""),
            "{\"type\":\"ping\"}", DELTA("0", "\"type\":\"text_delta\",\"text\":\"He\""),
            DELTA("0", "\"type\":\"text_delta\",\"text\":\"llo\""),
            "{\"type\":\"content_block_stop\",\"index\":0}", "{\"type\":\"news\"}", END, STOP },
          STREAM_GOOD,
          MESSAGE("{\"type\":\"text\",\"text\":\"Hello\"}") },
        { "thinking with its signature, then a tool",
          STREAM_MESSAGE,
          { START, BLOCK("0", "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\""),
            DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"a\""),
            DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"b\""),
            DELTA("0", "\"type\":\"signature_delta\",\"signature\":\"S\""),
            BLOCK("1", "\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}"),
            DELTA("1", "\"type\":\"input_json_delta\",\"partial_json\":\"\""),
            DELTA("1", "\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"n\\\": 900719\""),
            DELTA("1", "\"type\":\"input_json_delta\",\"partial_json\":\"9254740993}\""), END,
            STOP },
          STREAM_GOOD,
          MESSAGE("{\"type\":\"thinking\",\"thinking\":\"ab\",\"signature\":\"S\"},"
                  "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\","
                  "\"input\":{\"n\": 9007199254740993}}") },
        { "a tool without input keeps the empty one",
          STREAM_MESSAGE,
          { START, BLOCK("0", "\"type\":\"tool_use\",\"input\":{}"),
            DELTA("0", "\"type\":\"input_json_delta\",\"partial_json\":\"\""), END, STOP },
          STREAM_GOOD,
          MESSAGE("{\"type\":\"tool_use\",\"input\":{}}") },
        { "an input that was cut off is the string of it",
          STREAM_MESSAGE,
          { START, BLOCK("0", "\"type\":\"tool_use\",\"input\":{}"),
            DELTA("0", "\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\""), END,
            STOP },
          STREAM_GOOD,
          MESSAGE("{\"type\":\"tool_use\",\"input\":\"{\\\"a\\\":\"}") },
        { "citations are appended",
          STREAM_MESSAGE,
          { START, BLOCK("0", "\"type\":\"text\",\"text\":\"\",\"citations\":[]"),
            DELTA("0", "\"type\":\"citations_delta\",\"citation\":{\"n\":1}"),
            DELTA("0", "\"type\":\"citations_delta\",\"citation\":{\"n\":2}"), END, STOP },
          STREAM_GOOD,
          MESSAGE("{\"type\":\"text\",\"text\":\"\",\"citations\":[{\"n\":1},{\"n\":2}]}") },
    };

    check_rows(rows, COUNT_OF(rows));
}

int main(void)
{
    RUN(test_a_message_is_put_together);
    return check_done();
}
