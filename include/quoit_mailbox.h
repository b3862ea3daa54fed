/*
 * quoit_mailbox: ask an engine from threads that do not own it.
 *
 * An engine belongs to one thread. Its mailbox takes requests from all others; the engine's thread
 * sends them while it turns; each answer goes to the queue that its asker named.
 *
 *     the engine's thread                           any other thread
 *
 *     quoit_mailbox_create(engine, NULL, &mailbox); quoit_replies_create(&replies);
 *     while (!over) {                               quoit_post(mailbox, &request, replies, &id);
 *         quoit_turn(engine, QUOIT_NEVER);          reply = quoit_replies_next(replies, wait_ns);
 *     }                                             printf("%u\n", reply->result->status);
 *     quoit_mailbox_destroy(mailbox);               quoit_reply_free(reply);
 *
 * What the engine's thread does otherwise stays as it is: its own requests, their events, batches.
 * A post never stands among the events of quoit_next.
 *
 * Every post that was taken has one reply, in the queue that it named and in no other: an answer,
 * an error, or QUOIT_E_CANCELLED. Posts of one thread are begun in their order. A queue may be one
 * thread's or shared by many, and serve mailboxes of many engines: that is how one thread spreads
 * work over several.
 *
 * Where "Threads" says any, a call may be made by any thread at any time until its struct is
 * destroyed, but not by a signal handler. A forked child may do nothing with a queue.
 */
#ifndef QUOIT_MAILBOX_H
#define QUOIT_MAILBOX_H

#include <quoit.h>

#ifdef __cplusplus
extern "C" {
#endif

struct quoit_mailbox; /* opaque; one engine's */
struct quoit_replies; /* opaque: a queue of replies */

struct quoit_mailbox_options {
    uint32_t posts_max; /* posted, and the reply not yet in its queue: 4096 */
    uint64_t reserved[7];
};

/* How a post ended. Yours until quoit_reply_free, with all that it points to. */
struct quoit_reply {
    uint64_t id;                         /* as quoit_post gave it */
    void *context;                       /* the request's */
    const struct quoit_request *request; /* the copy of what was posted; may be posted again */
    const struct quoit_result *result;   /* submitted_ns is when it was posted */
};

/*
 * Make the mailbox of an engine. It takes slots of the engine as they come free (requests_max), and
 * leaves none to requests of your own while more is posted than there are slots: make room for
 * both.
 *
 *   Copies   options. NULL: all defaults.
 *   Threads  the engine's.
 *
 * Returns QUOIT_OK, or:
 *   QUOIT_E_ARGUMENT   the engine has a mailbox; posts_max is above 16,000,000; reserved is not 0.
 *   QUOIT_E_NO_MEMORY
 *   QUOIT_E_THREAD, QUOIT_E_FORKED
 */
QUOIT_API QUOIT_MUST enum quoit_error
quoit_mailbox_create(struct quoit_engine *engine, const struct quoit_mailbox_options *options,
                     struct quoit_mailbox **mailbox_out);

/*
 * Cancel what was posted and not answered, see its replies into their queues, and free the mailbox:
 * before its engine is destroyed. All calls of quoit_post and quoit_post_cancel must have returned,
 * and no other may follow. NULL is allowed.
 *
 *   Blocks   for milliseconds while connections close; counts as a quoit_turn.
 *   Threads  the engine's; in another, or in a forked child, it does nothing.
 */
QUOIT_API void quoit_mailbox_destroy(struct quoit_mailbox *mailbox);

/*
 * Hand a request to the engine's thread.
 *
 *   Copies   request, its strings, headers and body: nothing of yours is needed afterwards. A body
 *            is copied too, since between threads nobody could say cheaply when it is free again.
 *   Borrows  request->limit, which must be of that engine, until the reply. Counts request->tls.
 *   Blocks   never for the network; for the time in which another thread puts a post in, or the
 *            engine's takes them.
 *   Costs    one allocation; a quoit_wake if nothing else was posted since the engine last looked.
 *   Threads  any.
 *
 * The engine takes it in its next quoit_turn (and quoit_turn returns, as after quoit_wake), and
 * submits it as soon as a slot is free. Its deadline counts from here. What quoit_submit would
 * refuse ends with that error as its result. With `judge` an answer of any status is final; to try
 * once more, post reply->request again. The engine's quoit_cancel_all also ends posts that have a
 * slot.
 *
 * Returns QUOIT_OK, or:
 *   QUOIT_E_NO_SLOT    posts_max are on their way: wait for a reply.
 *   QUOIT_E_URL        request->url is NULL.
 *   QUOIT_E_ARGUMENT   request->stream is QUOIT_PIECES, QUOIT_SSE or out of range (events of a
 *                      stream stay with the engine's thread); a body or headers at NULL that are
 *                      not of size 0.
 *   QUOIT_E_NO_MEMORY
 *   QUOIT_E_FORKED
 */
QUOIT_API QUOIT_MUST enum quoit_error quoit_post(struct quoit_mailbox *mailbox,
                                                 const struct quoit_request *request,
                                                 struct quoit_replies *replies, uint64_t *id_out);

/*
 * Give up a post in whatever state it is. Its reply still comes, with QUOIT_E_CANCELLED or with the
 * answer that was there first.
 *
 *   Threads  any.
 *
 * Returns QUOIT_OK, or:
 *   QUOIT_E_STALE   its reply is in its queue, or it never was.
 *   QUOIT_E_FORKED
 */
QUOIT_API enum quoit_error quoit_post_cancel(struct quoit_mailbox *mailbox, uint64_t id);

/*
 * Make a queue. It holds as many replies as come: posts_max bounds only what is on its way.
 *
 *   Threads  any.
 *
 * Returns QUOIT_OK, or QUOIT_E_NO_MEMORY.
 */
QUOIT_API QUOIT_MUST enum quoit_error quoit_replies_create(struct quoit_replies **replies_out);

/*
 * Drop the replies that were not taken, and those that are still to come: posts may be on their
 * way. No thread may wait in quoit_replies_next. NULL is allowed.
 *
 *   Threads  any.
 */
QUOIT_API void quoit_replies_destroy(struct quoit_replies *replies);

/*
 * Take the oldest reply. NULL: none came in that time.
 *
 *   Blocks   up to wait_ns; 0: not at all; QUOIT_NEVER: until there is one, also over signals.
 *            Never wait so in the engine's own thread: only its turns bring replies.
 *   Threads  any, also several at a time: each reply goes to one of them.
 */
QUOIT_API struct quoit_reply *quoit_replies_next(struct quoit_replies *replies, uint64_t wait_ns);

/*
 * A descriptor that is readable while replies wait, for the event loop of a thread that asks: take
 * replies until there are none. The queue's: do not read or close it. -1: no descriptor is left.
 *
 *   Costs    from the first call on, two system calls each time that the queue was empty.
 *   Threads  any.
 */
QUOIT_API int quoit_replies_fd(struct quoit_replies *replies);

/* Free a reply and all that it points to. Any thread. NULL is allowed. */
QUOIT_API void quoit_reply_free(struct quoit_reply *reply);

#ifdef __cplusplus
}
#endif

#endif
