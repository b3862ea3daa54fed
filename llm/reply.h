/*
 * reply: what stands behind a struct quoit_llm_reply: its memory, and which shape is read how.
 *
 *     reply.c         memory, errors, usage, and by what a shape is known
 *     reply_choice.c  choices, embeddings, texts
 *
 * Everything a reply points to lies in its store. The text there has room for the whole reply
 * before anything is read, so it never moves: what is taken out of a JSON string, with a NUL, is
 * never longer than the string with its quotes, and no string is taken twice.
 */
#ifndef QUOIT_LLM_REPLY_H
#define QUOIT_LLM_REPLY_H

#include "llm/json.h"
#include "llm/text.h"
#include "quoit_llm.h"

struct reply_store {
    struct text text;                 /* decoded strings, each with a NUL */
    struct quoit_llm_choice *choices; /* owned */
    size_t choices_count, choices_room;
    float *numbers; /* owned; of all embeddings, one behind the other; may move while it grows */
    size_t numbers_count, numbers_room;
    bool failed; /* no memory for all of it */
};

/* What a JSON string says, in UTF-8, with a NUL; size 0 and "" for what is no string. */
struct quoit_span reply_take_string(struct reply_store *store, struct json_span value);

/* One more choice, zeroed but for its empty strings; NULL: there is no memory. */
struct quoit_llm_choice *reply_add_choice(struct reply_store *store, uint64_t index);

/*
 * The texts of a content: a string, or an array of parts of which those with a "text" count. The
 * parts may come in several calls between begin and end.
 */
size_t reply_begin_texts(const struct reply_store *store);
void reply_add_texts(struct reply_store *store, struct json_span content);
struct quoit_span reply_end_texts(struct reply_store *store, size_t begun);

/* "choices" of completions and chunks, of either API. */
void reply_read_choices(struct reply_store *store, struct json_span choices);

/* "data" of embeddings. */
void reply_read_embeddings(struct reply_store *store, struct json_span data);

#endif
