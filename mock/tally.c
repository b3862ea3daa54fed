/* tally: see tally.h. */
#include "mock/tally.h"

#include "mock/chance.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TALLY_PLACES_MIN 64
#define TALLY_MORE "(more)"

static uint64_t tally_hash(const char *key, size_t key_size)
{
    uint64_t hash = key_size;

    while (key_size >= sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, key, sizeof(word));
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
        key += sizeof(word);
        key_size -= sizeof(word);
    }
    uint64_t rest = 0;
    memcpy(&rest, key, key_size);
    return chance_mix(hash, rest);
}

/* Where the key stands among the places, or the free place where it would. */
static uint32_t tally_find(const struct tally *tally, uint64_t hash, const char *key,
                           size_t key_size)
{
    uint32_t place = (uint32_t)hash & (tally->places_size - 1);

    while (tally->places[place] != 0) {
        const struct tally_entry *entry = &tally->entries[tally->places[place] - 1];
        if (entry->hash == hash && entry->key_size == key_size &&
            memcmp(tally->keys.bytes + entry->key, key, key_size) == 0) {
            return place;
        }
        place = (place + 1) & (tally->places_size - 1);
    }
    return place;
}

/* Twice the places. Half of them stay free, so that a search is short. */
static void tally_grow(struct tally *tally)
{
    uint32_t size = tally->places_size == 0 ? TALLY_PLACES_MIN : 2 * tally->places_size;
    uint32_t *places = calloc(size, sizeof(*places));
    struct tally_entry *entries = realloc(tally->entries, (size / 2) * sizeof(struct tally_entry));

    if (places == NULL || entries == NULL) {
        fprintf(stderr, "quoit-mock: out of memory\n");
        exit(3);
    }
    for (uint32_t i = 0; i < tally->count; i++) {
        uint32_t place = (uint32_t)entries[i].hash & (size - 1);
        while (places[place] != 0) {
            place = (place + 1) & (size - 1);
        }
        places[place] = i + 1;
    }
    free(tally->places);
    tally->places = places;
    tally->places_size = size;
    tally->entries = entries;
}

uint64_t tally_add(struct tally *tally, const char *key, size_t key_size, uint64_t count)
{
    uint64_t hash = tally_hash(key, key_size);

    if (tally->count >= tally->places_size / 2) {
        tally_grow(tally);
    }
    uint32_t place = tally_find(tally, hash, key, key_size);
    if (tally->places[place] != 0) {
        return tally->entries[tally->places[place] - 1].count += count;
    }
    if (tally->keys_max != 0 && tally->count >= tally->keys_max &&
        (key_size != strlen(TALLY_MORE) || memcmp(key, TALLY_MORE, key_size) != 0)) {
        return tally_add(tally, TALLY_MORE, strlen(TALLY_MORE), count);
    }
    struct tally_entry *entry = &tally->entries[tally->count];
    *entry = (struct tally_entry){
        .hash = hash, .count = count, .key = tally->keys.size, .key_size = key_size
    };
    blob_append(&tally->keys, key, key_size);
    tally->count++;
    tally->places[place] = tally->count;
    return count;
}

uint64_t tally_count(const struct tally *tally, const char *key, size_t key_size)
{
    if (tally->places_size == 0) {
        return 0;
    }
    uint32_t place = tally_find(tally, tally_hash(key, key_size), key, key_size);
    return tally->places[place] == 0 ? 0 : tally->entries[tally->places[place] - 1].count;
}

void tally_write(const struct tally *tally, struct blob *out)
{
    const char *comma = "";

    blob_text(out, "{");
    for (uint32_t i = 0; i < tally->count; i++) {
        const struct tally_entry *entry = &tally->entries[i];
        if (entry->count == 0) {
            continue; /* it was taken back */
        }
        blob_text(out, comma);
        comma = ",";
        blob_json(out, tally->keys.bytes + entry->key, entry->key_size);
        blob_text(out, ":");
        blob_number(out, entry->count);
    }
    blob_text(out, "}");
}

void tally_free(struct tally *tally)
{
    uint32_t keys_max = tally->keys_max;

    free(tally->entries);
    free(tally->places);
    blob_free(&tally->keys);
    *tally = (struct tally){ .keys_max = keys_max };
}
