/*
 * merge: the command `quoit merge`: files of answers of several runs or shards, joined into one.
 *
 *     answers_gather --> with --input: the input's lines, in their order
 *                    --> what is left, in the order of the files
 *
 * Each custom_id comes once: a good answer rather than a failed one, and among equals that of the
 * later file, or of the later line. Lines without a custom_id come once for what was asked and its
 * line number. Lines go through byte for byte. Histogram logs go to cli/hlog_merge.
 */
#ifndef QUOIT_CLI_MERGE_H
#define QUOIT_CLI_MERGE_H

#include "cli/exit.h"
#include "cli/option.h"

/* `words` is what stands behind `merge`. */
int merge_main(int count, char **words);

/* Its options. */
extern const struct option_table merge_table;

#endif
