/*
 * draw: inversion for the exponential distribution; for gamma Marsaglia and Tsang, A simple method
 * for generating gamma variables, ACM TOMS 26 (2000).
 */
#include "bench/draw.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

uint64_t draw_bits(struct draw *draw)
{
    uint64_t bits = draw->state += 0x9e3779b97f4a7c15u;

    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

double draw_share(struct draw *draw)
{
    return (double)(draw_bits(draw) >> 11) * 0x1p-53;
}

/* Uniform in (0, 1], so that it has a logarithm. */
static double draw_positive(struct draw *draw)
{
    return 1 - draw_share(draw);
}

double draw_exponential(struct draw *draw)
{
    return -log(draw_positive(draw));
}

/* Mean 0 and deviation 1, by Box and Muller. */
static double draw_normal(struct draw *draw)
{
    double radius = sqrt(-2 * log(draw_positive(draw)));

    return radius * cos(2 * M_PI * draw_share(draw));
}

/* Is this one kept? Of the cubes of normal draws, those that are kept have gamma's density. */
static bool draw_accepts(struct draw *draw, double size, double normal, double cube)
{
    return cube > 0 &&
           log(draw_positive(draw)) < normal * normal / 2 + size - size * cube + size * log(cube);
}

double draw_gamma(struct draw *draw, double shape)
{
    /* The method needs a shape of 1 or more; a power of a uniform draw leads back from there. */
    double size = (shape < 1 ? shape + 1 : shape) - 1.0 / 3;
    double deviation = 1 / sqrt(9 * size);
    double normal, cube;

    assert(shape > 0);
    do { /* 19 of 20 are taken at once, whatever the shape */
        normal = draw_normal(draw);
        double root = 1 + deviation * normal;
        cube = root * root * root;
    } while (!draw_accepts(draw, size, normal, cube));
    double value = size * cube / shape;
    return shape < 1 ? value * pow(draw_positive(draw), 1 / shape) : value;
}
