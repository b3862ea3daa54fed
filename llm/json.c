/*
 * json: see json.h. One pass from left to right. A string's plain run is searched eight bytes at a
 * time; which brackets are open is a bit for each level, so depth costs neither stack nor memory.
 */
#include "llm/json.h"

#include "llm/utf8.h"

#include <assert.h>
#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define JSON_EVERY_BYTE(value) (0x0101010101010101ULL * (value))
#define JSON_HIGH_BITS JSON_EVERY_BYTE(0x80)
#define JSON_WORD sizeof(uint64_t)

/* Where a pass over a text stands. */
struct json_scan {
    const unsigned char *at, *end;
    const char *reason; /* of the defect, which is at `at`; NULL: none so far */
};

/*
 * Which of the open brackets are objects: one bit a level, so that depth needs no recursion. A word
 * is cleared when the depth reaches it: most values are flat, and there are many.
 */
struct json_nest {
    unsigned depth;
    uint64_t objects[JSON_DEPTH_MAX / 64 + 1];
};

static struct json_scan json_scan_of(struct json_span text, size_t offset)
{
    assert(offset <= text.size);
    const unsigned char *bytes = (const unsigned char *)(text.bytes == NULL ? "" : text.bytes);

    return (struct json_scan){ .at = bytes + offset, .end = bytes + text.size };
}

static bool json_fail(struct json_scan *scan, const char *reason)
{
    assert(scan->reason == NULL);
    scan->reason = scan->at == scan->end ? "the text ends too early" : reason;
    return false;
}

/* The byte at hand, or -1 at the end. */
static inline int json_peek(const struct json_scan *scan)
{
    return scan->at < scan->end ? *scan->at : -1;
}

static inline bool json_is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

static inline void json_skip_space(struct json_scan *scan)
{
    while (scan->at < scan->end && *scan->at <= ' ' &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t')) {
        scan->at++;
    }
}

/*
 * A word in which the high bit of a byte is set where a string cannot just run on: a quote, a
 * backslash, a control character, a byte that is not ASCII. The subtractions borrow from the next
 * byte, so bits above the lowest one may be wrong. The lowest one, and "none", are right.
 */
static inline uint64_t json_stops(const unsigned char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    uint64_t control = word - JSON_EVERY_BYTE(0x20);
    uint64_t quote = (word ^ JSON_EVERY_BYTE('"')) - JSON_EVERY_BYTE(1);
    uint64_t backslash = (word ^ JSON_EVERY_BYTE('\\')) - JSON_EVERY_BYTE(1);
    return le64toh((word | control | quote | backslash) & JSON_HIGH_BITS);
}

static inline bool json_is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Go to the next byte of a string that is not plain ASCII, or to the end. */
static inline const unsigned char *json_skip_plain(const unsigned char *at,
                                                   const unsigned char *end)
{
    while ((size_t)(end - at) >= JSON_WORD) {
        uint64_t stops = json_stops(at);

        if (stops != 0) {
            return at + __builtin_ctzll(stops) / 8;
        }
        at += JSON_WORD;
    }
    while (at < end && json_is_plain(*at)) {
        at++;
    }
    return at;
}

/* Go over characters that are not ASCII. */
static bool json_scan_characters(struct json_scan *scan)
{
    while (scan->at < scan->end && *scan->at >= 0x80) {
        size_t size = utf8_character_size(scan->at, (size_t)(scan->end - scan->at));

        if (size == 0) {
            return json_fail(scan, "not UTF-8");
        }
        scan->at += size;
    }
    return true;
}

static bool json_scan_hex4(struct json_scan *scan)
{
    for (int i = 0; i < 4; i++) {
        int byte = json_peek(scan);
        int letter = byte | 0x20;

        if (!json_is_digit(byte) && !(letter >= 'a' && letter <= 'f')) {
            return json_fail(scan, "\\u without four hex digits");
        }
        scan->at++;
    }
    return true;
}

static bool json_scan_escape(struct json_scan *scan)
{
    assert(*scan->at == '\\');
    scan->at++;
    switch (json_peek(scan)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        scan->at++;
        return true;
    case 'u':
        scan->at++;
        return json_scan_hex4(scan);
    default: /* any byte, or the end */
        return json_fail(scan, "an escape that JSON does not have");
    }
}

static bool json_scan_string(struct json_scan *scan)
{
    assert(*scan->at == '"');
    scan->at++;
    for (;;) {
        scan->at = json_skip_plain(scan->at, scan->end);
        int byte = json_peek(scan);
        bool good;

        if (byte == '"') {
            scan->at++;
            return true;
        }
        if (byte >= 0x80) {
            good = json_scan_characters(scan);
        } else if (byte == '\\') {
            good = json_scan_escape(scan);
        } else {
            good = json_fail(scan, "a control character in a string");
        }
        if (!good) {
            return false;
        }
    }
}

