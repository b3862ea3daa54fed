/*
 * main: the command `quoit`, which finds the command that was asked for.
 */
#include "bench/bench.h"
#include "bench/compare.h"
#include "cli/batch.h"
#include "cli/check.h"
#include "cli/doctor.h"
#include "cli/merge.h"
#include "cli/retry_failed.h"
#include "cli/version.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_help(FILE *to)
{
    fputs(
        "quoit: throw HTTP queries in large batches, get every answer back.\n"
        "\n"
        "  quoit batch INPUT [-o OUTPUT]   run a file of queries, write a file of answers\n"
        "  quoit bench URL                 measure a server\n"
        "  quoit check INPUT               what is in a file of queries, and what is wrong with "
        "it\n"
        "  quoit compare BASE OTHER...     results of runs side by side: what has changed, and is "
        "it chance\n"
        "  quoit merge FILE... -o OUTPUT   join files of answers of several runs or shards\n"
        "  quoit retry-failed INPUT OUTPUT...\n"
        "                                  the queries that failed or are missing, as a new input\n"
        "  quoit doctor                    can this machine run it, and how fast\n"
        "  quoit COMMAND --help            all options of a command\n"
        "  quoit --version                 versions, and what the kernel can do\n",
        to);
}

/*
 * A standard stream that is closed leaves its number to the next file that is opened, which would
 * then be written to in its place. What is put there instead refuses to be used.
 */
static void hold_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

/* What was printed must have arrived. */
static int close_stdout(int exit_code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("quoit: stdout");
        return EXIT_OUTPUT;
    }
    return exit_code;
}

static const struct {
    const char *name;
    int (*run)(int count, char **words); /* `words` is what stands behind the name */
} commands[] = {
    { "batch", batch_main },
    { "bench", bench_main },
    { "check", check_main },
    { "compare", compare_main },
    { "doctor", doctor_main },
    { "merge", merge_main },
    { "retry-failed", retry_failed_main },
};

/* False: there is no command of that name. */
static bool run_command(const char *name, int count, char **words, int *exit_code_out)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            *exit_code_out = commands[i].run(count, words);
            return true;
        }
    }
    return false;
}

int main(int count, char **words)
{
    const char *word = count > 1 ? words[1] : "";

    int exit_code = EXIT_GOOD;

    hold_standard_streams();
    if (run_command(word, count - 2, words + 2, &exit_code)) {
        return close_stdout(exit_code);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help(stdout);
        return close_stdout(0);
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        version_print();
        return close_stdout(0);
    }
    if (count < 2) {
        print_help(stderr);
    } else {
        fprintf(stderr, "quoit: unknown command %s: see quoit --help\n", word);
    }
    return EXIT_USAGE;
}
