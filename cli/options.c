/*
 * options: the table, and what one option alone cannot tell.
 */
#include "cli/options.h"

#include "cli/option.h"

#include <string.h>

#define OPTION_STRUCT struct options

static const struct option_row option_rows[] = {
    HEADING("Files"),
    TEXT('o', "output", output, "F", "write the answers to F (stdout)"),
    TEXT(0, "errors", errors, "F", "write lines that failed to F, not among the answers"),
    FLAG(0, "overwrite", overwrite, "empty an output that holds something, which is else refused"),
    FLAG(0, "resume", resume,
         "go on with the output of an earlier run: send what is not in it,\nand what failed there "
         "and may succeed"),
    VALUE(OPTION_CHOICE, "resume-failed", resume_failed, "all|transient|none",
          "which of the lines that failed are sent again (transient)"),
    VALUE(OPTION_CHOICE, "fsync", fsync, "always|group|never",
          "a line counts as done when it is on disk: each for itself,\nmany at a time, or when it "
          "is written (group)"),
    VALUE(OPTION_CHOICE, "order", order, "completion|input",
          "answers as they end, or in the order of INPUT (completion)"),
    COUNT(0, "limit", limit, "N", "the first N lines only", 1, UINT64_MAX),
    TEXT(0, "shard", shard, "I/N",
         "the lines that begin in the I-th of N parts of INPUT, I from 0;\nauto, auto/N: I from "
         "SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX"),
    FLAG(0, "no-id-check", no_id_check,
         "do not look for repeated custom_ids, which takes 24 bytes a line"),
    TEXT('i', "input", input, "F", "the same as INPUT"),
    FLAG(0, "details", details, "add to each line its times, attempts and bytes: \"quoit\":{...}"),
    HEADING("Server"),
    LIST(0, "base-url", base_urls, "U",
         "where urls that are paths lead: OPENAI_BASE_URL, else\nhttps://api.openai.com/v1; given "
         "again: several servers",
         OPTIONS_SERVERS_MAX),
    TEXT(0, "endpoint", endpoint, "PATH", "the url of lines that have none"),
    TEXT(0, "model", model, "NAME", "set \"model\" in each body"),
    LIST(0, "query", queries, "K=V", "add to the query of each url below --base-url",
         OPTIONS_QUERIES_MAX),
    TEXT(0, "unix-socket", unix_socket, "SOCKET", "connect to this socket, whatever the host"),
    { OPTION_TEXT, 'x', "proxy", AT(proxy), 0, "URL",
      "go through this http:// proxy; '' for none, whatever the\nenvironment says", 0, 1 },
    LIST('H', "header", headers, "'NAME: VALUE'",
         "send this header; 'NAME:' takes away one of ours; @F reads\nthem from a file",
         OPTIONS_HEADERS_MAX),
    FLAG(0, "stream", stream,
         "ask for server-sent events, and write the whole answer\nas if it had not been streamed"),
    FLAG(0, "no-stream-usage", no_stream_usage,
         "with --stream: do not ask for \"stream_options\"\n{\"include_usage\":true}"),
    HEADING("Key (sent to the origin of --base-url only)"),
    TEXT(0, "api-key-env", api_key_env, "NAME", "take it from this variable (OPENAI_API_KEY)"),
    TEXT(0, "api-key-file", api_key_file, "F",
         "take it from this file; read again when it changes, and\nonce before a 401 counts"),
    TEXT(0, "api-key-header", api_key_header, "NAME",
         "send it as NAME: KEY, not Authorization: Bearer KEY"),
    HEADING("TLS"),
    TEXT(0, "cacert", cacert, "F", "trust these certificates (PEM), not the system's"),
    TEXT(0, "cert", cert, "F", "our own certificate (PEM)"),
    TEXT(0, "key", key, "F", "its key (PEM)"),
    FLAG('k', "insecure", insecure, "do not verify the server at all"),
    HEADING("Load and failures"),
    COUNT('c', "concurrency", concurrency, "N", "requests in flight: never more (64)", 1, 100000),
    COUNT(0, "rpm", rpm, "N",
          "send at most N requests a minute to each server and model\n(what the server's headers "
          "say)",
          1, 1000000000),
    COUNT(0, "tpm", tpm, "N", "take at most N tokens a minute, in and out (the same)", 1,
          1000000000000),
    COUNT(0, "retries", retries, "N",
          "send again at most N times after 408, 409, 429, 500 and\nabove, connection errors and "
          "timeouts (2)",
          0, 1000),
    VALUE(OPTION_CHOICE, "idempotency-key", idempotency, "none|custom_id|random",
          "send Idempotency-Key, the same with each attempt (none)"),
    COUNT(0, "max-failures", max_failures, "N", "stop when N lines have failed (no limit)", 1,
          UINT64_MAX),
    VALUE(OPTION_DURATION, "max-time", max_time_ns, "D",
          "stop the whole run after D; in flight has --grace (none)"),
    VALUE(OPTION_WAIT, "wait-for-server", wait_for_server_ns, "D",
          "wait for a server that is down, then stop (5m)"),
    VALUE(OPTION_WAIT, "grace", grace_ns, "D",
          "after a signal: for what is in flight (30s; SIGTERM 20s)"),
    HEADING("Timeouts"),
    VALUE(OPTION_DURATION, "timeout", timeout_ns, "D",
          "one attempt, from its slot to its last byte (1h)"),
    VALUE(OPTION_DURATION, "deadline", deadline_ns, "D",
          "all attempts, with queue and waits; final (none)"),
    VALUE(OPTION_DURATION, "connect-timeout", connect_ns, "D",
          "name look-up and all addresses, together (5s)"),
    VALUE(OPTION_DURATION, "tls-timeout", tls_ns, "D", "the TLS handshake (10s)"),
    VALUE(OPTION_DURATION, "write-timeout", write_ns, "D", "sending without progress (60s)"),
    VALUE(OPTION_DURATION, "first-byte-timeout", first_byte_ns, "D",
          "all sent until the answer begins (none)"),
    VALUE(OPTION_DURATION, "idle-timeout", idle_ns, "D", "between two bytes of an answer (5m)"),
    VALUE(OPTION_SIZE, "body-max", body_max, "SIZE", "an answer's body (64MiB)"),
    VALUE(OPTION_WAIT, "spin", spin_ns, "D", "busy wait when little is in flight; 0: never (50us)"),
    VALUE(OPTION_CHOICE, "io", io, "auto|uring|epoll",
          "auto: io_uring, or epoll where that is refused, with a line"),
    HEADING("What it says"),
    FLAG(0, "dry-run", dry_run, "print the first request, its key hidden; send nothing"),
    VALUE(OPTION_CHOICE, "progress", progress, "auto|always|never",
          "the live line (auto: on a terminal)"),
    TEXT(0, "summary", summary, "F", "write the summary as JSON to F"),
    FLAG('v', "verbose", verbose, "a line on stderr for each line that failed"),
    FLAG(0, "quiet", quiet, "nothing on stderr but errors"),
    FLAG('h', "help", help, "this"),
    FLAG(0, "version", version, "versions of quoit, of what it is built with, and of the kernel"),

    WORD(input, "INPUT"),
    REFUSED('t', NULL,
            "is not defined, since tools disagree: say -c for requests in flight, "
            "--timeout for a time"),
    REFUSED('n', NULL, "is of `quoit bench`: say --limit N for the first N lines"),
    REFUSED('z', NULL, "is of `quoit bench`: a batch ends with its input"),
    REFUSED('q', NULL, "is of `quoit bench`: for a batch say --rpm N, a minute"),
    REFUSED('X', NULL, "is not of a batch: each line has its own \"method\""),
    REFUSED('d', NULL, "is not of a batch: each line has its own \"body\""),
};

