/*
 * facts: what the kernel tells of itself in small files: /proc, /sys, and those of /etc that are
 * like them.
 *
 * Every path is looked up under `root`, so that a test can make a machine out of a folder. A file
 * that is missing, unreadable or not as expected is no error: the fact is not known.
 */
#ifndef QUOIT_CLI_FACTS_H
#define QUOIT_CLI_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACTS_LINE_MAX 512
#define FACTS_PATH_MAX 1024

struct facts {
    const char *root; /* "" is this machine */
};

/* The first line, without its end. False, with `out` empty: not known. */
bool facts_line(const struct facts *facts, const char *path, char out[FACTS_LINE_MAX]);

/* A number that is alone in its file; "max" is UINT64_MAX. False: not known. */
bool facts_number(const struct facts *facts, const char *path, uint64_t *number_out);

/* Of the first line "KEY number" or "KEY: number". False: not known. */
bool facts_field(const struct facts *facts, const char *path, const char *key,
                 uint64_t *number_out);

/* How many lines begin with that word. False: the file cannot be read. */
bool facts_count_lines(const struct facts *facts, const char *path, const char *word,
                       uint64_t *count_out);

bool facts_exists(const struct facts *facts, const char *path);

#endif
