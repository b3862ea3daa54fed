/*
 * tree: see tree.h. Every allocation is counted before it is made.
 */
#include "llm/tree.h"

#include "llm/json_string.h"
#include "llm/member.h"
#include "llm/number.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- Nodes and their bytes --- */

void tree_init(struct tree *tree, size_t size_max)
{
    *tree = (struct tree){ .size_max = size_max };
}

/* Free what hangs on the node, not the node. */
static void tree_clear(struct tree *tree, struct tree_node *node)
{
    while (node->first != NULL) {
        struct tree_node *child = node->first;
        node->first = child->next;
        tree_clear(tree, child);
        tree->size -= sizeof(*child) + child->key_size;
        free(child);
    }
    tree->size -= node->room;
    free(node->bytes);
    node->last = NULL;
    node->children_count = 0;
    node->bytes = NULL;
    node->size = node->room = 0;
    node->raw = node->pieces = false;
}

void tree_free(struct tree *tree)
{
    if (tree->root != NULL) {
        tree_clear(tree, tree->root);
        free(tree->root);
    }
    tree_init(tree, tree->size_max);
}

/* May so many bytes more be held? */
static bool tree_count(struct tree *tree, size_t more)
{
    if (tree->fault == TREE_GOOD && more > tree->size_max - tree->size) {
        tree->fault = TREE_TOO_LARGE;
    }
    if (tree->fault != TREE_GOOD) {
        return false;
    }
    tree->size += more;
    return true;
}

static struct tree_node *tree_make(struct tree *tree, struct json_span key, uint32_t depth)
{
    if (!tree_count(tree, sizeof(struct tree_node) + key.size)) {
        return NULL;
    }
    struct tree_node *node = malloc(sizeof(*node) + key.size);
    if (node == NULL) {
        tree->fault = TREE_NO_MEMORY;
        return NULL;
    }
    *node = (struct tree_node){ .kind = JSON_NULL, .depth = depth, .key_size = key.size };
    if (key.size != 0) {
        memcpy(node->key, key.bytes, key.size);
    }
    return node;
}

/* Room doubles, but the first is exact: most values come in one piece. */
static bool tree_reserve(struct tree *tree, struct tree_node *node, size_t more)
{
    if (more <= node->room - node->size) {
        return tree->fault == TREE_GOOD;
    }
    size_t room = node->size + more;
    size_t left = tree->size_max - tree->size;
    if (room < 2 * node->room && 2 * node->room - node->room <= left) {
        room = 2 * node->room;
    }
    if (!tree_count(tree, room - node->room)) {
        return false;
    }
    char *bytes = realloc(node->bytes, room);
    if (bytes == NULL) {
        tree->size -= room - node->room;
        tree->fault = TREE_NO_MEMORY;
        return false;
    }
    node->bytes = bytes;
    node->room = room;
    return true;
}

static void tree_append(struct tree *tree, struct tree_node *node, struct json_span span)
{
    if (span.size != 0 && tree_reserve(tree, node, span.size)) {
        memcpy(node->bytes + node->size, span.bytes, span.size);
        node->size += span.size;
    }
}

/* --- Finding --- */

struct tree_node *tree_root(struct tree *tree)
{
    if (tree->root == NULL) {
        tree->root = tree_make(tree, (struct json_span){ NULL, 0 }, 0);
        if (tree->root != NULL) {
            tree->root->kind = JSON_OBJECT;
        }
    }
    return tree->root;
}

/* A new child behind `before`; NULL: the first. */
static struct tree_node *tree_add(struct tree *tree, struct tree_node *node,
                                  struct tree_node *before, struct json_span key)
{
    if (node->children_count == TREE_CHILDREN_MAX && tree->fault == TREE_GOOD) {
        tree->fault = TREE_TOO_LARGE;
    }
    struct tree_node *child = tree_make(tree, key, node->depth + 1);
    if (child == NULL) {
        return NULL;
    }
    child->next = before == NULL ? node->first : before->next;
    *(before == NULL ? &node->first : &before->next) = child;
    if (child->next == NULL) {
        node->last = child;
    }
    node->children_count++;
    return child;
}

