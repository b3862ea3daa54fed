/* delay: see delay.h. */
#include "mock/delay.h"

#include "mock/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DELAY_NS_MAX (24.0 * 3600 * 1e9)

bool delay_parse(char *text, struct delay *delay_out)
{
    struct delay delay = { .kind = DELAY_FIXED };
    char *low = text_cut(text, ':');
    char *high = low == NULL ? NULL : text_cut(low, ':');

    if (low == NULL) {
        if (!text_to_ns(text, &delay.low_ns)) {
            return false;
        }
    } else if (strcmp(text, "uniform") == 0) {
        delay.kind = DELAY_UNIFORM;
        if (high == NULL || !text_to_ns(low, &delay.low_ns) || !text_to_ns(high, &delay.high_ns) ||
            delay.high_ns < delay.low_ns) {
            return false;
        }
    } else if (strcmp(text, "lognormal") == 0) {
        delay.kind = DELAY_LOGNORMAL;
        if (high == NULL || !text_to_ns(low, &delay.low_ns) ||
            !text_to_real(high, 10, &delay.sigma)) {
            return false;
        }
    } else {
        return false;
    }
    *delay_out = delay;
    return true;
}

uint64_t delay_draw_ns(const struct delay *delay, struct chance *chance)
{
    switch (delay->kind) {
    case DELAY_FIXED:
        return delay->low_ns;
    case DELAY_UNIFORM:
        return delay->low_ns +
               (uint64_t)(chance_share(chance) * (double)(delay->high_ns - delay->low_ns));
    case DELAY_LOGNORMAL: {
        double ns = (double)delay->low_ns * exp(delay->sigma * chance_normal(chance));
        return (uint64_t)fmin(ns, DELAY_NS_MAX);
    }
    }
    abort(); /* a kind without a case */
}
