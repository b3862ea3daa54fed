/*
 * api: the calls of quoit.h, but those of batches (api_batch.c), those that only tell (api_info.c),
 * TLS identities (tls/context.c) and errors (base/error.c). Arguments are checked here; what is let
 * in is the engine's.
 */
#include "base/bits.h"
#include "engine/engine.h"
#include "engine/fork.h"
#include "http/request.h"
#include "http/sse.h"
#include "tls/context.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IN_FLIGHT_LIMIT 1000000
#define REQUESTS_LIMIT 16000000
#define ARM_MIN_NS (100 * NS_PER_MS)

/* A number that no other thread has or will have; without a system call. */
static uint64_t api_thread(void)
{
    static _Thread_local uint64_t number;
    static atomic_uint_fast64_t last;

    if (number == 0) {
        number = atomic_fetch_add(&last, 1) + 1;
    }
    return number;
}

enum quoit_error api_check(const struct quoit_engine *engine)
{
    if (*engine->fork_guard == 0) {
        return QUOIT_E_FORKED;
    }
    return engine->thread == api_thread() ? QUOIT_OK : QUOIT_E_THREAD;
}

/* -------- create and destroy -------- */

static void or_default_32(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0) {
        *value = otherwise;
    }
}

static void or_default(uint64_t *value, uint64_t otherwise)
{
    if (*value == 0) {
        *value = otherwise;
    }
}

static void timeouts_fill(struct quoit_timeouts *timeouts, const struct quoit_timeouts *from)
{
    or_default(&timeouts->connect_ns, from->connect_ns);
    or_default(&timeouts->tls_ns, from->tls_ns);
    or_default(&timeouts->write_ns, from->write_ns);
    or_default(&timeouts->first_byte_ns, from->first_byte_ns);
    or_default(&timeouts->idle_ns, from->idle_ns);
    or_default(&timeouts->attempt_ns, from->attempt_ns);
    or_default(&timeouts->deadline_ns, from->deadline_ns);
}

static void options_fill(struct quoit_options *options)
{
    static const struct quoit_timeouts timeouts = {
        .connect_ns = 5 * NS_PER_S,
        .tls_ns = 10 * NS_PER_S,
        .write_ns = 60 * NS_PER_S,
        .first_byte_ns = QUOIT_NEVER,
        .idle_ns = 300 * NS_PER_S,
        .attempt_ns = 3600 * NS_PER_S,
        .deadline_ns = QUOIT_NEVER,
    };

    or_default_32(&options->requests_max, 4096);
    or_default_32(&options->in_flight_max, 64);
    or_default_32(&options->in_flight_per_origin_max, options->in_flight_max);
    or_default_32(&options->headers_max, 256);
    or_default_32(&options->head_size_max, 64 * 1024);
    or_default_32(&options->retry_budget_percent, 20);
    if (options->retry_budget_percent == QUOIT_NONE) {
        options->retry_budget_percent = 0;
    }
    or_default(&options->body_size_max, UINT64_C(64) << 20);
    or_default(&options->stream_buffer_max, UINT64_C(256) << 10);
    or_default(&options->sse_line_max, UINT64_C(1) << 20);
    or_default(&options->sse_event_max, UINT64_C(8) << 20);
    or_default(&options->pool_idle_ns, 60 * NS_PER_S);
    or_default(&options->spin_max_ns, 50 * NS_PER_US);
    timeouts_fill(&options->timeouts, &timeouts);
}

/*
 * Timers are never armed further away than the shortest timeout there is by default, so that one
 * rarely has to be taken back; but not so near that waiting itself becomes work.
 */
static uint64_t options_arm_max_ns(const struct quoit_options *options)
{
    uint64_t arm_ns = min_u64(options->pool_idle_ns, options->timeouts.idle_ns);

    arm_ns = min_u64(arm_ns, options->timeouts.first_byte_ns);
    arm_ns = min_u64(arm_ns, options->timeouts.attempt_ns);
    return max_u64(min_u64(arm_ns, options->timeouts.deadline_ns), ARM_MIN_NS);
}

/* All memory of an engine; what is missing after a failure is NULL. */
static enum quoit_error engine_allocate(struct quoit_engine *engine)
{
    const struct quoit_options *options = &engine->options;

