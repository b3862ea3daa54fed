/*
 * compare_table: the report as text for people.
 */
#include "bench/compare_report.h"

#include <math.h>

/* Three digits behind the point at most, and four in all. */
static void compare_format_value(char out[32], double value, enum measure_unit unit)
{
    int digits = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;

    snprintf(out, 32, "%.*f %-2s", digits, value, measure_unit_name(unit));
}

/* With its sign; an error rate's are points. */
static void compare_format_change(char out[32], double percent)
{
    int digits = fabs(percent) >= 1000 ? 0 : fabs(percent) >= 0.1 ? 1 : 2;

    snprintf(out, 32, "%+.*f", digits, percent);
}

static const char *compare_colour(enum comparison_verdict verdict)
{
    switch (verdict) {
    case COMPARISON_BETTER:
        return "\033[32m";
    case COMPARISON_WORSE:
        return "\033[31m";
    case COMPARISON_SAME:
    case COMPARISON_UNCLEAR:
        break;
    }
    return "";
}

static void compare_print_row(const struct compare_row *row, FILE *to, bool is_colourful)
{
    const struct comparison *comparison = &row->comparison;
    const struct measure_row *measure = &measure_rows[comparison->measure];
    const char *points = measure->unit == MEASURE_PERCENT ? "pt" : "% ";
    const char *colour = is_colourful ? compare_colour(comparison->verdict) : "";
    char base[32], value[32], change[32] = "", low[32], high[32], interval[72] = "";

    compare_format_value(base, comparison->base, measure->unit);
    compare_format_value(value, comparison->value, measure->unit);
    if (!isnan(comparison->change_percent)) {
        compare_format_change(change, comparison->change_percent);
    }
    if (!isnan(comparison->low_percent)) {
        compare_format_change(low, comparison->low_percent);
        compare_format_change(high, comparison->high_percent);
        snprintf(interval, sizeof(interval), "%s to %s", low, high);
    } else if (comparison->basis == COMPARISON_NONE) {
        snprintf(interval, sizeof(interval), "not enough samples");
    }
    fprintf(to, "  %-22s%13s%13s%10s %-3s%-22s%s%s%s%s\n", measure->name, base, value, change,
            change[0] != '\0' ? points : "", interval, colour,
            comparison_verdict_name(comparison->verdict), colour[0] != '\0' ? "\033[0m" : "",
            row->is_regression ? "  REGRESSION" : "");
}

static void compare_print_name(const struct runs *runs, FILE *to)
{
    fprintf(to, "%s", runs->name);
    if (runs->count > 1) {
        fprintf(to, " (%zu runs)", runs->count);
    }
}

void compare_report_print(const struct compare_report *report, FILE *to, bool is_colourful)
{
    size_t side = 0;

    for (size_t i = 0; i < report->rows_count; i++) {
        const struct compare_row *row = &report->rows[i];
        if (row->side != side) {
            fputs(side != 0 ? "\n" : "", to);
            side = row->side;
            compare_print_name(&report->sides[side], to);
            fputs(" against ", to);
            compare_print_name(&report->sides[0], to);
            fprintf(to, "\n  %-22s%10s   %10s   %10s    %s\n", "", "base", "new", "change",
                    "95 % interval");
        }
        compare_print_row(row, to, is_colourful);
    }
}

void compare_report_print_regressions(const struct compare_report *report, FILE *to)
{
    for (size_t i = 0; i < report->rows_count; i++) {
        const struct compare_row *row = &report->rows[i];
        const struct measure_row *measure = &measure_rows[row->comparison.measure];
        double change = row->comparison.change_percent;
        if (!row->is_regression) {
            continue;
        }
        fprintf(to, "quoit: regression: %s of %s is worse", measure->name,
                report->sides[row->side].name);
        if (isnan(change)) {
            fputs(", from 0\n", to);
        } else {
            fprintf(to, " by %.1f %s, more than %g\n", fabs(change),
                    measure->unit == MEASURE_PERCENT ? "points" : "%", report->percent_max);
        }
    }
}
