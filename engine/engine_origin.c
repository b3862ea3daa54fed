/*
 * engine_origin: the servers that an engine knows, their names, and the lanes to them.
 *
 * An origin is made by the first request for it and lives as long as the engine, unless there are
 * more than ENGINE_ORIGINS_MAX: then those that nothing uses are forgotten. A name is looked up
 * when a connection has to be opened and no answer is good any more; requests that need it wait
 * ACTIVE.
 */
#include "engine/engine.h"

#include "base/bits.h"
#include "http/tunnel.h"
#include "tls/context.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define ORIGIN_NAME_KEPT_NS (60 * NS_PER_S)
#define ORIGIN_NAME_FAILED_KEPT_NS (1 * NS_PER_S)
#define ENGINE_ORIGINS_MAX 1024

/* What tells origins apart. */
struct origin_key {
    bool secure;
    uint16_t port;
    struct quoit_span host;
    const char *unix_path; /* or NULL */
    const char *proxy_url; /* or NULL; good */
    struct quoit_tls *tls; /* or NULL */
};

/* FNV-1a, over lower case. */
static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (uint64_t)tolower((unsigned char)bytes[i])) * UINT64_C(1099511628211);
    }
    return hash;
}

static uint64_t origin_hash(const struct origin_key *key)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ key->port ^ (key->secure ? 1u << 16 : 0);

    hash ^= (uint64_t)(uintptr_t)key->tls;
    hash = hash_bytes(hash, key->host.bytes, key->host.size);
    if (key->unix_path != NULL) {
        hash = hash_bytes(hash, key->unix_path, strlen(key->unix_path));
    }
    if (key->proxy_url != NULL) {
        hash = hash_bytes(hash, key->proxy_url, strlen(key->proxy_url));
    }
    return hash ^ hash >> 32;
}

/* Are they the same text, or both none? */
static bool text_is(const char *text, const char *other)
{
    return text == other || (text != NULL && other != NULL && strcmp(text, other) == 0);
}

bool origin_is_on_way(const struct origin *origin, const char *unix_path, const char *proxy_url)
{
    return text_is(origin->unix_path, unix_path) &&
           text_is(origin->proxy == NULL ? NULL : origin->proxy->url, proxy_url);
}

static bool origin_is(const struct origin *origin, const struct origin_key *key)
{
    if (origin->port != key->port || origin->secure != key->secure || origin->tls != key->tls ||
        !origin_is_on_way(origin, key->unix_path, key->proxy_url)) {
        return false;
    }
    return strlen(origin->host) == key->host.size &&
           strncasecmp(origin->host, key->host.bytes, key->host.size) == 0;
}

void origin_put_ticket(struct origin *origin, struct tls_ticket *ticket)
{
    if (ticket == NULL) {
        return;
    }
    if (origin->tickets_count == ORIGIN_TICKETS_MAX) { /* the oldest one makes room */
        tls_ticket_destroy(origin->tickets[0]);
        origin->tickets_count--;
        memmove(origin->tickets, origin->tickets + 1,
                origin->tickets_count * sizeof(origin->tickets[0]));
    }
    origin->tickets[origin->tickets_count++] = ticket;
}

struct tls_ticket *origin_take_ticket(struct origin *origin)
{
    return origin->tickets_count == 0 ? NULL : origin->tickets[--origin->tickets_count];
}

static void lane_destroy(struct quoit_engine *engine, struct lane *lane)
{
    assert(list_is_empty(&lane->queue));
    timer_stop(&engine->timers, &lane->timer);
    list_remove(&lane->runnable);
    list_remove(&lane->link);
    free(lane);
    engine->timers_count--;
}

/* Without what others point to: lanes, connections. */
static void origin_free(struct origin *origin)
{
    tls_context_drop(origin->tls);
    proxy_destroy(origin->proxy);
    buffer_free(&origin->tunnel);
    free(origin->host);
    free(origin->unix_path);
    free(origin);
}

static void origin_destroy(struct quoit_engine *engine, struct origin *origin)
{
    LIST_EACH (&origin->lanes, link) {
        lane_destroy(engine, CONTAINER_OF(link, struct lane, link));
    }
    while (origin->tickets_count > 0) {
        tls_ticket_destroy(origin_take_ticket(origin));
    }
    origin_free(origin);
}

