/*
 * stream: what all forms share, and the Responses API, of which only the last event counts.
 */
#include "llm/stream.h"

#include "llm/event_rules.h"
#include "llm/json_string.h"
#include "llm/stream_parts.h"

#include <stdlib.h>
#include <string.h>

enum stream_form stream_form_of(const char *url)
{
    static const struct {
        const char *end;
        enum stream_form form;
    } rows[] = {
        { "/chat/completions", STREAM_CHAT },
        { "/completions", STREAM_COMPLETION },
        { "/responses", STREAM_RESPONSE },
        { "/messages", STREAM_MESSAGE },
    };
    size_t size = strcspn(url, "?#");

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t end_size = strlen(rows[i].end);
        if (size >= end_size && memcmp(url + size - end_size, rows[i].end, end_size) == 0) {
            return rows[i].form;
        }
    }
    return STREAM_NONE;
}

void stream_init(struct stream *stream, size_t size_max)
{
    size_max = size_max == 0 || size_max > SIZE_MAX / 4 ? SIZE_MAX / 4 : size_max;
    *stream = (struct stream){ .size_max = size_max };
    tree_init(&stream->tree, size_max);
    text_init(&stream->text, size_max);
}

void stream_free(struct stream *stream)
{
    tree_free(&stream->tree);
    text_free(&stream->text);
}

void stream_begin(struct stream *stream, enum stream_form form)
{
    stream_free(stream);
    stream_init(stream, stream->size_max);
    stream->form = form;
}

struct tree_node *stream_member(struct stream *stream, const char *quoted)
{
    struct tree_node *root = tree_root(&stream->tree);

    return root == NULL
               ? NULL
               : tree_member(&stream->tree, root, (struct json_span){ quoted, strlen(quoted) });
}

void stream_break(struct stream *stream, const char *reason)
{
    if (stream->verdict == STREAM_GOOD) {
        stream->verdict = STREAM_BROKEN;
        stream->reason = reason;
    }
}

void stream_fail(struct stream *stream, struct json_span error)
{
    stream->verdict = STREAM_FAILED;
    stream_error_read(&stream->error, error);
}

/* --- The Responses API --- */

static void stream_feed_response(struct stream *stream, struct json_span type,
                                 struct json_span event)
{
    struct walk_item response;

    if (event_is_delta(type)) {
        stream->carries = true;
        return;
    }
    enum event_end end = event_end_of(type);
    if (end == EVENT_GOES_ON) {
        return;
    }
    if (!walk_find(event, "response", &response) || response.kind != JSON_OBJECT) {
        stream_break(stream, "the last event has no response");
    } else if (end == EVENT_FAILED) {
        stream_fail(stream, event_error_of(response.value));
    } else {
        text_append(&stream->text, response.value);
        stream->said_so = true;
    }
}

/* --- One event --- */

/* An event that has a type: an error, or what its form says. */
static void stream_feed_typed(struct stream *stream, struct json_span data)
{
    static const char none[] = "\"\"";
    struct walk_item item, error = { .kind = JSON_NULL };
    struct json_span type = { none, 2 };
    struct walk walk;

    walk_begin(&walk, data);
    while (walk_next(&walk, &item)) {
        if (json_string_is(item.key, "error")) {
            error = item;
        } else if (item.kind == JSON_STRING && json_string_is(item.key, "type")) {
            type = item.value;
        }
    }
    if (error.kind != JSON_NULL) {
        stream_fail(stream, error.value);
        return;
    }
    if (json_string_is(type, "error")) {
        stream_fail(stream, data);
    } else if (stream->form == STREAM_RESPONSE) {
        stream_feed_response(stream, type, data);
    } else {
        stream_feed_message(stream, type, data);
    }
}

/* Data that is an object. */
static void stream_feed_object(struct stream *stream, bool named_error, struct json_span data)
{
    struct walk_item error;

    if (named_error) {
        bool inside = walk_find(data, "error", &error) && error.kind != JSON_NULL;
        stream_fail(stream, inside ? error.value : data);
        return;
    }
    switch (stream->form) {
    case STREAM_CHAT:
    case STREAM_COMPLETION:
        stream_feed_chunk(stream, data);
        return;
    case STREAM_RESPONSE:
    case STREAM_MESSAGE:
        stream_feed_typed(stream, data);
        return;
    case STREAM_NONE:
        break;
    }
    abort(); /* stream_begin was not called */
}

static void stream_note_limits(struct stream *stream)
{
    if (stream->tree.fault == TREE_NO_MEMORY) {
        stream->verdict = STREAM_NO_MEMORY;
    } else if (stream->tree.fault == TREE_TOO_LARGE) {
        stream->verdict = STREAM_TOO_LARGE;
    } else if (stream->text.failed) {
        /* Over its limit it did not even ask for memory. */
        stream->verdict = STREAM_TOO_LARGE;
    }
}

enum stream_verdict stream_feed(struct stream *stream, struct json_span name, struct json_span data)
{
    bool named_error = name.size == 5 && memcmp(name.bytes, "error", 5) == 0;
    struct json_defect defect;

    stream->carries = false;
    if (stream->verdict != STREAM_GOOD || stream->said_so || event_is_blank(data)) {
        return stream->verdict;
    }
    stream->events++;
    if (event_says_done(stream->form, data)) {
        stream->said_so = true;
    } else if (json_check(data, &defect) && json_kind_of(data) == JSON_OBJECT) {
        stream_feed_object(stream, named_error, data);
    } else if (named_error) {
        stream->verdict = STREAM_FAILED;
        stream_error_read(&stream->error, (struct json_span){ "null", 4 });
    } else {
        stream_break(stream, "an event is no JSON object");
    }
    stream_note_limits(stream);
    return stream->verdict;
}

/* --- The end --- */

static void stream_write(struct stream *stream, struct text *out)
{
    if (stream->form == STREAM_RESPONSE) {
        text_append(out, (struct json_span){ stream->text.bytes, stream->text.size });
        return;
    }
    if (stream->form == STREAM_MESSAGE) {
        stream_finish_message(stream);
    }
    if (stream->tree.fault == TREE_GOOD && stream->verdict == STREAM_GOOD) {
        tree_write(out, stream->tree.root);
    }
}

static bool stream_is_whole(const struct stream *stream, bool broken_off)
{
    bool finished = !broken_off && stream_is_finished(stream);
    bool something = stream->form == STREAM_RESPONSE || stream->tree.root != NULL;

    return something && (stream->said_so || finished);
}

enum stream_verdict stream_end(struct stream *stream, bool broken_off, struct text *out)
{
    size_t size_before = out->size;
    struct json_defect defect;

    if (stream->verdict != STREAM_GOOD) {
        return stream->verdict;
    }
    if (!stream_is_whole(stream, broken_off)) {
        return STREAM_CUT;
    }
    stream_write(stream, out);
    stream_note_limits(stream);
    if (stream->verdict == STREAM_GOOD && out->failed) {
        stream->verdict = STREAM_NO_MEMORY;
    }
    /* Blocks that are put into a message stand deeper than they did in their events. */
    const struct json_span answer = { out->bytes + size_before, out->size - size_before };
    if (stream->verdict == STREAM_GOOD && !json_check(answer, &defect)) {
        stream_break(stream, "the answer is deeper than 1000 levels");
    }
    if (stream->verdict != STREAM_GOOD) {
        text_cut(out, size_before);
    }
    return stream->verdict;
}
