/*
 * ids: open addressing with linear probing, in parts.
 *
 * Eight bits of the hash beyond those that are kept choose the part; 40 of those that are kept the
 * place to begin at, as a fraction of the part's room, so that room may be any number. Nothing is
 * ever taken out, so all entries of one hash stand in one run of taken slots.
 */
#include "cli/ids.h"

#include "cli/siphash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define IDS_PARTS 256
#define IDS_ROOM_MIN 8
#define IDS_ADDING_MAX 16
#define IDS_LINE_BITS 38 /* of a line's number, where the input is no file */
#define IDS_VALUE_BITS 62
#define IDS_VALUE_MASK ((UINT64_C(1) << IDS_VALUE_BITS) - 1)

/* The two high bits of a word. A free slot's word is 0. */
enum ids_kind { IDS_FREE, IDS_LINE, IDS_ANSWER, IDS_STALE };

/* The value of an answer: two flags, and 60 bits of what was asked. */
#define IDS_GOOD (UINT64_C(1) << 61)
#define IDS_KEPT (UINT64_C(1) << 60) /* ids_keeps has said yes once */
#define IDS_ASKED_MASK (IDS_KEPT - 1)

struct ids_slot {
    uint64_t hash;
    uint64_t word;
};

struct ids_part {
    struct ids_slot *slots; /* owned */
    uint64_t room, count;
};

/* Where an id belongs. */
struct ids_key {
    uint64_t hash;
    uint32_t part;
    uint32_t more; /* 24 bits more of the hash */
};

/* An answer whose place in the table is on its way from memory. */
struct ids_adding {
    struct ids_key key;
    uint64_t value;
};

struct ids {
    struct siphash_key key;
    uint64_t hash_mask, part_mask; /* all bits, but in tests */
    struct reread *reread;         /* borrowed; or NULL */
    bool forgets_lines;
    uint64_t first_line;
    struct ids_counts counts;
    struct ids_adding adding[IDS_ADDING_MAX]; /* a ring */
    uint64_t adding_first, adding_count;
    struct ids_part parts[IDS_PARTS];
};

struct ids *ids_create(struct reread *reread)
{
    struct ids *ids = calloc(1, sizeof(*ids));

    if (ids == NULL) {
        return NULL;
    }
    ids->reread = reread;
    ids->hash_mask = ids->part_mask = UINT64_MAX;
    if (getrandom(&ids->key, sizeof(ids->key), 0) != sizeof(ids->key)) {
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
    free(ids);
}

void ids_forget_lines(struct ids *ids)
{
    ids->forgets_lines = true;
}

void ids_weaken(struct ids *ids, unsigned bits)
{
    ids->hash_mask = (UINT64_C(1) << bits) - 1;
    ids->part_mask = 0;
}

size_t ids_size(const struct ids *ids)
{
    size_t size = sizeof(*ids);

    for (size_t i = 0; i < IDS_PARTS; i++) {
        size += ids->parts[i].room * sizeof(struct ids_slot);
    }
    return size;
}

void ids_count(const struct ids *ids, struct ids_counts *counts_out)
{
    *counts_out = ids->counts;
}

uint64_t ids_first_line(const struct ids *ids)
{
    return ids->first_line;
}

/* --- The table --- */

static enum ids_kind slot_kind(const struct ids_slot *slot)
{
    return (enum ids_kind)(slot->word >> IDS_VALUE_BITS);
}

static uint64_t word_of(enum ids_kind kind, uint64_t value)
{
    assert(value <= IDS_VALUE_MASK);
    return (uint64_t)kind << IDS_VALUE_BITS | value;
}

/* Answers without an id have hashes of their own: no id is hashed together with `unnamed`. */
static struct ids_key ids_key_of(const struct ids *ids, struct json_span id, uint64_t asked,
                                 uint64_t line)
{
    const uint64_t unnamed[3] = { asked, line, 0 };
    struct siphash_key key = ids->key;
    struct siphash hash;

    if (id.size == 0) {
        key.high = ~key.high;
        hash = siphash_of(&key, unnamed, sizeof(unnamed));
    } else {
        hash = siphash_of(&key, id.bytes, id.size);
    }
    return (struct ids_key){
        .hash = hash.low & ids->hash_mask,
        .part = (uint32_t)(hash.high & ids->part_mask & (IDS_PARTS - 1)),
        .more = (uint32_t)(hash.high & ids->part_mask) >> 8,
    };
}

/* Where the run of this hash begins. */
static struct ids_slot *ids_begin(const struct ids_part *part, uint64_t hash)
{
    const uint64_t fraction = (UINT64_C(1) << 40) - 1;

