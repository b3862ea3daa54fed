/*
 * outputs: the files that a run writes, from their names to where its first line goes.
 *
 *     open --> no two the same --> lock --> empty, or read what an earlier run has left
 *
 * Nothing is changed in any file before all are open, told apart and locked.
 *
 * It fails with a line on stderr, and returns the exit code of it; else 0.
 */
#ifndef QUOIT_CLI_OUTPUTS_H
#define QUOIT_CLI_OUTPUTS_H

#include "cli/input.h"
#include "cli/journal.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"

struct outputs {
    struct output output;
    struct output_file summary; /* fd -1: none */
    struct journal journal;     /* of --resume; journal.ids is the caller's */
};

/* Nothing is open. */
void outputs_init(struct outputs *outputs);

int outputs_open(struct outputs *outputs, const struct options *options, const struct input *input);

/* One line of what was found, if the run goes on with something. */
void outputs_say(const struct outputs *outputs, struct progress *progress);

/*
 * The run is over. `complete`: it has read all that it was to read, so that answers to lines that
 * have changed may go. False: output.failed says why.
 */
bool outputs_finish(struct outputs *outputs, const struct options *options, bool complete,
                    struct progress *progress);

void outputs_free(struct outputs *outputs);

#endif
