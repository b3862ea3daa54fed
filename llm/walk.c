/*
 * walk: see walk.h. A value's end is where its brackets are closed, strings left out.
 */
#include "llm/walk.h"

#include "llm/json_string.h"

#include <assert.h>
#include <endian.h>
#include <stdint.h>
#include <string.h>

#define WALK_EVERY_BYTE(value) (0x0101010101010101ULL * (unsigned char)(value))

static bool walk_is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static const char *walk_skip_space(const char *at, const char *end)
{
    while (at < end && walk_is_space(*at)) {
        at++;
    }
    return at;
}

/* A word in which the lowest high bit that is set marks the first quote or backslash. */
static uint64_t walk_stops(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    word = le64toh(word);
    uint64_t quote = word ^ WALK_EVERY_BYTE('"');
    uint64_t backslash = word ^ WALK_EVERY_BYTE('\\');
    return (((quote - WALK_EVERY_BYTE(1)) & ~quote) |
            ((backslash - WALK_EVERY_BYTE(1)) & ~backslash)) &
           WALK_EVERY_BYTE(0x80);
}

/* At the next quote or backslash of a string, eight bytes at a time. */
static const char *walk_to_stop(const char *at, const char *end)
{
    while ((size_t)(end - at) >= sizeof(uint64_t)) {
        uint64_t stops = walk_stops(at);
        if (stops != 0) {
            return at + __builtin_ctzll(stops) / 8;
        }
        at += sizeof(uint64_t);
    }
    while (at < end && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

/* Behind the string that begins at `at`. */
static const char *walk_string_end(const char *at, const char *end)
{
    assert(at < end && *at == '"');
    at = walk_to_stop(at + 1, end);
    while (at < end && *at == '\\') {
        at = walk_to_stop(at + 2, end);
    }
    assert(at < end);
    return at + 1;
}

/* Behind the object or array that begins at `at`. */
static const char *walk_container_end(const char *at, const char *end)
{
    size_t depth = 0;

    do {
        assert(at < end);
        if (*at == '"') {
            at = walk_string_end(at, end);
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
    } while (depth > 0);
    return at;
}

static const char *walk_value_end(const char *at, const char *end)
{
    assert(at < end);
    if (*at == '"') {
        return walk_string_end(at, end);
    }
    if (*at == '{' || *at == '[') {
        return walk_container_end(at, end);
    }
    while (at < end && *at != ',' && *at != ']' && *at != '}' && !walk_is_space(*at)) {
        at++;
    }
    return at;
}

static struct json_span walk_span(const char *from, const char *to)
{
    return (struct json_span){ from, (size_t)(to - from) };
}

void walk_begin(struct walk *walk, struct json_span value)
{
    const char *end = value.bytes + value.size;
    const char *at = walk_skip_space(value.bytes, end);
    bool inside = at < end && (*at == '{' || *at == '[');

    *walk = (struct walk){ .at = inside ? at + 1 : end, .end = end };
    walk->object = inside && *at == '{';
}

bool walk_next_begin(struct walk *walk, struct walk_item *item_out)
{
    const char *end = walk->end;
    const char *at = walk_skip_space(walk->at, end);

    if (at < end && *at == ',') {
        at = walk_skip_space(at + 1, end);
    }
    if (at >= end || *at == '}' || *at == ']') {
        walk->at = walk->end = at < end ? at + 1 : end;
        return false;
    }
    item_out->key = (struct json_span){ at, 0 };
    if (walk->object) {
        const char *key_end = walk_string_end(at, end);
        item_out->key = walk_span(at, key_end);
        at = walk_skip_space(key_end, end);
        assert(at < end && *at == ':');
        at = walk_skip_space(at + 1, end);
    }
    walk->at = at;
    item_out->value = (struct json_span){ at, 0 };
    item_out->kind = json_kind_of(walk_span(at, end));
    return true;
}

void walk_next_end(struct walk *walk, struct walk_item *item)
{
    walk->at = walk_value_end(walk->at, walk->end);
    item->value = walk_span(item->value.bytes, walk->at);
}

bool walk_next(struct walk *walk, struct walk_item *item_out)
{
    if (!walk_next_begin(walk, item_out)) {
        return false;
    }
    walk_next_end(walk, item_out);
    return true;
}

void walk_enter(struct walk *inner, const struct walk *walk)
{
    walk_begin(inner, walk_span(walk->at, walk->end));
}

void walk_leave(struct walk *walk, const struct walk *inner)
{
    assert(inner->at == inner->end);
    walk->at = inner->at;
}

bool walk_find(struct json_span value, const char *name, struct walk_item *item_out)
{
    struct walk walk;
    struct walk_item item;
    bool found = false;

    walk_begin(&walk, value);
    while (walk_next(&walk, &item)) {
        if (item.key.size != 0 && json_string_is(item.key, name)) {
            *item_out = item;
            found = true;
        }
    }
    return found;
}
