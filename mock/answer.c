/* answer: see answer.h. The bodies are in answer_body.c. */
#include "mock/answer.h"

#include "mock/answer_body.h"
#include "mock/text.h"

#include <assert.h>
#include <string.h>

#define ANSWER_CHUNK_DIGITS 8
#define ANSWER_CHUNK_SIZE (16u * 1024)

static const char *answer_reason(uint16_t status)
{
    static const struct {
        uint16_t status;
        const char *reason;
    } reasons[] = {
        { 100, "Continue" },
        { 101, "Switching Protocols" },
        { 102, "Processing" },
        { 103, "Early Hints" },
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 413, "Content Too Large" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Unnamed";
}

static void answer_write_status(uint16_t status, bool http10, struct blob *out)
{
    blob_text(out, http10 ? "HTTP/1.0 " : "HTTP/1.1 ");
    blob_number(out, status);
    blob_text(out, " ");
    blob_text(out, answer_reason(status));
    blob_text(out, "\r\n");
}

static bool answer_has_body(uint16_t status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void answer_write_interim(const struct plan *plan, struct blob *out)
{
    if (!plan_has(plan, FAULT_INFORMATIONAL)) {
        return;
    }
    for (uint64_t i = 0; i < plan->arguments[FAULT_INFORMATIONAL][0]; i++) {
        answer_write_status(i % 2 == 0 ? 102 : 103, false, out);
        blob_text(out, "x-mock-interim: ");
        blob_number(out, i + 1);
        blob_text(out, "\r\n\r\n");
    }
}

/* What a client is told to wait: the option's text, or else the bucket's truth. */
static void answer_write_retry_after(const struct answer_request *request, struct blob *out)
{
    uint16_t status = request->limited != NULL ? 429 : request->plan->status;
    const char *text = request->behaviour->retry_after;

    if (status != 408 && status != 409 && status != 429 && status < 500) {
        return;
    }
    if (*text != '\0') {
        blob_print(out, "Retry-After: %s\r\n", text);
    } else if (request->limited != NULL) {
        blob_text(out, "retry-after-ms: ");
        blob_number(out, (request->limited_ns + NS_PER_MS - 1) / NS_PER_MS);
        blob_text(out, "\r\nRetry-After: ");
        blob_number(out, (request->limited_ns + NS_PER_S - 1) / NS_PER_S);
        blob_text(out, "\r\n");
    }
}

/* The headers that say whose answer it is. */
static void answer_write_identity(const struct answer_request *request, struct blob *out)
{
    blob_text(out, "x-request-id: req_");
    blob_hex(out, request->body_hash);
    blob_text(out, "_");
    blob_number(out, request->execution);
    blob_text(out, "\r\n");
    if (request->key != NULL) {
        blob_print(out, "x-mock-key: %s\r\n", request->key);
    }
}

static void answer_write_framing(const struct answer_request *request, uint64_t body_size,
                                 struct blob *out)
{
    if (!answer_has_body(request->plan->status) && request->limited == NULL) {
        return;
    }
    if (request->chunked) {
        blob_text(out, "Transfer-Encoding: chunked\r\n");
    } else if (!request->unframed) {
        blob_text(out, "Content-Length: ");
        blob_number(out, body_size);
        blob_text(out, "\r\n");
    }
}

static void answer_write_head(const struct answer_request *request, const char *content_type,
                              uint64_t body_size, struct blob *out)
{
    const struct behaviour *behaviour = request->behaviour;
    uint16_t status = request->limited != NULL ? 429 : request->plan->status;

    answer_write_status(status, plan_has(request->plan, FAULT_HTTP10), out);
    if (*behaviour->content_type != '\0') {
        content_type = behaviour->content_type;
    }
    blob_text(out, "Content-Type: ");
    blob_text(out, content_type);
    blob_text(out, "\r\n");
    answer_write_framing(request, body_size, out);
    answer_write_identity(request, out);
    if (question_is_metered(request->question)) {
        quota_write_headers(request->requests, "requests", out);
        quota_write_headers(request->tokens, "tokens", out);
    }
    answer_write_retry_after(request, out);
    if (request->closes) {
        blob_text(out, "Connection: close\r\n");
    } else if (request->hint != NULL) {
        blob_print(out, "Keep-Alive: %s\r\n", request->hint);
    }
    blob_text(out, behaviour->headers);
    blob_text(out, "\r\n");
}

static bool answer_is_good(const struct answer_request *request)
{
    uint16_t status = request->plan->status;
    return request->limited == NULL && status >= 200 && status < 300 && answer_has_body(status);
}

static uint64_t answer_page_size(const struct answer_request *request)
{
    return request->question->kind == QUESTION_PAGE && request->behaviour->body_size != SIZE_MAX
               ? request->behaviour->body_size
               : 0;
}

bool answer_is_streamed(const struct answer_request *request)
{
    if (!answer_is_good(request)) {
        return false;
    }
    switch (request->question->kind) {
    case QUESTION_CHAT:
    case QUESTION_COMPLETION:
    case QUESTION_RESPONSES:
    case QUESTION_MESSAGES:
        return request->question->stream;
    case QUESTION_PAGE:
        return answer_page_size(request) > ANSWER_PAGE_MAX;
    case QUESTION_EMBEDDING:
    case QUESTION_MODELS:
    case QUESTION_LEDGER:
    case QUESTION_LEDGER_RESET:
    case QUESTION_SETTINGS:
    case QUESTION_STALL:
    case QUESTION_ECHO:
    case QUESTION_RAW:
    case QUESTION_MISSING:
        return false;
    }
    return false;
}

size_t answer_chunk_open(struct blob *out)
{
    size_t opened = out->size;
    blob_text(out, "00000000\r\n");
    return opened;
}

void answer_chunk_close(struct blob *out, size_t opened)
{
    static const char digits[] = "0123456789abcdef";
    size_t size = out->size - opened - ANSWER_CHUNK_DIGITS - 2;

    assert(size > 0); /* an empty chunk would end the body */
    for (size_t i = ANSWER_CHUNK_DIGITS; i > 0; i--) {
        out->bytes[opened + i - 1] = digits[size & 15];
        size >>= 4;
    }
    blob_text(out, "\r\n");
}

/* At least two chunks where there are two bytes. */
static void answer_write_chunks(const char *bytes, size_t size, struct blob *out)
{
    size_t half = (size + 1) / 2;
    size_t step = half < ANSWER_CHUNK_SIZE ? half : ANSWER_CHUNK_SIZE;

    for (size_t at = 0; at < size; at += step) {
        size_t opened = answer_chunk_open(out);
        blob_append(out, bytes + at, size - at < step ? size - at : step);
        answer_chunk_close(out, opened);
    }
    blob_text(out, "0\r\n\r\n");
}

/* The request's body is the answer, from its status line on. */
static void answer_write_raw(const struct blob *raw, struct blob *out,
                             struct answer_shape *shape_out)
{
    const char *end = memmem(raw->bytes, raw->size, "\r\n\r\n", 4);

    shape_out->head_begin = out->size;
    shape_out->body_begin = out->size + (end == NULL ? 0 : (size_t)(end - raw->bytes) + 4);
    blob_append(out, raw->bytes, raw->size);
}

static void answer_write_body(const struct answer_request *request, const struct blob *body,
                              struct blob *out)
{
    if (request->incoming->parser.method == HTTP_HEAD ||
        (!answer_has_body(request->plan->status) && request->limited == NULL)) {
        return;
    }
    if (request->chunked) {
        answer_write_chunks(body->bytes, body->size, out);
    } else {
        blob_append(out, body->bytes, body->size);
    }
}

void answer_write(const struct answer_request *request, struct blob *out,
                  struct answer_shape *shape_out)
{
    static struct blob body; /* kept for its memory: an answer is written in one go */
    const char *content_type = "application/json";

    answer_write_interim(request->plan, out);
    if (request->question->kind == QUESTION_RAW && answer_is_good(request)) {
        answer_write_raw(&request->incoming->body, out, shape_out);
        return;
    }
    shape_out->head_begin = out->size;
    if (answer_is_streamed(request)) {
        bool page = request->question->kind == QUESTION_PAGE;
        content_type = page ? "text/plain" : "text/event-stream; charset=utf-8";
        answer_write_head(request, content_type, answer_page_size(request), out);
        shape_out->body_begin = out->size;
        return;
    }
    blob_clear(&body, ANSWER_PAGE_MAX);
    if (answer_is_good(request)) {
        answer_body_write(request, &body, &content_type);
    } else {
        answer_body_write_error(request, &body);
    }
    answer_write_head(request, content_type, body.size, out);
    shape_out->body_begin = out->size;
    answer_write_body(request, &body, out);
}

void answer_write_refusal(uint16_t status, const char *reason, bool closes, struct blob *out)
{
    static struct blob body;

    blob_clear(&body, ANSWER_PAGE_MAX);
    blob_text(&body, "{\"error\":{\"message\":");
    blob_json(&body, reason, strlen(reason));
    blob_text(&body, ",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}\n");
    answer_write_status(status, false, out);
    blob_print(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n", body.size,
               closes ? "Connection: close\r\n" : "");
    blob_append(out, body.bytes, body.size);
}

void answer_write_json(const struct blob *json, bool closes, struct blob *out)
{
    answer_write_status(200, false, out);
    blob_print(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n", json->size,
               closes ? "Connection: close\r\n" : "");
    blob_append(out, json->bytes, json->size);
}

void answer_write_poison(struct blob *out)
{
    blob_text(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n"
                   "x-mock-poison: 1\r\n\r\n{\"mock\":\"poison\"}");
}

void answer_write_garbage(struct blob *out)
{
    static const char garbage[] = "\x16\x03\xff this is not HTTP \xff\xfe\r\n\r\n\x01\x02";
    blob_append(out, garbage, sizeof(garbage) - 1);
}
