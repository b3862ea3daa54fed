/*
 * element: the elements of a JSON array, one by one.
 *
 *     [{"index":0},{"index":1}] --element_next--> {"index":0} --element_next--> {"index":1}
 *
 * The array's span must come from a text that json_check or json_members_next has found good: it is
 * not judged again, so that a walk costs one look at each byte.
 */
#ifndef QUOIT_LLM_ELEMENT_H
#define QUOIT_LLM_ELEMENT_H

#include "llm/json.h"

/* Where the reading of an array stands. The fields are private. */
struct element_reader {
    const char *at, *end;
};

/* Begin with the first element of `array`, which is borrowed until the last element_next. */
void element_begin(struct element_reader *reader, struct json_span array);

/* The next element, without the space around it. False: there is none. */
JSON_MUST bool element_next(struct element_reader *reader, struct json_span *element_out);

#endif