    assert(part->count < part->room); /* or a run would have no end */
    return &part->slots[((hash & fraction) * part->room) >> 40];
}

static struct ids_slot *ids_after(const struct ids_part *part, struct ids_slot *slot)
{
    return slot + 1 == part->slots + part->room ? part->slots : slot + 1;
}

static void ids_put(struct ids_part *part, struct ids_slot entry)
{
    struct ids_slot *slot = ids_begin(part, entry.hash);

    while (slot->word != 0) {
        slot = ids_after(part, slot);
    }
    *slot = entry;
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
        if (part->slots[i].word != 0) {
            ids_put(&grown, part->slots[i]);
        }
    }
    free(part->slots);
    *part = grown;
    return true;
}

/* --- Answers --- */

/* The answer of this id to this question, or the free slot at the end of its run. */
static struct ids_slot *ids_find_answer(const struct ids_part *part, uint64_t hash, uint64_t asked)
{
    struct ids_slot *slot = ids_begin(part, hash);

    for (; slot->word != 0; slot = ids_after(part, slot)) {
        if (slot->hash == hash && slot_kind(slot) != IDS_LINE &&
            (slot->word & IDS_ASKED_MASK) == (asked & IDS_ASKED_MASK)) {
            return slot;
        }
    }
    return slot;
}

/* Put the oldest of those that are being added into the table. */
static bool ids_add_first(struct ids *ids)
{
    const struct ids_adding *adding = &ids->adding[ids->adding_first % IDS_ADDING_MAX];
    struct ids_part *part = &ids->parts[adding->key.part];
    struct ids_counts *counts = &ids->counts;
    bool good = (adding->value & IDS_GOOD) != 0;

    if (!ids_grow(part)) {
        return false;
    }
    struct ids_slot *slot = ids_find_answer(part, adding->key.hash, adding->value);
    if (slot->word == 0) {
        *slot = (struct ids_slot){ adding->key.hash, word_of(IDS_ANSWER, adding->value) };
        part->count++;
        counts->unmet++;
        *(good ? &counts->good : &counts->failed) += 1;
    } else {
        counts->repeated++;
        if (good && (slot->word & IDS_GOOD) == 0) {
            counts->failed--;
            counts->good++;
        }
        slot->word |= adding->value & IDS_GOOD;
    }
    ids->adding_first++;
    ids->adding_count--;
    return true;
}

bool ids_add(struct ids *ids, const struct ids_answer *answer)
{
    struct ids_key key = ids_key_of(ids, answer->id, answer->asked, answer->line);
    const struct ids_part *part = &ids->parts[key.part];

    if (ids->adding_count == IDS_ADDING_MAX && !ids_add_first(ids)) {
        return false;
    }
    if (part->room != 0) {
        const struct ids_slot *slot = ids_begin(part, key.hash);
        __builtin_prefetch(slot, 1);
        __builtin_prefetch(slot + 4, 1); /* a run is a few slots long */
        __builtin_prefetch(slot + 8, 1);
    }
    uint64_t at = (ids->adding_first + ids->adding_count) % IDS_ADDING_MAX;
    ids->adding[at] = (struct ids_adding){ key, (answer->asked & IDS_ASKED_MASK) |
                                                    (answer->good ? IDS_GOOD : 0) };
    ids->adding_count++;
    return true;
}

bool ids_end_adding(struct ids *ids)
{
    while (ids->adding_count != 0) {
        if (!ids_add_first(ids)) {
            return false;
        }
    }
    return true;
}

static struct ids_slot *ids_look_up(const struct ids *ids, const struct ids_answer *answer)
{
    struct ids_key key = ids_key_of(ids, answer->id, answer->asked, answer->line);
    const struct ids_part *part = &ids->parts[key.part];

    assert(ids->adding_count == 0);
    return part->room == 0 ? NULL : ids_find_answer(part, key.hash, answer->asked);
}

bool ids_keeps(struct ids *ids, const struct ids_answer *answer)
{
    struct ids_slot *slot = ids_look_up(ids, answer);

    if (slot == NULL || slot->word == 0) {
        return true; /* it was never added, so nothing is known against it */
    }
    if ((slot->word & IDS_KEPT) != 0 || ((slot->word & IDS_GOOD) != 0) != answer->good) {
        return false;
    }
    slot->word |= IDS_KEPT;
    return true;
}

bool ids_is_stale(const struct ids *ids, const struct ids_answer *answer)
{
    const struct ids_slot *slot = ids_look_up(ids, answer);

    return slot != NULL && slot_kind(slot) == IDS_STALE;
}

/* --- Lines --- */

static bool ids_is_same(const struct ids *ids, const struct ids_slot *slot, struct ids_key key,
                        struct json_span id)
{
    uint64_t value = slot->word & IDS_VALUE_MASK;

    return ids->reread != NULL ? reread_has_id(ids->reread, value, id)
                               : value >> IDS_LINE_BITS == key.more;
}