struct tree_node *tree_member(struct tree *tree, struct tree_node *object, struct json_span key)
{
    assert(object->kind == JSON_OBJECT && !object->raw);
    for (struct tree_node *child = object->first; child != NULL; child = child->next) {
        if (child->key_size == key.size && memcmp(child->key, key.bytes, key.size) == 0) {
            return child;
        }
    }
    return tree_add(tree, object, object->last, key);
}

struct tree_node *tree_find(const struct tree_node *object, const char *name)
{
    if (object == NULL || object->kind != JSON_OBJECT) {
        return NULL;
    }
    for (struct tree_node *child = object->first; child != NULL; child = child->next) {
        if (json_string_is((struct json_span){ child->key, child->key_size }, name)) {
            return child;
        }
    }
    return NULL;
}

/* Make it an object or an array whose children can be had, if it is not that already. */
static void tree_become(struct tree *tree, struct tree_node *node, enum json_kind kind)
{
    if (node->kind != kind || node->raw) {
        tree_clear(tree, node);
        node->kind = kind;
    }
}

struct tree_node *tree_element(struct tree *tree, struct tree_node *array, uint64_t index)
{
    struct tree_node *before = NULL;

    tree_become(tree, array, JSON_ARRAY);
    if (array->last != NULL && array->last->index < index) {
        before = array->last;
    } else {
        for (struct tree_node *child = array->first; child != NULL && child->index <= index;
             child = child->next) {
            if (child->index == index) {
                return child;
            }
            before = child;
        }
    }
    struct tree_node *child = tree_add(tree, array, before, (struct json_span){ NULL, 0 });
    if (child != NULL) {
        child->index = index;
    }
    return child;
}

/* --- Merging --- */

/* A string is kept without its quotes, so that another can be appended. */
static void tree_set_string(struct tree *tree, struct tree_node *node, struct json_span value)
{
    node->size = 0;
    if (node->kind != JSON_STRING) {
        tree_clear(tree, node);
        node->kind = JSON_STRING;
    }
    tree_append(tree, node, json_string_inside(value));
}

/* The value as it stands. */
static void tree_set_raw(struct tree *tree, struct tree_node *node, struct json_span value)
{
    enum json_kind kind = json_kind_of(value);

    if (kind == JSON_STRING) {
        tree_set_string(tree, node, value);
        return;
    }
    node->size = 0;
    if (node->first != NULL || value.size > node->room) {
        tree_clear(tree, node);
    }
    node->kind = kind;
    node->raw = true;
    tree_append(tree, node, value);
}

static void tree_add_number(struct tree *tree, struct tree_node *node, struct json_span value)
{
    char sum[NUMBER_SIZE];

    if (number_add((struct json_span){ node->bytes, node->size }, value, sum)) {
        tree_set_raw(tree, node, (struct json_span){ sum, strlen(sum) });
    }
}

/* Does it say nothing, so that another may say it: null, "" or 0? */
static bool tree_is_nothing(const struct tree_node *node)
{
    return node->kind == JSON_NULL || (node->kind == JSON_STRING && node->size == 0) ||
           (node->kind == JSON_NUMBER && node->size == 1 && node->bytes[0] == '0');
}

static bool tree_is_scalar(enum json_kind kind)
{
    return kind != JSON_OBJECT && kind != JSON_ARRAY;
}

static void tree_merge_scalar(struct tree *tree, struct tree_node *node, struct json_span value,
                              enum tree_rule rule)
{
    enum json_kind kind = json_kind_of(value);

    if (kind == JSON_NULL) {
        return;
    }
    if (rule == TREE_JOIN && node->kind != JSON_NULL) {
        if (kind == JSON_STRING && node->kind == JSON_STRING) {
            tree_append(tree, node, json_string_inside(value));
        } else if (kind == JSON_NUMBER && node->kind == JSON_NUMBER) {
            tree_add_number(tree, node, value);
        } else if (tree_is_scalar(node->kind) && kind != JSON_STRING && kind != JSON_NUMBER) {
            tree_set_raw(tree, node, value);
        }
        return;
    }
    tree_set_raw(tree, node, value);
}

/* Names that say which one it is are not joined, though each piece may repeat them. */
static bool tree_names(struct json_span key)
{
    return json_string_is(key, "index") || json_string_is(key, "type") ||
           json_string_is(key, "role") || json_string_is(key, "id");
}

static void tree_merge_object(struct tree *tree, struct tree_node *node, struct json_span value,
                              enum tree_rule rule)
{
    struct walk walk;
    struct walk_item item;

