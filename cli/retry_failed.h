/*
 * retry_failed: the command `quoit retry-failed`: the queries of an input that have no good answer
 * yet, as a new input.
 *
 *     outputs --answers_gather--> what is known of each custom_id
 *     input, line by line --> those that failed or are missing, byte for byte
 *
 * The outputs are read as by `quoit merge`, so a good answer in any of them counts.
 */
#ifndef QUOIT_CLI_RETRY_FAILED_H
#define QUOIT_CLI_RETRY_FAILED_H

#include "cli/exit.h"
#include "cli/option.h"

/* `words` is what stands behind `retry-failed`. */
int retry_failed_main(int count, char **words);

/* Its options. */
extern const struct option_table retry_failed_table;

#endif
