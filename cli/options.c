/*
 * options: the table, the help that is printed from it, and the parser that reads it.
 */
#include "cli/options.h"

#include "cli/values.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum option_kind {
    OPTION_HEADING,  /* no option: a line of the help */
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* char *, not empty but where `most` is 1 */
    OPTION_LIST,     /* const char *[], and behind it (offset_count) how many */
    OPTION_COUNT,    /* uint64_t, from `least` to `most` */
    OPTION_DURATION, /* uint64_t; 0 is refused: people mean "none" */
    OPTION_WAIT,     /* uint64_t; 0 is "at once" */
    OPTION_SIZE,     /* uint64_t, not 0 */
    OPTION_CHOICE,   /* uint64_t: the place of the word in `argument` */
    OPTION_REFUSED,  /* `help` says what to do instead */
};

struct option_row {
    enum option_kind kind;
    char letter;      /* or 0 */
    const char *name; /* without the dashes; NULL: a letter alone */
    size_t offset, offset_count;
    const char *argument; /* for the help; of a choice: all words, with bars between */
    const char *help;     /* a newline begins another line */
    uint64_t least, most;
};

#define AT(member) .offset = offsetof(struct options, member)
#define FLAG(letter, name, member, text)                                                           \
    {                                                                                              \
        OPTION_FLAG, letter, name, AT(member), 0, NULL, text, 0, 0                                 \
    }
#define TEXT(letter, name, member, argument, help)                                                 \
    {                                                                                              \
        OPTION_TEXT, letter, name, AT(member), 0, argument, help, 0, 0                             \
    }
