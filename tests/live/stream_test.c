/*
 * stream_test: answers that are handed out as they come: pieces, and server-sent events. In order
 * and whole, held back by pause and by a slow reader, within their limits, and cut short.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define BIG ((size_t)8 << 20)
#define STREAMS 500

static struct live_server server;

/* What a stream has given so far. */
struct heard {
    unsigned heads, pieces, messages, ends, disorder;
    size_t size;
    uint64_t hash; /* FNV-1a of all its bytes */
    enum quoit_error error;
    uint32_t status;
    bool last_is_done; /* the last message was [DONE] */
};

static uint64_t hash_more(uint64_t hash, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

static void hear(struct heard *heard, const struct quoit_event *event)
{
    heard->disorder += heard->ends != 0;
    switch (event->kind) {
    case QUOIT_HEAD:
        heard->disorder += heard->heads++ != 0 || heard->pieces != 0;
        heard->status = event->result->status;
        CHECK(quoit_result_header(event->result, "content-type") != NULL);
        CHECK(event->result->times.first_byte_ns != 0);
        CHECK_EQ(event->result->body.size, 0);
        return;
    case QUOIT_PIECE:
        heard->disorder += heard->heads == 0;
        heard->pieces++;
        CHECK(event->bytes.size > 0);
        CHECK(event->result == NULL);
        heard->size += event->bytes.size;
        heard->hash = hash_more(heard->hash, event->bytes.bytes, event->bytes.size);
        return;
    case QUOIT_MESSAGE:
        heard->disorder += heard->heads == 0;
        heard->messages++;
        CHECK(event->result == NULL);
        heard->last_is_done =
            event->bytes.size == 6 && memcmp(event->bytes.bytes, "[DONE]", 6) == 0;
        return;
    case QUOIT_END:
        heard->ends++;
        heard->error = event->result->error;
        heard->status = event->result->status;
        return;
    }
}

/* All of one stream. */
static struct heard hear_all(struct quoit_engine *engine, const struct quoit_request *request)
{
    struct heard heard = { 0 };

    live_submit(engine, request);
    while (heard.ends == 0) {
        struct quoit_event event = live_next(engine);
        hear(&heard, &event);
    }
    CHECK_EQ(heard.disorder, 0);
    return heard;
}

/* The same bytes as a whole answer: what pieces must add up to. */
static uint64_t hash_of_page(const char *path, size_t *size_out)
{
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_result *result = live_get(engine, live_url(&server, path));
    uint64_t hash = hash_more(0, result->body.bytes, result->body.size);

    CHECK_EQ(result->error, QUOIT_OK);
    *size_out = result->body.size;
    quoit_destroy(engine);
    return hash;
}

static void test_pieces_are_the_body_in_order(void)
{
    static const char *const faults[] = { "none", "chunked", "cut", "chunked,cut",
                                          "close-delimited" };
    size_t size = 0;

    live_set(&server, "body-size 100000");
    uint64_t hash = hash_of_page("/page", &size);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        const struct quoit_header header = { "X-Mock-Fault", faults[i] };
        check_case(faults[i]);
        struct heard heard =
            hear_all(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                      .headers = &header,
                                                      .headers_count = 1,
                                                      .stream = QUOIT_PIECES });
        CHECK_EQ(heard.error, QUOIT_OK);
        CHECK_EQ(heard.heads, 1);
        CHECK_EQ(heard.status, 200);
        CHECK_EQ(heard.size, size);
        CHECK(heard.hash == hash);
        CHECK(heard.pieces > 0);
        quoit_destroy(engine);
    }
    live_set(&server, "body-size 56");
}

#define CHAT "{\"model\":\"m\",\"stream\":true,\"max_tokens\":20,\"messages\":[]}"

static struct quoit_request chat(void)
{
    static char url[100];

    snprintf(url, sizeof(url), "%s/v1/chat/completions", server.url);
    return (struct quoit_request){ .url = url,
                                   .body = { CHAT, sizeof(CHAT) - 1 },
                                   .stream = QUOIT_SSE };
}

static void test_messages_are_cut_whatever_the_segments(void)
{
    static const char *const faults[] = { "none", "cut", "drip:0ms:1" };
    unsigned messages = 0;

    live_set(&server, "tokens 20");
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        const struct quoit_header header = { "X-Mock-Fault", faults[i] };
        struct quoit_request request = chat();
        request.headers = &header;
        request.headers_count = 1;
        check_case(faults[i]);
        struct heard heard = hear_all(engine, &request);
        CHECK_EQ(heard.error, QUOIT_OK);
        CHECK_EQ(heard.heads, 1);
        CHECK_EQ(heard.pieces, 0);
        CHECK(heard.messages > 20);
        CHECK(i == 0 || heard.messages == messages);
        CHECK(heard.last_is_done);
        messages = heard.messages;
        quoit_destroy(engine);
    }
}

