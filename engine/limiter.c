/*
 * limiter: see limiter.h.
 */
#include "engine/limiter.h"

#include "base/bits.h"

#include <assert.h>

#define LIMITER_PART_NS (250 * NS_PER_MS)
#define LIMITER_JITTER_NS (250 * NS_PER_MS)
#define LIMITER_REST_MAX_NS (120 * NS_PER_S)
#define LIMITER_FULL_NS ((int64_t)(60 * NS_PER_S))
#define LIMITER_COST_MAX_NS (1000 * LIMITER_FULL_NS) /* a debt stays within 1,000 minutes */

static int64_t bucket_cost_ns(const struct limiter_bucket *bucket, uint64_t units)
{
    double cost = (double)units * (double)LIMITER_FULL_NS / (double)bucket->per_minute;

    return cost < (double)LIMITER_COST_MAX_NS ? (int64_t)cost : LIMITER_COST_MAX_NS;
}

static void bucket_refill(struct limiter_bucket *bucket, uint64_t now_ns)
{
    uint64_t passed_ns = until_ns(now_ns, bucket->read_ns);
    uint64_t missing_ns = (uint64_t)(LIMITER_FULL_NS - bucket->level_ns);

    bucket->level_ns += (int64_t)min_u64(passed_ns, missing_ns);
    bucket->read_ns = max_u64(now_ns, bucket->read_ns);
}

static uint64_t bucket_wait_ns(struct limiter_bucket *bucket, uint64_t units, uint64_t now_ns)
{
    if (bucket->per_minute == 0) {
        return lesson_wait_ns(&bucket->lesson, (double)units, (double)bucket->in_flight, now_ns);
    }
    if (units == 0) {
        return 0;
    }
    bucket_refill(bucket, now_ns);
    int64_t cost_ns = bucket_cost_ns(bucket, units);
    int64_t needed_ns = cost_ns < LIMITER_FULL_NS ? cost_ns : LIMITER_FULL_NS;
    return bucket->level_ns >= needed_ns ? 0 : (uint64_t)(needed_ns - bucket->level_ns);
}

static void bucket_lower(struct limiter_bucket *bucket, uint64_t units)
{
    bucket->level_ns -= bucket_cost_ns(bucket, units);
    if (bucket->level_ns < -LIMITER_COST_MAX_NS) {
        bucket->level_ns = -LIMITER_COST_MAX_NS;
    }
}

/* They cost so much more than was taken. */
static void bucket_charge(struct limiter_bucket *bucket, uint64_t units)
{
    bucket->entered += units;
    if (bucket->per_minute == 0) {
        lesson_charge(&bucket->lesson, (double)units);
    } else {
        bucket_lower(bucket, units);
    }
}

static void bucket_give_back(struct limiter_bucket *bucket, uint64_t units)
{
    bucket->returned += units;
    if (bucket->per_minute == 0) {
        lesson_give_back(&bucket->lesson, (double)units);
    } else {
        bucket->level_ns += bucket_cost_ns(bucket, units);
        if (bucket->level_ns > LIMITER_FULL_NS) {
            bucket->level_ns = LIMITER_FULL_NS;
        }
    }
}

static void bucket_take(struct limiter_bucket *bucket, uint64_t units, uint64_t now_ns)
{
    bucket->entered += units;
    bucket->in_flight += units;
    if (bucket->per_minute == 0) {
        lesson_take(&bucket->lesson, (double)units, now_ns);
    } else {
        bucket_refill(bucket, now_ns);
        bucket_lower(bucket, units);
    }
}

void limiter_init(struct limiter *limiter, uint64_t requests_per_minute, uint64_t tokens_per_minute,
                  uint64_t now_ns)
{
    *limiter = (struct limiter){
        .requests = { requests_per_minute, LIMITER_FULL_NS, now_ns, .entered = 0 },
        .tokens = { tokens_per_minute, LIMITER_FULL_NS, now_ns, .entered = 0 },
        .part = now_ns / LIMITER_PART_NS,
    };
}

uint64_t limiter_wait_ns(struct limiter *limiter, uint64_t tokens, uint64_t now_ns)
{
    uint64_t wait_ns = until_ns(limiter->rest_ns, now_ns);

    wait_ns = max_u64(wait_ns, bucket_wait_ns(&limiter->requests, 1, now_ns));
    return max_u64(wait_ns, bucket_wait_ns(&limiter->tokens, tokens, now_ns));
}

