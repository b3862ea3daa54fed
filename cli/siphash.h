/*
 * siphash: a keyed hash of short texts, fast and not to be foreseen without the key.
 *
 * SipHash-2-4 with 128 bits of result. A SHA-256 costs ten times as much for a custom_id, and what
 * it has more is not needed where the key is drawn for each run.
 */
#ifndef QUOIT_CLI_SIPHASH_H
#define QUOIT_CLI_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t low, high;
};

struct siphash {
    uint64_t low, high;
};

struct siphash siphash_of(const struct siphash_key *key, const void *bytes, size_t size);

#endif
