/*
 * json_string: what a JSON string says.
 *
 * Every function here takes the span of a string with its quotes out of a text that json_check or
 * json_members_next has found good; anything else is the caller's mistake and is asserted.
 *
 * Half of a surrogate pair, as in "\ud800", is legal JSON and yet no Unicode text. It is decoded as
 * its three bytes (WTF-8), so that different strings stay different, and is told of: such bytes are
 * good for comparing, and must not be sent as UTF-8.
 */
#ifndef QUOIT_LLM_JSON_STRING_H
#define QUOIT_LLM_JSON_STRING_H

#include "llm/json.h"

#include <assert.h>

/* The span without its quotes. */
JSON_MUST struct json_span json_string_inside(struct json_span string);

/* Is there an escape in it? If not, its inside is what it says. */
JSON_MUST bool json_string_has_escape(struct json_span string);

/* For json_string_is: the same question, to the end. */
JSON_MUST bool json_string_is_all(struct json_span string, const char *name);

/*
 * Does the string, with its escapes decoded, say `name`? That is UTF-8 and ends with a NUL. Inline,
 * since keys are asked for many names, and nearly all are told apart by their first byte.
 */
JSON_MUST static inline bool json_string_is(struct json_span string, const char *name)
{
    assert(string.size >= 2);
    return (string.bytes[1] == *name || string.bytes[1] == '\\' || string.size == 2) &&
           json_string_is_all(string, name);
}

/*
 * Write what the string says to `out` and return how many bytes that are.
 *
 *   Costs    one pass; allocates nothing.
 *
 * `out` has room for string.size - 2 bytes: decoding never makes a string longer. A NUL may be
 * among them (from \u0000), and none is added. *lone_out says whether half of a surrogate pair is
 * among them.
 */
JSON_MUST size_t json_string_decode(struct json_span string, char *out, bool *lone_out);

#endif
