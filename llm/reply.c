/*
 * reply: which shape it is, and who tells of what in it.
 *
 *     has "error"                               an error; also {"object":"error","message":...}
 *     has "choices"                             chat, completions, and their chunks
 *     has "data"                                embeddings
 *     has "output", or "response"               Responses, and the events that hold all of one
 *     "type":"response.output_text.delta"       an event of Responses
 *     "type":"message", or has "message"        Anthropic, and its first event
 *     "type":"content_block_delta", ...         Anthropic's other events
 */
#include "llm/reply.h"

#include "llm/json_string.h"
#include "llm/member.h"
#include "llm/usage.h"
#include "llm/walk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum reply_name {
    REPLY_TYPE,
    REPLY_OBJECT,
    REPLY_ERROR,
    REPLY_CODE,
    REPLY_DETAIL,
    REPLY_CHOICES,
    REPLY_DATA,
    REPLY_OUTPUT,
    REPLY_RESPONSE,
    REPLY_STATUS,
    REPLY_INCOMPLETE,
    REPLY_DELTA,
    REPLY_MESSAGE,
    REPLY_CONTENT,
    REPLY_STOP,
    REPLY_USAGE,
    REPLY_NAMES,
};

static const char *const reply_names[REPLY_NAMES] = {
    [REPLY_TYPE] = "type",         [REPLY_OBJECT] = "object",
    [REPLY_ERROR] = "error",       [REPLY_CODE] = "code",
    [REPLY_DETAIL] = "detail",     [REPLY_CHOICES] = "choices",
    [REPLY_DATA] = "data",         [REPLY_OUTPUT] = "output",
    [REPLY_RESPONSE] = "response", [REPLY_STATUS] = "status",
    [REPLY_DELTA] = "delta",       [REPLY_INCOMPLETE] = "incomplete_details",
    [REPLY_MESSAGE] = "message",   [REPLY_CONTENT] = "content",
    [REPLY_STOP] = "stop_reason",  [REPLY_USAGE] = "usage",
};

/* A reply while it is read: what it says, and its members by enum reply_name. */
struct reply_reader {
    struct quoit_llm_reply *reply;
    struct reply_store *store;
    struct json_member members[REPLY_NAMES];
};

static bool reply_is(const struct json_member *member, const char *text)
{
    return member->kind == JSON_STRING && json_string_is(member->value, text);
}

/* Does the string begin so? For types like "response.completed". */
static bool reply_begins(const struct json_member *member, const char *text)
{
    return member->kind == JSON_STRING && member->value.size > strlen(text) + 2 &&
           memcmp(member->value.bytes + 1, text, strlen(text)) == 0;
}

static const char *reply_string(struct reply_reader *reader, const struct json_member *member)
{
    return reply_take_string(reader->store, member->value).bytes;
}

/* --- Errors --- */

/* A code may be a number. */
static const char *reply_code(struct reply_reader *reader, const struct json_member *member)
{
    struct text *text = &reader->store->text;
    char *code = text->bytes + text->size;

    if (member->kind != JSON_NUMBER) {
        return reply_string(reader, member);
    }
    text_append(text, member->value);
    text_append(text, (struct json_span){ "", 1 }); /* the NUL */
    return code;
}

static void reply_read_error(struct reply_reader *reader, const struct json_member *type,
                             const struct json_member *code, const struct json_member *message)
{
    reader->reply->failed = true;
    reader->reply->error_type = reply_string(reader, type);
    reader->reply->error_code = reply_code(reader, code);
    reader->reply->error_message = reply_string(reader, message);
}

/* An error as an object, or as a string that is the message. */
static void reply_read_error_member(struct reply_reader *reader, const struct json_member *error)
{
    enum { TYPE, CODE, MESSAGE, COUNT };
    static const char *const names[COUNT] = { "type", "code", "message" };
    struct json_member members[COUNT];

    if (!member_find_each(error->value, names, COUNT, members)) {
        members[TYPE] = members[CODE] = (struct json_member){ .value = { "", 0 } };
        members[MESSAGE] = *error;
    }
    reply_read_error(reader, &members[TYPE], &members[CODE], &members[MESSAGE]);
}

static bool reply_is_given(const struct json_member *member)
{
    return member->kind != JSON_NOTHING && member->kind != JSON_NULL;
}

