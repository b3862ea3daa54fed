/*
 * dry_run: the method and url, the headers, an empty line, the body.
 */
#include "cli/dry_run.h"

#include "cli/server.h"

#include <stdio.h>
#include <stdlib.h>
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

/* The next line that is not blank. False: there is none. */
static bool read_next(struct input *input, struct input_line *line_out)
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
            fprintf(stderr, "quoit: %s: no line in it that is good\n", input->name);
            return false;
        case INPUT_FAILED:
            fprintf(stderr, "quoit: %s: %s\n", input->name, strerror(input->os_error));
            return false;
        }
    }
}

/* Print the request of a line, or why it has none. */
static enum prepare_verdict print_line(struct prepare *prepare, const struct input_line *line,
                                       struct query *query)
{
    enum prepare_verdict verdict = PREPARE_INVALID;

    query->number = line->number;
    query->offset = line->offset;
    if (!line->too_long) {
        verdict = prepare_request(prepare, query);
    }
    switch (verdict) {
    case PREPARE_DONE: /* of no output: none was read */
    case PREPARE_GOOD:
        print_request(prepare);
        return PREPARE_GOOD;
    case PREPARE_INVALID:
        fprintf(stderr, "quoit: line %ju: invalid_input_line: %s\n", (uintmax_t)line->number,
                line->too_long ? "the line is too long" : prepare->message);
        return PREPARE_INVALID;
    case PREPARE_NO_MEMORY:
        return PREPARE_NO_MEMORY;
    }
    abort(); /* a verdict without a case */
}

bool dry_run_print(struct prepare *prepare, struct input *input)
{
    struct query_pool pool = { .free = NULL };
    enum prepare_verdict verdict = PREPARE_INVALID;
    struct input_line line;

    while (verdict == PREPARE_INVALID && read_next(input, &line)) {
        struct query *query = query_take(&pool, line.bytes);
        verdict = query == NULL ? PREPARE_NO_MEMORY : print_line(prepare, &line, query);
        if (query != NULL) {
            query_give_back(&pool, query);
        }
    }
    if (verdict == PREPARE_NO_MEMORY) {
        fputs("quoit: out of memory\n", stderr);
    }
    query_pool_free(&pool);
    return verdict == PREPARE_GOOD;
}
