/*
 * sink: the file under its name is the old one or the whole new one.
 */
#include "cli/sink.h"
#include "tests/unit/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static const char *path_of(const char *name)
{
    static char path[2][128];
    static unsigned turn;

    turn ^= 1;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
    return path[turn];
}

static void write_file(const char *name, const char *content)
{
    FILE *file = fopen(path_of(name), "w");

    CHECK(file != NULL);
    fputs(content, file);
    fclose(file);
}

static const char *content_of(const char *name)
{
    static char content[256];
    FILE *file = fopen(path_of(name), "r");

    if (file == NULL) {
        return "not there";
    }
    size_t size = fread(content, 1, sizeof(content) - 1, file);
    content[size] = '\0';
    fclose(file);
    return content;
}

static unsigned files_in_folder(void)
{
    DIR *files = opendir(folder);
    unsigned count = 0;

    while (readdir(files) != NULL) {
        count++;
    }
    closedir(files);
    return count - 2; /* itself and the one above */
}

static bool put(struct sink *sink, const char *line)
{
    return sink_put(sink, (struct json_span){ line, strlen(line) });
}

static void test_nothing_shows_before_the_sink_is_closed(void)
{
    struct sink sink;

    write_file("out", "old");
    CHECK_EQ(chmod(path_of("out"), 0640), 0);
    CHECK_EQ(sink_open(&sink, path_of("out"), true), EXIT_GOOD);
    CHECK(put(&sink, "new"));
    CHECK(put(&sink, ""));
    CHECK_EQ(sink.lines, 2);
    CHECK_STR(content_of("out"), "old");
    CHECK(sink_close(&sink));
    CHECK_STR(content_of("out"), "new\n\n");
    CHECK_EQ(files_in_folder(), 1);
    struct stat status;
    CHECK_EQ(stat(path_of("out"), &status), 0);
    CHECK_EQ(status.st_mode & 0777, 0640);
    unlink(path_of("out"));
}

static void test_what_is_dropped_leaves_no_trace(void)
{
    struct sink sink;

    CHECK_EQ(sink_open(&sink, path_of("out"), false), EXIT_GOOD);
    CHECK(put(&sink, "new"));
    CHECK_EQ(files_in_folder(), 1);
    sink_drop(&sink);
    CHECK_EQ(files_in_folder(), 0);
    sink_drop(&sink); /* one that is not open */
}

static void test_a_file_that_holds_something_is_refused(void)
{
    struct sink sink;

    write_file("out", "old");
    write_file("empty", "");
    CHECK_EQ(sink_open(&sink, path_of("out"), false), EXIT_START);
    sink_drop(&sink);
    CHECK_EQ(sink_open(&sink, path_of("empty"), false), EXIT_GOOD);
    CHECK(sink_close(&sink));
    CHECK_EQ(sink_open(&sink, path_of("no/folder"), false), EXIT_OUTPUT);
    sink_drop(&sink);
    CHECK_STR(content_of("out"), "old");
    unlink(path_of("out"));
    unlink(path_of("empty"));
}

static void test_a_link_stays_a_link(void)
{
    struct sink sink;
    struct stat status;

    write_file("real", "old");
    CHECK_EQ(symlink("real", path_of("link")), 0);
    CHECK_EQ(sink_open(&sink, path_of("link"), true), EXIT_GOOD);
    CHECK(put(&sink, "new"));
    CHECK(sink_close(&sink));
    CHECK_STR(content_of("real"), "new\n");
    CHECK_EQ(lstat(path_of("link"), &status), 0);
    CHECK(S_ISLNK(status.st_mode));
    unlink(path_of("link"));
    unlink(path_of("real"));
}

static void test_two_names_of_one_file_are_found(void)
{
    struct sink one, other;

    CHECK_EQ(sink_open(&one, path_of("out"), false), EXIT_GOOD);
    CHECK_EQ(sink_open(&other, path_of("./out"), false), EXIT_GOOD);
    CHECK(sink_is_same(&one, &other));
    sink_drop(&other);
    CHECK_EQ(sink_open(&other, path_of("else"), false), EXIT_GOOD);
    CHECK(!sink_is_same(&one, &other));
    sink_drop(&other);
    sink_drop(&one);
}

static void test_a_full_disk_is_told_and_leaves_the_name_alone(void)
{
    struct sink sink;

    CHECK_EQ(sink_open(&sink, "/dev/full", false), EXIT_GOOD);
    CHECK(put(&sink, "new"));
    CHECK(!sink_close(&sink));
}

int main(void)
{
    snprintf(folder, sizeof(folder), "/tmp/quoit-sink-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        puts("no folder in /tmp");
        return 77;
    }
    RUN(test_nothing_shows_before_the_sink_is_closed);
    RUN(test_what_is_dropped_leaves_no_trace);
    RUN(test_a_file_that_holds_something_is_refused);
    RUN(test_a_link_stays_a_link);
    RUN(test_two_names_of_one_file_are_found);
    RUN(test_a_full_disk_is_told_and_leaves_the_name_alone);
    rmdir(folder);
    return check_done();
}
