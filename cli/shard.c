/*
 * shard: see shard.h.
 */
#include "cli/shard.h"

#include "cli/values.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SHARD_SYNTAX "say I/N, I from 0 to N - 1, or auto, or auto/N"

/* False: it is not set, or no number. */
static bool shard_read_variable(const char *name, uint64_t *value_out)
{
    const char *text = getenv(name);

    return text != NULL && values_count(text, value_out);
}

/* SLURM's or the indexed job's number of this process. */
static const char *shard_find_index(struct shard *shard)
{
    static const char *const names[] = { "SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (shard_read_variable(names[i], &shard->index)) {
            shard->variable = names[i];
            return NULL;
        }
    }
    return "auto needs SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX, and neither is set";
}

/* How many there are, where only the environment knows. */
static const char *shard_find_count(struct shard *shard)
{
    uint64_t first = 0, last = 0, step = 1;

    if (strncmp(shard->variable, "SLURM", 5) != 0 ||
        !shard_read_variable("SLURM_ARRAY_TASK_COUNT", &shard->count) ||
        !shard_read_variable("SLURM_ARRAY_TASK_MIN", &first)) {
        return "auto does not know how many shards there are: say auto/N";
    }
    last = first + shard->count - 1; /* the array's own maximum, unless it has gaps */
    (void)shard_read_variable("SLURM_ARRAY_TASK_MAX", &last);
    (void)shard_read_variable("SLURM_ARRAY_TASK_STEP", &step);
    if (shard->count < 2 || first > 1 || step != 1 || last - first + 1 != shard->count ||
        shard->index < first) {
        return "auto takes an array that is whole: one that begins at 0 or 1, with no gaps and "
               "more "
               "than one task; for another one say auto/N";
    }
    shard->index -= first;
    return NULL;
}

const char *shard_parse(struct shard *shard_out, const char *text)
{
    struct shard shard = { .index = 0 };
    const char *slash = strchr(text, '/');
    size_t size = slash != NULL ? (size_t)(slash - text) : strlen(text);
    bool is_auto = size == 4 && memcmp(text, "auto", 4) == 0;
    const char *fault = is_auto ? shard_find_index(&shard) : NULL;
    char digits[24];

    if (slash != NULL && !values_count(slash + 1, &shard.count)) {
        return SHARD_SYNTAX;
    }
    if (!is_auto) {
        if (slash == NULL || size >= sizeof(digits)) {
            return SHARD_SYNTAX;
        }
        memcpy(digits, text, size);
        digits[size] = '\0';
        fault = values_count(digits, &shard.index) ? NULL : SHARD_SYNTAX;
    } else if (fault == NULL && slash == NULL) {
        fault = shard_find_count(&shard);
    }
    if (fault != NULL) {
        return fault;
    }
    if (shard.count == 0 || shard.count > SHARD_COUNT_MAX) {
        return "at least one shard, and at most a million";
    }
    if (shard.index >= shard.count) {
        return "there is no such shard: they are counted from 0, so the last of N is N - 1";
    }
    *shard_out = shard;
    return NULL;
}

/* size * index / count, without the product, which may not fit. */
static uint64_t shard_place(uint64_t size, uint64_t index, uint64_t count)
{
    return size / count * index + size % count * index / count;
}

void shard_cut(struct shard *shard, uint64_t size)
{
    shard->begin = shard_place(size, shard->index, shard->count);
    shard->end = shard_place(size, shard->index + 1, shard->count);
}
