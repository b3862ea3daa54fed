/*
 * quota: a token bucket, and what OpenAI's headers say of it.
 *
 *     capacity, refilled at capacity / 60 a second: --rpm for requests, --tpm for tokens.
 *
 * "reset" is the time until the bucket is full again, as a Go duration (12ms, 1s, 6m0s).
 */
#ifndef QUOIT_MOCK_QUOTA_H
#define QUOIT_MOCK_QUOTA_H

#include "mock/blob.h"

#include <stdbool.h>

struct quota {
    uint64_t per_minute; /* 0: no limit, and no headers */
    uint64_t capacity;
    double level;   /* at at_ns; never below 0 */
    uint64_t at_ns; /* CLOCK_MONOTONIC */
};

/* Full at now_ns. `capacity` 0: as much as comes in a minute. */
void quota_init(struct quota *quota, uint64_t per_minute, uint64_t capacity, uint64_t now_ns);

/* Refill up to now_ns. Is `amount` there? More than the capacity is, when the bucket is full. */
bool quota_has(struct quota *quota, double amount, uint64_t now_ns);

/* Take it, down to 0. */
void quota_take(struct quota *quota, double amount);

/* Nanoseconds from at_ns until `amount` is there. */
uint64_t quota_wait_ns(const struct quota *quota, double amount);

/* Append x-ratelimit-{limit,remaining,reset}-NAME lines; nothing where there is no limit. */
void quota_write_headers(const struct quota *quota, const char *name, struct blob *out);

#endif
