/*
 * check: see check.h. A fault is told as soon as it is found, in words on stderr or as a part of
 * the JSON on stdout, so that memory does not grow with them.
 */
#include "cli/check.h"

#include "cli/census.h"
#include "cli/input.h"
#include "cli/openai.h"
#include "cli/option.h"
#include "cli/prepare.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_TOLD_MAX 20

/* Any will do: what is judged are the lines. */
static const struct server check_server = { { "https://api.openai.com/v1" }, 1, NULL };

struct check_options {
    const char *input, *endpoint;
    bool openai, stream, json, verbose, help;
};

#define OPTION_STRUCT struct check_options

static const struct option_row check_rows[] = {
    HEADING("Options"),
    FLAG(0, "openai", openai,
         "OpenAI's own limits too: 50,000 requests or inputs of\nembeddings, 200 MB, one model "
         "and one url that has batches\na file, method POST, no stream"),
    TEXT(0, "endpoint", endpoint, "PATH", "the url of lines that have none"),
    FLAG(0, "stream", stream, "judge as quoit batch --stream does"),
    FLAG(0, "json", json, "what was found, as JSON on stdout"),
    FLAG('v', "verbose", verbose, "every fault, not the first 20"),
    FLAG('h', "help", help, "this"),
    WORD(input, "INPUT"),
};

const struct option_table check_table = {
    .command = "quoit check",
    OPTION_ROWS(check_rows),
    .head =
        "quoit check INPUT: what is in a file of queries, and what is wrong with it.\n"
        "\n"
        "Every line is judged as quoit batch would; nothing is sent. INPUT may be - for stdin.\n",
    .foot =
        "\n"
        "Exit: 0 all is good; 1 something is wrong with it; 2 wrong usage; 3 it cannot be read.\n",
};

struct check {
    struct check_options options;
    struct options batch; /* what `quoit batch` would have been told */
    struct headers headers;
    struct keys keys;
    struct proxies proxies;
    struct reread reread; /* of a regular input */
    struct ids *ids;
    struct prepare prepare;
    struct query_pool pool;
    struct input input;
    struct census census;
    struct text quoted;
    uint64_t inputs; /* of embeddings, with --openai */
    uint64_t lines;  /* that are not blank */
    uint64_t faults;
};

/* --- Telling --- */

/* A JSON string, for both kinds of report: so nothing in it can confuse a terminal. */
static const char *check_quote(struct check *check, struct json_span span)
{
    text_reset(&check->quoted);
    text_append_quoted(&check->quoted, span);
    return check->quoted.failed ? "\"?\"" : check->quoted.bytes;
}

static const char *check_quote_string(struct check *check, const char *string)
{
    return check_quote(check, (struct json_span){ string, strlen(string) });
}

/* `number` 0: of the file as a whole. */
static void check_tell(struct check *check, uint64_t number, const char *message)
{
    check->faults++;
    if (check->faults > CHECK_TOLD_MAX && !check->options.verbose) {
        return;
    }
    if (check->options.json) {
        printf("%s{\"line\":", check->faults > 1 ? "," : "");
        printf(number != 0 ? "%" PRIu64 : "null", number);
        printf(",\"message\":%s}", check_quote_string(check, message));
    } else if (number != 0) {
        fprintf(stderr, "%s:%" PRIu64 ": %s\n", check->input.name, number, message);
    } else {
        fprintf(stderr, "%s: %s\n", check->input.name, message);
    }
}

static void check_print_names(struct check *check, const char *title,
                              const struct census_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct text *name = &names->items[i].name;
        printf("%-8s%10" PRIu64 "  %s\n", i == 0 ? title : "", names->items[i].requests,
               check_quote(check, (struct json_span){ name->bytes, name->size }));
    }
    if (names->others != 0) {
        printf("%-8s%10" PRIu64 "  others\n", "", names->others);
    }
}

