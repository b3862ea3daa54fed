/*
 * outcome: one line of a batch's output, read back: whose answer it is, and what is to be done
 * about it.
 *
 *     {"id":"quoit-9f86d081884c7d65-17","custom_id":"a","response":{...},"error":null} -> good
 *     {"id":...,"custom_id":"b","response":null,"error":{"code":"connect_error",...}}  -> transient
 *     {"id":...,"custom_id":"c","response":{"status_code":400,...},"error":null}       -> final
 *
 * Lines of quoit, of OpenAI's output and error files and of vLLM's run-batch are read: `error` may
 * be null, a string or an object, beside a response or in its place.
 *
 * Happy path: outcome_init once; outcome_read for each whole line; outcome_free at the end.
 *
 * It fails in one way that is told: the line is none of these.
 *
 * The promise: the whole text is checked, but for a response that begins and ends as answer_write
 * makes it and has no control character and no other line of ours between: a file is appended whole
 * lines only, so what begins like that was written like that. That is what makes it possible to
 * read gigabytes a second.
 */
#ifndef QUOIT_LLM_OUTCOME_H
#define QUOIT_LLM_OUTCOME_H

#include "llm/json.h"
#include "llm/text.h"

#include <stdint.h>

enum outcome_kind {
    OUTCOME_GOOD,      /* status 2xx, and no error */
    OUTCOME_TRANSIENT, /* failed in a way that the same request may survive if it is sent again */
    OUTCOME_FINAL,     /* failed, and would again */
};

enum outcome_verdict {
    OUTCOME_READ,
    OUTCOME_NONE,      /* not a line of a batch's output */
    OUTCOME_NO_MEMORY, /* it may be good; nothing of it is there */
};

/* Spans are good until the next outcome_read, and as long as the bytes that it was read from. */
struct outcome {
    enum outcome_kind kind;
    struct json_span id_raw; /* custom_id as it stands, with its quotes; size 0: it is null */
    struct json_span id;     /* what it says; may hold NUL */
    uint64_t asked;        /* of quoit's "id": 64 bits of what was asked; 0: the line is not ours */
    uint64_t line;         /* then: the input's line, from 1 */
    uint32_t status;       /* 0: no response */
    struct json_span code; /* of error, as it stands, with its quotes; size 0: none */

    struct text storage; /* private: an id that had to be decoded */
};

/* Make ready. Allocates nothing. */
void outcome_init(struct outcome *outcome);

void outcome_free(struct outcome *outcome);

/*
 * Read one line, with or without its LF.
 *
 *   Borrows  line, until the next outcome_read or outcome_free.
 *   Costs    for a response of quoit's about as much as a memchr; for others some passes over it.
 */
JSON_MUST enum outcome_verdict outcome_read(struct outcome *outcome, struct json_span line);

/*
 * May a request that failed so succeed if it is sent again? Of statuses 408, 409, 429 and from 500;
 * of codes those of quoit.h that are transient, and "cancelled", "quota_exhausted" and OpenAI's
 * "batch_expired". `code` is a JSON string with its quotes, or empty.
 */
JSON_MUST bool outcome_is_transient(uint32_t status, struct json_span code);

#endif
