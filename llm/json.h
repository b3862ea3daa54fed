/*
 * json: a strict reader of JSON texts that changes nothing: it judges bytes and finds spans.
 *
 *     bytes --json_check--> one JSON text, or the first defect
 *     bytes --json_members_next--> key and value spans, as they stand in the bytes
 *
 * Happy path: json_members_begin on a line, json_members_next until JSON_END. Each member was
 * checked when it is handed out, and at JSON_END the whole text was: no json_check is needed first.
 *
 * It fails in one way: a defect, with the offset of the first wrong byte and a reason that is a
 * static text. A text that ends too early has its defect at its end.
 *
 * The promise: what is accepted is exactly one JSON text by RFC 8259 in UTF-8 (nothing overlong, no
 * encoded surrogates, nothing above U+10FFFF), without a byte order mark, at most JSON_DEPTH_MAX
 * deep. Repeated keys, numbers of any size and escapes of lone surrogates are legal there, and are
 * accepted. Values are never converted, so nothing is lost. No allocation, no recursion, no I/O;
 * bytes need no NUL at their end and none past it is read. Every function takes any bytes from
 * anywhere, except where it says that a span must come from a checked text.
 */
#ifndef QUOIT_LLM_JSON_H
#define QUOIT_LLM_JSON_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 1000

#define JSON_MUST __attribute__((warn_unused_result))

/* Bytes of somebody else, without a NUL at their end. `bytes` may be NULL where size is 0. */
struct json_span {
    const char *bytes;
    size_t size;
};

/* Why bytes are not a JSON text. */
struct json_defect {
    size_t offset;      /* of the first wrong byte, from 0; the size if the text ends too early */
    const char *reason; /* static, lower case, no full stop */
};

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
    JSON_NOTHING, /* no value begins like this */
};

/* One member of an object. Both spans point into the text, without the space around them. */
struct json_member {
    struct json_span key; /* a JSON string with its quotes */
    struct json_span value;
    enum json_kind kind; /* of value */
};

enum json_next {
    JSON_MEMBER, /* one more member */
    JSON_END,    /* no more; the text as a whole is good */
    JSON_BROKEN, /* not a JSON text, or not an object; the defect says where and why */
};

/* Where the reading of an object stands. The fields are private. */
struct json_members {
    struct json_span text;
    size_t offset;
    bool begun;
};

/*
 * Say whether `text` is one JSON text.
 *
 *   Borrows  text, for the call.
 *   Costs    one pass; about a nanosecond for eight bytes of a long ASCII string.
 *
 * Returns true, or false with the first defect in *defect_out.
 */
JSON_MUST bool json_check(struct json_span text, struct json_defect *defect_out);

/* The kind of the value that `text` begins with, by its first byte that is not space. */
JSON_MUST enum json_kind json_kind_of(struct json_span text);

/* "an object", "a string", "null": a kind for messages. Static. */
JSON_MUST const char *json_kind_name(enum json_kind kind);

/*
 * Begin to read the members of the object that `text` is.
 *
 *   Borrows  text, until the last json_members_next.
 */
void json_members_begin(struct json_members *members, struct json_span text);

/*
 * Read one member, in the order of the text; a key that is repeated comes again.
 *
 *   Costs    one pass over the member. Values are checked to the bottom, as by json_check.
 *
 * Returns JSON_MEMBER with *member_out filled; JSON_END; or JSON_BROKEN with *defect_out filled,
 * also where the text is a JSON text but not an object. After JSON_END and JSON_BROKEN there is
 * nothing more to read.
 */
JSON_MUST enum json_next json_members_next(struct json_members *members,
                                           struct json_member *member_out,
                                           struct json_defect *defect_out);

#endif
