/*
 * places: open addressing with linear probing, in parts.
 *
 * A slot's word is a place; 0 is that of a free slot, since a kind is written as its number and 1.
 *
 *     bits 0-43 offset, 44-60 file, 61 taken, 62-63 kind
 */
#include "cli/places.h"

#include "cli/digest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PLACES_PARTS 256
#define PLACES_KEY_SIZE 16
#define PLACES_ROOM_MIN 8
#define PLACES_TAKEN (UINT64_C(1) << 61)

struct places_slot {
    struct places_key key;
    uint64_t word;
};

struct places_part {
    struct places_slot *slots; /* owned */
    uint64_t room, count;
};

struct places {
    struct digest *digest;
    unsigned char secret[PLACES_KEY_SIZE];
    struct places_part parts[PLACES_PARTS];
};

struct places *places_create(void)
{
    struct places *places = calloc(1, sizeof(*places));

    if (places == NULL) {
        return NULL;
    }
    places->digest = digest_create();
    if (places->digest == NULL ||
        getrandom(places->secret, sizeof(places->secret), 0) != sizeof(places->secret)) {
        places_destroy(places);
        return NULL;
    }
    return places;
}

void places_destroy(struct places *places)
{
    if (places == NULL) {
        return;
    }
    for (size_t i = 0; i < PLACES_PARTS; i++) {
        free(places->parts[i].slots);
    }
    digest_destroy(places->digest);
    free(places);
}

size_t places_size(const struct places *places)
{
    size_t size = sizeof(*places);

    for (size_t i = 0; i < PLACES_PARTS; i++) {
        size += places->parts[i].room * sizeof(struct places_slot);
    }
    return size;
}

/* --- Keys: `domain` keeps those of one sort apart from the others --- */

static struct places_key places_hash(struct places *places, char domain, struct json_span span)
{
    unsigned char bytes[DIGEST_SIZE];
    struct places_key key;

    digest_begin(places->digest);
    digest_add(places->digest, places->secret, sizeof(places->secret));
    digest_add(places->digest, &domain, 1);
    digest_add(places->digest, span.bytes, span.size);
    digest_end(places->digest, bytes);
    memcpy(&key.part, bytes, sizeof(key.part));
    memcpy(&key.rest, bytes + sizeof(key.part), sizeof(key.rest));
    return key;
}

struct places_key places_key_of_id(struct places *places, struct json_span id)
{
    return places_hash(places, 'i', id);
}

struct places_key places_key_of_asked(struct places *places, uint64_t asked, uint64_t line)
{
    const uint64_t both[] = { asked, line };

    return places_hash(places, 'a', (struct json_span){ (const char *)both, sizeof(both) });
}

struct places_key places_key_of_line(struct places *places, struct json_span line)
{
    return places_hash(places, 'l', line);
}

/* --- Places as words --- */

static uint64_t places_pack(struct place place)
{
    assert(place.offset < PLACES_OFFSET_MAX);
    assert(place.file < PLACES_FILES_MAX);
    return place.offset | (uint64_t)place.file << 44 | (place.taken ? PLACES_TAKEN : 0) |
           ((uint64_t)place.kind + 1) << 62;
}

static struct place places_unpack(uint64_t word)
{
    return (struct place){
        .offset = word & (PLACES_OFFSET_MAX - 1),
        .file = (uint32_t)(word >> 44) & (PLACES_FILES_MAX - 1),
        .taken = (word & PLACES_TAKEN) != 0,
        .kind = (enum outcome_kind)((word >> 62) - 1),
    };
}

/* --- The table --- */

static struct places_part *places_part_of(const struct places *places, struct places_key key)
{
    return (struct places_part *)&places->parts[key.part % PLACES_PARTS];
}

/* The slot of this key, or the free one where it belongs. */
static struct places_slot *places_slot_of(const struct places_part *part, struct places_key key)
{
    const uint64_t fraction = (UINT64_C(1) << 40) - 1;
    uint64_t index = (((key.part >> 8) & fraction) * part->room) >> 40;

    assert(part->count < part->room); /* or this would not end */
    for (;;) {
        struct places_slot *slot = &part->slots[index];
        if (slot->word == 0 || (slot->key.part == key.part && slot->key.rest == key.rest)) {
            return slot;
        }
        index = index + 1 == part->room ? 0 : index + 1;
    }
}

/* Room for one more, at most six sevenths full. */
static bool places_grow(struct places_part *part)
{
    struct places_part grown = { .count = part->count };

    if (part->room != 0 && (part->count + 1) * 7 <= part->room * 6) {
        return true;
    }
    grown.room = part->room == 0 ? PLACES_ROOM_MIN : part->room + part->room / 4;
    grown.slots = calloc(grown.room, sizeof(*grown.slots));
    if (grown.slots == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < part->room; i++) {
        if (part->slots[i].word != 0) {
            *places_slot_of(&grown, part->slots[i].key) = part->slots[i];
        }
    }
    free(part->slots);
    *part = grown;
    return true;
}

enum places_verdict places_note(struct places *places, struct places_key key, struct place place)
{
    struct places_part *part = places_part_of(places, key);

    if (!places_grow(part)) {
        return PLACES_NO_MEMORY;
    }
    struct places_slot *slot = places_slot_of(part, key);
    if (slot->word == 0) {
        *slot = (struct places_slot){ key, places_pack(place) };
        part->count++;
        return PLACES_NEW;
    }
    bool was_good = places_unpack(slot->word).kind == OUTCOME_GOOD;
    if (was_good && place.kind != OUTCOME_GOOD) {
        return PLACES_WORSE;
    }
    slot->word = places_pack(place);
    return PLACES_BETTER;
}

bool places_find(const struct places *places, struct places_key key, struct place *place_out)
{
    const struct places_part *part = places_part_of(places, key);

    if (part->count == 0) {
        return false;
    }
    const struct places_slot *slot = places_slot_of(part, key);
    if (slot->word == 0) {
        return false;
    }
    *place_out = places_unpack(slot->word);
    return true;
}

void places_take(struct places *places, struct places_key key)
{
    struct places_slot *slot = places_slot_of(places_part_of(places, key), key);

    assert(slot->word != 0);
    slot->word |= PLACES_TAKEN;
}