#define LIST(letter, name, member, argument, help, max)                                            \
    {                                                                                              \
        OPTION_LIST, letter, name, AT(member), offsetof(struct options, member##_count), argument, \
            help, 0, max                                                                           \
    }
#define COUNT(letter, name, member, argument, help, least, most)                                   \
    {                                                                                              \
        OPTION_COUNT, letter, name, AT(member), 0, argument, help, least, most                     \
    }
#define VALUE(kind, name, member, argument, help)                                                  \
    {                                                                                              \
        kind, 0, name, AT(member), 0, argument, help, 0, 0                                         \
    }
#define HEADING(text)                                                                              \
    {                                                                                              \
        OPTION_HEADING, 0, NULL, 0, 0, NULL, text, 0, 0                                            \
    }
#define REFUSED(letter, name, text)                                                                \
    {                                                                                              \
        OPTION_REFUSED, letter, name, 0, 0, NULL, text, 0, 0                                       \
    }
#define LATER "not in this version"

static const struct option_row option_rows[] = {
    HEADING("Files"),
    TEXT('o', "output", output, "F", "write the answers to F (stdout)"),
    TEXT(0, "errors", errors, "F", "write lines that failed to F, not among the answers"),
    FLAG(0, "overwrite", overwrite, "empty an output that holds something, which is else refused"),
    VALUE(OPTION_CHOICE, "order", order, "completion|input",
          "answers as they end, or in the order of INPUT (completion)"),
    COUNT(0, "limit", limit, "N", "the first N lines only", 1, UINT64_MAX),
    TEXT('i', "input", input, "F", "the same as INPUT"),
    FLAG(0, "details", details, "add to each line its times, attempts and bytes: \"quoit\":{...}"),
    HEADING("Server"),
    TEXT(0, "base-url", base_url, "U",
         "where urls that are paths lead: OPENAI_BASE_URL, else\nhttps://api.openai.com/v1"),
    TEXT(0, "endpoint", endpoint, "PATH", "the url of lines that have none"),
    TEXT(0, "model", model, "NAME", "set \"model\" in each body"),
    LIST(0, "query", queries, "K=V", "add to the query of each url below --base-url",
         OPTIONS_QUERIES_MAX),
    TEXT(0, "unix-socket", unix_socket, "PATH", "connect to this socket, whatever the host"),
    { OPTION_TEXT, 'x', "proxy", AT(proxy), 0, "URL",
      "go through this http:// proxy; '' for none, whatever the\nenvironment says", 0, 1 },
    LIST('H', "header", headers, "'NAME: VALUE'",
         "send this header; 'NAME:' takes away one of ours; @F reads\nthem from a file",
         OPTIONS_HEADERS_MAX),
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
    COUNT(0, "retries", retries, "N",
          "send again at most N times after 408, 409, 429, 500 and\nabove, connection errors and "
          "timeouts (2)",
          0, 1000),
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

    REFUSED('t', NULL,
            "is not defined, since tools disagree: say -c for requests in flight, "
            "--timeout for a time"),
    REFUSED('n', NULL, "is of `quoit bench`: say --limit N for the first N lines"),
    REFUSED('z', NULL, "is of `quoit bench`: a batch ends with its input"),
    REFUSED('q', NULL, "is of `quoit bench`: rates for a batch are " LATER),
    REFUSED('X', NULL, "is not of a batch: each line has its own \"method\""),
    REFUSED('d', NULL, "is not of a batch: each line has its own \"body\""),
    REFUSED(0, "resume", LATER),
    REFUSED(0, "resume-failed", LATER),
    REFUSED(0, "stream", LATER),
    REFUSED(0, "no-stream-usage", LATER),
    REFUSED(0, "rpm", LATER),
    REFUSED(0, "tpm", LATER),
    REFUSED(0, "max-failures", LATER),
    REFUSED(0, "max-time", LATER),
};

static bool options_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line on stderr; returns false for the caller to return. */
static bool options_refuse(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("quoit batch: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return false;
}

static void *option_place(struct options *options, size_t offset)
{
    return (char *)options + offset;
}

static void option_put_number(struct options *options, const struct option_row *row, uint64_t value)
{
    memcpy(option_place(options, row->offset), &value, sizeof(value));
}

static bool option_set_choice(struct options *options, const struct option_row *row,
                              const char *spelled, const char *word)
{
    const char *at = row->argument;
    uint64_t place = 0;

    for (;;) {
        size_t size = strcspn(at, "|");
        if (strlen(word) == size && memcmp(at, word, size) == 0) {
            option_put_number(options, row, place);
            return true;
        }
        if (at[size] == '\0') {
            return options_refuse("%s: say one of %s", spelled, row->argument);
        }
        at += size + 1;
        place++;
    }
}

static bool option_set_list(struct options *options, const struct option_row *row,
                            const char *spelled, char *text)
{
    char **items = option_place(options, row->offset);
    uint64_t *count = option_place(options, row->offset_count);

    if (*count == row->most) {
        return options_refuse("%s: at most %ju of them", spelled, (uintmax_t)row->most);
    }
    items[(*count)++] = text;
    return true;
}

static bool option_set_text(struct options *options, const struct option_row *row,
                            const char *spelled, const char *text)
{
    const char **place = option_place(options, row->offset);

    if (*text == '\0' && row->most == 0) {
        return options_refuse("%s: the value is empty", spelled);
    }
    if (*place != NULL && row->offset == offsetof(struct options, base_url)) {
        return options_refuse("a second --base-url is " LATER);
    }
    *place = text;
    return true;
}

static bool option_set_count(struct options *options, const struct option_row *row,
                             const char *spelled, const char *text)
{
    uint64_t count = 0;

    if (!values_count(text, &count)) {
        return options_refuse("%s: \"%s\" is not a number", spelled, text);
    }
    if (count < row->least) {
        return options_refuse("%s: at least %ju", spelled, (uintmax_t)row->least);
    }
    if (count > row->most) {
        return options_refuse("%s: at most %ju", spelled, (uintmax_t)row->most);
    }
    option_put_number(options, row, count);
    return true;
}

static bool option_set_duration(struct options *options, const struct option_row *row,
                                const char *spelled, const char *text)
{
    uint64_t value = 0;

    if (!values_duration(text, &value)) {
        return options_refuse("%s: \"%s\" is not a duration: say 500ms, 5s, 2m, 1h or none",
                              spelled, text);
    }
    if (value == 0 && row->kind == OPTION_DURATION) {
        return options_refuse("%s: 0 is no time at all: say none for no limit", spelled);
    }
    option_put_number(options, row, value);
    return true;
}

/* Set what `row` says. `spelled` is the option as it was written, without its value. */
static bool option_set(struct options *options, const struct option_row *row, const char *spelled,
                       char *text)
{
    uint64_t value = 0;

    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)option_place(options, row->offset) = true;
        return true;
    case OPTION_TEXT:
        return option_set_text(options, row, spelled, text);
    case OPTION_LIST:
        return option_set_list(options, row, spelled, text);
    case OPTION_COUNT:
        return option_set_count(options, row, spelled, text);
    case OPTION_DURATION:
    case OPTION_WAIT:
        return option_set_duration(options, row, spelled, text);
    case OPTION_SIZE:
        if (!values_size(text, &value) || value == 0) {
            return options_refuse("%s: \"%s\" is not a size: say 64MiB, 512k or none", spelled,
                                  text);
        }
        option_put_number(options, row, value);
        return true;
    case OPTION_CHOICE:
        return option_set_choice(options, row, spelled, text);
    case OPTION_HEADING:
    case OPTION_REFUSED:
        break;
    }
    assert(false); /* a row that cannot be set was looked up */
    return false;
}

