/*
 * draw: random numbers that a seed repeats, and the distributions that a load needs of them.
 *
 * The generator is splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
 * OOPSLA 2014), its state is the seed, so that anybody can repeat a run's numbers. Two purposes of
 * one run need two seeds: with the same one, they would draw the same numbers.
 */
#ifndef QUOIT_BENCH_DRAW_H
#define QUOIT_BENCH_DRAW_H

#include <stdint.h>

struct draw {
    uint64_t state; /* at first the seed; every one is as good as any other */
};

/* Uniform over all 64-bit values. */
uint64_t draw_bits(struct draw *draw);

/* Uniform in [0, 1), in steps of 2^-53. */
double draw_share(struct draw *draw);

/* Exponential, with a mean of 1: the gaps of a Poisson process. */
double draw_exponential(struct draw *draw);

/*
 * Gamma of this shape, above 0, with a mean of 1: so its variance is 1 / shape. A shape of 1 is the
 * exponential distribution (but takes other numbers of the seed); below, most draws are close to 0
 * and a few are large.
 *
 *   Costs    some five times as much as draw_exponential.
 */
double draw_gamma(struct draw *draw, double shape);

#endif
