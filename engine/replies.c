/*
 * replies: see replies.h, and quoit_mailbox.h for the calls.
 */
#include "engine/replies.h"

#include "base/bits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct quoit_replies {
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t filled;
    struct list ready; /* posts */
    int fd;            /* readable while `ready` is not empty; -1: nobody has asked for it */
    bool destroyed;

    atomic_uint holders; /* whoever made it, and the posts that name it */
};

enum quoit_error quoit_replies_create(struct quoit_replies **replies_out)
{
    struct quoit_replies *replies = calloc(1, sizeof(*replies));
    pthread_condattr_t attributes;

    if (replies == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    if (pthread_condattr_init(&attributes) != 0) {
        free(replies);
        return QUOIT_E_NO_MEMORY;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&replies->filled, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&replies->lock, NULL);
    list_init(&replies->ready);
    replies->fd = -1;
    atomic_init(&replies->holders, 1);
    *replies_out = replies;
    return QUOIT_OK;
}

struct quoit_replies *replies_hold(struct quoit_replies *replies)
{
    atomic_fetch_add_explicit(&replies->holders, 1, memory_order_relaxed);
    return replies;
}

void replies_drop(struct quoit_replies *replies)
{
    if (atomic_fetch_sub_explicit(&replies->holders, 1, memory_order_acq_rel) > 1) {
        return;
    }
    pthread_cond_destroy(&replies->filled);
    pthread_mutex_destroy(&replies->lock);
    free(replies);
}

void quoit_replies_destroy(struct quoit_replies *replies)
{
    struct list dropped;

    if (replies == NULL) {
        return;
    }
    list_init(&dropped);
    pthread_mutex_lock(&replies->lock);
    replies->destroyed = true;
    list_append_all(&dropped, &replies->ready);
    if (replies->fd >= 0) {
        close(replies->fd);
        replies->fd = -1;
    }
    pthread_mutex_unlock(&replies->lock);
    LIST_EACH (&dropped, link) {
        post_free(CONTAINER_OF(link, struct post, link));
    }
    replies_drop(replies);
}

/* -------- in -------- */

static void replies_append(struct quoit_replies *replies, struct post *post)
{
    static const uint64_t one = 1;

    if (replies->fd >= 0 && list_is_empty(&replies->ready)) {
        ssize_t written = write(replies->fd, &one, sizeof(one));
        (void)written; /* it holds 0, so there is room */
    }
    list_append(&replies->ready, &post->link);
    pthread_cond_signal(&replies->filled);
}

void replies_put(struct post *post)
{
    struct quoit_replies *replies = post->replies;

    post->replies = NULL;
    pthread_mutex_lock(&replies->lock);
    bool dropped = replies->destroyed;
    if (!dropped) {
        replies_append(replies, post);
    }
    pthread_mutex_unlock(&replies->lock);
    if (dropped) {
        post_free(post);
    }
    replies_drop(replies);
}

/* -------- out -------- */

/* Wait until something may have come. False: the time is over. */
static bool replies_wait(struct quoit_replies *replies, uint64_t end_ns)
{
    const struct timespec end = { .tv_sec = (time_t)(end_ns / NS_PER_S),
                                  .tv_nsec = (long)(end_ns % NS_PER_S) };

    if (end_ns == UINT64_MAX) {
        return pthread_cond_wait(&replies->filled, &replies->lock) == 0;
    }
    return pthread_cond_timedwait(&replies->filled, &replies->lock, &end) == 0;
}

/* The oldest post, or NULL. */
static struct post *replies_take(struct quoit_replies *replies)
{
    uint64_t value;

    if (list_is_empty(&replies->ready)) {
        return NULL;
    }
    struct post *post = LIST_FIRST(&replies->ready, struct post, link);
    list_remove(&post->link);
    if (replies->fd >= 0 && list_is_empty(&replies->ready)) {
        ssize_t got = read(replies->fd, &value, sizeof(value));
        (void)got; /* it holds 1, and never blocks */
    }
    return post;
}

struct quoit_reply *quoit_replies_next(struct quoit_replies *replies, uint64_t wait_ns)
{
    uint64_t end_ns = wait_ns == 0 ? 0 : after_ns(quoit_now_ns(), wait_ns);

    pthread_mutex_lock(&replies->lock);
    while (end_ns != 0 && list_is_empty(&replies->ready) && replies_wait(replies, end_ns)) {
    }
    struct post *post = replies_take(replies);
    pthread_mutex_unlock(&replies->lock);
    return post == NULL ? NULL : &post->reply;
}

int quoit_replies_fd(struct quoit_replies *replies)
{
    pthread_mutex_lock(&replies->lock);
    if (replies->fd < 0) {
        unsigned count = list_is_empty(&replies->ready) ? 0 : 1;
        replies->fd = eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    int fd = replies->fd;
    pthread_mutex_unlock(&replies->lock);
    return fd;
}

void quoit_reply_free(struct quoit_reply *reply)
{
    if (reply != NULL) {
        post_free(CONTAINER_OF(reply, struct post, reply));
    }
}
