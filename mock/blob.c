/* blob: see blob.h. */
#include "mock/blob.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOB_CAPACITY_MIN 256
#define BLOB_PRINT_SIZE 128 /* what usually is enough for one blob_print */
#define BLOB_NUMBER_SIZE 20 /* digits of the largest uint64_t */

char *blob_reserve(struct blob *blob, size_t size)
{
    size_t needed = blob->size + size;

    if (needed > blob->capacity) {
        size_t capacity = blob->capacity < BLOB_CAPACITY_MIN ? BLOB_CAPACITY_MIN : blob->capacity;
        while (capacity < needed) {
            capacity *= 2;
        }
        char *bytes = realloc(blob->bytes, capacity);
        if (bytes == NULL) {
            fprintf(stderr, "quoit-mock: out of memory\n");
            exit(3);
        }
        blob->bytes = bytes;
        blob->capacity = capacity;
    }
    return blob->bytes + blob->size;
}

void blob_append(struct blob *blob, const void *bytes, size_t size)
{
    if (size == 0) {
        return;
    }
    memcpy(blob_reserve(blob, size), bytes, size);
    blob->size += size;
}

void blob_text(struct blob *blob, const char *text)
{
    blob_append(blob, text, strlen(text));
}

void blob_number(struct blob *blob, uint64_t number)
{
    char digits[BLOB_NUMBER_SIZE];
    size_t start = sizeof(digits);

    do {
        digits[--start] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    blob_append(blob, digits + start, sizeof(digits) - start);
}

void blob_print(struct blob *blob, const char *format, ...)
{
    va_list arguments;

    size_t room = BLOB_PRINT_SIZE;
    va_start(arguments, format);
    int size = vsnprintf(blob_reserve(blob, room), room, format, arguments);
    va_end(arguments);
    assert(size >= 0);
    if ((size_t)size >= room) {
        room = (size_t)size + 1;
        va_start(arguments, format);
        vsnprintf(blob_reserve(blob, room), room, format, arguments);
        va_end(arguments);
    }
    blob->size += (size_t)size;
}

void blob_hex(struct blob *blob, uint64_t number)
{
    static const char digits[] = "0123456789abcdef";
    char *place = blob_reserve(blob, 16);

    for (int i = 15; i >= 0; i--) {
        place[i] = digits[number & 15];
        number >>= 4;
    }
    blob->size += 16;
}

void blob_json(struct blob *blob, const char *bytes, size_t size)
{
    blob_append(blob, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '"' || byte == '\\') {
            char escaped[2] = { '\\', (char)byte };
            blob_append(blob, escaped, sizeof(escaped));
        } else if (byte < 0x20 || byte > 0x7e) {
            blob_print(blob, "\\u%04x", byte);
        } else {
            blob_append(blob, &bytes[i], 1);
        }
    }
    blob_append(blob, "\"", 1);
}

void blob_clear(struct blob *blob, size_t keep_max)
{
    if (blob->capacity > keep_max) {
        blob_free(blob);
    }
    blob->size = 0;
}

void blob_free(struct blob *blob)
{
    free(blob->bytes);
    *blob = (struct blob){ 0 };
}