/* Is the object itself the error? So are vLLM's older ones and the event of Responses. */
static bool reply_is_error(const struct json_member *members)
{
    return reply_is(&members[REPLY_OBJECT], "error") || reply_is(&members[REPLY_TYPE], "error");
}

/* --- OpenAI's Responses --- */

static struct quoit_span reply_output_text(struct reply_reader *reader, struct json_span output)
{
    struct json_span content;
    struct walk_item item;
    struct walk walk;
    size_t begun = reply_begin_texts(reader->store);

    walk_begin(&walk, output);
    while (walk_next(&walk, &item)) {
        if (member_find_kind(item.value, "content", JSON_ARRAY, &content)) {
            reply_add_texts(reader->store, content);
        }
    }
    return reply_end_texts(reader->store, begun);
}

/* Why it is incomplete, or its status: "completed". */
static const char *reply_response_finish(struct reply_reader *reader,
                                         const struct json_member *members)
{
    struct json_member reason;

    if (member_find(members[REPLY_INCOMPLETE].value, "reason", &reason) &&
        reason.kind == JSON_STRING) {
        return reply_string(reader, &reason);
    }
    return reply_string(reader, &members[REPLY_STATUS]);
}

/* A response object, which is the whole reply or the last event's. */
static void reply_read_response(struct reply_reader *reader, const struct json_member *members,
                                bool whole)
{
    if (members[REPLY_ERROR].kind == JSON_OBJECT) {
        reply_read_error_member(reader, &members[REPLY_ERROR]);
        return;
    }
    struct quoit_llm_choice *choice = reply_add_choice(reader->store, 0);

    if (choice != NULL) {
        choice->finish_reason = reply_response_finish(reader, members);
        if (whole && members[REPLY_OUTPUT].kind == JSON_ARRAY) {
            choice->content = reply_output_text(reader, members[REPLY_OUTPUT].value);
        }
    }
}

static void reply_read_response_event(struct reply_reader *reader)
{
    const struct json_member *type = &reader->members[REPLY_TYPE];
    const struct json_member *response = &reader->members[REPLY_RESPONSE];
    struct json_member members[REPLY_NAMES];

    if (reply_is(type, "response.output_text.delta")) {
        struct quoit_llm_choice *choice = reply_add_choice(reader->store, 0);
        if (choice != NULL) {
            choice->content = reply_take_string(reader->store, reader->members[REPLY_DELTA].value);
        }
        return;
    }
    bool failed = reply_is(type, "response.failed");
    reader->reply->done =
        failed || reply_is(type, "response.completed") || reply_is(type, "response.incomplete");
    if (reader->reply->done &&
        member_find_each(response->value, reply_names, REPLY_NAMES, members)) {
        reply_read_response(reader, members, false);
    }
    reader->reply->failed = reader->reply->failed || failed;
}

/* --- Anthropic's messages --- */

static void reply_read_message(struct reply_reader *reader)
{
    struct quoit_llm_choice *choice = reply_add_choice(reader->store, 0);
    size_t begun = reply_begin_texts(reader->store);

    if (choice != NULL) {
        reply_add_texts(reader->store, reader->members[REPLY_CONTENT].value);
        choice->content = reply_end_texts(reader->store, begun);
        choice->finish_reason = reply_string(reader, &reader->members[REPLY_STOP]);
    }
}

/* content_block_delta and message_delta: what they add stands in "delta". */
static void reply_read_message_delta(struct reply_reader *reader)
{
    enum { TEXT, STOP, COUNT };
    static const char *const names[COUNT] = { "text", "stop_reason" };
    struct json_member members[COUNT];
    struct quoit_llm_choice *choice = reply_add_choice(reader->store, 0);

    if (choice != NULL &&
        member_find_each(reader->members[REPLY_DELTA].value, names, COUNT, members)) {
        choice->content = reply_take_string(reader->store, members[TEXT].value);
        choice->finish_reason = reply_string(reader, &members[STOP]);
    }
}

/* --- All of them --- */

/* The usage of the reply, or of the object in it. */
static void reply_read_usage(struct reply_reader *reader, struct json_span text)
{
    const struct json_member *inner[] = { &reader->members[REPLY_RESPONSE],
                                          &reader->members[REPLY_MESSAGE] };
    struct usage usage = { 0, 0 };
    bool said = reader->members[REPLY_USAGE].kind == JSON_OBJECT && usage_read(text, &usage);

    for (size_t i = 0; !said && i < 2; i++) {
        said = inner[i]->kind == JSON_OBJECT && usage_read(inner[i]->value, &usage);
    }
    reader->reply->tokens_in = usage.tokens_in;
    reader->reply->tokens_out = usage.tokens_out;
}

