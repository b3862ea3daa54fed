/*
 * llm_stream: what comes of events, by tables: what the events are, what the answer is, or why
 * there is none.
 */
#include "tests/unit/llm_stream_rows.h"

/* --- Completions --- */

static const struct stream_case chat_cases[] = {
    { "the usual",
      STREAM_CHAT,
      { "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\","
        "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
        "\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}",
        "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\","
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"},\"finish_reason\":null}],"
        "\"usage\":null}",
        "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\","
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"},\"finish_reason\":null}]}",
        "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}",
        "{\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"total_tokens\":3}}",
        "[DONE]" },
      STREAM_GOOD,
      "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\",\"choices\":"
      "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello\"},"
      "\"logprobs\":null,\"finish_reason\":\"stop\"}],"
      "\"usage\":{\"prompt_tokens\":1,\"total_tokens\":3}}" },
    { "two choices, mixed and out of order",
      STREAM_CHAT,
      { "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}},"
        "{\"index\":1,\"delta\":{\"content\":\"B\"}}]}",
        "[DONE]" },
      STREAM_GOOD,
      "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\"}},"
      "{\"index\":1,\"message\":{\"content\":\"bB\"}}]}" },
    { "tool calls by index, the second before the first, arguments in pieces",
      STREAM_CHAT,
      { CHUNK("\"tool_calls\":[{\"index\":1,\"id\":\"y\",\"type\":\"function\","
              "\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]"),
        CHUNK("\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"type\":\"function\","
              "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\"}}]"),
        CHUNK("\"tool_calls\":[{\"index\":0,\"id\":\"\",\"type\":\"function\","
              "\"function\":{\"arguments\":\"\\\":1}\"}},"
              "{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]"),
        "[DONE]" },
      STREAM_GOOD,
      CHAT("\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"type\":\"function\",\"function\":"
           "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},{\"index\":1,\"id\":\"y\","
           "\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]") },
    { "two pieces of one tool call in one delta",
      STREAM_CHAT,
      { CHUNK("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"a\"}},"
              "{\"index\":0,\"function\":{\"arguments\":\"b\"}}]"),
        "[DONE]" },
      STREAM_GOOD,
      CHAT("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"ab\"}}]") },
    { "a role and an id that each chunk repeats",
      STREAM_CHAT,
      { CHUNK("\"role\":\"assistant\",\"content\":\"a\""),
        CHUNK("\"role\":\"assistant\",\"content\":\"b\""), "[DONE]" },
      STREAM_GOOD,
      CHAT("\"role\":\"assistant\",\"content\":\"ab\"") },
    { "refusal, reasoning and thinking are joined, null erases nothing",
      STREAM_CHAT,
      { CHUNK("\"content\":null,\"refusal\":\"I \",\"reasoning_content\":\"x\""),
        CHUNK("\"content\":\"c\",\"refusal\":\"can't\",\"reasoning_content\":\"y\""),
        CHUNK("\"content\":null,\"refusal\":null,\"reasoning_content\":null"), "[DONE]" },
      STREAM_GOOD,
      CHAT("\"content\":\"c\",\"refusal\":\"I can't\",\"reasoning_content\":\"xy\"") },
    { "logprobs are appended, also tokens that are called index",
      STREAM_CHAT,
      { "{\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":{\"content\":"
        "[{\"token\":\"a\",\"logprob\":-0.10}],\"refusal\":null}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":{\"content\":"
        "[{\"token\":\"b\",\"index\":0,\"logprob\":-9.5e-07}],\"refusal\":null}}]}",
        "[DONE]" },
      STREAM_GOOD,
      "{\"choices\":[{\"index\":0,\"message\":{},\"logprobs\":{\"content\":"
      "[{\"token\":\"a\",\"logprob\":-0.10},{\"token\":\"b\",\"index\":0,"
      "\"logprob\":-9.5e-07}],\"refusal\":null}}]}" },
    { "a delta that is a list",
      STREAM_CHAT,
      { "{\"choices\":[{\"index\":0,\"delta\":[\"content\",\"a\"]}]}", "[DONE]" },
      STREAM_GOOD,
      NULL },
    { "numbers of a delta are added, lists without index appended",
      STREAM_CHAT,
      { CHUNK("\"n\":9007199254740993,\"d\":0.5,\"b\":true,\"l\":[1]"),
        CHUNK("\"n\":1,\"d\":0.25,\"b\":false,\"l\":[\"x\",null]"), "[DONE]" },
      STREAM_GOOD,
      CHAT("\"n\":9007199254740994,\"d\":0.75,\"b\":false,\"l\":[1,\"x\",null]") },
    { "values of different kinds: the first stays",
      STREAM_CHAT,
      { CHUNK("\"a\":\"x\",\"b\":[1],\"c\":{\"d\":1}"),
        CHUNK("\"a\":[1],\"b\":{\"e\":1},\"c\":\"y\""), "[DONE]" },
      STREAM_GOOD,
      CHAT("\"a\":\"x\",\"b\":[1],\"c\":{\"d\":1}") },
    { "a first chunk that says nothing (Azure)",
      STREAM_CHAT,
      { "{\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","
        "\"prompt_filter_results\":[{\"prompt_index\":0}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"content_filter_results\":"
        "{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}}],\"created\":5,\"id\":\"i\","
        "\"model\":\"m\",\"object\":\"chat.completion.chunk\"}",
        "{\"choices\":[{\"index\":0,\"delta\":{},\"content_filter_results\":{},"
        "\"finish_reason\":\"stop\"}],\"created\":6,\"id\":\"j\"}",
        "[DONE]" },
      STREAM_GOOD,
      "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\"},\"content_filter_results\":"
      "{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}},\"finish_reason\":\"stop\"}],"
      "\"created\":5,\"id\":\"i\",\"model\":\"m\",\"object\":\"chat.completion\","
      "\"prompt_filter_results\":[{\"prompt_index\":0}]}" },
    { "a usage that grows is the last one",
      STREAM_CHAT,
      { "{\"choices\":[],\"usage\":{\"a\":1,\"b\":{\"c\":1}}}",
        "{\"choices\":[],\"usage\":{\"a\":2}}", "{\"choices\":[],\"usage\":null}", "[DONE]" },
      STREAM_GOOD,
      "{\"choices\":[],\"usage\":{\"a\":2}}" },
    { "a null error is none; blank data is nothing; DONE ends it",
      STREAM_CHAT,
      { "{\"error\":null,\"choices\":[]}", " \n", "", "[DONE] and more", "{\"error\":1}", "{" },
      STREAM_GOOD,
      "{\"error\":null,\"choices\":[]}" },
    { "text of the older API, with its logprobs",
      STREAM_COMPLETION,
      { "{\"object\":\"text_completion\",\"choices\":[{\"text\":\"a\",\"index\":0,\"logprobs\":"
        "{\"tokens\":[\"a\"],\"token_logprobs\":[-1]},\"finish_reason\":null}]}",
        "{\"object\":\"text_completion\",\"choices\":[{\"text\":\"b\",\"index\":0,\"logprobs\":"
        "{\"tokens\":[\"b\"],\"token_logprobs\":[-2]},\"finish_reason\":\"length\"}]}" },
      STREAM_GOOD,
      "{\"object\":\"text_completion\",\"choices\":[{\"text\":\"ab\",\"index\":0,\"logprobs\":"
      "{\"tokens\":[\"a\",\"b\"],\"token_logprobs\":[-1,-2]},\"finish_reason\":\"length\"}]}" },
};

static void test_a_chat_is_put_together(void)
{
    check_rows(chat_cases, COUNT_OF(chat_cases));
}

static void test_bytes_survive_as_they_stand(void)
{
    static const struct stream_case rows[] = {
        { "numbers",
          STREAM_CHAT,
          { "{\"seed\":9007199254740993,\"f\":1.0e+400,\"z\":-0.0,\"choices\":[]}", "[DONE]" },
          STREAM_GOOD,
          "{\"seed\":9007199254740993,\"f\":1.0e+400,\"z\":-0.0,\"choices\":[]}" },
        { "NUL, half a pair, escapes as they are written",
          STREAM_CHAT,
          { CHUNK("\"content\":\"a\\u0000\\ud800\""), CHUNK("\"content\":\"\\/\\u00e4\xc3\xa4\""),
            "[DONE]" },
          STREAM_GOOD,
          CHAT("\"content\":\"a\\u0000\\ud800\\/\\u00e4\xc3\xa4\"") },
        { "a pair cut between two deltas is one again",
          STREAM_CHAT,
          { CHUNK("\"content\":\"\\ud83d\""), CHUNK("\"content\":\"\\ude00\""), "[DONE]" },
          STREAM_GOOD,
          CHAT("\"content\":\"\\ud83d\\ude00\"") },
        { "names that are written with escapes",
          STREAM_CHAT,
          { "{\"c\\u0068oices\":[{\"ind\\u0065x\":0,\"delt\\u0061\":{\"content\":\"a\"}}]}",
            "[DONE]" },
          STREAM_GOOD,
          "{\"choices\":[{\"ind\\u0065x\":0,\"message\":{\"content\":\"a\"}}]}" },
        { "space goes, but not in what is kept whole",
          STREAM_CHAT,
          { " { \"a\" : [ 1 , 2 ] , \"choices\" : [ { \"index\" : 0 } ] } ", "[DONE]" },
          STREAM_GOOD,
          "{\"a\":[ 1 , 2 ],\"choices\":[{\"index\":0}]}" },
    };

    check_rows(rows, COUNT_OF(rows));
}

static void test_a_stream_is_whole_when_it_says_so(void)
{
    static const struct stream_case rows[] = {
        { "nothing at all", STREAM_CHAT, { NULL }, STREAM_CUT, NULL },
        { "DONE and nothing else", STREAM_CHAT, { "[DONE]" }, STREAM_CUT, NULL },
        { "no DONE, no finish_reason",
          STREAM_CHAT,
          { CHUNK("\"content\":\"a\"") },
          STREAM_CUT,
          NULL },
        { "a finish_reason",
          STREAM_CHAT,
          { CHUNK("\"content\":\"a\""),
            "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}" },
          STREAM_GOOD,
          NULL },
        { "of one choice of two",
          STREAM_CHAT,
          { "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"},{\"index\":1}]}" },
          STREAM_CUT,
          NULL },
        { "no choices", STREAM_CHAT, { "{\"choices\":[]}" }, STREAM_CUT, NULL },
        { "a Response that has begun",
          STREAM_RESPONSE,
          { "{\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\"}}" },
          STREAM_CUT,
          NULL },
        { "DONE is nothing to a Response", STREAM_RESPONSE, { "[DONE]" }, STREAM_BROKEN, NULL },
        { "a message without message_stop",
          STREAM_MESSAGE,
          { "{\"type\":\"message_start\",\"message\":{\"content\":[]}}",
            "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}" },
          STREAM_CUT,
          NULL },
    };

    check_rows(rows, COUNT_OF(rows));
}

static void test_a_connection_that_broke_off_needs_the_word_itself(void)
{
    static const char finished[] = "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}";
    struct stream stream;
    struct text out;

    stream_init(&stream, 0);
    text_init(&out, 0);
    stream_begin(&stream, STREAM_CHAT);
    CHECK_EQ(feed(&stream, finished), STREAM_GOOD);
    CHECK_EQ(stream_end(&stream, true, &out), STREAM_CUT);
    CHECK_EQ(feed(&stream, "[DONE]"), STREAM_GOOD);
    CHECK(stream.said_so);
    CHECK_EQ(stream_end(&stream, true, &out), STREAM_GOOD);
    stream_free(&stream);
    text_free(&out);
}

static void test_errors_and_nonsense_fail(void)
{
    static const struct stream_case rows[] = {
        { "an error",
          STREAM_CHAT,
          { CHUNK("\"content\":\"a\""),
            "{\"error\":{\"type\":\"server_error\",\"message\":\"no\"}}", "[DONE]" },
          STREAM_FAILED,
          "server_error: no" },
        { "an error that is a string", STREAM_CHAT, { "{\"error\":\"no\"}" }, STREAM_FAILED, "no" },
        { "an event of that name",
          STREAM_CHAT,
          { "error|{\"message\":\"x\"}" },
          STREAM_FAILED,
          "x" },
        { "of that name, and no JSON", STREAM_CHAT, { "error|oh no" }, STREAM_FAILED, "" },
        { "of a Response",
          STREAM_RESPONSE,
          { "error|{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"m\"}" },
          STREAM_FAILED,
          "error: server_error: m" },
        { "response.failed",
          STREAM_RESPONSE,
          { "{\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":"
            "{\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}}}" },
          STREAM_FAILED,
          "rate_limit_exceeded: slow" },
        { "of a message",
          STREAM_MESSAGE,
          { "error|{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
            "\"message\":\"Overloaded\"}}" },
          STREAM_FAILED,
          "overloaded_error: Overloaded" },
        { "no JSON", STREAM_CHAT, { "{\"a\":" }, STREAM_BROKEN, "an event is no JSON object" },
        { "not UTF-8", STREAM_CHAT, { "{\"a\":\"\xff\"}" }, STREAM_BROKEN, NULL },
        { "no object", STREAM_CHAT, { "[1]" }, STREAM_BROKEN, "an event is no JSON object" },
        { "a choice that is none", STREAM_CHAT, { "{\"choices\":[1]}" }, STREAM_BROKEN, NULL },
        { "a Response without one",
          STREAM_RESPONSE,
          { "{\"type\":\"response.completed\",\"response\":7}" },
          STREAM_BROKEN,
          NULL },
        { "a message that does not start",
          STREAM_MESSAGE,
          { "{\"type\":\"content_block_stop\",\"index\":0}" },
          STREAM_BROKEN,
          NULL },
        { "a block of no index",
          STREAM_MESSAGE,
          { "{\"type\":\"message_start\",\"message\":{}}",
            "{\"type\":\"content_block_start\",\"index\":-1,\"content_block\":{}}" },
          STREAM_BROKEN,
          NULL },
    };

    check_rows(rows, COUNT_OF(rows));
}

/* --- Responses --- */

static void test_a_response_is_that_of_its_last_event(void)
{
    static const struct stream_case rows[] = {
        { "completed",
          STREAM_RESPONSE,
          { "response.created|{\"type\":\"response.created\",\"response\":{\"error\":null}}",
            "{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}",
            "{\"response\":{ \"n\" : 9007199254740993,\"error\":null},"
            "\"type\":\"response.completed\"}",
            "{\"type\":\"response.completed\",\"response\":{}}" },
          STREAM_GOOD,
          "{ \"n\" : 9007199254740993,\"error\":null}" },
        { "incomplete",
          STREAM_RESPONSE,
          { "{\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\"}}" },
          STREAM_GOOD,
          "{\"status\":\"incomplete\"}" },
    };

    check_rows(rows, COUNT_OF(rows));
}

static void test_what_carries_output_is_known(void)
{
    static const struct {
        enum stream_form form;
        const char *event;
        bool carries;
    } rows[] = {
        { STREAM_CHAT, CHUNK("\"role\":\"assistant\",\"content\":\"\""), false },
        { STREAM_CHAT, CHUNK("\"content\":\"a\""), true },
        { STREAM_CHAT, CHUNK("\"reasoning\":\"a\""), true },
        { STREAM_CHAT, CHUNK("\"reasoning_content\":\"a\""), true },
        { STREAM_CHAT, CHUNK("\"refusal\":\"a\""), true },
        { STREAM_CHAT, CHUNK("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\"}}]"),
          false },
        { STREAM_CHAT, CHUNK("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\"}}]"),
          true },
        { STREAM_CHAT, "{\"choices\":[],\"usage\":{\"content\":\"a\"}}", false },
        { STREAM_CHAT, "[DONE]", false },
        { STREAM_COMPLETION, "{\"choices\":[{\"text\":\"a\"}]}", true },
        { STREAM_RESPONSE, "{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}", true },
        { STREAM_RESPONSE, "{\"type\":\"response.created\",\"response\":{}}", false },
        { STREAM_MESSAGE, START, false },
    };
    struct stream stream;

    stream_init(&stream, 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_case(rows[i].event);
        stream_begin(&stream, rows[i].form);
        CHECK_EQ(feed(&stream, rows[i].event), STREAM_GOOD);
        CHECK_EQ(stream.carries, rows[i].carries);
    }
    check_case("a block's delta");
    CHECK_EQ(feed(&stream, BLOCK("0", "\"text\":\"\"")), STREAM_GOOD);
    CHECK(!stream.carries);
    CHECK_EQ(feed(&stream, DELTA("0", "\"text\":\"a\"")), STREAM_GOOD);
    CHECK(stream.carries);
    stream_free(&stream);
}

static void test_the_form_follows_from_the_end_of_the_path(void)
{
    static const struct {
        const char *url;
        enum stream_form form;
    } rows[] = {
        { "https://h/v1/chat/completions", STREAM_CHAT },
        { "/openai/deployments/x/chat/completions?api-version=1", STREAM_CHAT },
        { "/v1/completions#x", STREAM_COMPLETION },
        { "/v1/responses", STREAM_RESPONSE },
        { "/v1/messages", STREAM_MESSAGE },
        { "/v1/embeddings", STREAM_NONE },
        { "/v1/messages/batches", STREAM_NONE },
        { "/v1/x?a=/chat/completions", STREAM_NONE },
        { "/xcompletions", STREAM_NONE },
        { "", STREAM_NONE },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_case(rows[i].url);
        CHECK_EQ(stream_form_of(rows[i].url), rows[i].form);
    }
}

int main(void)
{
    RUN(test_a_chat_is_put_together);
    RUN(test_bytes_survive_as_they_stand);
    RUN(test_a_stream_is_whole_when_it_says_so);
    RUN(test_a_connection_that_broke_off_needs_the_word_itself);
    RUN(test_errors_and_nonsense_fail);
    RUN(test_a_response_is_that_of_its_last_event);
    RUN(test_what_carries_output_is_known);
    RUN(test_the_form_follows_from_the_end_of_the_path);
    return check_done();
}
