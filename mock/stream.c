/* stream: see stream.h. */
#include "mock/stream.h"

#include "mock/token.h"

#include <assert.h>
#include <string.h>

#define STREAM_PIECE (64u * 1024) /* of a page */

static bool stream_is_page(const struct answer_request *request)
{
    return request->question->kind == QUESTION_PAGE;
}

void stream_init(struct stream *stream, const struct answer_request *request, uint64_t body_size,
                 uint64_t cut_at)
{
    bool page = stream_is_page(request);
    uint64_t total = page ? body_size : request->plan->tokens * request->question->choices;

    *stream = (struct stream){ .total = total, .stop = UINT64_MAX };
    if (cut_at != UINT64_MAX) {
        stream->stop = cut_at == 0 ? (total + 1) / 2 : cut_at;
    }
}

static size_t stream_open_event(const struct answer_request *request, struct blob *out)
{
    return request->chunked ? answer_chunk_open(out) : 0;
}

static void stream_close_event(const struct answer_request *request, size_t opened,
                               struct blob *out)
{
    if (request->chunked) {
        answer_chunk_close(out, opened);
    }
}

/* Up to the choices of a chunk of either completion API. */
static void stream_write_chunk_begin(const struct answer_request *request, struct blob *out)
{
    bool chat = request->question->kind == QUESTION_CHAT;

    blob_text(out, chat ? "data: {\"id\":\"chatcmpl-" : "data: {\"id\":\"cmpl-");
    blob_hex(out, request->body_hash);
    blob_text(out, chat ? "\",\"object\":\"chat.completion.chunk\",\"created\":" ANSWER_CREATED
                        : "\",\"object\":\"text_completion\",\"created\":" ANSWER_CREATED);
    blob_text(out, ",\"model\":\"");
    blob_append(out, request->question->model, request->question->model_size);
    blob_text(out, "\",\"choices\":[");
}

static void stream_write_chunk_choice(const struct answer_request *request, uint64_t choice,
                                      struct blob *out)
{
    stream_write_chunk_begin(request, out);
    blob_text(out, "{\"index\":");
    blob_number(out, choice);
}

/* What comes behind the choices: the usage, null until the last chunk, if it was asked for. */
static void stream_write_chunk_end(const struct answer_request *request, struct blob *out)
{
    blob_text(out, request->question->include_usage ? "],\"usage\":null}\n\n" : "]}\n\n");
}

static void stream_write_completion_begin(const struct answer_request *request, struct blob *out)
{
    if (request->question->kind != QUESTION_CHAT) {
        return;
    }
    for (uint64_t choice = 0; choice < request->question->choices; choice++) {
        size_t opened = stream_open_event(request, out);
        stream_write_chunk_choice(request, choice, out);
        blob_text(out,
                  ",\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}");
        stream_write_chunk_end(request, out);
        stream_close_event(request, opened, out);
    }
}

static void stream_write_completion_token(const struct answer_request *request, uint64_t index,
                                          struct blob *out)
{
    bool chat = request->question->kind == QUESTION_CHAT;
    uint64_t choice = index % request->question->choices;
    struct token_source source = { request->seed, request->body_hash, choice };

    stream_write_chunk_choice(request, choice, out);
    blob_text(out, chat ? ",\"delta\":{\"content\":\"" : ",\"text\":\"");
    token_write(&source, index / request->question->choices, out);
    blob_text(out, chat ? "\"},\"finish_reason\":null}" : "\",\"finish_reason\":null}");
    stream_write_chunk_end(request, out);
}

static void stream_write_completion_end(const struct answer_request *request, struct blob *out)
{
    bool chat = request->question->kind == QUESTION_CHAT;

    for (uint64_t choice = 0; choice < request->question->choices; choice++) {
        size_t opened = stream_open_event(request, out);
        stream_write_chunk_choice(request, choice, out);
        blob_text(out, chat ? ",\"delta\":{},\"finish_reason\":\""
                            : ",\"text\":\"\",\"finish_reason\":\"");
        blob_text(out, answer_finish_reason(request));
        blob_text(out, "\"}");
        stream_write_chunk_end(request, out);
        stream_close_event(request, opened, out);
    }
    if (request->question->include_usage) {
        size_t opened = stream_open_event(request, out);
        stream_write_chunk_begin(request, out);
        blob_text(out, "],");
        answer_write_usage(request, out);
        blob_text(out, "}\n\n");
        stream_close_event(request, opened, out);
    }
    if (!plan_has(request->plan, FAULT_NO_DONE)) {
        size_t opened = stream_open_event(request, out);
        blob_text(out, "data: [DONE]\n\n");
        stream_close_event(request, opened, out);
    }
}

/* A response object, as the Responses API has it in its first and last events. */
static void stream_write_response(const struct answer_request *request, const char *event,
                                  const char *status, struct blob *out)
{
    size_t opened = stream_open_event(request, out);

    blob_print(out, "event: %s\ndata: {\"type\":\"%s\",\"response\":{\"id\":\"resp_", event, event);
    blob_hex(out, request->body_hash);
    blob_print(out,
               "\",\"object\":\"response\",\"created_at\":" ANSWER_CREATED ",\"status\":\"%s\",",
               status);
    blob_text(out, "\"model\":\"");
    blob_append(out, request->question->model, request->question->model_size);
    blob_text(out, "\",\"output\":[");
    if (strcmp(status, "in_progress") == 0) {
        blob_text(out, "],\"usage\":null");
    } else {
        blob_text(out, "{\"type\":\"message\",\"role\":\"assistant\",\"content\":"
                       "[{\"type\":\"output_text\",\"text\":\"");
        answer_write_text(request, 0, out);
        blob_text(out, "\"}]}],");
        answer_write_usage(request, out);
    }
    blob_text(out, "}}\n\n");
    stream_close_event(request, opened, out);
}

