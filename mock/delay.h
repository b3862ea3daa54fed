/*
 * delay: a length of time that may differ from one draw to the next.
 *
 *     50ms                    always the same
 *     uniform:10ms:50ms       anything between
 *     lognormal:20ms:0.5      median and sigma: most are short, a few are long
 */
#ifndef QUOIT_MOCK_DELAY_H
#define QUOIT_MOCK_DELAY_H

#include "mock/chance.h"

#include <stdbool.h>

enum delay_kind {
    DELAY_FIXED,
    DELAY_UNIFORM,
    DELAY_LOGNORMAL,
};

struct delay {
    enum delay_kind kind;
    uint64_t low_ns;  /* the length, the lower end, or the median */
    uint64_t high_ns; /* the upper end of UNIFORM */
    double sigma;     /* of LOGNORMAL */
};

/* False, and *delay_out as it was, if `text` is none of the above. Cuts `text` into pieces. */
bool delay_parse(char *text, struct delay *delay_out);

/* A fixed delay draws nothing from `chance`. */
uint64_t delay_draw_ns(const struct delay *delay, struct chance *chance);

#endif
