/*
 * dry_run: the first request of a batch, as it would be sent, with what is secret hidden.
 */
#ifndef QUOIT_CLI_DRY_RUN_H
#define QUOIT_CLI_DRY_RUN_H

#include "cli/input.h"
#include "cli/prepare.h"

/* Print it on stdout. False: the first line is no request; a line on stderr says why. */
bool dry_run_print(struct prepare *prepare, struct input *input);

#endif
