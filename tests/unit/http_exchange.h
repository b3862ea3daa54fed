/*
 * http_exchange: one response fed to the codec in many ways, and what came of it.
 *
 * A case is bytes and the outcome that they must have. exchange_check feeds it whole, byte by byte
 * (the body taken away after each), cut in two at every place, and with another response behind
 * it. All must end alike. Every piece lies in a block of exactly its size, so that ASan sees a
 * byte too far.
 */
#ifndef QUOIT_TESTS_HTTP_EXCHANGE_H
#define QUOIT_TESTS_HTTP_EXCHANGE_H

#include "http/response.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define EXCHANGE_BYTES(text) .bytes = (text), .size = sizeof(text) - 1
#define EXCHANGE_TEXT_MAX 4096
#define EXCHANGE_NEXT "HTTP/1.1 299 Poison\r\nContent-Length: 6\r\nX-Poison: 1\r\n\r\npoison"

/* What the connection does when all bytes are there. */
enum exchange_end { END_NONE, END_CLEAN, END_UNCLEAN };

struct exchange_case {
    const char *name;
    const char *bytes;
    size_t size;
    enum exchange_end end;
    bool to_head;
    uint32_t head_size_max, headers_max; /* 0: 64 KiB, 256 */
    uint64_t body_size_max;              /* 0: 1 MiB */

    /* The outcome. */
    enum response_progress progress;
    enum quoit_error error;
    const char *detail; /* where INVALID; NULL: any */
    uint16_t status;    /* where COMPLETE: this and what follows */
    bool closes;        /* the connection may not be used again */
    uint32_t interim_count;
    const char *headers; /* "name: value\n" of each */
    const char *body;    /* NULL: none */
};

struct exchange_outcome {
    enum response_progress progress;
    enum quoit_error error;
    const char *detail;
    size_t consumed;
    uint16_t status;
    bool head_done, keep_alive, ends_with_close, has_length, started;
    uint64_t length, body_size;
    uint32_t interim_count;
    char headers[EXCHANGE_TEXT_MAX];
    char body[EXCHANGE_TEXT_MAX];
    size_t body_kept; /* bytes in body */
};

/* The codec and its buffers, kept over all cases: each shows that reset leaves nothing behind. */
struct exchange {
    struct response response;
    struct buffer text, headers, body;
};

static inline void exchange_init(struct exchange *exchange)
{
    *exchange = (struct exchange){ 0 };
    if (!response_init(&exchange->response)) {
        abort();
    }
}

static inline void exchange_free(struct exchange *exchange)
{
    response_free(&exchange->response);
    buffer_free(&exchange->text);
    buffer_free(&exchange->headers);
    buffer_free(&exchange->body);
}

static inline void exchange_begin(struct exchange *exchange, const struct exchange_case *wanted)
{
    struct response_options options = {
        .text = &exchange->text,
        .headers = &exchange->headers,
        .body = &exchange->body,
        .body_size_max = wanted->body_size_max != 0 ? wanted->body_size_max : 1 << 20,
        .head_size_max = wanted->head_size_max != 0 ? wanted->head_size_max : 1 << 16,
        .headers_max = wanted->headers_max != 0 ? wanted->headers_max : 256,
        .to_head = wanted->to_head,
    };
    response_reset(&exchange->response, &options);
}

static inline void exchange_take_body(struct exchange *exchange, struct exchange_outcome *outcome)
{
    size_t room = sizeof(outcome->body) - outcome->body_kept;
    size_t size = exchange->body.size < room ? exchange->body.size : room;

    if (size != 0) {
        memcpy(outcome->body + outcome->body_kept, exchange->body.bytes, size);
    }
    outcome->body_kept += size;
    buffer_reset(&exchange->body);
}

/* One piece, from a block of its size. */
static inline enum response_progress exchange_feed(struct exchange *exchange, const char *bytes,
                                                   size_t size, size_t *consumed_out)
{
    char *block = malloc(size);

    if (block == NULL) {
        abort();
    }
    memcpy(block, bytes, size);
    enum response_progress progress = response_feed(&exchange->response, block, size, consumed_out);
    free(block);
    return progress;
}

static inline void exchange_note(const struct response *response, struct exchange_outcome *outcome)
{
    size_t size = 0;

    outcome->error = response->error;
    outcome->detail = response->detail;
    outcome->status = response->status;
    outcome->head_done = response->head_done;
    outcome->keep_alive = response->keep_alive;
    outcome->ends_with_close = response->ends_with_close;
    outcome->has_length = response->has_length;
    outcome->started = response->started;
    outcome->length = response->length;
    outcome->body_size = response->body_size;
    outcome->interim_count = response->interim_count;
    for (uint32_t i = 0; i < response->headers_count && size < sizeof(outcome->headers); i++) {
        const struct quoit_header *header = &response_headers(response)[i];
        size += (size_t)snprintf(outcome->headers + size, sizeof(outcome->headers) - size,
                                 "%s: %s\n", header->name, header->value);
    }
}

