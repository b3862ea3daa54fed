/*
 * http_sse: which messages a stream holds (R32). Each stream is fed whole, byte by byte, and cut in
 * two and in three at every place, from blocks of the exact size.
 */
#include "http/sse.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define TEXT_MAX 4096
#define LINE_MAX_USUAL 1024
#define EVENT_MAX_USUAL 4096
#define STREAM(text) .bytes = (text), .size = sizeof(text) - 1

struct stream_case {
    const char *name;
    const char *bytes;
    size_t size;
    const char *messages; /* each as "name|data;" */
};

/* The messages of a stream, written down as a case has them. */
struct transcript {
    char text[TEXT_MAX];
    size_t size;
    enum sse_result result;
};

static void transcript_add(struct transcript *transcript, struct quoit_span span, char end)
{
    CHECK(transcript->size + span.size + 1 < TEXT_MAX);
    memcpy(transcript->text + transcript->size, span.bytes, span.size);
    transcript->size += span.size;
    transcript->text[transcript->size++] = end;
}

/* One piece, from a block of its size, which is gone before a message is read. */
static void feed_piece(struct sse *sse, const char *bytes, size_t size,
                       struct transcript *transcript)
{
    while (size > 0 && (transcript->result == SSE_MORE || transcript->result == SSE_MESSAGE)) {
        size_t consumed = SIZE_MAX;
        char *block = malloc(size);
        if (block == NULL) {
            abort();
        }
        memcpy(block, bytes, size);
        transcript->result = sse_feed(sse, block, size, &consumed);
        free(block);
        CHECK(consumed <= size);
        if (transcript->result == SSE_MORE) {
            CHECK_EQ(consumed, size);
        }
        if (transcript->result == SSE_MESSAGE) {
            transcript_add(transcript, buffer_span(&sse->name), '|');
            transcript_add(transcript, buffer_span(&sse->data), ';');
        }
        bytes += consumed;
        size -= consumed;
    }
}

/* bytes[0, size) cut at two places. */
static struct transcript feed_cut(struct sse *sse, const struct stream_case *stream, size_t first,
                                  size_t second)
{
    struct transcript transcript = { .result = SSE_MORE };

    sse_reset(sse);
    feed_piece(sse, stream->bytes, first, &transcript);
    feed_piece(sse, stream->bytes + first, second - first, &transcript);
    feed_piece(sse, stream->bytes + second, stream->size - second, &transcript);
    return transcript;
}

static struct transcript feed_bytes(struct sse *sse, const struct stream_case *stream)
{
    struct transcript transcript = { .result = SSE_MORE };

    sse_reset(sse);
    for (size_t i = 0; i < stream->size; i++) {
        feed_piece(sse, stream->bytes + i, 1, &transcript);
    }
    return transcript;
}

static void check_stream(struct sse *sse, const struct stream_case *stream)
{
    size_t wanted_size = strlen(stream->messages);

    check_case(stream->name);
    struct transcript bytes = feed_bytes(sse, stream);
    CHECK_MEM(bytes.text, bytes.size, stream->messages, wanted_size);
    for (size_t first = 0; first <= stream->size; first++) {
        for (size_t second = first; second <= stream->size; second++) {
            struct transcript cut = feed_cut(sse, stream, first, second);
            CHECK_MEM(cut.text, cut.size, stream->messages, wanted_size);
            CHECK(cut.result == SSE_MORE || cut.result == SSE_MESSAGE);
        }
    }
}

