/*
 * engine_assign: who may go, and on which connection.
 *
 * Happy path: the lanes that may go take turns; the first request of a lane gets the newest idle
 * connection of its origin, or the right to open one. Opening races the addresses of a name (RFC
 * 8305): a second one starts when the first has not connected within 250 ms or has failed.
 *
 * What may not go now steps out of the turn until a timer, an end, or a closed socket brings it
 * back: the limits in flight, a limit's bucket, the server's pace, an outage, no descriptor left.
 */
#include "engine/engine.h"

#include "base/bits.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void engine_enqueue(struct quoit_engine *engine, struct slot *slot, bool first)
{
    timer_stop(&engine->timers, &slot->timer);
    slot_queue(&engine->slots, slot, &slot->lane->queue, first);
    timer_set(&engine->timers, &slot->timer, slot->deadline_ns);
    if (slot->lane->timer.place == 0) { /* else time decides, and it has not come */
        engine_wake_lane(engine, slot->lane);
    }
}

/* -------- connections -------- */

void engine_give_back_conn(struct quoit_engine *engine, struct conn *conn)
{
    assert(conn->state == CONN_FREE);
    origin_put_ticket(conn->origin, conn_take_ticket(conn));
    conn->slot = CONN_NONE;
    conn->origin = NULL;
    engine->free_conns[engine->free_count++] = conn->index;
    engine->starved = engine->starved && conn->error == QUOIT_E_NO_DESCRIPTOR; /* it had no port */
}

/* A FREE connection, or NULL: then the oldest idle one is on its way to become one. */
static struct conn *engine_take_conn(struct quoit_engine *engine)
{
    if (engine->free_count == 0) {
        uint32_t oldest = pool_oldest(engine->pool);
        if (oldest != POOL_NONE) {
            pool_remove(engine->pool, oldest);
            conn_close(&engine->conns[oldest], QUOIT_OK);
        }
        return NULL;
    }
    return &engine->conns[engine->free_conns[--engine->free_count]];
}

/* Send the slot's request on an IDLE connection. */
static void engine_send(struct quoit_engine *engine, struct slot *slot, struct conn *conn)
{
    const struct quoit_options *options = &engine->options;
    struct conn_exchange exchange = {
        .head = buffer_span(&slot->head),
        .body = slot->body,
        .answer = { .text = &slot->text,
                    .headers = &slot->headers,
                    .body = &slot->answer,
                    .body_size_max = slot->body_size_max,
                    .head_size_max = options->head_size_max,
                    .headers_max = options->headers_max,
                    .to_head = slot->to_head,
                    .discards = slot->stream == QUOIT_DISCARD },
        .write_ns = slot->timeouts.write_ns,
        .first_byte_ns = slot->timeouts.first_byte_ns,
        .idle_ns = slot->timeouts.idle_ns,
        .attempt_ns = slot->attempt_ns,
        .deadline_ns = slot->deadline_ns,
        .bulk = !slot_wants_events(slot),
    };

    timer_stop(&engine->timers, &slot->timer);
    slot->conn = conn->index;
    slot->sending = true;
    slot->result.attempts++;
    conn->slot = slot->index;
    conn_send(conn, &exchange);
    engine->stats.reused += conn->reused;
    engine->started[engine->started_count++] = conn->index;
    engine_set_paused(engine, slot, slot->paused);
}

/* Open a connection to the slot's next address. False: nothing came of it, *error_out says why. */
static bool engine_connect(struct quoit_engine *engine, struct slot *slot,
                           enum quoit_error *error_out, int *os_error_out)
{
    struct origin *origin = slot->lane->origin;
    uint32_t count = origin->addresses.count;
    struct conn *conn = engine_take_conn(engine);

    *os_error_out = 0;
    if (conn == NULL) {
        *error_out = QUOIT_E_NO_DESCRIPTOR;
        return false;
    }
    assert(slot->address_next < count);
    const struct resolve_address *address =
        &origin->addresses.addresses[(origin->address_first + slot->address_next) % count];
    struct conn_target target = {
        .address = &address->as.any,
        .address_size = address->size,
        .tls = origin->tls,
        .host = origin->host,
        .tunnel = buffer_span(&origin->tunnel),
        .ticket = origin_take_ticket(origin),
        .connect_ns = slot->connect_ns,
        .tls_ns = slot->timeouts.tls_ns,
        .attempt_ns = slot->attempt_ns,
        .deadline_ns = slot->deadline_ns,
    };
    conn->origin = origin;
    *error_out = conn_open(conn, &target);
    tls_ticket_destroy(target.ticket);
    if (*error_out != QUOIT_OK) {
        *os_error_out = conn->os_error;
        engine->free_conns[engine->free_count++] = conn->index;
        return false;
    }
    engine->stats.opened++;
    conn->slot = slot->index;
    conn->address = (origin->address_first + slot->address_next) % count;
    slot->address_next++;
    if (slot->conn == SLOT_NONE) {
        slot->conn = conn->index;
    } else {
        slot->rival = conn->index;
    }
    bool may_race = slot->rival == SLOT_NONE && slot->address_next < count;
    timer_set(&engine->timers, &slot->timer,
              may_race ? engine_now_ns(engine) + ENGINE_RACE_NS : UINT64_MAX);
    return true;
}