static void test_fields_of_an_event_arrive(void)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Connection: close\r\n\r\n"
                               ": hello\nevent: one\ndata: a\ndata:b\n\ndata\n\nid: 7\ndata: c\n\n"
                               "data: never ended\n";
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_header header = { "X-Mock-Fault", "close-after" };
    static const struct quoit_span wanted[] = { { "a\nb", 3 }, { "", 0 }, { "c", 1 } };

    live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/raw"),
                                                 .body = { text, sizeof(text) - 1 },
                                                 .headers = &header,
                                                 .headers_count = 1,
                                                 .stream = QUOIT_SSE });
    CHECK_EQ(live_next(engine).kind, QUOIT_HEAD);
    for (size_t i = 0; i < 3; i++) {
        struct quoit_event event = live_next(engine);
        CHECK_EQ(event.kind, QUOIT_MESSAGE);
        CHECK_MEM(event.bytes.bytes, event.bytes.size, wanted[i].bytes, wanted[i].size);
        CHECK_MEM(event.name.bytes, event.name.size, "one", (size_t)(i == 0 ? 3 : 0));
        CHECK(event.at_ns != 0);
    }
    CHECK_EQ(live_next(engine).kind, QUOIT_END);
    quoit_destroy(engine);
}

static void test_any_other_answer_comes_whole(void)
{
    static const char *const statuses[] = { "400", "404", "302" };
    struct quoit_engine *engine = live_engine(NULL);

    for (int i = 0; i < 6; i++) {
        const struct quoit_header header = { "X-Mock-Status", statuses[i % 3] };
        struct quoit_request request = chat();
        request.headers = &header;
        request.headers_count = 1;
        request.stream = i < 3 ? QUOIT_PIECES : QUOIT_SSE;
        live_submit(engine, &request);
        struct quoit_event event = live_next(engine);
        check_case(header.value);
        CHECK_EQ(event.kind, QUOIT_END);
        CHECK_EQ(event.result->status, strtoul(header.value, NULL, 10));
        CHECK(event.result->body.size > 0);
    }
    quoit_destroy(engine);
}

/* Who asked for events of a server that has none is given its answer. */
static void test_json_comes_whole_where_events_were_asked_for(void)
{
    static const struct {
        const char *type;
        bool whole;
    } rows[] = {
        { "application/json", true },
        { "Application/JSON; charset=utf-8", true },
        { "application/problem+json", true },
        { "text/event-stream", false },
        { "text/event-stream; a=json", false },
        { "application/jsonl", false },
        { "text/plain", false },
        { "+json", false },
        { "json", false },
    };
    struct quoit_engine *engine = live_engine(NULL);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct quoit_header header = { "X-Mock-Content-Type", rows[i].type };
        struct quoit_request request = chat();
        request.headers = &header;
        request.headers_count = 1;
        check_case(rows[i].type);
        struct heard heard = hear_all(engine, &request);
        CHECK_EQ(heard.error, QUOIT_OK);
        CHECK_EQ(heard.heads, rows[i].whole ? 0 : 1);
        CHECK_EQ(heard.messages == 0, rows[i].whole);
    }
    quoit_destroy(engine);
}

/* Of a stream nothing is kept, so its length may be another matter than the size of a body. */
static void test_a_stream_may_be_longer_than_a_body(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_header chunked = { "X-Mock-Fault", "chunked" };
    struct quoit_request request = { .url = live_url(&server, "/page"),
                                     .headers = &chunked,
                                     .headers_count = 1,
                                     .body_size_max = 5000,
                                     .stream_size_max = 100000,
                                     .stream = QUOIT_PIECES };

    live_set(&server, "body-size 100000");
    CHECK_EQ(hear_all(engine, &request).error, QUOIT_OK);
    request.stream_size_max = 99999;
    CHECK_EQ(hear_all(engine, &request).error, QUOIT_E_TOO_LARGE);
    request.stream_size_max = 0;
    CHECK_EQ(hear_all(engine, &request).error, QUOIT_E_TOO_LARGE);
    request.stream_size_max = QUOIT_NEVER;
    CHECK_EQ(hear_all(engine, &request).error, QUOIT_OK);
    request.stream = QUOIT_WHOLE; /* a body is a body */
    CHECK_EQ(hear_all(engine, &request).error, QUOIT_E_TOO_LARGE);
    live_set(&server, "body-size 56");
    quoit_destroy(engine);
}

