/*
 * event_rules: what the two readers of a stream's events, struct stream and struct event_reader, go
 * by: what ends an answer, and what carries output of the model.
 *
 * Pure. Spans and items are of checked texts, but for the data of an event, which is any bytes.
 */
#ifndef QUOIT_LLM_EVENT_RULES_H
#define QUOIT_LLM_EVENT_RULES_H

#include "llm/stream.h"
#include "llm/walk.h"

/* Is there nothing but space in the data? */
JSON_MUST bool event_is_blank(struct json_span data);

/* [DONE] at the begin of data, in a form that has it. */
JSON_MUST bool event_says_done(enum stream_form form, struct json_span data);

/* Is this string the `type` of a piece of output of the Responses API: response.*.delta? */
JSON_MUST bool event_is_delta(struct json_span type);

/* What the `type` of an event of the Responses API says of the answer. */
enum event_end {
    EVENT_GOES_ON,
    EVENT_COMPLETED, /* or incomplete: cut short by a limit, and all that there will be */
    EVENT_FAILED,
};

JSON_MUST enum event_end event_end_of(struct json_span type);

/* What says why a response failed: its `error`, or else all of it. */
JSON_MUST struct json_span event_error_of(struct json_span response);

/*
 * Does this member of a choice, or of a choice's delta, carry output: text that is not empty, or
 * arguments of a tool call that are not?
 */
JSON_MUST bool event_member_carries(const struct walk_item *member);

/* Does any of these members, of a delta? The walk is at its end then. */
JSON_MUST bool event_delta_carries(struct walk *delta);

#endif