static uint64_t ids_line_word(const struct ids *ids, struct ids_key key,
                              const struct ids_line *line)
{
    assert(line->line < UINT64_C(1) << IDS_LINE_BITS);
    return word_of(IDS_LINE, ids->reread != NULL
                                 ? line->offset
                                 : (uint64_t)key.more << IDS_LINE_BITS | line->line);
}

/* What a look through the run of a hash has found. */
struct ids_found {
    struct ids_slot *line;   /* an earlier line with this id */
    struct ids_slot *answer; /* the best one to this question */
    struct ids_slot *end;    /* the free slot behind all */
    uint64_t others;         /* other answers that are not stale yet */
};

static bool ids_fits(const struct ids_slot *slot, uint64_t asked)
{
    uint64_t of = slot->word & IDS_ASKED_MASK;

    return of == (asked & IDS_ASKED_MASK) || of == 0;
}

static struct ids_found ids_find(const struct ids *ids, struct ids_key key,
                                 const struct ids_line *line)
{
    const struct ids_part *part = &ids->parts[key.part];
    struct ids_found found = { .line = NULL };
    struct ids_slot *slot = ids_begin(part, key.hash);

    for (; slot->word != 0; slot = ids_after(part, slot)) {
        if (slot->hash != key.hash) {
            continue;
        }
        if (slot_kind(slot) == IDS_LINE) {
            if (found.line == NULL && !ids->forgets_lines &&
                ids_is_same(ids, slot, key, line->id)) {
                found.line = slot;
            }
            continue;
        }
        const struct ids_slot *other = slot;
        if (ids_fits(slot, line->asked) &&
            (found.answer == NULL || (slot->word & ~found.answer->word & IDS_GOOD) != 0)) {
            other = found.answer;
            found.answer = slot;
        }
        found.others += other != NULL && slot_kind(other) == IDS_ANSWER;
    }
    found.end = slot;
    return found;
}

/* All answers of this hash are to bodies that the input has no more, or said twice by others; but
 * for those that turn out to be of a later line, whose id has the same hash. */
static void ids_make_stale(struct ids *ids, struct ids_key key)
{
    const struct ids_part *part = &ids->parts[key.part];
    struct ids_slot *slot = ids_begin(part, key.hash);

    for (; slot->word != 0; slot = ids_after(part, slot)) {
        if (slot->hash == key.hash && slot_kind(slot) == IDS_ANSWER) {
            slot->word = word_of(IDS_STALE, slot->word & IDS_VALUE_MASK);
            ids->counts.stale++;
            ids->counts.unmet--;
        }
    }
}

/* The answer has met its line. */
static enum ids_verdict ids_meet(struct ids *ids, struct ids_slot *answer, uint64_t line_word)
{
    bool good = (answer->word & IDS_GOOD) != 0;

    if (slot_kind(answer) == IDS_STALE) {
        ids->counts.stale--;
    } else {
        ids->counts.unmet--;
    }
    answer->word = line_word;
    return good ? IDS_DONE : IDS_FAILED;
}

enum ids_verdict ids_note(struct ids *ids, const struct ids_line *line)
{
    struct ids_key key = ids_key_of(ids, line->id, 0, 0);
    struct ids_part *part = &ids->parts[key.part];
    enum ids_verdict verdict = IDS_NEW;

    assert(line->id.size > 0);
    assert(ids->adding_count == 0);
    if (!ids_grow(part)) {
        return IDS_NO_MEMORY;
    }
    struct ids_found found = ids_find(ids, key, line);
    if (found.line != NULL) {
        uint64_t value = found.line->word & IDS_VALUE_MASK;
        ids->first_line = ids->reread != NULL ? reread_number(ids->reread, value)
                                              : value & ((UINT64_C(1) << IDS_LINE_BITS) - 1);
        return IDS_REPEATED;
    }
    uint64_t word = ids_line_word(ids, key, line);
    if (found.answer != NULL) {
        verdict = ids_meet(ids, found.answer, word);
    } else {
        verdict = found.others == 0 ? IDS_NEW : IDS_CHANGED;
        if (!ids->forgets_lines) {
            *found.end = (struct ids_slot){ key.hash, word };
            part->count++;
        }
    }
    if (found.others != 0) {
        ids_make_stale(ids, key);
    }
    return verdict;
}

enum ids_verdict ids_note_refused(struct ids *ids, const struct ids_line *line)
{
    const struct ids_answer answer = { .asked = line->asked, .line = line->line };
    struct ids_key key = ids_key_of(ids, answer.id, answer.asked, answer.line);
    struct ids_slot *slot = ids_look_up(ids, &answer);

    if (slot == NULL || slot->word == 0) {
        return IDS_NEW;
    }
    return ids_meet(ids, slot, ids_line_word(ids, key, line));
}
