/*
 * api_mailbox: requests of other threads, and their replies. See quoit_mailbox.h.
 *
 *     quoit_post --> arrived --> held --> a slot --> ended --> the queue of replies
 *        |  any thread | the engine's thread: each turn
 *        +--> cancels -+
 *
 * Happy path: a post is given a place, which is half of its id, and stands among those that have
 * arrived; the first of them wakes the engine. The turn takes all that have arrived at once, and
 * submits them as slots come free. A slot that is DONE gives its answer to the post, and the place
 * is free before the reply is in its queue, so that whoever has a reply may post again.
 *
 * A lock guards the two lists that both sides use, and the places. It is held for a few stores, and
 * with eight threads that post on two cores a lock-free stack in its place was not faster.
 *
 * What fails after quoit_post has said yes is told by the reply.
 */
#include "base/bits.h"
#include "engine/engine.h"
#include "engine/post.h"
#include "engine/replies.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define POSTS_DEFAULT 4096
#define POSTS_LIMIT 16000000

struct mailbox_place {
    struct post *post;   /* NULL: it is free */
    uint32_t generation; /* counts releases; the high half of the id; never 0 */
    uint32_t free_next;
};

struct quoit_mailbox {
    struct quoit_engine *engine; /* borrowed */
    uint32_t posts_max;
    atomic_bool has_news; /* `arrived` or `cancels` is not empty; changed under the lock */
    atomic_bool is_full;  /* so that to find it full costs nothing; changed under the lock */

    pthread_mutex_t lock;         /* of what follows up to the blank line */
    struct list arrived;          /* posts, oldest first */
    struct list cancels;          /* posts to cancel, by cancel_link */
    struct mailbox_place *places; /* owned; the post of a place is also read by its owner */
    uint32_t free_first, free_count;
    uint64_t wakes; /* since the engine's thread last looked */

    /* The engine's thread's own. */
    struct list held;  /* posts that wait for a slot, oldest first */
    struct list done;  /* slots that are DONE, by `ready` */
    struct list ended; /* posts that have their result */
};

/* -------- any thread -------- */

/* There is news; the lock is held. True: the engine has to be woken. */
static bool mailbox_note_news(struct quoit_mailbox *mailbox)
{
    bool first = !atomic_load_explicit(&mailbox->has_news, memory_order_relaxed);

    atomic_store_explicit(&mailbox->has_news, true, memory_order_relaxed);
    mailbox->wakes += first;
    return first;
}

static void mailbox_set_free_count(struct quoit_mailbox *mailbox, uint32_t count)
{
    mailbox->free_count = count;
    atomic_store_explicit(&mailbox->is_full, count == 0, memory_order_relaxed);
}

/* Give the post a place, and its id; the lock is held. False: there is none. */
static bool mailbox_take_place(struct quoit_mailbox *mailbox, struct post *post)
{
    if (mailbox->free_count == 0) {
        return false;
    }
    struct mailbox_place *place = &mailbox->places[mailbox->free_first];
    post->place = mailbox->free_first;
    post->reply.id = (uint64_t)place->generation << 32 | post->place;
    place->post = post;
    mailbox->free_first = place->free_next;
    mailbox_set_free_count(mailbox, mailbox->free_count - 1);
    return true;
}

/* The lock is held. */
static void mailbox_free_place(struct quoit_mailbox *mailbox, struct post *post)
{
    struct mailbox_place *place = &mailbox->places[post->place];

    assert(place->post == post);
    list_remove(&post->cancel_link);
    place->post = NULL;
    place->generation = place->generation == UINT32_MAX ? 1 : place->generation + 1;
    place->free_next = mailbox->free_first;
    mailbox->free_first = post->place;
    mailbox_set_free_count(mailbox, mailbox->free_count + 1);
}

/* The post of that id; the lock is held. NULL: there is none. */
static struct post *mailbox_find(struct quoit_mailbox *mailbox, uint64_t id)
{
    uint32_t index = (uint32_t)id;

