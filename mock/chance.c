/* chance: see chance.h. The constants are those of splitmix64 (Steele, Lea, Flood 2014). */
#include "mock/chance.h"

#include <math.h>

static uint64_t chance_scramble(uint64_t number)
{
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9u;
    number = (number ^ (number >> 27)) * 0x94d049bb133111ebu;
    return number ^ (number >> 31);
}

uint64_t chance_mix(uint64_t first, uint64_t second)
{
    return chance_scramble(chance_scramble(first + 0x9e3779b97f4a7c15u) ^ second);
}

uint64_t chance_next(struct chance *chance)
{
    chance->state += 0x9e3779b97f4a7c15u;
    return chance_scramble(chance->state);
}

double chance_share(struct chance *chance)
{
    return (double)(chance_next(chance) >> 11) * 0x1p-53;
}

double chance_normal(struct chance *chance)
{
    double radius = sqrt(-2.0 * log(1.0 - chance_share(chance)));
    return radius * cos(2.0 * M_PI * chance_share(chance));
}
