/*
 * outputs: the order in which files may be touched.
 */
#include "cli/outputs.h"

#include "cli/exit.h"
#include "cli/writer.h"
#include "llm/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORDER_WINDOW_MIN (2 * WRITER_HELD_MAX) /* more than may be held back on probation */

void outputs_init(struct outputs *outputs)
{
    outputs->output.answers.fd = outputs->output.errors.fd = outputs->summary.fd = -1;
}

void outputs_free(struct outputs *outputs)
{
    output_free(&outputs->output);
    output_file_close(&outputs->summary);
}

/* --- Open --- */

static int outputs_open_file(struct output_file *file, const char *path, bool readable)
{
    int os_error = 0;

    if (!output_file_open(file, path, readable, &os_error)) {
        fprintf(stderr, "quoit: %s cannot be written: %s\n", path, strerror(os_error));
        return EXIT_OUTPUT;
    }
    return 0;
}

static int outputs_open_all(struct outputs *outputs, const struct options *options)
{
    struct output *output = &outputs->output;
    int exit_code = outputs_open_file(&output->answers, options->output, options->resume);

    if (exit_code == 0 && options->errors != NULL) {
        exit_code = outputs_open_file(&output->errors, options->errors, options->resume);
    }
    if (exit_code == 0 && options->summary != NULL) {
        exit_code = outputs_open_file(&outputs->summary, options->summary, false);
    }
    return exit_code;
}

