/*
 * input: the same lines, however the bytes come.
 */
#include "cli/input.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <unistd.h>

/* Write the bytes to a pipe, `step` at a time, and join the lines that come out with `|`. */
static const char *lines_of(const char *bytes, size_t size, size_t step, size_t line_max)
{
    static char joined[4096];
    struct input input;
    int ends[2];
    size_t used = 0;
    char path[64];

    if (pipe(ends) != 0) {
        return "no pipe";
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
    if (!input_open(&input, path)) {
        return "cannot be opened";
    }
    input.line_max = line_max;
    joined[0] = '\0';
    for (size_t at = 0;;) {
        struct input_line line;
        switch (input_next(&input, &line)) {
        case INPUT_LINE:
            used += (size_t)snprintf(joined + used, sizeof(joined) - used, "%ju%s%.*s|",
                                     (uintmax_t)line.number, line.too_long ? "!" : ":",
                                     (int)line.bytes.size, line.bytes.bytes);
            continue;
        case INPUT_LATER:
            if (at < size) {
                size_t piece = size - at < step ? size - at : step;
                CHECK_EQ(write(ends[1], bytes + at, piece), piece);
                at += piece;
            } else if (ends[1] >= 0) {
                close(ends[1]);
                ends[1] = -1;
            }
            continue;
        case INPUT_END:
        case INPUT_FAILED:
            break;
        }
        break;
    }
    CHECK_EQ(input.bytes_read, size);
    input_close(&input);
    close(ends[0]);
    return joined;
}

static void test_lines_are_the_same_however_the_bytes_are_cut(void)
{
    static const char *const cases[][2] = {
        { "", "" },
        { "a\nbc\n", "1:a|2:bc|" },
        { "a\nbc", "1:a|2:bc|" },
        { "a\r\nb\r\n", "1:a|2:b|" },
        { "a\rb\n\r\n", "1:a\rb|2:|" },
        { "\n\na", "1:|2:|3:a|" },
        { "\xef\xbb\xbf"
          "a\n\xef\xbb\xbf"
          "b\n",
          "1:a|2:\xef\xbb\xbf"
          "b|" },
        { "12345678\n", "1:12345678|" },
        { "123456789\nx\n", "1!|2:x|" },
        { "123456789012345678901234567890\nx", "1!|2:x|" },
        { "x\n123456789012345678901234567890", "1:x|2!|" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t step = 1; step <= strlen(cases[i][0]) + 1; step++) {
            check_case(cases[i][1]);
            CHECK_STR(lines_of(cases[i][0], strlen(cases[i][0]), step, 8), cases[i][1]);
        }
    }
}

static void test_a_long_line_makes_the_buffer_grow_and_shrink_again(void)
{
    const size_t long_size = 3000000;
    char path[] = "/tmp/quoit-input-XXXXXX";
    struct input input;
    struct input_line line;
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    for (size_t i = 0; i < long_size; i++) {
        fputc('x', file);
    }
    fputs("\nshort\n", file);
    for (int i = 0; i < 100000; i++) {
        fputs("0123456789\n", file);
    }
    fclose(file);
    CHECK(input_open(&input, path));
    CHECK_EQ(input_next(&input, &line), INPUT_LINE);
    CHECK_EQ(line.bytes.size, long_size);
    CHECK_EQ(input_next(&input, &line), INPUT_LINE);
    CHECK_MEM(line.bytes.bytes, line.bytes.size, "short", 5);
    uint64_t count = 0;
    while (input_next(&input, &line) == INPUT_LINE) {
        count++;
    }
    CHECK_EQ(count, 100000);
    CHECK_EQ(input.line_number, 100002);
    CHECK_EQ(input.bytes_read, input.size);
    CHECK(input.room < long_size);
    input_close(&input);
    unlink(path);
}

static void test_what_cannot_be_read_says_why(void)
{
    struct input input;

    CHECK(!input_open(&input, "/nowhere/at/all"));
    CHECK(input.os_error != 0);
    CHECK(!input_open(&input, "/tmp"));
    CHECK_STR(strerror(input.os_error), "Is a directory");
    input_close(&input);
}

int main(void)
{
    RUN(test_lines_are_the_same_however_the_bytes_are_cut);
    RUN(test_a_long_line_makes_the_buffer_grow_and_shrink_again);
    RUN(test_what_cannot_be_read_says_why);
    return check_done();
}
