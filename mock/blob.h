/*
 * blob: bytes that grow at their end.
 *
 * Everything that the mock stores or sends without knowing its size beforehand is one of these. A
 * zeroed blob is an empty one. Growing cannot fail: without memory the mock says so and exits,
 * since a stand-in that has lost part of what it saw is worth nothing.
 */
#ifndef QUOIT_MOCK_BLOB_H
#define QUOIT_MOCK_BLOB_H

#include <stddef.h>
#include <stdint.h>

struct blob {
    char *bytes; /* owned; NULL while nothing was ever stored */
    size_t size;
    size_t capacity;
};

/* Room for `size` more bytes behind the end; they count only when blob->size is raised. */
char *blob_reserve(struct blob *blob, size_t size);

void blob_append(struct blob *blob, const void *bytes, size_t size);

/* Append a string without its NUL. */
void blob_text(struct blob *blob, const char *text);

void blob_number(struct blob *blob, uint64_t number);

/* As printf: handy where speed does not matter. */
void blob_print(struct blob *blob, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append the 16 hex digits of `number`, high ones first. */
void blob_hex(struct blob *blob, uint64_t number);

/*
 * Append a JSON string, quotes included. Bytes that are not printable ASCII, and so all of
 * UTF-8 too, are told as \u00XX, one by one: what comes from a request need not be UTF-8, and a
 * ledger always has to be.
 */
void blob_json(struct blob *blob, const char *bytes, size_t size);

/* Empty it. Keeps up to `keep_max` bytes of memory for the next use. */
void blob_clear(struct blob *blob, size_t keep_max);

void blob_free(struct blob *blob);

#endif
