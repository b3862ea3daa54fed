/*
 * digest: SHA-256 of bytes that come in pieces.
 *
 * Happy path: digest_create once; per text digest_begin, digest_add..., digest_end.
 */
#ifndef QUOIT_CLI_DIGEST_H
#define QUOIT_CLI_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_SIZE 32

struct digest;

/* NULL: out of memory. */
struct digest *digest_create(void);

/* NULL is allowed. */
void digest_destroy(struct digest *digest);

void digest_begin(struct digest *digest);
void digest_add(struct digest *digest, const void *bytes, size_t size);
void digest_end(struct digest *digest, unsigned char out[DIGEST_SIZE]);

#endif
