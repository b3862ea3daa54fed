/* ledger: see ledger.h. Its JSON is written in ledger_write.c. */
#include "mock/ledger.h"

#include "mock/hash.h"
#include "mock/question.h"
#include "mock/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define LEDGER_NAMES_MAX 10000 /* distinct paths, hosts and the like; more are counted together */
#define LEDGER_SECONDS_MAX (7u * 24 * 3600)

uint64_t ledger_cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

void ledger_init(struct ledger *ledger, bool keeps_bodies, uint64_t now_ns)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    *ledger = (struct ledger){
        .keeps_bodies = keeps_bodies,
        .started_ns = now_ns,
        .started_cpu_ns = ledger_cpu_ns(),
        .started_unix_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / NS_PER_MS,
    };
    struct tally *named[] = { &ledger->paths, &ledger->methods, &ledger->hosts,
                              &ledger->server_names };
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        named[i]->keys_max = LEDGER_NAMES_MAX;
    }
    ledger->authorization.hashes.keys_max = LEDGER_NAMES_MAX;
    ledger->cookies.hashes.keys_max = LEDGER_NAMES_MAX;
    ledger->api_keys.hashes.keys_max = LEDGER_NAMES_MAX;
}

void ledger_reset(struct ledger *ledger, uint64_t now_ns)
{
    uint64_t in_flight = ledger->in_flight;
    uint64_t queued = ledger->queued;
    uint64_t working = ledger->working;
    uint64_t connections_open = ledger->connections_open;
    uint64_t resets = ledger->resets;
    bool keeps_bodies = ledger->keeps_bodies;

    ledger_free(ledger);
    ledger_init(ledger, keeps_bodies, now_ns);
    ledger->resets = resets + 1;
    ledger->in_flight = in_flight;
    ledger->in_flight_max = in_flight;
    ledger->queued = queued;
    ledger->queued_max = queued;
    ledger->working = working;
    ledger->working_max = working;
    ledger->connections_open = connections_open;
    ledger->connections_opened = connections_open;
}

static void ledger_secret_free(struct ledger_secret *secret)
{
    tally_free(&secret->hashes);
    blob_free(&secret->last);
}

void ledger_free(struct ledger *ledger)
{
    struct tally *tallies[] = { &ledger->paths,        &ledger->methods, &ledger->hosts,
                                &ledger->server_names, &ledger->bodies,  &ledger->keys };

    for (size_t i = 0; i < sizeof(tallies) / sizeof(tallies[0]); i++) {
        tally_free(tallies[i]);
    }
    ledger_secret_free(&ledger->authorization);
    ledger_secret_free(&ledger->cookies);
    ledger_secret_free(&ledger->api_keys);
    for (unsigned i = 0; i < ledger->heads_count; i++) {
        blob_free(&ledger->heads[i].path);
        blob_free(&ledger->heads[i].target);
        blob_free(&ledger->heads[i].headers);
    }
    free(ledger->seconds);
}

static void ledger_count_secret(struct ledger_secret *secret, const char *value)
{
    size_t size = strlen(value);

    secret->count++;
    if (size == 0 || size != secret->last.size || memcmp(value, secret->last.bytes, size) != 0) {
        blob_clear(&secret->last, SIZE_MAX);
        blob_append(&secret->last, value, size);
        snprintf(secret->last_hash, sizeof(secret->last_hash), "%016llx",
                 (unsigned long long)hash_of(value, size));
    }
    tally_add(&secret->hashes, secret->last_hash, strlen(secret->last_hash), 1);
}

static void ledger_count_headers(struct ledger *ledger, const struct incoming *incoming)
{
    const char *name = NULL;
    const char *value = NULL;
    size_t cursor = 0;

    while (incoming_next_header(&incoming->headers, &cursor, &name, &value)) {
        if (strcasecmp(name, "host") == 0) {
            tally_add(&ledger->hosts, value, strlen(value), 1);
        } else if (strcasecmp(name, "authorization") == 0) {
            ledger_count_secret(&ledger->authorization, value);
        } else if (strcasecmp(name, "cookie") == 0) {
            ledger_count_secret(&ledger->cookies, value);
        } else if (strcasestr(name, "api-key") != NULL) {
            ledger_count_secret(&ledger->api_keys, value);
        }
    }
}

