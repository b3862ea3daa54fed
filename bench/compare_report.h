/*
 * compare_report: what `quoit compare` has found, and the forms that it is told in.
 */
#ifndef QUOIT_BENCH_COMPARE_REPORT_H
#define QUOIT_BENCH_COMPARE_REPORT_H

#include "bench/comparable.h"
#include "bench/comparison.h"
#include "llm/text.h"

#include <stdio.h>

struct compare_row {
    size_t side; /* its index; never 0, the base */
    bool is_regression;
    struct comparison comparison;
};

struct compare_report {
    struct runs *sides; /* owned; the first is the base */
    size_t sides_count;
    struct compare_row *rows; /* owned; in the order of the sides, then of the measures */
    size_t rows_count;
    double percent_max; /* of --max-regression; NAN: none */
    struct warnings warnings;
};

/* As a table for people. */
void compare_report_print(const struct compare_report *report, FILE *to, bool is_colourful);

/* One line for each regression. */
void compare_report_print_regressions(const struct compare_report *report, FILE *to);

/* As one JSON object; the text's `failed` says if there was no memory. */
void compare_report_append_json(const struct compare_report *report, struct text *out);

/* What a page shows: {"runs":[{"name","result"}...],"compare":...}, one run a side. */
void compare_report_append_page(const struct compare_report *report, struct text *out);

#endif
