/*
 * member: a walk through an object.
 */
#include "llm/member.h"

#include "llm/json_string.h"

#define MEMBER_DIGITS_MAX 15 /* also a double holds them all */

bool member_find(struct json_span text, const char *name, struct json_member *member_out)
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

bool member_find_kind(struct json_span text, const char *name, enum json_kind kind,
                      struct json_span *value_out)
{
    struct json_member member;

    if (!member_find(text, name, &member) || member.kind != kind) {
        return false;
    }
    *value_out = member.value;
    return true;
}

bool member_find_each(struct json_span text, const char *const *names, size_t count,
                      struct json_member *members_out)
{
    struct json_members reader;
    struct json_member member;
    struct json_defect defect;
    enum json_next next;

    for (size_t i = 0; i < count; i++) {
        members_out[i] = (struct json_member){ .value = { "", 0 }, .kind = JSON_NOTHING };
    }
    json_members_begin(&reader, text);
    while ((next = json_members_next(&reader, &member, &defect)) == JSON_MEMBER) {
        for (size_t i = 0; i < count; i++) {
            if (json_string_is(member.key, names[i])) {
                members_out[i] = member;
                break;
            }
        }
    }
    return next == JSON_END;
}

bool member_count(struct json_span value, uint64_t *count_out)
{
    uint64_t count = 0;

    if (value.size == 0 || value.size > MEMBER_DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < value.size; i++) {
        if (value.bytes[i] < '0' || value.bytes[i] > '9') {
            return false;
        }
        count = count * 10 + (uint64_t)(value.bytes[i] - '0');
    }
    *count_out = count;
    return true;
}
