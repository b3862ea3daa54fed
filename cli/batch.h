/*
 * batch: the command `quoit batch`, from its words to its exit code.
 *
 *     options --> server, headers, key --> input --> TLS, engine --> output --> run --> summary
 *
 * Each step that fails says in one line what is wrong and what to do, and nothing behind it is
 * begun: no output is emptied before the run can start.
 */
#ifndef QUOIT_CLI_BATCH_H
#define QUOIT_CLI_BATCH_H

enum batch_exit {
    BATCH_EXIT_GOOD = 0,
    BATCH_EXIT_FAILED = 1, /* some requests failed, or the run was stopped */
    BATCH_EXIT_USAGE = 2,
    BATCH_EXIT_START = 3,
    BATCH_EXIT_OUTPUT = 4,
    BATCH_EXIT_SIGNAL = 128, /* and the signal's number */
};

/* `words` is what stands behind `batch`. Returns the exit code. */
int batch_main(int count, char **words);

#endif
