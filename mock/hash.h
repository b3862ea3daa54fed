/*
 * hash: the short names by which the ledger knows bytes.
 *
 * The first 16 hex digits of SHA-256, as a number of 64 bits. OpenSSL computes it: this is the one
 * hash that the tests compare with their own.
 */
#ifndef QUOIT_MOCK_HASH_H
#define QUOIT_MOCK_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_of(const char *bytes, size_t size);

#endif
