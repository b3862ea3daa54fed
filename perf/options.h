/*
 * options: the command line that floor, batch_bench, epoll_client and curl_multi share.
 *
 *     --url U --unix-socket P --cacert F -n N -c C --body-size B --post F --stream --warmup N
 *     --spin D --io B --fd --json
 *
 * What only some of them can do, the others refuse. A wrong line prints what is wrong and how it is
 * right, and ends the program with 2. All of it is in this header because each perf/NAME.c is a
 * program of its own.
 */
#ifndef QUOIT_PERF_OPTIONS_H
#define QUOIT_PERF_OPTIONS_H

#include "quoit.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_IN_FLIGHT_MAX 100000
#define OPTIONS_BODY_MAX (64u * 1024 * 1024)
#define OPTIONS_FILE_MAX (1024u * 1024)

struct options {
    const char *program;
    const char *url;
    const char *unix_path; /* NULL: TCP */
    const char *ca_file;   /* NULL: the system's */
    const char *post;      /* NULL: no such file; else its bytes, as JSON */
    uint64_t requests;     /* measured */
    uint64_t warmup;       /* before them, not measured */
    uint64_t in_flight;
    uint64_t body_size; /* 0: GET, else POST */
    uint64_t spin_ns;   /* 0: the engine's default; QUOIT_NEVER: never spin */
    enum quoit_io io;   /* floor: io_uring only */
    bool stream;        /* count the tokens of the answers' events */
    bool embedded;      /* sleep on quoit_fd: batch_bench */
    bool json;
};

static inline _Noreturn void options_refuse(const char *program, const char *why, const char *what)
{
    fprintf(stderr,
            "%s: %s%s\n"
            "usage: %s --url U [-n N] [-c C] [--body-size BYTES] [--unix-socket PATH]\n"
            "       [--cacert FILE] [--post FILE] [--stream] [--warmup N] [--spin D]\n"
            "       [--io uring|epoll] [--fd] [--json]\n"
            "  -n          requests to measure (100000)\n"
            "  -c          in flight at once (64)\n"
            "  --body-size POST that many bytes; 0: GET (0)\n"
            "  --cacert    trust these certificates: batch_bench, curl_multi\n"
            "  --post      POST what is in FILE, which is JSON: epoll_client, curl_multi\n"
            "  --stream    count the tokens of the events that come: epoll_client, curl_multi\n"
            "  --warmup    requests before the measured ones (n/10, at least 2c)\n"
            "  --spin      busy wait at 4 in flight and fewer: 50us, 1ms, ..., or none (50us)\n"
            "  --io        what the engine runs on (uring)\n"
            "  --fd        sleep on quoit_fd, as in somebody's event loop: batch_bench\n",
            program, why, what, program);
    exit(2);
}

static inline uint64_t options_number(const char *program, const char *text, uint64_t max)
{
    char *end = NULL;

    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number > max) {
        options_refuse(program, "not a number in range: ", text);
    }
    return number;
}

/* "none", or a whole number of us, ms or s. */
static inline uint64_t options_duration_ns(const char *program, const char *text)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = { { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 } };

    if (strcmp(text, "none") == 0) {
        return QUOIT_NEVER;
    }
    char *end = NULL;
    unsigned long long number = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) == 0 && number > 0 && number < 3600) {
            return number * units[i].ns;
        }
    }
    options_refuse(program, "not a length of time (50us, 1ms, none): ", text);
}

/* What was not given takes its default; what does not fit together is refused. */
static inline void options_complete(struct options *options, bool warmup_given)
{
    if (options->url == NULL) {
        options_refuse(options->program, "--url is missing", "");
    }
    if (options->requests == 0 || options->in_flight == 0) {
        options_refuse(options->program, "-n and -c begin at 1", "");
    }
    if (!warmup_given) {
        uint64_t least = 2 * options->in_flight;
        options->warmup = options->requests / 10 > least ? options->requests / 10 : least;
    }
}

/* All of a file, which the caller frees; its size goes to *size_out. */
static inline char *options_file(const char *program, const char *path, size_t *size_out)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(OPTIONS_FILE_MAX);

    if (file == NULL || bytes == NULL) {
        options_refuse(program, "cannot read ", path);
    }
    *size_out = fread(bytes, 1, OPTIONS_FILE_MAX, file);
    if (ferror(file) || !feof(file)) {
        options_refuse(program, "cannot read it, or it is too long: ", path);
    }
    fclose(file);
    return bytes;
}

static inline enum quoit_io options_io(const char *program, const char *text)
{
    if (strcmp(text, "uring") != 0 && strcmp(text, "epoll") != 0) {
        options_refuse(program, "neither uring nor epoll: ", text);
    }
    return *text == 'u' ? QUOIT_IO_URING : QUOIT_IO_EPOLL;
}

static const struct option options_names[] = {
    { "url", required_argument, NULL, 'u' },
    { "json", no_argument, NULL, 'j' },
    { "unix-socket", required_argument, NULL, 'x' },
    { "spin", required_argument, NULL, 's' },
    { "body-size", required_argument, NULL, 'b' },
    { "warmup", required_argument, NULL, 'w' },
    { "cacert", required_argument, NULL, 'a' },
    { "post", required_argument, NULL, 'p' },
    { "stream", no_argument, NULL, 'e' },
    { "fd", no_argument, NULL, 'f' },
    { "io", required_argument, NULL, 'i' },
    { NULL, 0, NULL, 0 },
};

static inline struct options options_read(const char *program, int count, char **words)
{
    struct options options = {
        .program = program, .requests = 100000, .in_flight = 64, .io = QUOIT_IO_URING
    };
    bool warmup_given = false;

    for (int letter; (letter = getopt_long(count, words, "n:c:", options_names, NULL)) != -1;) {
        switch (letter) {
        case 'u':
            options.url = optarg;
            break;
        case 'x':
            options.unix_path = optarg;
            break;
        case 'a':
            options.ca_file = optarg;
            break;
        case 'p':
            options.post = optarg;
            break;
        case 'e':
            options.stream = true;
            break;
        case 'f':
            options.embedded = true;
            break;
        case 'n':
            options.requests = options_number(program, optarg, UINT32_MAX);
            break;
        case 'c':
            options.in_flight = options_number(program, optarg, OPTIONS_IN_FLIGHT_MAX);
            break;
        case 'b':
            options.body_size = options_number(program, optarg, OPTIONS_BODY_MAX);
            break;
        case 'w':
            options.warmup = options_number(program, optarg, UINT32_MAX);
            warmup_given = true;
            break;
        case 's':
            options.spin_ns = options_duration_ns(program, optarg);
            break;
        case 'i':
            options.io = options_io(program, optarg);
            break;
        case 'j':
            options.json = true;
            break;
        default: /* getopt_long has named it already */
            options_refuse(program, "see above", "");
        }
    }
    if (optind < count) {
        options_refuse(program, "not an option: ", words[optind]);
    }
    options_complete(&options, warmup_given);
    return options;
}

#endif
