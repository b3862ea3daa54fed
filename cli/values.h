/*
 * values: durations, sizes and counts as people write them on a command line.
 *
 * Pure. A value that is not wholly understood is refused and leaves *_out alone; nothing is
 * guessed, and nothing overflows.
 */
#ifndef QUOIT_CLI_VALUES_H
#define QUOIT_CLI_VALUES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A number, perhaps with a fraction, and us, ms, s, m or h; `0` alone; or `none`, which is
 * UINT64_MAX, QUOIT_NEVER. The longest is ten years.
 */
bool values_duration(const char *text, uint64_t *ns_out);

/*
 * A number, perhaps with a fraction, and nothing (bytes), k (1,000), m (1,000,000), KiB, MiB or
 * GiB; or `none`, which is UINT64_MAX.
 */
bool values_size(const char *text, uint64_t *size_out);

/* Decimal digits, and nothing else. */
bool values_count(const char *text, uint64_t *count_out);

#endif
