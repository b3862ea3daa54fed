/*
 * cli_run_stream: from the bytes of a stream, cut at every one of them, to the result that a line
 * is written of.
 */
#include "cli/run_stream.h"

#include "base/bits.h"
#include "http/sse.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static struct run_stream streams;
static struct query_pool pool;

struct end_case {
    const char *name;
    enum stream_form form;
    const char *stream;      /* bytes of the body */
    enum quoit_error broken; /* how the connection ended */
    enum judge_verdict verdict;
    enum quoit_error error;
    const char *body; /* or the detail */
    bool billed;
};

static void take(struct query *query, enum quoit_event_kind kind, const struct sse *sse)
{
    struct quoit_event event = { .kind = kind, .bytes = { "", 0 }, .name = { "", 0 } };

    if (sse != NULL) {
        event.bytes = buffer_span(&sse->data);
        event.name = buffer_span(&sse->name);
    }
    (void)run_stream_take(query, &event, 1000);
}

static void feed(struct query *query, struct sse *sse, const char *bytes, size_t size)
{
    char *piece = malloc(size + 1); /* one more: malloc(0) may be NULL */
    size_t done = 0;

    memcpy(piece, bytes, size);
    while (done < size) {
        size_t consumed = 0;
        enum sse_result result = sse_feed(sse, piece + done, size - done, &consumed);
        done += consumed;
        if (result == SSE_MESSAGE) {
            take(query, QUOIT_MESSAGE, sse);
        }
    }
    free(piece);
}

/* The stream in two pieces; checks what it came to. */
static void check_end(const struct end_case *row, size_t cut)
{
    struct quoit_result result = { .status = 200, .error = row->broken, .detail = "broken" };
    struct query *query = query_take(&pool, (struct json_span){ "", 0 });
    enum judge_verdict verdict;
    struct sse sse;

    sse_init(&sse, 10000, 10000);
    query->form = row->form;
    take(query, QUOIT_HEAD, NULL);
    feed(query, &sse, row->stream, cut);
    feed(query, &sse, row->stream + cut, strlen(row->stream) - cut);
    const struct quoit_result *end = run_stream_end(&streams, query, &result, &verdict);
    CHECK_EQ(verdict, row->verdict);
    CHECK_EQ(end->error, row->error);
    CHECK_EQ(end->maybe_billed, row->billed);
    if (end->error == QUOIT_OK) {
        CHECK_MEM(end->body.bytes, end->body.size, row->body, strlen(row->body));
    } else {
        CHECK_STR(end->detail, row->body);
    }
    sse_free(&sse);
    query_give_back(&pool, query);
}

#define A "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xc3\xa4\xf0\x9f\x98\x80\"}}]}"
#define B "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}"
#define AB                                                                                         \
    "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"\xc3\xa4\xf0\x9f\x98\x80"               \
    "b\"},\"finish_reason\":\"stop\"}]}"
#define CUT "the stream ended without saying that it was whole"