/* Feed bytes[0, size) in pieces: the first of first_size, the others of piece_size. */
static inline struct exchange_outcome exchange_run(struct exchange *exchange,
                                                   const struct exchange_case *wanted,
                                                   const char *bytes, size_t size,
                                                   size_t first_size, size_t piece_size)
{
    struct exchange_outcome outcome = { .progress = RESPONSE_INCOMPLETE };

    exchange_begin(exchange, wanted);
    while (outcome.progress == RESPONSE_INCOMPLETE && outcome.consumed < size) {
        size_t piece = outcome.consumed == 0 ? first_size : piece_size;
        size_t left = size - outcome.consumed;
        size_t consumed = SIZE_MAX;
        piece = piece < left ? piece : left;
        outcome.progress = exchange_feed(exchange, bytes + outcome.consumed, piece, &consumed);
        CHECK(consumed <= piece);
        if (outcome.progress == RESPONSE_INCOMPLETE) {
            CHECK_EQ(consumed, piece);
        }
        outcome.consumed += consumed;
        if (piece_size == 1) {
            exchange_take_body(exchange, &outcome);
        }
    }
    if (outcome.progress == RESPONSE_INCOMPLETE && wanted->end != END_NONE) {
        outcome.progress = response_end(&exchange->response, wanted->end == END_CLEAN);
    }
    exchange_take_body(exchange, &outcome);
    exchange_note(&exchange->response, &outcome);
    return outcome;
}

static inline void exchange_check_wanted(const struct exchange_case *wanted,
                                         const struct exchange_outcome *got)
{
    CHECK_EQ(got->progress, wanted->progress);
    CHECK_EQ(got->error, wanted->error);
    if (wanted->progress == RESPONSE_INVALID) {
        CHECK(got->detail != NULL);
        if (wanted->detail != NULL && got->detail != NULL) {
            CHECK_STR(got->detail, wanted->detail);
        }
        return;
    }
    if (wanted->progress == RESPONSE_COMPLETE) {
        const char *body = wanted->body == NULL ? "" : wanted->body;
        CHECK(got->head_done);
        CHECK_EQ(got->status, wanted->status);
        CHECK_EQ(got->keep_alive, !wanted->closes);
        CHECK_EQ(got->interim_count, wanted->interim_count);
        CHECK_STR(got->headers, wanted->headers == NULL ? "" : wanted->headers);
        CHECK_MEM(got->body, got->body_kept, body, strlen(body));
        CHECK_EQ(got->body_size, strlen(body));
        CHECK_EQ(got->consumed, wanted->size);
    }
}

static inline void exchange_check_same(const struct exchange_outcome *got,
                                       const struct exchange_outcome *whole)
{
    CHECK_EQ(got->progress, whole->progress);
    CHECK_EQ(got->error, whole->error);
    CHECK_STR(got->detail == NULL ? "" : got->detail, whole->detail == NULL ? "" : whole->detail);
    CHECK_EQ(got->consumed, whole->consumed);
    CHECK_EQ(got->status, whole->status);
    CHECK_EQ(got->head_done, whole->head_done);
    CHECK_EQ(got->keep_alive, whole->keep_alive);
    CHECK_EQ(got->ends_with_close, whole->ends_with_close);
    CHECK_EQ(got->has_length, whole->has_length);
    CHECK_EQ(got->length, whole->length);
    CHECK_EQ(got->body_size, whole->body_size);
    CHECK_EQ(got->interim_count, whole->interim_count);
    CHECK_STR(got->headers, whole->headers);
    CHECK_MEM(got->body, got->body_kept, whole->body, whole->body_kept);
}

/* With another response behind it: nothing of that may be taken in or change the outcome. */
static inline void exchange_check_joined(struct exchange *exchange,
                                         const struct exchange_case *wanted,
                                         const struct exchange_outcome *whole)
{
    size_t next_size = sizeof(EXCHANGE_NEXT) - 1;
    char *joined = malloc(wanted->size + next_size);

    if (joined == NULL) {
        abort();
    }
    memcpy(joined, wanted->bytes, wanted->size);
    memcpy(joined + wanted->size, EXCHANGE_NEXT, next_size);
    struct exchange_outcome got =
        exchange_run(exchange, wanted, joined, wanted->size + next_size, SIZE_MAX, SIZE_MAX);
    exchange_check_same(&got, whole);
    free(joined);
}

/* The case in all its ways. Whole first: what the others are compared with. */
static inline void exchange_check(struct exchange *exchange, const struct exchange_case *wanted)
{
    check_case(wanted->name);
    struct exchange_outcome whole =
        exchange_run(exchange, wanted, wanted->bytes, wanted->size, SIZE_MAX, SIZE_MAX);
    exchange_check_wanted(wanted, &whole);

    struct exchange_outcome bytewise =
        exchange_run(exchange, wanted, wanted->bytes, wanted->size, 1, 1);
    exchange_check_same(&bytewise, &whole);

    for (size_t cut = 1; cut < wanted->size; cut++) {
        struct exchange_outcome cut_once =
            exchange_run(exchange, wanted, wanted->bytes, wanted->size, cut, SIZE_MAX);
        exchange_check_same(&cut_once, &whole);
    }
    if (wanted->end == END_NONE && whole.progress != RESPONSE_INCOMPLETE) {
        exchange_check_joined(exchange, wanted, &whole);
    }
    check_case("");
}

static inline void exchange_check_all(const struct exchange_case *cases, size_t count)
{
    struct exchange exchange;

    exchange_init(&exchange);
    for (size_t i = 0; i < count; i++) {
        exchange_check(&exchange, &cases[i]);
    }
    exchange_free(&exchange);
}

#endif
