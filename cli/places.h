/*
 * places: where the line stands that counts, for each custom_id of several files of answers.
 *
 *     files, line by line --places_note--> places --places_find--> file and offset
 *
 * Which of two lines counts: a good answer rather than a failed one, and among equals the one that
 * was noted later.
 *
 * Of each id a keyed hash of 128 bits is kept, with the place, in 24 bytes; the table is cut into
 * parts that grow by a quarter each, so that memory is at most 36 bytes a line. The key is drawn
 * for each run, so that nobody can prepare two ids that are taken for one.
 */
#ifndef QUOIT_CLI_PLACES_H
#define QUOIT_CLI_PLACES_H

#include "llm/outcome.h"

#define PLACES_FILES_MAX (UINT32_C(1) << 17)
#define PLACES_OFFSET_MAX (UINT64_C(1) << 44)

struct place {
    uint32_t file;   /* its index, below PLACES_FILES_MAX */
    uint64_t offset; /* in the file, below PLACES_OFFSET_MAX */
    enum outcome_kind kind;
    bool taken; /* by places_take */
};

/* What stands for an id. */
struct places_key {
    uint64_t part, rest;
};

enum places_verdict {
    PLACES_NEW,    /* nothing was known of this key */
    PLACES_BETTER, /* this one counts from now on, and another one no longer */
    PLACES_WORSE,  /* nothing has changed */
    PLACES_NO_MEMORY,
};

struct places; /* opaque */

/* NULL: out of memory, or no randomness. */
struct places *places_create(void);

/* NULL is allowed. */
void places_destroy(struct places *places);

/* The key of what a custom_id says. */
struct places_key places_key_of_id(struct places *places, struct json_span id);

/* The key of a line without one: of what was asked, and where; see outcome.h. */
struct places_key places_key_of_asked(struct places *places, uint64_t asked, uint64_t line);

/* The key of a line of which nothing else is known. */
struct places_key places_key_of_line(struct places *places, struct json_span line);

enum places_verdict places_note(struct places *places, struct places_key key, struct place place);

/* False: there is none; *place_out stays as it is. */
bool places_find(const struct places *places, struct places_key key, struct place *place_out);

/* Mark the place of a key that is there. */
void places_take(struct places *places, struct places_key key);

/* Bytes that the table takes. */
size_t places_size(const struct places *places);

#endif
