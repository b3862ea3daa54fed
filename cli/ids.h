/*
 * ids: which custom_ids have been there, in the input so far and in an output that is gone on with.
 *
 * Happy path: ids_create; ids_add for each answer that the output has; ids_note for each line of
 * the input, which says whether it is to be sent.
 *
 * A set of entries of 16 bytes: 64 bits of a keyed hash of the id, and a word. The word of a line
 * is its offset in the input. So equal hashes are compared in the file itself, and a collision
 * costs a read and never an answer. Where the input is no file, the word is 24 bits more of the
 * hash and the line's number. The word of an answer is what was asked, by its hash.
 *
 *     ids_add --> ANSWER --ids_note, the same was asked--> LINE <-- ids_note, a new id
 *                    |                                      ^
 *                    +--another body--> STALE --------------+ it belongs to a later line after all
 *
 * The table is cut into parts that grow by a quarter each, so that it is always at least two thirds
 * full, and growing needs little memory beside it: at most 24 bytes a line. An answer whose line
 * has changed stays there beside its line. The key is drawn for each run, so that nobody can
 * prepare ids that meet.
 */
#ifndef QUOIT_CLI_IDS_H
#define QUOIT_CLI_IDS_H

#include "cli/reread.h"

#include <stdint.h>

enum ids_verdict {
    IDS_NEW,       /* and noted from now on */
    IDS_CHANGED,   /* the same, but the output has an answer to another body */
    IDS_DONE,      /* the output has its answer */
    IDS_FAILED,    /* the same, and it is one that failed */
    IDS_REPEATED,  /* the id was on an earlier line */
    IDS_NO_MEMORY, /* nothing is noted */
};

/* A line of the input. */
struct ids_line {
    struct json_span id;   /* size 0: it has none */
    uint64_t asked;        /* 64 bits of what it asks */
    uint64_t line, offset; /* from 1, below 2^38; below 2^62 */
};

/* A line of the output. */
struct ids_answer {
    struct json_span id; /* size 0: custom_id is null */
    uint64_t asked;      /* 0: not known */
    uint64_t line;       /* of the input, if custom_id is null */
    bool good;
};

struct ids; /* opaque */

/*
 * NULL: out of memory, or no randomness.
 *
 *   Borrows  reread, until ids_destroy. NULL: the input is no regular file.
 */
struct ids *ids_create(struct reread *reread);

/* NULL is allowed. */
void ids_destroy(struct ids *ids);

/* Do not note lines: repeated ids are not found, and the lines take no memory. */
void ids_forget_lines(struct ids *ids);

/* --- Answers --- */

/* What came of all that was added. */
struct ids_counts {
    uint64_t good, failed; /* questions with a good answer; with one that failed */
    uint64_t repeated; /* answers to a question that has one: of the two one must go (ids_keeps) */
    uint64_t stale;    /* answers to a body that the input has no more, or beside a better one */
    uint64_t unmet;    /* answers that have met no line yet */
};

/*
 * The output has this answer. Of two to the same question the good one counts.
 *
 *   Costs    little: the table is far larger than the processor's caches, so an answer is put into
 *            it only some answers later, when its place has come from memory. ids_end_adding puts
 *            the last ones there; before it nothing else may be asked.
 *
 * False: out of memory.
 */
JSON_MUST bool ids_add(struct ids *ids, const struct ids_answer *answer);
JSON_MUST bool ids_end_adding(struct ids *ids);

void ids_count(const struct ids *ids, struct ids_counts *counts_out);

/*
 * Is this the answer that stays? Asked once more for each answer in its order, after all were
 * added: of several to the same question it is the first good one, else the first.
 */
bool ids_keeps(struct ids *ids, const struct ids_answer *answer);

/* Is this answer stale, as counted? To be asked when the run has ended. */
bool ids_is_stale(const struct ids *ids, const struct ids_answer *answer);

/* --- Lines --- */

/* Look the line up, and note it if it is new. */
enum ids_verdict ids_note(struct ids *ids, const struct ids_line *line);

/* After IDS_REPEATED: the line that had the id first; 0: not known any more. */
uint64_t ids_first_line(const struct ids *ids);

/*
 * A line that is not to be sent, and whose answer names no id: does the output have that answer?
 * IDS_NEW or IDS_FAILED. Its id does not matter.
 */
enum ids_verdict ids_note_refused(struct ids *ids, const struct ids_line *line);

/* Bytes that the table takes. */
size_t ids_size(const struct ids *ids);

/* For tests: only so many bits of each hash are used, so that there are collisions. */
void ids_weaken(struct ids *ids, unsigned bits);

#endif
