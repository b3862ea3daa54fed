/*
 * event: what the server-sent events of a streamed answer say about its time and its tokens, for
 * who keeps nothing of the text.
 *
 *     data                                               says
 *     {"choices":[{"delta":{"role":"assistant"}}]}       has_choices
 *     {"choices":[{"delta":{"content":"a"}}]}            has_choices, carries
 *     {"choices":[],"usage":{"completion_tokens":1,...   tokens_out 1
 *     [DONE]                                             said_so
 *
 * Happy path: event_reader_begin for each answer, event_reader_feed for each event, then look at
 * the fields; at the end of the answer event_reader_is_whole. A reader owns nothing, so there is
 * nothing to free.
 *
 * It fails when the server says so in an event (`error` named or not null, response.failed), and
 * when an event is none of such a stream. What it was then stays, whatever else is fed.
 *
 * The promise: where struct stream makes an answer of the same events, this says of each event
 * what that says, and in the end that the answer is whole; where the server says that it failed,
 * both say so. An answer that cannot be put together (a content block without an index) is found
 * by struct stream alone, and where a member is repeated the two may differ.
 */
#ifndef QUOIT_LLM_EVENT_H
#define QUOIT_LLM_EVENT_H

#include "llm/stream.h"
#include "llm/stream_error.h"

#include <stdint.h>

/*
 * Choices that are told apart, as many as OpenAI gives. An answer with a higher index is whole
 * only when [DONE] says so.
 */
#define EVENT_CHOICES_MAX 128

struct event_reader {
    /* To be read: of the last event. */
    bool carries;     /* it brought output of the model: text, thinking, a refusal, a piece of a */
                      /* tool call's arguments; of a form that is not known: every event */
    bool has_choices; /* its `choices` are not empty, whatever is in them */

    /* To be read: of all so far. */
    bool said_so;              /* an event said that the answer is whole */
    bool failed;               /* the server says so, or an event is none of such a stream */
    const char *reason;        /* of the latter; static, lower case, no full stop; else NULL */
    struct stream_error error; /* of the former */
    bool usage_known;          /* tokens_out was said */
    uint64_t tokens_in;        /* as last said; 0 until then */
    uint64_t tokens_out;

    /* Private. */
    enum stream_form form;
    bool begun;                                    /* there is something of an answer */
    bool untold;                                   /* a choice's index is too high */
    uint64_t choices_seen[EVENT_CHOICES_MAX / 64]; /* a bit each */
    uint64_t choices_finished[EVENT_CHOICES_MAX / 64];
};

/* Forget what there was; events of this form follow (stream_form_of knows it by the url). */
void event_reader_begin(struct event_reader *reader, enum stream_form form);

/*
 * Take in one event: its `event` field, empty if it has none, and its data. Behind the end of the
 * answer, and when it has failed, an event says nothing; nor does blank data.
 *
 *   Borrows  both, for the call.
 *   Costs    a check of the data, and a pass over `choices`; about 0.5 us for an event of a token,
 *            of which the check is near half. Allocates nothing.
 */
void event_reader_feed(struct event_reader *reader, struct json_span name, struct json_span data);

/*
 * No more events will come: is the answer whole? If `broken_off` the connection did not end as it
 * should, and only an event that said so makes it whole. A stream of no known form is whole where
 * it was not broken off.
 */
JSON_MUST bool event_reader_is_whole(const struct event_reader *reader, bool broken_off);

#endif
