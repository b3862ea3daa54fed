/*
 * ids: open addressing with linear probing, in parts.
 *
 * The first byte of the hash chooses the part; 40 bits of it the place to begin at, as a fraction
 * of the part's room, so that room may be any number.
 */
#include "cli/ids.h"

#include "cli/digest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define IDS_PARTS 256
#define IDS_KEY_SIZE 16
#define IDS_LINE_BITS 40
#define IDS_ROOM_MIN 8

struct ids_slot {
    uint64_t hash;
    uint64_t rest; /* 24 bits more of it, then the line; 0: the slot is free */
};

struct ids_part {
    struct ids_slot *slots; /* owned */
    uint64_t room, count;
};

struct ids {
    struct digest *digest;
    unsigned char key[IDS_KEY_SIZE];
    struct ids_part parts[IDS_PARTS];
};

struct ids *ids_create(void)
{
    struct ids *ids = calloc(1, sizeof(*ids));

    if (ids == NULL) {
        return NULL;
    }
    ids->digest = digest_create();
    if (ids->digest == NULL || getrandom(ids->key, sizeof(ids->key), 0) != sizeof(ids->key)) {
        ids_destroy(ids);
        return NULL;
    }
    return ids;
}

void ids_destroy(struct ids *ids)
{
    if (ids == NULL) {
        return;
    }
    for (size_t i = 0; i < IDS_PARTS; i++) {
        free(ids->parts[i].slots);
    }
    digest_destroy(ids->digest);
    free(ids);
}

size_t ids_size(const struct ids *ids)
{
    size_t size = sizeof(*ids);

    for (size_t i = 0; i < IDS_PARTS; i++) {
        size += ids->parts[i].room * sizeof(struct ids_slot);
    }
    return size;
}

/* The slot of this hash, or the free one where it belongs. */
static struct ids_slot *ids_find(const struct ids_part *part, struct ids_slot wanted)
{
    const uint64_t fraction = (UINT64_C(1) << 40) - 1;
    uint64_t place = ((wanted.hash & fraction) * part->room) >> 40;

    assert(part->count < part->room); /* or this would not end */
    for (;;) {
        struct ids_slot *slot = &part->slots[place];
        if (slot->rest == 0 || (slot->hash == wanted.hash &&
                                slot->rest >> IDS_LINE_BITS == wanted.rest >> IDS_LINE_BITS)) {
            return slot;
        }
        place = place + 1 == part->room ? 0 : place + 1;
    }
}

/* Room for one more, at most six sevenths full. */
static bool ids_grow(struct ids_part *part)
{
    struct ids_part grown = { .count = part->count };

    if (part->room != 0 && (part->count + 1) * 7 <= part->room * 6) {
        return true;
    }
    grown.room = part->room == 0 ? IDS_ROOM_MIN : part->room + part->room / 4;
    grown.slots = calloc(grown.room, sizeof(*grown.slots));
    if (grown.slots == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < part->room; i++) {
        if (part->slots[i].rest != 0) {
            *ids_find(&grown, part->slots[i]) = part->slots[i];
        }
    }
    free(part->slots);
    *part = grown;
    return true;
}

enum ids_verdict ids_note(struct ids *ids, struct json_span id, uint64_t line,
                          uint64_t *first_line_out)
{
    const uint64_t line_mask = (UINT64_C(1) << IDS_LINE_BITS) - 1;
    unsigned char bytes[DIGEST_SIZE];
    struct ids_slot wanted;

    assert(line > 0);
    assert(line <= line_mask);
    digest_begin(ids->digest);
    digest_add(ids->digest, ids->key, sizeof(ids->key));
    digest_add(ids->digest, id.bytes, id.size);
    digest_end(ids->digest, bytes);
    memcpy(&wanted.hash, bytes + 1, sizeof(wanted.hash));
    memcpy(&wanted.rest, bytes + 9, sizeof(wanted.rest));
    wanted.rest = (wanted.rest & ~line_mask) | line;

    struct ids_part *part = &ids->parts[bytes[0]];
    if (!ids_grow(part)) {
        return IDS_NO_MEMORY;
    }
    struct ids_slot *slot = ids_find(part, wanted);
    if (slot->rest != 0) {
        *first_line_out = slot->rest & line_mask;
        return IDS_REPEATED;
    }
    *slot = wanted;
    part->count++;
    return IDS_NEW;
}
