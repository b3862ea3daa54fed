/*
 * sse: any bytes as an event stream. Where they are cut changes nothing, the messages are those
 * that a slow reading of WHATWG HTML 9.2 finds in the whole, and no message is over its limit.
 *
 *     input: line_max (2), event_max (2), cuts (4), then the stream; a limit of 0 is a large one
 */
#include "http/sse.h"
#include "base/buffer.h"
#include "tests/fuzz/fuzz.h"

#define CUTS 4
#define LIMIT_LARGE (1 << 20)
#define BOM "\xef\xbb\xbf"

struct limits {
    size_t line_max, event_max;
};

/* Messages as bytes: name, NUL, data, NUL; and how the stream ended. */
struct messages {
    struct buffer bytes;
    bool too_large;
};

static void append(struct buffer *to, const void *bytes, size_t size)
{
    FUZZ_HOLDS(buffer_append(to, bytes, size));
}

static void note_message(struct messages *messages, struct quoit_span name, struct quoit_span data)
{
    append(&messages->bytes, name.bytes, name.size);
    append(&messages->bytes, "", 1);
    append(&messages->bytes, data.bytes, data.size);
    append(&messages->bytes, "", 1);
}

/* --- The codec --- */

/* One piece, until it is used up. False: over a limit. */
static bool feed(struct sse *sse, const struct limits *limits, const char *piece, size_t size,
                 struct messages *messages)
{
    size_t done = 0;

    while (done < size) {
        size_t consumed = SIZE_MAX;
        enum sse_result result = sse_feed(sse, piece + done, size - done, &consumed);
        FUZZ_HOLDS(consumed <= size - done && result != SSE_NO_MEMORY);
        FUZZ_HOLDS(sse->line.size <= limits->line_max + strlen(BOM));
        FUZZ_HOLDS(sse->data.size <= limits->event_max && sse->name.size <= limits->line_max);
        if (result == SSE_TOO_LARGE) {
            messages->too_large = true;
            return false;
        }
        FUZZ_HOLDS(result == SSE_MESSAGE || consumed == size - done);
        if (result == SSE_MESSAGE) {
            note_message(messages, buffer_span(&sse->name), buffer_span(&sse->data));
        }
        done += consumed;
    }
    return true;
}

/* The stream in pieces of these sizes in turn; a 0 is all the rest. */
static struct messages run(struct sse *sse, const struct limits *limits, struct fuzz_input stream,
                           const uint8_t *sizes, uint32_t sizes_count)
{
    struct messages messages = { .too_large = false };
    bool fed = true;

    sse_reset(sse);
    for (uint32_t i = 0; fed && stream.size > 0; i++) {
        uint8_t wanted = sizes[i % sizes_count];
        struct fuzz_input taken = fuzz_bytes(&stream, wanted == 0 ? SIZE_MAX : wanted);
        char *piece = fuzz_copy(taken.bytes, taken.size);
        fed = feed(sse, limits, piece, taken.size, &messages);
        free(piece);
    }
    return messages;
}

/* --- The slow reading --- */

struct reading {
    struct buffer name, data;
    bool has_data;
};

static bool field_is(struct quoit_span field, const char *name)
{
    return field.size == strlen(name) && memcmp(field.bytes, name, field.size) == 0;
}

/* One line that is not empty. False: over a limit. */
static bool read_field(struct reading *reading, const struct limits *limits, struct quoit_span line)
{
    size_t name_size = 0;

    while (name_size < line.size && line.bytes[name_size] != ':') {
        name_size++;
    }
    struct quoit_span name = { line.bytes, name_size }, value = { "", 0 };
    if (name_size < line.size) {
        value = (struct quoit_span){ line.bytes + name_size + 1, line.size - name_size - 1 };
    }
    if (value.size > 0 && value.bytes[0] == ' ') {
        value.bytes++;
        value.size--;
    }
    if (field_is(name, "event")) {
        buffer_reset(&reading->name);
        append(&reading->name, value.bytes, value.size);
    }
    if (field_is(name, "data")) {
        append(&reading->data, "\n", reading->has_data ? 1 : 0);
        append(&reading->data, value.bytes, value.size);
        reading->has_data = true;
    }
    return reading->data.size <= limits->event_max;
}

