/*
 * work: each item has a block of memory with all that it points to.
 */
#include "bench/work.h"

#include "cli/exit.h"
#include "cli/input.h"
#include "cli/server.h"
#include "llm/batch.h"
#include "llm/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct work_block {
    struct work_block *next;
    char bytes[];
};

/* What the items are made of; borrowed. */
struct work_source {
    const struct headers *headers;
    const struct keys *keys;
    const struct proxies *proxies;
};

static int work_no_memory(void)
{
    fputs("quoit: out of memory\n", stderr);
    return EXIT_START;
}

/* --- One item --- */

/* Append a copy to what lies at *at; returns it. */
static char *copy_bytes(char **at, const char *bytes, size_t size)
{
    char *copy = *at;

    if (size != 0) {
        memcpy(copy, bytes, size);
    }
    *at += size;
    return copy;
}

static char *copy_string(char **at, const char *string)
{
    return copy_bytes(at, string, strlen(string) + 1);
}

static size_t work_item_size(const struct batch_line *line, const struct headers_set *set,
                             const char *url)
{
    size_t size = strlen(url) + 1 + strlen(line->method) + 1 + line->body.size;

    for (uint32_t i = 0; i < set->count; i++) {
        size += strlen(set->items[i].name) + strlen(set->items[i].value) + 2;
    }
    return set->count * sizeof(struct quoit_header) + size;
}

/* Add the request that `line` is, to that url. */
static bool work_add_item(struct work *work, const struct work_source *source,
                          const struct batch_line *line, const char *url)
{
    const struct proxies_item *proxy = proxies_find(source->proxies, url);
    struct headers_set set;

    headers_gather(source->headers, source->keys, line, endpoint_has_origin(url, work->url), &set);
    if (work->count == work->room) {
        size_t room = work->room == 0 ? 16 : 2 * work->room;
        struct work_item *items = realloc(work->items, room * sizeof(*items));
        if (items == NULL) {
            return false;
        }
        work->items = items;
        work->room = room;
    }
    struct work_block *block = malloc(sizeof(*block) + work_item_size(line, &set, url));
    if (block == NULL) {
        return false;
    }
    block->next = work->blocks;
    work->blocks = block;
    struct quoit_header *headers = (struct quoit_header *)(void *)block->bytes;
    char *at = (char *)(headers + set.count);
    for (uint32_t i = 0; i < set.count; i++) {
        headers[i].name = copy_string(&at, set.items[i].name);
        headers[i].value = copy_string(&at, set.items[i].value);
    }
    work->items[work->count++] = (struct work_item){
        .method = copy_string(&at, line->method),
        .url = copy_string(&at, url),
        .proxy_url = proxy == NULL ? NULL : proxy->url,
        .headers = headers,
        .headers_count = set.count,
        .body = { copy_bytes(&at, line->body.bytes, line->body.size), line->body.size },
        .form = stream_form_of(url),
    };
    return true;
}

/* --- One request, of the command line --- */

static int work_read_file(struct text *text, const char *path)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : 1;

    while (size > 0 && text_reserve(text, 65536)) {
        size = read(fd, text->bytes + text->size, 65536);
        text->size += size > 0 ? (size_t)size : 0;
    }
    int os_error = text->failed ? ENOMEM : errno;
    if (fd > STDIN_FILENO) {
        close(fd);
    }
    if (size < 0 || text->failed) {
        fprintf(stderr, "quoit: -d @%s cannot be read: %s\n", path, strerror(os_error));
        return EXIT_START;
    }
    return 0;
}

static int work_add_one(struct work *work, const struct bench_options *options,
                        const struct work_source *source)
{
    struct batch_line line = { .has_body = options->body != NULL };

    if (options->body != NULL && options->body[0] == '@') {
        int exit_code = work_read_file(&work->body, options->body + 1);
        if (exit_code != 0) {
            return exit_code;
        }
    } else if (options->body != NULL) {
        text_append_string(&work->body, options->body);
    }
    line.body = (struct json_span){ work->body.bytes, work->body.size };
    line.method = options->method != NULL ? options->method : line.has_body ? "POST" : "GET";
    return !work->body.failed && work_add_item(work, source, &line, work->url) ? 0
                                                                               : work_no_memory();
}

