/*
 * replies: a queue of posts that have ended, between the engine's thread and those that ask.
 *
 * Happy path: the engine's thread puts a post in, a thread that waits is woken and takes it out. A
 * queue outlives its destroy until the last post that names it has come: what comes after it is
 * dropped. The descriptor is there only for those who asked for it.
 */
#ifndef QUOIT_ENGINE_REPLIES_H
#define QUOIT_ENGINE_REPLIES_H

#include "engine/post.h"

/* One holder more. Any thread. Returns replies. */
struct quoit_replies *replies_hold(struct quoit_replies *replies);

/* One holder less; the last one frees it. Any thread. */
void replies_drop(struct quoit_replies *replies);

/* Hand a post to the queue that it names, which is not held by it any more; or drop it. */
void replies_put(struct post *post);

#endif
