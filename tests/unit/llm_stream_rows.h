/*
 * llm_stream_rows: what the tests of streams share: rows of events with the answer that comes of
 * them, or the reason why there is none.
 */
#ifndef QUOIT_TESTS_LLM_STREAM_ROWS_H
#define QUOIT_TESTS_LLM_STREAM_ROWS_H

#include "base/bits.h"
#include "llm/stream.h"
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>

#define EVENTS_MAX 16

struct stream_case {
    const char *name;
    enum stream_form form;
    const char *events[EVENTS_MAX]; /* data; "NAME|data" for one with a name */
    enum stream_verdict verdict;
    const char *answer; /* or why not */
};

static inline struct json_span span(const char *text)
{
    return (struct json_span){ text, strlen(text) };
}

/* From a block of the exact size, so that a byte too far is seen. */
static inline enum stream_verdict feed(struct stream *stream, const char *event)
{
    const char *bar = strchr(event, '|');
    struct json_span name = { event, bar == NULL ? 0 : (size_t)(bar - event) };
    const char *data = bar == NULL ? event : bar + 1;
    char *copy = malloc(strlen(data) + 1);

    memcpy(copy, data, strlen(data));
    enum stream_verdict verdict =
        stream_feed(stream, name, (struct json_span){ copy, strlen(data) });
    free(copy);
    return verdict;
}

static inline enum stream_verdict feed_all(struct stream *stream, const struct stream_case *row,
                                           struct text *out)
{
    stream_begin(stream, row->form);
    for (size_t i = 0; i < EVENTS_MAX && row->events[i] != NULL; i++) {
        (void)feed(stream, row->events[i]);
    }
    return stream_end(stream, false, out);
}

static inline void check_rows(const struct stream_case *rows, size_t count)
{
    struct stream stream;
    struct text out;

    stream_init(&stream, 1 << 20);
    text_init(&out, 0);
    for (size_t i = 0; i < count; i++) {
        check_case(rows[i].name);
        text_cut(&out, 0);
        enum stream_verdict verdict = feed_all(&stream, &rows[i], &out);
        CHECK_EQ(verdict, rows[i].verdict);
        if (verdict == STREAM_GOOD && rows[i].answer != NULL) {
            CHECK_STR(out.bytes, rows[i].answer);
        } else if (rows[i].answer != NULL) {
            CHECK_STR(verdict == STREAM_BROKEN   ? stream.reason
                      : verdict == STREAM_FAILED ? stream.error.text
                                                 : "",
                      rows[i].answer);
        }
        CHECK(verdict == STREAM_GOOD || out.size == 0);
    }
    stream_free(&stream);
    text_free(&out);
}

#define CHUNK(delta) "{\"choices\":[{\"index\":0,\"delta\":{" delta "}}]}"
#define CHAT(message) "{\"choices\":[{\"index\":0,\"message\":{" message "}}]}"

#define START                                                                                      \
    "{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[],"                        \
    "\"stop_reason\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}"
#define BLOCK(index, block)                                                                        \
    "{\"type\":\"content_block_start\",\"index\":" index ",\"content_block\":{" block "}}"
#define DELTA(index, delta)                                                                        \
    "{\"type\":\"content_block_delta\",\"index\":" index ",\"delta\":{" delta "}}"
#define END                                                                                        \
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","                         \
    "\"stop_sequence\":null},\"usage\":{\"output_tokens\":5}}"
#define STOP "{\"type\":\"message_stop\"}"
#define MESSAGE(content)                                                                           \
    "{\"id\":\"m\",\"content\":[" content "],\"stop_reason\":\"end_turn\",\"usage\":"              \
    "{\"input_tokens\":9,\"output_tokens\":5},\"stop_sequence\":null}"

#endif
