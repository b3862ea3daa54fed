/*
 * limiter: see limiter.h.
 */
#include "engine/limiter.h"

#include "base/bits.h"

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
    if (bucket->per_minute == 0 || units == 0) {
        return 0;
    }
    bucket_refill(bucket, now_ns);
    int64_t cost_ns = bucket_cost_ns(bucket, units);
    int64_t needed_ns = cost_ns < LIMITER_FULL_NS ? cost_ns : LIMITER_FULL_NS;
    return bucket->level_ns >= needed_ns ? 0 : (uint64_t)(needed_ns - bucket->level_ns);
}

static void bucket_take(struct limiter_bucket *bucket, uint64_t units)
{
    if (bucket->per_minute != 0) {
        bucket->level_ns -= bucket_cost_ns(bucket, units);
        if (bucket->level_ns < -LIMITER_COST_MAX_NS) {
            bucket->level_ns = -LIMITER_COST_MAX_NS;
        }
    }
}

static void bucket_give_back(struct limiter_bucket *bucket, uint64_t units)
{
    if (bucket->per_minute != 0) {
        bucket->level_ns += bucket_cost_ns(bucket, units);
        if (bucket->level_ns > LIMITER_FULL_NS) {
            bucket->level_ns = LIMITER_FULL_NS;
        }
    }
}

void limiter_init(struct limiter *limiter, uint64_t requests_per_minute, uint64_t tokens_per_minute,
                  uint64_t now_ns)
{
    *limiter = (struct limiter){
        .requests = { requests_per_minute, LIMITER_FULL_NS, now_ns },
        .tokens = { tokens_per_minute, LIMITER_FULL_NS, now_ns },
    };
}

uint64_t limiter_wait_ns(struct limiter *limiter, uint64_t tokens, uint64_t now_ns)
{
    uint64_t wait_ns = until_ns(limiter->rest_ns, now_ns);

    wait_ns = max_u64(wait_ns, bucket_wait_ns(&limiter->requests, 1, now_ns));
    return max_u64(wait_ns, bucket_wait_ns(&limiter->tokens, tokens, now_ns));
}

void limiter_take(struct limiter *limiter, uint64_t tokens, uint64_t now_ns)
{
    bucket_refill(&limiter->requests, now_ns);
    bucket_refill(&limiter->tokens, now_ns);
    bucket_take(&limiter->requests, 1);
    bucket_take(&limiter->tokens, tokens);
}

void limiter_settle(struct limiter *limiter, uint64_t taken, uint64_t used)
{
    if (used > taken) {
        bucket_take(&limiter->tokens, used - taken);
    } else {
        bucket_give_back(&limiter->tokens, taken - used);
    }
}

void limiter_rest(struct limiter *limiter, uint64_t until)
{
    limiter->rest_ns = max_u64(limiter->rest_ns, until);
}