/* Are both the same regular file? */
static bool outputs_are_same(int a, int b)
{
    struct stat one, other;

    return a >= 0 && b >= 0 && fstat(a, &one) == 0 && fstat(b, &other) == 0 &&
           S_ISREG(one.st_mode) && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* No two of the files may be the same. */
static int outputs_check(const struct outputs *outputs, const struct input *input)
{
    const struct {
        const char *name;
        int fd;
    } files[] = {
        { "INPUT", input->fd },
        { "--output", outputs->output.answers.fd },
        { "--errors", outputs->output.errors.fd },
        { "--summary", outputs->summary.fd },
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        for (size_t j = 0; j < i; j++) {
            if (outputs_are_same(files[i].fd, files[j].fd)) {
                fprintf(stderr, "quoit batch: %s and %s are the same file\n", files[j].name,
                        files[i].name);
                return EXIT_USAGE;
            }
        }
    }
    return 0;
}

static int outputs_lock(struct output_file *file)
{
    int os_error = 0;

    switch (output_file_lock(file, &os_error)) {
    case OUTPUT_LOCKED:
        return 0;
    case OUTPUT_BUSY:
        fprintf(stderr, "quoit: another run writes %s\n", file->name);
        return EXIT_START;
    case OUTPUT_LOST:
        break;
    }
    fprintf(stderr, "quoit: %s cannot be locked: %s\n", file->name, strerror(os_error));
    return EXIT_START;
}

/* --- What is in them --- */

/* A file that holds something is refused, unless it may be overwritten. */
static int outputs_check_empty(const struct output_file *file, const struct options *options)
{
    if (file->fd >= 0 && file->fd != STDOUT_FILENO && file->size != 0 && !options->overwrite) {
        fprintf(stderr, "quoit: %s is not empty: say --resume, --overwrite, or another name\n",
                file->name);
        return EXIT_START;
    }
    return 0;
}

static int outputs_empty(struct output_file *file)
{
    int os_error = 0;

    if (!output_file_empty(file, &os_error)) {
        fprintf(stderr, "quoit: %s cannot be emptied: %s\n", file->name, strerror(os_error));
        return EXIT_OUTPUT;
    }
    return 0;
}

static int outputs_begin_anew(struct output *output, const struct options *options)
{
    int exit_code = outputs_check_empty(&output->answers, options);

    exit_code = exit_code != 0 ? exit_code : outputs_check_empty(&output->errors, options);
    exit_code = exit_code != 0 ? exit_code : outputs_empty(&output->answers);
    return exit_code != 0 ? exit_code : outputs_empty(&output->errors);
}

static int outputs_exit_of(const struct journal *journal, enum journal_verdict verdict)
{
    if (verdict != JOURNAL_GOOD) {
        fprintf(stderr, "quoit: %s\n", journal->message);
    }
    return verdict == JOURNAL_GOOD ? 0 : verdict == JOURNAL_REFUSED ? EXIT_START : EXIT_OUTPUT;
}

/* Changes nothing. */
static int outputs_check_journal(struct journal *journal, const struct output_file *file)
{
    if (file->fd < 0) {
        return 0;
    }
    if (!file->regular) {
        fprintf(stderr, "quoit: --resume needs regular files: %s is none\n", file->name);
        return EXIT_START;
    }
    return outputs_exit_of(journal, journal_check(journal, file));
}

static int outputs_read(struct journal *journal, struct output_file *file)
{
    return file->fd < 0 ? 0 : outputs_exit_of(journal, journal_read(journal, file));
}

static int outputs_go_on(struct outputs *outputs, const struct options *options)
{
    struct journal *journal = &outputs->journal;
    struct output *output = &outputs->output;

    journal->ordered = options->order == OPTIONS_ORDER_INPUT;
    journal->again = options->resume_failed != OPTIONS_UNSET
                         ? (enum journal_again)options->resume_failed
                     : journal->ordered ? JOURNAL_AGAIN_NONE
                                        : JOURNAL_AGAIN_TRANSIENT;
    int exit_code = outputs_check_journal(journal, &output->answers);
    exit_code = exit_code != 0 ? exit_code : outputs_check_journal(journal, &output->errors);
    exit_code = exit_code != 0 ? exit_code : outputs_read(journal, &output->answers);
    exit_code = exit_code != 0 ? exit_code : outputs_read(journal, &output->errors);
    if (exit_code != 0) {
        return exit_code;
    }
    return outputs_exit_of(journal, journal_drop(journal, &output->answers, &output->errors));
}

/* A name that was made just now is on disk before the first line counts. */
static int outputs_sync_names(const struct output *output)
{
    int os_error = 0;

    if (output_file_sync_name(&output->answers, &os_error) &&
        output_file_sync_name(&output->errors, &os_error)) {
        return 0;
    }
    fprintf(stderr, "quoit: the folder of the output cannot be brought to disk: %s\n",
            strerror(os_error));
    return EXIT_OUTPUT;
}

int outputs_open(struct outputs *outputs, const struct options *options, const struct input *input)
{
    struct output *output = &outputs->output;
    uint64_t window = 0;

    if (options->order == OPTIONS_ORDER_INPUT) {
        window = 16 * options->concurrency;
        window = window < ORDER_WINDOW_MIN ? ORDER_WINDOW_MIN : window;
    }
    if (!output_init(output, window)) {
        fputs("quoit: out of memory\n", stderr);
        return EXIT_START;
    }
    int exit_code = outputs_open_all(outputs, options);
    exit_code = exit_code != 0 ? exit_code : outputs_check(outputs, input);
    exit_code = exit_code != 0 ? exit_code : outputs_lock(&output->answers);
    exit_code = exit_code != 0 ? exit_code : outputs_lock(&output->errors);
    if (exit_code == 0) {
        exit_code =
            options->resume ? outputs_go_on(outputs, options) : outputs_begin_anew(output, options);
    }
    if (exit_code == 0 && options->fsync != OUTPUT_NEVER) {
        exit_code = outputs_sync_names(output);
    }
    return exit_code;
}

/* --- What is said --- */

static void append_counted(struct text *text, const char *before, uint64_t count,
                           const char *behind)
{
    if (count != 0) {
        text_append_string(text, before);
        text_append_number(text, count);
        text_append_string(text, behind);
    }
}

void outputs_say(const struct outputs *outputs, struct progress *progress)
{
    const struct journal *journal = &outputs->journal;
    struct text text;

    text_init(&text, 0);
    text_append_number(&text, journal->counts.good + journal->counts.failed + journal->unnamed);
    text_append_string(&text, " answers are there");
    append_counted(&text, ", of which ", journal->counts.failed, " failed for good");
    append_counted(&text, "; ", journal->sent_again, " that failed are sent again");
    append_counted(&text, "; ", journal->counts.repeated, " that stood there twice were dropped");
    append_counted(&text, "; ", journal->broken, " lines that are no answers were dropped");
    append_counted(&text, "; a torn line of ", journal->torn_size, " bytes was dropped");
    if (!text.failed) {
        progress_say(progress, "going on: %s", text.bytes);
    }
    text_free(&text);
}

/* --- The end --- */

/* Drop the answers to lines that have changed. */
static void outputs_drop_stale(struct outputs *outputs, struct progress *progress)
{
    struct output *output = &outputs->output;
    struct journal *journal = &outputs->journal;

    if (journal_finish(journal, &output->answers, &output->errors) != JOURNAL_GOOD) {
        progress_warn(progress,
                      "%s; all new answers are there, and old ones beside them: --resume "
                      "tries again",
                      journal->message);
        output->failed = true;
        output->os_error = EIO;
        output->failed_name = output->answers.name;
    }
}

bool outputs_finish(struct outputs *outputs, const struct options *options, bool complete,
                    struct progress *progress)
{
    struct output *output = &outputs->output;

    output_settle(output);
    if (options->resume && complete && !output->failed) {
        outputs_drop_stale(outputs, progress);
    }
    return output_close(output);
}
