/*
 * llm_event: what each event says, by tables, and that it is what a stream says that makes an
 * answer of the same events. The tables of llm_stream_rows.h are held to that as well.
 */
#include "llm/event.h"

#include "tests/unit/llm_stream_rows.h"

#define STREAM_EVENTS 4

#define CHOICE(members) "{\"choices\":[{" members "}]}"
#define CALL(arguments)                                                                            \
    CHUNK("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":" arguments "}}]")

static void feed_reader(struct event_reader *reader, const char *event)
{
    const char *bar = strchr(event, '|');
    struct json_span name = { event, bar == NULL ? 0 : (size_t)(bar - event) };

    event_reader_feed(reader, name, span(bar == NULL ? event : bar + 1));
}

static void feed_events(struct event_reader *reader, enum stream_form form,
                        const char *const events[STREAM_EVENTS])
{
    event_reader_begin(reader, form);
    for (size_t i = 0; i < STREAM_EVENTS && events[i] != NULL; i++) {
        feed_reader(reader, events[i]);
    }
    CHECK(!reader->failed);
}

/* --- One event --- */

static const struct {
    enum stream_form form;
    const char *event;
    bool carries, has_choices;
} output_cases[] = {
    { STREAM_CHAT, CHUNK("\"role\":\"assistant\""), false, true },
    { STREAM_CHAT, CHUNK("\"role\":\"assistant\",\"content\":\"\""), false, true },
    { STREAM_CHAT, CHUNK("\"content\":null"), false, true },
    { STREAM_CHAT, CHUNK("\"content\":7"), false, true },
    { STREAM_CHAT, CHUNK("\"content\":\"a\""), true, true },
    { STREAM_CHAT, CHUNK("\"con\\u0074ent\":\"a\""), true, true },
    { STREAM_CHAT, CHUNK("\"content\":\"\\u0000\""), true, true },
    { STREAM_CHAT, CHUNK("\"content\":\"\",\"text\":\"a\""), true, true },
    { STREAM_CHAT, CHUNK("\"refusal\":\"a\""), true, true },
    { STREAM_CHAT, CHUNK("\"refusal\":\"\""), false, true },
    { STREAM_CHAT, CHUNK("\"reasoning_content\":\"a\""), true, true },
    { STREAM_CHAT, CHUNK("\"reasoning_content\":\"\""), false, true },
    { STREAM_CHAT, CHUNK("\"reasoning\":\"a\""), true, true },
    { STREAM_CHAT, CHUNK("\"reasoning\":\"\""), false, true },
    { STREAM_CHAT, CHUNK("\"thoughts\":\"a\""), false, true },
    { STREAM_CHAT, CHUNK("\"x\":{\"content\":\"a\"}"), false, true },
    { STREAM_CHAT, CHUNK(""), false, true },
    { STREAM_CHAT, CALL("\"{\""), true, true },
    { STREAM_CHAT, CALL("\"\""), false, true },
    { STREAM_CHAT, CALL("null"), false, true },
    { STREAM_CHAT, CHUNK("\"tool_calls\":[7,\"a\",[],{\"function\":\"arguments\"}]"), false, true },
    { STREAM_CHAT,
      CHUNK("\"tool_calls\":[{\"function\":{\"arguments\":\"\"}},"
            "{\"function\":{\"arguments\":\"1\"}}]"),
      true, true },
    { STREAM_CHAT, CHOICE("\"delta\":[\"content\",\"a\"]"), false, true },
    { STREAM_CHAT, CHOICE("\"delta\":\"content\""), false, true },
    { STREAM_CHAT, CHOICE("\"delta\":null"), false, true },
    { STREAM_CHAT, CHOICE("\"content\":\"a\""), true, true },
    { STREAM_CHAT, CHOICE("\"index\":0,\"logprobs\":{\"content\":[{\"token\":\"a\"}]}"), false,
      true },
    { STREAM_CHAT, CHOICE(""), false, true },
    { STREAM_CHAT, " {\"choices\" : [ { \"delta\" : { \"content\" : \"a\" } } ] } ", true, true },
    { STREAM_CHAT,
      "{\"choices\":[{\"index\":0,\"delta\":{}},{\"index\":1,\"delta\":{\"content\":\"a\"}}]}",
      true, true },
    { STREAM_CHAT,
      "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"a\"}},{\"index\":0,\"delta\":{}}]}",
      true, true },
    { STREAM_CHAT, "{\"choices\":[]}", false, false },
    { STREAM_CHAT, "{\"choices\":null}", false, false },
    { STREAM_CHAT, "{\"choices\":{\"delta\":{\"content\":\"a\"}}}", false, false },
    { STREAM_CHAT, "{\"delta\":{\"content\":\"a\"},\"content\":\"b\"}", false, false },
    { STREAM_CHAT, "{}", false, false },
    { STREAM_CHAT, "[DONE]", false, false },
    { STREAM_CHAT, " \n", false, false },
    { STREAM_CHAT, "", false, false },
    { STREAM_COMPLETION, CHOICE("\"text\":\"a\""), true, true },
    { STREAM_COMPLETION, CHOICE("\"text\":\"\""), false, true },
    { STREAM_RESPONSE, "{\"type\":\"response.output_text.delta\"}", true, false },
    { STREAM_RESPONSE, "{\"type\":\"response.function_call_arguments.delta\"}", true, false },
    { STREAM_RESPONSE, "{\"type\":\"response.output_text.done\"}", false, false },
    { STREAM_RESPONSE, "{\"type\":\"response..delta\"}", false, false },
    { STREAM_RESPONSE, "{\"type\":\"response.delta\"}", false, false },
    { STREAM_RESPONSE, "{\"type\":\"session.text.delta\"}", false, false },
    { STREAM_RESPONSE, "{\"type\":\"response.created\",\"response\":{}}", false, false },
    { STREAM_RESPONSE, "{\"type\":7}", false, false },
    { STREAM_RESPONSE, CHUNK("\"content\":\"a\""), false, false },
    { STREAM_MESSAGE, START, false, false },
    { STREAM_MESSAGE, "{\"type\":\"ping\"}", false, false },
    { STREAM_NONE, "token", true, false },
    { STREAM_NONE, "{\"error\":1}", true, false },
    { STREAM_NONE, "error|no", true, false },
    { STREAM_NONE, " ", false, false },
};