    engine->fork_guard = fork_guard_create();
    if (engine->fork_guard == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    engine->conns_max = options->in_flight_max + ENGINE_SOCKETS_SPARE;
    engine->conns = calloc(engine->conns_max, sizeof(*engine->conns));
    engine->free_conns = calloc(engine->conns_max, sizeof(*engine->free_conns));
    engine->started = calloc(engine->conns_max, sizeof(*engine->started));
    engine->done = calloc(ENGINE_DONE_MAX, sizeof(*engine->done));
    engine->shared.plain = malloc(CONN_PLAIN_SIZE);
    engine->pool = pool_create(engine->conns_max);
    engine->timers_count = options->requests_max + 1; /* slots, and starved_timer */
    if (engine->conns == NULL || engine->free_conns == NULL || engine->started == NULL ||
        engine->done == NULL || engine->shared.plain == NULL || engine->pool == NULL ||
        !timer_reserve(&engine->timers, engine->timers_count) ||
        !slot_table_init(&engine->slots, options->requests_max)) {
        return QUOIT_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < engine->conns_max; i++) {
        conn_init(&engine->conns[i], i, &engine->shared);
        engine->free_conns[i] = engine->conns_max - 1 - i;
    }
    engine->free_count = engine->conns_max;
    return QUOIT_OK;
}

static void engine_free(struct quoit_engine *engine)
{
    resolve_destroy(engine->resolver);
    engine_origins_free(engine);
    ring_destroy(engine->ring);
    for (uint32_t i = 0; engine->conns != NULL && i < engine->conns_max; i++) {
        conn_free(&engine->conns[i]);
    }
    for (uint32_t i = 0; i < engine->slots.slots_made; i++) {
        struct slot *slot = engine_slot(engine, i);
        if (slot->sse != NULL) {
            sse_free(slot->sse);
            free(slot->sse);
        }
    }
    slot_table_free(&engine->slots);
    spare_free(&engine->spare);
    pool_destroy(engine->pool);
    timer_heap_free(&engine->timers);
    free(engine->conns);
    free(engine->free_conns);
    free(engine->started);
    free(engine->done);
    free(engine->shared.plain);
    buffer_free(&engine->memo.text);
    tls_context_drop(engine->options.tls);
    fork_guard_free(engine->fork_guard);
    free(engine);
}

enum quoit_error quoit_create(const struct quoit_options *options, struct quoit_engine **engine_out)
{
    struct quoit_options filled = { 0 };

