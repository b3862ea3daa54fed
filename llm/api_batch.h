/*
 * api_batch: struct quoit_llm_batch, which prompts it asks by which requests, and what came of
 * them.
 *
 *     prompts --batch_fill--> asks --quoit_submit--> END --ask_judge--> again, or
 *        ^                       api_ask.c: ask_settle --> one answer for each prompt of the ask,
 *        +-- one by one ------------------------ or, if the server refused several at once
 *
 * A prompt is not taken yet (index >= next), in an ask, in a range of those that are asked alone,
 * or ended (it has an answer). An ask is one request with up to batch_size prompts in a row. Asks
 * are a fixed table; those without a request stand in a list. Ranges go before what is not taken
 * yet, so there are never more of them than asks.
 *
 * It can be stopped: by the caller, or by an answer which says that all others will be alike. Then
 * `stopped` is what prompts get that were not sent, and nothing is sent again.
 */
#ifndef QUOIT_LLM_API_BATCH_H
#define QUOIT_LLM_API_BATCH_H

#include "llm/body.h"
#include "llm/target.h"
#include "llm/text.h"
#include "quoit_llm.h"

#include <stdatomic.h>

/* One request. */
struct ask {
    uint64_t id;         /* of the request that is under way; 0: none is */
    size_t first, count; /* which prompts */
    struct text body;    /* borrowed by the engine while it is under way */
    struct ask *next;    /* in the list of those without a request */
};

/* Some prompts in a row. */
struct range {
    size_t first, count;
};

struct quoit_llm_batch {
    struct quoit_engine *engine;
    bool engine_is_ours;
    const struct quoit_llm_prompt *prompts; /* borrowed */
    size_t prompts_count;

    /* How it is asked. */
    struct quoit_request request; /* what all requests have in common */
    struct target target;
    struct body body;
    uint64_t tokens_max; /* of one answer, for the estimate of a limit; 0: not said */
    size_t batch_size;
    bool keep_bodies;

    /* What is under way. */
    struct ask *asks; /* owned */
    size_t asks_max;
    uint32_t in_flight_max;
    struct ask *idle;    /* those without a request */
    size_t open;         /* requests under way */
    size_t next;         /* the first prompt that was not taken */
    struct range *alone; /* owned, asks_max of them: refused together, to be asked one by one */
    size_t alone_count;

    /* What came of it. */
    const struct quoit_llm_answer **answers; /* owned, each too but for those of all; NULL: none */
    size_t *order;                           /* owned: prompts in the order in which they ended */
    size_t ended, given, good;
    uint64_t attempts, tokens_in, tokens_out;
    const struct quoit_llm_answer *stopped; /* NULL: it goes on */
    atomic_bool cancel_asked;               /* by any thread */
    bool cancelled;                         /* and it was done */

    struct quoit_llm_reply reply; /* the last one; its memory is used again */
    struct text detail, code;     /* lines that are being made */
};

enum ask_verdict {
    ASK_FINAL,
    ASK_REFUSED, /* final, but one prompt may be to blame for all: 400, 413, 422 */
    ASK_AGAIN,   /* worth another attempt, if there is one left */
    ASK_STOP,    /* all others would be answered alike */
};

/* --- api_ask.c --- */

/* What an END means. Pure. */
enum ask_verdict ask_judge(const struct quoit_result *result);

/* The ask's request has ended with `result`, for good: its prompts end too. */
void ask_settle(struct quoit_llm_batch *batch, const struct ask *ask,
                const struct quoit_result *result);

/* `count` prompts from `first` on end without having been sent. */
void ask_refuse(struct quoit_llm_batch *batch, size_t first, size_t count, enum quoit_error error,
                const char *why);

/* Send nothing new, because of this answer. The first reason counts. */
void ask_stop(struct quoit_llm_batch *batch, const struct quoit_result *result);

/* The same, because the caller wants so. */
void ask_stop_cancelled(struct quoit_llm_batch *batch);

/* Prompt `index` has ended. The answer becomes the batch's own, or is one of all. */
void ask_end(struct quoit_llm_batch *batch, size_t index, const struct quoit_llm_answer *answer);

/* Free all answers. */
void ask_free_answers(struct quoit_llm_batch *batch);

#endif