static const struct option_row *option_find(char letter, const char *name, size_t name_size)
{
    for (size_t i = 0; i < COUNT_OF(option_rows); i++) {
        const struct option_row *row = &option_rows[i];
        if (row->kind == OPTION_HEADING) {
            continue;
        }
        if (letter != 0 ? row->letter == letter
                        : row->name != NULL && strlen(row->name) == name_size &&
                              memcmp(row->name, name, name_size) == 0) {
            return row;
        }
    }
    return NULL;
}

/* Where the reading of the words stands. */
struct words {
    char **words;
    int count, index;
};

/* `--name`, `--name=value` or `--name value`. */
static bool options_take_long(struct options *options, struct words *words)
{
    char *word = words->words[words->index];
    size_t name_size = strcspn(word + 2, "=");
    const struct option_row *row = option_find(0, word + 2, name_size);
    char spelled[64];

    snprintf(spelled, sizeof(spelled), "--%.*s", (int)(name_size < 60 ? name_size : 60), word + 2);
    if (row == NULL) {
        return options_refuse("unknown option %s: see quoit batch --help", spelled);
    }
    char *value = word[2 + name_size] == '=' ? word + 2 + name_size + 1 : NULL;
    if (row->kind == OPTION_REFUSED) {
        return options_refuse("%s is %s", spelled, row->help);
    }
    if (row->kind == OPTION_FLAG) {
        return value != NULL ? options_refuse("%s takes no value", spelled)
                             : option_set(options, row, spelled, NULL);
    }
    if (value == NULL) {
        if (words->index + 1 == words->count) {
            return options_refuse("%s needs a value: %s", spelled, row->argument);
        }
        value = words->words[++words->index];
    }
    return option_set(options, row, spelled, value);
}

/* `-k`, `-kv`, `-c64` or `-c 64`. */
static bool options_take_letters(struct options *options, struct words *words)
{
    for (char *letter = words->words[words->index] + 1; *letter != '\0'; letter++) {
        const struct option_row *row = option_find(*letter, NULL, 0);
        char spelled[] = { '-', *letter, '\0' };
        if (row == NULL) {
            return options_refuse("unknown option %s: see quoit batch --help", spelled);
        }
        if (row->kind == OPTION_REFUSED) {
            return options_refuse("%s %s%s", spelled, row->name != NULL ? "is " : "", row->help);
        }
        if (row->kind == OPTION_FLAG) {
            (void)option_set(options, row, spelled, NULL);
            continue;
        }
        if (letter[1] != '\0') {
            return option_set(options, row, spelled, letter + 1);
        }
        if (words->index + 1 == words->count) {
            return options_refuse("%s needs a value: %s", spelled, row->argument);
        }
        return option_set(options, row, spelled, words->words[++words->index]);
    }
    return true;
}

static bool options_take_input(struct options *options, const char *word)
{
    if (options->input != NULL) {
        return options_refuse("one INPUT, and \"%s\" is a second one", word);
    }
    options->input = word;
    return true;
}

/* May it stand in a url: ASCII without blanks and control characters? */
static bool option_is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= 0x20 || *text >= 0x7f) {
            return false;
        }
    }
    return true;
}

