/*
 * refused_test: io_uring refused (R34), as by the seccomp filters of containers and by old kernels.
 * What runs there are children of this test, each with a filter of its own, which nothing can take
 * off.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES 200

static struct live_server server;

/* -------- a child with a filter -------- */

/* What the filter refuses, and what it says. */
struct refusal {
    int syscall_number;
    int error; /* 0: no filter */
};

/* False: this kernel has no filters. */
static bool refusal_install(struct refusal refusal)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)refusal.syscall_number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)refusal.error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = sizeof(rules) / sizeof(rules[0]), .filter = rules };

    return refusal.error == 0 || (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                                  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* The child's exit code. */
static int child_join(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Run check() behind the filter; what does not hold there, is printed there and counts here. */
static void check_behind(struct refusal refusal, void (*check)(struct refusal))
{
    fflush(stdout);
    pid_t pid = fork();

    if (pid == 0) {
        check_failures = refusal_install(refusal) ? 0 : 1;
        check(refusal);
        fflush(stdout);
        _exit(check_failures == 0 ? 0 : 1);
    }
    CHECK_EQ(child_join(pid), 0);
}

static void redirect(int fd, const char *name)
{
    char path[400];

    snprintf(path, sizeof(path), "%s/%s", live_folder(), name);
    dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), fd);
}

/* `quoit batch` behind the filter: its exit code; stdout and stderr go to files of those names. */
static int run_batch(struct refusal refusal, const char *io, const char *more, const char *names[2])
{
    const char *quoit = live_build_path("quoit");
    char input[400], base[100];

    snprintf(input, sizeof(input), "%s/input", live_folder());
    snprintf(base, sizeof(base), "%s/v1", server.url);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        redirect(STDOUT_FILENO, names[0]);
        redirect(STDERR_FILENO, names[1]);
        if (refusal_install(refusal)) {
            execl(quoit, quoit, "batch", input, "--base-url", base, "--order", "input", "-c", "8",
                  "--io", io, more, (char *)NULL);
        }
        _exit(126);
    }
    return child_join(pid);
}

/* A file of our folder. The caller frees it. */
static char *read_file(const char *name)
{
    static const size_t size_max = 1024 * 1024;
    char path[400];
    char *text = calloc(1, size_max);

    snprintf(path, sizeof(path), "%s/%s", live_folder(), name);
    FILE *file = fopen(path, "r");
    if (text == NULL || file == NULL || fread(text, 1, size_max - 1, file) == size_max - 1) {
        live_give_up(path);
    }
    fclose(file);
    return text;
}