static const struct stream_case streams[] = {
    { "nothing", STREAM(""), "" },
    { "one message", STREAM("data: x\n\n"), "|x;" },
    { "no blank behind the colon", STREAM("data:x\n\n"), "|x;" },
    { "two blanks: one is data", STREAM("data:  x\n\n"), "| x;" },
    { "a tab is data", STREAM("data:\tx\n\n"), "|\tx;" },
    { "blanks behind are data", STREAM("data: x \n\n"), "|x ;" },
    { "a colon in the data", STREAM("data: a:b: c\n\n"), "|a:b: c;" },
    { "two messages", STREAM("data: 1\n\ndata: 2\n\n"), "|1;|2;" },
    { "lines are joined by LF", STREAM("data: a\ndata: b\ndata:c\n\n"), "|a\nb\nc;" },
    { "empty data is a message", STREAM("data\n\ndata:\n\ndata: \n\n"), "|;|;|;" },
    { "two empty lines of data", STREAM("data\ndata\n\n"), "|\n;" },
    { "three empty lines of data", STREAM("data:\ndata\ndata:\n\n"), "|\n\n;" },
    { "empty lines around", STREAM("\n\n\ndata: x\n\n\n\ndata: y\n\n\n"), "|x;|y;" },
    { "CRLF", STREAM("data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n"), "|a\nb;|c;" },
    { "CR", STREAM("data: a\rdata: b\r\rdata: c\r\r"), "|a\nb;|c;" },
    { "LF CR is two ends", STREAM("data: a\n\rdata: b\n\r"), "|a;|b;" },
    { "mixed ends", STREAM("data: a\r\n\ndata: b\r\rdata: c\n\r\ndata: d\r\n\r"), "|a;|b;|c;|d;" },
    { "a name", STREAM("event: add\ndata: x\n\n"), "add|x;" },
    { "a name behind the data", STREAM("data: x\nevent: add\n\n"), "add|x;" },
    { "the last name counts", STREAM("event: a\nevent: b\ndata: x\n\n"), "b|x;" },
    { "an empty name", STREAM("event: a\nevent\ndata: x\n\nevent:\ndata: y\n\n"), "|x;|y;" },
    { "a name holds for one message", STREAM("event: a\ndata: x\n\ndata: y\n\n"), "a|x;|y;" },
    { "a name without data", STREAM("event: a\n\ndata: x\n\n"), "|x;" },
    { "comments", STREAM(":\n: hello\n:data: no\ndata: x\n:\n\n:\n\n"), "|x;" },
    { "a comment between data", STREAM("data: a\n: b\ndata: c\n\n"), "|a\nc;" },
    { "fields that are none", STREAM("foo: bar\nfoo\nid: 1\nretry: 5\nid\ndata: x\n\n"), "|x;" },
    { "id and retry make no message", STREAM("id: 1\nretry: 5\n\n"), "" },
    { "names have a case", STREAM("DATA: a\nData: b\nEvent: c\ndata: x\n\n"), "|x;" },
    { "names are whole", STREAM("dat: a\ndatax: b\ndata : c\n data: d\nevents: e\ndata: x\n\n"),
      "|x;" },
    { "a BOM",
      STREAM("\xef\xbb\xbf"
             "data: x\n\n"),
      "|x;" },
    { "a BOM and an empty line", STREAM("\xef\xbb\xbf\n\ndata: x\n\n"), "|x;" },
    { "two BOMs: one belongs to a name",
      STREAM("\xef\xbb\xbf\xef\xbb\xbf"
             "data: a\n\ndata: x\n\n"),
      "|x;" },
    { "a late BOM belongs to a name",
      STREAM("data: x\n\n\xef\xbb\xbf"
             "data: a\n\n"),
      "|x;" },
    { "a BOM behind an empty line",
      STREAM("\n\xef\xbb\xbf"
             "data: a\n\n"),
      "" },
    { "half a BOM",
      STREAM("\xef\xbb"
             "data: a\n\ndata: x\n\n"),
      "|x;" },
    { "UTF-8", STREAM("data: \xf0\x9f\x98\x80\xc3\xa4\n\n"), "|\xf0\x9f\x98\x80\xc3\xa4;" },
    { "bytes that are no UTF-8", STREAM("data: \xff\xfe\xc3\n\n"), "|\xff\xfe\xc3;" },
    { "what is not ended is dropped", STREAM("data: x\n\ndata: y\n"), "|x;" },
    { "a line that is not ended", STREAM("data: x\n\ndata: y"), "|x;" },
    { "done", STREAM("data: {\"a\":1}\n\ndata: [DONE]\n\n"), "|{\"a\":1};|[DONE];" },
    { "an error in the middle", STREAM("data: 1\n\nevent: error\ndata: {}\n\n"), "|1;error|{};" },
};

