/* slots: see slots.h. */
#include "mock/slots.h"

#include "mock/client.h"

#include <assert.h>

static bool slots_has_free(const struct slots *slots)
{
    return slots->max == 0 || slots->taken < slots->max;
}

bool slots_take(struct slots *slots)
{
    if (slots->first != NULL || !slots_has_free(slots)) {
        return false;
    }
    slots->taken++;
    return true;
}

void slots_give_back(struct slots *slots)
{
    assert(slots->taken > 0);
    slots->taken--;
}

void slots_wait(struct slots *slots, struct client *client)
{
    client->queue_previous = slots->last;
    client->queue_next = NULL;
    if (slots->last != NULL) {
        slots->last->queue_next = client;
    } else {
        slots->first = client;
    }
    slots->last = client;
}

void slots_leave(struct slots *slots, struct client *client)
{
    if (client->queue_previous != NULL) {
        client->queue_previous->queue_next = client->queue_next;
    } else {
        assert(slots->first == client);
        slots->first = client->queue_next;
    }
    if (client->queue_next != NULL) {
        client->queue_next->queue_previous = client->queue_previous;
    } else {
        assert(slots->last == client);
        slots->last = client->queue_previous;
    }
}

struct client *slots_next(struct slots *slots)
{
    struct client *client = slots->first;

    if (client == NULL || !slots_has_free(slots)) {
        return NULL;
    }
    slots_leave(slots, client);
    slots->taken++;
    return client;
}
