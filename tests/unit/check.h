/*
 * check: the few macros that the tests are written with.
 *
 * A test is a function without parameters, named after the promise it keeps. RUN calls it; CHECK
 * and its kin note what does not hold and go on, so that one run shows everything. A case of a
 * table is named with check_case, and a failure prints that name. check_done prints the count and
 * gives main its return value.
 */
#ifndef QUOIT_TESTS_CHECK_H
#define QUOIT_TESTS_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int check_tests_passed, check_tests_failed;
static int check_failures; /* of the test that runs */
static const char *check_case_name = "";

#define CHECK_FAIL(...)                                                                            \
    (check_failures++,                                                                             \
     printf("%s:%d: %s%s", __FILE__, __LINE__, check_case_name, *check_case_name ? ": " : ""),     \
     printf(__VA_ARGS__), putchar('\n'))

#define CHECK(holds) ((holds) ? (void)0 : (void)CHECK_FAIL("does not hold: %s", #holds))

#define CHECK_EQ(got, wanted)                                                                      \
    do {                                                                                           \
        long long check_got = (long long)(got);                                                    \
        long long check_wanted = (long long)(wanted);                                              \
        if (check_got != check_wanted) {                                                           \
            CHECK_FAIL("%s is %lld, wanted %lld", #got, check_got, check_wanted);                  \
        }                                                                                          \
    } while (0)

#define CHECK_MEM(got, got_size, wanted, wanted_size)                                              \
    do {                                                                                           \
        size_t check_got = (got_size);                                                             \
        size_t check_wanted = (wanted_size);                                                       \
        if (check_got != check_wanted || memcmp(got, wanted, check_got) != 0) {                    \
            CHECK_FAIL("%s is %zu bytes \"%.*s\", wanted %zu bytes \"%.*s\"", #got, check_got,     \
                       (int)check_got, (const char *)(got), check_wanted, (int)check_wanted,       \
                       (const char *)(wanted));                                                    \
        }                                                                                          \
    } while (0)

#define CHECK_STR(got, wanted) CHECK_MEM(got, strlen(got), wanted, strlen(wanted))

#define RUN(test) check_run(test, #test)

static inline void check_case(const char *name)
{
    check_case_name = name;
}

static inline void check_run(void (*test)(void), const char *name)
{
    check_failures = 0;
    check_case_name = "";
    test();
    if (check_failures == 0) {
        check_tests_passed++;
    } else {
        check_tests_failed++;
        printf("FAILED %s\n", name);
    }
}

static inline int check_done(void)
{
    printf("%d passed, %d failed\n", check_tests_passed, check_tests_failed);
    return check_tests_failed == 0 ? 0 : 1;
}

#endif
