/*
 * ledger_sim: the ledger; tests/sim/ledger_sim.h is the manual.
 */
#include "tests/sim/ledger_sim.h"

#include "tests/sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ledger_entry ledger_entries[LEDGER_NUMBERS_MAX];
static uint32_t ledger_used; /* all above were never announced in this world */

void ledger_begin(void)
{
    memset(ledger_entries, 0, ledger_used * sizeof(ledger_entries[0]));
    ledger_used = 0;
}

struct ledger_entry *ledger_expect(uint32_t number)
{
    assert(number > 0 && number < LEDGER_NUMBERS_MAX);
    ledger_used = number < ledger_used ? ledger_used : number + 1;
    return &ledger_entries[number];
}

const struct ledger_entry *ledger_read(uint32_t number)
{
    assert(number > 0 && number < LEDGER_NUMBERS_MAX);
    return &ledger_entries[number];
}

struct quoit_span ledger_event_data(uint32_t number, uint32_t try_index, uint32_t index)
{
    const char *pattern = world_pattern(number, 1000 + 64 * try_index + index % 64);
    size_t size = 1 + (size_t)(number * 31 + index * 17) % 200;

    return (struct quoit_span){ pattern + index, size };
}

const char *ledger_event_name(uint32_t index)
{
    return index % 3 == 0 ? "tick" : "";
}

struct ledger_try *ledger_try_begin(uint32_t number, uint32_t serial)
{
    struct ledger_entry *ledger = ledger_expect(number);

    if (ledger->tries_count == LEDGER_TRIES_MAX) {
        world_violation("request %u reached a server more than %u times", number, LEDGER_TRIES_MAX);
    }
    struct ledger_try *try = &ledger->tries[ledger->tries_count++];
    *try = (struct ledger_try){ .at_ns = world_now_ns(), .serial = serial };
    return try;
}

void ledger_execute(uint32_t number, struct ledger_try *try)
{
    try->executed = true;
    ledger_expect(number)->executed++;
}

/* The value of the one header of that name; NULL: there is none. */
static const char *head_value(const char *head, const char *name)
{
    const char *line = strcasestr(head, name);

    if (line != NULL && strcasestr(line + 1, name) != NULL) {
        world_violation("header %s is there twice:\n%s", name + 2, head);
    }
    return line == NULL ? NULL : line + strlen(name);
}

/* Compare the head, byte by byte where its meaning allows but one form, with what was announced. */
uint32_t ledger_check_head(const char *head)
{
    static const char *const methods[] = { "GET", "HEAD", "POST", "PUT" };
    char wanted[64];
    const char *number = head_value(head, "\r\nX-Number: ");
    const char *length = head_value(head, "\r\nContent-Length: ");
    const char *host = head_value(head, "\r\nHost: ");

    uint32_t owner = number == NULL ? 0 : (uint32_t)strtoul(number, NULL, 10);
    if (owner == 0 || owner >= LEDGER_NUMBERS_MAX) {
        world_violation("a head without a number that was announced:\n%s", head);
    }
    const struct ledger_entry *ledger = ledger_read(owner);
    snprintf(wanted, sizeof(wanted), "%s /n/%u HTTP/1.1\r\n", methods[ledger->method], owner);
    if (strncmp(head, wanted, strlen(wanted)) != 0) {
        world_violation("request %u: wanted %s, got:\n%s", owner, wanted, head);
    }
    if (host == NULL || head_value(head, "\r\nTransfer-Encoding:") != NULL) {
        world_violation("request %u: no Host, or a Transfer-Encoding:\n%s", owner, head);
    }
    uint64_t size = length == NULL ? 0 : strtoull(length, NULL, 10);
    if (size != ledger->body_size) {
        world_violation("request %u: wanted %llu bytes of body:\n%s", owner,
                        (unsigned long long)ledger->body_size, head);
    }
    for (const char *line = head; *line != '\0'; line = strstr(line, "\r\n") + 2) {
        if (line[strcspn(line, "\r\n")] != '\r') {
            world_violation("request %u: a bare LF in its head:\n%s", owner, head);
        }
    }
    return owner;
}
