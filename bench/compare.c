/*
 * compare: see compare.h.
 *
 *     words --> sides (runs) --> rows (comparison), warnings --> table, JSON, page --> exit code
 */
#include "bench/compare.h"

#include "bench/compare_report.h"
#include "bench/page.h"
#include "cli/option.h"
#include "cli/sink.h"
#include "llm/number.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMPARE_SIDES_MAX 32

struct compare_options {
    char **sides;
    uint64_t sides_count;
    const char *json, *html, *max_regression;
    const char *metrics[MEASURES];
    uint64_t metrics_count;
    bool verbose, help;
};

#define OPTION_STRUCT struct compare_options

static const struct option_row compare_rows[] = {
    HEADING("Options"),
    TEXT(
        0, "max-regression", max_regression, "P",
        "exit 99 where a key metric got worse by more than P percent\n(of the error rate: points), "
        "and by more than chance"),
    LIST(0, "metric", metrics, "NAME",
         "look at this one then, not at requests_per_second, goodput,\nerror_rate, latency_p99, "
         "ttft_p99 and itl_p99; repeatable",
         MEASURES),
    TEXT(0, "json", json, "F", "the comparison as JSON; - for stdout, without the table"),
    TEXT(0, "html", html, "F", "the same and one run a side as one page; - for stdout"),
    FLAG('v', "verbose", verbose, "tell which metrics are left out, and why"),
    FLAG('h', "help", help, "this"),
    WORDS(sides),
};

const struct option_table compare_table = {
    .command = "quoit compare",
    OPTION_ROWS(compare_rows),
    .head =
        "quoit compare BASE OTHER...: results of quoit bench side by side, what has changed, and\n"
        "whether that is more than chance.\n"
        "\n"
        "Each side is a result (quoit bench --json, quoit batch --summary), several of them in\n"
        "one file (cat 1.json 2.json 3.json > new.json), or a folder of *.json: repeated runs of\n"
        "one variant. Three runs a side or more tell chance from change best; with fewer, the\n"
        "intervals of their timelines are taken.\n",
    .foot =
        "\n"
        "Exit: 0 compared; 1 --max-regression could judge nothing; 2 wrong usage; 3 a file cannot\n"
        "be read or is no result; 4 output cannot be written; 99 past --max-regression.\n",
};

struct compare {
    struct compare_options options;
    struct compare_report report;
    bool is_wanted[MEASURES]; /* --max-regression looks at it */
    size_t judged;            /* rows that it looked at, and that have a verdict */
};

/* --- The command line --- */

/* "5", "0.5" or "5%". */
static bool compare_read_percent(const char *text, double *percent_out)
{
    struct json_span span = { text, strlen(text) };
    struct json_defect defect;

    span.size -= span.size > 0 && text[span.size - 1] == '%';
    if (json_kind_of(span) != JSON_NUMBER || !json_check(span, &defect)) {
        return false;
    }
    *percent_out = number_read(span);
    return *percent_out >= 0 && isfinite(*percent_out);
}

static bool compare_refuse_metric(const char *name)
{
    (void)option_refuse(&compare_table, "--metric %s is none. There are:", name);
    for (unsigned measure = 0; measure < MEASURES; measure++) {
        fprintf(stderr, "  %s\n", measure_rows[measure].name);
    }
    return false;
}

static bool compare_read_metrics(struct compare *compare)
{
    const struct compare_options *options = &compare->options;

    for (unsigned measure = 0; measure < MEASURES; measure++) {
        compare->is_wanted[measure] = options->metrics_count == 0 && measure_rows[measure].is_key;
    }
    for (uint64_t i = 0; i < options->metrics_count; i++) {
        enum measure measure = measure_find(options->metrics[i]);
        if (measure == MEASURES) {
            return compare_refuse_metric(options->metrics[i]);
        }
        compare->is_wanted[measure] = true;
    }
    return true;
}

