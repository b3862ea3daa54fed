/*
 * ids: which custom_ids have been there, and on which line.
 *
 * At 24 bytes a line: of each id only 88 bits of a keyed hash are kept, with its line number, in
 * slots of 16 bytes. The table is cut into parts that grow by a quarter each, so that it is always
 * at least two thirds full, and growing needs little memory beside it. With 50 million lines the
 * chance that two different ids are taken for one is one in 10^11; the key is drawn for each run,
 * so that nobody can prepare such a pair.
 */
#ifndef QUOIT_CLI_IDS_H
#define QUOIT_CLI_IDS_H

#include "llm/json.h"

#include <stdint.h>

enum ids_verdict {
    IDS_NEW,      /* and noted from now on */
    IDS_REPEATED, /* *first_line_out has it first */
    IDS_NO_MEMORY,
};

struct ids; /* opaque */

/* NULL: out of memory, or no randomness. */
struct ids *ids_create(void);

/* NULL is allowed. */
void ids_destroy(struct ids *ids);

/* Look the id up, and note it if it is new. Line numbers from 1, below 2^40. */
enum ids_verdict ids_note(struct ids *ids, struct json_span id, uint64_t line,
                          uint64_t *first_line_out);

/* Bytes that the table takes. */
size_t ids_size(const struct ids *ids);

#endif