static void test_an_event_carries_output_if_there_is_some_in_it(void)
{
    struct event_reader reader;

    for (size_t i = 0; i < COUNT_OF(output_cases); i++) {
        check_case(output_cases[i].event);
        event_reader_begin(&reader, output_cases[i].form);
        feed_reader(&reader, output_cases[i].event);
        CHECK(!reader.failed);
        CHECK_EQ(reader.carries, output_cases[i].carries);
        CHECK_EQ(reader.has_choices, output_cases[i].has_choices);
    }
}

static void test_of_a_message_the_deltas_of_blocks_carry_output(void)
{
    static const char *const silent[] = { BLOCK("0", "\"type\":\"text\",\"text\":\"\""), END,
                                          "{\"type\":\"content_block_stop\",\"index\":0}",
                                          "{\"type\":\"new\"}" };
    struct event_reader reader;

    event_reader_begin(&reader, STREAM_MESSAGE);
    feed_reader(&reader, START);
    for (size_t i = 0; i < COUNT_OF(silent); i++) {
        check_case(silent[i]);
        feed_reader(&reader, DELTA("0", "\"type\":\"text_delta\",\"text\":\"a\""));
        CHECK(reader.carries);
        feed_reader(&reader, silent[i]);
        CHECK(!reader.carries && !reader.failed);
    }
}