static void check_print(struct check *check)
{
    const struct census *census = &check->census;

    if (check->faults > CHECK_TOLD_MAX && !check->options.verbose) {
        fprintf(stderr, "%s: %" PRIu64 " faults in all; -v shows every one\n", check->input.name,
                check->faults);
    }
    printf("%-8s%10" PRIu64 "  of %" PRIu64 " lines, %" PRIu64 " bytes\n", "requests",
           census->requests, check->lines, check->input.bytes_read);
    check_print_names(check, "urls", &census->urls);
    check_print_names(check, "models", &census->models);
    if (census->without_model != 0) {
        printf("%-8s%10" PRIu64 "  name no model\n", "", census->without_model);
    }
    printf("%-8s%10" PRIu64 "  in, an estimate: the bodies' bytes / 4\n", "tokens",
           census->tokens_in);
    if (census->without_max == census->requests) {
        printf("%-8s%10s  out: no request sets max_tokens", "", "unknown");
    } else {
        printf("%-8s%10" PRIu64 "  out at most, by max_tokens", "", census->tokens_out);
        if (census->without_max != 0) {
            printf("; %" PRIu64 " requests set none", census->without_max);
        }
    }
    printf("\n%-8s%10" PRIu64 "\n", "faults", check->faults);
}

static void check_print_names_json(struct check *check, const char *key, const char *inner,
                                   const struct census_names *names)
{
    printf(",\"%s\":[", key);
    for (size_t i = 0; i < names->count; i++) {
        const struct text *name = &names->items[i].name;
        printf("%s{\"%s\":%s,\"requests\":%" PRIu64 "}", i > 0 ? "," : "", inner,
               check_quote(check, (struct json_span){ name->bytes, name->size }),
               names->items[i].requests);
    }
    printf("]");
}

static void check_begin_json(struct check *check)
{
    printf("{\"file\":%s,\"errors\":[", check_quote_string(check, check->input.name));
}

static void check_end_json(struct check *check, bool whole)
{
    const struct census *census = &check->census;

    printf("],\"errors_count\":%" PRIu64 ",\"good\":%s,\"lines\":%" PRIu64 ",\"requests\":%" PRIu64
           ",\"bytes\":%" PRIu64,
           check->faults, whole && check->faults == 0 ? "true" : "false", check->lines,
           census->requests, check->input.bytes_read);
    check_print_names_json(check, "urls", "url", &census->urls);
    check_print_names_json(check, "models", "model", &census->models);
    printf(",\"tokens_estimate\":{\"in\":%" PRIu64 ",\"out_max\":%" PRIu64
           ",\"without_max_tokens\":%" PRIu64 "}}\n",
           census->tokens_in, census->tokens_out, census->without_max);
}

/* --- Judging --- */

/* A line that is a query: count it, and see what OpenAI would say. */
static void check_count(struct check *check, uint64_t number)
{
    const struct batch_line *line = &check->prepare.line;
    const struct quoit_span body = check->prepare.request.body;
    const char *url = line->url != NULL ? line->url : check->options.endpoint;
    const char *fault = check->options.openai ? openai_line_fault(line) : NULL;

    census_take(&check->census, url, (struct json_span){ body.bytes, body.size });
    if (fault != NULL) {
        check_tell(check, number, fault);
    } else if (check->options.openai) {
        check->inputs += openai_inputs(line);
    }
}

/* False: out of memory. */
static bool check_line(struct check *check, const struct input_line *line)
{
    struct query *query = query_take(&check->pool, line->bytes);

    check->lines++;
    if (query == NULL) {
        return false;
    }
    query->number = line->number;
    query->offset = line->offset;
    enum prepare_verdict verdict = PREPARE_INVALID;
    if (line->too_long) {
        check_tell(check, line->number, "the line is too long");
    } else {
        verdict = prepare_request(&check->prepare, query);
    }
    if (verdict == PREPARE_GOOD) {
        check_count(check, line->number);
    } else if (verdict == PREPARE_INVALID && !line->too_long) {
        check_tell(check, line->number, check->prepare.message);
    }
    query_give_back(&check->pool, query);
    return verdict != PREPARE_NO_MEMORY && !check->census.failed;
}

/* Any line. False: out of memory. */
static bool check_take(struct check *check, const struct input_line *line)
{
    if (check->input.regular && !reread_note(&check->reread, line->number, line->offset)) {
        return false;
    }
    return (!line->too_long && batch_line_is_blank(line->bytes)) || check_line(check, line);
}

