/*
 * stream_error: see stream_error.h.
 */
#include "llm/stream_error.h"

#include "llm/json_string.h"
#include "llm/member.h"
#include "llm/utf8.h"
#include "llm/walk.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SAID_MAX 4096 /* bytes of a string that are looked at */

/* Types and codes of OpenAI, Azure, Anthropic and vLLM that another attempt may survive. */
static const char *const stream_error_transient[] = {
    "rate_limit_error",
    "rate_limit_exceeded",
    "requests",
    "tokens",
    "overloaded_error",
    "engine_overloaded",
    "api_error",
    "server_error",
    "internal_error",
    "internal_server_error",
    "InternalServerError",
    "timeout",
    "timeout_error",
    "service_unavailable",
    "ServiceUnavailableError",
    "server_overloaded",
};

static enum stream_error_kind stream_error_of_string(struct json_span string)
{
    if (json_string_is(string, "insufficient_quota")) {
        return STREAM_ERROR_QUOTA;
    }
    for (size_t i = 0; i < sizeof(stream_error_transient) / sizeof(stream_error_transient[0]);
         i++) {
        if (json_string_is(string, stream_error_transient[i])) {
            return STREAM_ERROR_TRANSIENT;
        }
    }
    return STREAM_ERROR_FINAL;
}

/* vLLM writes the status that it would have been. */
static enum stream_error_kind stream_error_of_number(struct json_span number)
{
    uint64_t status = 0;

    if (member_count(number, &status) &&
        (status == 408 || status == 409 || status == 429 || (status >= 500 && status < 600))) {
        return STREAM_ERROR_TRANSIENT;
    }
    return STREAM_ERROR_FINAL;
}

static enum stream_error_kind stream_error_judge(struct json_span value)
{
    static const char *const names[] = { "type", "code" };
    enum stream_error_kind kind = STREAM_ERROR_FINAL;
    struct walk_item said;

    for (size_t i = 0; i < 2; i++) {
        enum stream_error_kind one = STREAM_ERROR_FINAL;
        if (!walk_find(value, names[i], &said)) {
            continue;
        }
        if (said.kind == JSON_STRING) {
            one = stream_error_of_string(said.value);
        } else if (said.kind == JSON_NUMBER) {
            one = stream_error_of_number(said.value);
        }
        if (one == STREAM_ERROR_QUOTA) {
            return STREAM_ERROR_QUOTA;
        }
        kind = one == STREAM_ERROR_TRANSIENT ? one : kind;
    }
    return kind;
}

/* Append bytes as far as there is room, without half a character, and nothing that moves a cursor.
 */
static void stream_error_append(struct stream_error *error, const char *bytes, size_t size)
{
    size_t used = strlen(error->text);
    size_t room = sizeof(error->text) - 1 - used;

    size = size < room ? size : room;
    size = utf8_size(bytes, size);
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        error->text[used + i] = byte < 0x20 || byte == 0x7f ? ' ' : bytes[i];
    }
    error->text[used + size] = '\0';
}

/* What a string says, behind what is there. */
static void stream_error_say(struct stream_error *error, struct json_span string)
{
    char decoded[SAID_MAX];
    bool lone = false;

    if (string.size <= 2 || string.size > sizeof(decoded)) {
        return;
    }
    if (error->text[0] != '\0') {
        stream_error_append(error, ": ", 2);
    }
    stream_error_append(error, decoded, json_string_decode(string, decoded, &lone));
}

void stream_error_read(struct stream_error *error, struct json_span value)
{
    static const char *const names[] = { "type", "code", "message" };
    struct walk_item said;

    *error = (struct stream_error){ .kind = stream_error_judge(value) };
    if (json_kind_of(value) == JSON_STRING) {
        error->kind = stream_error_of_string(value);
        stream_error_say(error, value);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (walk_find(value, names[i], &said) && said.kind == JSON_STRING) {
            stream_error_say(error, said.value);
        }
    }
}