/* --- The queries of a file --- */

static int work_refuse_line(const char *name, uint64_t number, const char *why)
{
    fprintf(stderr, "quoit: %s, line %ju: %s\n", name, (uintmax_t)number, why);
    return EXIT_START;
}

static int work_add_line(struct work *work, const struct work_source *source,
                         struct batch_line *line, const struct input_line *from, const char *name)
{
    struct text url;
    int exit_code = 0;

    switch (batch_line_read(line, from->bytes)) {
    case BATCH_GOOD:
        break;
    case BATCH_INVALID:
        return work_refuse_line(name, from->number, line->message);
    case BATCH_NO_MEMORY:
        return work_no_memory();
    }
    text_init(&url, 0);
    const char *path = line->url != NULL ? line->url : "/v1/chat/completions";
    switch (endpoint_join(&url, work->url, path, NULL)) {
    case ENDPOINT_GOOD:
        exit_code = work_add_item(work, source, line, url.bytes) ? 0 : work_no_memory();
        break;
    case ENDPOINT_BAD_BASE:
    case ENDPOINT_BAD_URL:
        exit_code = work_refuse_line(name, from->number, "its url cannot be joined with URL");
        break;
    case ENDPOINT_NO_MEMORY:
        exit_code = work_no_memory();
        break;
    }
    text_free(&url);
    return exit_code;
}

static int work_add_file(struct work *work, const char *path, const struct work_source *source)
{
    struct input input = { .fd = -1 };
    struct input_line from;
    struct batch_line line;
    enum input_next next = INPUT_LATER;
    int exit_code = 0;

    if (!input_open(&input, path)) {
        fprintf(stderr, "quoit: --input %s cannot be read: %s\n", path, strerror(input.os_error));
        return EXIT_START;
    }
    batch_line_init(&line);
    line.may_stream = true;
    while (exit_code == 0 && (next = input_next(&input, &from)) != INPUT_END) {
        if (next == INPUT_LATER) {
            input_wait(&input, -1);
        } else if (next == INPUT_FAILED) {
            fprintf(stderr, "quoit: --input %s cannot be read: %s\n", path,
                    strerror(input.os_error));
            exit_code = EXIT_START;
        } else if (from.too_long) {
            exit_code = work_refuse_line(path, from.number, "is too long");
        } else if (!batch_line_is_blank(from.bytes)) {
            exit_code = work_add_line(work, source, &line, &from, path);
        }
    }
    batch_line_free(&line);
    input_close(&input);
    if (exit_code == 0 && work->count == 0) {
        fprintf(stderr, "quoit: --input %s holds no query\n", path);
        exit_code = EXIT_START;
    }
    return exit_code;
}

/* --- All of it --- */

/* The absolute url; as with curl, http:// may be left out. */
static int work_find_url(struct work *work, const struct bench_options *options)
{
    const char *given = options->url;
    const char *variable = getenv("OPENAI_BASE_URL");

    if (given == NULL && options->input != NULL && variable != NULL && *variable != '\0') {
        given = variable;
        work->variable = "OPENAI_BASE_URL";
    }
    if (given == NULL) {
        fputs("quoit bench: which URL? See --help\n", stderr);
        return EXIT_USAGE;
    }
    /* Only in front of all else: a path or a query may hold a whole url. */
    if (strncmp(given + strcspn(given, ":/?#"), "://", 3) != 0) {
        text_append_string(&work->url_text, "http://");
    }
    text_append_string(&work->url_text, given);
    if (work->url_text.failed) {
        return work_no_memory();
    }
    work->url = work->url_text.bytes;
    const char *host = strstr(work->url, "://") + 3;
    if (memchr(host, '@', strcspn(host, "/?#")) != NULL) {
        fputs("quoit bench: URL holds a user name: say it with -H @FILE\n", stderr);
        return EXIT_USAGE;
    }
    if (!endpoint_is_absolute(work->url)) {
        fputs("quoit bench: URL is not an absolute url: http://HOST/PATH\n", stderr);
        return EXIT_USAGE;
    }
    return 0;
}

