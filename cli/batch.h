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

/* `words` is what stands behind `batch`. Returns the exit code. */
int batch_main(int count, char **words);

#endif