/*
 * No descriptor or port is left: the slot goes back to where it was, and everybody waits for a
 * socket to close. False: there is none that could, `others` being those that are open.
 */
static bool engine_starve(struct quoit_engine *engine, struct slot *slot, uint32_t others,
                          int os_error)
{
    uint32_t oldest = pool_oldest(engine->pool);

    if (others == 0 || slot->cancelled) {
        return false;
    }
    if (oldest != POOL_NONE && os_error != 0) {
        pool_remove(engine->pool, oldest);
        conn_close(&engine->conns[oldest], QUOIT_OK);
    }
    engine->starved = true;
    timer_set(&engine->timers, &engine->starved_timer, engine_now_ns(engine) + ENGINE_STARVED_NS);
    if (slot->probe) {
        slot->probe = false;
        slot->lane->origin->outage.probing = false;
    }
    engine->in_flight--;
    slot->lane->origin->in_flight--;
    slot->lane->origin->opening--;
    engine->opening--;
    engine_enqueue(engine, slot, true);
    return true;
}

/* Open the first connection of an attempt, or let it wait for a descriptor, or fail. */
static void engine_connect_first(struct quoit_engine *engine, struct slot *slot)
{
    const struct resolve_answer *addresses = &slot->lane->origin->addresses;
    struct attempt_end end = { .error = addresses->error, .detail = addresses->reason };

    if (addresses->count > 0) {
        do { /* an address of a family that this machine does not speak fails at once */
            if (engine_connect(engine, slot, &end.error, &end.os_error)) {
                return;
            }
        } while (end.error == QUOIT_E_CONNECT && ++slot->address_next < addresses->count);
        end.detail = conn_os_detail(end.os_error);
    }
    if (end.error != QUOIT_E_NO_DESCRIPTOR ||
        !engine_starve(engine, slot, engine->conns_max - engine->free_count, end.os_error)) {
        engine_end_attempt(engine, slot, &end);
    }
}

void engine_on_named(struct quoit_engine *engine, struct slot *slot)
{
    slot->resolving = false;
    slot->resolved_ns = engine_now_ns(engine);
    timer_stop(&engine->timers, &slot->timer);
    engine_connect_first(engine, slot);
}

void engine_on_opened(struct quoit_engine *engine, struct conn *conn)
{
    struct slot *slot = engine_slot(engine, conn->slot);
    uint32_t loser = slot->conn == conn->index ? slot->rival : slot->conn;

    assert(slot->state == SLOT_ACTIVE);
    if (loser != SLOT_NONE) {
        engine->conns[loser].slot = CONN_NONE;
        conn_close(&engine->conns[loser], QUOIT_E_CANCELLED);
    }
    slot->rival = SLOT_NONE;
    conn->origin->address_first = conn->address;
    conn->origin->opening--;
    engine->opening--;
    if (!conn->origin->reached) {
        conn->origin->reached = true;
        engine_wake_lanes(engine, conn->origin); /* they may have been held back */
    }
    engine_send(engine, slot, conn);
}

void engine_on_open_failed(struct quoit_engine *engine, struct slot *slot, struct conn *conn)
{
    struct attempt_end end = { conn, conn->error, conn->os_error, conn->detail };
    /* A proxy that was reached, and cannot reach the server, is not asked at another address. */
    bool may_go_on = conn->error == QUOIT_E_CONNECT && conn->connected_ns == 0 && !slot->cancelled;
    enum quoit_error error;
    int os_error;

    if (slot->conn == conn->index) {
        slot->conn = slot->rival;
    }
    slot->rival = SLOT_NONE;
    if (may_go_on && slot->address_next < slot->lane->origin->addresses.count &&
        engine_connect(engine, slot, &error, &os_error)) {
        return;
    }
    if (slot->conn != SLOT_NONE) {
        return; /* the other one goes on alone */
    }
    uint32_t others = engine->conns_max - engine->free_count - 1;
    if (end.error != QUOIT_E_NO_DESCRIPTOR || !engine_starve(engine, slot, others, end.os_error)) {
        engine_end_attempt(engine, slot, &end);
    }
}

/* -------- who may go -------- */

/* A connection that was kept, and not for too long: its own timer may be late. NULL: there is none.
 */
