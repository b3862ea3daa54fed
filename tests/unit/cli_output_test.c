/*
 * output: whole lines, in the order that was asked for.
 */
#include "cli/output.h"

#include "cli/interrupt.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64], errors_path[64];

static void put(struct output *output, uint64_t sequence, enum output_kind kind, const char *line)
{
    output_put(output, sequence, kind, (struct json_span){ line, strlen(line) });
}

static void begin(struct output *output, uint64_t window)
{
    int os_error = 0;

    snprintf(path, sizeof(path), "/tmp/quoit-output-XXXXXX");
    snprintf(errors_path, sizeof(errors_path), "/tmp/quoit-errors-XXXXXX");
    close(mkstemp(path));
    close(mkstemp(errors_path));
    CHECK(output_init(output, window));
    CHECK(output_file_open(&output->answers, path, false, &os_error));
}

static const char *content(const char *of)
{
    static char text[2][4096];
    static int turn;
    char *out = text[turn++ % 2];
    FILE *file = fopen(of, "r");

    out[fread(out, 1, 4095, file)] = '\0';
    fclose(file);
    return out;
}

static void end(struct output *output)
{
    output_free(output);
    unlink(path);
    unlink(errors_path);
}

static void test_lines_are_written_as_they_end(void)
{
    struct output output;

    begin(&output, 0);
    put(&output, 2, OUTPUT_GOOD, "c\n");
    put(&output, 0, OUTPUT_FAILED, "a\n");
    output_skip(&output, 1);
    CHECK(output_has_room(&output, 1000000));
    CHECK(output_close(&output));
    CHECK_STR(content(path), "c\na\n");
    CHECK_EQ(output.good, 1);
    CHECK_EQ(output.failed_lines, 1);
    end(&output);
}

static void test_failed_lines_go_to_the_file_of_errors(void)
{
    struct output output;
    int os_error = 0;

    begin(&output, 0);
    CHECK(output_file_open(&output.errors, errors_path, false, &os_error));
    put(&output, 0, OUTPUT_GOOD, "a\n");
    put(&output, 1, OUTPUT_FAILED, "b\n");
    CHECK(output_close(&output));
    CHECK_STR(content(path), "a\n");
    CHECK_STR(content(errors_path), "b\n");
    end(&output);
}

static void test_the_order_of_the_input_is_kept_within_the_window(void)
{
    struct output output;

    begin(&output, 4);
    put(&output, 2, OUTPUT_GOOD, "c\n");
    put(&output, 1, OUTPUT_GOOD, "b\n");
    CHECK_STR(content(path), "");
    CHECK(output_has_room(&output, 3));
    CHECK(!output_has_room(&output, 4));
    put(&output, 0, OUTPUT_GOOD, "a\n");
    CHECK_STR(content(path), "a\nb\nc\n");
    CHECK(output_has_room(&output, 6));
    put(&output, 3, OUTPUT_GOOD, "d\n");
    CHECK(output_close(&output));
    CHECK_STR(content(path), "a\nb\nc\nd\n");
    CHECK_EQ(output.good, 4);
    end(&output);
}

static void test_in_order_nothing_follows_a_line_that_is_left_out(void)
{
    struct output output;

    begin(&output, 4);
    put(&output, 0, OUTPUT_GOOD, "a\n");
    put(&output, 2, OUTPUT_GOOD, "c\n");
    output_skip(&output, 1);
    put(&output, 3, OUTPUT_GOOD, "d\n");
    CHECK(output_close(&output));
    CHECK_STR(content(path), "a\n");
    CHECK_EQ(output.good, 1);
    end(&output);
}

static void test_a_full_disk_is_told_and_nothing_counted(void)
{
    struct output output;
    int os_error = 0;

    CHECK(output_init(&output, 0));
    CHECK(output_file_open(&output.answers, "/dev/full", false, &os_error));
    put(&output, 0, OUTPUT_GOOD, "a\n");
    put(&output, 1, OUTPUT_GOOD, "b\n");
    CHECK(output.failed);
    CHECK_EQ(output.os_error, ENOSPC);
    CHECK_EQ(output.good, 0);
    CHECK(!output_close(&output));
    output_free(&output);
}

