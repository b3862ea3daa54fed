/*
 * answers: files of answers, read as one: those of quoit, with or without --errors, OpenAI's output
 * and error files, and vLLM's.
 *
 *     answers_open --> answers_gather: every line once, and `places` says which of them count
 *                  --> answers_rewind, answers_next: the lines that count, in the files' order
 *                  --> answers_find, answers_read:   the line of one custom_id
 *
 * Memory is that of the longest line and of `places`, whatever the files' size.
 *
 * It fails with one line on stderr that begins with `quoit: `, when a file cannot be read. What is
 * no answer is left out, with a line on stderr for each of the first; so is a last line that was
 * torn when its writer was killed. A last line that is whole but for its LF counts.
 */
#ifndef QUOIT_CLI_ANSWERS_H
#define QUOIT_CLI_ANSWERS_H

#include "cli/input.h"
#include "cli/places.h"

struct answers_counts {
    uint64_t lines;      /* answers, repeated ones too */
    uint64_t repeated;   /* those that do not count, since another one of the same id does */
    uint64_t torn;       /* files whose end is torn */
    uint64_t unreadable; /* other lines that are no answers */
};

/* A line that counts. Spans are good until the next call. */
struct answers_item {
    struct json_span line;
    struct places_key key;
    struct place place;
    bool has_id;
};

struct answers {
    /* To be read. */
    struct places *places; /* owned */
    struct answers_counts counts;

    /* Private. */
    struct input *files; /* owned; open */
    size_t files_count;
    size_t file; /* the one that is read */
    struct outcome outcome;
    struct text line; /* of answers_read */
};

enum answers_next {
    ANSWERS_ITEM,
    ANSWERS_END,
    ANSWERS_FAILED, /* a line on stderr says why */
};

/* Open all of them. They must be regular files. False: a line on stderr says why. */
bool answers_open(struct answers *answers, char **paths, size_t count);

/*
 * Does each file begin with an answer, if it holds anything? Before answers_gather, where a file of
 * something else would have all queries sent again. False: a line on stderr says which does not.
 */
bool answers_check_first(struct answers *answers);

/* One that was never opened must be zero. */
void answers_close(struct answers *answers);

/* Read all, and note which lines count. False: a line on stderr says why. */
bool answers_gather(struct answers *answers);

/* For answers_next. False: a line on stderr says why. */
bool answers_rewind(struct answers *answers);

enum answers_next answers_next(struct answers *answers, struct answers_item *item_out);

/* The answer of a custom_id. False: there is none. */
bool answers_find(const struct answers *answers, struct json_span id, struct places_key *key_out,
                  struct place *place_out);

/* The line that stands there, good until the next call. False: a line on stderr says why. */
bool answers_read(struct answers *answers, struct place place, struct json_span *line_out);

#endif