static struct conn *engine_take_kept(struct quoit_engine *engine, struct origin *origin)
{
    uint32_t index;

    while ((index = pool_take(engine->pool, &origin->shelf)) != POOL_NONE) {
        struct conn *conn = &engine->conns[index];
        if (conn->end_ns > engine_now_ns(engine)) {
            return conn;
        }
        conn_close(conn, QUOIT_OK);
    }
    return NULL;
}

/* Begin an attempt: the slot is in flight from here on. */
static void engine_start(struct quoit_engine *engine, struct slot *slot)
{
    struct origin *origin = slot->lane->origin;
    uint64_t now_ns = engine_now_ns(engine);

    timer_stop(&engine->timers, &slot->timer);
    slot_move(&engine->slots, slot, SLOT_ACTIVE);
    engine->in_flight++;
    origin->in_flight++;
    if (!slot->counted) {
        slot->counted = true;
        slot->granted_ns = now_ns;
        retry_budget_first(&origin->budget, now_ns);
    }
    slot->conn = SLOT_NONE;
    slot->rival = SLOT_NONE;
    slot->address_next = 0;
    slot->sending = false;
    slot->resolved_ns = 0;
    slot->attempt_ns = after_ns(now_ns, slot->timeouts.attempt_ns);
    slot->connect_ns = after_ns(now_ns, slot->timeouts.connect_ns);
    slot_reset_answer(slot);

    struct conn *kept = slot->fresh ? NULL : engine_take_kept(engine, origin);
    if (kept != NULL) {
        engine_send(engine, slot, kept);
        return;
    }
    origin->opening++;
    engine->opening++;
    engine->opens_left--;
    if (engine_resolve(engine, origin)) {
        engine_connect_first(engine, slot);
    } else {
        slot->resolving = true;
        uint64_t until = min_u64(slot->connect_ns, slot->attempt_ns);
        timer_set(&engine->timers, &slot->timer, min_u64(until, slot->deadline_ns));
    }
}

/* The origin has been down for longer than anybody wants to wait: its requests fail. */
static void engine_fail_lane(struct quoit_engine *engine, struct lane *lane)
{
    struct origin *origin = lane->origin;

    while (!list_is_empty(&lane->queue)) {
        struct slot *slot = LIST_FIRST(&lane->queue, struct slot, link);
        slot->result.outage = true;
        engine_end_slot(engine, slot, origin->down_error, origin->down_detail);
    }
}

enum lane_leave { LANE_GOES, LANE_WAITS, LANE_EMPTY };

/* The lane steps aside until that instant. */
static enum lane_leave lane_waits(struct quoit_engine *engine, struct lane *lane, uint64_t until)
{
    list_remove(&lane->runnable);
    timer_set(&engine->timers, &lane->timer, until);
    return LANE_WAITS;
}

/*
 * An origin that was not reached yet, or not any more, may be a black hole, in which each request
 * holds its place for as long as connect_ns. So while others have work too, it gets a few places
 * and no more until a connection opens; else it would soon hold all of them. Not where origins are
 * never down: a load test is not to be held back by anything but the server.
 */
static bool engine_doubts(const struct quoit_engine *engine, const struct origin *origin)
{
    uint64_t opening_max = max_u64(1, engine->options.in_flight_max / ENGINE_DOUBT_SHARE);

    if (engine->options.no_outages || origin->reached || origin->opening < opening_max ||
        !list_is_empty(&origin->shelf.entries)) {
        return false;
    }
    if (engine->in_flight > origin->in_flight) {
        return true;
    }
    LIST_EACH (&engine->runnable, link) {
        if (CONTAINER_OF(link, struct lane, runnable)->origin != origin) {
            return true;
        }
    }
    return false;
}

/* May the lane's first request go? If not, the lane has stepped aside. */
static enum lane_leave engine_lane_leave(struct quoit_engine *engine, struct lane *lane)
{
    struct origin *origin = lane->origin;
    uint64_t now_ns = engine_now_ns(engine);

