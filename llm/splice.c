/*
 * splice: see splice.h. What stands between two replaced values is copied whole.
 */
#include "llm/splice.h"

#include "llm/json_string.h"

#include <string.h>

/* The object up to `to`, from where the last copy ended. */
static void splice_copy(struct text *out, const char **from, const char *to)
{
    text_append(out, (struct json_span){ *from, (size_t)(to - *from) });
    *from = to;
}

/* The member as the first of an object that has none of its name. */
static void splice_insert(struct text *out, struct json_span object, const char *name,
                          struct json_span value, bool empty)
{
    const char *from = object.bytes;
    const char *bracket = memchr(object.bytes, '{', object.size);

    splice_copy(out, &from, bracket + 1);
    text_append_quoted(out, (struct json_span){ name, strlen(name) });
    text_append_string(out, ":");
    text_append(out, value);
    text_append_string(out, empty ? "" : ",");
    splice_copy(out, &from, object.bytes + object.size);
}

enum splice_verdict splice_member(struct text *out, struct json_span object, const char *name,
                                  struct json_span value)
{
    size_t size_before = out->size;
    const char *from = object.bytes;
    bool empty = true, found = false;
    struct json_members reader;
    struct json_member member;
    struct json_defect defect;
    enum json_next next;

    json_members_begin(&reader, object);
    while ((next = json_members_next(&reader, &member, &defect)) == JSON_MEMBER) {
        empty = false;
        if (json_string_is(member.key, name)) {
            found = true;
            splice_copy(out, &from, member.value.bytes);
            text_append(out, value);
            from = member.value.bytes + member.value.size;
        }
    }
    if (next == JSON_BROKEN) {
        text_cut(out, size_before);
        return SPLICE_NOT_OBJECT;
    }
    if (found) {
        splice_copy(out, &from, object.bytes + object.size);
    } else {
        splice_insert(out, object, name, value, empty);
    }
    if (out->failed) {
        text_cut(out, size_before);
        return SPLICE_NO_MEMORY;
    }
    return SPLICE_GOOD;
}
