/*
 * stream_chunk: chunks of completions, put together as openai-python does (accumulate_delta).
 *
 * Where servers differ from OpenAI's: a first chunk whose id, model and object are empty (Azure)
 * leaves them to later ones; a role or an id that each chunk repeats is not joined.
 */
#include "llm/event_rules.h"
#include "llm/json_string.h"
#include "llm/member.h"
#include "llm/stream_parts.h"

#include <string.h>

/* --- Choices --- */

static void chunk_feed_choice_member(struct stream *stream, struct tree_node *choice,
                                     const struct walk_item *item)
{
    static const struct json_span message = { "\"message\"", 9 };
    struct tree *tree = &stream->tree;

    stream->carries = stream->carries || event_member_carries(item);
    if (json_string_is(item->key, "delta")) {
        if (item->kind == JSON_OBJECT) {
            struct walk delta;
            walk_begin(&delta, item->value);
            stream->carries = event_delta_carries(&delta) || stream->carries;
        }
        tree_merge(tree, tree_member(tree, choice, message), item->value, TREE_JOIN);
    } else if (json_string_is(item->key, "text")) {
        tree_merge(tree, tree_member(tree, choice, item->key), item->value, TREE_JOIN);
    } else {
        tree_merge(tree, tree_member(tree, choice, item->key), item->value, TREE_EXTEND);
    }
}

/* The `index` of a choice, else its place. Nearly always it comes first. */
static uint64_t chunk_index_of(struct json_span choice, uint64_t place)
{
    struct walk walk;
    struct walk_item item;
    uint64_t index = place;

    walk_begin(&walk, choice);
    while (walk_next(&walk, &item)) {
        if (json_string_is(item.key, "index") && member_count(item.value, &index)) {
            break;
        }
    }
    return index;
}

static void chunk_feed_choice(struct stream *stream, struct tree_node *choice,
                              struct json_span value)
{
    struct walk walk;
    struct walk_item item;

    if (choice != NULL && choice->kind != JSON_OBJECT) {
        tree_merge(&stream->tree, choice, (struct json_span){ "{}", 2 }, TREE_EXTEND);
    }
    walk_begin(&walk, value);
    while (stream->tree.fault == TREE_GOOD && walk_next(&walk, &item)) {
        chunk_feed_choice_member(stream, choice, &item);
    }
}

static void chunk_feed_choices(struct stream *stream, struct json_span choices)
{
    struct tree_node *array = stream_member(stream, "\"choices\"");
    struct walk walk;
    struct walk_item item;
    uint64_t place = 0;

    if (array == NULL) {
        return;
    }
    if (array->kind != JSON_ARRAY) {
        tree_merge(&stream->tree, array, (struct json_span){ "[]", 2 }, TREE_EXTEND);
    }
    walk_begin(&walk, choices);
    for (; walk_next(&walk, &item); place++) {
        if (item.kind != JSON_OBJECT) {
            stream_break(stream, "a choice is no object");
            return;
        }
        uint64_t index = chunk_index_of(item.value, place);
        chunk_feed_choice(stream, tree_element(&stream->tree, array, index), item.value);
    }
}

/* --- The chunk --- */

/* "chat.completion.chunk" is what the whole is called, and `.chunk`. */
static void chunk_feed_object_name(struct stream *stream, struct tree_node *node,
                                   struct json_span value)
{
    static const char end[] = ".chunk";
    const size_t size = sizeof(end) - 1;

    tree_merge(&stream->tree, node, value, TREE_KEEP);
    if (node != NULL && node->kind == JSON_STRING && node->size > size &&
        memcmp(node->bytes + node->size - size, end, size) == 0) {
        node->size -= size;
    }
}

void stream_feed_chunk(struct stream *stream, struct json_span chunk)
{
    struct tree *tree = &stream->tree;
    struct tree_node *root = tree_root(tree);
    struct walk walk;
    struct walk_item item;

    walk_begin(&walk, chunk);
    while (tree->fault == TREE_GOOD && walk_next(&walk, &item)) {
        if (item.kind == JSON_ARRAY && json_string_is(item.key, "choices")) {
            chunk_feed_choices(stream, item.value);
            continue;
        }
        if (item.kind != JSON_NULL && json_string_is(item.key, "error")) {
            stream_fail(stream, item.value);
            return;
        }
        struct tree_node *node = tree_member(tree, root, item.key);
        if (json_string_is(item.key, "usage")) {
            tree_merge(tree, node, item.value, TREE_WHOLE);
        } else if (item.kind == JSON_STRING && json_string_is(item.key, "object")) {
            chunk_feed_object_name(stream, node, item.value);
        } else {
            tree_merge(tree, node, item.value, TREE_KEEP);
        }
    }
}

bool stream_is_finished(const struct stream *stream)
{
    const struct tree_node *choices = tree_find(stream->tree.root, "choices");
    bool some = false;

    if ((stream->form != STREAM_CHAT && stream->form != STREAM_COMPLETION) || choices == NULL ||
        choices->kind != JSON_ARRAY) {
        return false;
    }
    for (const struct tree_node *choice = choices->first; choice != NULL; choice = choice->next) {
        const struct tree_node *reason = tree_find(choice, "finish_reason");
        if (reason == NULL || reason->kind == JSON_NULL) {
            return false;
        }
        some = true;
    }
    return some;
}
