/*
 * body: fields and members become the head, a prompt becomes what follows it.
 */
#include "llm/body.h"

#include "llm/json.h"
#include "llm/member.h"
#include "llm/number.h"
#include "llm/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct json_span body_span(const char *string)
{
    return (struct json_span){ string, strlen(string) };
}

static void body_append_quoted(struct text *out, const char *string)
{
    text_append_quoted(out, body_span(string));
}

/* --- What may be sent --- */

static bool body_is_utf8(const char *string)
{
    return string == NULL || utf8_size(string, strlen(string)) == strlen(string);
}

static bool body_is_zero(const uint64_t *reserved, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (reserved[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Put `members` into braces, into scratch, and see whether that is an object. */
static enum quoit_error body_check_members(struct body *body, const char *members)
{
    struct json_defect defect;

    text_reset(&body->scratch);
    text_append_string(&body->scratch, "{");
    text_append_string(&body->scratch, members == NULL ? "" : members);
    text_append_string(&body->scratch, "}");
    if (body->scratch.failed) {
        return QUOIT_E_NO_MEMORY;
    }
    struct json_span object = { body->scratch.bytes, body->scratch.size };
    return json_check(object, &defect) ? QUOIT_OK : QUOIT_E_ARGUMENT;
}

static bool body_has_members(const char *members)
{
    return members != NULL && members[strspn(members, " \t\r\n")] != '\0';
}

static enum quoit_error
body_check_message(struct body *body, const struct quoit_llm_message *message, const char **why_out)
{
    if (message->role == NULL) {
        *why_out = "a message has no role";
        return QUOIT_E_ARGUMENT;
    }
    if (!body_is_utf8(message->role) || !body_is_utf8(message->content)) {
        *why_out = "a message is not UTF-8";
        return QUOIT_E_ARGUMENT;
    }
    if (!body_is_zero(message->reserved, COUNT_OF(message->reserved))) {
        *why_out = "reserved is not zero";
        return QUOIT_E_ARGUMENT;
    }
    *why_out = "a message's members are no JSON members";
    return body_check_members(body, message->members);
}

enum quoit_error body_check(struct body *body, const struct quoit_llm_prompt *prompt,
                            const char **why_out)
{
    const char *why = NULL;

    if ((prompt->text == NULL) == (prompt->messages_count == 0)) {
        why = "the prompt needs either text or messages";
    } else if (prompt->messages_count != 0 && body->endpoint != QUOIT_LLM_CHAT) {
        why = "the endpoint takes text, no messages";
    } else if (!body_is_utf8(prompt->text)) {
        why = "the prompt is not UTF-8";
    } else if (!body_is_zero(prompt->reserved, COUNT_OF(prompt->reserved))) {
        why = "reserved is not zero";
    }
    if (why != NULL) {
        *why_out = why;
        return QUOIT_E_ARGUMENT;
    }
    for (size_t i = 0; i < prompt->messages_count; i++) {
        enum quoit_error error = body_check_message(body, &prompt->messages[i], why_out);
        if (error != QUOIT_OK) {
            return error;
        }
    }
    return QUOIT_OK;
}

bool body_takes(const struct body *body, size_t prompts_count)
{
    return prompts_count == 1 || (prompts_count > 1 && body->endpoint != QUOIT_LLM_CHAT);
}

/* --- The head --- */

/* The member that holds the prompt. */
static const char *body_prompt_name(enum quoit_llm_endpoint endpoint)
{
    switch (endpoint) {
    case QUOIT_LLM_CHAT:
        return "messages";
    case QUOIT_LLM_COMPLETIONS:
        return "prompt";
    case QUOIT_LLM_EMBEDDINGS:
        return "input";
    }
    return NULL; /* a caller may hand us any integer */
}

/* The members that the caller wrote; in scratch, within braces. */
static struct json_span body_members(const struct body *body)
{
    return (struct json_span){ body->scratch.bytes, body->scratch.size };
}

/* Append the name of a member and its colon, unless the caller wrote that one. */
static bool body_begin_member(struct body *body, const char *name)
{
    struct json_member member;

    if (member_find(body_members(body), name, &member)) {
        return false;
    }
    body_append_quoted(&body->head, name);
    text_append_string(&body->head, ":");
    return true;
}

static void body_append_string(struct body *body, const char *name, const char *value)
{
    if (value != NULL && body_begin_member(body, name)) {
        body_append_quoted(&body->head, value);
        text_append_string(&body->head, ",");
    }
}

static void body_append_count(struct body *body, const char *name, uint64_t value)
{
    if (value != 0 && body_begin_member(body, name)) {
        text_append_number(&body->head, value);
        text_append_string(&body->head, ",");
    }
}

static void body_append_share(struct body *body, const char *name, double value)
{
    bool zero = value < 0; /* QUOIT_LLM_ZERO */

    if ((zero || value > 0) && body_begin_member(body, name)) {
        number_append(&body->head, zero ? 0 : value);
        text_append_string(&body->head, ",");
    }
}

static void body_append_json(struct body *body, const char *name, const char *value)
{
    if (body_begin_member(body, name)) {
        text_append_string(&body->head, value);
        text_append_string(&body->head, ",");
    }
}

static void body_write_head(struct body *body, const struct quoit_llm_parameters *parameters)
{
    struct text *head = &body->head;

    text_append_string(head, "{");
    body_append_string(body, "model", parameters->model);
    body_append_count(body, "max_tokens", parameters->max_tokens);
    body_append_count(body, "max_completion_tokens", parameters->max_completion_tokens);
    body_append_share(body, "temperature", parameters->temperature);
    body_append_share(body, "top_p", parameters->top_p);
    body_append_count(body, "seed", parameters->seed);
    body_append_string(body, "stop", parameters->stop);
    if (parameters->stream) {
        body_append_json(body, "stream", "true");
        body_append_json(body, "stream_options", "{\"include_usage\":true}");
    }
    if (body_has_members(parameters->members)) {
        text_append_string(head, parameters->members);
        text_append_string(head, ",");
    }
    body_append_quoted(head, body_prompt_name(body->endpoint));
    text_append_string(head, ":");
    if (body->endpoint == QUOIT_LLM_CHAT) {
        text_append_string(head, "[");
    }
    if (parameters->system != NULL) {
        text_append_string(head, "{\"role\":\"system\",\"content\":");
        body_append_quoted(head, parameters->system);
        text_append_string(head, "},");
    }
}

static bool body_is_share(double value)
{
    return isfinite(value) && (value >= 0 || value == QUOIT_LLM_ZERO);
}

/* Are the fields such that they can be sent? Members are looked at apart. */
static bool body_fields_are_good(const struct quoit_llm_parameters *parameters)
{
    bool chat = parameters->endpoint == QUOIT_LLM_CHAT;

    return body_prompt_name(parameters->endpoint) != NULL && body_is_utf8(parameters->model) &&
           body_is_utf8(parameters->system) && body_is_utf8(parameters->stop) &&
           body_is_share(parameters->temperature) && body_is_share(parameters->top_p) &&
           (chat || parameters->system == NULL) &&
           !(parameters->stream && parameters->endpoint == QUOIT_LLM_EMBEDDINGS) &&
           body_is_zero(parameters->reserved, COUNT_OF(parameters->reserved));
}

enum quoit_error body_init(struct body *body, const struct quoit_llm_parameters *parameters)
{
    struct json_member member;

    if (!body_fields_are_good(parameters)) {
        return QUOIT_E_ARGUMENT;
    }
    *body = (struct body){ .endpoint = parameters->endpoint };
    text_init(&body->head, 0);
    text_init(&body->scratch, 0);
    enum quoit_error error = body_check_members(body, parameters->members);
    if (error == QUOIT_OK &&
        member_find(body_members(body), body_prompt_name(body->endpoint), &member)) {
        error = QUOIT_E_ARGUMENT; /* the prompt would be there twice */
    }
    if (error == QUOIT_OK) {
        body->stream = parameters->stream;
        if (member_find(body_members(body), "stream", &member)) {
            body->stream = member.kind == JSON_TRUE;
        }
        body_write_head(body, parameters);
        error = body->head.failed ? QUOIT_E_NO_MEMORY : QUOIT_OK;
    }
    if (error != QUOIT_OK) {
        body_free(body);
    }
    return error;
}

void body_free(struct body *body)
{
    text_free(&body->head);
    text_free(&body->scratch);
}

/* --- Prompts --- */

static void body_write_message(const struct quoit_llm_message *message, struct text *out)
{
    text_append_string(out, "{\"role\":");
    body_append_quoted(out, message->role);
    if (message->content != NULL) {
        text_append_string(out, ",\"content\":");
        body_append_quoted(out, message->content);
    }
    if (body_has_members(message->members)) {
        text_append_string(out, ",");
        text_append_string(out, message->members);
    }
    text_append_string(out, "}");
}

static void body_write_chat(const struct quoit_llm_prompt *prompt, struct text *out)
{
    const struct quoit_llm_message user = { .role = "user", .content = prompt->text };

    if (prompt->text != NULL) {
        body_write_message(&user, out);
    }
    for (size_t i = 0; i < prompt->messages_count; i++) {
        text_append_string(out, i == 0 ? "" : ",");
        body_write_message(&prompt->messages[i], out);
    }
    text_append_string(out, "]");
}

static void body_write_texts(const struct quoit_llm_prompt *prompts, size_t count, struct text *out)
{
    text_append_string(out, count > 1 ? "[" : "");
    for (size_t i = 0; i < count; i++) {
        text_append_string(out, i == 0 ? "" : ",");
        body_append_quoted(out, prompts[i].text);
    }
    text_append_string(out, count > 1 ? "]" : "");
}

void body_write(const struct body *body, const struct quoit_llm_prompt *prompts,
                size_t prompts_count, struct text *out)
{
    assert(body_takes(body, prompts_count));
    text_append(out, (struct json_span){ body->head.bytes, body->head.size });
    if (body->endpoint == QUOIT_LLM_CHAT) {
        body_write_chat(prompts, out);
    } else {
        body_write_texts(prompts, prompts_count, out);
    }
    text_append_string(out, "}");
}

/* --- quoit_llm.h --- */

/* Check the prompts and write all of it to `out`. */
static enum quoit_error body_write_checked(struct body *body,
                                           const struct quoit_llm_prompt *prompts, size_t count,
                                           struct text *out)
{
    const char *why;

    if (!body_takes(body, count)) {
        return QUOIT_E_ARGUMENT;
    }
    for (size_t i = 0; i < count; i++) {
        enum quoit_error error = body_check(body, &prompts[i], &why);
        if (error != QUOIT_OK) {
            return error;
        }
    }
    body_write(body, prompts, count, out);
    return out->failed ? QUOIT_E_NO_MEMORY : QUOIT_OK;
}

enum quoit_error quoit_llm_body_create(const struct quoit_llm_parameters *parameters,
                                       const struct quoit_llm_prompt *prompts, size_t prompts_count,
                                       char **body_out)
{
    struct body body;
    struct text text;
    enum quoit_error error = body_init(&body, parameters);

    if (error != QUOIT_OK) {
        return error;
    }
    text_init(&text, 0);
    error = body_write_checked(&body, prompts, prompts_count, &text);
    body_free(&body);
    if (error == QUOIT_OK) {
        *body_out = text.bytes;
    } else {
        text_free(&text);
    }
    return error;
}
