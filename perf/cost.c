/*
 * cost: run a command, and tell what it took, as seen from outside.
 *
 *     cost [--cpu N] [--limit SECONDS] --to FILE COMMAND [ARGUMENT...]
 *
 * FILE gets one JSON object: wall clock from before fork to after wait4, user and system time of
 * the process with all its threads, its peak of resident memory, and its exit code. Those who call
 * it for many clients (perf/bench) cannot do this themselves: a process inherits the peak of the
 * one that forked it, which for an interpreter is more than most clients ever need.
 *
 * Exit: 0 the command ran, whatever its own code; 1 it could not be run, or was killed after
 * --limit.
 */
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COST_NOT_RUN 127

static volatile pid_t cost_child;

static _Noreturn void cost_die(const char *what)
{
    fputs("cost: ", stderr);
    perror(what);
    exit(1);
}

static void cost_kill(int signal_number)
{
    (void)signal_number;
    if (cost_child > 0) {
        kill(cost_child, SIGKILL);
    }
}

static double cost_now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cost_seconds(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static _Noreturn void cost_exec(int cpu, char **command)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (cpu >= 0) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET((size_t)cpu, &cpus);
        if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0) {
            cost_die("--cpu");
        }
    }
    execvp(command[0], command);
    perror(command[0]);
    _exit(COST_NOT_RUN);
}

/* SIGTERM and SIGINT end the command too, so that nobody who stops us leaves it behind. */
static void cost_watch(unsigned limit_s)
{
    struct sigaction action = { .sa_handler = cost_kill };

    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    alarm(limit_s);
}

static void cost_write(const char *path, double wall_s, int status, const struct rusage *used)
{
    FILE *file = fopen(path, "w");

    if (file == NULL) {
        cost_die(path);
    }
    fprintf(file,
            "{\"wall_s\":%.6f,\"user_s\":%.6f,\"system_s\":%.6f,\"memory_kib\":%ld,\"exit\":%d}\n",
            wall_s, cost_seconds(&used->ru_utime), cost_seconds(&used->ru_stime), used->ru_maxrss,
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    if (fclose(file) != 0) {
        cost_die(path);
    }
}

int main(int count, char **words)
{
    static const struct option names[] = { { "cpu", required_argument, NULL, 'c' },
                                           { "limit", required_argument, NULL, 'l' },
                                           { "to", required_argument, NULL, 't' },
                                           { NULL, 0, NULL, 0 } };
    int cpu = -1;
    unsigned limit_s = 60;
    const char *path = NULL;

    for (int letter; (letter = getopt_long(count, words, "+", names, NULL)) != -1;) {
        if (letter == 'c') {
            cpu = (int)strtol(optarg, NULL, 10);
        } else if (letter == 'l') {
            limit_s = (unsigned)strtoul(optarg, NULL, 10);
        } else if (letter == 't') {
            path = optarg;
        }
    }
    if (path == NULL || optind == count) {
        fputs("usage: cost [--cpu N] [--limit SECONDS] --to FILE COMMAND...\n", stderr);
        return 2;
    }

    double began_s = cost_now_s();
    pid_t child = fork();
    if (child < 0) {
        cost_die("fork");
    }
    if (child == 0) {
        cost_exec(cpu, words + optind);
    }
    cost_child = child;
    cost_watch(limit_s);

    int status;
    struct rusage used;
    while (wait4(child, &status, 0, &used) != child) { /* a signal of ours came between */
    }
    cost_write(path, cost_now_s() - began_s, status, &used);
    bool ran = WIFEXITED(status) && WEXITSTATUS(status) != COST_NOT_RUN;
    return ran ? 0 : 1;
}
