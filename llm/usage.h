/*
 * usage: what an answer's body says about what it cost, and about what is left to spend.
 *
 *     {..., "usage":{"prompt_tokens":12,"completion_tokens":34}}      OpenAI, vLLM and others
 *     {..., "usage":{"input_tokens":12,"output_tokens":34}}           Responses, Anthropic
 *     {"error":{"type":"insufficient_quota", ...}}                    no money left: final
 *
 * Any bytes may be given: what is not such an object says nothing.
 */
#ifndef QUOIT_LLM_USAGE_H
#define QUOIT_LLM_USAGE_H

#include "llm/json.h"

#include <stdint.h>

#define USAGE_UNKNOWN UINT64_MAX /* more than any number that is read */

struct usage {
    uint64_t tokens_in, tokens_out;
};

/*
 * Read "usage" of an answer. False: it has none, or nothing of it is a number of tokens.
 *
 *   Costs    one pass over the body; allocates nothing.
 */
JSON_MUST bool usage_read(struct json_span body, struct usage *usage_out);

/*
 * The same of the object that "usage" is; what it does not say stays as it is. So one that comes in
 * parts adds up, and USAGE_UNKNOWN tells what was never said.
 */
void usage_update(struct usage *usage, struct json_span said);

/* Does "error" say that the quota is spent, in its "type" or its "code"? */
JSON_MUST bool usage_quota_is_spent(struct json_span body);

#endif
