/*
 * usage: a walk through the answer, and one through the member that matters.
 */
#include "llm/usage.h"

#include "llm/json_string.h"
#include "llm/member.h"

/* The member `name`, or else `other`, as a number. */
static bool usage_either(struct json_span text, const char *name, const char *other,
                         uint64_t *number_out)
{
    struct json_member member;

    return (member_find(text, name, &member) && member_count(member.value, number_out)) ||
           (member_find(text, other, &member) && member_count(member.value, number_out));
}

bool usage_read(struct json_span body, struct usage *usage_out)
{
    struct json_span said;
    struct usage usage = { 0, 0 };

    if (!member_find_kind(body, "usage", JSON_OBJECT, &said)) {
        return false;
    }
    bool in = usage_either(said, "prompt_tokens", "input_tokens", &usage.tokens_in);
    bool out = usage_either(said, "completion_tokens", "output_tokens", &usage.tokens_out);
    if (!in && !out) {
        return false;
    }
    *usage_out = usage;
    return true;
}

static bool usage_says(struct json_span error, const char *name)
{
    struct json_span said;

    return member_find_kind(error, name, JSON_STRING, &said) &&
           json_string_is(said, "insufficient_quota");
}

bool usage_quota_is_spent(struct json_span body)
{
    struct json_span error;

    return member_find_kind(body, "error", JSON_OBJECT, &error) &&
           (usage_says(error, "type") || usage_says(error, "code"));
}
