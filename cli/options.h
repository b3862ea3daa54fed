/*
 * options: the command line of `quoit batch`, from one table that drives parsing and --help.
 *
 * Happy path: options_parse fills the struct; strings point into argv and stay there.
 *
 * It fails with one line on stderr that names the option and, where people are used to another
 * one, what to say instead. Options of later versions are refused with a line that says so. No
 * message repeats the value of a header.
 */
#ifndef QUOIT_CLI_OPTIONS_H
#define QUOIT_CLI_OPTIONS_H

#include "cli/option.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_HEADERS_MAX 64 /* -H, each */
#define OPTIONS_QUERIES_MAX 16 /* --query, each */
#define OPTIONS_SERVERS_MAX 64 /* --base-url, each */

#define OPTIONS_BODY_MAX ((uint64_t)64 << 20)
#define OPTIONS_UNSET (UINT64_MAX - 1) /* a duration that was not given and has no one default */

enum options_order { OPTIONS_ORDER_COMPLETION, OPTIONS_ORDER_INPUT };
enum options_idempotency { OPTIONS_KEY_NONE, OPTIONS_KEY_CUSTOM_ID, OPTIONS_KEY_RANDOM };
enum options_progress { OPTIONS_PROGRESS_AUTO, OPTIONS_PROGRESS_ALWAYS, OPTIONS_PROGRESS_NEVER };

/* Durations in nanoseconds: UINT64_MAX is "none", and 0 in a timeout is the library's default. */
struct options {
    const char *input, *output, *errors; /* NULL or "-": stdin, stdout; errors NULL: with output */
    const char *summary;                 /* NULL: none */
    const char *shard;                   /* as given; NULL: all of the input */
    const char *endpoint, *model, *unix_socket;
    const char *base_urls[OPTIONS_SERVERS_MAX];
    uint64_t base_urls_count;
    char *proxy; /* NULL: the environment's; "": none; blotted out later */
    const char *api_key_env, *api_key_file, *api_key_header;
    const char *cacert, *cert, *key;
    char *headers[OPTIONS_HEADERS_MAX]; /* as given; those with a secret are blotted out later */
    const char *queries[OPTIONS_QUERIES_MAX];
    uint64_t headers_count, queries_count;
    uint64_t concurrency, retries, limit; /* limit UINT64_MAX: all lines */
    uint64_t rpm, tpm;                    /* requests and tokens a minute; 0: learned */
    uint64_t body_max;
    uint64_t timeout_ns, deadline_ns, connect_ns, tls_ns, write_ns, first_byte_ns, idle_ns;
    uint64_t max_failures, max_time_ns;             /* UINT64_MAX: no limit */
    uint64_t idempotency;                           /* enum options_idempotency */
    uint64_t wait_for_server_ns, spin_ns, grace_ns; /* spin, grace: may be OPTIONS_UNSET */
    uint64_t order, progress, io; /* enum options_order, options_progress, quoit_io */
    uint64_t resume_failed;       /* enum journal_again, or OPTIONS_UNSET */
    uint64_t fsync;               /* enum output_promise */
    bool resume, no_id_check;
    bool overwrite, insecure, details, dry_run, verbose, quiet, help, version;
    bool stream, no_stream_usage;
};

/* Fill *options from the words behind `batch`. False: a line on stderr says why; exit 2. */
bool options_parse(struct options *options, int count, char **words);

/* All of --help. */
void options_print_help(FILE *to);

extern const struct option_table options_table;

#endif
