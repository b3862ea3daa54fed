/*
 * judge: what an answer means for a batch. Pure. Which statuses are tried again is the rule of
 * llm/verdict.h.
 */
#ifndef QUOIT_CLI_JUDGE_H
#define QUOIT_CLI_JUDGE_H

#include "quoit.h"

#include <stdbool.h>

enum judge_verdict {
    JUDGE_GOOD,   /* 2xx, and a body that can be read */
    JUDGE_FAILED, /* an error, or an answer that is final and not good */
    JUDGE_AGAIN,  /* failed, and worth another attempt if there is one left */
    JUDGE_QUOTA,  /* 429, and there is no money left: nothing else will succeed either */
};

enum judge_verdict judge_result(const struct quoit_result *result);

/*
 * 3xx, 401, 403, 404, 407, or no way through the proxy: if the first answers are all such, so will
 * be the others.
 */
bool judge_is_hopeless(const struct quoit_result *result);

/* Did this machine lack something: descriptors, ports, memory, threads? */
bool judge_is_of_machine(const struct quoit_result *result);

/* The id that the server gave it; "" if none. */
const char *judge_request_id(const struct quoit_result *result);

#endif
