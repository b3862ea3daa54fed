/*
 * event_rules: see event_rules.h.
 */
#include "llm/event_rules.h"

#include "llm/json_string.h"

#include <string.h>

bool event_is_blank(struct json_span data)
{
    for (size_t i = 0; i < data.size; i++) {
        if (strchr(" \t\r\n", data.bytes[i]) == NULL || data.bytes[i] == '\0') {
            return false;
        }
    }
    return true;
}

bool event_says_done(enum stream_form form, struct json_span data)
{
    static const char done[] = "[DONE]";

    return (form == STREAM_CHAT || form == STREAM_COMPLETION) && data.size >= sizeof(done) - 1 &&
           memcmp(data.bytes, done, sizeof(done) - 1) == 0;
}

bool event_is_delta(struct json_span type)
{
    static const char begin[] = "response.";
    static const char end[] = ".delta";
    const size_t begin_size = sizeof(begin) - 1, end_size = sizeof(end) - 1;
    struct json_span inside = json_string_inside(type);

    return inside.size > begin_size + end_size && memcmp(inside.bytes, begin, begin_size) == 0 &&
           memcmp(inside.bytes + inside.size - end_size, end, end_size) == 0;
}

enum event_end event_end_of(struct json_span type)
{
    if (json_string_is(type, "response.completed") || json_string_is(type, "response.incomplete")) {
        return EVENT_COMPLETED;
    }
    return json_string_is(type, "response.failed") ? EVENT_FAILED : EVENT_GOES_ON;
}

struct json_span event_error_of(struct json_span response)
{
    struct walk_item error;

    return walk_find(response, "error", &error) ? error.value : response;
}

static bool event_is_text(const struct walk_item *item)
{
    return item->kind == JSON_STRING && item->value.size > 2;
}

static bool event_calls_carry(struct json_span calls)
{
    struct walk walk;
    struct walk_item call, function, arguments;

    walk_begin(&walk, calls);
    while (walk_next(&walk, &call)) {
        if (walk_find(call.value, "function", &function) &&
            walk_find(function.value, "arguments", &arguments) && event_is_text(&arguments)) {
            return true;
        }
    }
    return false;
}

bool event_member_carries(const struct walk_item *member)
{
    static const char *const names[] = { "content", "text", "reasoning_content", "reasoning",
                                         "refusal" };

    if (member->kind == JSON_ARRAY) {
        return json_string_is(member->key, "tool_calls") && event_calls_carry(member->value);
    }
    for (size_t i = 0; event_is_text(member) && i < sizeof(names) / sizeof(names[0]); i++) {
        if (json_string_is(member->key, names[i])) {
            return true;
        }
    }
    return false;
}

bool event_delta_carries(struct walk *delta)
{
    struct walk_item item;
    bool carries = false;

    while (walk_next(delta, &item)) {
        carries = carries || event_member_carries(&item);
    }
    return carries;
}
