/*
 * reach: what is refused before the first request, and with which words.
 */
#include "cli/exit.h"
#include "cli/reach.h"
#include "tests/unit/capture.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

static void test_files_that_are_not_there_are_named_by_their_option(void)
{
    static const struct {
        struct reach_tls files;
        const char *said;
    } cases[] = {
        { { .cacert = "/nowhere/a" }, "quoit: --cacert /nowhere/a: No such file or directory\n" },
        { { .cert = "/nowhere/b", .key = "/dev/null" },
          "quoit: --cert /nowhere/b: No such file or directory\n" },
        { { .cert = "/dev/null", .key = "/nowhere/c" },
          "quoit: --key /nowhere/c: No such file or directory\n" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quoit_tls *tls = NULL;
        capture_begin();
        int exit_code = reach_open_tls(&cases[i].files, &tls);
        const char *said = capture_end();
        CHECK_STR(said, cases[i].said);
        CHECK_EQ(exit_code, EXIT_START);
        CHECK(tls == NULL);
    }
}

static void test_a_file_that_is_no_certificate_is_named(void)
{
    const struct reach_tls files = { .cacert = "/dev/null" };
    struct quoit_tls *tls = NULL;

    capture_begin();
    int exit_code = reach_open_tls(&files, &tls);
    const char *said = capture_end();
    CHECK_EQ(exit_code, EXIT_START);
    CHECK(strstr(said, " --cacert /dev/null: not PEM, or the key does not fit") != NULL);
}

static void test_without_files_the_system_is_trusted(void)
{
    const struct reach_tls none = { 0 };
    const struct reach_tls insecure = { .insecure = true };
    struct quoit_tls *tls = NULL;

    CHECK_EQ(reach_open_tls(&none, &tls), 0);
    CHECK(tls == NULL);
    CHECK_EQ(reach_open_tls(&insecure, &tls), 0);
    CHECK(tls != NULL);
    quoit_tls_destroy(tls);
}

static void test_a_header_name_that_holds_the_key_is_not_said_again(void)
{
    const struct keys_source secret = { .header = "X-Key: sesame" };
    const struct keys_source frames = { .header = "Content-Length" };
    struct keys keys = { 0 };

    capture_begin();
    CHECK_EQ(reach_open_keys(&keys, &secret, "quoit bench"), EXIT_USAGE);
    const char *said = capture_end();
    CHECK(strncmp(said, "quoit bench: --api-key-header NAME: what stands there ", 54) == 0);
    CHECK(strstr(said, "sesame") == NULL);
    capture_begin();
    CHECK_EQ(reach_open_keys(&keys, &frames, "quoit bench"), EXIT_USAGE);
    CHECK(strncmp(capture_end(), "quoit bench: --api-key-header Content-Length ", 45) == 0);
}

static void test_descriptors_are_raised_as_far_as_they_may(void)
{
    struct rlimit limit = { 300, 1000 };

    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(reach_raise_descriptors(50), 50);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(limit.rlim_cur, 300); /* enough */
    CHECK_EQ(reach_raise_descriptors(500), 500);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK(limit.rlim_cur > 500);
    CHECK(limit.rlim_cur < 1000);
    uint64_t most = reach_raise_descriptors(10000);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(limit.rlim_cur, 1000);
    CHECK(most > 900 && most < 1000); /* some are ours */
    limit = (struct rlimit){ 10, 10 };
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(reach_raise_descriptors(100), 1); /* never none */
}

static void test_no_spin_is_never(void)
{
    CHECK_EQ(reach_spin_ns(0), QUOIT_NEVER);
    CHECK_EQ(reach_spin_ns(5), 5);
}

static void test_an_engine_that_is_not_there_says_what_to_do(void)
{
    static const struct {
        enum quoit_error error;
        const char *hint; /* how the line ends */
    } cases[] = {
        { QUOIT_E_NO_URING, "; --io auto goes on with epoll\n" },
        { QUOIT_E_NO_DESCRIPTOR, ": raise RLIMIT_NOFILE (ulimit -n)\n" },
        { QUOIT_E_NO_MEMORY, "out of memory\n" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        capture_begin();
        CHECK_EQ(reach_refuse_engine(cases[i].error), EXIT_START);
        const char *said = capture_end();
        CHECK(strncmp(said, "quoit: cannot start: ", 21) == 0);
        CHECK(strlen(said) > strlen(cases[i].hint));
        CHECK_STR(said + strlen(said) - strlen(cases[i].hint), cases[i].hint);
    }
}

static void test_an_engine_over_epoll_says_why(void)
{
    struct quoit_stats stats = { 0 };
    struct text out;

    text_init(&out, 0);
    reach_append_io(&out, &stats);
    CHECK_EQ(out.size, 0);
    stats.io_refusal = EPERM;
    reach_append_io(&out, &stats);
    CHECK(strstr(out.bytes, "io_uring is refused here") != NULL);
    text_reset(&out);
    stats.io_refusal = ENOSYS;
    reach_append_io(&out, &stats);
    CHECK(strstr(out.bytes, "Function not implemented") != NULL);
    text_free(&out);
}

static void test_variables_that_are_set_are_listed(void)
{
    struct text out;

    text_init(&out, 0);
    setenv("QUOIT_TEST_A", "1", 1);
    setenv("QUOIT_TEST_B", "", 1);
    setenv("QUOIT_TEST_C", "2", 1);
    reach_append_variable(&out, NULL);
    reach_append_variable(&out, "QUOIT_TEST_NONE");
    reach_append_variable(&out, "QUOIT_TEST_B");
    CHECK_EQ(out.size, 0);
    reach_append_variable(&out, "QUOIT_TEST_A");
    reach_append_variable(&out, "QUOIT_TEST_C");
    CHECK_STR(out.bytes, " (from the environment: QUOIT_TEST_A, QUOIT_TEST_C");
    text_free(&out);
}

int main(void)
{
    RUN(test_files_that_are_not_there_are_named_by_their_option);
    RUN(test_a_file_that_is_no_certificate_is_named);
    RUN(test_without_files_the_system_is_trusted);
    RUN(test_a_header_name_that_holds_the_key_is_not_said_again);
    RUN(test_no_spin_is_never);
    RUN(test_an_engine_that_is_not_there_says_what_to_do);
    RUN(test_an_engine_over_epoll_says_why);
    RUN(test_variables_that_are_set_are_listed);
    RUN(test_descriptors_are_raised_as_far_as_they_may); /* the last: this process keeps the limit
                                                          */
    return check_done();
}
