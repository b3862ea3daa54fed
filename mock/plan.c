/* plan: see plan.h. */
#include "mock/plan.h"

#include <stdlib.h>
#include <string.h>

static bool plan_is_refused(const struct behaviour *behaviour, const struct blob *body)
{
    size_t size = strlen(behaviour->refused);

    return size != 0 && body != NULL && body->size != 0 &&
           memmem(body->bytes, body->size, behaviour->refused, size) != NULL;
}

static uint16_t plan_status(const struct behaviour *behaviour, const struct question *question,
                            const struct plan_place *place, struct chance *chance)
{
    double share = chance_share(chance); /* drawn always, so that the draws after it stay put */

    if (place->request <= behaviour->status_first) {
        return behaviour->status_first_status;
    }
    if (place->execution <= behaviour->fail_first) {
        return behaviour->fail_first_status;
    }
    if (plan_is_refused(behaviour, place->body)) {
        return behaviour->refused_status;
    }
    if (behaviour->status != 0) {
        return behaviour->status;
    }
    for (unsigned i = 0; i < behaviour->errors_count; i++) {
        if (share < behaviour->errors[i].share) {
            return behaviour->errors[i].status;
        }
        share -= behaviour->errors[i].share;
    }
    if (question->kind == QUESTION_MISSING) {
        return 404;
    }
    return question_is_metered(question) && !question->is_object ? 400 : 200;
}

static bool plan_may_fault(const struct behaviour *behaviour, const struct plan_place *place)
{
    switch (behaviour->fault_when) {
    case WHEN_ALWAYS:
        return true;
    case WHEN_REUSED:
        return place->connection_request > 1;
    case WHEN_FRESH:
        return place->connection_request == 1;
    case WHEN_FIRST:
        return place->execution == 1;
    }
    abort(); /* a time without a case */
}

void plan_make(struct plan *plan, const struct behaviour *behaviour,
               const struct question *question, const struct plan_place *place)
{
    bool may_fault = plan_may_fault(behaviour, place);
    uint64_t key = chance_mix(place->body_hash, place->execution);

    plan->chance.state = chance_mix(place->seed, key);
    plan->latency_ns = delay_draw_ns(&behaviour->latency, &plan->chance);
    plan->ttft_ns = delay_draw_ns(&behaviour->ttft, &plan->chance);
    plan->gap = behaviour->gap;
    plan->tokens = behaviour->tokens;
    plan->tokens_cut = question->tokens_max != 0 && question->tokens_max < plan->tokens;
    if (plan->tokens_cut) {
        plan->tokens = question->tokens_max;
    }
    plan->status = plan_status(behaviour, question, place, &plan->chance);
    memcpy(plan->error_code, behaviour->error_code, sizeof(plan->error_code));
    plan->faults = 0;
    for (unsigned i = 0; i < behaviour->faults_count; i++) {
        const struct fault_rule *rule = &behaviour->faults[i];
        if (chance_share(&plan->chance) < rule->share && may_fault) {
            plan->faults |= 1u << rule->fault;
            plan->arguments[rule->fault][0] = rule->arguments[0];
            plan->arguments[rule->fault][1] = rule->arguments[1];
        }
    }
}

bool plan_has(const struct plan *plan, enum fault fault)
{
    return (plan->faults & 1u << fault) != 0;
}
