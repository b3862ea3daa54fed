/*
 * body: the JSON of one request to a model, from parameters and prompts (quoit_llm.h).
 *
 *     {"model":"m","max_tokens":9,"messages":[{"role":"user","content":"What is a quoit?"}]}
 *      ------------- head ------------------- ----------------- a prompt ----------------
 *
 * Happy path: body_init once; for each request body_check of its prompts, body_write; body_free at
 * the end. What all requests have in common is written and checked once.
 *
 * The promise: what body_write appends is one JSON text in UTF-8, whatever the strings hold.
 */
#ifndef QUOIT_LLM_BODY_H
#define QUOIT_LLM_BODY_H

#include "llm/text.h"
#include "quoit_llm.h"

struct body {
    enum quoit_llm_endpoint endpoint;
    bool stream; /* the answer would be a stream, by the field or by a member */

    struct text head;    /* private: up to the prompt */
    struct text scratch; /* private: what is checked */
};

/*
 * Make ready; after an error there is nothing to free.
 *
 *   Copies   parameters.
 *
 * Errors as of quoit_llm_body_create, as far as they are the parameters'.
 */
QUOIT_MUST enum quoit_error body_init(struct body *body,
                                      const struct quoit_llm_parameters *parameters);

void body_free(struct body *body);

/*
 * May this prompt be sent? QUOIT_OK; QUOIT_E_ARGUMENT, with a line for people in *why_out, which is
 * static; or QUOIT_E_NO_MEMORY.
 */
QUOIT_MUST enum quoit_error body_check(struct body *body, const struct quoit_llm_prompt *prompt,
                                       const char **why_out);

/* How many prompts may one request have? */
bool body_takes(const struct body *body, size_t prompts_count);

/* Append the body for these prompts, which were checked. Look at out->failed. */
void body_write(const struct body *body, const struct quoit_llm_prompt *prompts,
                size_t prompts_count, struct text *out);

#endif