/* What one option alone cannot tell. */
static bool options_check(const struct options *options)
{
    if (options->input == NULL) {
        return options_refuse("which INPUT? A file of queries, or - for stdin; see --help");
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
    for (uint64_t i = 0; i < options->queries_count; i++) {
        const char *query = options->queries[i];
        if (query[0] == '=' || strchr(query, '=') == NULL || strpbrk(query, "?#") != NULL ||
            !option_is_printable(query)) {
            return options_refuse("--query: say K=V, percent-encoded");
        }
    }
    if (options->endpoint != NULL && !option_is_printable(options->endpoint)) {
        return options_refuse("--endpoint: say it percent-encoded");
    }
    if (options->endpoint != NULL && options->endpoint[0] != '/' &&
        strncmp(options->endpoint, "http://", 7) != 0 &&
        strncmp(options->endpoint, "https://", 8) != 0) {
        return options_refuse("--endpoint: \"%s\" does not begin with /", options->endpoint);
    }
    return true;
}

bool options_parse(struct options *options, int count, char **words_given)
{
    struct words words = { words_given, count, 0 };
    bool only_words = false;

    *options = (struct options){
        .concurrency = 64,
        .retries = 2,
        .limit = UINT64_MAX,
        .wait_for_server_ns = UINT64_C(300) * 1000000000,
        .spin_ns = OPTIONS_UNSET,
        .grace_ns = OPTIONS_UNSET,
    };
    for (; words.index < count; words.index++) {
        const char *word = words_given[words.index];
        bool good;
        if (only_words || word[0] != '-' || word[1] == '\0') {
            good = options_take_input(options, word);
        } else if (strcmp(word, "--") == 0) {
            good = only_words = true;
        } else if (word[1] == '-') {
            good = options_take_long(options, &words);
        } else {
            good = options_take_letters(options, &words);
        }
        if (!good) {
            return false;
        }
    }
    return options->help || options->version || options_check(options);
}

static void option_print(FILE *to, const struct option_row *row)
{
    char left[64];
    int size = snprintf(left, sizeof(left), "  %c%c%s --%s %s", row->letter != 0 ? '-' : ' ',
                        row->letter != 0 ? row->letter : ' ', row->letter != 0 ? "," : " ",
                        row->name, row->argument != NULL ? row->argument : "");
    const char *line = row->help;

    fprintf(to, size > 32 ? "%s\n%34s" : "%-34s%s", left, "");
    for (size_t length; (length = strcspn(line, "\n")), true; line += length + 1) {
        fprintf(to, "%.*s\n", (int)length, line);
        if (line[length] == '\0') {
            return;
        }
        fprintf(to, "%34s", "");
    }
}

void options_print_help(FILE *to)
{
    fputs("quoit batch INPUT [-o OUTPUT]: run a file of queries, write a file of answers.\n"
          "\n"
          "INPUT is JSONL in OpenAI's batch format, or - for stdin:\n"
          "  "
          "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/chat/"
          "completions\",\"body\":{...}}\n"
          "The bytes of body are sent as they stand. Each line gets one line in the output, which\n"
          "is written as soon as it is there; all but status 2xx counts as failed.\n",
          to);
    for (size_t i = 0; i < COUNT_OF(option_rows); i++) {
        const struct option_row *row = &option_rows[i];
        if (row->kind == OPTION_HEADING) {
            fprintf(to, "\n%s\n", row->help);
        } else if (row->kind != OPTION_REFUSED) {
            option_print(to, row);
        }
    }
    fputs("\n"
          "D is a duration: 50us, 500ms, 5s, 2m, 1h, or none. SIZE: bytes, k (1,000), m "
          "(1,000,000),\n"
          "KiB, MiB, GiB.\n"
          "\n"
          "Environment: OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_ORG_ID, OPENAI_PROJECT_ID,\n"
          "SSL_CERT_FILE, SSL_CERT_DIR, NO_COLOR, https_proxy, http_proxy, all_proxy, no_proxy.\n"
          "\n"
          "Exit: 0 all succeeded; 1 done, but some failed, or the run was stopped; 2 wrong usage;\n"
          "3 could not start; 4 the output could not be written; 130, 143 interrupted.\n",
          to);
}
