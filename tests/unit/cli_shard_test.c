/*
 * shard: every line of a file is in exactly one shard, whatever the file and the count; what says
 * which shard it is, and when that cannot be known.
 */
#include "cli/shard.h"

#include "cli/input.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <unistd.h>

#define BOM "\xef\xbb\xbf"

/* --- The parts of a file --- */

static const char *file_of(const char *bytes, size_t size)
{
    static char path[64];
    int fd;

    snprintf(path, sizeof(path), "/tmp/quoit-shard-XXXXXX");
    fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, bytes, size), size);
    close(fd);
    return path;
}

/* Append the lines of the file, or of one shard of it, to `joined`, with their offsets. */
static void join_lines(char *joined, const char *path, const struct shard *shard)
{
    struct input input;
    struct input_line line;
    size_t used = strlen(joined);
    uint64_t number = 0;

    CHECK(input_open(&input, path));
    if (shard != NULL) {
        CHECK(input_set_range(&input, shard->begin, shard->end));
    }
    while (input_next(&input, &line) == INPUT_LINE) {
        CHECK_EQ(line.number, ++number);
        CHECK(input.bytes_read <= input.size || input.size == 0);
        used += (size_t)snprintf(joined + used, 4096 - used, "%ju%s:%.*s|", (uintmax_t)line.offset,
                                 line.has_end ? "" : "!", (int)line.bytes.size, line.bytes.bytes);
    }
    CHECK_EQ(input_next(&input, &line), INPUT_END);
    input_close(&input);
}

static void test_every_line_is_in_exactly_one_shard(void)
{
    static const char *const files[] = {
        "",
        "\n",
        "a",
        "a\n",
        "a\nb\nc\n",
        "a\nb\nc",
        "\n\n\na\n\n\n",
        "a\r\n\r\nbc\r\ndef\r\n",
        "a\rb\nc\r",
        BOM "a\nbb\nccc\n",
        BOM,
        BOM "\n" BOM "\n",
        "a line that is much longer than the others are\nb\n\nanother one that is quite long\nc",
        "0\n11\n222\n3333\n44444\n555555\n6666666\n77777777\n888888888\n9999999999\n",
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        size_t size = strlen(files[i]);
        const char *path = file_of(files[i], size);
        char whole[4096] = "";
        join_lines(whole, path, NULL);
        for (uint64_t count = 1; count <= 2 * size + 3; count++) {
            char joined[4096] = "";
            uint64_t end = 0;
            for (uint64_t index = 0; index < count; index++) {
                struct shard shard = { .index = index, .count = count };
                shard_cut(&shard, size);
                CHECK_EQ(shard.begin, end);
                end = shard.end;
                join_lines(joined, path, &shard);
            }
            CHECK_EQ(end, size);
            CHECK_STR(joined, whole);
        }
        unlink(path);
    }
}

static void test_a_line_longer_than_what_is_taken_is_told_by_one_shard_only(void)
{
    static const char bytes[] = "ab\n0123456789012345678901234567890123456789\ncd\n";
    const char *path = file_of(bytes, sizeof(bytes) - 1);
    unsigned too_long = 0, lines = 0;

    for (uint64_t index = 0; index < 5; index++) {
        struct shard shard = { .index = index, .count = 5 };
        struct input input;
        struct input_line line;
        shard_cut(&shard, sizeof(bytes) - 1);
        CHECK(input_open(&input, path));
        input.line_max = 8;
        CHECK(input_set_range(&input, shard.begin, shard.end));
        while (input_next(&input, &line) == INPUT_LINE) {
            lines++;
            too_long += line.too_long;
            CHECK_EQ(line.offset, line.too_long ? 3 : line.bytes.bytes[0] == 'a' ? 0 : 44);
        }
        input_close(&input);
    }
    CHECK_EQ(lines, 3);
    CHECK_EQ(too_long, 1);
    unlink(path);
}

static void test_the_parts_of_a_huge_file_fit_together(void)
{
    const uint64_t size = INT64_MAX;
    uint64_t end = 0;

    for (uint64_t index = 0; index < 999983; index++) {
        struct shard shard = { .index = index, .count = 999983 };
        shard_cut(&shard, size);
        if (shard.begin != end || shard.end - shard.begin > size / 999983 + 1) {
            CHECK_FAIL("shard %ju does not fit", (uintmax_t)index);
            break;
        }
        end = shard.end;
    }
    CHECK_EQ(end, size);
}

