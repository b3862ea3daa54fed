/*
 * text: numbers, durations and sizes out of what people write.
 *
 * Used for options and for X-Mock- headers alike. All take a whole string: anything behind the
 * value makes it wrong. On false, *_out is as it was.
 */
#ifndef QUOIT_MOCK_TEXT_H
#define QUOIT_MOCK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_US 1000u
#define NS_PER_MS 1000000u
#define NS_PER_S 1000000000u

/* Decimal digits, at most `max`. */
bool text_to_number(const char *text, uint64_t max, uint64_t *number_out);

/* A decimal fraction from 0 to `max`. */
bool text_to_real(const char *text, double max, double *real_out);

/* "50ms", "1.5s", "200us", "2m", "1h", "0"; a number alone is seconds. At most 10 years. */
bool text_to_ns(const char *text, uint64_t *ns_out);

/* "100", "4k", "16KiB", "2m", "1MiB": k and m are thousands, KiB and MiB are powers of two. */
bool text_to_size(const char *text, size_t *size_out);

/*
 * Cut `text` at its first `separator`: puts NUL there and returns what follows, or NULL where
 * there is none.
 */
char *text_cut(char *text, char separator);

/* The same letters, upper or lower case. `text` is a string, `bytes` need not be. */
bool text_is(const char *bytes, size_t size, const char *text);

#endif
