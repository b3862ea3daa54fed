/*
 * engine: the turn. See engine.h for the whole.
 *
 * A turn tidies up what was handed out, runs the timers, assigns, and then enters the kernel once,
 * which hands over all that was started and brings what is done.
 *
 * Bytes that came before a request was sent are never its answer. So requests are assigned right
 * before the kernel is entered, when all of the completions were acted on; and where that was a
 * while ago, the kernel is first asked what has come meanwhile: what was kept may have been closed,
 * or told something that nobody asked for.
 */
#include "engine/engine.h"

#include "base/bits.h"
#include "engine/fork.h"
#include "http/hints.h"

#include <assert.h>
#include <stdlib.h>

uint64_t engine_chance(struct quoit_engine *engine)
{
    /* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014) */
    engine->chance += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = engine->chance;
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

/*
 * How long the connection may wait for its next request: our own limit, or less where the server
 * says that it will close earlier, less a second or half of it for the way there. 0: not at all.
 */
static uint64_t engine_rest_ns(const struct quoit_engine *engine, const struct conn *conn)
{
    const struct response *response = &conn->response;
    struct hints_keep_alive hint =
        hints_keep_alive(response_headers(response), response->headers_count);
    uint64_t rest_ns = engine->options.pool_idle_ns;

    if (hint.max != HINTS_NONE && conn->exchanges >= hint.max) {
        return 0;
    }
    if (hint.timeout_ns != HINTS_NONE) {
        uint64_t margin_ns = min_u64(NS_PER_S, hint.timeout_ns / 2);
        rest_ns = min_u64(rest_ns, hint.timeout_ns - margin_ns);
    }
    return rest_ns;
}

static void engine_on_answered(struct quoit_engine *engine, struct conn *conn)
{
    struct slot *slot = engine_slot(engine, conn->slot);
    struct attempt_end end = { .conn = conn, .error = QUOIT_OK };

    origin_put_ticket(conn->origin, conn_take_ticket(conn));
    uint64_t rest_ns = engine_rest_ns(engine, conn);
    conn->slot = CONN_NONE;
    engine_on_progress(engine, slot, conn);
    engine_end_attempt(engine, slot, &end);
    engine->starved = false;
    if (rest_ns == 0) {
        conn_close(conn, QUOIT_OK);
        return;
    }
    pool_put(engine->pool, &conn->origin->shelf, conn->index);
    conn_rest(conn, after_ns(engine_now_ns(engine), rest_ns));
}

static void engine_on_closed(struct quoit_engine *engine, struct conn *conn)
{
    if (conn->slot != CONN_NONE) {
        struct slot *slot = engine_slot(engine, conn->slot);
        conn->slot = CONN_NONE;
        if (!slot->sending) {
            engine_on_open_failed(engine, slot, conn);
        } else {
            struct attempt_end end = { conn, conn->error, conn->os_error, conn->detail };
            engine_on_progress(engine, slot, conn);
            engine_end_attempt(engine, slot, &end);
        }
    }
    engine_give_back_conn(engine, conn);
}

static void engine_on_done(struct quoit_engine *engine, const struct ring_done *done)
{
    assert(done->tag.conn < engine->conns_max);
    struct conn *conn = &engine->conns[done->tag.conn];
    enum conn_verdict verdict = conn_on_done(conn, done);

    if (done->buffer != RING_NO_BUFFER) {
        ring_give_back(engine->ring, done->buffer);
    }
    if (conn->state == CONN_CLOSING) {
        pool_remove(engine->pool, conn->index); /* before anybody can take it */
    }
    switch (verdict) {
    case CONN_WORKING:
        return;
    case CONN_OPENED:
        engine_on_opened(engine, conn);
        return;
    case CONN_PROGRESS:
        engine_on_progress(engine, engine_slot(engine, conn->slot), conn);
        return;
    case CONN_ANSWERED:
        engine_on_answered(engine, conn);
        return;
    case CONN_CLOSED:
        engine_on_closed(engine, conn);
        return;
    }
    abort(); /* a verdict without a case */
}

/* True: at least one timer ran out. */
static bool engine_run_timers(struct quoit_engine *engine)
{
    struct timer *timer;
    bool ran = false;

    while ((timer = timer_take(&engine->timers, engine_now_ns(engine))) != NULL) {
        ran = true;
        switch (timer->kind) {
        case TIMER_SLOT:
            engine_on_slot_timer(engine, CONTAINER_OF(timer, struct slot, timer));
            break;
        case TIMER_STARVED:
            engine->starved = false;
            break;
        case TIMER_LANE:
            engine_wake_lane(engine, CONTAINER_OF(timer, struct lane, timer));
            break;
        case TIMER_POST:
            engine_on_post_timer(engine, timer);
            break;
        }
    }
    return ran;
}

/* Arm receives that found no buffer: no more than there are buffers now. */
static void engine_feed_hungry(struct quoit_engine *engine)
{
    for (unsigned group = 0; group < RING_GROUPS; group++) {
        struct list *hungry = &engine->shared.hungry[group];
        uint32_t buffers = ring_buffers_free(engine->ring, (enum ring_group)group);

        while (buffers > 0 && !list_is_empty(hungry)) {
            conn_feed_hungry(LIST_FIRST(hungry, struct conn, hungry_link));
            buffers--;
        }
    }
}

/* Enter the kernel once, and act on what it brings. Returns how many completions there were. */
static uint32_t engine_enter(struct quoit_engine *engine, uint64_t wait_ns)
{
    bool calm = engine->in_flight > 0 && engine->in_flight <= ENGINE_CALM_MAX;

    if (fork_was_seen()) {
        ring_share(engine->ring);
    }
    uint64_t rounds = ring_rounds(engine->ring);
    uint32_t count = ring_turn(engine->ring, engine->done, ENGINE_DONE_MAX, wait_ns, calm);

    engine->shared.now_ns = ring_after_ns(engine->ring);
    if (ring_rounds(engine->ring) != rounds && !ring_may_bring(engine->ring)) {
        engine->shared.heard_ns = ring_after_ns(engine->ring);
    }
    for (uint32_t i = 0; i < engine->started_count; i++) {
        engine->conns[engine->started[i]].sent_ns = ring_before_ns(engine->ring);
    }
    engine->started_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        engine_on_done(engine, &engine->done[i]);
    }
    return count;
}

