/*
 * lines: every whole line comes once, whatever its size, and the rest of the file does not.
 */
#include "cli/lines.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <unistd.h>

static int file_of(const char *bytes, size_t size)
{
    char path[] = "/tmp/quoit-lines-XXXXXX";
    int fd = mkstemp(path);

    unlink(path);
    CHECK_EQ(write(fd, bytes, size), size);
    return fd;
}

/* A line of `size` bytes and a LF: its number, then dots. */
static void append_line(int fd, unsigned number, size_t size)
{
    char *bytes = malloc(size + 1);

    memset(bytes, '.', size);
    bytes[size] = '\n';
    bytes[0] = (char)('a' + number % 26);
    CHECK_EQ(write(fd, bytes, size + 1), size + 1);
    free(bytes);
}

static void test_lines_of_all_sizes_come_in_their_order(void)
{
    static const size_t sizes[] = { 1,
                                    (1 << 20) - 2,
                                    1 << 20,
                                    100,
                                    (1 << 20) + 1,
                                    LINES_ROOM_MAX - 1,
                                    5,
                                    LINES_ROOM_MAX,
                                    3,
                                    LINES_ROOM_MAX + 5000001,
                                    1 };
    const unsigned count = sizeof(sizes) / sizeof(sizes[0]);
    int fd = file_of("", 0);
    struct lines lines;
    uint64_t offset = 0;

    for (unsigned i = 0; i < count; i++) {
        append_line(fd, i, sizes[i]);
    }
    CHECK_EQ(write(fd, "torn", 4), 4);
    lines_begin(&lines, fd);
    for (unsigned i = 0; i < count; i++) {
        CHECK_EQ(lines_next(&lines), LINES_LINE);
        CHECK_EQ(lines.number, i + 1);
        CHECK_EQ(lines.offset, offset);
        CHECK_EQ(lines.line.size, sizes[i] + 1);
        CHECK_EQ(lines.line.bytes[0], 'a' + i);
        CHECK_EQ(lines.line.bytes[sizes[i]], '\n');
        offset += sizes[i] + 1;
    }
    CHECK_EQ(lines_next(&lines), LINES_END);
    CHECK(lines.room <= LINES_ROOM_MAX);
    lines_free(&lines);
    close(fd);
}

static void test_the_last_whole_line_is_found(void)
{
    static const struct {
        const char *text;
        uint64_t end;
    } cases[] = { { "", 0 },       { "torn", 0 },    { "\n", 1 },
                  { "a\nb\n", 4 }, { "a\nb\nc", 4 }, { "a\n\n\nrest", 4 } };
    static char rest[100000];
    uint64_t end = 0;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = file_of(cases[i].text, strlen(cases[i].text));
        CHECK(lines_find_end(fd, strlen(cases[i].text), &end));
        CHECK_EQ(end, cases[i].end);
        close(fd);
    }
    memset(rest, 'x', sizeof(rest));
    rest[5] = '\n';
    int fd = file_of(rest, sizeof(rest));
    CHECK(lines_find_end(fd, sizeof(rest), &end));
    CHECK_EQ(end, 6);
    CHECK(!lines_find_end(fd, sizeof(rest) + 100, &end)); /* the file is shorter than was said */
    close(fd);
}

static void test_a_file_that_cannot_be_read_is_told_of(void)
{
    struct lines lines;

    lines_begin(&lines, -1);
    CHECK_EQ(lines_next(&lines), LINES_FAILED);
    CHECK(lines.os_error != 0);
    lines_free(&lines);
}

int main(void)
{
    RUN(test_lines_of_all_sizes_come_in_their_order);
    RUN(test_the_last_whole_line_is_found);
    RUN(test_a_file_that_cannot_be_read_is_told_of);
    return check_done();
}
