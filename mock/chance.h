/*
 * chance: random numbers that a seed repeats (splitmix64).
 *
 * What the mock draws for a request is seeded with --seed, the hash of its body and how often that
 * was executed before. So a run's outcome does not depend on the order in which requests arrive.
 */
#ifndef QUOIT_MOCK_CHANCE_H
#define QUOIT_MOCK_CHANCE_H

#include <stdint.h>

struct chance {
    uint64_t state;
};

/* One number out of two, each of whose bits depends on all of theirs. */
uint64_t chance_mix(uint64_t first, uint64_t second);

/* The next number; uniform over all 64-bit values. */
uint64_t chance_next(struct chance *chance);

/* Uniform in [0, 1). */
double chance_share(struct chance *chance);

/* Normal, mean 0 and deviation 1. */
double chance_normal(struct chance *chance);

#endif