static void ledger_count_second(struct ledger *ledger, uint64_t now_ns)
{
    uint64_t second = (now_ns - ledger->started_ns) / NS_PER_S;

    if (second >= LEDGER_SECONDS_MAX) {
        return;
    }
    while (second >= ledger->seconds_capacity) {
        uint32_t capacity = ledger->seconds_capacity == 0 ? 256 : 2 * ledger->seconds_capacity;
        ledger->seconds = realloc(ledger->seconds, capacity * sizeof(*ledger->seconds));
        if (ledger->seconds == NULL) {
            fprintf(stderr, "quoit-mock: out of memory\n");
            exit(3);
        }
        ledger->seconds_capacity = capacity;
    }
    while (ledger->seconds_count <= second) {
        ledger->seconds[ledger->seconds_count++] = 0;
    }
    ledger->seconds[second]++;
}

/* Where the last head of this path is kept; NULL if there are too many paths. */
static struct ledger_head *ledger_head_of(struct ledger *ledger, const char *path, size_t size)
{
    for (unsigned i = 0; i < ledger->heads_count; i++) {
        struct ledger_head *head = &ledger->heads[i];
        if (head->path.size == size && memcmp(head->path.bytes, path, size) == 0) {
            return head;
        }
    }
    if (ledger->heads_count == LEDGER_HEADS_MAX || size == 0) {
        return NULL;
    }
    struct ledger_head *head = &ledger->heads[ledger->heads_count++];
    blob_append(&head->path, path, size);
    return head;
}

void ledger_on_head(struct ledger *ledger, const struct incoming *incoming, uint64_t now_ns)
{
    size_t path_size = 0;
    const char *path = question_path(incoming, &path_size);
    const char *method = incoming_method(incoming);

    ledger->requests++;
    ledger->in_flight++;
    if (ledger->in_flight > ledger->in_flight_max) {
        ledger->in_flight_max = ledger->in_flight;
    }
    ledger->last_request_ns = now_ns;
    if (ledger->first_request_ns == 0) {
        ledger->first_request_ns = now_ns;
    }
    ledger_count_second(ledger, now_ns);
    ledger_count_headers(ledger, incoming);
    tally_add(&ledger->methods, method, strlen(method), 1);
    tally_add(&ledger->paths, path, path_size, 1);

    struct ledger_head *head = ledger_head_of(ledger, path, path_size);
    if (head != NULL) {
        head->method = method;
        blob_clear(&head->target, SIZE_MAX);
        blob_append(&head->target, incoming->target.bytes, incoming->target.size);
        blob_clear(&head->headers, SIZE_MAX);
        blob_append(&head->headers, incoming->headers.bytes, incoming->headers.size);
    }
}

uint64_t ledger_on_execution(struct ledger *ledger, const char *key, uint64_t body_hash)
{
    char hash[17];

    ledger->executions++;
    if (!ledger->keeps_bodies) {
        return ledger->executions;
    }
    snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)body_hash);
    tally_add(&ledger->bodies, hash, strlen(hash), 1);
    key = key == NULL ? hash : key;
    return tally_add(&ledger->keys, key, strlen(key), 1);
}

void ledger_on_work(struct ledger *ledger)
{
    ledger->working++;
    if (ledger->working > ledger->working_max) {
        ledger->working_max = ledger->working;
    }
}

void ledger_on_queue(struct ledger *ledger)
{
    ledger->queued++;
    if (ledger->queued > ledger->queued_max) {
        ledger->queued_max = ledger->queued;
    }
}

void ledger_on_end(struct ledger *ledger)
{
    assert(ledger->in_flight > 0);
    ledger->in_flight--;
}