/* A failure before the head is tried again as always; after it, never. */
static void test_only_what_has_not_begun_is_tried_again(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_header headers[] = { { "X-Mock-Fail-First", "1:500" },
                                            { "X-Custom-Id", "again" } };
    struct quoit_request request = { .url = live_url(&server, "/page"),
                                     .headers = headers,
                                     .headers_count = 2,
                                     .stream = QUOIT_PIECES };

    live_set(&server, "");
    struct heard heard = hear_all(engine, &request);
    CHECK_EQ(heard.heads, 1);
    CHECK_EQ(heard.status, 200);
    CHECK_EQ(live_tally(&server, "executions", "again"), 2);
    quoit_destroy(engine);
}

static void test_a_stream_cut_short_is_incomplete(void)
{
    static const char *const faults[] = { "close-mid-body:30", "reset-mid-body:30",
                                          "chunked,close-mid-body:30" };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        const struct quoit_header header = { "X-Mock-Fault", faults[i] };
        check_case(faults[i]);
        live_set(&server, "");
        struct heard heard =
            hear_all(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                      .headers = &header,
                                                      .headers_count = 1,
                                                      .stream = QUOIT_PIECES });
        CHECK_EQ(heard.heads, 1);
        CHECK_EQ(heard.error, QUOIT_E_INCOMPLETE);
        CHECK_EQ(heard.status, 200);
        CHECK(heard.size > 0 && heard.size <= 30);
        CHECK_EQ(live_number(&server, "requests"), 1);
        quoit_destroy(engine);
    }
}

/* -------- back-pressure -------- */

static void test_only_a_stream_under_way_can_be_paused(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_request request = { .url = live_url(&server, "/page") };
    struct quoit_event event;

    uint64_t whole = live_submit(engine, &request);
    CHECK_EQ(quoit_pause(engine, whole, true), QUOIT_E_STALE);
    live_drain(engine, 1);
    request.stream = QUOIT_PIECES;
    uint64_t id = live_submit(engine, &request);
    CHECK_EQ(quoit_pause(engine, whole, true), QUOIT_E_STALE);
    CHECK_EQ(quoit_pause(engine, 0, true), QUOIT_E_STALE);
    CHECK_EQ(quoit_pause(engine, id, true), QUOIT_OK); /* it has not begun */
    CHECK_EQ(quoit_pause(engine, id, false), QUOIT_OK);
    while (live_stats(engine).done == 0) {
        quoit_turn(engine, LIVE_NS_PER_S);
    }
    CHECK_EQ(quoit_pause(engine, id, true), QUOIT_E_STALE); /* all has come */
    do {
        CHECK_EQ(quoit_next(engine, &event, 1), 1);
        CHECK_EQ(quoit_pause(engine, id, true), QUOIT_E_STALE);
    } while (event.kind != QUOIT_END);
    CHECK_EQ(event.result->error, QUOIT_OK);
    CHECK_EQ(quoit_keep(engine, id), QUOIT_OK);
    CHECK_EQ(quoit_pause(engine, id, true), QUOIT_E_STALE);
    CHECK_EQ(quoit_release(engine, id), QUOIT_OK);
    CHECK_EQ(quoit_pause(engine, id, true), QUOIT_E_STALE);
    quoit_destroy(engine);
}

static void test_a_paused_stream_receives_nothing_more(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){
        .stream_buffer_max = 64 * 1024, .timeouts = { .idle_ns = 100 * LIVE_NS_PER_MS } });
    struct heard heard = { 0 };
    size_t size = 0;

    live_set(&server, "body-size 8MiB");
    uint64_t hash = hash_of_page("/page", &size);
    CHECK_EQ(size, BIG);
    uint64_t id = live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                               .stream = QUOIT_PIECES });
    struct quoit_event event = live_next(engine);
    hear(&heard, &event);
    CHECK_EQ(quoit_pause(engine, id, true), QUOIT_OK);
    CHECK_EQ(quoit_pause(engine, id, true), QUOIT_OK);
    /* Three idle timeouts: the idle clock stands still. */
    uint64_t end_ns = quoit_now_ns() + 300 * LIVE_NS_PER_MS;
    while (quoit_now_ns() < end_ns) {
        quoit_turn(engine, end_ns - quoit_now_ns());
        while (quoit_next(engine, &event, 1) > 0) {
            hear(&heard, &event);
        }
    }
    CHECK(heard.size < BIG / 4);
    CHECK_EQ(heard.ends, 0);
    CHECK_EQ(quoit_pause(engine, id, false), QUOIT_OK);
    while (heard.ends == 0) {
        event = live_next(engine);
        hear(&heard, &event);
    }
    CHECK_EQ(heard.error, QUOIT_OK);
    CHECK_EQ(heard.size, BIG);
    CHECK(heard.hash == hash);
    CHECK_EQ(heard.disorder, 0);
    quoit_destroy(engine);
}