    if (index >= mailbox->posts_max || mailbox->places[index].generation != id >> 32) {
        return NULL;
    }
    return mailbox->places[index].post;
}

static enum quoit_error post_check(const struct quoit_request *request)
{
    if (request->url == NULL) {
        return QUOIT_E_URL;
    }
    if ((request->stream != QUOIT_WHOLE && request->stream != QUOIT_DISCARD) ||
        (request->body.size > 0 && request->body.bytes == NULL) ||
        (request->headers_count > 0 && request->headers == NULL)) {
        return QUOIT_E_ARGUMENT;
    }
    return QUOIT_OK;
}

enum quoit_error quoit_post(struct quoit_mailbox *mailbox, const struct quoit_request *request,
                            struct quoit_replies *replies, uint64_t *id_out)
{
    enum quoit_error error = post_check(request);

    if (*mailbox->engine->fork_guard == 0) {
        return QUOIT_E_FORKED;
    }
    if (error != QUOIT_OK) {
        return error;
    }
    if (atomic_load_explicit(&mailbox->is_full, memory_order_relaxed)) {
        return QUOIT_E_NO_SLOT;
    }
    struct post *post = post_create(request, replies);
    if (post == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    bool first = false;
    uint64_t id = 0; /* once the lock is free, the post may have been answered and be gone */
    pthread_mutex_lock(&mailbox->lock);
    bool taken = mailbox_take_place(mailbox, post);
    if (taken) {
        id = post->reply.id;
        list_append(&mailbox->arrived, &post->link);
        first = mailbox_note_news(mailbox);
    }
    pthread_mutex_unlock(&mailbox->lock);
    if (!taken) {
        post_free(post);
        return QUOIT_E_NO_SLOT;
    }
    if (first) {
        quoit_wake(mailbox->engine);
    }
    *id_out = id;
    return QUOIT_OK;
}

enum quoit_error quoit_post_cancel(struct quoit_mailbox *mailbox, uint64_t id)
{
    bool first = false;

