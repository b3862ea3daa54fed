/*
 * retry_failed: see retry_failed.h.
 */
#include "cli/retry_failed.h"

#include "cli/answers.h"
#include "cli/option.h"
#include "cli/query_file.h"
#include "cli/sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum retry_failed_which { RETRY_TRANSIENT, RETRY_ALL };

struct retry_failed_options {
    char **files; /* the input, then the outputs */
    uint64_t files_count;
    const char *output;
    uint64_t failed; /* enum retry_failed_which */
    bool overwrite, quiet, help;
};

#define OPTION_STRUCT struct retry_failed_options

static const struct option_row retry_failed_rows[] = {
    HEADING("Options"),
    TEXT('o', "output", output, "F", "write the queries to F (stdout)"),
    VALUE(OPTION_CHOICE, "failed", failed, "transient|all",
          "those that may succeed if they are sent again, or all that\nfailed (transient)"),
    FLAG(0, "overwrite", overwrite,
         "replace an output that holds something, which is else refused"),
    FLAG(0, "quiet", quiet, "nothing on stderr but errors"),
    FLAG('h', "help", help, "this"),
    WORDS(files),
};

const struct option_table retry_failed_table = {
    .command = "quoit retry-failed",
    OPTION_ROWS(retry_failed_rows),
    .head = "quoit retry-failed INPUT OUTPUT... [-o F]: what of INPUT is to be sent again.\n"
            "\n"
            "Writes the lines of INPUT, byte for byte, that failed in the OUTPUTs or are missing\n"
            "there. OUTPUTs are outputs and error files of quoit batch, of OpenAI or of vLLM; a\n"
            "good answer in any of them counts.\n",
    .foot =
        "\n"
        "Exit: 0 written, be it nothing; 1 written, but lines of an OUTPUT could not be read;\n"
        "2 wrong usage; 3 a file cannot be read, or is no output, or F is not empty; 4 F cannot\n"
        "be written.\n",
};

struct retry_failed {
    struct retry_failed_options options;
    struct answers answers;
    struct sink sink;
    uint64_t answered, transient, final, missing;
    uint64_t invalid; /* lines that are no queries, or repeat an id */
    bool unwritten;
};

/* What is known of the query whose id this is, for the first line of the input that has it. */
enum retry_failed_known { RETRY_MISSING, RETRY_ANSWERED, RETRY_REPEATED, RETRY_NO_MEMORY };

static enum retry_failed_known retry_failed_look(struct retry_failed *retry, struct json_span id,
                                                 enum outcome_kind *kind_out)
{
    const struct place met = { .kind = OUTCOME_FINAL, .taken = true };
    struct places *places = retry->answers.places;
    struct places_key key;
    struct place place;

    if (!answers_find(&retry->answers, id, &key, &place)) {
        return places_note(places, key, met) == PLACES_NO_MEMORY ? RETRY_NO_MEMORY : RETRY_MISSING;
    }
    if (place.taken) {
        return RETRY_REPEATED;
    }
    places_take(places, key);
    *kind_out = place.kind;
    return RETRY_ANSWERED;
}

/* Count a query with an answer. Is it to be sent again? */
static bool retry_failed_wants(struct retry_failed *retry, enum outcome_kind kind)
{
    switch (kind) {
    case OUTCOME_GOOD:
        retry->answered++;
        return false;
    case OUTCOME_TRANSIENT:
        retry->transient++;
        return true;
    case OUTCOME_FINAL:
        retry->final++;
        return retry->options.failed == RETRY_ALL;
    }
    abort(); /* a kind without a case */
}

static bool retry_failed_put(struct retry_failed *retry, struct json_span query)
{
    retry->unwritten = !sink_put(&retry->sink, query);
    return !retry->unwritten;
}

