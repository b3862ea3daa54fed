/*
 * hints: what response headers say about time: when to come again, how long a connection lives,
 * how much may be asked for.
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

/* What Python's float() takes, less names: "3", "1.5", "-5", "1e18". False: it is none. */
QUOIT_MUST bool hints_parse_number(const char *text, double *value_out);

/* RFC 3339, "2024-05-01T12:00:00.25Z", as Unix time in milliseconds. False: it is none. */
QUOIT_MUST bool hints_parse_instant(const char *text, int64_t *unix_ms_out);

/* A Go duration, "12ms", "1.5s", "6m0s", or "0", in nanoseconds; saturates. False: it is none. */
QUOIT_MUST bool hints_parse_duration(const char *text, uint64_t *ns_out);

/* --- Rate limits: hints_rate.c --- */

/* What an answer says of one of the server's buckets; HINTS_NONE: not said. */
struct hints_bucket {
    uint64_t limit;     /* what it holds, or what a window lets in; above 0 */
    uint64_t remaining; /* what is left in it */
    uint64_t reset_ns;  /* until it is full again, or the window ends */
};

struct hints_rate {
    struct hints_bucket requests, tokens;
};

/*
 * Read the rate-limit headers of an answer:
 *
 *   x-ratelimit-{limit,remaining,reset}-{requests,tokens}                      OpenAI, Azure, Groq
 *   anthropic-ratelimit-{requests,[input-|output-]tokens}-{limit,remaining,reset}    Anthropic
 *   x-ratelimit-{limit,remaining,reset}, ratelimit-{limit,remaining,reset}     others: of requests
 *
 * The first row that says anything of a bucket is taken for it. Where Anthropic does not name the
 * narrowest bucket of tokens, it is the one of which the smaller share is left. A reset is a Go
 * duration, seconds, or an instant (RFC 3339; a number of seconds from 1970, from 10^9 on, or of
 * milliseconds, from 10^12 on). An instant is measured against the answer's own Date, so that no
 * clock of ours matters; without a Date it is not said. A limit of 0 or less is none, and
 * makes a `remaining` of 0 unknown (Azure).
 *
 *   Costs    one pass over the names; a few bytes of each.
 *
 * True: something is said.
 */
QUOIT_MUST bool hints_rate_read(const struct quoit_header *headers, uint32_t count,
                                struct hints_rate *rate_out);

#endif