    if (*mailbox->engine->fork_guard == 0) {
        return QUOIT_E_FORKED;
    }
    pthread_mutex_lock(&mailbox->lock);
    struct post *post = mailbox_find(mailbox, id);
    if (post != NULL && !post->cancelled) {
        post->cancelled = true;
        list_append(&mailbox->cancels, &post->cancel_link);
        first = mailbox_note_news(mailbox);
    }
    pthread_mutex_unlock(&mailbox->lock);
    if (first) {
        quoit_wake(mailbox->engine);
    }
    return post == NULL ? QUOIT_E_STALE : QUOIT_OK;
}

/* -------- the engine's thread: out of a slot, or without one -------- */

static void mailbox_end(struct quoit_mailbox *mailbox, struct post *post)
{
    post->slot_id = 0;
    post->answer.result.times.submitted_ns = post->posted_ns;
    list_append(&mailbox->ended, &post->link);
}

/* It ends without having had a slot. */
static void mailbox_refuse(struct quoit_mailbox *mailbox, struct post *post, enum quoit_error error)
{
    timer_stop(&mailbox->engine->timers, &post->timer);
    list_remove(&post->link);
    post->answer.result = (struct quoit_result){
        .error = error,
        .detail = "",
        .body = { "", 0 },
        .times.end_ns = quoit_now_ns(), /* the engine's clock may be from before it was posted */
    };
    mailbox_end(mailbox, post);
}

/* Take the answers out of the slots that are DONE, and free those. */
static void mailbox_collect(struct quoit_mailbox *mailbox)
{
    LIST_EACH (&mailbox->done, link) {
        struct slot *slot = CONTAINER_OF(link, struct slot, ready);
        struct post *post = mailbox->places[slot->taker_index].post;

        slot_take_answer(slot, &post->answer);
        list_remove(&slot->ready);
        engine_release(mailbox->engine, slot);
        mailbox_end(mailbox, post);
    }
}

/* Hand out what has ended. */
static void mailbox_deliver(struct quoit_mailbox *mailbox)
{
    if (list_is_empty(&mailbox->ended)) {
        return;
    }
    pthread_mutex_lock(&mailbox->lock);
    LIST_EACH (&mailbox->ended, link) {
        mailbox_free_place(mailbox, CONTAINER_OF(link, struct post, link));
    }
    pthread_mutex_unlock(&mailbox->lock);
    LIST_EACH (&mailbox->ended, link) {
        list_remove(link);
        replies_put(CONTAINER_OF(link, struct post, link));
    }
}

void engine_on_post_timer(struct quoit_engine *engine, struct timer *timer)
{
    mailbox_refuse(engine->mailbox, CONTAINER_OF(timer, struct post, timer),
                   QUOIT_E_TIMEOUT_DEADLINE);
}

/* -------- the engine's thread: into slots -------- */

/* It has arrived: from now on it waits for a slot, until its deadline. */
static void mailbox_hold(struct quoit_mailbox *mailbox, struct post *post)
{
    struct quoit_engine *engine = mailbox->engine;
    uint64_t deadline_ns = post->request.timeouts.deadline_ns;

    if (deadline_ns == 0) {
        deadline_ns = engine->options.timeouts.deadline_ns;
    }
    post->deadline_ns = after_ns(post->posted_ns, deadline_ns);
    timer_set(&engine->timers, &post->timer, post->deadline_ns);
}

static void mailbox_cancel(struct quoit_mailbox *mailbox, struct post *post)
{
    if (post->slot_id != 0) {
        engine_cancel(mailbox->engine, slot_find(&mailbox->engine->slots, post->slot_id));
    } else {
        mailbox_refuse(mailbox, post, QUOIT_E_CANCELLED);
    }
}

/* Take all that has arrived, and cancel what is to be cancelled. */
static void mailbox_take_news(struct quoit_mailbox *mailbox)
{
    struct list arrived, cancels;

    if (!atomic_load_explicit(&mailbox->has_news, memory_order_relaxed)) {
        return; /* what came just now wakes the next turn */
    }
    mailbox_deliver(mailbox); /* what has ended is not to be cancelled */
    list_init(&arrived);
    list_init(&cancels);
    pthread_mutex_lock(&mailbox->lock);
    atomic_store_explicit(&mailbox->has_news, false, memory_order_relaxed);
    list_append_all(&arrived, &mailbox->arrived);
    list_append_all(&cancels, &mailbox->cancels);
    mailbox->engine->stats.post_wakes += mailbox->wakes;
    mailbox->wakes = 0;
    pthread_mutex_unlock(&mailbox->lock);

    LIST_EACH (&arrived, link) {
        mailbox->engine->stats.posted++;
        mailbox_hold(mailbox, CONTAINER_OF(link, struct post, link));
    }
    list_append_all(&mailbox->held, &arrived);
    LIST_EACH (&cancels, link) {
        list_remove(link);
        mailbox_cancel(mailbox, CONTAINER_OF(link, struct post, cancel_link));
    }
}

/* Into a slot that is free; or its end, if it cannot be sent. */
static void mailbox_submit(struct quoit_mailbox *mailbox, struct post *post)
{
    struct quoit_engine *engine = mailbox->engine;
    struct quoit_request request = post->request;
    struct slot *slot = NULL;

    if (post->deadline_ns != UINT64_MAX) {
        request.timeouts.deadline_ns = max_u64(1, until_ns(post->deadline_ns, quoit_now_ns()));
    }
    enum quoit_error error = engine_submit(engine, &request, &slot);
    if (error != QUOIT_OK) {
        mailbox_refuse(mailbox, post, error);
        return;
    }
    timer_stop(&engine->timers, &post->timer);
    list_remove(&post->link);
    post->slot_id = slot_id(slot);
    slot->taker = &mailbox->done;
    slot->taker_index = post->place;
}

/* Submit for as long as there are slots. */
static void mailbox_submit_held(struct quoit_mailbox *mailbox)
{
    const uint32_t *free_slots = &mailbox->engine->slots.counts[SLOT_FREE];

    LIST_EACH (&mailbox->held, link) {
        if (*free_slots == 0) {
            mailbox->engine->lacks_slot = true;
            return;
        }
        mailbox_submit(mailbox, CONTAINER_OF(link, struct post, link));
    }
}

void engine_take_posts(struct quoit_engine *engine)
{
    if (engine->mailbox != NULL) {
        mailbox_take_news(engine->mailbox);
        mailbox_submit_held(engine->mailbox);
    }
}

bool engine_answer_posts(struct quoit_engine *engine)
{
    struct quoit_mailbox *mailbox = engine->mailbox;

    if (mailbox == NULL || (list_is_empty(&mailbox->done) && list_is_empty(&mailbox->ended))) {
        return false;
    }
    bool held = !list_is_empty(&mailbox->held);
    mailbox_collect(mailbox);
    mailbox_submit_held(mailbox);
    mailbox_deliver(mailbox);
    return held;
}

/* -------- create and destroy -------- */

static void mailbox_free(struct quoit_mailbox *mailbox)
{
    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox->places);
    free(mailbox);
}

