/*
 * verdict: what an answer's status and headers say, to `quoit batch` and to a batch of prompts
 * alike. Pure.
 */
#ifndef QUOIT_LLM_VERDICT_H
#define QUOIT_LLM_VERDICT_H

#include "quoit.h"

#include <stdbool.h>

/* An answer came, and its status is 2xx. */
bool verdict_is_good(const struct quoit_result *result);

/* Did it come with a Content-Encoding other than identity? Then its body cannot be read. */
bool verdict_is_coded(const struct quoit_result *result);

/*
 * Of an answer that is not good: may the next one to the same request be? As its x-should-retry
 * says; without one 408, 409, 429 and from 500, as openai-python does.
 */
bool verdict_is_transient(const struct quoit_result *result);

/* Does its body say that there is no money left? */
bool verdict_quota_is_spent(const struct quoit_result *result);

#endif