static const struct {
    const char *name;
    enum stream_form form;
    const char *events[STREAM_EVENTS];
    bool known;
    uint64_t tokens_in, tokens_out;
} usage_cases[] = {
    { "none", STREAM_CHAT, { CHUNK("\"content\":\"a\"") }, false, 0, 0 },
    { "null", STREAM_CHAT, { "{\"choices\":[],\"usage\":null}" }, false, 0, 0 },
    { "no object", STREAM_CHAT, { "{\"usage\":[{\"completion_tokens\":1}]}" }, false, 0, 0 },
    { "a chunk of it alone",
      STREAM_CHAT,
      { CHUNK("\"content\":\"a\""),
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"total_tokens\":46,"
        "\"completion_tokens\":34}}",
        "[DONE]" },
      true,
      12,
      34 },
    { "in each chunk",
      STREAM_COMPLETION,
      { "{\"choices\":[{\"text\":\"a\"}],\"usage\":{\"prompt_tokens\":12,"
        "\"completion_tokens\":1}}",
        "{\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2},"
        "\"choices\":[{\"text\":\"b\"}]}",
        "{\"choices\":[],\"usage\":null}" },
      true,
      12,
      2 },
    { "no tokens at all",
      STREAM_CHAT,
      { "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":0}}" },
      true,
      1,
      0 },
    { "of the prompt alone",
      STREAM_CHAT,
      { "{\"usage\":{\"prompt_tokens\":1,\"total_tokens\":3}}" },
      false,
      1,
      0 },
    { "of a Response",
      STREAM_RESPONSE,
      { "{\"type\":\"response.created\",\"response\":{\"usage\":null}}",
        "{\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,"
        "\"output_tokens\":4}}}" },
      true,
      3,
      4 },
    { "of a Response that was cut short by its limit",
      STREAM_RESPONSE,
      { "{\"type\":\"response.incomplete\",\"response\":{\"usage\":{\"input_tokens\":3,"
        "\"output_tokens\":5}}}" },
      true,
      3,
      5 },
    { "of a message, in parts", STREAM_MESSAGE, { START, END, STOP }, true, 9, 5 },
    { "of a message, its begin", STREAM_MESSAGE, { START }, true, 9, 1 },
};

static void test_the_usage_is_the_last_that_was_said(void)
{
    struct event_reader reader;

    for (size_t i = 0; i < COUNT_OF(usage_cases); i++) {
        check_case(usage_cases[i].name);
        feed_events(&reader, usage_cases[i].form, usage_cases[i].events);
        CHECK_EQ(reader.usage_known, usage_cases[i].known);
        CHECK_EQ(reader.tokens_in, usage_cases[i].tokens_in);
        CHECK_EQ(reader.tokens_out, usage_cases[i].tokens_out);
    }
}

