/*
 * answer: heads and bodies of answers, as bytes.
 *
 * Pure: what is decided (plan.h) comes in, bytes go out. Streams are continued by stream.h.
 */
#ifndef QUOIT_MOCK_ANSWER_H
#define QUOIT_MOCK_ANSWER_H

#include "mock/plan.h"
#include "mock/quota.h"

#define ANSWER_PAGE_MAX (256u * 1024) /* larger pages are made as they are sent */
#define ANSWER_CREATED "1700000000"   /* the same in every answer: runs can be compared */

/* All that an answer depends on. Everything is borrowed until the answer is complete. */
struct answer_request {
    const struct incoming *incoming;
    const struct question *question;
    const struct plan *plan;
    const struct behaviour *behaviour; /* borrowed while the head is written, and no longer */
    const struct quota *requests;      /* the buckets whose headers it carries */
    const struct quota *tokens;
    const char *limited; /* "requests" or "tokens" if that bucket refused it, else NULL */
    const char *key;     /* of its headers, or NULL */
    const char *hint;    /* of its Keep-Alive header, or NULL */
    uint64_t limited_ns; /* until the bucket would have it */
    uint64_t seed;
    uint64_t body_hash;
    uint64_t execution;
    bool closes;  /* it says Connection: close */
    bool chunked; /* how its body is framed: chunks, the connection's end, or a length */
    bool unframed;
};

/* Where the parts of an answer are in the blob that it was appended to. */
struct answer_shape {
    size_t head_begin;
    size_t body_begin;
};

/* Its body is made piece by piece, by stream.h, behind what answer_write gives. */
bool answer_is_streamed(const struct answer_request *request);

/* Append the answer: interim answers, the head, and, unless it is streamed, the body. */
void answer_write(const struct answer_request *request, struct blob *out,
                  struct answer_shape *shape_out);

/* Append a short answer of that status, for a request that was not even executed. */
void answer_write_refusal(uint16_t status, const char *reason, bool closes, struct blob *out);

/* Append JSON, whole and with Connection: close or not: the ledger. */
void answer_write_json(const struct blob *json, bool closes, struct blob *out);

/* Append an answer that nobody has asked for. */
void answer_write_poison(struct blob *out);

/* Append bytes that are not HTTP. */
void answer_write_garbage(struct blob *out);

/* Append a chunk's size line with room for its size; returns where. answer_chunk_close fills it. */
size_t answer_chunk_open(struct blob *out);
void answer_chunk_close(struct blob *out, size_t opened);

/* Append the usage member, from its name on. */
void answer_write_usage(const struct answer_request *request, struct blob *out);

/* Append up to `size` bytes of a page from `offset` on: lines of 64 that tell their offset. */
void answer_write_page(uint64_t body_hash, uint64_t offset, size_t size, struct blob *out);

/* "stop" or "length". */
const char *answer_finish_reason(const struct answer_request *request);

/* Append the whole text of one choice, as the inside of a JSON string. */
void answer_write_text(const struct answer_request *request, uint64_t choice, struct blob *out);

#endif