static void reply_read_shape(struct reply_reader *reader)
{
    const struct json_member *members = reader->members;

    if (reply_is_error(members) && !reply_is_given(&members[REPLY_ERROR])) {
        reply_read_error(reader, &members[REPLY_TYPE], &members[REPLY_CODE],
                         &members[REPLY_MESSAGE]);
    } else if (members[REPLY_OUTPUT].kind == JSON_ARRAY) {
        reply_read_response(reader, members, true);
    } else if (reply_is_given(&members[REPLY_ERROR])) {
        reply_read_error_member(reader, &members[REPLY_ERROR]);
    } else if (members[REPLY_CHOICES].kind == JSON_ARRAY) {
        reply_read_choices(reader->store, members[REPLY_CHOICES].value);
    } else if (members[REPLY_DATA].kind == JSON_ARRAY) {
        reply_read_embeddings(reader->store, members[REPLY_DATA].value);
    } else if (reply_begins(&members[REPLY_TYPE], "response.")) {
        reply_read_response_event(reader);
    } else if (reply_is(&members[REPLY_TYPE], "message")) {
        reply_read_message(reader);
    } else if (reply_is(&members[REPLY_TYPE], "content_block_delta") ||
               reply_is(&members[REPLY_TYPE], "message_delta")) {
        reply_read_message_delta(reader);
    } else if (reply_is(&members[REPLY_TYPE], "message_stop")) {
        reader->reply->done = true;
    } else if (members[REPLY_DETAIL].kind == JSON_STRING) {
        reply_read_error_member(reader, &members[REPLY_DETAIL]);
    }
}

/* Ready for the next reply, with its memory kept. */
static void reply_store_reset(struct reply_store *store)
{
    text_reset(&store->text);
    store->choices_count = 0;
    store->numbers_count = 0;
    store->failed = false;
}

static void reply_clear(struct quoit_llm_reply *reply, struct reply_store *store)
{
    *reply = (struct quoit_llm_reply){
        .error_type = "",
        .error_code = "",
        .error_message = "",
        .storage = store,
    };
}

static bool reply_is_done_mark(struct json_span bytes)
{
    return bytes.size >= strlen("[DONE]") && memcmp(bytes.bytes, "[DONE]", strlen("[DONE]")) == 0;
}

/* Read into a reply and a store that are nobody else's yet. */
static enum quoit_error reply_read(struct quoit_llm_reply *reply, struct reply_store *store,
                                   struct json_span text)
{
    struct reply_reader reader = { .reply = reply, .store = store };

    if (!text_reserve(&store->text, text.size + 1)) {
        return QUOIT_E_NO_MEMORY;
    }
    if (reply_is_done_mark(text)) {
        reply->done = true;
        return QUOIT_OK;
    }
    if (!member_find_each(text, reply_names, REPLY_NAMES, reader.members)) {
        return QUOIT_E_ARGUMENT;
    }
    reply_read_usage(&reader, text);
    reply_read_shape(&reader);
    if (store->failed || store->text.failed) {
        return QUOIT_E_NO_MEMORY;
    }
    reply->choices = store->choices;
    reply->choices_count = store->choices_count;
    return QUOIT_OK;
}

/* --- quoit_llm.h --- */

enum quoit_error quoit_llm_reply_read(struct quoit_llm_reply *reply, struct quoit_span bytes)
{
    struct reply_store *store = reply->storage;

    if (store == NULL) {
        store = calloc(1, sizeof(*store));
        if (store == NULL) {
            return QUOIT_E_NO_MEMORY;
        }
        text_init(&store->text, 0);
    }
    reply_store_reset(store);
    reply_clear(reply, store);
    enum quoit_error error =
        reply_read(reply, store, (struct json_span){ bytes.bytes, bytes.size });
    if (error != QUOIT_OK) {
        reply_clear(reply, store);
    }
    return error;
}

void quoit_llm_reply_free(struct quoit_llm_reply *reply)
{
    struct reply_store *store = reply->storage;

    if (store != NULL) {
        text_free(&store->text);
        free(store->choices);
        free(store->numbers);
        free(store);
    }
    *reply = (struct quoit_llm_reply){ 0 };
}
