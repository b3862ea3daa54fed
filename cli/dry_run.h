/*
 * dry_run: the first request of a batch, as it would be sent, with what is secret hidden.
 */
#ifndef QUOIT_CLI_DRY_RUN_H
#define QUOIT_CLI_DRY_RUN_H

#include "cli/input.h"
#include "cli/prepare.h"

/*
 * Print that of the first good line on stdout, and on stderr why those before it are none. False:
 * no line is good, or they cannot be read; a line on stderr says so.
 */
bool dry_run_print(struct prepare *prepare, struct input *input);

#endif
