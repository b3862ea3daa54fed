/*
 * answer: see answer.h. The line is written from left to right; a full text shows at its end.
 */
#include "llm/answer.h"

#include "llm/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_NS_PER_US 1000
#define ANSWER_NS_PER_MS 1000000

static void answer_append_quoted(struct text *out, const char *string)
{
    text_append_quoted(out, (struct json_span){ string, strlen(string) });
}

/* Append all but the bytes `left_out`. */
static void answer_append_without(struct text *out, struct json_span span, char left_out)
{
    while (span.size > 0) {
        const char *found = memchr(span.bytes, left_out, span.size);
        size_t run = found == NULL ? span.size : (size_t)(found - span.bytes);

        text_append(out, (struct json_span){ span.bytes, run });
        run += found != NULL;
        span.bytes += run;
        span.size -= run;
    }
}

/* Append a JSON text as one line: its lines without the CR and LF between them. */
static void answer_append_json(struct text *out, struct json_span json)
{
    while (json.size > 0) {
        const char *found = memchr(json.bytes, '\n', json.size);
        size_t run = found == NULL ? json.size : (size_t)(found - json.bytes);

        answer_append_without(out, (struct json_span){ json.bytes, run }, '\r');
        run += found != NULL;
        json.bytes += run;
        json.size -= run;
    }
}

static void answer_append_body(struct text *out, const struct answer *answer)
{
    struct json_span body = answer->body;
    struct json_defect defect;

    if (body.size == 0) {
        text_append_string(out, "\"body\":\"\"");
    } else if (!answer->body_is_coded && json_check(body, &defect)) {
        text_append_string(out, "\"body\":");
        answer_append_json(out, body);
    } else if (!answer->body_is_coded && utf8_size(body.bytes, body.size) == body.size) {
        text_append_string(out, "\"body\":");
        text_append_quoted(out, body);
    } else {
        text_append_string(out, "\"body_base64\":\"");
        text_append_base64(out, body);
        text_append_string(out, "\"");
    }
}

static void answer_append_response(struct text *out, const struct answer *answer)
{
    text_append_string(out, ",\"response\":{\"status_code\":");
    text_append_number(out, answer->status);
    text_append_string(out, ",\"request_id\":");
    answer_append_quoted(out, answer->request_id == NULL ? "" : answer->request_id);
    text_append_string(out, ",");
    answer_append_body(out, answer);
    text_append_string(out, "},\"error\":null");
}

static void answer_append_error(struct text *out, const struct answer *answer)
{
    text_append_string(out, ",\"response\":null,\"error\":{\"code\":");
    answer_append_quoted(out, answer->error_code);
    text_append_string(out, ",\"message\":");
    answer_append_quoted(out, answer->error_message);
    text_append_string(out, "}");
}

/* A length as milliseconds. Whole numbers, since printf's decimal point depends on the locale. */
static void answer_append_ms(struct text *out, const char *key, uint64_t length_ns)
{
    char decimals[8];

    text_append_string(out, key);
    if (length_ns == ANSWER_NEVER) {
        text_append_string(out, "null");
        return;
    }
    text_append_number(out, length_ns / ANSWER_NS_PER_MS);
    snprintf(decimals, sizeof(decimals), ".%03u",
             (unsigned)(length_ns % ANSWER_NS_PER_MS / ANSWER_NS_PER_US));
    text_append_string(out, decimals);
}

/* Of any number of tokens the same few numbers: how long each took is not kept. */
static void answer_append_tokens(struct text *out, const struct answer_details *details)
{
    text_append_string(out, ",\"token_events\":");
    text_append_number(out, details->token_events);
    answer_append_ms(out, ",\"first_token_ms\":", details->first_token_ns);
    answer_append_ms(out, ",\"last_token_ms\":", details->last_token_ns);
    answer_append_ms(out, ",\"token_gap_max_ms\":", details->token_gap_max_ns);
}

static void answer_append_details(struct text *out, const struct answer_details *details)
{
    text_append_string(out, ",\"quoit\":{\"line\":");
    text_append_number(out, details->line);
    text_append_string(out, ",\"attempts\":");
    text_append_number(out, details->attempts);
    answer_append_ms(out, ",\"queued_ms\":", details->queued_ns);
    answer_append_ms(out, ",\"connect_ms\":", details->connect_ns);
    answer_append_ms(out, ",\"first_byte_ms\":", details->first_byte_ns);
    answer_append_ms(out, ",\"latency_ms\":", details->latency_ns);
    text_append_string(out, details->reused ? ",\"reused\":true" : ",\"reused\":false");
    text_append_string(out, ",\"bytes_in\":");
    text_append_number(out, details->bytes_in);
    if (details->streamed) {
        answer_append_tokens(out, details);
    }
    text_append_string(out, "}");
}

bool answer_write(struct text *out, const struct answer *answer)
{
    size_t size_before = out->size;

    assert(answer->id != NULL);
    text_append_string(out, "{\"id\":");
    answer_append_quoted(out, answer->id);
    text_append_string(out, ",\"custom_id\":");
    if (answer->custom_id.size == 0) {
        text_append_string(out, "null");
    } else {
        text_append(out, answer->custom_id);
    }
    if (answer->error_code == NULL) {
        answer_append_response(out, answer);
    } else {
        assert(answer->error_message != NULL);
        answer_append_error(out, answer);
    }
    if (answer->details != NULL) {
        answer_append_details(out, answer->details);
    }
    text_append_string(out, "}\n");
    if (out->failed) {
        text_cut(out, size_before);
        return false;
    }
    return true;
}