/* Note what had entered when each part of a second began, up to the one that runs. */
static void limiter_turn(struct limiter *limiter, uint64_t now_ns)
{
    uint64_t part = now_ns / LIMITER_PART_NS;

    if (part > limiter->part + LIMITER_PARTS) {
        limiter->part = part - LIMITER_PARTS;
    }
    while (limiter->part < part) {
        limiter->part++;
        limiter->requests.past[limiter->part % LIMITER_PARTS] = limiter->requests.entered;
        limiter->tokens.past[limiter->part % LIMITER_PARTS] = limiter->tokens.entered;
    }
}

static struct limiter_count bucket_count(const struct limiter_bucket *bucket, uint64_t first)
{
    return (struct limiter_count){
        .entered = bucket->entered,
        .returned = bucket->returned,
        .crowd = bucket->entered - bucket->past[first],
    };
}

struct limiter_mark limiter_take(struct limiter *limiter, uint64_t tokens, uint64_t now_ns)
{
    limiter_turn(limiter, now_ns);
    uint64_t first = (limiter->part + 1) % LIMITER_PARTS; /* the oldest one */

    bucket_take(&limiter->requests, 1, now_ns);
    bucket_take(&limiter->tokens, tokens, now_ns);
    return (struct limiter_mark){
        .at_ns = now_ns,
        .order = ++limiter->order,
        .requests = bucket_count(&limiter->requests, first),
        .tokens = bucket_count(&limiter->tokens, first),
    };
}

void limiter_leave(struct limiter *limiter, uint64_t tokens)
{
    assert(limiter->requests.in_flight >= 1);
    assert(limiter->tokens.in_flight >= tokens);
    limiter->requests.in_flight--;
    limiter->tokens.in_flight -= tokens;
}

static uint64_t limiter_jitter_ns(uint64_t chance)
{
    return (uint64_t)((double)LIMITER_JITTER_NS * ((double)(chance >> 11) / 9007199254740992.0));
}

/*
 * A bucket that is empty, and of which it is not known how it fills: nothing enters until it is
 * reset. How long that is at most is the rule of Retry-After, since this is one in other words.
 */
static void limiter_learn_rest(struct limiter *limiter, const struct limiter_answer *answer,
                               const struct limiter_bucket *bucket, const struct hints_bucket *said)
{
    if (bucket->per_minute != 0 || bucket->lesson.state != LESSON_UNKNOWN || said->remaining != 0 ||
        said->reset_ns == HINTS_NONE) {
        return;
    }
    uint64_t reset_ns = min_u64(said->reset_ns, LIMITER_REST_MAX_NS);
    limiter_rest(limiter, answer->now_ns + reset_ns + limiter_jitter_ns(answer->chance));
}

static void bucket_learn(struct limiter_bucket *bucket, const struct limiter_answer *answer,
                         const struct hints_bucket *said, uint64_t cost,
                         const struct limiter_count *then)
{
    uint64_t entered = bucket->entered - then->entered;
    uint64_t returned = bucket->returned - then->returned;

    lesson_learn(&bucket->lesson, &(struct lesson_answer){
                                      .said = said,
                                      .cost = (double)cost,
                                      .entered = (double)(entered - min_u64(entered, returned)),
                                      .entered_most = (double)entered,
                                      .crowd = (double)then->crowd,
                                      .in_flight = (double)bucket->in_flight,
                                      .order = answer->mark->order,
                                      .sent_ns = answer->mark->at_ns,
                                      .now_ns = answer->now_ns,
                                      .jitter_ns = limiter_jitter_ns(answer->chance),
                                      .refused = answer->refused,
                                  });
}

void limiter_learn(struct limiter *limiter, const struct limiter_answer *answer)
{
    struct limiter_bucket *requests = &limiter->requests, *tokens = &limiter->tokens;
    const struct hints_rate *said = answer->said;

    if (answer->refused) {
        bucket_give_back(tokens, answer->tokens);
    }
    if (requests->per_minute == 0) {
        bucket_give_back(requests, answer->refused); /* a rule is of what is sent */
        bucket_learn(requests, answer, &said->requests, 1, &answer->mark->requests);
    }
    if (tokens->per_minute == 0) {
        bucket_learn(tokens, answer, &said->tokens, answer->tokens, &answer->mark->tokens);
    }
    limiter_learn_rest(limiter, answer, &limiter->requests, &said->requests);
    limiter_learn_rest(limiter, answer, &limiter->tokens, &said->tokens);
}

void limiter_settle(struct limiter *limiter, uint64_t taken, uint64_t used)
{
    if (used > taken) {
        bucket_charge(&limiter->tokens, used - taken);
    } else {
        bucket_give_back(&limiter->tokens, taken - used);
    }
}

void limiter_rest(struct limiter *limiter, uint64_t until)
{
    limiter->rest_ns = max_u64(limiter->rest_ns, until);
}