static void test_streams_give_their_messages_however_they_are_cut(void)
{
    struct sse sse;

    sse_init(&sse, LINE_MAX_USUAL, EVENT_MAX_USUAL);
    for (size_t i = 0; i < COUNT_OF(streams); i++) {
        check_stream(&sse, &streams[i]);
    }
    sse_free(&sse);
}

static void test_a_nul_is_data_like_any_byte(void)
{
    static const char bytes[] = "data: a\0b\n\n";
    const struct stream_case stream = { "NUL", bytes, sizeof(bytes) - 1, "" };
    struct sse sse;

    sse_init(&sse, LINE_MAX_USUAL, EVENT_MAX_USUAL);
    struct transcript got = feed_bytes(&sse, &stream);
    CHECK_MEM(got.text, got.size, "|a\0b;", 5);
    got = feed_cut(&sse, &stream, stream.size, stream.size);
    CHECK_MEM(got.text, got.size, "|a\0b;", 5);
    sse_free(&sse);
}

/* The end of a message is seen with its last CR: the LF that may follow is not waited for. */
static void test_a_message_does_not_wait_for_the_lf_behind_its_cr(void)
{
    struct sse sse;
    size_t consumed;

    sse_init(&sse, LINE_MAX_USUAL, EVENT_MAX_USUAL);
    CHECK_EQ(sse_feed(&sse, "data: x\r\n\r", 10, &consumed), SSE_MESSAGE);
    CHECK_EQ(consumed, 10);
    CHECK_EQ(sse_feed(&sse, "\ndata: y\r\n\r\n", 12, &consumed), SSE_MESSAGE);
    CHECK_EQ(consumed, 11);
    CHECK_MEM(sse.data.bytes, sse.data.size, "y", 1);
    CHECK_EQ(sse_feed(&sse, "\n", 1, &consumed), SSE_MORE);
    CHECK_EQ(consumed, 1);
    sse_free(&sse);
}

static void test_reset_forgets_the_stream_before(void)
{
    static const char *const before[] = { "data: a",   "data: a\n", "event: a\n",
                                          "data: a\r", "x",         "data: a\r\r" };
    struct sse sse;
    size_t consumed;

    sse_init(&sse, LINE_MAX_USUAL, EVENT_MAX_USUAL);
    for (size_t i = 0; i < COUNT_OF(before); i++) {
        check_case(before[i]);
        sse_reset(&sse);
        sse_feed(&sse, before[i], strlen(before[i]), &consumed);
        sse_reset(&sse);
        static const char stream[] = "\xef\xbb\xbf"
                                     "data: x\n\n";
        CHECK_EQ(sse_feed(&sse, stream, sizeof(stream) - 1, &consumed), SSE_MESSAGE);
        CHECK_MEM(sse.data.bytes, sse.data.size, "x", 1);
        CHECK_EQ(sse.name.size, 0);
    }
    sse_free(&sse);
}

/* What comes of `bytes` under these limits; the same in one piece as in bytes. */
static enum sse_result result_within(size_t line_max, size_t event_max, const char *bytes)
{
    const struct stream_case stream = { "", bytes, strlen(bytes), "" };
    struct sse sse;

    sse_init(&sse, line_max, event_max);
    struct transcript bytewise = feed_bytes(&sse, &stream);
    struct transcript whole = feed_cut(&sse, &stream, stream.size, stream.size);
    CHECK_EQ(bytewise.result, whole.result);
    CHECK_MEM(bytewise.text, bytewise.size, whole.text, whole.size);
    sse_free(&sse);
    return whole.result;
}