static void test_what_failed_says_why_and_nothing_else(void)
{
    static const struct {
        enum stream_form form;
        const char *event;
        const char *reason; /* NULL: the server says so */
        const char *error;
    } rows[] = {
        { STREAM_CHAT, "{\"error\":{\"type\":\"x\",\"message\":\"m\"}}", NULL, "x: m" },
        { STREAM_CHAT, "{\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"error\":\"no\"}", NULL,
          "no" },
        { STREAM_COMPLETION, "{\"error\":false}", NULL, "" },
        { STREAM_CHAT, "error|{\"message\":\"m\"}", NULL, "m" },
        { STREAM_CHAT, "error|{\"error\":null,\"message\":\"m\"}", NULL, "m" },
        { STREAM_CHAT, "error|oh no", NULL, "" },
        { STREAM_RESPONSE, "{\"type\":\"error\",\"code\":\"c\",\"message\":\"m\"}", NULL,
          "error: c: m" },
        { STREAM_RESPONSE,
          "{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"c\"}}}", NULL, "c" },
        { STREAM_RESPONSE, "{\"type\":\"response.failed\",\"response\":{\"message\":\"m\"}}", NULL,
          "m" },
        { STREAM_MESSAGE, "error|{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
          NULL, "overloaded_error" },
        { STREAM_CHAT, "{\"a\":", "an event is no JSON object", "" },
        { STREAM_CHAT, "{} {}", "an event is no JSON object", "" },
        { STREAM_CHAT, "{\"a\":\"\xff\"}", "an event is no JSON object", "" },
        { STREAM_CHAT, "[1]", "an event is no JSON object", "" },
        { STREAM_CHAT, " [DONE]", "an event is no JSON object", "" },
        { STREAM_RESPONSE, "[DONE]", "an event is no JSON object", "" },
        { STREAM_MESSAGE, "[DONE]", "an event is no JSON object", "" },
        { STREAM_CHAT, "{\"choices\":[{\"delta\":{\"content\":\"a\"}},1]}", "a choice is no object",
          "" },
        { STREAM_RESPONSE, "{\"type\":\"response.completed\",\"response\":7}",
          "the last event has no response", "" },
        { STREAM_MESSAGE, STOP, "the first event is not message_start", "" },
    };
    struct event_reader reader;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_case(rows[i].event);
        event_reader_begin(&reader, rows[i].form);
        feed_reader(&reader, rows[i].event);
        CHECK(reader.failed && !reader.carries && !reader.has_choices && !reader.said_so);
        CHECK_STR(reader.reason == NULL ? "" : reader.reason,
                  rows[i].reason == NULL ? "" : rows[i].reason);
        CHECK_STR(reader.error.text, rows[i].error);
        feed_reader(&reader, CHUNK("\"content\":\"a\""));
        feed_reader(&reader, "[DONE]");
        CHECK(reader.failed && !reader.carries && !reader.has_choices && !reader.said_so);
        CHECK(!event_reader_is_whole(&reader, false));
    }
}

/* --- The whole --- */

static const struct {
    const char *name;
    enum stream_form form;
    const char *events[STREAM_EVENTS];
    bool whole, whole_though_broken_off;
} whole_cases[] = {
    { "nothing", STREAM_CHAT, { NULL }, false, false },
    { "DONE alone", STREAM_CHAT, { "[DONE]" }, false, false },
    { "DONE", STREAM_CHAT, { CHUNK("\"content\":\"a\""), "[DONE]" }, true, true },
    { "DONE and more", STREAM_CHAT, { "{}", "[DONE] x" }, true, true },
    { "no finish_reason", STREAM_CHAT, { CHUNK("\"content\":\"a\"") }, false, false },
    { "a null one", STREAM_CHAT, { CHOICE("\"finish_reason\":null") }, false, false },
    { "one", STREAM_CHAT, { CHOICE("\"finish_reason\":\"stop\"") }, true, false },
    { "one that is taken back, and a choice without an index",
      STREAM_CHAT,
      { CHOICE("\"index\":0,\"finish_reason\":\"stop\""), CHOICE("\"finish_reason\":null") },
      true,
      false },
    { "of one of two choices",
      STREAM_CHAT,
      { CHOICE("\"index\":0"), CHOICE("\"index\":1,\"finish_reason\":\"stop\"") },
      false,
      false },
    { "of both, split over chunks",
      STREAM_COMPLETION,
      { CHOICE("\"index\":0"), CHOICE("\"finish_reason\":\"stop\",\"index\":1"),
        CHOICE("\"index\":0,\"finish_reason\":\"length\"") },
      true,
      false },
    { "of both, by their places",
      STREAM_CHAT,
      { "{\"choices\":[{},{\"finish_reason\":\"stop\"}]}",
        "{\"choices\":[{\"finish_reason\":\"stop\"}]}" },
      true,
      false },
    { "of the highest that is told apart",
      STREAM_CHAT,
      { CHOICE("\"index\":127"), CHOICE("\"index\":127,\"finish_reason\":\"stop\"") },
      true,
      false },
    { "of all but the highest",
      STREAM_CHAT,
      { CHOICE("\"index\":127"), CHOICE("\"index\":0,\"finish_reason\":\"stop\"") },
      false,
      false },
    { "of one that is too high",
      STREAM_CHAT,
      { CHOICE("\"index\":128,\"finish_reason\":\"stop\""),
        CHOICE("\"index\":0,\"finish_reason\":\"stop\"") },
      false,
      false },
    { "of one that is too high, and DONE",
      STREAM_CHAT,
      { CHOICE("\"index\":999999999999999,\"finish_reason\":\"stop\""), "[DONE]" },
      true,
      true },
    { "completed",
      STREAM_RESPONSE,
      { "{\"type\":\"response.completed\",\"response\":{}}" },
      true,
      true },
    { "incomplete",
      STREAM_RESPONSE,
      { "{\"type\":\"response.incomplete\",\"response\":{}}" },
      true,
      true },
    { "a Response that only began",
      STREAM_RESPONSE,
      { "{\"type\":\"response.created\",\"response\":{}}" },
      false,
      false },
    { "choices of a Response",
      STREAM_RESPONSE,
      { CHOICE("\"finish_reason\":\"stop\"") },
      false,
      false },
    { "stopped", STREAM_MESSAGE, { START, END, STOP }, true, true },
    { "not stopped", STREAM_MESSAGE, { START, END }, false, false },
    { "no form, nothing", STREAM_NONE, { NULL }, true, false },
    { "no form", STREAM_NONE, { "a", "[DONE]" }, true, false },
};