/* All lines. EXIT_GOOD: they were read. */
static enum exit_code check_lines(struct check *check)
{
    struct input_line line;

    for (;;) {
        switch (input_next(&check->input, &line)) {
        case INPUT_LINE:
            if (!check_take(check, &line)) {
                fputs("quoit: out of memory\n", stderr);
                return EXIT_START;
            }
            break;
        case INPUT_LATER:
            input_wait(&check->input, 1000);
            break;
        case INPUT_END:
            return EXIT_GOOD;
        case INPUT_FAILED:
            fprintf(stderr, "quoit: %s cannot be read: %s\n", check->input.name,
                    strerror(check->input.os_error));
            return EXIT_START;
        }
    }
}

static void check_file(struct check *check)
{
    const char *faults[OPENAI_FAULTS_MAX];
    size_t count = 0;

    if (check->options.openai) {
        count = openai_file_faults(&check->census, check->input.bytes_read, check->inputs, faults);
    }
    for (size_t i = 0; i < count; i++) {
        check_tell(check, 0, faults[i]);
    }
}

/* --- The steps --- */

/* The set in which custom_ids are looked up. False: no memory for it. */
static bool check_open_ids(struct check *check)
{
    if (check->input.regular) {
        reread_init(&check->reread, check->input.fd);
    }
    check->ids = ids_create(check->input.regular ? &check->reread : NULL);
    check->prepare.ids = check->ids;
    return check->ids != NULL;
}

static bool check_open(struct check *check)
{
    if (!input_open(&check->input, check->options.input)) {
        fprintf(stderr, "quoit: %s cannot be read: %s\n", check->input.name,
                strerror(check->input.os_error));
        return false;
    }
    check->batch.endpoint = check->options.endpoint;
    check->batch.stream = check->options.stream;
    if (headers_open(&check->headers, NULL, 0, NULL) != 0 || !check_open_ids(check) ||
        !prepare_init(&check->prepare, &check->batch, &check_server, &check->headers, &check->keys,
                      &check->proxies)) {
        fputs("quoit: out of memory\n", stderr);
        return false;
    }
    if (check->options.openai) {
        check->prepare.line.may_stream = true; /* openai_line_fault says that none may */
    }
    return true;
}

static enum exit_code check_run(struct check *check)
{
    if (!check_open(check)) {
        return EXIT_START;
    }
    if (check->options.json) {
        check_begin_json(check);
    }
    enum exit_code exit_code = check_lines(check);
    if (exit_code == EXIT_GOOD) {
        check_file(check);
    }
    if (check->options.json) {
        check_end_json(check, exit_code == EXIT_GOOD);
    } else if (exit_code == EXIT_GOOD) {
        check_print(check);
    }
    return exit_code == EXIT_GOOD && check->faults != 0 ? EXIT_FAILED : exit_code;
}

static void check_close(struct check *check)
{
    prepare_free(&check->prepare);
    ids_destroy(check->ids);
    reread_free(&check->reread);
    headers_close(&check->headers);
    query_pool_free(&check->pool);
    census_free(&check->census);
    text_free(&check->quoted);
    input_close(&check->input);
    free(check);
}

int check_main(int count, char **words)
{
    struct check *check = calloc(1, sizeof(*check)); /* its headers are too large for a stack */
    enum exit_code exit_code = EXIT_GOOD;

    if (check == NULL) {
        fputs("quoit: out of memory\n", stderr);
        return EXIT_START;
    }
    check->input.fd = -1;
    census_init(&check->census);
    text_init(&check->quoted, 0);
    if (!option_parse(&check_table, &check->options, count, words)) {
        exit_code = EXIT_USAGE;
    } else if (check->options.help) {
        option_print_help(&check_table, stdout);
    } else if (check->options.input == NULL) {
        (void)option_refuse(&check_table, "which INPUT? A file of queries, or - for stdin");
        exit_code = EXIT_USAGE;
    } else {
        exit_code = check_run(check);
    }
    check_close(check);
    return (int)exit_code;
}