/* The server numbers what it answers: blot the numbers out. */
static char *read_answers(const char *name)
{
    char *text = read_file(name);

    for (char *at = text; (at = strstr(at, "\"request_id\":\"")) != NULL;) {
        at += strlen("\"request_id\":\"");
        while (*at != '"' && *at != '\0') {
            *at++ = '.';
        }
    }
    return text;
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

static const int refused_by[] = { EPERM, ENOSYS };
static const int entries_refused[] = { SYS_io_uring_setup, SYS_io_uring_enter,
                                       SYS_io_uring_register };

/* -------- the command -------- */

static void test_a_batch_goes_on_with_epoll_to_the_same_answers_and_says_so_in_one_line(void)
{
    const char *free_names[2] = { "answers", "said" }, *names[2] = { "answers-2", "said-2" };

    CHECK_EQ(run_batch((struct refusal){ 0 }, "auto", NULL, free_names), 0);
    char *wanted = read_answers("answers");
    char *said = read_file("said");
    CHECK_EQ(count_of(wanted, "\n"), LINES);
    CHECK_EQ(count_of(said, "epoll"), 0);
    free(said);
    for (size_t i = 0; i < sizeof(refused_by) / sizeof(refused_by[0]); i++) {
        struct refusal refusal = { SYS_io_uring_setup, refused_by[i] };
        CHECK_EQ(run_batch(refusal, "auto", NULL, names), 0);
        char *got = read_answers("answers-2");
        CHECK_STR(got, wanted);
        said = read_file("said-2");
        CHECK_EQ(count_of(said, "going on with epoll"), 1);
        CHECK_EQ(count_of(said, "seccomp filter"), 1);
        CHECK_EQ(count_of(said, "kernel.io_uring_disabled"), refused_by[i] == EPERM);
        CHECK_EQ(count_of(said, "\n"), 7); /* the server, that line, and the summary's five */
        free(got);
        free(said);
    }
    free(wanted);
}

static void test_what_was_asked_for_or_should_be_quiet_has_no_line(void)
{
    struct refusal refusal = { SYS_io_uring_setup, EPERM };
    const char *names[2] = { "answers", "said" };

    CHECK_EQ(run_batch(refusal, "auto", "--quiet", names), 0);
    char *said = read_file("said");
    CHECK_STR(said, "");
    free(said);
    CHECK_EQ(run_batch(refusal, "epoll", NULL, names), 0);
    said = read_file("said");
    CHECK_EQ(count_of(said, "epoll"), 0);
    free(said);
}

static void test_io_uring_that_was_asked_for_and_is_refused_is_one_error(void)
{
    const char *names[2] = { "answers", "said" };

    for (size_t i = 0; i < sizeof(refused_by) / sizeof(refused_by[0]); i++) {
        struct refusal refusal = { SYS_io_uring_setup, refused_by[i] };
        CHECK_EQ(run_batch(refusal, "uring", NULL, names), 3);
        char *answers = read_file("answers");
        char *said = read_file("said");
        CHECK_STR(answers, "");
        CHECK_EQ(count_of(said, "\n"), 1);
        CHECK(strncmp(said, "quoit: cannot start: io_uring is refused", 40) == 0);
        CHECK_EQ(count_of(said, "--io auto"), 1);
        free(answers);
        free(said);
    }
}

static void test_a_lack_of_memory_or_descriptors_is_no_reason_for_epoll(void)
{
    static const struct {
        int error;
        const char *said;
    } cases[] = { { ENOMEM, "locked memory" }, { EMFILE, "descriptor" }, { ENFILE, "descriptor" } };
    const char *names[2] = { "answers", "said" };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct refusal refusal = { SYS_io_uring_setup, cases[i].error };
        check_case(cases[i].said);
        CHECK_EQ(run_batch(refusal, "auto", NULL, names), 3);
        char *said = read_file("said");
        CHECK_EQ(count_of(said, "\n"), 1);
        CHECK_EQ(count_of(said, cases[i].said), 1);
        CHECK_EQ(count_of(said, "epoll"), 0);
        free(said);
    }
}

/* -------- the library -------- */

static void check_engine_falls_back(struct refusal refusal)
{
    const struct quoit_options all_defaults = { 0 }, uring = { .io = QUOIT_IO_URING };
    struct quoit_engine *engine = NULL;

    CHECK_EQ(quoit_create(&uring, &engine), QUOIT_E_NO_URING);
    CHECK_EQ(quoit_create(&all_defaults, &engine), QUOIT_OK);
    CHECK(engine != NULL);
    CHECK_EQ(live_stats(engine).io, QUOIT_IO_EPOLL);
    CHECK_EQ(live_stats(engine).io_refusal, refusal.error);
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    quoit_destroy(engine);
}

static void test_an_engine_falls_back_whichever_of_the_calls_is_refused(void)
{
    for (size_t i = 0; i < sizeof(refused_by) / sizeof(refused_by[0]); i++) {
        for (size_t j = 0; j < sizeof(entries_refused) / sizeof(entries_refused[0]); j++) {
            check_behind((struct refusal){ entries_refused[j], refused_by[i] },
                         check_engine_falls_back);
        }
    }
}

