/*
 * guard_judge: the judge of guard.h: a head that was scanned is cut into names and values where it
 * lies, and those that say where the message ends are read. Each at most once, not both, and of
 * codings `chunked` alone.
 */
#include "http/guard_parts.h"

#include "http/octets.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* Where a line of the head ends, and its name; of those not noted it is searched. */
static struct guard_line guard_find_line(const struct guard *guard, uint32_t index,
                                         const char *line, const char *end)
{
    if (index < GUARD_LINES_NOTED && guard->lines[index].size != 0) {
        return guard->lines[index];
    }
    const char *colon = memchr(line, ':', (size_t)(end - line));
    const char *cr = memchr(colon, '\r', (size_t)(end - colon));
    return (struct guard_line){ (uint32_t)(colon - line), (uint32_t)(cr + 2 - line) };
}

/* "name: value\r\n" in place. RFC 9110 5.5: blanks around the value are not its. */
static struct quoit_header guard_cut_line(char *line, struct guard_line found)
{
    char *value = line + found.name_size + 1, *end = line + found.size - 2;

    while (*value == ' ' || *value == '\t') {
        value++;
    }
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    line[found.name_size] = *end = '\0';
    return (struct quoit_header){ .name = line, .value = value };
}

/* RFC 9112 6.2: digits and nothing else, once, and not beyond 64 bits. */
static bool guard_judge_length(struct guard *guard, const char *value)
{
    if (guard->has_length) {
        guard_refuse(guard, QUOIT_E_PROTOCOL, "Content-Length more than once");
        return false;
    }
    const char *digit = value;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (__builtin_mul_overflow(guard->length, 10, &guard->length) ||
            __builtin_add_overflow(guard->length, (uint64_t)(*digit - '0'), &guard->length)) {
            guard_refuse(guard, QUOIT_E_PROTOCOL, "Content-Length beyond 64 bits");
            return false;
        }
    }
    if (digit == value || *digit != '\0') {
        guard_refuse(guard, QUOIT_E_PROTOCOL, "Content-Length is not a number");
        return false;
    }
    guard->has_length = true;
    return true;
}

/* RFC 9112 6.1: we decode `chunked`, and have asked for nothing else. */
static bool guard_judge_coding(struct guard *guard, const char *value)
{
    const char *detail = NULL;

    if (!guard->is_1_1) {
        detail = "Transfer-Encoding in HTTP/1.0";
    } else if (guard->chunked) {
        detail = "Transfer-Encoding more than once";
    } else if (strcasecmp(value, "chunked") != 0) {
        detail = "Transfer-Encoding other than chunked";
    }
    guard->chunked = true;
    if (detail != NULL) {
        guard_refuse(guard, QUOIT_E_PROTOCOL, detail);
    }
    return detail == NULL;
}

/* RFC 9112 9.3 and 9.6: a list of words in any case. */
static void guard_judge_connection(struct guard *guard, const char *list)
{
    if (strcmp(list, "keep-alive") == 0) { /* what most servers say */
        guard->keep_alive = true;
        return;
    }
    while (*list != '\0') {
        size_t size = strcspn(list, ", \t");
        guard->closes = guard->closes || octets_is_name(list, size, "close");
        guard->keep_alive = guard->keep_alive || octets_is_name(list, size, "keep-alive");
        list += size;
        list += strspn(list, ", \t");
    }
}

static bool guard_judge_header(struct guard *guard, struct quoit_header header, size_t name_size)
{
    if (octets_is_name(header.name, name_size, "content-length")) {
        return guard_judge_length(guard, header.value);
    }
    if (octets_is_name(header.name, name_size, "transfer-encoding")) {
        return guard_judge_coding(guard, header.value);
    }
    if (octets_is_name(header.name, name_size, "connection")) {
        guard_judge_connection(guard, header.value);
    }
    return true;
}

bool guard_judge(struct guard *guard, char *head, size_t size, struct quoit_header *headers_out)
{
    const char *end = head + size;

    assert(guard->state == GUARD_HEAD_ENDED);
    guard->chunked = guard->has_length = guard->closes = false;
    guard->keep_alive = guard->is_1_1;
    guard->length = 0;
    char *line = head;
    while (*line != 'H') { /* empty lines */
        line++;
    }
    line = (char *)memchr(line, '\n', (size_t)(end - line)) + 1;
    for (uint32_t i = 0; i < guard->lines_count; i++) {
        struct guard_line found = guard_find_line(guard, i, line, end);
        headers_out[i] = guard_cut_line(line, found);
        if (!guard_judge_header(guard, headers_out[i], found.name_size)) {
            return false;
        }
        line += found.size;
    }
    if (guard->chunked && guard->has_length) {
        guard_refuse(guard, QUOIT_E_PROTOCOL, "Content-Length and Transfer-Encoding");
        return false;
    }
    guard->keep_alive = guard->keep_alive && !guard->closes;
    return true;
}
