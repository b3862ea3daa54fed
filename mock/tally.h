/*
 * tally: how often each key was seen.
 *
 * A hash table of byte strings with a count, in the order of their first appearance. It carries
 * millions of keys; beyond keys_max all new ones are counted together, under "(more)", so that no
 * client can make it grow without end.
 */
#ifndef QUOIT_MOCK_TALLY_H
#define QUOIT_MOCK_TALLY_H

#include "mock/blob.h"

struct tally_entry {
    uint64_t hash;
    uint64_t count;
    size_t key; /* where it begins in tally->keys */
    size_t key_size;
};

struct tally {
    uint32_t keys_max; /* 0: no limit but that of the memory */

    /* Private. */
    struct tally_entry *entries; /* owned; in order of appearance */
    uint32_t count;
    uint32_t *places; /* owned; open addressing: index of an entry + 1, or 0 */
    uint32_t places_size;
    struct blob keys;
};

/*
 * Count `key` `count` times more; (uint64_t)-1 takes one back. Returns how often it has been
 * counted now.
 */
uint64_t tally_add(struct tally *tally, const char *key, size_t key_size, uint64_t count);

/* How often it was counted; 0 if never. */
uint64_t tally_count(const struct tally *tally, const char *key, size_t key_size);

/* Append {"key":count,...}, without those that were all taken back. */
void tally_write(const struct tally *tally, struct blob *out);

/* Forget everything and give the memory back; keys_max stays. */
void tally_free(struct tally *tally);

#endif