/* False: over a limit. */
static bool read_line(struct reading *reading, const struct limits *limits, struct quoit_span line,
                      struct messages *messages)
{
    if (line.size > limits->line_max) {
        return false;
    }
    if (line.size > 0) {
        return read_field(reading, limits, line);
    }
    if (reading->has_data) {
        note_message(messages, buffer_span(&reading->name), buffer_span(&reading->data));
    }
    buffer_reset(&reading->name);
    buffer_reset(&reading->data);
    reading->has_data = false;
    return true;
}

/* Bytes of the line at the beginning of `text`, without its end. */
static size_t line_size(struct fuzz_input text)
{
    size_t size = 0;

    while (size < text.size && text.bytes[size] != '\r' && text.bytes[size] != '\n') {
        size++;
    }
    return size;
}

static struct messages read_slowly(struct fuzz_input stream, const struct limits *limits)
{
    struct messages messages = { .too_large = false };
    struct reading reading = { .has_data = false };
    size_t bom = strlen(BOM);

    if (stream.size >= bom && memcmp(stream.bytes, BOM, bom) == 0) {
        fuzz_bytes(&stream, bom);
    }
    while (!messages.too_large && line_size(stream) < stream.size) {
        struct fuzz_input line = fuzz_bytes(&stream, line_size(stream));
        struct fuzz_input end = fuzz_bytes(&stream, 1);
        if (end.bytes[0] == '\r' && stream.size > 0 && stream.bytes[0] == '\n') {
            fuzz_bytes(&stream, 1);
        }
        struct quoit_span span = { (const char *)line.bytes, line.size };
        messages.too_large = !read_line(&reading, limits, span, &messages);
    }
    buffer_free(&reading.name);
    buffer_free(&reading.data);
    /* A line without an end is too long as soon as it is; a BOM may still become one. */
    messages.too_large = messages.too_large || stream.size > limits->line_max + bom;
    return messages;
}

/* --- Both --- */

static void check_same(const struct messages *got, const struct messages *wanted)
{
    FUZZ_HOLDS(got->too_large == wanted->too_large);
    FUZZ_HOLDS(got->bytes.size == wanted->bytes.size);
    FUZZ_HOLDS(got->bytes.size == 0 ||
               memcmp(got->bytes.bytes, wanted->bytes.bytes, got->bytes.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t all = 0, single = 1;
    struct fuzz_input input = { bytes, size };
    uint32_t line_max = fuzz_pair(&input), event_max = fuzz_pair(&input);
    struct limits limits = { line_max == 0 ? LIMIT_LARGE : line_max,
                             event_max == 0 ? LIMIT_LARGE : event_max };
    uint8_t cuts[CUTS];
    struct sse sse;

    for (uint32_t i = 0; i < CUTS; i++) {
        cuts[i] = fuzz_byte(&input);
    }
    sse_init(&sse, limits.line_max, limits.event_max);
    struct messages whole = run(&sse, &limits, input, &all, 1);
    struct messages bytewise = run(&sse, &limits, input, &single, 1);
    struct messages cut = run(&sse, &limits, input, cuts, CUTS);
    struct messages slow = read_slowly(input, &limits);
    check_same(&bytewise, &whole);
    check_same(&cut, &whole);
    if (slow.too_large == whole.too_large) {
        check_same(&slow, &whole);
    } else {
        FUZZ_HOLDS(whole.too_large);
    }

    buffer_free(&whole.bytes);
    buffer_free(&bytewise.bytes);
    buffer_free(&cut.bytes);
    buffer_free(&slow.bytes);
    sse_free(&sse);
    return 0;
}