static void test_a_paused_stream_still_has_its_other_timeouts(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_request request = { .url = live_url(&server, "/page"), .stream = QUOIT_PIECES };

    for (int i = 0; i < 2; i++) {
        request.timeouts.attempt_ns = i == 0 ? 100 * LIVE_NS_PER_MS : 0;
        request.timeouts.deadline_ns = i == 0 ? 0 : 100 * LIVE_NS_PER_MS;
        uint64_t before_ns = quoit_now_ns();
        uint64_t id = live_submit(engine, &request);
        CHECK_EQ(live_next(engine).kind, QUOIT_HEAD);
        CHECK_EQ(quoit_pause(engine, id, true), QUOIT_OK);
        struct quoit_event event = live_next(engine);
        while (event.kind != QUOIT_END) {
            event = live_next(engine);
        }
        CHECK_EQ(event.result->error, i == 0 ? QUOIT_E_TIMEOUT_TOTAL : QUOIT_E_TIMEOUT_DEADLINE);
        CHECK(quoit_now_ns() - before_ns >= 100 * LIVE_NS_PER_MS);
        CHECK(quoit_now_ns() - before_ns < 5 * LIVE_NS_PER_S);
    }
    quoit_destroy(engine);
}

static void test_a_stream_paused_before_its_head_still_has_to_begin_in_time(void)
{
    static const struct quoit_header silent = { "X-Mock-Fault", "stall-before" };
    static const struct quoit_header late = { "X-Mock-Latency", "100ms" };
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_request request = { .url = live_url(&server, "/page"),
                                     .stream = QUOIT_PIECES,
                                     .headers = &silent,
                                     .headers_count = 1,
                                     .retries = QUOIT_NONE,
                                     .timeouts = { .first_byte_ns = 200 * LIVE_NS_PER_MS } };

    uint64_t before_ns = quoit_now_ns();
    uint64_t id = live_submit(engine, &request);
    live_turn_until_in_flight(engine, 1);
    CHECK_EQ(quoit_pause(engine, id, true), QUOIT_OK);
    CHECK_EQ(live_next(engine).result->error, QUOIT_E_TIMEOUT_FIRST_BYTE);
    CHECK(quoit_now_ns() - before_ns >= 200 * LIVE_NS_PER_MS);
    CHECK(quoit_now_ns() - before_ns < 5 * LIVE_NS_PER_S);
    quoit_turn(engine, 0);
    request.headers = &late; /* one that does begin is not too late because nothing was received */
    request.timeouts = (struct quoit_timeouts){ .first_byte_ns = 5 * LIVE_NS_PER_S };
    id = live_submit(engine, &request);
    live_turn_until_in_flight(engine, 1);
    CHECK_EQ(quoit_pause(engine, id, true), QUOIT_OK);
    struct quoit_event event = live_next(engine);
    CHECK_EQ(event.kind, QUOIT_HEAD);
    CHECK_EQ(quoit_pause(engine, id, false), QUOIT_OK);
    CHECK_EQ(live_drain(engine, 1), 1);
    quoit_destroy(engine);
}

/* Nobody takes events, and the others go on: what a stream holds stays near its limit. */
static void test_a_stream_that_nobody_reads_holds_no_more_than_its_buffer(void)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .stream_buffer_max = 64 * 1024 });
    struct heard heard = { 0 };
    struct quoit_event event;
    size_t size = 0, most = 0;

    live_set(&server, "body-size 8MiB");
    uint64_t hash = hash_of_page("/page", &size);
    live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                 .stream = QUOIT_PIECES });
    while (heard.ends == 0) {
        for (int i = 0; i < 50; i++) {
            quoit_turn(engine, 0);
        }
        event = live_next(engine);
        hear(&heard, &event);
        if (event.kind == QUOIT_PIECE && event.bytes.size > most) {
            most = event.bytes.size;
        }
    }
    CHECK(most <= 64 * 1024 + 100 * 4096); /* soft: one entry may bring so much more */
    CHECK_EQ(heard.size, BIG);
    CHECK(heard.hash == hash);
    quoit_destroy(engine);
    live_set(&server, "body-size 56");
}

