/*
 * event: see event.h. The data is checked while its members are read, and what stands deeper is
 * then walked through, level by level.
 */
#include "llm/event.h"

#include "llm/event_rules.h"
#include "llm/json_string.h"
#include "llm/member.h"
#include "llm/usage.h"
#include "llm/walk.h"

#include <string.h>

#define EVENT_WORD_BITS 64

/* What is looked at in an event: in a chunk of a completion only the first ones. */
enum {
    EVENT_ERROR,
    EVENT_USAGE,
    EVENT_CHOICES,
    EVENT_CHUNK_MEMBERS,
    EVENT_TYPE = EVENT_CHUNK_MEMBERS,
    EVENT_RESPONSE,
    EVENT_MESSAGE,
    EVENT_MEMBERS,
};

static const char *const event_members[EVENT_MEMBERS] = {
    [EVENT_CHOICES] = "choices", [EVENT_USAGE] = "usage",       [EVENT_ERROR] = "error",
    [EVENT_TYPE] = "type",       [EVENT_RESPONSE] = "response", [EVENT_MESSAGE] = "message",
};

void event_reader_begin(struct event_reader *reader, enum stream_form form)
{
    *reader = (struct event_reader){ .form = form };
}

/* What fails says nothing else. */
static void event_end_failed(struct event_reader *reader)
{
    reader->failed = true;
    reader->carries = false;
    reader->has_choices = false;
}

static void event_break(struct event_reader *reader, const char *reason)
{
    event_end_failed(reader);
    reader->reason = reason;
}

static void event_fail(struct event_reader *reader, struct json_span error)
{
    event_end_failed(reader);
    stream_error_read(&reader->error, error);
}

/* `usage` is what stands under that name, or has no bytes. */
static void event_take_usage(struct event_reader *reader, struct json_span usage)
{
    struct usage said = { reader->tokens_in, USAGE_UNKNOWN };

    if (usage.size == 0) {
        return;
    }
    usage_update(&said, usage);
    reader->tokens_in = said.tokens_in;
    if (said.tokens_out != USAGE_UNKNOWN) {
        reader->tokens_out = said.tokens_out;
        reader->usage_known = true;
    }
}

/* The same where it stands in `around`. */
static void event_take_usage_in(struct event_reader *reader, struct json_span around)
{
    struct walk_item usage;

    if (walk_find(around, "usage", &usage)) {
        event_take_usage(reader, usage.value);
    }
}

/* --- Completions --- */

/* What a chunk says of one choice. */
struct event_choice {
    uint64_t index; /* as it says, else its place */
    bool finished;  /* a finish_reason that is not null */
};

static void event_note_choice(struct event_reader *reader, const struct event_choice *choice)
{
    uint64_t bit = UINT64_C(1) << (choice->index % EVENT_WORD_BITS);

    if (choice->index >= EVENT_CHOICES_MAX) {
        reader->untold = true;
        return;
    }
    reader->choices_seen[choice->index / EVENT_WORD_BITS] |= bit;
    if (choice->finished) {
        reader->choices_finished[choice->index / EVENT_WORD_BITS] |= bit;
    }
}

/* A member that is not gone into. */
static void event_feed_choice_member(struct event_reader *reader, struct event_choice *choice,
                                     const struct walk_item *member)
{
    if (json_string_is(member->key, "index")) {
        (void)!member_count(member->value, &choice->index);
    } else if (json_string_is(member->key, "finish_reason")) {
        choice->finished = member->kind != JSON_NULL;
    } else {
        reader->carries = reader->carries || event_member_carries(member);
    }
}

static void event_feed_choice(struct event_reader *reader, struct walk *members, uint64_t place)
{
    struct event_choice choice = { .index = place };
    struct walk_item item;
    struct walk delta;

    while (walk_next_begin(members, &item)) {
        if (item.kind == JSON_OBJECT && json_string_is(item.key, "delta")) {
            walk_enter(&delta, members);
            reader->carries = event_delta_carries(&delta) || reader->carries;
            walk_leave(members, &delta);
        } else {
            walk_next_end(members, &item);
            event_feed_choice_member(reader, &choice, &item);
        }
    }
    event_note_choice(reader, &choice);
}

static void event_feed_choices(struct event_reader *reader, struct json_span choices)
{
    struct walk walk, members;
    struct walk_item item;

    walk_begin(&walk, choices);
    for (uint64_t place = 0; walk_next_begin(&walk, &item); place++) {
        if (item.kind != JSON_OBJECT) {
            event_break(reader, "a choice is no object");
            return;
        }
        reader->has_choices = true;
        walk_enter(&members, &walk);
        event_feed_choice(reader, &members, place);
        walk_leave(&walk, &members);
    }
}

