/*
 * servers: see servers.h.
 */
#include "cli/servers.h"

#include <assert.h>

#define NS_PER_S UINT64_C(1000000000)
#define SERVERS_REST_MIN NS_PER_S
#define SERVERS_REST_MAX (30 * NS_PER_S)

void servers_init(struct servers *servers, size_t count, uint64_t concurrency)
{
    assert(count > 0);
    assert(count <= SERVERS_MAX);
    *servers = (struct servers){
        .count = count,
        .share = count == 1 ? UINT64_MAX : (concurrency + count - 1) / count,
    };
}

bool servers_has_better(const struct servers *servers, size_t than)
{
    for (size_t i = 0; i < servers->count; i++) {
        if (i != than && servers->items[i].wait_ns == 0) {
            return true;
        }
    }
    return false;
}

/* May it get a query, and as one that is well, that is probed, or for want of a better one? */
static bool servers_may_have(const struct servers *servers, const struct servers_item *item,
                             uint64_t now_ns)
{
    if (item->open >= servers->share) {
        return false;
    }
    if (item->wait_ns == 0 || (now_ns >= item->rest_ns && item->open == 0)) {
        return true;
    }
    return !item->down && !servers_has_better(servers, SERVERS_NONE);
}

size_t servers_pick(const struct servers *servers, size_t not_this, uint64_t now_ns)
{
    bool with_all = not_this == SERVERS_NONE || !servers_has_better(servers, not_this);
    size_t best = SERVERS_NONE;

    if (servers->count == 1) {
        return 0;
    }
    for (size_t i = 0; i < servers->count; i++) {
        const struct servers_item *item = &servers->items[i];
        if ((with_all || i != not_this) && servers_may_have(servers, item, now_ns) &&
            (best == SERVERS_NONE || item->open < servers->items[best].open)) {
            best = i;
        }
    }
    return best;
}

void servers_begin(struct servers *servers, size_t index)
{
    servers->items[index].open++;
}

static void servers_rest(struct servers_item *item, bool down, uint64_t now_ns)
{
    if (now_ns < item->rest_ns && (item->down || !down)) {
        return; /* one that was under way when it began to rest */
    }
    uint64_t wait_ns = item->wait_ns == 0 ? SERVERS_REST_MIN : 2 * item->wait_ns;

    item->down = down;
    item->wait_ns = wait_ns < SERVERS_REST_MAX ? wait_ns : SERVERS_REST_MAX;
    item->rest_ns = now_ns + item->wait_ns;
}

/* Since when all are down; it begins with the last one and ends with the first. */
static void servers_look(struct servers *servers, uint64_t now_ns)
{
    bool all_down = true;

    for (size_t i = 0; i < servers->count; i++) {
        all_down = all_down && servers->items[i].down;
    }
    if (!all_down) {
        servers->since_ns = 0;
    } else if (servers->since_ns == 0) {
        servers->since_ns = now_ns;
    }
}

void servers_end(struct servers *servers, size_t index, enum servers_end how, uint64_t now_ns)
{
    struct servers_item *item = &servers->items[index];

    assert(item->open > 0);
    item->open--;
    switch (how) {
    case SERVERS_GOOD:
        *item = (struct servers_item){ .open = item->open };
        break;
    case SERVERS_BAD:
        item->failures++;
        if (item->failures >= SERVERS_FAILURES) {
            servers_rest(item, false, now_ns);
        }
        break;
    case SERVERS_DOWN:
        servers_rest(item, true, now_ns);
        break;
    case SERVERS_SILENT:
        break;
    }
    servers_look(servers, now_ns);
}

uint64_t servers_wake_ns(const struct servers *servers)
{
    uint64_t wake_ns = UINT64_MAX;

    for (size_t i = 0; i < servers->count; i++) {
        const struct servers_item *item = &servers->items[i];
        if (item->down && item->open == 0 && item->rest_ns < wake_ns) {
            wake_ns = item->rest_ns;
        }
    }
    return wake_ns;
}
