/*
 * token: the words of which answers are made.
 *
 * The text of an answer follows from --seed, the hash of the request's body and the number of the
 * choice. It begins with "Answer to HASH:", so that whoever reads it can tell whose it is. The
 * tokens of a stream, joined, are the text of the plain answer.
 */
#ifndef QUOIT_MOCK_TOKEN_H
#define QUOIT_MOCK_TOKEN_H

#include "mock/blob.h"

struct token_source {
    uint64_t seed;
    uint64_t body_hash;
    uint64_t choice;
};

/* Append token number `index` as the inside of a JSON string (escaped, no quotes). */
void token_write(const struct token_source *source, uint64_t index, struct blob *out);

#endif
