/*
 * report: harvest, written down: a table for people, JSON for programs.
 *
 * The keys of the JSON are promised: bench/result.schema.json has them. None is ever renamed.
 */
#ifndef QUOIT_BENCH_REPORT_H
#define QUOIT_BENCH_REPORT_H

#include "bench/harvest.h"
#include "bench/options.h"

#include <cjson/cJSON.h>
#include <stdio.h>

/* One run of a search for the highest rate. */
struct report_step {
    double rate;
    double sent;
    bool met;
    enum verdict verdict;
    double latency_p50_ns, latency_p99_ns, error_rate; /* NaN: too few to tell */
};

struct report {
    const struct bench_options *options; /* borrowed */
    const struct harvest *harvest;       /* borrowed */
    const struct report_step *steps;     /* borrowed; of --find-max-rate */
    size_t steps_count;
    double rate_found; /* 0: none */
};

/* Is each --slo, and --max-error-rate, met? */
bool report_slos_are_met(const struct bench_options *options, const struct harvest *harvest);

/* --max-error-rate as an --slo. */
struct slo report_error_slo(const struct bench_options *options);

/* Does the user allow for errors, by a limit of their own? */
bool report_allows_errors(const struct bench_options *options);

void report_print(const struct report *report, FILE *to);

/* The result, or vLLM's with --dialect vllm. What there is no memory for is left out (errno). */
cJSON *report_build(const struct report *report);
cJSON *report_build_vllm(const struct report *report);

#endif
