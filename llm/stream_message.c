/*
 * stream_message: events of Anthropic's Messages API.
 *
 *     message_start        its message, whose content is empty
 *     content_block_start  a block, at `index` of content
 *     content_block_delta  joined to that block:
 *         text_delta, thinking_delta and others    each string to the member of its name
 *         input_json_delta                         pieces of the text of `input`
 *         citations_delta                          one more of `citations`
 *         signature_delta                          replaces the signature
 *     message_delta        its delta and usage replace members of the message
 *     message_stop
 *
 * A tool's input that is no JSON when all pieces are there (max_tokens cut it off) is written as
 * the string of them.
 */
#include "llm/json_string.h"
#include "llm/member.h"
#include "llm/stream_parts.h"

#include <stdlib.h>
#include <string.h>

/* The block of the event's index. NULL: it says none, or there is no memory. */
static struct tree_node *message_block(struct stream *stream, struct json_span event)
{
    struct tree_node *content = stream_member(stream, "\"content\"");
    struct walk_item index;
    uint64_t number = 0;

    if (content == NULL) {
        return NULL;
    }
    if (!walk_find(event, "index", &index) || !member_count(index.value, &number)) {
        stream_break(stream, "a content block has no index");
        return NULL;
    }
    struct tree_node *block = tree_element(&stream->tree, content, number);
    if (block != NULL && block->kind != JSON_OBJECT) {
        tree_merge(&stream->tree, block, (struct json_span){ "{}", 2 }, TREE_REPLACE);
    }
    return block;
}

/* One more piece of the text of `input`, which the block's start says to be {}. */
static void message_join_input(struct stream *stream, struct tree_node *block,
                               const struct walk_item *piece)
{
    static const struct json_span key = { "\"input\"", 7 };
    bool empty = piece->kind != JSON_STRING || piece->value.size <= 2;
    struct tree_node *input = empty ? NULL : tree_member(&stream->tree, block, key);

    if (input != NULL) {
        tree_merge(&stream->tree, input, piece->value, input->pieces ? TREE_JOIN : TREE_REPLACE);
        input->pieces = true;
    }
}

static void message_join(struct stream *stream, struct tree_node *block,
                         const struct walk_item *item)
{
    static const struct json_span citations = { "\"citations\"", 11 };
    struct tree *tree = &stream->tree;

    if (json_string_is(item->key, "type")) {
        return; /* of the delta, not of the block */
    }
    if (json_string_is(item->key, "partial_json")) {
        message_join_input(stream, block, item);
    } else if (json_string_is(item->key, "citation")) {
        tree_add_element(tree, tree_member(tree, block, citations), item->value);
    } else if (json_string_is(item->key, "signature")) {
        tree_merge(tree, tree_member(tree, block, item->key), item->value, TREE_REPLACE);
    } else {
        tree_merge(tree, tree_member(tree, block, item->key), item->value, TREE_JOIN);
    }
}

static void message_feed_block_delta(struct stream *stream, struct json_span event)
{
    struct tree_node *block = message_block(stream, event);
    struct walk walk;
    struct walk_item delta, item;

    stream->carries = true;
    if (block == NULL || !walk_find(event, "delta", &delta)) {
        return;
    }
    walk_begin(&walk, delta.value);
    while (stream->tree.fault == TREE_GOOD && delta.kind == JSON_OBJECT &&
           walk_next(&walk, &item)) {
        message_join(stream, block, &item);
    }
}

/* What stands in `delta` is of the message; so is what stands beside it. */
static void message_feed_delta(struct stream *stream, struct json_span event)
{
    struct tree *tree = &stream->tree;
    struct tree_node *root = tree_root(tree);
    struct walk walk;
    struct walk_item item;

    walk_begin(&walk, event);
    while (tree->fault == TREE_GOOD && walk_next(&walk, &item)) {
        if (item.kind == JSON_OBJECT && json_string_is(item.key, "delta")) {
            tree_merge(tree, root, item.value, TREE_REPLACE);
        } else if (!json_string_is(item.key, "type")) {
            tree_merge(tree, tree_member(tree, root, item.key), item.value, TREE_REPLACE);
        }
    }
}

void stream_feed_message(struct stream *stream, struct json_span type, struct json_span event)
{
    struct walk_item item;

    if (json_string_is(type, "message_start")) {
        if (walk_find(event, "message", &item) && item.kind == JSON_OBJECT) {
            tree_merge(&stream->tree, tree_root(&stream->tree), item.value, TREE_REPLACE);
        }
        return;
    }
    if (stream->tree.root == NULL) {
        if (!json_string_is(type, "ping")) {
            stream_break(stream, "the first event is not message_start");
        }
        return;
    }
    if (json_string_is(type, "content_block_start")) {
        struct tree_node *block = message_block(stream, event);
        if (walk_find(event, "content_block", &item) && item.kind == JSON_OBJECT) {
            tree_merge(&stream->tree, block, item.value, TREE_REPLACE);
        }
    } else if (json_string_is(type, "content_block_delta")) {
        message_feed_block_delta(stream, event);
    } else if (json_string_is(type, "message_delta")) {
        message_feed_delta(stream, event);
    } else if (json_string_is(type, "message_stop")) {
        stream->said_so = true;
    }
}

/* --- The end --- */

/* What the pieces say takes their place, if it is JSON. */
static void message_finish_input(struct stream *stream, struct tree_node *input)
{
    struct json_defect defect;
    struct text string;
    bool lone = false;

    text_init(&string, 0);
    tree_write(&string, input);
    char *said = string.failed ? NULL : malloc(string.size);
    if (said == NULL) {
        stream->verdict = STREAM_NO_MEMORY;
        text_free(&string);
        return;
    }
    const struct json_span quoted = { string.bytes, string.size };
    const struct json_span value = { said, json_string_decode(quoted, said, &lone) };
    if (json_check(value, &defect)) {
        tree_merge(&stream->tree, input, value, TREE_WHOLE);
    }
    free(said);
    text_free(&string);
}

void stream_finish_message(struct stream *stream)
{
    const struct tree_node *content = tree_find(stream->tree.root, "content");

    if (content == NULL || content->kind != JSON_ARRAY) {
        return;
    }
    for (struct tree_node *block = content->first; block != NULL; block = block->next) {
        struct tree_node *input = tree_find(block, "input");
        if (input != NULL && input->pieces && input->kind == JSON_STRING) {
            message_finish_input(stream, input);
        }
    }
}
