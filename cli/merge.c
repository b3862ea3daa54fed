/*
 * merge: see merge.h. Nothing is under its name before all is written.
 */
#include "cli/merge.h"

#include "cli/answers.h"
#include "cli/hlog_merge.h"
#include "cli/option.h"
#include "cli/query_file.h"
#include "cli/sink.h"

#include <inttypes.h>
#include <string.h>

#define MERGE_TOLD_MAX 10 /* ids that are missing */
#define MERGE_ID_MAX 200  /* bytes of one of them */

struct merge_options {
    char **files;
    uint64_t files_count;
    const char *output, *errors, *input;
    bool overwrite, quiet, help;
};

#define OPTION_STRUCT struct merge_options

static const struct option_row merge_rows[] = {
    HEADING("Options"),
    TEXT('o', "output", output, "F", "write the answers to F (stdout)"),
    TEXT(0, "errors", errors, "F", "write lines that failed to F, not among the answers"),
    TEXT('i', "input", input, "F",
         "the queries: answers come in their order, and what has\nnone is told"),
    FLAG(0, "overwrite", overwrite,
         "replace an output that holds something, which is else refused"),
    FLAG(0, "quiet", quiet, "nothing on stderr but errors"),
    FLAG('h', "help", help, "this"),
    WORDS(files),
};

const struct option_table merge_table = {
    .command = "quoit merge",
    OPTION_ROWS(merge_rows),
    .head =
        "quoit merge FILE... -o OUTPUT: join files of answers of several runs or shards.\n"
        "\n"
        "FILEs are outputs and error files of quoit batch, of OpenAI or of vLLM. Each custom_id\n"
        "comes once: a good answer rather than a failed one, and among equals that of the later\n"
        "file. Lines go through byte for byte. The output appears whole, or not at all.\n"
        "\n"
        "FILEs may be histogram logs instead, of quoit bench --hlog: what they count is added up,\n"
        "a histogram for each tag.\n",
    .foot =
        "\n"
        "Exit: 0 merged; 1 merged, but answers are missing or lines could not be read; 2 wrong\n"
        "usage; 3 a file cannot be read, or the output is not empty; 4 it cannot be written.\n",
};

struct merge {
    struct merge_options options;
    struct answers answers;
    struct sink output, errors; /* errors: open with --errors only */
    uint64_t good, failed;
    uint64_t missing;   /* queries of the input without an answer */
    uint64_t invalid;   /* lines of the input that nothing can answer */
    uint64_t strangers; /* answers to what is not in the input */
    bool unwritten;     /* a write failed */
};

/* --- Writing --- */

static bool merge_put(struct merge *merge, struct json_span line, enum outcome_kind kind)
{
    bool is_good = kind == OUTCOME_GOOD;
    struct sink *sink = is_good || merge->options.errors == NULL ? &merge->output : &merge->errors;

    merge->unwritten = !sink_put(sink, line);
    merge->good += is_good;
    merge->failed += !is_good;
    return !merge->unwritten;
}

static void merge_tell_missing(struct merge *merge, struct json_span id)
{
    size_t size = id.size < MERGE_ID_MAX ? id.size : MERGE_ID_MAX;

    if (++merge->missing <= MERGE_TOLD_MAX) {
        fprintf(stderr, "quoit: no answer to %.*s\n", (int)size, id.bytes);
    }
}

/* The answer to one line of the input. False: it cannot go on. */
static bool merge_put_answer(struct merge *merge, const struct batch_line *query)
{
    struct places_key key;
    struct place place;
    struct json_span line;

    if (query->id_raw.size == 0) {
        merge->invalid++;
        return true;
    }
    if (!answers_find(&merge->answers, query->id, &key, &place)) {
        merge_tell_missing(merge, query->id_raw);
        return true;
    }
    if (place.taken) {
        merge->invalid++; /* a repeated id */
        return true;
    }
    places_take(merge->answers.places, key);
    return answers_read(&merge->answers, place, &line) && merge_put(merge, line, place.kind);
}

/* The answers that the input asks for, in its order. */
static bool merge_put_in_order(struct merge *merge)
{
    struct query_file file;
    bool good = query_file_open(&file, merge->options.input);

    while (good) {
        enum query_file_next next = query_file_next(&file);
        if (next == QUERY_FILE_END) {
            break;
        }
        good = next != QUERY_FILE_FAILED && merge_put_answer(merge, &file.line);
    }
    query_file_close(&file);
    return good;
}

/* What was not written yet, in the order of the files. */
static bool merge_put_rest(struct merge *merge)
{
    struct answers_item item;
    enum answers_next next;

    if (!answers_rewind(&merge->answers)) {
        return false;
    }
    while ((next = answers_next(&merge->answers, &item)) == ANSWERS_ITEM) {
        if (item.place.taken) {
            continue;
        }
        merge->strangers += item.has_id;
        if (!merge_put(merge, item.line, item.place.kind)) {
            return false;
        }
    }
    return next == ANSWERS_END;
}