static void test_a_stream_is_whole_when_it_or_each_choice_says_so(void)
{
    struct event_reader reader;

    for (size_t i = 0; i < COUNT_OF(whole_cases); i++) {
        check_case(whole_cases[i].name);
        feed_events(&reader, whole_cases[i].form, whole_cases[i].events);
        CHECK_EQ(event_reader_is_whole(&reader, false), whole_cases[i].whole);
        CHECK_EQ(event_reader_is_whole(&reader, true), whole_cases[i].whole_though_broken_off);
    }
}

static void test_behind_the_end_nothing_counts(void)
{
    struct event_reader reader;

    event_reader_begin(&reader, STREAM_CHAT);
    feed_reader(&reader, CHUNK("\"content\":\"a\""));
    feed_reader(&reader, "[DONE]");
    feed_reader(&reader, "{\"choices\":[{\"delta\":{\"content\":\"a\"}}],"
                         "\"usage\":{\"completion_tokens\":1}}");
    CHECK(!reader.carries && !reader.has_choices && !reader.usage_known);
    feed_reader(&reader, "error|{");
    CHECK(!reader.failed && reader.said_so);
    CHECK(event_reader_is_whole(&reader, true));
    event_reader_begin(&reader, STREAM_CHAT);
    CHECK(!reader.said_so && !event_reader_is_whole(&reader, false));
}

/* --- As struct stream --- */

#define POOL_MAX 16
#define STREAMS 20000

struct pool {
    enum stream_form form;
    const char *events[POOL_MAX];
};

