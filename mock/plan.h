/*
 * plan: what is going to happen to one request, decided when it is whole.
 *
 * Everything that chance has a say in is drawn here, in a fixed order, from a seed made of --seed,
 * the hash of the body and how often it was executed. The rest of the mock carries it out.
 */
#ifndef QUOIT_MOCK_PLAN_H
#define QUOIT_MOCK_PLAN_H

#include "mock/behaviour.h"
#include "mock/question.h"

/* Which request of whom it is. */
struct plan_place {
    uint64_t seed;
    uint64_t body_hash;
    uint64_t execution;          /* of its key, from 1 */
    uint64_t request;            /* of the mock, from 1 */
    uint64_t connection_request; /* of its connection, from 1 */
    const struct blob *body;     /* NULL: not read yet */
};

struct plan {
    struct chance chance; /* for what is drawn later: gaps, cuts */
    uint16_t status;
    uint64_t latency_ns;
    uint64_t ttft_ns;
    struct delay gap;
    uint64_t tokens;
    bool tokens_cut; /* the request's max_tokens has ended the answer */
    uint32_t faults; /* bits */
    uint64_t arguments[FAULTS][2];
    char error_code[BEHAVIOUR_TEXT_SIZE]; /* of an error event; "": the usual one */
};

void plan_make(struct plan *plan, const struct behaviour *behaviour,
               const struct question *question, const struct plan_place *place);

bool plan_has(const struct plan *plan, enum fault fault);

#endif
