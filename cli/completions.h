/*
 * completions: what a shell needs to complete the command line of quoit.
 *
 *     table of commands, their tables of options --completions_print--> a script for that shell
 *
 * The script is made when quoit is built, and installed where the shell looks for it. It knows the
 * commands, their options, the words that an option chooses from, and where files are meant. It
 * never starts quoit.
 */
#ifndef QUOIT_CLI_COMPLETIONS_H
#define QUOIT_CLI_COMPLETIONS_H

#include "cli/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* False, with nothing written: `shell` is not bash, zsh or fish. */
bool completions_print(const char *shell, const struct command *commands, size_t count, FILE *to);

#endif
