/*
 * hlog_merge: `quoit merge` of histogram logs: what all of them count under a tag, as one interval.
 *
 * An interval of the result reaches from the earliest begin of its tag to the latest end. A line
 * that cannot be read ends it all, since a result without it would be wrong and look right.
 */
#ifndef QUOIT_CLI_HLOG_MERGE_H
#define QUOIT_CLI_HLOG_MERGE_H

#include "cli/exit.h"

#include <stdbool.h>
#include <stdint.h>

struct hlog_merge_options {
    char **files;
    uint64_t files_count;
    const char *output; /* as for sink_open */
    bool overwrite, quiet;
};

/* Is one of the files a histogram log? */
bool hlog_merge_is_meant(char **files, uint64_t files_count);

enum exit_code hlog_merge(const struct hlog_merge_options *options);

#endif
