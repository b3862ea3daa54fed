/*
 * shard: which part of the input is ours, when several processes share one file.
 *
 *     "3/8"           the fourth of eight
 *     "auto/8"        of eight the one that SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX names, from
 * 0 "auto"          the same; how many there are says SLURM too
 *
 * Shard i of n takes the lines that begin in bytes [i * size / n, (i + 1) * size / n) of the file.
 * So nobody has to read what belongs to others, and every line is in exactly one shard; a shard may
 * be empty.
 *
 * SLURM's count of tasks is that of the array that was submitted. When one task of eight is
 * submitted again, alone, it is an array of one task, which must not take the file for itself. So
 * "auto" takes no array but one that begins at 0 or 1, has no gaps and has more than one task;
 * "auto/N" has no such doubts.
 */
#ifndef QUOIT_CLI_SHARD_H
#define QUOIT_CLI_SHARD_H

#include <stdbool.h>
#include <stdint.h>

#define SHARD_COUNT_MAX 1000000

struct shard {
    uint64_t index, count; /* index from 0 */
    const char *variable;  /* the one that index is from; NULL: it was given */
    uint64_t begin, end;   /* of size bytes; see shard_cut */
};

/*
 * Read `text`, and the environment where it says "auto". Returns NULL, or why it cannot be: static,
 * for a message that begins with the option's name.
 */
const char *shard_parse(struct shard *shard_out, const char *text);

/* Find begin and end in a file of that size. */
void shard_cut(struct shard *shard, uint64_t size);

#endif