static void stream_write_message_begin(const struct answer_request *request, struct blob *out)
{
    size_t opened = stream_open_event(request, out);

    blob_text(out,
              "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_");
    blob_hex(out, request->body_hash);
    blob_text(out, "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"");
    blob_append(out, request->question->model, request->question->model_size);
    blob_print(out,
               "\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
               "\"usage\":{\"input_tokens\":%zu,\"output_tokens\":1}}}\n\n",
               request->incoming->body.size / 4 + 1);
    blob_text(out,
              "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
              "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
    stream_close_event(request, opened, out);
}

static void stream_write_message_end(const struct answer_request *request, struct blob *out)
{
    size_t opened = stream_open_event(request, out);

    blob_text(out,
              "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    blob_print(
        out,
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":"
        "{\"stop_reason\":\"%s\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":%llu}}\n\n",
        answer_finish_reason(request), (unsigned long long)request->plan->tokens);
    if (!plan_has(request->plan, FAULT_NO_DONE)) {
        blob_text(out, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
    stream_close_event(request, opened, out);
}

static void stream_write_begin(const struct answer_request *request, struct blob *out)
{
    if (request->question->kind == QUESTION_RESPONSES) {
        stream_write_response(request, "response.created", "in_progress", out);
    } else if (request->question->kind == QUESTION_MESSAGES) {
        stream_write_message_begin(request, out);
    } else {
        stream_write_completion_begin(request, out);
    }
}

static void stream_write_token(const struct answer_request *request, uint64_t index,
                               struct blob *out)
{
    struct token_source source = { request->seed, request->body_hash, 0 };
    size_t opened = stream_open_event(request, out);

    if (request->question->kind == QUESTION_RESPONSES) {
        blob_text(out, "event: response.output_text.delta\n"
                       "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,"
                       "\"content_index\":0,\"delta\":\"");
        token_write(&source, index, out);
        blob_text(out, "\"}\n\n");
    } else if (request->question->kind == QUESTION_MESSAGES) {
        blob_text(out, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
                       "\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"");
        token_write(&source, index, out);
        blob_text(out, "\"}}\n\n");
    } else {
        stream_write_completion_token(request, index, out);
    }
    stream_close_event(request, opened, out);
}

static void stream_write_end(const struct answer_request *request, struct blob *out)
{
    if (request->question->kind == QUESTION_RESPONSES) {
        if (!plan_has(request->plan, FAULT_NO_DONE)) {
            bool cut = request->plan->tokens_cut;
            stream_write_response(request, cut ? "response.incomplete" : "response.completed",
                                  cut ? "incomplete" : "completed", out);
        }
    } else if (request->question->kind == QUESTION_MESSAGES) {
        stream_write_message_end(request, out);
    } else {
        stream_write_completion_end(request, out);
    }
}

static void stream_write_error(const struct answer_request *request, struct blob *out)
{
    const char *code = request->plan->error_code;
    size_t opened = stream_open_event(request, out);

    if (request->question->kind == QUESTION_MESSAGES) {
        blob_text(out, "event: error\n");
    }
    code = *code != '\0' ? code : "server_error";
    blob_text(out, "data: {\"type\":\"error\",\"error\":{\"message\":\"the mock breaks this "
                   "stream\",\"type\":");
    blob_json(out, code, strlen(code));
    blob_text(out, ",\"param\":null,\"code\":");
    blob_json(out, code, strlen(code));
    blob_text(out, "}}\n\n");
    stream_close_event(request, opened, out);
}

static void stream_write_page(struct stream *stream, const struct answer_request *request,
                              struct blob *out)
{
    uint64_t end = stream->stop < stream->total ? stream->stop : stream->total;
    uint64_t left = end - stream->index;
    size_t piece = left < STREAM_PIECE ? (size_t)left : STREAM_PIECE;

    if (piece > 0) {
        size_t opened = stream_open_event(request, out);
        answer_write_page(request->body_hash, stream->index, piece, out);
        stream_close_event(request, opened, out);
    }
    stream->index += piece;
    stream->done = stream->index == end;
}

static void stream_write_event(struct stream *stream, const struct answer_request *request,
                               struct blob *out)
{
    if (stream->index == 0) {
        stream_write_begin(request, out);
    }
    if (stream->index >= stream->stop) {
        stream->done = true;
        return;
    }
    if (plan_has(request->plan, FAULT_ERROR_EVENT) && stream->index >= stream->total / 2) {
        stream_write_error(request, out);
        stream->done = true;
        return;
    }
    if (plan_has(request->plan, FAULT_COMMENTS)) {
        size_t opened = stream_open_event(request, out);
        blob_text(out, ": thinking\n\n");
        stream_close_event(request, opened, out);
    }
    if (stream->index < stream->total) {
        stream_write_token(request, stream->index, out);
        stream->index++;
    }
    if (stream->index == stream->total) {
        if (stream->index >= stream->stop) {
            stream->done = true;
            return;
        }
        stream_write_end(request, out);
        stream->done = true;
    }
}

void stream_write_next(struct stream *stream, const struct answer_request *request,
                       struct blob *out)
{
    assert(!stream->done);
    if (stream_is_page(request)) {
        stream_write_page(stream, request, out);
    } else {
        stream_write_event(stream, request, out);
    }
    if (stream->done && request->chunked && stream->stop > stream->total) {
        blob_text(out, "0\r\n\r\n");
    }
}
