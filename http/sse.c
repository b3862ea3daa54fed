/*
 * sse: see sse.h. A line that lies whole in the bytes fed is read where it lies; one that is cut
 * is collected in `line` first.
 */
#include "http/sse.h"

#include <string.h>

#define SSE_BOM "\xef\xbb\xbf"
#define SSE_BOM_SIZE 3

void sse_init(struct sse *sse, size_t line_max, size_t event_max)
{
    /* "No limit" leaves room for what is added to it. */
    line_max = line_max < SIZE_MAX - SSE_BOM_SIZE ? line_max : SIZE_MAX - SSE_BOM_SIZE;
    *sse = (struct sse){ .line_max = line_max, .event_max = event_max };
}

void sse_reset(struct sse *sse)
{
    buffer_reset(&sse->data);
    buffer_reset(&sse->name);
    buffer_reset(&sse->line);
    sse->started = sse->after_cr = sse->has_data = sse->delivered = false;
}

void sse_free(struct sse *sse)
{
    buffer_free(&sse->data);
    buffer_free(&sse->name);
    buffer_free(&sse->line);
}

static void sse_forget_event(struct sse *sse)
{
    buffer_reset(&sse->data);
    buffer_reset(&sse->name);
    sse->has_data = false;
    sse->delivered = false;
}

/* Lines of data are joined by LF, so an LF stands before each but the first. */
static enum sse_result sse_add_data(struct sse *sse, struct quoit_span value)
{
    size_t joint = sse->has_data ? 1 : 0;

    if (joint + value.size > sse->event_max - sse->data.size) {
        return SSE_TOO_LARGE;
    }
    if (!buffer_append(&sse->data, "\n", joint) ||
        !buffer_append(&sse->data, value.bytes, value.size)) {
        return SSE_NO_MEMORY;
    }
    sse->has_data = true;
    return SSE_MORE;
}

static bool sse_field_is(struct quoit_span line, size_t name_size, const char *name)
{
    return name_size == strlen(name) && memcmp(line.bytes, name, name_size) == 0;
}

/* One line that is not empty, without its end. */
static enum sse_result sse_read_field(struct sse *sse, struct quoit_span line)
{
    const char *colon = memchr(line.bytes, ':', line.size);
    size_t name_size = colon == NULL ? line.size : (size_t)(colon - line.bytes);
    size_t value_start = name_size + (colon != NULL);

    if (value_start < line.size && line.bytes[value_start] == ' ') {
        value_start++;
    }
    struct quoit_span value = { line.bytes + value_start, line.size - value_start };
    if (sse_field_is(line, name_size, "data")) {
        return sse_add_data(sse, value);
    }
    if (sse_field_is(line, name_size, "event")) {
        buffer_reset(&sse->name);
        return buffer_append(&sse->name, value.bytes, value.size) ? SSE_MORE : SSE_NO_MEMORY;
    }
    return SSE_MORE;
}

static enum sse_result sse_read_line(struct sse *sse, struct quoit_span line)
{
    if (!sse->started && line.size >= SSE_BOM_SIZE &&
        memcmp(line.bytes, SSE_BOM, SSE_BOM_SIZE) == 0) {
        line.bytes += SSE_BOM_SIZE;
        line.size -= SSE_BOM_SIZE;
    }
    sse->started = true;
    if (line.size > sse->line_max) {
        return SSE_TOO_LARGE;
    }
    if (line.size != 0) {
        return sse_read_field(sse, line);
    }
    if (sse->has_data) {
        sse->delivered = true;
        return SSE_MESSAGE;
    }
    sse_forget_event(sse);
    return SSE_MORE;
}

/* The `size` bytes that end a line here, together with those that came before. */
static enum sse_result sse_end_line(struct sse *sse, const char *bytes, size_t size)
{
    if (sse->line.size == 0) {
        return sse_read_line(sse, (struct quoit_span){ bytes, size });
    }
    if (!buffer_append(&sse->line, bytes, size)) {
        return SSE_NO_MEMORY;
    }
    enum sse_result result = sse_read_line(sse, buffer_span(&sse->line));
    buffer_reset(&sse->line);
    return result;
}

/* Bytes before the next CR or LF. */
static size_t sse_line_size(const char *bytes, size_t size)
{
    size_t i = 0;

    while (i < size && bytes[i] != '\n' && bytes[i] != '\r') {
        i++;
    }
    return i;
}

/* The beginning of the next line, whose end has not come. */
static enum sse_result sse_keep(struct sse *sse, const char *bytes, size_t size)
{
    return buffer_append(&sse->line, bytes, size) ? SSE_MORE : SSE_NO_MEMORY;
}

enum sse_result sse_feed(struct sse *sse, const char *bytes, size_t size, size_t *consumed_out)
{
    enum sse_result result = SSE_MORE;
    size_t consumed = 0;

    if (sse->delivered) {
        sse_forget_event(sse);
    }
    while (consumed < size && result == SSE_MORE) {
        if (sse->after_cr && bytes[consumed] == '\n') {
            consumed++;
        }
        sse->after_cr = false;

        const char *line = bytes + consumed;
        size_t line_size = sse_line_size(line, size - consumed);
        size_t room = sse->line_max + (sse->started ? 0 : SSE_BOM_SIZE) - sse->line.size;
        if (line_size > room) {
            result = SSE_TOO_LARGE;
        } else if (consumed + line_size == size) {
            result = sse_keep(sse, line, line_size);
            consumed = size;
        } else {
            sse->after_cr = line[line_size] == '\r';
            result = sse_end_line(sse, line, line_size);
            consumed += line_size + 1;
        }
    }
    *consumed_out = consumed;
    return result;
}
