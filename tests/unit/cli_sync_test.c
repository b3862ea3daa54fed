/*
 * sync: what is posted becomes durable, and nothing does once a disk has failed.
 */
#include "cli/sync.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int file_without_name(void)
{
    char path[] = "/tmp/quoit-sync-XXXXXX";
    int fd = mkstemp(path);

    unlink(path);
    return fd;
}

static void test_what_is_posted_becomes_durable(void)
{
    const int fds[SYNC_FILES] = { file_without_name(), -1 };
    struct sync_counts written[SYNC_FILES] = { { 0, 0 }, { 0, 0 } };
    struct sync_state state = { .os_error = 0 };
    struct sync *sync = NULL;
    int os_error = 0;

    CHECK(sync_create(fds, NULL, &sync, &os_error));
    for (uint64_t i = 1; i <= 3; i++) {
        written[0] = (struct sync_counts){ i, 2 * i };
        written[1].failed = i; /* of no file: nothing to be done for them */
        sync_post(sync, written);
        do {
            sync_read(sync, &state);
        } while (memcmp(state.durable, written, sizeof(written)) != 0);
    }
    written[0].good = 10;
    sync_post(sync, written);
    sync_end(sync, &state);
    CHECK(memcmp(state.durable, written, sizeof(written)) == 0);
    CHECK_EQ(state.os_error, 0);
    close(fds[0]);
}

static void test_nothing_is_durable_after_a_failure(void)
{
    int fds[SYNC_FILES] = { file_without_name(), file_without_name() };
    struct sync_counts written[SYNC_FILES] = { { 1, 0 }, { 0, 0 } };
    struct sync_state state = { .os_error = 0 };
    struct sync *sync = NULL;
    int os_error = 0;

    CHECK(sync_create(fds, NULL, &sync, &os_error));
    sync_post(sync, written);
    do {
        sync_read(sync, &state);
    } while (state.durable[0].good != 1);
    close(fds[1]); /* as good as a disk that fails: fdatasync does */
    written[1].failed = 1;
    sync_post(sync, written);
    do {
        sync_read(sync, &state);
    } while (state.os_error == 0);
    CHECK_EQ(state.os_error, EBADF);
    CHECK_EQ(state.failed_file, 1);
    written[0].good = 2;
    sync_post(sync, written);
    sync_end(sync, &state);
    CHECK_EQ(state.durable[0].good, 1);
    CHECK_EQ(state.durable[1].failed, 0);
    close(fds[0]);
}

static void test_an_end_without_work_is_no_failure(void)
{
    const int fds[SYNC_FILES] = { -1, -1 };
    struct sync_state state = { .os_error = 5 };
    struct sync *sync = NULL;
    int os_error = 0;

    CHECK(sync_create(fds, NULL, &sync, &os_error));
    sync_end(sync, &state);
    CHECK_EQ(state.os_error, 0);
}

static void test_files_without_a_disk_are_no_failure(void)
{
    int ends[2];

    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(sync_now(ends[1]), 0);
    CHECK_EQ(sync_now(-1), EBADF);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    RUN(test_what_is_posted_becomes_durable);
    RUN(test_nothing_is_durable_after_a_failure);
    RUN(test_an_end_without_work_is_no_failure);
    RUN(test_files_without_a_disk_are_no_failure);
    return check_done();
}
