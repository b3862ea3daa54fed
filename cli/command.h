/*
 * command: a row of the table of quoit's commands. What finds a command, the list of --help and the
 * completions of shells are all made of these rows.
 */
#ifndef QUOIT_CLI_COMMAND_H
#define QUOIT_CLI_COMMAND_H

struct option_table;

struct command {
    const char *name;
    const char *words; /* what stands behind it, in the list of commands; "": nothing has to */
    const char *help;  /* a newline begins another line */
    int (*run)(int count, char **words); /* `words` is what stands behind the name */
    const struct option_table *table;
};

#endif