const struct option_table options_table = {
    .command = "quoit batch",
    OPTION_ROWS(option_rows),
    .head =
        "quoit batch INPUT [-o OUTPUT]: run a file of queries, write a file of answers.\n"
        "\n"
        "INPUT is JSONL in OpenAI's batch format, or - for stdin:\n"
        "  "
        "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/chat/"
        "completions\",\"body\":{...}}\n"
        "The bytes of body are sent as they stand. Each line gets one line in the output, which\n"
        "is written as soon as it is there; all but status 2xx counts as failed.\n",
    .foot =
        "\n"
        "D is a duration: 50us, 500ms, 5s, 2m, 1h, or none. SIZE: bytes, k (1,000), m "
        "(1,000,000),\n"
        "KiB, MiB, GiB.\n"
        "\n"
        "Environment: OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_ORG_ID, OPENAI_PROJECT_ID,\n"
        "SSL_CERT_FILE, SSL_CERT_DIR, NO_COLOR, https_proxy, http_proxy, all_proxy, no_proxy.\n"
        "\n"
        "Exit: 0 all succeeded; 1 done, but some failed, or the run was stopped; 2 wrong usage;\n"
        "3 could not start; 4 the output could not be written; 130, 143 interrupted.\n",
};

#define options_refuse(...) option_refuse(&options_table, __VA_ARGS__)

