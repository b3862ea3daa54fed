/*
 * llm_stream_limits: events in every order, and what no server should send: no answer that is not
 * JSON, no more memory than allowed, and an end to how long one event may take.
 */
#include "tests/unit/llm_stream_rows.h"

/* Whatever comes in whatever order: no answer that is not JSON, and nothing that crashes. */
static void test_every_order_of_events_gives_an_answer_or_a_reason(void)
{
    static const char *const events[] = {
        START,
        BLOCK("0", "\"type\":\"tool_use\",\"input\":{}"),
        DELTA("0", "\"type\":\"input_json_delta\",\"partial_json\":\"{}\""),
        END,
        STOP,
        CHUNK("\"content\":\"a\",\"tool_calls\":[{\"index\":0}]"),
        "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"delta\":7,\"text\":{}}]}",
        "{\"type\":\"response.completed\",\"response\":{}}",
        "[DONE]",
    };
    static const enum stream_form forms[] = { STREAM_CHAT, STREAM_COMPLETION, STREAM_RESPONSE,
                                              STREAM_MESSAGE };
    const size_t count = COUNT_OF(events);
    struct stream stream;
    struct json_defect defect;
    struct text out;
    size_t answers = 0;

    stream_init(&stream, 0);
    text_init(&out, 0);
    for (size_t order = 0; order < count * count * count * count * COUNT_OF(forms); order++) {
        size_t rest = order / COUNT_OF(forms);
        stream_begin(&stream, forms[order % COUNT_OF(forms)]);
        for (size_t i = 0; i < 4; i++, rest /= count) {
            (void)stream_feed(&stream, span(""), span(events[rest % count]));
        }
        text_cut(&out, 0);
        enum stream_verdict verdict = stream_end(&stream, false, &out);
        answers += verdict == STREAM_GOOD;
        if (verdict == STREAM_GOOD) {
            CHECK(json_check((struct json_span){ out.bytes, out.size }, &defect));
        }
    }
    CHECK(answers > 1000);
    stream_free(&stream);
    text_free(&out);
}

static void test_an_answer_over_the_limit_is_told_and_bounded(void)
{
    struct stream stream;
    struct text out;
    enum stream_verdict verdict = STREAM_GOOD;
    size_t fed = 0;

    text_init(&out, 0);
    stream_init(&stream, 100000);
    stream_begin(&stream, STREAM_CHAT);
    for (; verdict == STREAM_GOOD && fed < 100000; fed++) {
        verdict = feed(&stream, CHUNK("\"content\":\"0123456789\""));
        CHECK(stream.tree.size <= 100000);
    }
    CHECK_EQ(verdict, STREAM_TOO_LARGE);
    CHECK(fed > 4500 && fed < 10001); /* what is appended to has room for twice as much */
    CHECK_EQ(stream_end(&stream, false, &out), STREAM_TOO_LARGE);
    stream_begin(&stream, STREAM_RESPONSE);
    char *long_event = malloc(100200);
    int size = snprintf(long_event, 100200,
                        "{\"type\":\"response.completed\",\"response\":{\"a\":\"%0100010d\"}}", 0);
    CHECK_EQ(stream_feed(&stream, span(""), (struct json_span){ long_event, (size_t)size }),
             STREAM_TOO_LARGE);
    free(long_event);
    stream_free(&stream);
    text_free(&out);
}

/* Each member is looked for among all others, so their number has to have an end. */
static void test_members_without_end_are_too_many(void)
{
    struct stream stream;
    enum stream_verdict verdict = STREAM_GOOD;
    unsigned members = 0, choices = 0;
    char event[64];

    stream_init(&stream, 0);
    stream_begin(&stream, STREAM_CHAT);
    for (; verdict == STREAM_GOOD && members < 10000; members++) {
        snprintf(event, sizeof(event), "{\"%u\":1}", members);
        verdict = feed(&stream, event);
    }
    CHECK_EQ(verdict, STREAM_TOO_LARGE);
    stream_begin(&stream, STREAM_CHAT);
    for (verdict = STREAM_GOOD; verdict == STREAM_GOOD && choices < 10000; choices++) {
        snprintf(event, sizeof(event), "{\"choices\":[{\"index\":%u}]}", 10000 - choices);
        verdict = feed(&stream, event);
    }
    CHECK_EQ(verdict, STREAM_TOO_LARGE);
    stream_free(&stream);
}

static char *deep(unsigned depth, const char *before, const char *after)
{
    size_t size = strlen(before) + strlen(after);
    char *text = malloc(size + (size_t)depth * 6 + 2);
    char *at = text + strlen(before);

    memcpy(text, before, strlen(before));
    for (unsigned i = 0; i < depth; i++) {
        memcpy(at, "{\"a\":", 5);
        at += 5;
    }
    *at++ = '1';
    memset(at, '}', depth);
    memcpy(at + depth, after, strlen(after) + 1);
    return text;
}

static void test_depth_has_its_limit_in_the_answer_too(void)
{
    struct stream stream;
    struct text out;

    stream_init(&stream, 0);
    text_init(&out, 0);
    for (unsigned depth = 996; depth < 1001; depth++) {
        char *block =
            deep(depth, "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":", "}");
        stream_begin(&stream, STREAM_MESSAGE);
        (void)feed(&stream, START);
        enum stream_verdict fed = feed(&stream, block);
        CHECK_EQ(fed, depth < 1000 ? STREAM_GOOD : STREAM_BROKEN);
        (void)feed(&stream, STOP);
        text_cut(&out, 0);
        CHECK_EQ(stream_end(&stream, false, &out), depth < 999 ? STREAM_GOOD : STREAM_BROKEN);
        free(block);
    }
    stream_free(&stream);
    text_free(&out);
}

int main(void)
{
    RUN(test_every_order_of_events_gives_an_answer_or_a_reason);
    RUN(test_an_answer_over_the_limit_is_told_and_bounded);
    RUN(test_members_without_end_are_too_many);
    RUN(test_depth_has_its_limit_in_the_answer_too);
    return check_done();
}
