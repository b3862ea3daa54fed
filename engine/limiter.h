/*
 * limiter: two token buckets, requests and tokens. Pure arithmetic; time is an argument.
 *
 * A bucket with a rule is measured in time: it holds at most a minute, refills by a nanosecond a
 * nanosecond, and n units cost n minutes divided by the rate. So nothing is rounded but the cost.
 * What costs more than a full bucket enters when the bucket is full and leaves it below zero.
 *
 * A bucket without a rule is learned from the answers (lesson.h). Until something was learned it
 * limits nothing.
 *
 * What is asked of whom, for each attempt: limiter_wait_ns until it says 0, limiter_take, and when
 * it is over limiter_leave, then limiter_learn if there was an answer.
 */
#ifndef QUOIT_ENGINE_LIMITER_H
#define QUOIT_ENGINE_LIMITER_H

#include "engine/lesson.h"
#include "http/hints.h"
#include "quoit.h"

#define LIMITER_PARTS 5 /* quarters: one that runs, and four that have begun before it */

struct limiter_bucket {
    uint64_t per_minute; /* the rule; 0: it is learned */
    int64_t level_ns;
    uint64_t read_ns; /* the instant of level_ns */
    struct lesson lesson;
    uint64_t entered;             /* units so far */
    uint64_t returned;            /* of them were given back */
    uint64_t past[LIMITER_PARTS]; /* `entered` at the begin of each part of a second; a ring */
    uint64_t in_flight;           /* units of requests under way */
};

/* Where a bucket stood, a request that has just entered included. */
struct limiter_count {
    uint64_t entered, returned;
    uint64_t crowd; /* what entered in about a second */
};

/* Where a limiter stood when it let a request in. */
struct limiter_mark {
    uint64_t at_ns, order;
    struct limiter_count requests, tokens;
};

/* What became of a request that had been let in. */
struct limiter_answer {
    const struct limiter_mark *mark;
    uint64_t tokens; /* that it took */
    const struct hints_rate *said;
    bool refused; /* it is a 429 */
    uint64_t now_ns;
    uint64_t chance; /* uniform over all 64-bit values; it spreads the clients apart */
};

struct limiter {
    struct limiter_bucket requests, tokens;
    uint64_t order;   /* requests let in */
    uint64_t part;    /* the number of the newest part of a second that has its place in `past` */
    uint64_t rest_ns; /* an instant before which nothing enters: the server said so */
};

void limiter_init(struct limiter *limiter, uint64_t requests_per_minute, uint64_t tokens_per_minute,
                  uint64_t now_ns);

/* How long until a request of so many tokens may enter; 0: now. */
uint64_t limiter_wait_ns(struct limiter *limiter, uint64_t tokens, uint64_t now_ns);

/* It enters. limiter_wait_ns has just said 0. */
struct limiter_mark limiter_take(struct limiter *limiter, uint64_t tokens, uint64_t now_ns);

/* A request that took so many tokens is not under way any more. */
void limiter_leave(struct limiter *limiter, uint64_t tokens);

/* What its answer says of the buckets that are learned. What was refused gives its tokens back. */
void limiter_learn(struct limiter *limiter, const struct limiter_answer *answer);

/* It took `used` tokens, not `taken`. Of what was refused nothing was taken: limiter_learn. */
void limiter_settle(struct limiter *limiter, uint64_t taken, uint64_t used);

/* Nothing enters before that instant. */
void limiter_rest(struct limiter *limiter, uint64_t until_ns);

#endif
