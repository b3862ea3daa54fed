/*
 * doctor: `quoit doctor`: can this machine run quoit, and how fast is the client itself here.
 *
 *     checks -> self-test -> what was found, as a table and as JSON -> one line that sums up
 *
 * It changes nothing, asks no name and no server but its own stand-in, and shows no secret.
 */
#ifndef QUOIT_CLI_DOCTOR_H
#define QUOIT_CLI_DOCTOR_H

#include "cli/exit.h"
#include "cli/option.h"

/*
 * The words behind `quoit doctor`. EXIT_GOOD: all is well; EXIT_FAILED: it runs, and something
 * could be better; EXIT_START: it cannot run; EXIT_OUTPUT: the file of --json cannot be written.
 */
int doctor_main(int count, char **words);

/* Its options. */
extern const struct option_table doctor_table;

#endif
