/*
 * run_stream: see run_stream.h.
 */
#include "cli/run_stream.h"

#include "llm/verdict.h"

#include <stdio.h>
#include <stdlib.h>

#define ANSWER_KEPT_MAX (1 << 20) /* bytes of memory that are kept for the next answer */

void run_stream_init(struct run_stream *streams)
{
    text_init(&streams->answer, 0);
}

void run_stream_free(struct run_stream *streams)
{
    text_free(&streams->answer);
}

/* --- Events --- */

/* A new attempt streams. Without memory it has no stream, which its end tells. */
static void run_stream_begin(struct query *query, uint64_t answer_max)
{
    query->streams = true;
    query->tokens = (struct query_tokens){ .streamed = true };
    if (query->stream == NULL) {
        query->stream = malloc(sizeof(*query->stream));
        if (query->stream == NULL) {
            return;
        }
        stream_init(query->stream, answer_max);
    }
    stream_begin(query->stream, query->form);
}

static void run_stream_count(struct query_tokens *tokens, uint64_t at_ns)
{
    if (tokens->count == 0) {
        tokens->first_ns = at_ns;
    } else if (at_ns - tokens->last_ns > tokens->gap_max_ns) {
        tokens->gap_max_ns = at_ns - tokens->last_ns;
    }
    tokens->last_ns = at_ns;
    tokens->count++;
}

bool run_stream_take(struct query *query, const struct quoit_event *event, uint64_t answer_max)
{
    struct json_span name = { event->name.bytes, event->name.size };
    struct json_span data = { event->bytes.bytes, event->bytes.size };

    if (event->kind == QUOIT_HEAD) {
        run_stream_begin(query, answer_max);
        return true;
    }
    if (query->stream == NULL) {
        return false;
    }
    enum stream_verdict verdict = stream_feed(query->stream, name, data);
    if (query->stream->carries) {
        run_stream_count(&query->tokens, event->at_ns);
    }
    return verdict == STREAM_GOOD ||
           verdict == STREAM_FAILED; /* after an error it ends by itself */
}

/* --- The end --- */

static enum judge_verdict run_stream_fail(struct run_stream *streams, enum quoit_error error,
                                          const char *before, const char *detail)
{
    snprintf(streams->detail, sizeof(streams->detail), "%s%s", before, detail);
    streams->result.error = error;
    streams->result.detail = streams->detail;
    return error == QUOIT_E_INCOMPLETE ? JUDGE_AGAIN : JUDGE_FAILED;
}

static enum judge_verdict run_stream_refused(struct run_stream *streams,
                                             const struct stream_error *error)
{
    const char *before = error->text[0] != '\0' ? "the server says " : "the server says error";

    switch (error->kind) {
    case STREAM_ERROR_QUOTA:
        (void)run_stream_fail(streams, QUOIT_E_STREAM, before, error->text);
        return JUDGE_QUOTA;
    case STREAM_ERROR_TRANSIENT:
        return run_stream_fail(streams, QUOIT_E_INCOMPLETE, before, error->text);
    case STREAM_ERROR_FINAL:
        return run_stream_fail(streams, QUOIT_E_STREAM, before, error->text);
    }
    abort(); /* a kind without a case */
}

/* The end of a stream whose connection ended as it should, or after it had said that it was whole.
 */
static enum judge_verdict run_stream_judge(struct run_stream *streams, struct stream *stream,
                                           bool broken_off)
{
    struct quoit_result *result = &streams->result;

    if (verdict_is_coded(result)) {
        return run_stream_fail(streams, QUOIT_E_STREAM, "it came with a Content-Encoding", "");
    }
    switch (stream_end(stream, broken_off, &streams->answer)) {
    case STREAM_GOOD:
        result->error = QUOIT_OK;
        result->os_error = 0;
        result->detail = "";
        result->body = (struct quoit_span){ streams->answer.bytes, streams->answer.size };
        return JUDGE_GOOD;
    case STREAM_CUT:
        return run_stream_fail(streams, QUOIT_E_INCOMPLETE,
                               "the stream ended without saying that it was whole", "");
    case STREAM_FAILED:
        return run_stream_refused(streams, &stream->error);
    case STREAM_BROKEN:
        return run_stream_fail(streams, QUOIT_E_STREAM, stream->reason, "");
    case STREAM_TOO_LARGE:
        return run_stream_fail(streams, QUOIT_E_TOO_LARGE, "put together from its events", "");
    case STREAM_NO_MEMORY:
        return run_stream_fail(streams, QUOIT_E_NO_MEMORY, "", "");
    }
    abort(); /* a verdict without a case */
}

const struct quoit_result *run_stream_end(struct run_stream *streams, struct query *query,
                                          const struct quoit_result *result,
                                          enum judge_verdict *verdict_out)
{
    struct stream *stream = query->stream;

    if (!query->streams) {
        query->tokens = (struct query_tokens){ .streamed = false };
        streams->result = *result;
        streams->result.maybe_billed |= query->billed;
        *verdict_out = judge_result(result);
        return &streams->result;
    }
    query->streams = false;
    streams->result = *result;
    text_cut(&streams->answer, 0);
    if (streams->answer.room > ANSWER_KEPT_MAX) {
        text_free(&streams->answer);
    }
    bool broken_off = result->error != QUOIT_OK;
    if (stream == NULL) {
        *verdict_out = run_stream_fail(streams, QUOIT_E_NO_MEMORY, "", "");
    } else if (broken_off && stream->verdict == STREAM_GOOD && !stream->said_so) {
        *verdict_out = quoit_error_is_transient(result->error) ? JUDGE_AGAIN : JUDGE_FAILED;
    } else {
        *verdict_out = run_stream_judge(streams, stream, broken_off);
    }
    if (streams->result.error != QUOIT_OK && stream != NULL && stream->events > 0) {
        query->billed = true;
    }
    streams->result.maybe_billed |= query->billed;
    return &streams->result;
}