static void event_feed_chunk(struct event_reader *reader, const struct json_member *members)
{
    reader->begun = true;
    event_take_usage(reader, members[EVENT_USAGE].value);
    if (members[EVENT_CHOICES].kind == JSON_ARRAY) {
        event_feed_choices(reader, members[EVENT_CHOICES].value);
    }
}

/* Has each choice that was seen a finish_reason, and is there one? */
static bool event_choices_are_finished(const struct event_reader *reader)
{
    bool some = false;

    for (size_t i = 0; i < EVENT_CHOICES_MAX / EVENT_WORD_BITS; i++) {
        if (reader->choices_seen[i] != reader->choices_finished[i]) {
            return false;
        }
        some = some || reader->choices_seen[i] != 0;
    }
    return some && !reader->untold;
}

/* --- Events that have a type --- */

static void event_feed_response(struct event_reader *reader, struct json_span type,
                                const struct json_member *response)
{
    reader->begun = true;
    if (event_is_delta(type)) {
        reader->carries = true;
        return;
    }
    enum event_end end = event_end_of(type);
    if (end == EVENT_GOES_ON) {
        return;
    }
    if (response->kind != JSON_OBJECT) {
        event_break(reader, "the last event has no response");
    } else if (end == EVENT_FAILED) {
        event_fail(reader, event_error_of(response->value));
    } else {
        event_take_usage_in(reader, response->value);
        reader->said_so = true;
    }
}

static void event_feed_message(struct event_reader *reader, struct json_span type,
                               const struct json_member *members)
{
    const struct json_member *message = &members[EVENT_MESSAGE];

    if (json_string_is(type, "message_start")) {
        if (message->kind == JSON_OBJECT) {
            reader->begun = true;
            event_take_usage_in(reader, message->value);
        }
        return;
    }
    if (!reader->begun) {
        if (!json_string_is(type, "ping")) {
            event_break(reader, "the first event is not message_start");
        }
        return;
    }
    if (json_string_is(type, "content_block_delta")) {
        reader->carries = true;
    } else if (json_string_is(type, "message_delta")) {
        event_take_usage(reader, members[EVENT_USAGE].value);
    } else if (json_string_is(type, "message_stop")) {
        reader->said_so = true;
    }
}

/* --- One event --- */

static void event_feed_typed(struct event_reader *reader, const struct json_member *members,
                             struct json_span data)
{
    bool has_type = members[EVENT_TYPE].kind == JSON_STRING;
    struct json_span type = has_type ? members[EVENT_TYPE].value : (struct json_span){ "\"\"", 2 };

    if (json_string_is(type, "error")) {
        event_fail(reader, data);
    } else if (reader->form == STREAM_RESPONSE) {
        event_feed_response(reader, type, &members[EVENT_RESPONSE]);
    } else {
        event_feed_message(reader, type, members);
    }
}

/* Data that should be an object. */
static void event_feed_data(struct event_reader *reader, bool named_error, struct json_span data)
{
    bool typed = reader->form == STREAM_RESPONSE || reader->form == STREAM_MESSAGE;
    struct json_member members[EVENT_MEMBERS];
    const struct json_member *error = &members[EVENT_ERROR];

    if (!member_find_each(data, event_members, typed ? EVENT_MEMBERS : EVENT_CHUNK_MEMBERS,
                          members)) {
        if (named_error) {
            event_fail(reader, (struct json_span){ "null", 4 });
        } else {
            event_break(reader, "an event is no JSON object");
        }
    } else if (error->kind != JSON_NULL && error->kind != JSON_NOTHING) {
        event_fail(reader, error->value);
    } else if (named_error) {
        event_fail(reader, data);
    } else if (typed) {
        event_feed_typed(reader, members, data);
    } else {
        event_feed_chunk(reader, members);
    }
}

void event_reader_feed(struct event_reader *reader, struct json_span name, struct json_span data)
{
    bool named_error = name.size == 5 && memcmp(name.bytes, "error", 5) == 0;

    reader->carries = false;
    reader->has_choices = false;
    if (reader->failed || reader->said_so || event_is_blank(data)) {
        return;
    }
    if (reader->form == STREAM_NONE) {
        reader->carries = true;
    } else if (event_says_done(reader->form, data)) {
        reader->said_so = true;
    } else {
        event_feed_data(reader, named_error, data);
    }
}

bool event_reader_is_whole(const struct event_reader *reader, bool broken_off)
{
    if (reader->failed) {
        return false;
    }
    if (reader->form == STREAM_NONE) {
        return !broken_off;
    }
    return reader->begun &&
           (reader->said_so || (!broken_off && event_choices_are_finished(reader)));
}