static bool compare_is_stdout(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static bool compare_check_outputs(const struct compare_options *options)
{
    const char *const outputs[] = { options->json, options->html };

    if (compare_is_stdout(options->json) && compare_is_stdout(options->html)) {
        return option_refuse(&compare_table, "--json and --html cannot both be stdout");
    }
    for (size_t i = 0; i < 2; i++) {
        for (uint64_t side = 0; outputs[i] != NULL && side < options->sides_count; side++) {
            if (!compare_is_stdout(outputs[i]) &&
                sink_is_source(outputs[i], options->sides[side])) {
                return option_refuse(&compare_table, "%s would be replaced by the output",
                                     options->sides[side]);
            }
        }
    }
    return true;
}

static bool compare_check_options(struct compare *compare)
{
    const struct compare_options *options = &compare->options;

    compare->report.percent_max = NAN;
    if (options->sides_count < 2 || options->sides_count > COMPARE_SIDES_MAX) {
        return option_refuse(&compare_table, "say 2 to %d results: the base, and what to compare",
                             COMPARE_SIDES_MAX);
    }
    if (options->max_regression == NULL && options->metrics_count != 0) {
        return option_refuse(&compare_table, "--metric says what --max-regression looks at: say "
                                             "that too");
    }
    if (options->max_regression != NULL &&
        !compare_read_percent(options->max_regression, &compare->report.percent_max)) {
        return option_refuse(&compare_table, "--max-regression: \"%s\" is no number of percent",
                             options->max_regression);
    }
    return compare_read_metrics(compare) && compare_check_outputs(options);
}

/* --- The comparison --- */

static bool compare_open(struct compare *compare)
{
    const struct compare_options *options = &compare->options;
    struct compare_report *report = &compare->report;

    report->sides = calloc(options->sides_count, sizeof(*report->sides));
    report->rows = calloc((options->sides_count - 1) * MEASURES, sizeof(*report->rows));
    if (report->sides == NULL || report->rows == NULL) {
        fputs("quoit: out of memory\n", stderr);
        return false;
    }
    for (uint64_t i = 0; i < options->sides_count; i++) {
        report->sides_count++; /* one that failed has something to close too */
        if (!runs_open(&report->sides[i], options->sides[i])) {
            return false;
        }
    }
    return true;
}

static const char *compare_lacking(const struct compare *compare, size_t side, enum measure measure)
{
    const struct runs *base = &compare->report.sides[0];

    for (size_t i = 0; i < base->count; i++) {
        if (!isnan(base->items[i].result.values[measure])) {
            return compare->report.sides[side].name;
        }
    }
    return base->name;
}

static void compare_measure(struct compare *compare, size_t side, enum measure measure)
{
    struct compare_report *report = &compare->report;
    struct compare_row *row = &report->rows[report->rows_count];
    bool is_gate = !isnan(report->percent_max) && compare->is_wanted[measure];
    const char *name = measure_rows[measure].name;

    if (!comparison_make(&report->sides[0], &report->sides[side], measure, &row->comparison)) {
        if (compare->options.verbose || (is_gate && compare->options.metrics_count != 0)) {
            fprintf(stderr, "quoit: %s is left out: %s has none\n", name,
                    compare_lacking(compare, side, measure));
        }
        return;
    }
    report->rows_count++;
    row->side = side;
    if (!is_gate) {
        return;
    }
    row->is_regression = comparison_is_regression(&row->comparison, report->percent_max);
    if (row->comparison.verdict == COMPARISON_UNCLEAR) {
        warnings_add(&report->warnings, "%s of %s is not judged: not enough samples", name,
                     report->sides[side].name);
    } else {
        compare->judged++;
    }
}

/* What the verdicts on a side rest on, whose rows begin at `first`. */
static void compare_warn_of_basis(struct compare_report *report, size_t side, size_t first)
{
    const char *base = report->sides[0].name, *name = report->sides[side].name;
    size_t counts[] = { [COMPARISON_NONE] = 0, [COMPARISON_RUNS] = 0, [COMPARISON_INTERVALS] = 0 };

    for (size_t i = first; i < report->rows_count; i++) {
        counts[report->rows[i].comparison.basis]++;
    }
    if (report->rows_count == first) {
        warnings_add(&report->warnings, "%s has no metric that %s has", name, base);
    } else if (counts[COMPARISON_INTERVALS] > 0) {
        warnings_add(&report->warnings,
                     "%s or %s is of fewer than %d runs, so chance is judged by the intervals "
                     "within a run, which do not show how runs differ: repeat each run to be sure",
                     base, name, COMPARISON_RUNS_MIN);
    } else if (counts[COMPARISON_RUNS] == 0) {
        warnings_add(&report->warnings,
                     "%s or %s is of fewer than %d runs, and of no timeline with %d intervals: "
                     "what has changed is told, but not whether it is chance",
                     base, name, COMPARISON_RUNS_MIN, COMPARISON_INTERVALS_MIN);
    }
}

static void compare_side(struct compare *compare, size_t side)
{
    struct compare_report *report = &compare->report;
    size_t first = report->rows_count;

    comparable_check_runs(&report->sides[side], &report->warnings);
    comparable_check_sides(&report->sides[0], &report->sides[side], &report->warnings);
    if (side == 0) {
        return; /* only whether its own runs are alike */
    }
    for (unsigned measure = 0; measure < MEASURES; measure++) {
        compare_measure(compare, side, (enum measure)measure);
    }
    compare_warn_of_basis(report, side, first);
}

/* --- Telling --- */

static bool compare_write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, bytes, size);
        if (count < 0 && errno != EINTR) {
            return false;
        }
        bytes += count > 0 ? count : 0;
        size -= count > 0 ? (size_t)count : 0;
    }
    return true;
}