/* Is what has come until now acted on, but for the last moment? Reads the clock. */
static bool engine_has_heard(struct quoit_engine *engine)
{
    engine->shared.now_ns = ring_now_ns(engine->ring);
    return until_ns(engine_now_ns(engine), engine->shared.heard_ns) < ENGINE_AWAY_NS;
}

/*
 * Before a request is put on a connection that was kept: if it is a while since all that had come
 * was acted on (the caller was away, or there was much to act on), or a receive has yet to go out,
 * hear what there is. Not without end: where answers come all the time, there is always more. True:
 * somebody has called quoit_wake.
 */
static bool engine_catch_up(struct quoit_engine *engine)
{
    uint32_t open_count = engine->conns_max - engine->free_count;
    uint32_t entries_left = ENGINE_ENTRIES_MIN + open_count / ENGINE_ENTRY_BRINGS;
    bool woken = false;

    if (list_is_empty(&engine->runnable) || pool_oldest(engine->pool) == POOL_NONE) {
        return false;
    }
    while (entries_left > 0 && !engine_has_heard(engine)) {
        entries_left--;
        engine_enter(engine, 0);
        engine_feed_hungry(engine);
        woken = woken || ring_was_woken(engine->ring);
    }
    return woken;
}

/*
 * Give connections to all that may go now: what was submitted, and what other threads posted. True:
 * as engine_assign says.
 */
