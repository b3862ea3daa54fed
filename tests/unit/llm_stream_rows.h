/*
 * llm_stream_rows: what the tests of streams share: rows of events with the answer that comes of
 * them, or the reason why there is none.
 */
#ifndef QUOIT_TESTS_LLM_STREAM_ROWS_H
#define QUOIT_TESTS_LLM_STREAM_ROWS_H

#include "base/bits.h"
#include "llm/event.h"
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

/* What a reader says of an event is what a stream says that makes an answer of it. */
static inline void check_agree(const struct stream *stream, const struct event_reader *reader)
{
    if (stream->verdict == STREAM_GOOD) {
        CHECK(!reader->failed);
        CHECK_EQ(reader->carries, stream->carries);
        CHECK_EQ(reader->said_so, stream->said_so);
    } else if (stream->verdict == STREAM_FAILED) {
        CHECK(reader->failed);
        CHECK(reader->reason == NULL);
        CHECK_EQ(reader->error.kind, stream->error.kind);
        CHECK_STR(reader->error.text, stream->error.text);
    }
    if (reader->failed) {
        CHECK(stream->verdict != STREAM_GOOD);
        CHECK(!reader->carries && !reader->has_choices);
    }
}

/* So does what both say in the end, where the stream could make an answer of what there was. */
static inline void check_agree_at_end(enum stream_verdict verdict, bool broken_off,
                                      const struct event_reader *reader)
{
    if (verdict == STREAM_GOOD || verdict == STREAM_CUT || verdict == STREAM_FAILED) {
        CHECK_EQ(event_reader_is_whole(reader, broken_off), verdict == STREAM_GOOD);
    }
}

/* From a block of the exact size, so that a byte too far is seen. `reader` may be NULL. */
static inline enum stream_verdict feed_both(struct stream *stream, struct event_reader *reader,
                                            const char *event)
{
    const char *bar = strchr(event, '|');
    struct json_span name = { event, bar == NULL ? 0 : (size_t)(bar - event) };
    const char *data = bar == NULL ? event : bar + 1;
    char *copy = malloc(strlen(data) + 1);

    memcpy(copy, data, strlen(data));
    enum stream_verdict verdict =
        stream_feed(stream, name, (struct json_span){ copy, strlen(data) });
    if (reader != NULL) {
        event_reader_feed(reader, name, (struct json_span){ copy, strlen(data) });
        check_agree(stream, reader);
    }
    free(copy);
    return verdict;
}

static inline enum stream_verdict feed(struct stream *stream, const char *event)
{
    return feed_both(stream, NULL, event);
}

static inline enum stream_verdict feed_all(struct stream *stream, const struct stream_case *row,
                                           struct text *out)
{
    struct event_reader reader;

    stream_begin(stream, row->form);
    event_reader_begin(&reader, row->form);
    for (size_t i = 0; i < EVENTS_MAX && row->events[i] != NULL; i++) {
        (void)feed_both(stream, &reader, row->events[i]);
    }
    enum stream_verdict verdict = stream_end(stream, false, out);
    check_agree_at_end(verdict, false, &reader);
    return verdict;
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