    if (list_is_empty(&lane->queue)) {
        list_remove(&lane->runnable);
        return LANE_EMPTY;
    }
    struct slot *slot = LIST_FIRST(&lane->queue, struct slot, link);
    if (origin->in_flight >= engine->options.in_flight_per_origin_max ||
        engine_doubts(engine, origin)) {
        list_remove(&lane->runnable); /* an end brings it back, or a connection that opens */
        return LANE_WAITS;
    }
    if (origin->rest_ns > now_ns) {
        return lane_waits(engine, lane, origin->rest_ns);
    }
    if (lane->limit != NULL && !slot->limited) {
        uint64_t wait_ns = limiter_wait_ns(&lane->limit->limiter, slot->limit_tokens, now_ns);
        if (wait_ns > 0) {
            return lane_waits(engine, lane, now_ns + wait_ns);
        }
    }
    bool was_down = origin->outage.down;
    if (!outage_admits(&origin->outage, now_ns)) {
        uint64_t end_ns = after_ns(origin->outage.since_ns, engine->options.outage_wait_ns);
        if (now_ns >= end_ns) {
            engine_fail_lane(engine, lane);
            list_remove(&lane->runnable);
            return LANE_EMPTY;
        }
        uint64_t probe_ns = origin->outage.probing ? UINT64_MAX : origin->outage.probe_ns;
        return lane_waits(engine, lane, min_u64(probe_ns, end_ns));
    }
    slot->probe = was_down;
    if (lane->limit != NULL && !slot->limited) {
        slot->limit_mark = limiter_take(&lane->limit->limiter, slot->limit_tokens, now_ns);
        slot->limit_held = slot->limit_tokens;
        slot->limited = true;
    }
    return LANE_GOES;
}

/*
 * How many connections a round opens, so that the first requests do not wait for the last
 * connection. While there is other work, those that are opening come first: the sooner a handshake
 * ends, the more of the others resume its session. But one opens in any case, however busy it is.
 */
static uint32_t engine_opens_max(const struct quoit_engine *engine)
{
    if (!engine->busy) {
        return ENGINE_OPENS_MAX;
    }
    return engine->opening < ENGINE_OPENS_MAX ? ENGINE_OPENS_MAX - engine->opening : 1;
}

bool engine_assign(struct quoit_engine *engine)
{
    if (ring_has_more(engine->ring)) {
        return false; /* what is idle may have been told something: bytes, or the end */
    }
    engine->opens_left = engine_opens_max(engine);
    while (engine->in_flight < engine->options.in_flight_max && !engine->starved &&
           !list_is_empty(&engine->runnable)) {
        if (engine->opens_left == 0) {
            return true;
        }
        struct lane *lane = LIST_FIRST(&engine->runnable, struct lane, runnable);
        if (engine_lane_leave(engine, lane) == LANE_GOES) {
            list_remove(&lane->runnable); /* the lanes take turns */
            list_append(&engine->runnable, &lane->runnable);
            engine_start(engine, LIST_FIRST(&lane->queue, struct slot, link));
        }
    }
    return false;
}

/* -------- time -------- */

/* ACTIVE: the name takes too long, the race begins, or a held-back stream is late. */
static void engine_on_active_timer(struct quoit_engine *engine, struct slot *slot)
{
    uint64_t now_ns = engine_now_ns(engine);
    struct attempt_end end = { .detail = "" };
    char line[SLOT_DETAIL_SIZE];

    if (!slot->resolving && !slot->sending) {
        enum quoit_error error;
        int os_error;
        /* The name may have got other addresses meanwhile, or fewer. */
        if (slot->address_next < slot->lane->origin->addresses.count) {
            (void)engine_connect(engine, slot, &error, &os_error); /* else the first goes on */
        }
        return;
    }
    end.error = QUOIT_E_TIMEOUT_CONNECT;
    if (now_ns >= slot->attempt_ns) {
        end.error = QUOIT_E_TIMEOUT_TOTAL;
    }
    if (now_ns >= slot->deadline_ns) {
        end.error = QUOIT_E_TIMEOUT_DEADLINE;
    }
    if (slot->sending) {
        engine_abort(engine, slot, end.error);
        return;
    }
    slot->resolving = false;
    snprintf(line, sizeof(line), "resolving %.150s", origin_peer(slot->lane->origin));
    end.detail = line;
    engine_end_attempt(engine, slot, &end);
}

void engine_on_slot_timer(struct quoit_engine *engine, struct slot *slot)
{
    switch (slot->state) {
    case SLOT_QUEUED:
        engine_end_slot(engine, slot, QUOIT_E_TIMEOUT_DEADLINE, "in the queue");
        return;
    case SLOT_WAITING:
        if (engine_now_ns(engine) >= slot->deadline_ns) {
            engine_end_slot(engine, slot, QUOIT_E_TIMEOUT_DEADLINE, "between two attempts");
        } else if (slot->awaits_budget && !retry_budget_take(&slot->lane->origin->budget,
                                                             engine->options.retry_budget_percent,
                                                             engine_now_ns(engine))) {
            engine_refuse_retry(engine, slot);
        } else {
            engine->stats.retries += slot->awaits_budget;
            slot->awaits_budget = false;
            engine_enqueue(engine, slot, slot->counted);
        }
        return;
    case SLOT_ACTIVE:
        engine_on_active_timer(engine, slot);
        return;
    case SLOT_FREE:
    case SLOT_DONE:
    case SLOT_HANDED:
    case SLOT_KEPT:
    case SLOT_STATES:
        break; /* nothing waits for time in these */
    }
    abort();
}
