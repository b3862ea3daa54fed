/*
 * rates: a rate limit for each server and model that a run asks, and what a query will take of it.
 *
 * Servers count by key and model, so a limit is found by the url's origin and the body's "model".
 * With --rpm or --tpm it has that rule, else it learns from the answers (quoit_limit_create).
 *
 * A query takes one request and, in tokens, its bytes / 4 and what may be answered: the smaller one
 * of its max_tokens and of the mean of the last RATES_ANSWERS answers of that model; nothing where
 * neither is known. At its end rates_settle says what it took, or rates_give_back that it took
 * nothing.
 *
 * There are at most RATES_MAX; what comes later shares the last one.
 */
#ifndef QUOIT_CLI_RATES_H
#define QUOIT_CLI_RATES_H

#include "llm/json.h"
#include "llm/usage.h"
#include "quoit.h"

#define RATES_MAX 64
#define RATES_ANSWERS 50

/* One server and model. */
struct rates_item {
    char *key; /* owned: origin, a blank, the model as it stands in the body */
    size_t key_size;
    struct quoit_limit *limit;       /* owned */
    uint64_t answers[RATES_ANSWERS]; /* tokens of the last answers; a ring */
    uint64_t answers_sum;
    uint32_t answers_count, answers_next;
};

struct rates {
    struct quoit_engine *engine;
    uint64_t requests_per_minute, tokens_per_minute;
    struct rates_item items[RATES_MAX];
    size_t count;
};

/* `requests` and `tokens` a minute; 0: learned. Borrows the engine, until rates_close. */
void rates_open(struct rates *rates, struct quoit_engine *engine, uint64_t requests,
                uint64_t tokens);

/* All requests must have ended. What rates_open has not filled must be zero. */
void rates_close(struct rates *rates);

/*
 * Name the limit of a request that has its url and its body, and set what it takes.
 *
 *   Costs    one pass over the body.
 *
 * NULL: out of memory.
 */
struct rates_item *rates_name(struct rates *rates, struct quoit_request *request);

/* A request whose END is in our hands was answered, and took so much. */
void rates_settle(struct rates_item *item, uint64_t id, const struct usage *usage);

/* It failed, and nobody will be billed for it. */
void rates_give_back(struct rates_item *item, uint64_t id);

#endif