/* Neither a sync nor a close can say good things of a descriptor that is no more. */
static void test_what_is_on_no_disk_is_not_counted(void)
{
    static const enum output_promise promises[] = { OUTPUT_ALWAYS, OUTPUT_GROUP, OUTPUT_NEVER };
    struct output output;
    int os_error = 0;

    for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++) {
        begin(&output, 0);
        CHECK(output_file_open(&output.errors, errors_path, false, &os_error));
        CHECK(output_begin(&output, promises[i], NULL, &os_error));
        put(&output, 0, OUTPUT_FAILED, "b\n");
        output_update(&output);
        while (output.failed_lines == 0) {
            output_update(&output);
        }
        if (promises[i] == OUTPUT_ALWAYS) {
            close(output.answers.fd);
            put(&output, 1, OUTPUT_GOOD, "a\n");
        } else {
            put(&output, 1, OUTPUT_GOOD, "a\n"); /* into the cache; nobody has asked for more */
            close(output.answers.fd);
        }
        CHECK(!output_close(&output));
        CHECK_EQ(output.os_error, EBADF);
        CHECK_STR(output.failed_name, path);
        CHECK_EQ(output.good, 0);
        CHECK_EQ(output.failed_lines, 1);
        end(&output);
    }
}

/* Each takes the pipe's whole room and more; only a reader lets the second one end. */
static void test_a_reader_who_does_not_read_holds_us_up_no_longer_than_the_grace(void)
{
    static char line[100001];
    struct output output;
    int pipe_fds[2];

    memset(line, 'x', sizeof(line) - 1);
    CHECK_EQ(pipe(pipe_fds), 0);
    CHECK(output_init(&output, 0));
    output.answers = (struct output_file){ .name = "pipe", .fd = pipe_fds[1] };
    interrupt_catch(20 * UINT64_C(1000000), UINT64_MAX);
    CHECK_EQ(interrupt_end_ns(), UINT64_MAX);
    raise(SIGINT);
    CHECK(interrupt_end_ns() != UINT64_MAX);
    put(&output, 0, OUTPUT_GOOD, line);
    CHECK(output.failed);
    CHECK_EQ(output.os_error, EINTR);
    CHECK_EQ(output.good, 0);
    output_free(&output);
    close(pipe_fds[0]);
}

static void test_a_group_counts_when_it_is_on_disk(void)
{
    struct output output;
    int os_error = 0;

    begin(&output, 0);
    CHECK(output_begin(&output, OUTPUT_GROUP, NULL, &os_error));
    put(&output, 0, OUTPUT_GOOD, "a\n");
    CHECK_STR(content(path), "a\n");
    CHECK_EQ(output.good, 0);
    while (output.good == 0) { /* or the test has no end */
        output_update(&output);
    }
    put(&output, 1, OUTPUT_FAILED, "b\n");
    output_settle(&output);
    CHECK_EQ(output.good, 1);
    CHECK_EQ(output.failed_lines, 1);
    CHECK(output_close(&output));
    end(&output);
}

static void test_a_line_of_an_earlier_run_holds_up_nothing(void)
{
    struct output output;

    begin(&output, 4);
    put(&output, 1, OUTPUT_GOOD, "b\n");
    output_pass(&output, 0);
    output_pass(&output, 2);
    put(&output, 3, OUTPUT_GOOD, "d\n");
    output_pass(&output, 4);
    CHECK(output_has_room(&output, 8));
    CHECK(output_close(&output));
    CHECK_STR(content(path), "b\nd\n");
    CHECK_EQ(output.good, 2);
    end(&output);
}

int main(void)
{
    RUN(test_lines_are_written_as_they_end);
    RUN(test_failed_lines_go_to_the_file_of_errors);
    RUN(test_the_order_of_the_input_is_kept_within_the_window);
    RUN(test_in_order_nothing_follows_a_line_that_is_left_out);
    RUN(test_a_full_disk_is_told_and_nothing_counted);
    RUN(test_what_is_on_no_disk_is_not_counted);
    RUN(test_a_group_counts_when_it_is_on_disk);
    RUN(test_a_line_of_an_earlier_run_holds_up_nothing);
    RUN(test_a_reader_who_does_not_read_holds_us_up_no_longer_than_the_grace);
    return check_done();
}