    if (options != NULL) {
        filled = *options;
    }
    options_fill(&filled);
    if (filled.in_flight_max > IN_FLIGHT_LIMIT || filled.requests_max > REQUESTS_LIMIT ||
        (unsigned)filled.io > QUOIT_IO_EPOLL) {
        return QUOIT_E_ARGUMENT;
    }
    struct quoit_engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    engine->options = filled;
    if (filled.tls != NULL) {
        tls_context_hold(filled.tls);
    }
    engine->thread = api_thread();
    engine->starved_timer.kind = TIMER_STARVED;
    list_init(&engine->runnable);
    list_init(&engine->ready);
    list_init(&engine->touched);
    for (unsigned group = 0; group < RING_GROUPS; group++) {
        list_init(&engine->shared.hungry[group]);
    }
    for (size_t i = 0; i < COUNT_OF(engine->origins); i++) {
        list_init(&engine->origins[i]);
    }
    enum quoit_error error = engine_allocate(engine);
    if (error == QUOIT_OK) {
        struct ring_options ring_options = {
            .io = filled.io,
            .conns_max = engine->conns_max,
            .spin_max_ns = filled.spin_max_ns == QUOIT_NEVER ? 0 : filled.spin_max_ns,
        };
        engine->ring = ring_create(&ring_options, &error);
    }
    if (engine->ring == NULL) {
        engine_free(engine);
        return error;
    }
    engine->shared.ring = engine->ring;
    engine->shared.arm_max_ns = options_arm_max_ns(&filled);
    engine->shared.now_ns = ring_now_ns(engine->ring);
    engine->chance = engine->shared.now_ns;
    *engine_out = engine;
    return QUOIT_OK;
}

void quoit_destroy(struct quoit_engine *engine)
{
    if (engine == NULL || api_check(engine) != QUOIT_OK) {
        return;
    }
    quoit_cancel_all(engine);
    engine_join(engine);
    engine_free(engine);
}

/* -------- submit -------- */

static enum quoit_error request_check(const struct quoit_request *request)
{
    if (request->url == NULL) {
        return QUOIT_E_URL;
    }
    if ((request->proxy_url != NULL && request->unix_path != NULL) ||
        request->stream > QUOIT_DISCARD || request->replay > QUOIT_REPLAY_NO ||
        (request->body.size > 0 && !request->body.bytes) ||
        (request->headers_count > 0 && request->headers == NULL)) {
        return QUOIT_E_ARGUMENT;
    }
    struct resolve_address address;
    if (request->unix_path != NULL && !resolve_path(request->unix_path, &address)) {
        return QUOIT_E_ARGUMENT;
    }
    return QUOIT_OK;
}

/* The identity for the request; NULL in *tls_out for http. */
static enum quoit_error request_tls(struct quoit_engine *engine,
                                    const struct quoit_request *request, bool secure,
                                    struct quoit_tls **tls_out)
{
    *tls_out = NULL;
    if (!secure) {
        return QUOIT_OK;
    }
    if (request->tls == NULL && engine->options.tls == NULL) {
        enum quoit_error error = quoit_tls_create(NULL, &engine->options.tls);
        if (error != QUOIT_OK) {
            return error;
        }
    }
    *tls_out = request->tls != NULL ? request->tls : engine->options.tls;
    return QUOIT_OK;
}

static bool request_is_replayable(const struct quoit_request *request, const char *method)
{
    switch (request->replay) {
    case QUOIT_REPLAY_METHOD:
        return request_method_is_idempotent(method);
    case QUOIT_REPLAY_YES:
        return true;
    case QUOIT_REPLAY_NO:
        return false;
    }
    abort();
}

static void slot_fill(struct slot *slot, const struct quoit_engine *engine,
                      const struct quoit_request *request, struct lane *lane)
{
    const char *method = request->method;

    if (method == NULL) {
        method = request->body.size > 0 ? "POST" : "GET";
    }
    slot->lane = lane;
    slot->body = request->body.size > 0 ? request->body : (struct quoit_span){ "", 0 };
    slot->context = request->context;
    slot->timeouts = request->timeouts;
    timeouts_fill(&slot->timeouts, &engine->options.timeouts);
    slot->result.times.submitted_ns = engine->shared.now_ns;
    slot->granted_ns = 0;
    slot->resolved_ns = 0;
    slot->start_ns = request->start_ns;
    slot->deadline_ns = after_ns(engine->shared.now_ns, slot->timeouts.deadline_ns);
    slot->body_size_max =
        request->body_size_max != 0 ? request->body_size_max : engine->options.body_size_max;
    slot->stream_size_max =
        request->stream_size_max != 0 ? request->stream_size_max : slot->body_size_max;
    slot->retries_max = request->retries == QUOIT_NONE ? 0 : request->retries;
    if (request->retries == 0) {
        slot->retries_max = 2;
    }
    slot->limit_tokens = request->limit_tokens;
    slot->stream = request->stream;
    slot->to_head = strcmp(method, "HEAD") == 0;
    slot->replayable = request_is_replayable(request, method);
    slot->judge = request->judge;
}

/*
 * The lane of a request, and its URL in parts. A URL that was asked for last time, on the same way
 * and by the same identity and limit, leads where it led.
 */
static enum quoit_error request_find_lane(struct quoit_engine *engine,
                                          const struct quoit_request *request)
{
    struct engine_memo *memo = &engine->memo;
    size_t size = strlen(request->url);
    struct quoit_tls *tls;
    struct url url;

    if (memo->lane != NULL && size == memo->text.size && request->tls == memo->tls &&
        request->limit == memo->limit && memcmp(request->url, memo->text.bytes, size) == 0 &&
        origin_is_on_way(memo->lane->origin, request->unix_path, request->proxy_url)) {
        return QUOIT_OK;
    }
    memo->lane = NULL;
    buffer_reset(&memo->text);
    if (!buffer_append(&memo->text, request->url, size)) {
        return QUOIT_E_NO_MEMORY;
    }
    enum quoit_error error = url_parse(memo->text.bytes, size, &url);
    if (error == QUOIT_OK && request->proxy_url != NULL && !proxy_url_is_good(request->proxy_url)) {
        error = QUOIT_E_ARGUMENT;
    }
    if (error != QUOIT_OK || (error = request_tls(engine, request, url.secure, &tls)) != QUOIT_OK) {
        return error;
    }
    memo->url = url;
    memo->tls = request->tls;
    memo->limit = request->limit;
    memo->lane = engine_lane(engine, &url, request, tls);
    return memo->lane == NULL ? QUOIT_E_NO_MEMORY : QUOIT_OK;
}

enum quoit_error engine_submit(struct quoit_engine *engine, const struct quoit_request *request,
                               struct slot **slot_out)
{
    enum quoit_error error = request_check(request);

