/*
 * compare: the command `quoit compare`: results of runs side by side, what has changed, and whether
 * that is more than chance.
 */
#ifndef QUOIT_BENCH_COMPARE_H
#define QUOIT_BENCH_COMPARE_H

#include "cli/exit.h"
#include "cli/option.h"

/* `words` is what stands behind `compare`. */
int compare_main(int count, char **words);

/* Its options. */
extern const struct option_table compare_table;

#endif
