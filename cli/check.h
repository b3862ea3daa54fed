/*
 * check: the command `quoit check`: what is in a file of queries, and what is wrong with it.
 *
 * Every line is judged by the code that `quoit batch` prepares its requests with, so that what is
 * good here is good there.
 */
#ifndef QUOIT_CLI_CHECK_H
#define QUOIT_CLI_CHECK_H

#include "cli/exit.h"
#include "cli/option.h"

/* `words` is what stands behind `check`. */
int check_main(int count, char **words);

/* Its options. */
extern const struct option_table check_table;

#endif