/* --- The steps --- */

/* Would the queries be lost? Answers may be merged into one of their files: they are in it then. */
static bool merge_replaces_input(const struct merge_options *options)
{
    return options->input != NULL &&
           (sink_is_source(options->output, options->input) ||
            (options->errors != NULL && sink_is_source(options->errors, options->input)));
}

static enum exit_code merge_open_sinks(struct merge *merge)
{
    const struct merge_options *options = &merge->options;
    enum exit_code exit_code = EXIT_GOOD;

    if (merge_replaces_input(options)) {
        (void)option_refuse(&merge_table, "%s is the input, and would be replaced by answers",
                            options->input);
        return EXIT_USAGE;
    }
    exit_code = sink_open(&merge->output, options->output, options->overwrite);
    if (exit_code != EXIT_GOOD || options->errors == NULL) {
        return exit_code;
    }
    exit_code = sink_open(&merge->errors, options->errors, options->overwrite);
    if (exit_code == EXIT_GOOD && sink_is_same(&merge->output, &merge->errors)) {
        (void)option_refuse(&merge_table, "--output and --errors are the same file");
        return EXIT_USAGE;
    }
    return exit_code;
}

static void merge_say(const struct merge *merge)
{
    const struct answers_counts *counts = &merge->answers.counts;
    bool ordered = merge->options.input != NULL;

    if (merge->missing > MERGE_TOLD_MAX) {
        fprintf(stderr, "quoit: %" PRIu64 " queries in all have no answer\n", merge->missing);
    }
    if (merge->options.quiet) {
        return;
    }
    fprintf(stderr,
            "quoit: %" PRIu64 " files, %" PRIu64 " lines: %" PRIu64 " good, %" PRIu64
            " failed; left out: %" PRIu64 " repeated, %" PRIu64 " torn, %" PRIu64
            " that are no answers\n",
            merge->options.files_count, counts->lines + counts->torn + counts->unreadable,
            merge->good, merge->failed, counts->repeated, counts->torn, counts->unreadable);
    if (ordered && merge->strangers != 0) {
        fprintf(stderr, "quoit: %" PRIu64 " answers to what %s does not ask stand at the end\n",
                merge->strangers, merge->options.input);
    }
    if (ordered && merge->invalid != 0) {
        fprintf(stderr, "quoit: %" PRIu64 " lines of %s are no queries, or repeat an id\n",
                merge->invalid, merge->options.input);
    }
}

static enum exit_code merge_run(struct merge *merge)
{
    const struct merge_options *options = &merge->options;
    enum exit_code exit_code = merge_open_sinks(merge);

    if (exit_code != EXIT_GOOD) {
        return exit_code;
    }
    bool good = answers_open(&merge->answers, options->files, options->files_count) &&
                answers_gather(&merge->answers) &&
                (options->input == NULL || merge_put_in_order(merge)) && merge_put_rest(merge);
    if (!good && !merge->unwritten) {
        return EXIT_START;
    }
    /* The answers last: where they are, the errors are too. */
    if ((options->errors != NULL && !sink_close(&merge->errors)) || !sink_close(&merge->output)) {
        return EXIT_OUTPUT;
    }
    merge_say(merge);
    return merge->missing != 0 || merge->answers.counts.unreadable != 0 ? EXIT_FAILED : EXIT_GOOD;
}

/* Histograms have neither ids nor errors. */
static enum exit_code merge_logs(const struct merge_options *options)
{
    const struct hlog_merge_options logs = { .files = options->files,
                                             .files_count = options->files_count,
                                             .output = options->output,
                                             .overwrite = options->overwrite,
                                             .quiet = options->quiet };

    if (options->input != NULL || options->errors != NULL) {
        (void)option_refuse(&merge_table, "--input and --errors go with answers, and FILEs are "
                                          "histogram logs");
        return EXIT_USAGE;
    }
    return hlog_merge(&logs);
}

int merge_main(int count, char **words)
{
    struct merge merge = { .good = 0 };
    enum exit_code exit_code = EXIT_GOOD;

    if (!option_parse(&merge_table, &merge.options, count, words)) {
        return EXIT_USAGE;
    }
    if (merge.options.help) {
        option_print_help(&merge_table, stdout);
        return EXIT_GOOD;
    }
    if (merge.options.files_count == 0) {
        (void)option_refuse(&merge_table, "which FILEs? See --help");
        return EXIT_USAGE;
    }
    if (hlog_merge_is_meant(merge.options.files, merge.options.files_count)) {
        return (int)merge_logs(&merge.options);
    }
    sink_init(&merge.output);
    sink_init(&merge.errors);
    exit_code = merge_run(&merge);
    sink_drop(&merge.output);
    sink_drop(&merge.errors);
    answers_close(&merge.answers);
    return (int)exit_code;
}