    if (node->depth >= TREE_DEPTH_MAX) {
        tree_set_raw(tree, node, value);
        return;
    }
    tree_become(tree, node, JSON_OBJECT);
    walk_begin(&walk, value);
    while (tree->fault == TREE_GOOD && walk_next(&walk, &item)) {
        struct tree_node *child = tree_member(tree, node, item.key);
        bool names = rule == TREE_JOIN && tree_names(item.key);
        bool empty = item.kind == JSON_STRING && item.value.size == 2;
        if (!names) {
            tree_merge(tree, child, item.value, rule);
        } else if (child != NULL && (!empty || child->kind == JSON_NULL)) {
            tree_merge(tree, child, item.value, TREE_REPLACE);
        }
    }
}

void tree_add_element(struct tree *tree, struct tree_node *array, struct json_span value)
{
    if (array == NULL) {
        return;
    }
    tree_become(tree, array, JSON_ARRAY);
    if (array->size != 0) {
        tree_append(tree, array, (struct json_span){ ",", 1 });
    }
    tree_append(tree, array, value);
}

static void tree_merge_array(struct tree *tree, struct tree_node *node, struct json_span value,
                             enum tree_rule rule)
{
    struct walk walk;
    struct walk_item item, index;
    uint64_t number = 0;

    if (node->depth >= TREE_DEPTH_MAX) {
        tree_set_raw(tree, node, value);
        return;
    }
    tree_become(tree, node, JSON_ARRAY);
    walk_begin(&walk, value);
    while (tree->fault == TREE_GOOD && walk_next(&walk, &item)) {
        if (rule == TREE_JOIN && item.kind == JSON_OBJECT &&
            walk_find(item.value, "index", &index) && member_count(index.value, &number)) {
            tree_merge(tree, tree_element(tree, node, number), item.value, TREE_JOIN);
        } else {
            tree_add_element(tree, node, item.value);
        }
    }
}

void tree_merge(struct tree *tree, struct tree_node *node, struct json_span value,
                enum tree_rule rule)
{
    enum json_kind kind = json_kind_of(value);

    if (node == NULL || tree->fault != TREE_GOOD || kind == JSON_NULL) {
        return;
    }
    if (rule == TREE_WHOLE || rule == TREE_KEEP) {
        if (rule == TREE_WHOLE || tree_is_nothing(node)) {
            tree_set_raw(tree, node, value);
        }
        return;
    }
    if (tree_is_scalar(kind)) {
        tree_merge_scalar(tree, node, value, rule);
        return;
    }
    if (rule == TREE_JOIN && node->kind != JSON_NULL && node->kind != kind) {
        return; /* as of two scalars that cannot be joined, the first stays */
    }
    if (kind == JSON_ARRAY && rule == TREE_REPLACE) {
        tree_set_raw(tree, node, value);
    } else if (kind == JSON_ARRAY) {
        tree_merge_array(tree, node, value, rule);
    } else {
        tree_merge_object(tree, node, value, rule);
    }
}

/* --- Writing --- */

static void tree_write_children(struct text *out, const struct tree_node *node)
{
    bool first = node->size == 0;

    for (const struct tree_node *child = node->first; child != NULL; child = child->next) {
        text_append_string(out, first ? "" : ",");
        first = false;
        if (child->key_size != 0) {
            text_append(out, (struct json_span){ child->key, child->key_size });
            text_append_string(out, ":");
        }
        tree_write(out, child);
    }
}

void tree_write(struct text *out, const struct tree_node *node)
{
    const struct json_span bytes = { node->bytes, node->size };

    if (node->raw) {
        text_append(out, bytes);
        return;
    }
    switch (node->kind) {
    case JSON_STRING:
        text_append_string(out, "\"");
        text_append(out, bytes);
        text_append_string(out, "\"");
        return;
    case JSON_ARRAY:
        text_append_string(out, "[");
        text_append(out, bytes);
        tree_write_children(out, node);
        text_append_string(out, "]");
        return;
    case JSON_OBJECT:
        text_append_string(out, "{");
        tree_write_children(out, node);
        text_append_string(out, "}");
        return;
    case JSON_NULL:
        text_append_string(out, "null");
        return;
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
    case JSON_NOTHING:
        break;
    }
    abort(); /* these are always raw */
}
