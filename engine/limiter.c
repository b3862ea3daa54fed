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

/* They cost so much more than was taken. */
static void bucket_charge(struct limiter_bucket *bucket, uint64_t units)
{
    bucket->entered += units;
    if (bucket->per_minute != 0) {
        bucket->level_ns -= bucket_cost_ns(bucket, units);
        if (bucket->level_ns < -LIMITER_COST_MAX_NS) {
            bucket->level_ns = -LIMITER_COST_MAX_NS;
        }
    }
}

static void bucket_give_back(struct limiter_bucket *bucket, uint64_t units)
{
    bucket->entered -= units;
    if (bucket->per_minute != 0) {
        bucket->level_ns += bucket_cost_ns(bucket, units);
        if (bucket->level_ns > LIMITER_FULL_NS) {
            bucket->level_ns = LIMITER_FULL_NS;
        }
    }
}

static void bucket_take(struct limiter_bucket *bucket, uint64_t units, uint64_t now_ns)
{
    if (bucket->per_minute == 0) {
        lesson_take(&bucket->lesson, (double)units, now_ns);
    } else {
        bucket_refill(bucket, now_ns);
    }
    bucket_charge(bucket, units);
    bucket->in_flight += units;
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

struct limiter_mark limiter_take(struct limiter *limiter, uint64_t tokens, uint64_t now_ns)
{
    limiter_turn(limiter, now_ns);
    uint64_t first = limiter->part - min_u64(limiter->part, LIMITER_PARTS - 1);

    bucket_take(&limiter->requests, 1, now_ns);
    bucket_take(&limiter->tokens, tokens, now_ns);
    return (struct limiter_mark){
        .at_ns = now_ns,
        .order = ++limiter->order,
        .before_ns = first * LIMITER_PART_NS,
        .requests = limiter->requests.past[first % LIMITER_PARTS],
        .tokens = limiter->tokens.past[first % LIMITER_PARTS],
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

static void limiter_learn_bucket(struct limiter_bucket *bucket, const struct limiter_answer *answer,
                                 const struct hints_bucket *said, uint64_t cost, uint64_t entered)
{
    uint64_t since = bucket->entered - entered; /* "below 0": given back since then */

    if (bucket->per_minute != 0) {
        return;
    }
    lesson_learn(&bucket->lesson, &(struct lesson_answer){
                                      .said = said,
                                      .cost = (double)cost,
                                      .entered = since > INT64_MAX ? 0 : (double)since,
                                      .order = answer->mark->order,
                                      .in_flight = (double)bucket->in_flight,
                                      .sent_ns = answer->mark->at_ns,
                                      .before_ns = answer->mark->before_ns,
                                      .now_ns = answer->now_ns,
                                      .jitter_ns = limiter_jitter_ns(answer->chance),
                                      .refused = answer->refused,
                                  });
}

void limiter_learn(struct limiter *limiter, const struct limiter_answer *answer)
{
    const struct limiter_mark *mark = answer->mark;
    const struct hints_rate *said = answer->said;

    limiter_learn_bucket(&limiter->requests, answer, &said->requests, 1, mark->requests);
    limiter_learn_bucket(&limiter->tokens, answer, &said->tokens, answer->tokens, mark->tokens);
    limiter_learn_rest(limiter, answer, &limiter->requests, &said->requests);
    limiter_learn_rest(limiter, answer, &limiter->tokens, &said->tokens);
    if (answer->refused) {
        limiter->requests.entered--; /* it took none; its tokens are settled apart */
    }
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