/* What the key holds, copied. False: out of memory. */
static bool origin_copy_key(struct origin *origin, const struct origin_key *key)
{
    origin->secure = key->secure;
    origin->port = key->port;
    origin->tls = key->tls == NULL ? NULL : tls_context_hold(key->tls);
    origin->host = malloc(key->host.size + 1);
    origin->unix_path = key->unix_path == NULL ? NULL : strdup(key->unix_path);
    origin->proxy = key->proxy_url == NULL ? NULL : proxy_create(key->proxy_url);
    if (origin->host == NULL || (key->unix_path != NULL && origin->unix_path == NULL) ||
        (key->proxy_url != NULL && origin->proxy == NULL)) {
        return false;
    }
    for (size_t i = 0; i < key->host.size; i++) {
        origin->host[i] = (char)tolower((unsigned char)key->host.bytes[i]);
    }
    origin->host[key->host.size] = '\0';
    return origin->proxy == NULL || !origin->secure ||
           tunnel_encode(origin->proxy, origin->host, origin->port, &origin->tunnel);
}

const char *origin_peer(const struct origin *origin)
{
    return origin->proxy != NULL ? origin->proxy->host : origin->host;
}

static uint16_t origin_peer_port(const struct origin *origin)
{
    return origin->proxy != NULL ? origin->proxy->port : origin->port;
}

static struct origin *origin_create(const struct origin_key *key)
{
    struct origin *origin = calloc(1, sizeof(*origin));

    if (origin == NULL) {
        return NULL;
    }
    if (!origin_copy_key(origin, key)) {
        origin_free(origin);
        return NULL;
    }
    list_init(&origin->link);
    list_init(&origin->lanes);
    pool_shelf_init(&origin->shelf);

    struct resolve_address *first = &origin->addresses.addresses[0];
    if (key->unix_path != NULL
            ? resolve_path(key->unix_path, first)
            : resolve_parse(origin_peer(origin), origin_peer_port(origin), first)) {
        origin->addresses.count = 1;
        origin->addresses_ns = UINT64_MAX;
    }
    return origin;
}

/* Nothing uses it and nothing is remembered against it. */
static bool origin_is_idle(const struct origin *origin)
{
    if (origin->in_flight > 0 || origin->resolving || origin->outage.down || origin->paces > 0 ||
        !list_is_empty(&origin->shelf.entries)) {
        return false;
    }
    LIST_EACH (&origin->lanes, link) {
        if (!list_is_empty(&CONTAINER_OF(link, struct lane, link)->queue)) {
            return false;
        }
    }
    return true;
}

/* Is some slot or connection still pointing to it? Asked rarely: when there are too many. */
static bool engine_uses_origin(const struct quoit_engine *engine, const struct origin *origin)
{
    for (uint32_t i = 0; i < engine->slots.slots_made; i++) {
        const struct slot *slot = &engine->slots.slots[i];
        if (slot->state != SLOT_FREE && slot->lane->origin == origin) {
            return true;
        }
    }
    for (uint32_t i = 0; i < engine->conns_max; i++) {
        if (engine->conns[i].state != CONN_FREE && engine->conns[i].origin == origin) {
            return true;
        }
    }
    return false;
}

/* Forget origins of one list that nothing uses. */
static void engine_forget_origins(struct quoit_engine *engine, struct list *list)
{
    LIST_EACH (list, link) {
        struct origin *origin = CONTAINER_OF(link, struct origin, link);
        if (origin_is_idle(origin) && !engine_uses_origin(engine, origin)) {
            list_remove(&origin->link);
            origin_destroy(engine, origin);
            engine->origins_count--;
            engine->memo.lane = NULL;
        }
    }
}

static struct origin *engine_origin(struct quoit_engine *engine, const struct origin_key *key)
{
    uint64_t hash = origin_hash(key);
    struct list *list = &engine->origins[hash % ENGINE_ORIGIN_LISTS];

    LIST_EACH (list, link) {
        struct origin *origin = CONTAINER_OF(link, struct origin, link);
        if (origin->hash == hash && origin_is(origin, key)) {
            return origin;
        }
    }
    if (engine->origins_count >= ENGINE_ORIGINS_MAX) {
        engine_forget_origins(engine, list);
    }
    struct origin *origin = origin_create(key);
    if (origin != NULL) {
        origin->hash = hash;
        list_prepend(list, &origin->link);
        engine->origins_count++;
    }
    return origin;
}

static struct lane *lane_create(struct quoit_engine *engine, struct origin *origin,
                                struct quoit_limit *limit)
{
    struct lane *lane = calloc(1, sizeof(*lane));

    if (lane == NULL || !timer_reserve(&engine->timers, engine->timers_count + 1)) {
        free(lane);
        return NULL;
    }
    engine->timers_count++;
    lane->origin = origin;
    lane->limit = limit;
    lane->timer.kind = TIMER_LANE;
    list_init(&lane->runnable);
    list_init(&lane->queue);
    list_init(&lane->link);
    list_append(&origin->lanes, &lane->link);
    return lane;
}

