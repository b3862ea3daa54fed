/*
 * dry_run: the method and url, the headers, an empty line, the body.
 */
#include "cli/dry_run.h"

#include "cli/server.h"

#include <stdio.h>
#include <string.h>

static void print_request(const struct prepare *prepare)
{
    const struct quoit_request *request = &prepare->request;
    struct text url;

    text_init(&url, 0);
    server_append_url_hidden(&url, request->url);
    printf("%s %s\n", request->method, url.failed ? "?" : url.bytes);
    text_free(&url);
    for (uint32_t i = 0; i < request->headers_count; i++) {
        const struct quoit_header *header = &request->headers[i];
        bool secret = headers_is_secret(prepare->headers, header->name);
        printf("%s: %s\n", header->name, secret ? "***" : header->value);
    }
    putchar('\n');
    fwrite(request->body.bytes, 1, request->body.size, stdout);
    putchar('\n');
}

/* The first line that is not blank. False: there is none. */
static bool read_first(struct input *input, struct input_line *line_out)
{
    for (;;) {
        switch (input_next(input, line_out)) {
        case INPUT_LINE:
            if (line_out->too_long || !batch_line_is_blank(line_out->bytes)) {
                return true;
            }
            break;
        case INPUT_LATER:
            input_wait(input, 1000);
            break;
        case INPUT_END:
            fprintf(stderr, "quoit: %s: no line in it\n", input->name);
            return false;
        case INPUT_FAILED:
            fprintf(stderr, "quoit: %s: %s\n", input->name, strerror(input->os_error));
            return false;
        }
    }
}

bool dry_run_print(struct prepare *prepare, struct input *input)
{
    struct query_pool pool = { .free = NULL };
    struct input_line line;
    bool good = false;

    if (!read_first(input, &line)) {
        return false;
    }
    struct query *query = query_take(&pool, line.bytes);
    if (query == NULL) {
        fputs("quoit: out of memory\n", stderr);
        return false;
    }
    query->number = line.number;
    switch (prepare_request(prepare, query)) {
    case PREPARE_DONE: /* of no output: none was read */
    case PREPARE_GOOD:
        print_request(prepare);
        good = true;
        break;
    case PREPARE_INVALID:
        fprintf(stderr, "quoit: line %ju: invalid_input_line: %s\n", (uintmax_t)line.number,
                line.too_long ? "the line is too long" : prepare->message);
        break;
    case PREPARE_NO_MEMORY:
        fputs("quoit: out of memory\n", stderr);
        break;
    }
    query_give_back(&pool, query);
    query_pool_free(&pool);
    return good;
}