/* -------- limits -------- */

static void test_a_stream_over_its_limit_is_too_large(void)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .sse_line_max = 100, .sse_event_max = 1000 });
    struct quoit_request request = { .url = live_url(&server, "/page"), .stream = QUOIT_PIECES };
    static char text[4000] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                             "Connection: close\r\n\r\ndata: ok\n\n";
    struct heard heard;

    live_set(&server, "body-size 100000");
    request.body_size_max = 99999;
    heard = hear_all(engine, &request);
    CHECK_EQ(heard.error, QUOIT_E_TOO_LARGE);
    CHECK(heard.size <= 99999);
    request.body_size_max = 100000;
    heard = hear_all(engine, &request);
    CHECK_EQ(heard.error, QUOIT_OK);
    CHECK_EQ(heard.size, 100000);

    size_t head = strlen(text);
    memset(text + head, 'x', 300); /* a line without end */
    heard = hear_all(engine, &(struct quoit_request){ .url = live_url(&server, "/raw"),
                                                      .body = { text, head + 300 },
                                                      .stream = QUOIT_SSE });
    CHECK_EQ(heard.error, QUOIT_E_TOO_LARGE);
    CHECK_EQ(heard.messages, 1); /* the good one before it was given */
    for (size_t at = head; at + 60 < sizeof(text); at += 60) { /* an event without end */
        memset(text + at, 'y', 60);
        memcpy(text + at, "data: ", 6);
        text[at + 59] = '\n';
    }
    heard = hear_all(engine, &(struct quoit_request){ .url = live_url(&server, "/raw"),
                                                      .body = { text, head + 60 * 40 },
                                                      .stream = QUOIT_SSE });
    CHECK_EQ(heard.error, QUOIT_E_TOO_LARGE);
    CHECK_EQ(heard.messages, 1);
    quoit_destroy(engine);
    live_set(&server, "body-size 56");
}

/* -------- many -------- */

static void test_five_hundred_streams_with_gaps_are_all_whole(void)
{
    static struct heard heard[STREAMS];
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = STREAMS });
    struct quoit_request request = chat();
    unsigned whole = 0;

    live_set(&server, "tokens 20\ngap 30ms");
    memset(heard, 0, sizeof(heard));
    for (int i = 0; i < STREAMS; i++) {
        request.context = &heard[i];
        live_submit(engine, &request);
    }
    for (unsigned ends = 0; ends < STREAMS;) {
        struct quoit_event events[64];
        uint32_t count = quoit_next(engine, events, 64);
        for (uint32_t i = 0; i < count; i++) {
            hear(events[i].context, &events[i]);
            ends += events[i].kind == QUOIT_END;
        }
        if (count == 0) {
            quoit_turn(engine, LIVE_NS_PER_S);
        }
    }
    for (int i = 0; i < STREAMS; i++) {
        whole += heard[i].error == QUOIT_OK && heard[i].messages == heard[0].messages &&
                 heard[i].disorder == 0 && heard[i].heads == 1 && heard[i].last_is_done;
    }
    CHECK_EQ(whole, STREAMS);
    CHECK_EQ(live_number(&server, "in_flight_max"), STREAMS);
    live_set(&server, "gap 0");
    quoit_destroy(engine);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    RUN(test_pieces_are_the_body_in_order);
    RUN(test_messages_are_cut_whatever_the_segments);
    RUN(test_fields_of_an_event_arrive);
    RUN(test_any_other_answer_comes_whole);
    RUN(test_json_comes_whole_where_events_were_asked_for);
    RUN(test_a_stream_may_be_longer_than_a_body);
    RUN(test_only_what_has_not_begun_is_tried_again);
    RUN(test_a_stream_cut_short_is_incomplete);
    RUN(test_only_a_stream_under_way_can_be_paused);
    RUN(test_a_paused_stream_receives_nothing_more);
    RUN(test_a_paused_stream_still_has_its_other_timeouts);
    RUN(test_a_stream_paused_before_its_head_still_has_to_begin_in_time);
    RUN(test_a_stream_that_nobody_reads_holds_no_more_than_its_buffer);
    RUN(test_a_stream_over_its_limit_is_too_large);
    RUN(test_five_hundred_streams_with_gaps_are_all_whole);
    live_stop(&server);
    return check_done();
}
