/*
 * target: where the requests of a batch of prompts go, and with which headers.
 *
 * Happy path: target_init, once a batch; url and headers in each request; target_free at the end.
 *
 * The promise: the url has the origin of the base url, so that a key which goes with each request
 * reaches no other server; and no text that went through target_hide holds the key, or a value of a
 * header that the caller gave.
 */
#ifndef QUOIT_LLM_TARGET_H
#define QUOIT_LLM_TARGET_H

#include "llm/text.h"
#include "quoit_llm.h"

struct target {
    struct text url;
    struct quoit_header *headers; /* owned; the caller's, then ours; strings of the caller's are */
    uint32_t headers_count;       /* borrowed */

    /* Private. */
    uint32_t given_count;      /* how many of the headers are the caller's */
    struct text authorization; /* "Bearer " and the key, or empty */
    struct text user_agent;
};

/*
 * Make ready; after an error there is nothing to free. Errors as of quoit_llm_batch_create.
 *
 *   Copies   all but what options->request.headers points to, which is borrowed until target_free.
 */
QUOIT_MUST enum quoit_error target_init(struct target *target,
                                        const struct quoit_llm_options *options);

/* Free, and leave nothing of the key in memory. */
void target_free(struct target *target);

/* Put *** for every secret in `text`, which has no NUL inside. */
void target_hide(const struct target *target, struct text *text);

#endif
