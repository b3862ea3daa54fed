/*
 * walk: what stands in an object or an array of a JSON text that json_check has found good.
 *
 *     {"index":0,"delta":{"content":"a"}}  -->  "index" 0, "delta" {"content":"a"}
 *     [1,[2,3]]                            -->  1, [2,3]
 *
 * Happy path: walk_begin on the span of a whole value, walk_next until it says that there is no
 * more. It cannot fail, since the text was checked; anything else is the caller's mistake and is
 * asserted. That is why there is a second reader beside json_members: events of a stream are
 * checked once and then looked into several levels deep, and each level costs only the finding of
 * its ends.
 */
#ifndef QUOIT_LLM_WALK_H
#define QUOIT_LLM_WALK_H

#include "llm/json.h"

struct walk_item {
    struct json_span key;   /* of a member, with its quotes; of an element: size 0 */
    struct json_span value; /* without the space around it */
    enum json_kind kind;    /* of value */
};

/* Where the walk stands. The fields are private. */
struct walk {
    const char *at, *end;
    bool object;
};

/* Begin with `value`. What is neither object nor array has nothing in it. */
void walk_begin(struct walk *walk, struct json_span value);

/* False: there is no more. */
JSON_MUST bool walk_next(struct walk *walk, struct walk_item *item_out);

/*
 * walk_next in two steps, for who goes into most values: so the bytes of a value are not passed
 * twice. walk_next_begin gives the key, the kind, and where the value begins; its size is 0. Then
 * comes either walk_next_end, which finds the size, or, where it is an object or an array,
 * walk_enter; and when the inner walk has said that there is no more, walk_leave.
 */
JSON_MUST bool walk_next_begin(struct walk *walk, struct walk_item *item_out);
void walk_next_end(struct walk *walk, struct walk_item *item);
void walk_enter(struct walk *inner, const struct walk *walk);
void walk_leave(struct walk *walk, const struct walk *inner);

/* The last member of that name, if `value` is an object. False: there is none. */
JSON_MUST bool walk_find(struct json_span value, const char *name, struct walk_item *item_out);

#endif
