/*
 * The page of a result: whatever the JSON holds stays in its element, and all of it is written.
 */
#include "bench/page.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_SIZE_MAX ((size_t)8 << 20)
#define OPENED "<script type=\"application/json\" id=\"result\">"

static char page[PAGE_SIZE_MAX];
static size_t page_size;

static void page_read(int fd)
{
    ssize_t count;

    page_size = 0;
    while ((count = read(fd, page + page_size, PAGE_SIZE_MAX - page_size - 1)) > 0) {
        page_size += (size_t)count;
    }
    page[page_size] = '\0';
}

static void page_make(const char *json, size_t size)
{
    char name[] = "/tmp/quoit-page-XXXXXX";
    int fd = mkstemp(name);

    CHECK(fd >= 0);
    CHECK(page_write(fd, json, size));
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    page_read(fd);
    close(fd);
    unlink(name);
}

/* What stands in the element of the result: from its tag to whatever would end it. */
static const char *page_json(size_t *size_out)
{
    const char *begin = strstr(page, OPENED);

    if (begin == NULL) {
        CHECK_FAIL("the page has no element for the result");
        *size_out = 0;
        return page;
    }
    begin = strchr(begin + strlen(OPENED), '\n') + 1;
    const char *end = strchr(begin, '<');
    *size_out = (size_t)(end - begin) - 1; /* the line feed before the end */
    CHECK(strncmp(end, "</script>\n", 10) == 0);
    return begin;
}

static void check_becomes(const char *json, const char *wanted)
{
    size_t size;

    page_make(json, strlen(json));
    const char *got = page_json(&size);
    CHECK_MEM(got, size, wanted, strlen(wanted));
}

static void test_json_stands_in_the_page_as_it_is(void)
{
    check_becomes("{}", "{}");
    check_becomes("{\"a\":[1,2.5e-3,null,\"\\u003e > & ' \\\" \\\\ / é\"]}",
                  "{\"a\":[1,2.5e-3,null,\"\\u003e > & ' \\\" \\\\ / é\"]}");
    check_becomes("", "");
}

static void test_nothing_in_the_json_ends_its_element(void)
{
    check_becomes("{\"a\":\"</script><script>alert(1)</script>\"}",
                  "{\"a\":\"\\u003c/script>\\u003cscript>alert(1)\\u003c/script>\"}");
    check_becomes("{\"a\":\"<!--<SCRIPT\"}", "{\"a\":\"\\u003c!--\\u003cSCRIPT\"}");
    check_becomes("<", "\\u003c");
}

static void test_line_ends_of_unicode_are_escaped_and_their_neighbours_are_not(void)
{
    check_becomes("\"\xe2\x80\xa8\xe2\x80\xa9\"", "\"\\u2028\\u2029\"");
    check_becomes("\"\xe2\x80\xa7\xe2\x80\xaa\xe2\x81\xa8\"",
                  "\"\xe2\x80\xa7\xe2\x80\xaa\xe2\x81\xa8\"");
    check_becomes("\xe2\x80", "\xe2\x80"); /* cut: nothing is read behind the end */
    check_becomes("\xe2", "\xe2");
}

static void test_the_page_is_whole_around_the_json(void)
{
    page_make("{}", 2);
    CHECK(strncmp(page, "<!doctype html>\n", 16) == 0);
    CHECK(strstr(page, "default-src 'none'") != NULL);
    CHECK(strcmp(page + page_size - 8, "</html>\n") == 0);
    CHECK_EQ(strlen(page), page_size);
}

/* As long as asked for, with something to escape at each place of the writer's buffer. */
static char *long_json(size_t size)
{
    char *json = malloc(size);

    for (size_t i = 0; i < size; i++) {
        json[i] = i % 7 == 0 ? '<' : (char)('a' + i % 26);
    }
    return json;
}

static void check_long_json(const char *json, size_t size)
{
    size_t got_size, at = 0;
    const char *got = page_json(&got_size);

    for (size_t i = 0; i < size; i++) {
        const char *wanted = json[i] == '<' ? "\\u003c" : json + i;
        size_t wanted_size = json[i] == '<' ? 6 : 1;
        if (at + wanted_size > got_size || memcmp(got + at, wanted, wanted_size) != 0) {
            CHECK_FAIL("differs at byte %zu of the JSON", i);
            return;
        }
        at += wanted_size;
    }
    CHECK_EQ(at, got_size);
}

static void test_long_json_is_whole(void)
{
    size_t size = 1000003;
    char *json = long_json(size);

    page_make(json, size);
    check_long_json(json, size);
    free(json);
}

static void on_signal(int number)
{
    (void)number; /* only interrupts the write */
}

/* Writes into a pipe that is full most of the time, and is interrupted whenever it is. */
static void child_write(int fd, const char *json, size_t size)
{
    struct sigaction action = { .sa_handler = on_signal }; /* no SA_RESTART */

    sigaction(SIGUSR1, &action, NULL);
    _exit(page_write(fd, json, size) ? 0 : 1);
}

static void test_short_and_interrupted_writes_lose_nothing(void)
{
    size_t size = 300007;
    char *json = long_json(size);
    int fds[2], status;

    signal(SIGUSR1, SIG_IGN); /* until the child has its handler */
    CHECK_EQ(pipe(fds), 0);
    CHECK(fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        child_write(fds[1], json, size);
    }
    close(fds[1]);
    page_size = 0;
    ssize_t count = 1;
    while (count > 0) {
        kill(child, SIGUSR1);
        count = read(fds[0], page + page_size, 1000);
        page_size += count > 0 ? (size_t)count : 0;
    }
    page[page_size] = '\0';
    close(fds[0]);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    check_long_json(json, size);
    signal(SIGUSR1, SIG_DFL);
    free(json);
}

static void test_a_write_that_fails_says_why(void)
{
    int fd = open("/dev/full", O_WRONLY);

    CHECK(fd >= 0);
    errno = 0;
    CHECK(!page_write(fd, "{}", 2));
    CHECK_EQ(errno, ENOSPC);
    close(fd);
}

/* A reader that leaves at any point of the page is noticed. */
static void test_a_reader_that_leaves_is_an_error(void)
{
    size_t size = 200000;
    char *json = long_json(size);

    signal(SIGPIPE, SIG_IGN);
    page_make(json, size);
    for (size_t taken = 0; taken < page_size - 70000; taken += page_size / 8) {
        int fds[2], status;
        CHECK_EQ(pipe(fds), 0);
        CHECK(fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            _exit(!page_write(fds[1], json, size) && errno == EPIPE ? 0 : 1);
        }
        close(fds[1]);
        char buffer[4096];
        for (size_t left = taken; left > 0;) {
            ssize_t count = read(fds[0], buffer, left < sizeof(buffer) ? left : sizeof(buffer));
            left -= count > 0 ? (size_t)count : left;
        }
        close(fds[0]);
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    signal(SIGPIPE, SIG_DFL);
    free(json);
}

int main(void)
{
    RUN(test_json_stands_in_the_page_as_it_is);
    RUN(test_nothing_in_the_json_ends_its_element);
    RUN(test_line_ends_of_unicode_are_escaped_and_their_neighbours_are_not);
    RUN(test_the_page_is_whole_around_the_json);
    RUN(test_long_json_is_whole);
    RUN(test_short_and_interrupted_writes_lose_nothing);
    RUN(test_a_write_that_fails_says_why);
    RUN(test_a_reader_that_leaves_is_an_error);
    return check_done();
}
