/*
 * stream_parts: between stream.c and the files of its forms.
 */
#ifndef QUOIT_LLM_STREAM_PARTS_H
#define QUOIT_LLM_STREAM_PARTS_H

#include "llm/stream.h"

/* The member of the root of that name, with quotes; NULL: the tree's fault says why. */
struct tree_node *stream_member(struct stream *stream, const char *quoted);

/* Note that the answer is no answer. */
void stream_break(struct stream *stream, const char *reason);

/* Note that the server says that it failed, and what it says. */
void stream_fail(struct stream *stream, struct json_span error);

/* One chunk of a completion, or of a chat's: an object of a checked text. */
void stream_feed_chunk(struct stream *stream, struct json_span chunk);

/* Has each choice a finish_reason, and is there one? */
bool stream_is_finished(const struct stream *stream);

/* One event of Anthropic's, whose `type` is that string. */
void stream_feed_message(struct stream *stream, struct json_span type, struct json_span event);

/* The inputs of tools came as pieces of a text: put what it says in its place. */
void stream_finish_message(struct stream *stream);

#endif