static bool mailbox_options_are_good(const struct quoit_mailbox_options *options)
{
    for (size_t i = 0; i < COUNT_OF(options->reserved); i++) {
        if (options->reserved[i] != 0) {
            return false;
        }
    }
    return options->posts_max <= POSTS_LIMIT;
}

enum quoit_error quoit_mailbox_create(struct quoit_engine *engine,
                                      const struct quoit_mailbox_options *options,
                                      struct quoit_mailbox **mailbox_out)
{
    enum quoit_error error = api_check(engine);

    if (error != QUOIT_OK) {
        return error;
    }
    if (engine->mailbox != NULL || (options != NULL && !mailbox_options_are_good(options))) {
        return QUOIT_E_ARGUMENT;
    }
    uint32_t posts_max =
        options == NULL || options->posts_max == 0 ? POSTS_DEFAULT : options->posts_max;
    struct quoit_mailbox *mailbox = calloc(1, sizeof(*mailbox));
    if (mailbox == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    pthread_mutex_init(&mailbox->lock, NULL);
    mailbox->engine = engine;
    mailbox->posts_max = posts_max;
    mailbox->places = calloc(posts_max, sizeof(*mailbox->places));
    if (mailbox->places == NULL ||
        !timer_reserve(&engine->timers, engine->timers_count + posts_max)) {
        mailbox_free(mailbox);
        return QUOIT_E_NO_MEMORY;
    }
    engine->timers_count += posts_max;
    for (uint32_t i = 0; i < posts_max; i++) {
        mailbox->places[i] = (struct mailbox_place){ .generation = 1, .free_next = i + 1 };
    }
    mailbox->free_count = posts_max;
    list_init(&mailbox->arrived);
    list_init(&mailbox->cancels);
    list_init(&mailbox->held);
    list_init(&mailbox->done);
    list_init(&mailbox->ended);
    engine->mailbox = mailbox;
    *mailbox_out = mailbox;
    return QUOIT_OK;
}

void quoit_mailbox_destroy(struct quoit_mailbox *mailbox)
{
    if (mailbox == NULL || api_check(mailbox->engine) != QUOIT_OK) {
        return;
    }
    struct quoit_engine *engine = mailbox->engine;

    mailbox_take_news(mailbox);
    mailbox_deliver(mailbox);
    engine->mailbox = NULL; /* a turn does not do what is done here from now on */
    for (uint32_t i = 0; i < mailbox->posts_max; i++) {
        if (mailbox->places[i].post != NULL) {
            mailbox_cancel(mailbox, mailbox->places[i].post);
        }
    }
    for (;;) {
        mailbox_collect(mailbox);
        mailbox_deliver(mailbox);
        if (mailbox->free_count == mailbox->posts_max) {
            break;
        }
        engine_turn(engine, &mailbox->done, QUOIT_NEVER);
    }
    engine->timers_count -= mailbox->posts_max;
    mailbox_free(mailbox);
}