static void test_an_engine_runs_on_what_was_asked_for_and_says_on_which(void)
{
    const struct quoit_options uring = { .io = QUOIT_IO_URING }, epoll = { .io = QUOIT_IO_EPOLL },
                               neither = { .io = (enum quoit_io)(QUOIT_IO_EPOLL + 1) };
    struct quoit_engine *engine = live_engine(&epoll);

    CHECK_EQ(live_stats(engine).io, QUOIT_IO_EPOLL);
    CHECK_EQ(live_stats(engine).io_refusal, 0);
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    CHECK(live_stats(engine).sqes >= 3); /* a connect, a receive, a send */
    CHECK(live_stats(engine).entries > 0);
    quoit_destroy(engine);
    engine = live_engine(&uring);
    CHECK_EQ(live_stats(engine).io, QUOIT_IO_URING);
    quoit_destroy(engine);
    CHECK_EQ(quoit_create(&neither, &engine), QUOIT_E_ARGUMENT);
}

/* Kernels before 5.11, and filters that do not know the call, have no epoll_pwait2. */
static void check_waits(struct refusal refusal)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .io = QUOIT_IO_EPOLL });
    uint64_t wait_ns = 15 * LIVE_NS_PER_MS + 1;

    (void)refusal;
    uint64_t begin_ns = quoit_now_ns();
    quoit_turn(engine, wait_ns);
    CHECK(quoit_now_ns() - begin_ns >= wait_ns);
    const struct quoit_request request = {
        .url = live_url(&server, "/page"),
        .retries = QUOIT_NONE,
        .timeouts.attempt_ns = wait_ns,
    };
    live_set(&server, "latency 5s");
    const struct quoit_result *result = live_run(engine, &request);
    CHECK_EQ(result->error, QUOIT_E_TIMEOUT_TOTAL);
    live_set(&server, "latency 0");
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    quoit_destroy(engine);
}

static void test_waits_are_never_too_short_also_where_the_kernel_counts_milliseconds(void)
{
    check_behind((struct refusal){ SYS_epoll_pwait2, 0 }, check_waits);
    check_behind((struct refusal){ SYS_epoll_pwait2, ENOSYS }, check_waits);
    check_behind((struct refusal){ SYS_epoll_pwait2, EPERM }, check_waits);
}

/* -------- */

static void write_input(void)
{
    char path[400];

    snprintf(path, sizeof(path), "%s/input", live_folder());
    FILE *file = fopen(path, "w");
    for (int i = 0; i < LINES && file != NULL; i++) {
        fprintf(file,
                "{\"custom_id\":\"q-%d\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\","
                "\"body\":{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                "\"question %d\"}]}}\n",
                i, i);
    }
    if (file == NULL || fclose(file) != 0) {
        live_give_up(path);
    }
}

int main(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(refusal_install((struct refusal){ SYS_io_uring_setup, EPERM }) ? 0 : 1);
    }
    if (child_join(pid) != 0) {
        printf("this kernel has no seccomp filters\n");
        return 77;
    }
    struct quoit_engine *engine = NULL;
    if (quoit_create(&(struct quoit_options){ .io = QUOIT_IO_URING }, &engine) != QUOIT_OK) {
        printf("io_uring is refused here already\n");
        return 77;
    }
    quoit_destroy(engine);
    server = live_start((const char *const[]){ NULL });
    write_input();
    RUN(test_a_batch_goes_on_with_epoll_to_the_same_answers_and_says_so_in_one_line);
    RUN(test_what_was_asked_for_or_should_be_quiet_has_no_line);
    RUN(test_io_uring_that_was_asked_for_and_is_refused_is_one_error);
    RUN(test_a_lack_of_memory_or_descriptors_is_no_reason_for_epoll);
    RUN(test_an_engine_falls_back_whichever_of_the_calls_is_refused);
    RUN(test_an_engine_runs_on_what_was_asked_for_and_says_on_which);
    RUN(test_waits_are_never_too_short_also_where_the_kernel_counts_milliseconds);
    live_stop(&server);
    return check_done();
}