/* One line of the input. False: it cannot go on. */
static bool retry_failed_take(struct retry_failed *retry, const struct query_file *file,
                              bool is_query)
{
    enum outcome_kind kind = OUTCOME_FINAL;
    enum retry_failed_known known = RETRY_REPEATED;

    if (file->line.id_raw.size != 0) {
        known = retry_failed_look(retry, file->line.id, &kind);
    }
    if (known == RETRY_NO_MEMORY) {
        fputs("quoit: out of memory\n", stderr);
        return false;
    }
    if (!is_query || known == RETRY_REPEATED) {
        retry->invalid++;
        return true;
    }
    if (known == RETRY_MISSING) {
        retry->missing++;
        return retry_failed_put(retry, file->bytes);
    }
    return !retry_failed_wants(retry, kind) || retry_failed_put(retry, file->bytes);
}

static bool retry_failed_read(struct retry_failed *retry)
{
    struct query_file file;
    bool good = query_file_open(&file, retry->options.files[0]);

    while (good) {
        enum query_file_next next = query_file_next(&file);
        if (next == QUERY_FILE_END) {
            break;
        }
        good =
            next != QUERY_FILE_FAILED && retry_failed_take(retry, &file, next == QUERY_FILE_QUERY);
    }
    query_file_close(&file);
    return good;
}

/* --- The steps --- */

static void retry_failed_say(const struct retry_failed *retry, uint64_t written)
{
    if (retry->options.quiet) {
        return;
    }
    fprintf(stderr,
            "quoit: %" PRIu64 " to be sent again: %" PRIu64 " missing, %" PRIu64
            " failed and may succeed, %" PRIu64 " failed for good%s; %" PRIu64 " are answered\n",
            written, retry->missing, retry->transient, retry->final,
            retry->options.failed == RETRY_ALL || retry->final == 0 ? "" : " (not taken)",
            retry->answered);
    if (retry->invalid != 0) {
        fprintf(stderr, "quoit: %" PRIu64 " lines of %s are no queries, or repeat an id\n",
                retry->invalid, retry->options.files[0]);
    }
}

static enum exit_code retry_failed_open_sink(struct retry_failed *retry)
{
    const struct retry_failed_options *options = &retry->options;

    for (uint64_t i = 0; i < options->files_count; i++) {
        if (sink_is_source(options->output, options->files[i])) {
            (void)option_refuse(&retry_failed_table,
                                "%s is read, and would be replaced: say another name for -o",
                                options->files[i]);
            return EXIT_USAGE;
        }
    }
    return sink_open(&retry->sink, options->output, options->overwrite);
}

static enum exit_code retry_failed_run(struct retry_failed *retry)
{
    const struct retry_failed_options *options = &retry->options;
    enum exit_code exit_code = retry_failed_open_sink(retry);

    if (exit_code != EXIT_GOOD) {
        return exit_code;
    }
    bool good = answers_open(&retry->answers, options->files + 1, options->files_count - 1) &&
                answers_check_first(&retry->answers) && answers_gather(&retry->answers) &&
                retry_failed_read(retry);
    if (!good && !retry->unwritten) {
        return EXIT_START;
    }
    uint64_t written = retry->sink.lines;
    if (!sink_close(&retry->sink)) {
        return EXIT_OUTPUT;
    }
    retry_failed_say(retry, written);
    return retry->answers.counts.unreadable != 0 ? EXIT_FAILED : EXIT_GOOD;
}

int retry_failed_main(int count, char **words)
{
    struct retry_failed retry = { .answered = 0 };

    if (!option_parse(&retry_failed_table, &retry.options, count, words)) {
        return EXIT_USAGE;
    }
    if (retry.options.help) {
        option_print_help(&retry_failed_table, stdout);
        return EXIT_GOOD;
    }
    if (retry.options.files_count < 2) {
        (void)option_refuse(&retry_failed_table, "which INPUT, and which OUTPUTs? See --help");
        return EXIT_USAGE;
    }
    sink_init(&retry.sink);
    enum exit_code exit_code = retry_failed_run(&retry);
    sink_drop(&retry.sink);
    answers_close(&retry.answers);
    return (int)exit_code;
}
