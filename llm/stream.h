/*
 * stream: a whole answer out of the server-sent events that it came in, as if it had not been
 * streamed.
 *
 *     {"object":"x.chunk","choices":[{"index":0,"delta":{"content":"a"}}]}
 *     {"object":"x.chunk","choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}]}
 *     [DONE]
 *         -->  {"object":"x","choices":[{"index":0,"message":{"content":"ab"},
 *               "finish_reason":"stop"}]}
 *
 * Happy path: stream_init once; for each answer stream_begin, stream_feed for each event,
 * stream_end when there are no more, which writes the answer; stream_free at the end.
 *
 *     path ends in          it is whole when                      the answer is
 *     /chat/completions,    [DONE], or each choice that was       the first chunk, its `object`
 *     /completions          seen has a finish_reason              without .chunk; choices by
 *                                                                 `index`, their deltas joined as
 *                                                                 `message`; the last `usage`
 *     /responses            response.completed or                 the member `response` of that
 *                           response.incomplete                   event, as its bytes stand
 *     /messages             message_stop                          the message of message_start,
 *                                                                 with the deltas of its content
 *                                                                 blocks joined, message_delta
 *                                                                 merged into it
 *
 * It fails when the server says so in an event (`error` named or not null, response.failed), when
 * an event is none of such a stream, when the answer is larger than size_max, and without memory.
 * And it can end before it is whole. What it was stays, whatever else is fed.
 *
 * The promise: what is written is one JSON text (json_check). Numbers are written as they stood,
 * strings too, \u0000 and halves of surrogate pairs among them. What is held is at most size_max
 * bytes, twice that while the answer is written.
 */
#ifndef QUOIT_LLM_STREAM_H
#define QUOIT_LLM_STREAM_H

#include "llm/stream_error.h"
#include "llm/text.h"
#include "llm/tree.h"

enum stream_form {
    STREAM_NONE, /* no stream that is known here */
    STREAM_CHAT,
    STREAM_COMPLETION,
    STREAM_RESPONSE,
    STREAM_MESSAGE,
};

enum stream_verdict {
    STREAM_GOOD,      /* so far; at stream_end: it was whole, and the answer is written */
    STREAM_CUT,       /* at stream_end: it ended before it was whole */
    STREAM_FAILED,    /* the server says so: stream->error */
    STREAM_BROKEN,    /* an event, or the answer, is not what it has to be: stream->reason */
    STREAM_TOO_LARGE, /* the answer is over size_max */
    STREAM_NO_MEMORY,
};

struct stream {
    /* To be read. */
    enum stream_verdict verdict; /* GOOD, or how it failed */
    struct stream_error error;   /* of FAILED */
    const char *reason;          /* of BROKEN; static, lower case, no full stop */
    uint64_t events;             /* taken in */
    bool carries;                /* the last one brought output of the model: text, a piece of a */
                                 /* tool call's arguments, thinking */
    bool said_so;                /* an event said that the answer is whole */

    /* Private. */
    enum stream_form form;
    size_t size_max;
    struct tree tree; /* the answer so far; of a Response, see text */
    struct text text; /* of a Response: all of it */
};

/* What a url, or the path of one, answers to "stream":true. A query is left aside. */
enum stream_form stream_form_of(const char *url);

/* Make ready. Allocates nothing. size_max: of an answer, in bytes; 0: only memory is the limit. */
void stream_init(struct stream *stream, size_t size_max);

void stream_free(struct stream *stream);

/* Forget what there was, and give its memory back; events of this form follow. */
void stream_begin(struct stream *stream, enum stream_form form);

/*
 * Take in one event: its `event` field, empty if it has none, and its data.
 *
 *   Borrows  both, for the call.
 *   Costs    a check of the data, and a pass for each level that is looked into; about 1 us for an
 *            event of a token.
 *
 * Returns stream->verdict.
 */
enum stream_verdict stream_feed(struct stream *stream, struct json_span name,
                                struct json_span data);

/*
 * No more events will come. If `broken_off` the connection did not end as it should, and only an
 * event that said so makes the answer whole.
 *
 * STREAM_GOOD: the answer is appended to `out`. Else nothing is.
 */
JSON_MUST enum stream_verdict stream_end(struct stream *stream, bool broken_off, struct text *out);

#endif
