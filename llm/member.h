/*
 * member: one member of a JSON object, by its name.
 *
 *     {"usage":{"prompt_tokens":12}} --member_find "usage"--> {"prompt_tokens":12}
 *
 * For objects of which a few members matter; each call reads the object anew, from its begin to its
 * end. Any bytes may be given: what is no object has no members.
 */
#ifndef QUOIT_LLM_MEMBER_H
#define QUOIT_LLM_MEMBER_H

#include "llm/json.h"

#include <stdint.h>

/*
 * The last member of that name: where one is repeated, most readers take the last.
 *
 *   Costs    one pass over the text; allocates nothing.
 *
 * False: there is none, or the text is no JSON object.
 */
JSON_MUST bool member_find(struct json_span text, const char *name, struct json_member *member_out);

/* The same, and its value is of that kind. */
JSON_MUST bool member_find_kind(struct json_span text, const char *name, enum json_kind kind,
                                struct json_span *value_out);

/*
 * The last member of each of these names, in one pass: members_out[i] is that of names[i]. One that
 * is not there has the kind JSON_NOTHING and no bytes.
 *
 * False: the text is no JSON object; members_out means nothing.
 */
JSON_MUST bool member_find_each(struct json_span text, const char *const *names, size_t count,
                                struct json_member *members_out);

/* Plain digits, at most 15 of them, as a number. False: it is anything else. */
JSON_MUST bool member_count(struct json_span value, uint64_t *count_out);

#endif
