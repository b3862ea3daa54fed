/*
 * reply_choice: elements of "choices" and "data", and the texts in them.
 *
 *     {"index":0,"message":{"content":"Paris"},"finish_reason":"stop"}     chat
 *     {"index":0,"delta":{"content":"Par"},"finish_reason":null}           a chunk of it
 *     {"index":0,"text":"Paris","finish_reason":"stop"}                    completions
 *     {"index":0,"embedding":[0.1,-0.2]}                                   embeddings
 */
#include "llm/reply.h"

#include "llm/json_string.h"
#include "llm/member.h"
#include "llm/number.h"
#include "llm/walk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_CHOICES_FIRST 1
#define REPLY_NUMBERS_FIRST 1024

/* --- Strings --- */

/* Halves of surrogate pairs, which decode to ED A0..BF xx, become U+FFFD, which is as long. */
static void reply_mend(char *bytes, size_t size)
{
    for (size_t i = 0; i + 2 < size; i++) {
        if ((unsigned char)bytes[i] == 0xED && (unsigned char)bytes[i + 1] >= 0xA0) {
            memcpy(bytes + i, "\xEF\xBF\xBD", 3);
        }
    }
}

/* Append what the string says. */
static void reply_append_string(struct reply_store *store, struct json_span string)
{
    struct text *text = &store->text;
    bool lone = false;

    if (text->room - text->size < string.size + 1) {
        store->failed = true; /* not a string of this reply, or taken twice */
        return;
    }
    char *out = text->bytes + text->size;
    size_t size = json_string_decode(string, out, &lone);

    if (lone) {
        reply_mend(out, size);
    }
    text->size += size;
}

size_t reply_begin_texts(const struct reply_store *store)
{
    return store->text.size;
}

struct quoit_span reply_end_texts(struct reply_store *store, size_t begun)
{
    struct text *text = &store->text;

    if (text->size == begun || text->room - text->size < 1) {
        return (struct quoit_span){ "", 0 };
    }
    text->bytes[text->size++] = '\0';
    return (struct quoit_span){ text->bytes + begun, text->size - 1 - begun };
}

struct quoit_span reply_take_string(struct reply_store *store, struct json_span value)
{
    size_t begun = reply_begin_texts(store);

    if (json_kind_of(value) == JSON_STRING) {
        reply_append_string(store, value);
    }
    return reply_end_texts(store, begun);
}

void reply_add_texts(struct reply_store *store, struct json_span content)
{
    struct json_span text;
    struct walk_item part;
    struct walk walk;

    if (json_kind_of(content) == JSON_STRING) {
        reply_append_string(store, content);
        return;
    }
    if (json_kind_of(content) != JSON_ARRAY) {
        return;
    }
    walk_begin(&walk, content);
    while (walk_next(&walk, &part)) {
        if (member_find_kind(part.value, "text", JSON_STRING, &text)) {
            reply_append_string(store, text);
        }
    }
}

/* --- Choices --- */

struct quoit_llm_choice *reply_add_choice(struct reply_store *store, uint64_t index)
{
    if (store->choices_count == store->choices_room) {
        size_t room = store->choices_room == 0 ? REPLY_CHOICES_FIRST : 2 * store->choices_room;
        struct quoit_llm_choice *choices = reallocarray(store->choices, room, sizeof(*choices));

        if (choices == NULL) {
            store->failed = true;
            return NULL;
        }
        store->choices = choices;
        store->choices_room = room;
    }
    struct quoit_llm_choice *choice = &store->choices[store->choices_count++];
    *choice = (struct quoit_llm_choice){
        .content = { "", 0 },
        .finish_reason = "",
        .index = index,
    };
    return choice;
}

/* The element's own index, or else its place. */
static uint64_t reply_index(const struct json_member *member, uint64_t place)
{
    uint64_t index;

    return member->kind == JSON_NUMBER && member_count(member->value, &index) ? index : place;
}

static struct quoit_span reply_content(struct reply_store *store, struct json_span content)
{
    size_t begun = reply_begin_texts(store);

    reply_add_texts(store, content);
    return reply_end_texts(store, begun);
}

static void reply_read_choice(struct reply_store *store, struct json_span element, uint64_t place)
{
    enum { INDEX, MESSAGE, DELTA, TEXT, FINISH, COUNT };
    static const char *const names[COUNT] = { "index", "message", "delta", "text",
                                              "finish_reason" };
    struct json_member members[COUNT];
    struct json_member content = { .value = { "", 0 } };

    if (!member_find_each(element, names, COUNT, members)) {
        return;
    }
    struct quoit_llm_choice *choice = reply_add_choice(store, reply_index(&members[INDEX], place));

    if (choice == NULL) {
        return;
    }
    const struct json_member *inner =
        &members[members[MESSAGE].kind == JSON_OBJECT ? MESSAGE : DELTA];
    if (inner->kind != JSON_OBJECT) {
        content = members[TEXT];
    } else if (!member_find(inner->value, "content", &content)) {
        content.value = (struct json_span){ "", 0 };
    }
    choice->content = reply_content(store, content.value);
    choice->finish_reason = reply_take_string(store, members[FINISH].value).bytes;
}

void reply_read_choices(struct reply_store *store, struct json_span choices)
{
    struct walk_item element;
    struct walk walk;

    walk_begin(&walk, choices);
    for (uint64_t place = 0; walk_next(&walk, &element); place++) {
        reply_read_choice(store, element.value, place);
    }
}

/* --- Embeddings --- */

static bool reply_add_number(struct reply_store *store, float number)
{
    if (store->numbers_count == store->numbers_room) {
        size_t room = store->numbers_room == 0 ? REPLY_NUMBERS_FIRST : 2 * store->numbers_room;
        float *numbers = reallocarray(store->numbers, room, sizeof(*numbers));

        if (numbers == NULL) {
            store->failed = true;
            return false;
        }
        store->numbers = numbers;
        store->numbers_room = room;
    }
    store->numbers[store->numbers_count++] = number;
    return true;
}

/* An array of numbers and of nothing else. What is not one leaves the count at 0. */
static size_t reply_add_numbers(struct reply_store *store, struct json_span array)
{
    size_t begun = store->numbers_count;
    struct walk_item element;
    struct walk walk;

    walk_begin(&walk, array);
    while (walk_next(&walk, &element)) {
        if (element.kind != JSON_NUMBER ||
            !reply_add_number(store, (float)number_read(element.value))) {
            store->numbers_count = begun;
            return 0;
        }
    }
    return store->numbers_count - begun;
}

void reply_read_embeddings(struct reply_store *store, struct json_span data)
{
    enum { INDEX, EMBEDDING, COUNT };
    static const char *const names[COUNT] = { "index", "embedding" };
    struct json_member members[COUNT];
    struct walk_item element;
    struct walk walk;

    walk_begin(&walk, data);
    for (uint64_t place = 0; walk_next(&walk, &element); place++) {
        if (!member_find_each(element.value, names, COUNT, members) ||
            members[EMBEDDING].kind != JSON_ARRAY) {
            continue;
        }
        struct quoit_llm_choice *choice =
            reply_add_choice(store, reply_index(&members[INDEX], place));
        if (choice != NULL) {
            choice->embedding_count = reply_add_numbers(store, members[EMBEDDING].value);
        }
    }
    /* Now that the numbers no longer move. */
    size_t before = 0;
    for (size_t i = 0; i < store->choices_count; i++) {
        struct quoit_llm_choice *choice = &store->choices[i];
        if (choice->embedding_count != 0) {
            choice->embedding = store->numbers + before;
            before += choice->embedding_count;
        }
    }
}