static void test_the_line_limit_is_exact(void)
{
    static const char *const lines[] = { "data: 1234", ": comment.", "some field", "event: abc" };
    static const char *const before[] = { "", "\n", "data: x\n", "\xef\xbb\xbf" };

    for (size_t i = 0; i < COUNT_OF(lines) * COUNT_OF(before); i++) {
        char stream[64];
        snprintf(stream, sizeof(stream), "%s%s\n", before[i / COUNT_OF(lines)],
                 lines[i % COUNT_OF(lines)]);
        check_case(stream);
        CHECK_EQ(result_within(11, 100, stream), SSE_MORE);
        CHECK_EQ(result_within(10, 100, stream), SSE_MORE);
        CHECK_EQ(result_within(9, 100, stream), SSE_TOO_LARGE);
    }
    check_case("no limit");
    CHECK_EQ(result_within(SIZE_MAX, SIZE_MAX, "data: 1234\n"), SSE_MORE);
    CHECK_EQ(result_within(SIZE_MAX, SIZE_MAX, "\xef\xbb\xbf: cut"), SSE_MORE);
    check_case("a line whose end has not come");
    CHECK_EQ(result_within(10, 100, "\ndata: 1234"), SSE_MORE);
    CHECK_EQ(result_within(9, 100, "\ndata: 1234"), SSE_TOO_LARGE);
}

static void test_the_event_limit_is_exact_and_counts_joints(void)
{
    static const struct {
        const char *stream;
        size_t needs;
    } cases[] = {
        { "data: 12345\n\n", 5 },           { "data: 1234567\n\n", 7 },
        { "data: 12\ndata: 34\n\n", 5 },    { "data\ndata\ndata\n\n", 2 },
        { "data: 12\n\ndata: 345\n\n", 3 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(cases[i].stream);
        CHECK_EQ(result_within(100, cases[i].needs + 1, cases[i].stream), SSE_MESSAGE);
        CHECK_EQ(result_within(100, cases[i].needs, cases[i].stream), SSE_MESSAGE);
        CHECK_EQ(result_within(100, cases[i].needs - 1, cases[i].stream), SSE_TOO_LARGE);
    }
}

/* R32: neither a line without end nor lines without end take more memory than their limit. */
static void test_endless_streams_stop_at_their_limit(void)
{
    static const char *const units[] = { "x", "data: x\n", "data:\n" };

    for (size_t i = 0; i < COUNT_OF(units); i++) {
        struct sse sse;
        enum sse_result result = SSE_MORE;
        uint32_t fed = 0;

        check_case(units[i]);
        sse_init(&sse, 1000, 1000);
        while (result == SSE_MORE && fed < 5000) {
            size_t consumed;
            result = sse_feed(&sse, units[i], strlen(units[i]), &consumed);
            fed++;
        }
        CHECK_EQ(result, SSE_TOO_LARGE);
        CHECK(fed <= 1005);
        CHECK(sse.line.room + sse.data.room <= 4096);
        sse_free(&sse);
    }
}

static void test_a_warm_stream_allocates_nothing(void)
{
    if (!BUFFER_KEEPS_ROOM) {
        return; /* make GUARD=1 keeps nothing */
    }
    struct sse sse;

    sse_init(&sse, LINE_MAX_USUAL, EVENT_MAX_USUAL);
    const struct stream_case stream = { "", STREAM("event: a\ndata: b\ndata: c\n\n"), "" };
    feed_bytes(&sse, &stream);
    const char *line = sse.line.bytes, *data = sse.data.bytes, *name = sse.name.bytes;
    for (int i = 0; i < 3; i++) {
        feed_bytes(&sse, &stream);
    }
    CHECK(sse.line.bytes == line);
    CHECK(sse.data.bytes == data);
    CHECK(sse.name.bytes == name);
    sse_free(&sse);
}

int main(void)
{
    RUN(test_streams_give_their_messages_however_they_are_cut);
    RUN(test_a_nul_is_data_like_any_byte);
    RUN(test_a_message_does_not_wait_for_the_lf_behind_its_cr);
    RUN(test_reset_forgets_the_stream_before);
    RUN(test_the_line_limit_is_exact);
    RUN(test_the_event_limit_is_exact_and_counts_joints);
    RUN(test_endless_streams_stop_at_their_limit);
    RUN(test_a_warm_stream_allocates_nothing);
    return check_done();
}
