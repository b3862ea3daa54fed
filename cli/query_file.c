/*
 * query_file: see query_file.h.
 */
#include "cli/query_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void query_file_fail(const struct query_file *file, int os_error)
{
    fprintf(stderr, "quoit: %s cannot be read: %s\n", file->input.name, strerror(os_error));
}

bool query_file_open(struct query_file *file, const char *path)
{
    *file = (struct query_file){ .bytes = { NULL, 0 } };
    batch_line_init(&file->line);
    if (!input_open(&file->input, path)) {
        query_file_fail(file, file->input.os_error);
        return false;
    }
    return true;
}

void query_file_close(struct query_file *file)
{
    batch_line_free(&file->line);
    input_close(&file->input);
}

/* Nothing of the line was read. */
static enum query_file_next query_file_refuse(struct query_file *file)
{
    const struct json_span none = { NULL, 0 };

    file->bytes = file->line.id_raw = file->line.id = none;
    return QUERY_FILE_INVALID;
}

static enum query_file_next query_file_take(struct query_file *file, struct json_span bytes)
{
    file->bytes = bytes;
    switch (batch_line_read(&file->line, bytes)) {
    case BATCH_GOOD:
        return QUERY_FILE_QUERY;
    case BATCH_INVALID:
        return QUERY_FILE_INVALID;
    case BATCH_NO_MEMORY:
        break;
    }
    query_file_fail(file, ENOMEM);
    return QUERY_FILE_FAILED;
}

enum query_file_next query_file_next(struct query_file *file)
{
    struct input_line line;

    for (;;) {
        switch (input_next(&file->input, &line)) {
        case INPUT_LINE:
            if (line.too_long) {
                return query_file_refuse(file);
            }
            if (!batch_line_is_blank(line.bytes)) {
                return query_file_take(file, line.bytes);
            }
            break;
        case INPUT_LATER:
            input_wait(&file->input, 1000);
            break;
        case INPUT_END:
            return QUERY_FILE_END;
        case INPUT_FAILED:
            query_file_fail(file, file->input.os_error);
            return QUERY_FILE_FAILED;
        }
    }
}
