/*
 * measure: the table of measure.h, to be looked up.
 */
#include "bench/measure.h"

#include <stdlib.h>
#include <string.h>

const struct measure_row measure_rows[MEASURES] = {
#define MEASURE_X(measure, name, object, member, count, min, unit, more, key)                      \
    [MEASURE_##measure] = { name, object, member, count, min, MEASURE_##unit, more, key },
    MEASURE_MAP(MEASURE_X)
#undef MEASURE_X
};

enum measure measure_find(const char *name)
{
    unsigned measure = 0;

    while (measure < MEASURES && strcmp(measure_rows[measure].name, name) != 0) {
        measure++;
    }
    return (enum measure)measure;
}

const char *measure_unit_name(enum measure_unit unit)
{
    switch (unit) {
    case MEASURE_PER_SECOND:
        return "/s";
    case MEASURE_PERCENT:
        return "%";
    case MEASURE_MILLISECONDS:
        return "ms";
    case MEASURE_MICROSECONDS:
        return "us";
    }
    abort(); /* a unit without a case */
}
