/*
 * fuzz: what all targets share: how an input is cut into decisions and bytes, and how a promise
 * that is broken ends the process.
 *
 * A target is a function of its input and of nothing else: no clock, no chance, nothing kept from
 * one input to the next, nothing leaked. The first bytes of an input decide (limits, cuts), the
 * rest is what the codec reads. Bytes that are not there are 0, so that every input means
 * something.
 */
#ifndef QUOIT_TESTS_FUZZ_H
#define QUOIT_TESTS_FUZZ_H

#include "quoit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ_HOLDS(holds)                                                                          \
    ((holds) ? (void)0                                                                             \
             : (void)(fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds),   \
                      abort()))

struct fuzz_input {
    const uint8_t *bytes;
    size_t size;
};

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (input->size == 0) {
        return 0;
    }
    input->size--;
    return *input->bytes++;
}

static inline uint32_t fuzz_pair(struct fuzz_input *input)
{
    uint32_t high = fuzz_byte(input);

    return high << 8 | fuzz_byte(input);
}

/* The next `size` bytes, or as many as there are. */
static inline struct fuzz_input fuzz_bytes(struct fuzz_input *input, size_t size)
{
    struct fuzz_input taken = { input->bytes, size < input->size ? size : input->size };

    input->bytes += taken.size;
    input->size -= taken.size;
    return taken;
}

/* A block of exactly that size, so that ASan sees a byte too far. free frees it. */
static inline char *fuzz_copy(const void *bytes, size_t size)
{
    char *copy = malloc(size == 0 ? 1 : size);

    if (copy == NULL) {
        abort();
    }
    if (size != 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

/* The text before the next LF, with a NUL at its end. free frees it. */
static inline char *fuzz_text(struct fuzz_input *input)
{
    const uint8_t *end = input->size == 0 ? NULL : memchr(input->bytes, '\n', input->size);
    struct fuzz_input taken =
        fuzz_bytes(input, end == NULL ? input->size : (size_t)(end - input->bytes));
    char *text = malloc(taken.size + 1);

    if (text == NULL) {
        abort();
    }
    if (taken.size != 0) {
        memcpy(text, taken.bytes, taken.size);
    }
    text[taken.size] = '\0';
    fuzz_byte(input);
    return text;
}

#endif
