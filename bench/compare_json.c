/*
 * compare_json: the report as JSON, alone and for a page. Numbers have three digits behind the
 * point: more would only pretend.
 */
#include "bench/compare_report.h"

#include "llm/number.h"

#include <math.h>
#include <string.h>

static void compare_append_quoted(struct text *out, const char *string)
{
    text_append_quoted(out, (struct json_span){ string, strlen(string) });
}

/* `before` is what stands in front: a comma, a key, a colon. */
static void compare_append_string(struct text *out, const char *before, const char *string)
{
    text_append_string(out, before);
    compare_append_quoted(out, string);
}

static void compare_append_value(struct text *out, const char *before, double value)
{
    text_append_string(out, before);
    if (isfinite(value)) {
        number_append(out, round(value * 1000) / 1000);
    } else {
        text_append_string(out, "null");
    }
}

static void compare_append_count(struct text *out, const char *before, size_t count)
{
    text_append_string(out, before);
    text_append_number(out, count);
}

/* The run that stands for a side where one must be shown. */
static void compare_append_shown(struct text *out, const struct runs *runs)
{
    const struct run *run = runs_median(runs);
    char name[1024];

    if (runs->count == 1) {
        compare_append_quoted(out, runs->name);
        return;
    }
    snprintf(name, sizeof(name), "%s (run %zu of %zu)", runs->files[run->file].path,
             (size_t)(run - runs->items) + 1, runs->count);
    compare_append_quoted(out, name);
}

static void compare_append_sides(const struct compare_report *report, struct text *out)
{
    compare_append_string(out, "{\"base\":", report->sides[0].name);
    text_append_string(out, ",\"sides\":[");
    for (size_t i = 0; i < report->sides_count; i++) {
        compare_append_string(out, i == 0 ? "{\"name\":" : ",{\"name\":", report->sides[i].name);
        compare_append_count(out, ",\"runs\":", report->sides[i].count);
        text_append_string(out, ",\"shown\":");
        compare_append_shown(out, &report->sides[i]);
        text_append_string(out, "}");
    }
    text_append_string(out, "]");
}

static void compare_append_metric(const struct compare_report *report,
                                  const struct compare_row *row, struct text *out)
{
    const struct comparison *comparison = &row->comparison;
    const struct measure_row *measure = &measure_rows[comparison->measure];

    compare_append_string(out, "{\"metric\":", measure->name);
    compare_append_string(out, ",\"side\":", report->sides[row->side].name);
    compare_append_string(out, ",\"unit\":", measure_unit_name(measure->unit));
    compare_append_string(out, ",\"better\":", measure->more_is_better ? "higher" : "lower");
    compare_append_value(out, ",\"base\":", comparison->base);
    compare_append_value(out, ",\"value\":", comparison->value);
    compare_append_value(out, ",\"change_percent\":", comparison->change_percent);
    compare_append_value(out, ",\"low_percent\":", comparison->low_percent);
    compare_append_value(out, ",\"high_percent\":", comparison->high_percent);
    compare_append_string(out, ",\"samples_of\":", comparison_basis_name(comparison->basis));
    compare_append_count(out, ",\"base_samples\":", comparison->base_samples);
    compare_append_count(out, ",\"samples\":", comparison->samples);
    compare_append_string(out, ",\"verdict\":", comparison_verdict_name(comparison->verdict));
    text_append_string(out, "}");
}

static void compare_append_regressions(const struct compare_report *report, struct text *out)
{
    const char *comma = "";

    compare_append_value(out, ",\"max_regression_percent\":", report->percent_max);
    text_append_string(out, ",\"regressions\":[");
    for (size_t i = 0; i < report->rows_count; i++) {
        const struct compare_row *row = &report->rows[i];
        if (!row->is_regression) {
            continue;
        }
        text_append_string(out, comma);
        compare_append_string(out, "{\"metric\":", measure_rows[row->comparison.measure].name);
        compare_append_string(out, ",\"side\":", report->sides[row->side].name);
        compare_append_value(out, ",\"change_percent\":", row->comparison.change_percent);
        text_append_string(out, "}");
        comma = ",";
    }
    text_append_string(out, "]");
}

void compare_report_append_json(const struct compare_report *report, struct text *out)
{
    const struct warnings *warnings = &report->warnings;

    compare_append_sides(report, out);
    text_append_string(out, ",\"metrics\":[");
    for (size_t i = 0; i < report->rows_count; i++) {
        text_append_string(out, i == 0 ? "" : ",");
        compare_append_metric(report, &report->rows[i], out);
    }
    text_append_string(out, "]");
    compare_append_regressions(report, out);
    text_append_string(out, ",\"warnings\":[");
    for (size_t i = 0; i < warnings->count; i++) {
        compare_append_string(out, i == 0 ? "" : ",", warnings->lines[i]);
    }
    text_append_string(out, "]}");
}

void compare_report_append_page(const struct compare_report *report, struct text *out)
{
    text_append_string(out, "{\"runs\":[");
    for (size_t i = 0; i < report->sides_count; i++) {
        text_append_string(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        compare_append_shown(out, &report->sides[i]);
        text_append_string(out, ",\"result\":");
        text_append(out, runs_median(&report->sides[i])->result.text);
        text_append_string(out, "}");
    }
    text_append_string(out, "],\"compare\":");
    compare_report_append_json(report, out);
    text_append_string(out, "}");
}
