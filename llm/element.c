/*
 * element: brackets are counted, strings are jumped over.
 */
#include "llm/element.h"

#include <assert.h>
#include <string.h>

void element_begin(struct element_reader *reader, struct json_span array)
{
    assert(array.size >= 2);
    assert(array.bytes[0] == '[');
    assert(array.bytes[array.size - 1] == ']');
    *reader = (struct element_reader){ array.bytes + 1, array.bytes + array.size - 1 };
}

static bool element_is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* Behind the string whose first quote is at `at`. */
static const char *element_skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\') {
            at++;
        }
    }
    assert(at < end);
    return at + 1;
}

/* The comma behind the element that begins at `at`, or the end. */
static const char *element_skip(const char *at, const char *end)
{
    size_t depth = 0;

    while (at < end && (depth > 0 || *at != ',')) {
        if (*at == '"') {
            at = element_skip_string(at, end);
            continue;
        }
        if (*at == '[' || *at == '{') {
            depth++;
        } else if (*at == ']' || *at == '}') {
            assert(depth > 0);
            depth--;
        }
        at++;
    }
    return at;
}

bool element_next(struct element_reader *reader, struct json_span *element_out)
{
    while (reader->at < reader->end && element_is_space(*reader->at)) {
        reader->at++;
    }
    if (reader->at == reader->end) {
        return false;
    }
    const char *begin = reader->at;
    const char *end = element_skip(begin, reader->end);

    reader->at = end == reader->end ? end : end + 1;
    while (element_is_space(end[-1])) {
        end--;
    }
    *element_out = (struct json_span){ begin, (size_t)(end - begin) };
    return true;
}
