/*
 * stream: any events, as any form of stream: an answer that is one JSON text, or a reason, and
 * never more memory than was allowed. An event_reader reads the same events.
 *
 *     input: form (1), how the connection ended (1), size_max (2; 0 is a large one), then events, a
 *     line each; one that begins with ! is named error
 */
#include "llm/stream.h"

#include "llm/event.h"
#include "llm/walk.h"
#include "tests/fuzz/fuzz.h"

#define SIZE_LARGE (1 << 20)

/* Both readers of an object find the same in it. */
static void check_walk(struct json_span text)
{
    struct json_members reader;
    struct json_member member;
    struct json_defect defect;
    struct walk walk;
    struct walk_item item;

    if (!json_check(text, &defect) || json_kind_of(text) != JSON_OBJECT) {
        return;
    }
    json_members_begin(&reader, text);
    walk_begin(&walk, text);
    while (json_members_next(&reader, &member, &defect) == JSON_MEMBER) {
        FUZZ_HOLDS(walk_next(&walk, &item));
        FUZZ_HOLDS(item.key.bytes == member.key.bytes && item.key.size == member.key.size);
        FUZZ_HOLDS(item.value.bytes == member.value.bytes);
        FUZZ_HOLDS(item.value.size == member.value.size && item.kind == member.kind);
    }
    FUZZ_HOLDS(!walk_next(&walk, &item));
}

/* A reader that has failed or is at the end stays so, and then no event says anything. */
static void feed_reader(struct event_reader *reader, struct json_span name, struct json_span data)
{
    bool was_over = reader->failed || reader->said_so;

    event_reader_feed(reader, name, data);
    FUZZ_HOLDS(!was_over || (!reader->carries && !reader->has_choices));
    FUZZ_HOLDS(!was_over || reader->failed || reader->said_so);
    FUZZ_HOLDS(!reader->failed || !event_reader_is_whole(reader, false));
    FUZZ_HOLDS(!event_reader_is_whole(reader, true) || event_reader_is_whole(reader, false));
}

static void feed_line(struct stream *stream, struct event_reader *reader, struct fuzz_input line)
{
    bool error = line.size > 0 && line.bytes[0] == '!';
    struct json_span name = { "error", error ? 5 : 0 };

    if (error) {
        (void)fuzz_byte(&line);
    }
    char *copy = fuzz_copy(line.bytes, line.size);
    struct json_span data = { copy, line.size };
    check_walk(data);
    feed_reader(reader, name, data);
    bool was_good = stream->verdict == STREAM_GOOD;
    enum stream_verdict verdict = stream_feed(stream, name, data);
    FUZZ_HOLDS(verdict == stream->verdict && verdict != STREAM_CUT);
    FUZZ_HOLDS(verdict != STREAM_NO_MEMORY && (was_good || verdict != STREAM_GOOD));
    free(copy);
}

static enum stream_verdict run(struct stream *stream, enum stream_form form, bool broken_off,
                               struct fuzz_input events, struct text *out)
{
    struct event_reader reader;

    stream_begin(stream, form);
    event_reader_begin(&reader, form);
    while (events.size > 0) {
        const uint8_t *end = memchr(events.bytes, '\n', events.size);
        size_t size = end == NULL ? events.size : (size_t)(end - events.bytes);
        feed_line(stream, &reader, fuzz_bytes(&events, size));
        (void)fuzz_byte(&events);
        FUZZ_HOLDS(stream->tree.size <= stream->size_max);
        FUZZ_HOLDS(stream->text.size <= stream->size_max);
    }
    return stream_end(stream, broken_off, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const enum stream_form forms[] = { STREAM_CHAT, STREAM_COMPLETION, STREAM_RESPONSE,
                                              STREAM_MESSAGE };
    struct fuzz_input input = { bytes, size };
    enum stream_form form = forms[fuzz_byte(&input) % 4];
    bool broken_off = fuzz_byte(&input) % 2 == 1;
    uint32_t size_max = fuzz_pair(&input);
    struct json_defect defect;
    struct stream stream;
    struct text out, again;

    text_init(&out, 0);
    text_init(&again, 0);
    stream_init(&stream, size_max == 0 ? SIZE_LARGE : size_max);
    text_append_string(&out, "before");
    enum stream_verdict verdict = run(&stream, form, broken_off, input, &out);
    struct json_span answer = { out.bytes + 6, out.size - 6 };
    FUZZ_HOLDS((verdict == STREAM_GOOD) == (answer.size > 0));
    FUZZ_HOLDS(verdict != STREAM_GOOD || json_check(answer, &defect));
    FUZZ_HOLDS(verdict != STREAM_BROKEN || stream.reason != NULL);

    /* A stream that is begun anew remembers nothing. */
    FUZZ_HOLDS(run(&stream, form, broken_off, input, &again) == verdict);
    FUZZ_HOLDS(again.size == answer.size);
    FUZZ_HOLDS(answer.size == 0 || memcmp(again.bytes, answer.bytes, answer.size) == 0);
    const struct json_span none = { NULL, 0 };
    FUZZ_HOLDS(stream_feed(&stream, none, none) == stream.verdict);

    stream_free(&stream);
    text_free(&out);
    text_free(&again);
    return 0;
}