static bool engine_assign_all(struct quoit_engine *engine)
{
    bool more;

    engine_take_posts(engine);
    do {
        more = engine_assign(engine);
    } while (engine_answer_posts(engine)); /* what ended at once has left its slot to others */
    return more;
}

/* What the kernel, the resolver and time bring. True: something. */
static bool engine_hear(struct quoit_engine *engine, uint64_t wait_ns)
{
    uint32_t count = engine_enter(engine, wait_ns);

    engine_take_names(engine);
    bool ran = engine_run_timers(engine);
    engine_feed_hungry(engine);
    engine_answer_posts(engine);
    engine->busy = count > 0;
    return ran || count > 0;
}

/*
 * The owner goes back to an event loop that watches quoit_fd (DESIGN.md 4). All that was started is
 * handed over, and what is there already is acted on, or the fd is readable: the loop is neither
 * held up nor forgotten.
 */
static void engine_rest(struct quoit_engine *engine)
{
    for (unsigned rounds = 0; rounds < ENGINE_ROUNDS_MAX; rounds++) {
        engine_catch_up(engine);
        bool more = engine_assign_all(engine);
        if (!more && ring_fd_rest(engine->ring, timer_next_ns(&engine->timers))) {
            return;
        }
        engine_hear(engine, 0);
    }
    ring_fd_call(engine->ring);
}

void engine_owe_turn(struct quoit_engine *engine)
{
    if (engine->embedded && !engine->owes_turn) {
        engine->owes_turn = true;
        ring_fd_call(engine->ring);
    }
}

void engine_note_free_slot(struct quoit_engine *engine)
{
    if (engine->lacks_slot) {
        engine->lacks_slot = false;
        engine_owe_turn(engine);
    }
}

/* How many slots somebody may have, or could if results were taken. */
static uint32_t engine_idle_slots(const struct quoit_engine *engine)
{
    return engine->slots.counts[SLOT_FREE] + engine->slots.counts[SLOT_DONE];
}

void engine_turn(struct quoit_engine *engine, const struct list *ready, uint64_t wait_ns)
{
    engine->shared.now_ns = ring_now_ns(engine->ring);
    uint64_t end_ns = after_ns(engine_now_ns(engine), wait_ns);

    if (engine->embedded) {
        ring_fd_work(engine->ring);
        engine->owes_turn = false;
    }
    engine_tidy(engine);
    engine_run_timers(engine);
    uint32_t idle = engine_idle_slots(engine);
    for (bool over = false, woken = false; !over;) {
        woken = engine_catch_up(engine) || woken;
        bool more = engine_assign_all(engine);
        bool was_ready = !list_is_empty(ready) || woken;
        uint64_t until = min_u64(end_ns, timer_next_ns(&engine->timers));
        uint64_t pause_ns =
            until == UINT64_MAX ? QUOIT_NEVER : until_ns(until, engine_now_ns(engine));

        bool heard = engine_hear(engine, was_ready || more ? 0 : pause_ns);
        bool may_submit = /* a batch; posts do so by themselves */
            engine->lacks_slot && ready != &engine->ready && engine_idle_slots(engine) > idle;
        /* Nothing came in a wait, and no timer ran out: a signal. */
        over = was_ready || !list_is_empty(ready) || engine_now_ns(engine) >= end_ns ||
               ring_was_woken(engine->ring) || (!heard && !more) || may_submit;
    }
    if (engine->embedded) {
        engine_rest(engine);
    }
}

void engine_join(struct quoit_engine *engine)
{
    for (uint32_t i = 0; i < engine->conns_max; i++) {
        if (engine->conns[i].state != CONN_FREE) {
            pool_remove(engine->pool, i);
            conn_close(&engine->conns[i], QUOIT_E_CANCELLED);
        }
    }
    while (engine->free_count < engine->conns_max) {
        engine_enter(engine, NS_PER_S);
    }
}
