/*
 * usage: two walks through the members of an object.
 */
#include "llm/usage.h"

#include "llm/json_string.h"

/* The last member of that name. False: the text is no object, or there is none. */
static bool usage_find(struct json_span text, const char *name, struct json_member *member_out)
{
    struct json_members reader;
    struct json_member member;
    struct json_defect defect;
    bool found = false;

    json_members_begin(&reader, text);
    for (;;) {
        switch (json_members_next(&reader, &member, &defect)) {
        case JSON_MEMBER:
            if (json_string_is(member.key, name)) {
                *member_out = member;
                found = true;
            }
            break;
        case JSON_END:
            return found;
        case JSON_BROKEN:
            return false;
        }
    }
}

/* A number of tokens: plain digits, and not more than anybody could be billed for. */
static bool usage_number(struct json_span text, uint64_t *number_out)
{
    uint64_t number = 0;

    if (text.size == 0 || text.size > 15) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(text.bytes[i] - '0');
    }
    *number_out = number;
    return true;
}

/* The member `name`, or else `other`, as a number. */
static bool usage_either(struct json_span text, const char *name, const char *other,
                         uint64_t *number_out)
{
    struct json_member member;

    return (usage_find(text, name, &member) && usage_number(member.value, number_out)) ||
           (usage_find(text, other, &member) && usage_number(member.value, number_out));
}

bool usage_read(struct json_span body, struct usage *usage_out)
{
    struct json_member member;
    struct usage usage = { 0, 0 };

    if (json_kind_of(body) != JSON_OBJECT || !usage_find(body, "usage", &member) ||
        member.kind != JSON_OBJECT) {
        return false;
    }
    bool in = usage_either(member.value, "prompt_tokens", "input_tokens", &usage.tokens_in);
    bool out = usage_either(member.value, "completion_tokens", "output_tokens", &usage.tokens_out);
    if (!in && !out) {
        return false;
    }
    *usage_out = usage;
    return true;
}

static bool usage_says(struct json_span error, const char *name)
{
    struct json_member member;

    return usage_find(error, name, &member) && member.kind == JSON_STRING &&
           json_string_is(member.value, "insufficient_quota");
}

bool usage_quota_is_spent(struct json_span body)
{
    struct json_member error;

    return json_kind_of(body) == JSON_OBJECT && usage_find(body, "error", &error) &&
           error.kind == JSON_OBJECT &&
           (usage_says(error.value, "type") || usage_says(error.value, "code"));
}