static bool json_scan_digits(struct json_scan *scan)
{
    if (!json_is_digit(json_peek(scan))) {
        return json_fail(scan, "a number without a digit where one must stand");
    }
    while (json_is_digit(json_peek(scan))) {
        scan->at++;
    }
    return true;
}

static bool json_scan_number(struct json_scan *scan)
{
    if (json_peek(scan) == '-') {
        scan->at++;
    }
    if (json_peek(scan) == '0') {
        scan->at++;
        if (json_is_digit(json_peek(scan))) {
            return json_fail(scan, "a number with a leading zero");
        }
    } else if (!json_scan_digits(scan)) {
        return false;
    }
    if (json_peek(scan) == '.') {
        scan->at++;
        if (!json_scan_digits(scan)) {
            return false;
        }
    }
    if ((json_peek(scan) | 0x20) == 'e') {
        scan->at++;
        if (json_peek(scan) == '+' || json_peek(scan) == '-') {
            scan->at++;
        }
        return json_scan_digits(scan);
    }
    return true;
}

static bool json_scan_literal(struct json_scan *scan, const char *literal)
{
    for (; *literal != '\0'; literal++) {
        if (json_peek(scan) != *literal) {
            return json_fail(scan, "a word that is not true, false or null");
        }
        scan->at++;
    }
    return true;
}

static inline enum json_kind json_kind_of_byte(int byte)
{
    switch (byte) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    case '-':
        return JSON_NUMBER;
    default: /* a digit, or what begins no value */
        return json_is_digit(byte) ? JSON_NUMBER : JSON_NOTHING;
    }
}

static const char *json_reason_of_no_value(int byte)
{
    if (byte == ']' || byte == '}') {
        return "a bracket where a value must stand";
    }
    if (byte == 0xEF) {
        return "no JSON value begins like this (a byte order mark?)";
    }
    return "no JSON value begins like this";
}

/* A key with its colon, up to the value. */
static bool json_scan_key(struct json_scan *scan)
{
    if (json_peek(scan) != '"') {
        return json_fail(scan, "a key must be a string in double quotes");
    }
    if (!json_scan_string(scan)) {
        return false;
    }
    json_skip_space(scan);
    if (json_peek(scan) != ':') {
        return json_fail(scan, "no colon behind a key");
    }
    scan->at++;
    json_skip_space(scan);
    return true;
}

static bool json_nest_is_object(const struct json_nest *nest)
{
    assert(nest->depth > 0);
    return nest->objects[nest->depth / 64] >> (nest->depth % 64) & 1;
}

/* What must stand before a value at this depth: in an object a key. */
static bool json_scan_item(struct json_scan *scan, const struct json_nest *nest)
{
    return json_nest_is_object(nest) ? json_scan_key(scan) : true;
}

/*
 * An opening bracket, up to the first value in it. *empty_out: it closes at once, and that is
 * consumed too.
 */
static bool json_scan_open(struct json_scan *scan, struct json_nest *nest, bool *empty_out)
{
    bool object = *scan->at == '{';

    if (nest->depth == JSON_DEPTH_MAX) {
        return json_fail(scan, "more than 1000 levels deep");
    }
    scan->at++;
    json_skip_space(scan);
    *empty_out = json_peek(scan) == (object ? '}' : ']');
    if (*empty_out) {
        scan->at++;
        return true;
    }
    nest->depth++;
    if (nest->depth % 64 == 0) {
        nest->objects[nest->depth / 64] = 0;
    }
    uint64_t bit = 1ULL << (nest->depth % 64);
    if (object) {
        nest->objects[nest->depth / 64] |= bit;
    } else {
        nest->objects[nest->depth / 64] &= ~bit;
    }
    return json_scan_item(scan, nest);
}

/*
 * Behind a value: closing brackets down to depth `down_to`, or a comma and all that stands before
 * the next value.
 */
static bool json_scan_on(struct json_scan *scan, struct json_nest *nest, unsigned down_to)
{
    while (nest->depth > down_to) {
        bool object = json_nest_is_object(nest);

        json_skip_space(scan);
        int byte = json_peek(scan);
        if (byte == ',') {
            scan->at++;
            json_skip_space(scan);
            return json_scan_item(scan, nest);
        }
        if (byte != (object ? '}' : ']')) {
            return json_fail(scan, object ? "no comma or } behind a member"
                                          : "no comma or ] behind an element");
        }
        scan->at++;
        nest->depth--;
    }
    return true;
}