static const struct pool pools[] = {
    { STREAM_CHAT,
      { CHUNK("\"role\":\"assistant\",\"content\":\"\""), CHUNK("\"content\":\"a\""),
        CHUNK("\"reasoning\":\"a\",\"content\":null"), CALL("\"{\""), CALL("\"\""),
        CHOICE("\"index\":1,\"delta\":{\"refusal\":\"a\"},\"finish_reason\":null"),
        CHOICE("\"delta\":{},\"index\":1,\"finish_reason\":\"stop\""),
        CHOICE("\"index\":0,\"finish_reason\":\"length\",\"delta\":{\"content\":\"b\"}"),
        "{\"choices\":[{\"finish_reason\":\"stop\"},{\"delta\":[\"content\"]}]}",
        "{\"choices\":[],\"usage\":{\"completion_tokens\":3}}", "", "[DONE]",
        "{\"choices\":[{},\"x\"]}", "{\"error\":{\"code\":500}}", "{\"error\":null}",
        "error|{}" } },
    { STREAM_COMPLETION,
      { CHOICE("\"index\":0,\"text\":\"a\""), CHOICE("\"text\":\"\",\"logprobs\":null"),
        CHOICE("\"index\":70,\"text\":\"b\""), CHOICE("\"index\":70,\"finish_reason\":\"stop\""),
        CHOICE("\"text\":\"c\",\"finish_reason\":\"length\""), "{\"choices\":null}", "{}", "[DONE]",
        "{\"choices\":[{\"text\":\"x\"}],\"error\":{\"message\":\"m\"}}", "{" } },
    { STREAM_RESPONSE,
      { "{\"type\":\"response.created\",\"response\":{\"error\":null}}",
        "{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}",
        "{\"type\":\"response.output_text.done\",\"text\":\"a\"}", "{\"type\":null}",
        "{\"type\":\"response.completed\",\"response\":{\"usage\":null}}",
        "{\"type\":\"response.incomplete\",\"response\":{}}",
        "{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"c\"}}}",
        "{\"type\":\"error\",\"message\":\"m\"}", "{\"type\":\"response.completed\"}", "x" } },
    { STREAM_MESSAGE,
      { START, START, START, "{\"type\":\"ping\"}", BLOCK("0", "\"type\":\"text\",\"text\":\"\""),
        BLOCK("1", "\"type\":\"tool_use\",\"input\":{}"),
        DELTA("0", "\"type\":\"text_delta\",\"text\":\"a\""),
        DELTA("1", "\"type\":\"input_json_delta\",\"partial_json\":\"{\""), END,
        "{\"type\":\"content_block_stop\",\"index\":0}", STOP,
        "error|{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
        "{\"type\":\"message_start\",\"message\":[]}",
        "{\"type\":\"message_stop\",\"error\":0}" } },
};

static uint64_t chance_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void test_any_stream_is_judged_as_by_who_makes_an_answer_of_it(void)
{
    uint64_t chance = 88172645463325252;
    struct event_reader reader;
    struct stream stream;
    struct text out;
    char name[32];
    size_t counts[STREAM_NO_MEMORY + 1] = { 0 };

    stream_init(&stream, 1 << 20);
    text_init(&out, 0);
    check_case(name);
    for (size_t i = 0; i < STREAMS; i++) {
        const struct pool *pool = &pools[i % COUNT_OF(pools)];
        size_t pool_size = 0;
        bool broken_off = chance_next(&chance) % 4 == 0;
        size_t events = chance_next(&chance) % 9;

        while (pool_size < POOL_MAX && pool->events[pool_size] != NULL) {
            pool_size++;
        }
        snprintf(name, sizeof(name), "stream %zu", i);
        stream_begin(&stream, pool->form);
        event_reader_begin(&reader, pool->form);
        for (size_t k = 0; k < events; k++) {
            (void)feed_both(&stream, &reader, pool->events[chance_next(&chance) % pool_size]);
        }
        text_cut(&out, 0);
        enum stream_verdict verdict = stream_end(&stream, broken_off, &out);
        counts[verdict]++;
        check_agree_at_end(verdict, broken_off, &reader);
    }
    check_case("");
    CHECK(counts[STREAM_GOOD] > STREAMS / 20 && counts[STREAM_CUT] > STREAMS / 20);
    CHECK(counts[STREAM_FAILED] > STREAMS / 20 && counts[STREAM_BROKEN] > STREAMS / 20);
    stream_free(&stream);
    text_free(&out);
}

int main(void)
{
    RUN(test_an_event_carries_output_if_there_is_some_in_it);
    RUN(test_of_a_message_the_deltas_of_blocks_carry_output);
    RUN(test_the_usage_is_the_last_that_was_said);
    RUN(test_what_failed_says_why_and_nothing_else);
    RUN(test_a_stream_is_whole_when_it_or_each_choice_says_so);
    RUN(test_behind_the_end_nothing_counts);
    RUN(test_any_stream_is_judged_as_by_who_makes_an_answer_of_it);
    return check_done();
}
