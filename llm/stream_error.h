/*
 * stream_error: what a server says in place of the rest of a stream, after HTTP has said 200.
 *
 *     {"error":{"type":"overloaded_error","message":"Overloaded"}}    Anthropic, OpenAI, vLLM, ...
 *     {"type":"error","code":"server_error","message":"..."}          Responses
 *     {"response":{"error":{"code":"...","message":"..."}}}           Responses: response.failed
 *
 * It is judged by its type and code as the status would be that it stands for.
 */
#ifndef QUOIT_LLM_STREAM_ERROR_H
#define QUOIT_LLM_STREAM_ERROR_H

#include "llm/json.h"

#define STREAM_ERROR_TEXT_SIZE 256

enum stream_error_kind {
    STREAM_ERROR_TRANSIENT, /* a rate limit, an overload, a fault of the server: worth sending */
                            /* again */
    STREAM_ERROR_QUOTA,     /* insufficient_quota: no money left */
    STREAM_ERROR_FINAL,     /* the same request would fail again, or nobody knows */
};

struct stream_error {
    enum stream_error_kind kind;
    /* For people: "overloaded_error: Overloaded". One line of UTF-8, without control characters. */
    char text[STREAM_ERROR_TEXT_SIZE];
};

/* Read the error that `value` is, which is any value of a checked text. */
void stream_error_read(struct stream_error *error, struct json_span value);

#endif