/* One value, whatever is in it. `depth` brackets are open around it: at most one. */
static bool json_scan_value(struct json_scan *scan, unsigned depth)
{
    struct json_nest nest;

    nest.depth = depth;
    nest.objects[0] = 0;
    do {
        int byte = json_peek(scan);
        bool good, opened = false;

        switch (json_kind_of_byte(byte)) {
        case JSON_OBJECT:
        case JSON_ARRAY: {
            bool empty;
            good = json_scan_open(scan, &nest, &empty);
            opened = good && !empty;
            break;
        }
        case JSON_STRING:
            good = json_scan_string(scan);
            break;
        case JSON_NUMBER:
            good = json_scan_number(scan);
            break;
        case JSON_TRUE:
            good = json_scan_literal(scan, "true");
            break;
        case JSON_FALSE:
            good = json_scan_literal(scan, "false");
            break;
        case JSON_NULL:
            good = json_scan_literal(scan, "null");
            break;
        case JSON_NOTHING:
            good = json_fail(scan, json_reason_of_no_value(byte));
            break;
        }
        if (!good) {
            return false;
        }
        if (!opened && !json_scan_on(scan, &nest, depth)) {
            return false;
        }
    } while (nest.depth > depth);
    return true;
}

/* The end of a text: nothing but space may follow. */
static bool json_scan_end(struct json_scan *scan)
{
    json_skip_space(scan);
    return scan->at == scan->end ? true : json_fail(scan, "more behind the end of the JSON text");
}

bool json_check(struct json_span text, struct json_defect *defect_out)
{
    struct json_scan scan = json_scan_of(text, 0);
    const unsigned char *start = scan.at;

    json_skip_space(&scan);
    if (json_scan_value(&scan, 0) && json_scan_end(&scan)) {
        return true;
    }
    *defect_out = (struct json_defect){ (size_t)(scan.at - start), scan.reason };
    return false;
}

enum json_kind json_kind_of(struct json_span text)
{
    struct json_scan scan = json_scan_of(text, 0);

    json_skip_space(&scan);
    return json_kind_of_byte(json_peek(&scan));
}

const char *json_kind_name(enum json_kind kind)
{
    switch (kind) {
    case JSON_NULL:
        return "null";
    case JSON_FALSE:
        return "false";
    case JSON_TRUE:
        return "true";
    case JSON_NUMBER:
        return "a number";
    case JSON_STRING:
        return "a string";
    case JSON_ARRAY:
        return "an array";
    case JSON_OBJECT:
        return "an object";
    case JSON_NOTHING:
        return "nothing";
    }
    abort(); /* a kind without a name */
}

void json_members_begin(struct json_members *members, struct json_span text)
{
    *members = (struct json_members){ .text = text };
}

/* What stands before a member: `{` before the first, a comma before the others. Or the end. */
static enum json_next json_members_step(struct json_members *members, struct json_scan *scan)
{
    bool first = !members->begun;

    json_skip_space(scan);
    if (first && json_peek(scan) != '{') {
        json_fail(scan, "not an object");
        return JSON_BROKEN;
    }
    if (first) {
        members->begun = true;
        scan->at++;
        json_skip_space(scan);
    }
    if (json_peek(scan) == '}') {
        scan->at++;
        return json_scan_end(scan) ? JSON_END : JSON_BROKEN;
    }
    if (first) {
        return JSON_MEMBER;
    }
    if (json_peek(scan) != ',') {
        json_fail(scan, "no comma or } behind a member");
        return JSON_BROKEN;
    }
    scan->at++;
    json_skip_space(scan);
    return JSON_MEMBER;
}

static struct json_span json_span_of(const unsigned char *start, const unsigned char *end)
{
    return (struct json_span){ (const char *)start, (size_t)(end - start) };
}

/* Space may stand between a key and its colon, so the key's end is looked for again. */
static struct json_span json_key_span(const unsigned char *start, const unsigned char *end)
{
    while (end[-1] != '"') {
        end--;
    }
    return json_span_of(start, end);
}

enum json_next json_members_next(struct json_members *members, struct json_member *member_out,
                                 struct json_defect *defect_out)
{
    struct json_scan scan = json_scan_of(members->text, members->offset);
    const unsigned char *start = scan.at - members->offset;
    enum json_next next = json_members_step(members, &scan);
    const unsigned char *key = scan.at, *value = scan.at;

    if (next == JSON_MEMBER) {
        bool good = json_scan_key(&scan);
        value = scan.at;
        if (!good || !json_scan_value(&scan, 1)) {
            next = JSON_BROKEN;
        }
    }
    members->offset = (size_t)(scan.at - start);
    if (next == JSON_BROKEN) {
        *defect_out = (struct json_defect){ members->offset, scan.reason };
    } else if (next == JSON_MEMBER) {
        member_out->key = json_key_span(key, value);
        member_out->value = json_span_of(value, scan.at);
        member_out->kind = json_kind_of_byte(*value);
    }
    return next;
}
