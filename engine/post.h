/*
 * post: a request on its way from the thread that asks to an engine, and its answer on the way
 * back.
 *
 * Happy path: quoit_post makes one, the engine's thread reads the request and puts the answer in,
 * the asker gets it as a quoit_reply and frees it. One allocation holds the request and all that it
 * points to; the answer's buffers are those of the slot. So nothing that can fail stands between a
 * post that was taken and its reply.
 *
 * A post is in one place at a time and belongs to whoever holds that place: the mailbox's lists, a
 * slot, the queue, the asker. Only its cancel_link is the mailbox's throughout.
 */
#ifndef QUOIT_ENGINE_POST_H
#define QUOIT_ENGINE_POST_H

#include "base/list.h"
#include "base/timer.h"
#include "engine/slot.h"
#include "quoit.h"
#include "quoit_mailbox.h"

struct post {
    struct quoit_reply reply;      /* what the asker is given; points to what follows */
    struct quoit_request request;  /* points behind this struct; its tls is held */
    struct slot_answer answer;     /* owned */
    struct quoit_replies *replies; /* held until the reply is in there; then NULL */
    struct list link;              /* of the place it is in; in a slot: of none */
    struct list cancel_link;       /* in the mailbox's list of those to cancel, or in none */
    struct timer timer;            /* its deadline, while it waits for a slot */
    uint64_t posted_ns;            /* an instant */
    uint64_t deadline_ns;          /* an instant; UINT64_MAX: none */
    uint64_t slot_id;              /* 0: it has no slot */
    uint32_t place;                /* in the mailbox */
    bool cancelled;                /* by quoit_post_cancel */
};

/* NULL: out of memory. The request must be as quoit_post checks it. */
struct post *post_create(const struct quoit_request *request, struct quoit_replies *replies);

/* NULL is allowed. */
void post_free(struct post *post);

#endif
