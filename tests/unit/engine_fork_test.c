/*
 * engine_fork: a guard tells a child from its parent, and a fork is noted where sockets may be
 * shared from then on: in the parent.
 */
#include "engine/fork.h"
#include "tests/unit/check.h"

#include <sys/wait.h>
#include <unistd.h>

static void test_a_child_sees_a_wiped_guard_and_may_begin_anew(void)
{
    char *guard = fork_guard_create();
    int status = 1;

    CHECK(guard != NULL);
    CHECK_EQ(*guard, 1);
    CHECK(!fork_was_seen());
    pid_t child = fork();
    if (child == 0) {
        char *own = fork_guard_create();
        bool good = *guard == 0 && own != NULL && *own == 1 && !fork_was_seen();
        _exit(good ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    CHECK_EQ(*guard, 1);
    CHECK(fork_was_seen());
    fork_guard_free(guard);
}

static void test_the_child_of_a_child_has_a_parent_that_shares(void)
{
    char *guard = fork_guard_create();
    int status = 1;

    pid_t child = fork();
    if (child == 0) {
        char *own = fork_guard_create();
        pid_t grandchild = fork();
        if (grandchild == 0) {
            _exit(*own == 0 && !fork_was_seen() ? 0 : 1);
        }
        bool good = waitpid(grandchild, &status, 0) == grandchild && status == 0;
        _exit(good && fork_was_seen() ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    fork_guard_free(guard);
}

int main(void)
{
    RUN(test_a_child_sees_a_wiped_guard_and_may_begin_anew);
    RUN(test_the_child_of_a_child_has_a_parent_that_shares);
    return check_done();
}
