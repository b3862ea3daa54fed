/*
 * limiter: two token buckets, requests and tokens. Pure arithmetic; time is an argument.
 *
 * A bucket is measured in time: it holds at most a minute, refills by a nanosecond a nanosecond,
 * and n units cost n minutes divided by the rate. So nothing is rounded but the cost. What costs
 * more than a full bucket enters when the bucket is full and leaves it below zero.
 */
#ifndef QUOIT_ENGINE_LIMITER_H
#define QUOIT_ENGINE_LIMITER_H

#include "quoit.h"

struct limiter_bucket {
    uint64_t per_minute; /* 0: no limit */
    int64_t level_ns;
    uint64_t read_ns; /* the instant of level_ns */
};

struct limiter {
    struct limiter_bucket requests, tokens;
    uint64_t rest_ns; /* an instant before which nothing enters: the server said so */
};

void limiter_init(struct limiter *limiter, uint64_t requests_per_minute, uint64_t tokens_per_minute,
                  uint64_t now_ns);

/* How long until a request of so many tokens may enter; 0: now. */
uint64_t limiter_wait_ns(struct limiter *limiter, uint64_t tokens, uint64_t now_ns);

/* It enters. limiter_wait_ns has just said 0. */
void limiter_take(struct limiter *limiter, uint64_t tokens, uint64_t now_ns);

/* It took `used` tokens, not `taken`. */
void limiter_settle(struct limiter *limiter, uint64_t taken, uint64_t used);

/* Nothing enters before that instant. */
void limiter_rest(struct limiter *limiter, uint64_t until_ns);

#endif