int work_open(struct work *work, const struct bench_options *options, const struct headers *headers,
              const struct keys *keys, const struct proxies *proxies)
{
    const struct work_source source = { headers, keys, proxies };

    *work = (struct work){ .unix_socket = options->unix_socket };
    text_init(&work->url_text, 0);
    text_init(&work->body, 0);
    int exit_code = work_find_url(work, options);
    if (exit_code != 0) {
        return exit_code;
    }
    const struct proxies_item *proxy = proxies_find(proxies, work->url);
    if (proxy != NULL && proxy->fault[0] != '\0') {
        fprintf(stderr, "quoit bench: %s %s; -x '' for no proxy\n", proxy->from, proxy->fault);
        return EXIT_USAGE;
    }
    return options->input != NULL ? work_add_file(work, options->input, &source)
                                  : work_add_one(work, options, &source);
}

void work_close(struct work *work)
{
    while (work->blocks != NULL) {
        struct work_block *block = work->blocks;
        work->blocks = block->next;
        free(block); /* a key in it goes with the process */
    }
    free(work->items);
    text_free(&work->url_text);
    text_free(&work->body);
    *work = (struct work){ 0 };
}

/* What the library says of a request that it would not take. */
static int work_refuse_item(const struct work *work, size_t index, enum quoit_error error)
{
    const struct work_item *item = &work->items[index];

    if (error == QUOIT_E_ARGUMENT && item->proxy_url != NULL) {
        fputs("quoit bench: the proxy is not http://USER:PASSWORD@HOST:PORT, percent-encoded\n",
              stderr);
    } else if (error == QUOIT_E_ARGUMENT && work->unix_socket != NULL) {
        fputs("quoit bench: --unix-socket: the path is too long\n", stderr);
    } else if (work->count > 1) {
        fprintf(stderr, "quoit bench: query %zu: %s\n", index + 1, quoit_error_message(error));
    } else {
        fprintf(stderr, "quoit bench: %s\n", quoit_error_message(error));
    }
    return error == QUOIT_E_NO_MEMORY ? EXIT_START : EXIT_USAGE;
}

int work_check(const struct work *work)
{
    const struct quoit_options options = { .io = QUOIT_IO_EPOLL, .requests_max = 16 };
    struct quoit_engine *engine = NULL;
    enum quoit_error error = quoit_create(&options, &engine);
    int exit_code = 0;

    if (error != QUOIT_OK) {
        fprintf(stderr, "quoit: cannot start: %s\n", quoit_error_message(error));
        return EXIT_START;
    }
    for (size_t i = 0; exit_code == 0 && i < work->count; i++) {
        const struct work_item *item = &work->items[i];
        const struct quoit_request request = {
            .method = item->method,
            .url = item->url,
            .unix_path = work->unix_socket,
            .proxy_url = item->proxy_url,
            .headers = item->headers,
            .headers_count = item->headers_count,
            .body = item->body,
        };
        struct quoit_event event;
        uint64_t id = 0;
        error = quoit_submit(engine, &request, &id);
        if (error != QUOIT_OK) {
            exit_code = work_refuse_item(work, i, error);
            break;
        }
        (void)quoit_cancel(engine, id); /* before any turn, so nothing is sent */
        while (quoit_next(engine, &event, 1) == 0) {
            (void)quoit_turn(engine, 0);
        }
    }
    quoit_destroy(engine);
    return exit_code;
}
