/*
 * main: the command `quoit`, which finds the command that was asked for.
 */
#include "bench/bench.h"
#include "bench/compare.h"
#include "bench/options.h"
#include "cli/batch.h"
#include "cli/check.h"
#include "cli/completions.h"
#include "cli/doctor.h"
#include "cli/merge.h"
#include "cli/options.h"
#include "cli/retry_failed.h"
#include "cli/version.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
    { "batch", "INPUT [-o OUTPUT]", "run a file of queries, write a file of answers", batch_main,
      &options_table },
    { "bench", "URL", "measure a server", bench_main, &bench_options_table },
    { "check", "INPUT", "what is in a file of queries, and what is wrong with it", check_main,
      &check_table },
    { "compare", "BASE OTHER...",
      "results of runs side by side: what has changed, and is it chance", compare_main,
      &compare_table },
    { "merge", "FILE... -o OUTPUT", "join files of answers of several runs or shards", merge_main,
      &merge_table },
    { "retry-failed", "INPUT OUTPUT...", "the queries that failed or are missing, as a new input",
      retry_failed_main, &retry_failed_table },
    { "doctor", "", "can this machine run it, and how fast", doctor_main, &doctor_table },
};

#define COMMANDS_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
    fputs("quoit: throw HTTP queries in large batches, get every answer back.\n\n", to);
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        char left[64];
        int size =
            snprintf(left, sizeof(left), "  quoit %s %s", commands[i].name, commands[i].words);
        fprintf(to, size > 33 ? "%s\n%34s" : "%-34s%s", left, "");
        fprintf(to, "%s\n", commands[i].help);
    }
    fputs("  quoit COMMAND --help            all options of a command\n"
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

/* False: there is no command of that name. */
static bool run_command(const char *name, int count, char **words, int *exit_code_out)
{
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
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
    if (strcmp(word, "--completions") == 0) { /* of the build alone, so --help is silent on it */
        if (count == 3 && completions_print(words[2], commands, COMMANDS_COUNT, stdout)) {
            return close_stdout(0);
        }
        fputs("quoit: --completions: say one of bash|zsh|fish\n", stderr);
    } else if (count < 2) {
        print_help(stderr);
    } else {
        fprintf(stderr, "quoit: unknown command %s: see quoit --help\n", word);
    }
    return EXIT_USAGE;
}