static void test_wherever_it_is_cut_a_stream_comes_to_the_same(void)
{
    static const struct end_case rows[] = {
        { "LF", STREAM_CHAT, "data: " A "\n\ndata: " B "\n\ndata: [DONE]\n\n", QUOIT_OK, JUDGE_GOOD,
          QUOIT_OK, AB, false },
        { "CRLF, BOM, comments, other fields", STREAM_CHAT,
          "\xef\xbb\xbf: hi\r\nid: 1\r\ndata:" A "\r\n\r\nretry: 5\r\nevent: x\r\n\r\ndata: " B
          "\r\n\r\n:\r\ndata: [DONE]\r\n\r\n",
          QUOIT_OK, JUDGE_GOOD, QUOIT_OK, AB, false },
        { "CR, and data in lines", STREAM_CHAT,
          "data: {\rdata: \"choices\":[]\rdata: }\r\rdata: [DONE]\r\r", QUOIT_OK, JUDGE_GOOD,
          QUOIT_OK, "{\"choices\":[]}", false },
        { "no DONE, but finished", STREAM_CHAT, "data: " A "\n\ndata: " B "\n\n", QUOIT_OK,
          JUDGE_GOOD, QUOIT_OK, AB, false },
        { "the same, and the connection broke", STREAM_CHAT, "data: " A "\n\ndata: " B "\n\n",
          QUOIT_E_RESET, JUDGE_AGAIN, QUOIT_E_RESET, "broken", true },
        { "DONE, and the connection broke", STREAM_CHAT, "data: " B "\n\ndata: [DONE]\n\n",
          QUOIT_E_TIMEOUT_IDLE, JUDGE_GOOD, QUOIT_OK,
          "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]"
          "}",
          false },
        { "DONE that is not ended by an empty line", STREAM_CHAT, "data: " A "\n\ndata: [DONE]\n",
          QUOIT_OK, JUDGE_AGAIN, QUOIT_E_INCOMPLETE, CUT, true },
        { "nothing", STREAM_CHAT, "", QUOIT_OK, JUDGE_AGAIN, QUOIT_E_INCOMPLETE, CUT, false },
        { "nothing but comments", STREAM_MESSAGE, ": a\n\n: b\n\n", QUOIT_OK, JUDGE_AGAIN,
          QUOIT_E_INCOMPLETE, CUT, false },
        { "cancelled", STREAM_CHAT, "data: " A "\n\n", QUOIT_E_CANCELLED, JUDGE_FAILED,
          QUOIT_E_CANCELLED, "broken", true },
        { "an error that may pass", STREAM_CHAT,
          "data: " A "\n\nevent: error\ndata: {\"type\":\"server_error\"}\n\n", QUOIT_OK,
          JUDGE_AGAIN, QUOIT_E_INCOMPLETE, "the server says server_error", true },
        { "one that will not", STREAM_CHAT, "data: {\"error\":{\"type\":\"x\"}}\n\n", QUOIT_OK,
          JUDGE_FAILED, QUOIT_E_STREAM, "the server says x", true },
        { "one that says nothing", STREAM_CHAT, "event: error\ndata: ?\n\n", QUOIT_E_RESET,
          JUDGE_FAILED, QUOIT_E_STREAM, "the server says error", true },
        { "no money", STREAM_CHAT, "data: {\"error\":{\"code\":\"insufficient_quota\"}}\n\n",
          QUOIT_OK, JUDGE_QUOTA, QUOIT_E_STREAM, "the server says insufficient_quota", true },
        { "nonsense", STREAM_CHAT, "data: {\"choices\":[\n\n", QUOIT_OK, JUDGE_FAILED,
          QUOIT_E_STREAM, "an event is no JSON object", true },
        { "a Response", STREAM_RESPONSE,
          "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{}}\n\n",
          QUOIT_OK, JUDGE_GOOD, QUOIT_OK, "{}", false },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_case(rows[i].name);
        for (size_t cut = 0; cut <= strlen(rows[i].stream); cut++) {
            check_end(&rows[i], cut);
        }
    }
}

static void test_an_attempt_remembers_nothing_but_that_it_may_be_billed(void)
{
    struct query *query = query_take(&pool, (struct json_span){ "", 0 });
    struct quoit_result result = { .status = 200, .detail = "" };
    enum judge_verdict verdict;
    struct sse sse;

    sse_init(&sse, 10000, 10000);
    query->form = STREAM_CHAT;
    take(query, QUOIT_HEAD, NULL);
    feed(query, &sse, "data: " A "\n\n", strlen("data: " A "\n\n"));
    CHECK_EQ(query->tokens.count, 1);
    CHECK_EQ(run_stream_end(&streams, query, &result, &verdict)->error, QUOIT_E_INCOMPLETE);

    result.status = 503; /* came whole: no HEAD */
    CHECK_EQ(run_stream_end(&streams, query, &result, &verdict)->error, QUOIT_OK);
    CHECK_EQ(verdict, JUDGE_AGAIN);
    CHECK(!query->tokens.streamed);

    result.status = 200;
    take(query, QUOIT_HEAD, NULL);
    feed(query, &sse, "data: " B "\n\n", strlen("data: " B "\n\n"));
    const struct quoit_result *end = run_stream_end(&streams, query, &result, &verdict);
    CHECK_EQ(verdict, JUDGE_GOOD);
    CHECK(end->maybe_billed);
    CHECK_EQ(query->tokens.count, 1);
    sse_free(&sse);
    query_give_back(&pool, query);
}

static void test_more_than_the_answer_may_be_ends_the_query(void)
{
    struct query *query = query_take(&pool, (struct json_span){ "", 0 });
    struct quoit_event event = { .kind = QUOIT_MESSAGE, .bytes = { A, strlen(A) } };
    struct quoit_result result = { .status = 200, .error = QUOIT_E_CANCELLED, .detail = "" };
    enum judge_verdict verdict;
    unsigned taken = 0;

    query->form = STREAM_CHAT;
    take(query, QUOIT_HEAD, NULL);
    while (taken < 1000 && run_stream_take(query, &event, 1000)) {
        taken++;
    }
    CHECK(taken > 10 && taken < 200);
    CHECK_EQ(run_stream_end(&streams, query, &result, &verdict)->error, QUOIT_E_TOO_LARGE);
    CHECK_EQ(verdict, JUDGE_FAILED);
    query_give_back(&pool, query);
}

int main(void)
{
    run_stream_init(&streams);
    RUN(test_wherever_it_is_cut_a_stream_comes_to_the_same);
    RUN(test_an_attempt_remembers_nothing_but_that_it_may_be_billed);
    RUN(test_more_than_the_answer_may_be_ends_the_query);
    query_pool_free(&pool);
    run_stream_free(&streams);
    return check_done();
}
