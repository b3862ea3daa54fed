/*
 * options: the command line of `quoit bench`, from one table that drives parsing and --help.
 *
 * Happy path: bench_options_parse fills the struct; strings point into argv and stay there.
 *
 * It fails with one line on stderr that names the option and, where people are used to another
 * tool's, what to say instead.
 */
#ifndef QUOIT_BENCH_OPTIONS_H
#define QUOIT_BENCH_OPTIONS_H

#include "bench/schedule.h"
#include "bench/slo.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_OPTIONS_HEADERS_MAX 64
#define BENCH_OPTIONS_SLOS_MAX 32
#define BENCH_OPTIONS_UNSET (UINT64_MAX - 1)

enum bench_input_order { BENCH_INPUT_TURN, BENCH_INPUT_RANDOM };
enum bench_dialect { BENCH_DIALECT_QUOIT, BENCH_DIALECT_VLLM };

/* Durations in nanoseconds; UINT64_MAX is "none", UNSET that nothing was said. */
struct bench_options {
    const char *url; /* NULL: OPENAI_BASE_URL */
    const char *method, *body, *input, *unix_socket;
    char *proxy; /* NULL: the environment's; "": none; blotted out later */
    char *headers[BENCH_OPTIONS_HEADERS_MAX];
    const char *api_key_env, *api_key_file, *api_key_header;
    const char *cacert, *cert, *key;
    const char *rate_text, *ramp_text, *arrival_text, *warmup_text, *max_error_text, *goodput_text;
    const char *slo_texts[BENCH_OPTIONS_SLOS_MAX];
    const char *json, *csv, *hlog, *html; /* files; "-": stdout; NULL: none */
    uint64_t headers_count, slo_texts_count;
    uint64_t requests, duration_ns; /* UNSET: not given */
    uint64_t concurrency;           /* UNSET: not given */
    uint64_t threads, seed, input_order, dialect, io, progress;
    uint64_t timeout_ns, connect_ns, tls_ns, write_ns, first_byte_ns,
        idle_ns; /* 0: the library's */
    uint64_t grace_ns, spin_ns, body_max;
    bool stream, rescale, strict, find_max_rate, insecure, quiet, help, version;

    /* What the texts say. */
    double rate; /* 0: a closed loop */
    double ramp_from, ramp_to;
    enum schedule_arrival arrival;
    double shape;                        /* of gamma */
    uint64_t warmup_ns, warmup_requests; /* at most one is not UNSET */
    double max_error_rate;               /* a share; negative: not given */
    char max_error_expr[48];             /* "error_rate<=0.01" */
    struct slo slos[BENCH_OPTIONS_SLOS_MAX];
    struct goodput goodput;
};

/* Fill *options from the words behind `bench`. False: a line on stderr says why; exit 2. */
bool bench_options_parse(struct bench_options *options, int count, char **words);

/* All of --help. */
void bench_options_print_help(FILE *to);

extern const struct option_table bench_options_table;

#endif
