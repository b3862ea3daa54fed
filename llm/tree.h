/*
 * tree: a JSON value that is put together piece by piece, each piece as its bytes stood.
 *
 *     {"content":"a"}  {"content":"b"}  {"n":9007199254740993}
 *         --tree_merge-->  {"content":"ab","n":9007199254740993}
 *
 * Happy path: tree_init, tree_member and tree_merge for what comes, tree_write, tree_free.
 *
 * It is a tree of our own, and not cJSON's, since that keeps numbers as doubles (9007199254740993
 * is lost), ends strings at \u0000 and refuses half of a surrogate pair. Here nothing is decoded:
 * what stands between the quotes of two strings is joined as it stands, which also mends a pair
 * that was cut between two pieces.
 *
 * It fails when it is larger than size_max, with more than TREE_CHILDREN_MAX named members in one
 * object (each is looked for one by one), and without memory. `fault` says so and stays; nothing
 * more is taken in.
 *
 * What is merged must come from a text that json_check has found good. Deeper than TREE_DEPTH_MAX
 * an object is kept as its bytes, and a later one takes its place.
 */
#ifndef QUOIT_LLM_TREE_H
#define QUOIT_LLM_TREE_H

#include "llm/text.h"
#include "llm/walk.h"

#include <stdint.h>

#define TREE_DEPTH_MAX 16
#define TREE_CHILDREN_MAX 4096

enum tree_fault {
    TREE_GOOD,
    TREE_TOO_LARGE, /* over size_max, or too many members */
    TREE_NO_MEMORY,
};

/* What becomes of two values in one place. null never takes the place of anything. */
enum tree_rule {
    TREE_JOIN,    /* strings are joined, numbers added, objects merged; elements of lists that */
                  /* have an `index` are merged by it, others appended; `index`, `type`, `role` */
                  /* and `id` replaced, if they say something */
    TREE_EXTEND,  /* scalars are replaced, objects merged, lists appended to */
    TREE_REPLACE, /* scalars and lists are replaced, objects merged */
    TREE_WHOLE,   /* the new one as its bytes stand */
    TREE_KEEP,    /* the old one, unless it says nothing (null, "", 0); else as TREE_WHOLE */
};

struct tree_node {
    enum json_kind kind;
    uint32_t depth;
    uint32_t children_count;
    bool raw;                              /* `bytes` are the value as it stands */
    bool pieces;                           /* its owner's: it was joined from pieces of JSON */
    uint64_t index;                        /* of an element that has one */
    struct tree_node *first, *last, *next; /* owned; members, or elements by rising index */
    char *bytes;                           /* owned; raw: the value; of a string: between its */
    size_t size, room;                     /* quotes; of an array: elements without an index */
    size_t key_size;
    char key[]; /* with its quotes */
};

struct tree {
    struct tree_node *root; /* owned; an object; NULL: nothing was put into it */
    enum tree_fault fault;
    size_t size, size_max; /* of all nodes and bytes */
};

/* Make ready. Allocates nothing. */
void tree_init(struct tree *tree, size_t size_max);

/* Free what it holds; ready for the next use. */
void tree_free(struct tree *tree);

/* The root. NULL: see fault. */
struct tree_node *tree_root(struct tree *tree);

/* The member of that key (with its quotes) of an object; a new one is null. NULL: see fault. */
struct tree_node *tree_member(struct tree *tree, struct tree_node *object, struct json_span key);

/* The same by its name, and only if it is there. */
JSON_MUST struct tree_node *tree_find(const struct tree_node *object, const char *name);

/* The element of that index; a new one is null. The node becomes an array. NULL: see fault. */
struct tree_node *tree_element(struct tree *tree, struct tree_node *array, uint64_t index);

/* Append an element as it stands. The node becomes an array. NULL for array does nothing. */
void tree_add_element(struct tree *tree, struct tree_node *array, struct json_span value);

/* Take `value` into `node` by the rule. NULL for node does nothing. */
void tree_merge(struct tree *tree, struct tree_node *node, struct json_span value,
                enum tree_rule rule);

/* Append the node as JSON, without space; the text's `failed` says if it could not. */
void tree_write(struct text *out, const struct tree_node *node);

#endif
