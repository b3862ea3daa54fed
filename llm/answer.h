/*
 * answer: one line of a batch's output.
 *
 *     {"id":"quoit-...","custom_id":"a","response":{"status_code":200,"request_id":"req_1",
 *      "body":{...}},"error":null}
 *     {"id":"quoit-...","custom_id":"b","response":null,
 *      "error":{"code":"timeout_idle","message":"..."}}
 *
 * The promise: whatever a server sent, the line is one JSON text in UTF-8 and one line, and what
 * the server sent can be had from it, byte for byte but for line ends between JSON tokens:
 *
 *     the body is                       response has
 *     nothing                           "body":""
 *     one JSON text (json_check)        "body": its bytes, without CR and LF, which can stand only
 *                                       between tokens there
 *     other text in UTF-8               "body": a JSON string that says the same
 *     not UTF-8, or in a coding (gzip)  "body_base64"
 */
#ifndef QUOIT_LLM_ANSWER_H
#define QUOIT_LLM_ANSWER_H

#include "llm/json.h"
#include "llm/text.h"

#include <stdbool.h>
#include <stdint.h>

#define ANSWER_NEVER UINT64_MAX /* a length of something that did not happen: null */

/* The member "quoit" of --details. Lengths are written in milliseconds with three decimals. */
struct answer_details {
    uint64_t line; /* number in the input, from 1 */
    uint32_t attempts;
    bool reused;
    uint64_t queued_ns, connect_ns, first_byte_ns, latency_ns; /* or ANSWER_NEVER */
    uint64_t bytes_in;

    /* Of an answer that was streamed: events that brought output of the model. */
    bool streamed;
    uint64_t token_events;
    uint64_t first_token_ns, last_token_ns, token_gap_max_ns; /* or ANSWER_NEVER */
};

/* What a line says. All is borrowed for the call that writes it. */
struct answer {
    const char *id;
    struct json_span custom_id; /* as it stands in the input, with its quotes; size 0: null */

    const char *error_code;    /* NULL: there is a response */
    const char *error_message; /* if there is an error_code */

    /* If there is none: */
    uint32_t status;
    const char *request_id; /* a header's value; NULL: the server gave none */
    struct json_span body;
    bool body_is_coded; /* it came with a Content-Encoding other than identity */

    const struct answer_details *details; /* NULL: without them */
};

/*
 * Append the line with its LF to `out`.
 *
 *   Costs    one pass over the body, and a copy; what `out` allocates.
 *
 * Bytes of id, request_id and error_message that are not UTF-8 become U+FFFD. Returns false, with
 * nothing appended, if `out` cannot grow.
 */
JSON_MUST bool answer_write(struct text *out, const struct answer *answer);

#endif