/* False: errno. */
static bool compare_write_text(int fd, const struct text *text, bool is_page)
{
    if (text->failed) {
        errno = ENOMEM;
        return false;
    }
    if (is_page) {
        return page_write(fd, text->bytes, text->size);
    }
    return compare_write_all(fd, text->bytes, text->size) && compare_write_all(fd, "\n", 1);
}

/* `path` NULL: nothing is to be written. */
static bool compare_write(const char *path, const struct text *text, bool is_page)
{
    bool is_file = !compare_is_stdout(path);
    int fd = STDOUT_FILENO;

    if (path == NULL) {
        return true;
    }
    if (is_file) {
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    bool good = fd >= 0 && compare_write_text(fd, text, is_page);
    int os_error = errno;
    if (fd >= 0 && is_file && close(fd) != 0 && good) {
        good = false;
        os_error = errno;
    }
    if (!good) {
        fprintf(stderr, "quoit: %s cannot be written: %s\n", is_file ? path : "stdout",
                strerror(os_error));
    }
    return good;
}

static bool compare_write_outputs(const struct compare *compare)
{
    const struct compare_options *options = &compare->options;
    struct text json, page;

    text_init(&json, 0);
    text_init(&page, 0);
    if (options->json != NULL) {
        compare_report_append_json(&compare->report, &json);
    }
    if (options->html != NULL) {
        compare_report_append_page(&compare->report, &page);
    }
    bool good = compare_write(options->json, &json, false);
    good = compare_write(options->html, &page, true) && good;
    text_free(&json);
    text_free(&page);
    return good;
}

static void compare_print_warnings(const struct warnings *warnings)
{
    for (size_t i = 0; i < warnings->count; i++) {
        fprintf(stderr, "quoit: %s\n", warnings->lines[i]);
    }
    if (warnings->dropped > 0) {
        fprintf(stderr, "quoit: and %zu warnings more\n", warnings->dropped);
    }
}

static bool compare_has_colour(void)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *kind = getenv("TERM");

    return isatty(STDOUT_FILENO) == 1 && (no_colour == NULL || *no_colour == '\0') &&
           (kind == NULL || strcmp(kind, "dumb") != 0);
}

static enum exit_code compare_judge(const struct compare *compare)
{
    const struct compare_report *report = &compare->report;
    size_t regressions = 0;

    for (size_t i = 0; i < report->rows_count; i++) {
        regressions += report->rows[i].is_regression;
    }
    if (regressions > 0) {
        return EXIT_MISSED;
    }
    if (!isnan(report->percent_max) && compare->judged == 0) {
        fputs("quoit: --max-regression could judge nothing\n", stderr);
        return EXIT_FAILED;
    }
    return EXIT_GOOD;
}

static enum exit_code compare_run(struct compare *compare)
{
    const struct compare_options *options = &compare->options;

    if (!compare_open(compare)) {
        return EXIT_START;
    }
    for (size_t side = 0; side < compare->report.sides_count; side++) {
        compare_side(compare, side);
    }
    compare_print_warnings(&compare->report.warnings);
    if (!compare_is_stdout(options->json) && !compare_is_stdout(options->html)) {
        compare_report_print(&compare->report, stdout, compare_has_colour());
        if (fflush(stdout) != 0) {
            return EXIT_OUTPUT; /* main says so */
        }
    }
    if (!compare_write_outputs(compare)) {
        return EXIT_OUTPUT;
    }
    compare_report_print_regressions(&compare->report, stderr);
    return compare_judge(compare);
}

static void compare_close(struct compare *compare)
{
    for (size_t i = 0; i < compare->report.sides_count; i++) {
        runs_close(&compare->report.sides[i]);
    }
    free(compare->report.sides);
    free(compare->report.rows);
    free(compare);
}

int compare_main(int count, char **words)
{
    struct compare *compare = calloc(1, sizeof(*compare)); /* too large for a stack */
    enum exit_code exit_code = EXIT_USAGE;

    if (compare == NULL) {
        fputs("quoit: out of memory\n", stderr);
        return EXIT_START;
    }
    if (option_parse(&compare_table, &compare->options, count, words)) {
        if (compare->options.help) {
            option_print_help(&compare_table, stdout);
            exit_code = EXIT_GOOD;
        } else if (compare_check_options(compare)) {
            exit_code = compare_run(compare);
        }
    }
    compare_close(compare);
    return (int)exit_code;
}
