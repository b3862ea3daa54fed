/*
 * text: bytes that grow at their end; output lines, URLs and spliced bodies are written into one.
 *
 * Happy path: text_init once; per line text_reset, some text_append..., and then bytes and size are
 * the line. There is always a NUL behind the last byte, which size does not count, so `bytes` is
 * also a C string, as far as no NUL was appended.
 *
 * It fails in one way: memory, or size_max, does not allow what is to be appended. Then `failed`
 * stays set until text_reset, and nothing more is appended: a writer appends all it has and asks
 * once, at its end.
 */
#ifndef QUOIT_LLM_TEXT_H
#define QUOIT_LLM_TEXT_H

#include "llm/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    /* To be read. */
    char *bytes; /* owned by the text; moves when it grows; NULL before the first append */
    size_t size;
    bool failed; /* something did not fit: what is there is not all */

    /* Private. */
    size_t size_max; /* it never grows over this */
    size_t room;     /* bytes allocated, the NUL's included */
};

/* Make ready. Allocates nothing. size_max 0: only memory is the limit. */
void text_init(struct text *text, size_t size_max);

/* Free what it holds. It may be used again after text_init. */
void text_free(struct text *text);

/* Empty it, and keep its memory. */
void text_reset(struct text *text);

/* Forget all behind the first `size` bytes, which must be there, and `failed`. */
void text_cut(struct text *text, size_t size);

/*
 * Make room for `size` bytes more: `bytes` does not move until they are used up.
 *
 * Returns false, with `failed` set, if there is no memory or size_max is in the way.
 */
JSON_MUST bool text_reserve(struct text *text, size_t size);

/* Append bytes, as they are. They must not lie in the text itself. */
void text_append(struct text *text, struct json_span span);

/* Append a C string without its NUL. */
void text_append_string(struct text *text, const char *string);

/* Append a number in decimal digits. */
void text_append_number(struct text *text, uint64_t number);

/*
 * Append a JSON string that says what `span` says, with its quotes. Only what must be is escaped:
 * the quote, the backslash, and control characters.
 *
 * Lossless for UTF-8. A byte that is not UTF-8 becomes U+FFFD: ask utf8_size first where that
 * would be a loss.
 */
void text_append_quoted(struct text *text, struct json_span span);

/* Append base64 (RFC 4648, section 4, with padding). */
void text_append_base64(struct text *text, struct json_span span);

#endif
