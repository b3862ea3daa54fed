/*
 * usage: a walk through the answer, and one through the member that matters.
 */
#include "llm/usage.h"

#include "llm/json_string.h"
#include "llm/member.h"

void usage_update(struct usage *usage, struct json_span said)
{
    enum { PROMPT, INPUT, COMPLETION, OUTPUT, COUNT };
    static const char *const names[COUNT] = { "prompt_tokens", "input_tokens", "completion_tokens",
                                              "output_tokens" };
    struct json_member members[COUNT];

    if (!member_find_each(said, names, COUNT, members)) {
        return;
    }
    if (!member_count(members[PROMPT].value, &usage->tokens_in)) {
        (void)!member_count(members[INPUT].value, &usage->tokens_in);
    }
    if (!member_count(members[COMPLETION].value, &usage->tokens_out)) {
        (void)!member_count(members[OUTPUT].value, &usage->tokens_out);
    }
}

bool usage_read(struct json_span body, struct usage *usage_out)
{
    struct json_span said;
    struct usage usage = { USAGE_UNKNOWN, USAGE_UNKNOWN };

    if (!member_find_kind(body, "usage", JSON_OBJECT, &said)) {
        return false;
    }
    usage_update(&usage, said);
    if (usage.tokens_in == USAGE_UNKNOWN && usage.tokens_out == USAGE_UNKNOWN) {
        return false;
    }
    usage_out->tokens_in = usage.tokens_in == USAGE_UNKNOWN ? 0 : usage.tokens_in;
    usage_out->tokens_out = usage.tokens_out == USAGE_UNKNOWN ? 0 : usage.tokens_out;
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