static void test_a_pipe_has_no_ranges(void)
{
    struct input input;
    int ends[2];
    char path[64];

    CHECK_EQ(pipe(ends), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
    CHECK(input_open(&input, path));
    CHECK(!input_set_range(&input, 0, 1));
    input_close(&input);
    close(ends[0]);
    close(ends[1]);
}

/* --- Which one --- */

static void environment(const char *id, const char *count, const char *first, const char *last)
{
    const char *const names[] = { "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT",
                                  "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX" };
    const char *const values[] = { id, count, first, last };

    unsetenv("SLURM_ARRAY_TASK_STEP");
    unsetenv("JOB_COMPLETION_INDEX");
    for (size_t i = 0; i < 4; i++) {
        if (values[i] == NULL) {
            unsetenv(names[i]);
        } else {
            setenv(names[i], values[i], 1);
        }
    }
}

static void test_a_shard_is_given_or_found_in_the_environment(void)
{
    static const struct {
        const char *text, *id, *count, *first, *last;
        int index, of; /* of 0: refused */
    } cases[] = {
        { "0/1", NULL, NULL, NULL, NULL, 0, 1 },
        { "7/8", NULL, NULL, NULL, NULL, 7, 8 },
        { "8/8", NULL, NULL, NULL, NULL, 0, 0 },
        { "0/0", NULL, NULL, NULL, NULL, 0, 0 },
        { "0/1000001", NULL, NULL, NULL, NULL, 0, 0 },
        { "1", NULL, NULL, NULL, NULL, 0, 0 },
        { "/8", NULL, NULL, NULL, NULL, 0, 0 },
        { "1/", NULL, NULL, NULL, NULL, 0, 0 },
        { "-1/8", NULL, NULL, NULL, NULL, 0, 0 },
        { "1/8/9", NULL, NULL, NULL, NULL, 0, 0 },
        { "000000000000000000000000000001/8", NULL, NULL, NULL, NULL, 0, 0 },
        { "auto", NULL, NULL, NULL, NULL, 0, 0 },
        { "auto/8", NULL, NULL, NULL, NULL, 0, 0 },
        { "automatic/8", "3", "8", "0", "7", 0, 0 },
        { "auto", "3", "8", "0", "7", 3, 8 },
        { "auto", "3", "8", "1", "8", 2, 8 },
        { "auto", "0", "8", "1", "8", 0, 0 },
        { "auto/8", "3", "8", "0", "7", 3, 8 },
        /* One task, or two neighbours, of eight submitted again. */
        { "auto", "3", "1", "3", "3", 0, 0 },
        { "auto", "0", "1", "0", "0", 0, 0 },
        { "auto", "3", "2", "3", "4", 0, 0 },
        { "auto", "1", "3", "1", "7", 0, 0 },
        { "auto/8", "3", "1", "3", "3", 3, 8 },
        { "auto/8", "8", "8", "1", "8", 0, 0 },
        { "auto", "x", "8", "0", "7", 0, 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shard shard = { .index = 77, .count = 77 };
        check_case(cases[i].text);
        environment(cases[i].id, cases[i].count, cases[i].first, cases[i].last);
        const char *fault = shard_parse(&shard, cases[i].text);
        CHECK_EQ(fault == NULL, cases[i].of != 0);
        CHECK_EQ(shard.index, fault == NULL ? cases[i].index : 77);
        CHECK_EQ(shard.count, fault == NULL ? cases[i].of : 77);
    }
}

static void test_an_indexed_job_says_which_but_not_how_many(void)
{
    struct shard shard;

    environment(NULL, NULL, NULL, NULL);
    setenv("JOB_COMPLETION_INDEX", "5", 1);
    CHECK(shard_parse(&shard, "auto") != NULL);
    CHECK(shard_parse(&shard, "auto/6") == NULL);
    CHECK_EQ(shard.index, 5);
    CHECK_STR(shard.variable, "JOB_COMPLETION_INDEX");
    setenv("SLURM_ARRAY_TASK_ID", "2", 1);
    CHECK(shard_parse(&shard, "auto/6") == NULL);
    CHECK_EQ(shard.index, 2);
}

int main(void)
{
    RUN(test_every_line_is_in_exactly_one_shard);
    RUN(test_a_line_longer_than_what_is_taken_is_told_by_one_shard_only);
    RUN(test_the_parts_of_a_huge_file_fit_together);
    RUN(test_a_pipe_has_no_ranges);
    RUN(test_a_shard_is_given_or_found_in_the_environment);
    RUN(test_an_indexed_job_says_which_but_not_how_many);
    return check_done();
}
