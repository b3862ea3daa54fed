/*
 * stream: bodies that are made piece by piece, events of a token each, or pages too large to hold.
 *
 *     begin, token 0 | token 1 | ... | last token, end
 *
 * Pure: whoever sends it asks for the next piece when its time has come.
 */
#ifndef QUOIT_MOCK_STREAM_H
#define QUOIT_MOCK_STREAM_H

#include "mock/answer.h"

struct stream {
    uint64_t index; /* of the next piece */
    uint64_t total; /* pieces; at least 1 */
    uint64_t stop;  /* the stream is cut before that piece; total + 1: it is not */
    bool done;      /* nothing more will come */
};

/*
 * Make ready for the first piece. `cut_at` says where a fault cuts the body: UINT64_MAX nowhere,
 * 0 in its middle, else at the first piece that goes beyond so many bytes of a page, or before
 * that event of a stream.
 */
void stream_init(struct stream *stream, const struct answer_request *request, uint64_t body_size,
                 uint64_t cut_at);

/* Append the next piece, and the end behind the last one. Sets stream->done. */
void stream_write_next(struct stream *stream, const struct answer_request *request,
                       struct blob *out);

#endif
