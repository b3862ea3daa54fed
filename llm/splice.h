/*
 * splice: set one member of a JSON object without touching any other byte of it.
 *
 * Numbers, escapes, repeated keys and space elsewhere stay as they stand, which no reader and
 * writer of JSON would keep. `--model NAME` is splice_member(out, body, "model", "\"NAME\"").
 */
#ifndef QUOIT_LLM_SPLICE_H
#define QUOIT_LLM_SPLICE_H

#include "llm/json.h"
#include "llm/text.h"

enum splice_verdict {
    SPLICE_GOOD,
    SPLICE_NOT_OBJECT, /* the text is not a JSON text, or not an object */
    SPLICE_NO_MEMORY,  /* `out` cannot grow */
};

/*
 * Append the JSON object `object` to `out` with its member `name` set to `value`.
 *
 *   Borrows  all for the call. None may lie in `out`.
 *   Costs    one pass, and a copy; what `out` allocates.
 *
 * `name` is UTF-8, found also where the object writes it with escapes. `value` is a JSON text. If
 * the member is there, its value is replaced, each time if it is there more than once; if not, it
 * becomes the first one. Members of objects inside are not looked at.
 *
 * On all but SPLICE_GOOD nothing is appended.
 */
JSON_MUST enum splice_verdict splice_member(struct text *out, struct json_span object,
                                            const char *name, struct json_span value);

#endif