/* May it stand in a url: ASCII without blanks and control characters? */
static bool options_is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= 0x20 || *text >= 0x7f) {
            return false;
        }
    }
    return true;
}

static bool options_check_resume(const struct options *options)
{
    bool failed_is_set = options->resume_failed != OPTIONS_UNSET;

    if (failed_is_set && !options->resume) {
        return options_refuse("--resume-failed goes with --resume");
    }
    if (!options->resume) {
        return true;
    }
    if (options->overwrite) {
        return options_refuse("--resume and --overwrite: one of them");
    }
    if (options->output == NULL || strcmp(options->output, "-") == 0 ||
        (options->errors != NULL && strcmp(options->errors, "-") == 0)) {
        return options_refuse("--resume needs files: say -o F");
    }
    if (failed_is_set && options->order == OPTIONS_ORDER_INPUT) {
        return options_refuse("--resume-failed and --order input: what failed has its place, and "
                              "what is sent again comes last");
    }
    return true;
}

/* Options of which one makes the other pointless. */
static bool options_check_pairs(const struct options *options)
{
    if (options->no_stream_usage && !options->stream) {
        return options_refuse("--no-stream-usage goes with --stream");
    }
    if (options->verbose && options->quiet) {
        return options_refuse("--verbose and --quiet: one of them");
    }
    if ((options->cert == NULL) != (options->key == NULL)) {
        return options_refuse("--cert and --key go together: %s is missing",
                              options->cert == NULL ? "--cert" : "--key");
    }
    if (options->api_key_env != NULL && options->api_key_file != NULL) {
        return options_refuse("--api-key-env and --api-key-file: one of them");
    }
    if (options->proxy != NULL && *options->proxy != '\0' && options->unix_socket != NULL) {
        return options_refuse("-x and --unix-socket: one of them");
    }
    return true;
}

/* What one option alone cannot tell. */
static bool options_check(const struct options *options)
{
    if (options->input == NULL) {
        return options_refuse("which INPUT? A file of queries, or - for stdin; see --help");
    }
    if (!options_check_resume(options) || !options_check_pairs(options)) {
        return false;
    }
    for (uint64_t i = 0; i < options->queries_count; i++) {
        const char *query = options->queries[i];
        if (query[0] == '=' || strchr(query, '=') == NULL || strpbrk(query, "?#") != NULL ||
            !options_is_printable(query)) {
            return options_refuse("--query: say K=V, percent-encoded");
        }
    }
    if (options->endpoint != NULL && !options_is_printable(options->endpoint)) {
        return options_refuse("--endpoint: say it percent-encoded");
    }
    if (options->endpoint != NULL && options->endpoint[0] != '/' &&
        strncmp(options->endpoint, "http://", 7) != 0 &&
        strncmp(options->endpoint, "https://", 8) != 0) {
        return options_refuse("--endpoint: \"%s\" does not begin with /", options->endpoint);
    }
    return true;
}

bool options_parse(struct options *options, int count, char **words)
{
    *options = (struct options){
        .concurrency = 64,
        .body_max = OPTIONS_BODY_MAX,
        .retries = 2,
        .limit = UINT64_MAX,
        .max_failures = UINT64_MAX,
        .max_time_ns = UINT64_MAX,
        .wait_for_server_ns = UINT64_C(300) * 1000000000,
        .spin_ns = OPTIONS_UNSET,
        .grace_ns = OPTIONS_UNSET,
        .resume_failed = OPTIONS_UNSET,
        .fsync = 1, /* group */
    };
    return option_parse(&options_table, options, count, words) &&
           (options->help || options->version || options_check(options));
}

void options_print_help(FILE *to)
{
    option_print_help(&options_table, to);
}