struct lane *engine_lane(struct quoit_engine *engine, const struct url *url,
                         const struct quoit_request *request, struct quoit_tls *tls)
{
    const struct origin_key key = {
        .secure = url->secure,
        .port = url->port,
        .host = url->host,
        .unix_path = request->unix_path,
        .proxy_url = request->proxy_url,
        .tls = tls,
    };
    struct origin *origin = engine_origin(engine, &key);

    if (origin == NULL) {
        return NULL;
    }
    LIST_EACH (&origin->lanes, link) {
        struct lane *lane = CONTAINER_OF(link, struct lane, link);
        if (lane->limit == request->limit) {
            return lane;
        }
    }
    return lane_create(engine, origin, request->limit);
}

void engine_origins_free(struct quoit_engine *engine)
{
    for (size_t i = 0; i < COUNT_OF(engine->origins); i++) {
        LIST_EACH (&engine->origins[i], link) {
            origin_destroy(engine, CONTAINER_OF(link, struct origin, link));
        }
    }
}

/* Does a slot, if only in the caller's hands, still name that lane? */
static bool engine_uses_lane(const struct quoit_engine *engine, const struct lane *lane)
{
    for (uint32_t i = 0; i < engine->slots.slots_made; i++) {
        const struct slot *slot = &engine->slots.slots[i];
        if (slot->state != SLOT_FREE && slot->lane == lane) {
            return true;
        }
    }
    return false;
}

void engine_limit_forget(struct quoit_engine *engine, const struct quoit_limit *limit)
{
    engine->memo.lane = NULL; /* another limit may come to stand at the same address */
    for (size_t i = 0; i < COUNT_OF(engine->origins); i++) {
        LIST_EACH (&engine->origins[i], link) {
            struct origin *origin = CONTAINER_OF(link, struct origin, link);
            LIST_EACH (&origin->lanes, lane_link) {
                struct lane *lane = CONTAINER_OF(lane_link, struct lane, link);
                if (lane->limit != limit) {
                    continue;
                }
                lane->limit = NULL;
                if (!engine_uses_lane(engine, lane)) {
                    lane_destroy(engine, lane);
                }
            }
        }
    }
}

void engine_wake_lane(struct quoit_engine *engine, struct lane *lane)
{
    timer_stop(&engine->timers, &lane->timer);
    if (list_is_empty(&lane->runnable) && !list_is_empty(&lane->queue)) {
        list_append(&engine->runnable, &lane->runnable);
    }
}

void engine_wake_lanes(struct quoit_engine *engine, struct origin *origin)
{
    LIST_EACH (&origin->lanes, link) {
        engine_wake_lane(engine, CONTAINER_OF(link, struct lane, link));
    }
}

void engine_wake_limit(struct quoit_engine *engine, const struct quoit_limit *limit)
{
    for (size_t i = 0; i < COUNT_OF(engine->origins); i++) {
        LIST_EACH (&engine->origins[i], link) {
            struct origin *origin = CONTAINER_OF(link, struct origin, link);
            LIST_EACH (&origin->lanes, lane_link) {
                struct lane *lane = CONTAINER_OF(lane_link, struct lane, link);
                if (lane->limit == limit) {
                    engine_wake_lane(engine, lane);
                }
            }
        }
    }
}

/* -------- names -------- */

bool engine_resolve(struct quoit_engine *engine, struct origin *origin)
{
    uint64_t now_ns = engine_now_ns(engine);

    if (now_ns < origin->addresses_ns) {
        return true;
    }
    if (origin->resolving) {
        return false;
    }
    enum quoit_error error = QUOIT_OK;
    if (engine->resolver == NULL) {
        engine->resolver = resolve_create(ring_wake_fd(engine->ring), &error);
    }
    if (engine->resolver != NULL) {
        error =
            resolve_start(engine->resolver, origin_peer(origin), origin_peer_port(origin), origin);
    }
    if (error != QUOIT_OK) {
        origin->addresses = (struct resolve_answer){ .error = error, .reason = "for a look-up" };
        origin->addresses_ns = now_ns;
        return true;
    }
    origin->resolving = true;
    return false;
}

void engine_take_names(struct quoit_engine *engine)
{
    struct resolve_answer answer;

    while (engine->resolver != NULL && resolve_next(engine->resolver, &answer)) {
        struct origin *origin = answer.context;
        uint64_t kept_ns = answer.count > 0 ? ORIGIN_NAME_KEPT_NS : ORIGIN_NAME_FAILED_KEPT_NS;

        if (answer.count == 0 && answer.error != QUOIT_E_DNS) {
            kept_ns = 0; /* that says nothing about the name */
        }
        origin->resolving = false;
        origin->addresses = answer;
        origin->addresses_ns = engine_now_ns(engine) + kept_ns;
        origin->address_first = 0;
        LIST_EACH (&engine->slots.lists[SLOT_ACTIVE], link) {
            struct slot *slot = CONTAINER_OF(link, struct slot, link);
            if (slot->resolving && slot->lane->origin == origin) {
                engine_on_named(engine, slot);
            }
        }
    }
}