    if (error != QUOIT_OK) {
        return error;
    }
    struct slot *slot = slot_first_free(&engine->slots);
    if (slot == NULL) {
        return QUOIT_E_NO_SLOT;
    }
    if ((error = request_find_lane(engine, request)) != QUOIT_OK) {
        return error;
    }
    struct lane *lane = engine->memo.lane;
    struct request_head head = {
        .method = request->method,
        .url = &engine->memo.url,
        .headers = request->headers,
        .headers_count = request->headers_count,
        .body_size = request->body.size,
        .proxy = engine->memo.url.secure ? NULL : lane->origin->proxy, /* not in the tunnel */
    };
    buffer_reset(&slot->head);
    if ((error = request_encode(&head, &slot->head)) != QUOIT_OK) {
        return error;
    }
    engine->shared.now_ns = ring_now_ns(engine->ring);
    slot_fill(slot, engine, request, lane);
    engine->stats.submitted++;
    if (slot->start_ns > engine->shared.now_ns) {
        slot_move(&engine->slots, slot, SLOT_WAITING);
        timer_set(&engine->timers, &slot->timer, min_u64(slot->start_ns, slot->deadline_ns));
    } else {
        engine_enqueue(engine, slot, false);
    }
    *slot_out = slot;
    return QUOIT_OK;
}

enum quoit_error quoit_submit(struct quoit_engine *engine, const struct quoit_request *request,
                              uint64_t *id_out)
{
    struct slot *slot;
    enum quoit_error error = api_check(engine);

    if (error != QUOIT_OK) {
        return error;
    }
    error = engine_submit(engine, request, &slot);
    if (error == QUOIT_OK) {
        *id_out = slot_id(slot);
    }
    return error;
}

/* -------- turn, next, cancel -------- */

int quoit_fd(struct quoit_engine *engine)
{
    if (api_check(engine) != QUOIT_OK) {
        return -1;
    }
    int fd = ring_fd(engine->ring);
    if (fd < 0) {
        return -1;
    }
    engine->embedded = true;
    return fd;
}

uint32_t quoit_turn(struct quoit_engine *engine, uint64_t wait_ns)
{
    if (api_check(engine) != QUOIT_OK) {
        return 0;
    }
    engine_turn(engine, &engine->ready, wait_ns);
    return engine->ready_count;
}

uint32_t quoit_next(struct quoit_engine *engine, struct quoit_event *events, uint32_t events_max)
{
    if (api_check(engine) != QUOIT_OK) {
        return 0;
    }
    return engine_next(engine, events, events_max);
}

enum quoit_error quoit_cancel(struct quoit_engine *engine, uint64_t id)
{
    enum quoit_error error = api_check(engine);

