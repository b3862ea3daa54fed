/*
 * text: see text.h. Room doubles, so that appending byte by byte stays linear.
 */
#include "llm/text.h"

#include "llm/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_ROOM_FIRST 256

void text_init(struct text *text, size_t size_max)
{
    *text = (struct text){ .size_max = size_max == 0 ? SIZE_MAX / 4 : size_max };
}

void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){ .size_max = text->size_max };
}

void text_reset(struct text *text)
{
    text_cut(text, 0);
}

void text_cut(struct text *text, size_t size)
{
    assert(size <= text->size);
    text->size = size;
    text->failed = false;
    if (text->bytes != NULL) {
        text->bytes[size] = '\0';
    }
}

bool text_reserve(struct text *text, size_t size)
{
    if (text->failed || size > text->size_max - text->size) {
        text->failed = true;
        return false;
    }
    size_t needed = text->size + size + 1;
    if (needed <= text->room) {
        return true;
    }
    size_t room = text->room == 0 ? TEXT_ROOM_FIRST : 2 * text->room;
    room = room < needed ? needed : room;
    char *bytes = realloc(text->bytes, room);
    if (bytes == NULL) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->bytes[text->size] = '\0';
    text->room = room;
    return true;
}

void text_append(struct text *text, struct json_span span)
{
    if (!text_reserve(text, span.size) || span.size == 0) {
        return;
    }
    memcpy(text->bytes + text->size, span.bytes, span.size);
    text->size += span.size;
    text->bytes[text->size] = '\0';
}

void text_append_string(struct text *text, const char *string)
{
    text_append(text, (struct json_span){ string, strlen(string) });
}

void text_append_number(struct text *text, uint64_t number)
{
    char digits[20 + 1]; /* 2^64 has twenty */

    snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    text_append_string(text, digits);
}

/* Two-byte escapes, by the character meant; 'u': by number; 0: none is needed. */
static const char text_escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
    ['\t'] = 't', [0x00] = 'u',  [0x01] = 'u', [0x02] = 'u', [0x03] = 'u', [0x04] = 'u',
    [0x05] = 'u', [0x06] = 'u',  [0x07] = 'u', [0x0B] = 'u', [0x0E] = 'u', [0x0F] = 'u',
    [0x10] = 'u', [0x11] = 'u',  [0x12] = 'u', [0x13] = 'u', [0x14] = 'u', [0x15] = 'u',
    [0x16] = 'u', [0x17] = 'u',  [0x18] = 'u', [0x19] = 'u', [0x1A] = 'u', [0x1B] = 'u',
    [0x1C] = 'u', [0x1D] = 'u',  [0x1E] = 'u', [0x1F] = 'u',
};

static void text_append_escape(struct text *text, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    char escape[6] = { '\\', text_escapes[byte], '0', '0', digits[byte >> 4], digits[byte & 15] };

    text_append(text, (struct json_span){ escape, escape[1] == 'u' ? 6 : 2 });
}

/* The inside of a JSON string, of bytes that are UTF-8. */
static void text_append_escaped(struct text *text, struct json_span span)
{
    size_t from = 0; /* of the run that needs no escape */

    for (size_t at = 0; at < span.size; at++) {
        unsigned char byte = (unsigned char)span.bytes[at];

        if (text_escapes[byte] != 0) {
            text_append(text, (struct json_span){ span.bytes + from, at - from });
            text_append_escape(text, byte);
            from = at + 1;
        }
    }
    if (from < span.size) {
        text_append(text, (struct json_span){ span.bytes + from, span.size - from });
    }
}

void text_append_quoted(struct text *text, struct json_span span)
{
    text_append_string(text, "\"");
    while (span.size > 0) {
        size_t good = utf8_size(span.bytes, span.size);

        text_append_escaped(text, (struct json_span){ span.bytes, good });
        if (good < span.size) {
            text_append_string(text, "\xEF\xBF\xBD");
            good++;
        }
        span.bytes += good;
        span.size -= good;
    }
    text_append_string(text, "\"");
}

static void text_base64_write(const unsigned char in[3], char out[4])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];

    out[0] = digits[bits >> 18];
    out[1] = digits[bits >> 12 & 63];
    out[2] = digits[bits >> 6 & 63];
    out[3] = digits[bits & 63];
}

void text_append_base64(struct text *text, struct json_span span)
{
    size_t groups = span.size / 3 + (span.size % 3 != 0);

    /* Base64 of more than a quarter of the address space: no memory has room for it. */
    if (groups > SIZE_MAX / 8 || !text_reserve(text, groups * 4)) {
        text->failed = true;
        return;
    }
    char *out = text->bytes + text->size;
    for (size_t at = 0; at < span.size; at += 3, out += 4) {
        size_t left = span.size - at < 3 ? span.size - at : 3;
        unsigned char in[3] = { 0 };

        memcpy(in, span.bytes + at, left);
        text_base64_write(in, out);
        memset(out + 1 + left, '=', 3 - left);
    }
    *out = '\0';
    text->size += groups * 4;
}
