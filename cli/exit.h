/*
 * exit: what the exit code of a command means; the same for all of them.
 */
#ifndef QUOIT_CLI_EXIT_H
#define QUOIT_CLI_EXIT_H

enum exit_code {
    EXIT_GOOD = 0,
    EXIT_FAILED = 1, /* done, but not all is well: what failed is told */
    EXIT_USAGE = 2,
    EXIT_START = 3, /* it could not start, or not read its input */
    EXIT_OUTPUT = 4,
    EXIT_MISSED = 99,  /* a threshold that was asked for was missed */
    EXIT_SIGNAL = 128, /* and the signal's number */
};

#endif