    if (error != QUOIT_OK) {
        return error;
    }
    struct slot *slot = slot_find(&engine->slots, id);
    if (slot == NULL || slot->state == SLOT_HANDED || slot->state == SLOT_KEPT) {
        return QUOIT_E_STALE;
    }
    engine_cancel(engine, slot);
    return QUOIT_OK;
}

void quoit_cancel_all(struct quoit_engine *engine)
{
    if (api_check(engine) != QUOIT_OK) {
        return;
    }
    for (uint32_t i = 0; i < engine->slots.slots_made; i++) {
        struct slot *slot = engine_slot(engine, i);
        if (slot->state == SLOT_QUEUED || slot->state == SLOT_WAITING ||
            slot->state == SLOT_ACTIVE || slot->state == SLOT_DONE) {
            engine_cancel(engine, slot);
        }
    }
}

void quoit_cancel_waiting(struct quoit_engine *engine)
{
    if (api_check(engine) != QUOIT_OK) {
        return;
    }
    for (uint32_t i = 0; i < engine->slots.slots_made; i++) {
        struct slot *slot = engine_slot(engine, i);
        if (slot->state == SLOT_QUEUED || slot->state == SLOT_WAITING) {
            engine_cancel(engine, slot);
        }
    }
}

/* -------- after END, and streams -------- */

/* The slot of that id in that state, or NULL with *error_out. */
static struct slot *api_slot(struct quoit_engine *engine, uint64_t id, enum slot_state state,
                             enum quoit_error *error_out)
{
    *error_out = api_check(engine);
    if (*error_out != QUOIT_OK) {
        return NULL;
    }
    struct slot *slot = slot_find(&engine->slots, id);
    if (slot == NULL || slot->state != state) {
        *error_out = QUOIT_E_STALE;
        return NULL;
    }
    return slot;
}

enum quoit_error quoit_again(struct quoit_engine *engine, uint64_t id, enum quoit_error why,
                             uint64_t wait_ns)
{
    enum quoit_error error;
    struct slot *slot = api_slot(engine, id, SLOT_HANDED, &error);

    if (slot == NULL) {
        return error;
    }
    engine->shared.now_ns = ring_now_ns(engine->ring);
    return engine_again(engine, slot, why, wait_ns);
}

enum quoit_error quoit_keep(struct quoit_engine *engine, uint64_t id)
{
    enum quoit_error error;
    struct slot *slot = api_slot(engine, id, SLOT_HANDED, &error);

    if (slot != NULL) {
        slot_move(&engine->slots, slot, SLOT_KEPT);
    }
    return error;
}

enum quoit_error quoit_release(struct quoit_engine *engine, uint64_t id)
{
    enum quoit_error error;
    struct slot *slot = api_slot(engine, id, SLOT_KEPT, &error);

    if (slot != NULL) {
        engine_release(engine, slot);
        engine_note_free_slot(engine);
    }
    return error;
}

enum quoit_error quoit_pause(struct quoit_engine *engine, uint64_t id, bool paused)
{
    enum quoit_error error = api_check(engine);

    if (error != QUOIT_OK) {
        return error;
    }
    struct slot *slot = slot_find(&engine->slots, id);
    if (slot == NULL || !slot_wants_events(slot) || slot->state == SLOT_DONE ||
        slot->state == SLOT_HANDED || slot->state == SLOT_KEPT) {
        return QUOIT_E_STALE;
    }
    engine->shared.now_ns = ring_now_ns(engine->ring);
    engine_set_paused(engine, slot, paused);
    return QUOIT_OK;
}

void quoit_wake(struct quoit_engine *engine)
{
    if (*engine->fork_guard != 0) {
        ring_wake(engine->ring);
    }
}

/* -------- limits -------- */

enum quoit_error quoit_limit_create(struct quoit_engine *engine, uint64_t requests_per_minute,
                                    uint64_t tokens_per_minute, struct quoit_limit **limit_out)
{
    enum quoit_error error = api_check(engine);

    if (error != QUOIT_OK) {
        return error;
    }
    struct quoit_limit *limit = calloc(1, sizeof(*limit));
    if (limit == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    limit->engine = engine;
    limiter_init(&limit->limiter, requests_per_minute, tokens_per_minute,
                 ring_now_ns(engine->ring));
    *limit_out = limit;
    return QUOIT_OK;
}

void quoit_limit_destroy(struct quoit_limit *limit)
{
    if (limit != NULL && api_check(limit->engine) == QUOIT_OK) {
        engine_limit_forget(limit->engine, limit);
        free(limit);
    }
}

void quoit_limit_settle(struct quoit_limit *limit, uint64_t id, uint64_t tokens)
{
    enum quoit_error error;
    struct slot *slot = api_slot(limit->engine, id, SLOT_HANDED, &error);

    if (slot != NULL) {
        limiter_settle(&limit->limiter, slot->limit_held, tokens);
        slot->limit_held = tokens;
        engine_wake_limit(limit->engine, limit);
        engine_owe_turn(limit->engine);
    }
}
