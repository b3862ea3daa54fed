/*
 * hints: what response headers say about time: when to come again, how long a connection lives.
 *
 * Pure: the wall clock is an argument. Whatever cannot be understood counts as not said; nothing
 * here is negative or overflows.
 */
#ifndef QUOIT_HTTP_HINTS_H
#define QUOIT_HTTP_HINTS_H

#include "quoit.h"

#define HINTS_NONE UINT64_MAX

/*
 * The wait that retry-after-ms or else retry-after asks for: a number, also with a fraction or an
 * exponent; or, in retry-after, an HTTP date (RFC 9110 5.6.7), against now_unix_ms. HINTS_NONE
 * where there is none, it is not above 0, or it is not understood. Huge values saturate below
 * HINTS_NONE. Of a header sent twice the first counts; a retry-after-ms that is a number, whatever
 * it is, hides retry-after.
 */
uint64_t hints_retry_wait_ns(const struct quoit_header *headers, uint32_t count,
                             uint64_t now_unix_ms);

/* x-should-retry: 1 "true", 0 "false" (in any case), -1 not said (openai-python). */
int hints_should_retry(const struct quoit_header *headers, uint32_t count);

struct hints_keep_alive {
    uint64_t timeout_ns; /* HINTS_NONE: not said */
    uint64_t max;        /* requests that may follow; HINTS_NONE: not said */
};

/* Keep-Alive: timeout=5, max=100 (RFC 2068 19.7.1.1; servers still send it). */
struct hints_keep_alive hints_keep_alive(const struct quoit_header *headers, uint32_t count);

/*
 * An HTTP date in any of its three forms as Unix time in seconds; false: it is none. A year of two
 * digits is of 1970 to 2069.
 */
QUOIT_MUST bool hints_parse_date(const char *text, size_t size, int64_t *unix_s_out);

#endif
