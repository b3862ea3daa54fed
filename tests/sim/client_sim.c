/*
 * client_sim: asks and checks; tests/sim/client_sim.h is the manual.
 */
#include "tests/sim/client_sim.h"

#include "tests/sim/ring_sim.h"
#include "tests/sim/server_sim.h"
#include "tests/sim/verdict_sim.h"
#include "tests/sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_AGAINS_MAX 2

struct client_counts client_counts;

static struct {
    struct client_plan plan;
    struct ask asks[CLIENT_ASKS_MAX];
    uint32_t submitted;
    uint32_t ended;
} client;

/* -------- asking -------- */

void client_begin(const struct client_plan *plan)
{
    client.plan = *plan;
    client.submitted = client.ended = 0;
    memset(client.asks, 0, sizeof(client.asks));
    assert(plan->asks < CLIENT_ASKS_MAX);
}

static uint64_t choose_request_body_size(void)
{
    uint64_t draw = world_below(300);

    return world_size(draw == 0 ? 1024 * 1024 : draw < 20 ? 64 * 1024 : 2000);
}

static void choose_method(struct ask *ask, struct ledger_entry *ledger)
{
    static const enum ledger_method methods[] = { LEDGER_GET,  LEDGER_GET,  LEDGER_POST,
                                                  LEDGER_POST, LEDGER_HEAD, LEDGER_PUT };

    ledger->method = methods[world_below(COUNT_OF(methods))];
    if (ledger->method == LEDGER_POST || ledger->method == LEDGER_PUT) {
        ledger->body_size = choose_request_body_size();
    }
    ask->method = ledger->method;
    ask->stream = (enum quoit_stream)world_below(4);
    ask->replay = (enum quoit_replay)world_below(3);
    ask->judge = world_below(4) == 0;
    ledger->sse = ask->stream == QUOIT_SSE;
}

static uint64_t choose_timeout_ns(void)
{
    static const uint64_t longest_ns[] = { 20 * NS_PER_MS, NS_PER_S, 60 * NS_PER_S };

    return world_below(2) == 0 ? 0 : 1 + world_below(longest_ns[world_below(3)]);
}

static void choose_timeouts(struct ask *ask, struct quoit_request *request)
{
    if (client.plan.calm || world_below(3) == 0) {
        return;
    }
    request->timeouts = (struct quoit_timeouts){
        .connect_ns = choose_timeout_ns(),
        .write_ns = choose_timeout_ns(),
        .first_byte_ns = choose_timeout_ns(),
        .idle_ns = choose_timeout_ns(),
        .attempt_ns = choose_timeout_ns(),
        .deadline_ns = world_below(3) == 0 ? choose_timeout_ns() : 0,
    };
    ask->deadline_ns = request->timeouts.deadline_ns;
    ask->stubborn = world_below(3) == 0 &&
                    (request->timeouts.attempt_ns != 0 || request->timeouts.deadline_ns != 0);
    if (world_below(20) == 0) {
        request->body_size_max = 1 + world_below(5000);
    }
}

static void choose_address(struct ask *ask, struct quoit_request *request)
{
    uint32_t server = (uint32_t)world_below(client.plan.servers);

    if (world_below(6) == 0) {
        snprintf(ask->url, sizeof(ask->url), "http://localhost/n/%u", ask->number);
        snprintf(ask->path, sizeof(ask->path), "/sim/%u", server);
        request->unix_path = ask->path;
    } else {
        snprintf(ask->url, sizeof(ask->url), "http://10.0.0.%u%s/n/%u", server,
                 world_below(2) == 0 ? ":80" : "", ask->number);
    }
    request->url = ask->url;
}

void client_make(uint32_t number, struct quoit_request *request)
{
    static const char *const methods[] = { "GET", "HEAD", "POST", "PUT" };
    struct ask *ask = &client.asks[number];
    struct ledger_entry *ledger = ledger_expect(number);

    *ask = (struct ask){ .number = number };
    choose_method(ask, ledger);
    *request = (struct quoit_request){ .method = methods[ask->method],
                                       .context = ask,
                                       .stream = ask->stream,
                                       .replay = ask->replay,
                                       .judge = ask->judge,
                                       .headers = ask->headers,
                                       .headers_count = 2 };
    choose_address(ask, request);
    choose_timeouts(ask, request);
    snprintf(ask->mark, sizeof(ask->mark), "%u", number);
    snprintf(ask->secret, sizeof(ask->secret), "Bearer " CLIENT_SECRET "%u", number);
    ask->headers[0] = (struct quoit_header){ "X-Number", ask->mark };
    ask->headers[1] = (struct quoit_header){ "Authorization", ask->secret };
    if (ledger->body_size > 0) {
        ask->body = malloc(ledger->body_size);
        assert(ask->body != NULL);
        memcpy(ask->body, world_pattern(number, LEDGER_BODY_PART), ledger->body_size);
        request->body = (struct quoit_span){ ask->body, ledger->body_size };
    }
    request->retries = world_below(3) == 0 ? QUOIT_NONE : (uint32_t)world_below(4);
    if (world_below(8) == 0) {
        ask->start_ns = request->start_ns = world_now_ns() + world_below(2 * NS_PER_S);
    }
    if (client.plan.limit != NULL && world_below(2) == 0) {
        request->limit = client.plan.limit;
        request->limit_tokens = (uint32_t)world_below(100);
    }
}

/* The header says that these were copied. */
static void scribble(struct ask *ask)
{
    memset(ask->url, '!', sizeof(ask->url));
    memset(ask->path, '!', sizeof(ask->path));
    memset(ask->secret, '!', sizeof(ask->secret));
    memset(ask->mark, '!', sizeof(ask->mark));
    memset(ask->headers, 0x7f, sizeof(ask->headers));
}

/* False: there is no slot now. */
static bool client_submit(uint32_t number)
{
    struct quoit_request request;
    uint64_t id = 0;

    struct ask *ask = &client.asks[number];
    client_make(number, &request);
    ask->submitted_ns = world_now_ns();
    enum quoit_error error = quoit_submit(client.plan.engine, &request, &id);
    if (error == QUOIT_E_NO_SLOT) {
        client_counts.no_slots++;
        free(ask->body);
        memset(ledger_expect(number), 0, sizeof(struct ledger_entry));
        *ask = (struct ask){ .number = 0 };
        if (id != 0) {
            world_violation("quoit_submit failed and stored an id");
        }
        return false;
    }
    if (error != QUOIT_OK || id == 0) {
        world_violation("quoit_submit of request %u: %s", number, quoit_error_name(error));
    }
    scribble(ask);
    ask->id = id;
    client.submitted++;
    client_counts.submitted++;
    world_trace("request %u is submitted: stream %d, replay %d, judge %d", number, ask->stream,
                ask->replay, ask->judge);
    return true;
}

void client_submit_some(void)
{
    uint32_t left = client.plan.asks - client.submitted;
    uint64_t count = left == 0 ? 0 : world_below(2) == 0 ? left : world_below(left) + 1;

    while (count > 0 && client_submit(client.submitted + 1)) {
        count--;
    }
}

void client_check_result(uint32_t number, const struct quoit_result *result)
{
    struct ask *ask = &client.asks[number];

    ask->stream = QUOIT_WHOLE;
    ask->ended = true;
    verdict_check(ask, result, client.plan.calm);
    client_counts.outcomes[(unsigned)result->error % CLIENT_ERRORS]++;
    client_counts.reused += result->reused;
    client_counts.tainted += ask->is_tainted;
}

/* -------- events -------- */

static void take_head(struct ask *ask, const struct quoit_event *event)
{
    if ((ask->stream != QUOIT_PIECES && ask->stream != QUOIT_SSE) || ask->head_seen) {
        world_violation("request %u: a HEAD that is not due", ask->number);
    }
    ask->head_seen = true;
    verdict_find_try(ask, event->result);
    if (event->result->status / 100 != 2) {
        world_violation("request %u: HEAD with status %u", ask->number, event->result->status);
    }
}

static void take_piece(struct ask *ask, const struct quoit_event *event)
{
    client_counts.pieces++;
    if (ask->stream != QUOIT_PIECES || !ask->head_seen || event->bytes.size == 0) {
        world_violation(
            "request %u: a PIECE that is not due, or empty (stream %d, HEAD %d, %zu bytes)",
            ask->number, (int)ask->stream, ask->head_seen, event->bytes.size);
    }
    if (ask->is_tainted) {
        return;
    }
    const struct ledger_try *try = &ledger_read(ask->number)->tries[ask->try_index];
    const char *wanted = world_pattern(ask->number, ask->try_index) + ask->received;
    if (ask->received + event->bytes.size > try->body_size ||
        memcmp(event->bytes.bytes, wanted, event->bytes.size) != 0) {
        world_violation("request %u: a PIECE of other bytes, within %zu at %llu", ask->number,
                        event->bytes.size, (unsigned long long)ask->received);
    }
    ask->received += event->bytes.size;
}

static void take_message(struct ask *ask, const struct quoit_event *event)
{
    client_counts.messages++;
    if (ask->stream != QUOIT_SSE || !ask->head_seen) {
        world_violation("request %u: a MESSAGE that is not due", ask->number);
    }
    if (ask->is_tainted) {
        return;
    }
    struct quoit_span data = ledger_event_data(ask->number, ask->try_index, ask->messages);
    const char *name = ledger_event_name(ask->messages);
    if (event->bytes.size != data.size || memcmp(event->bytes.bytes, data.bytes, data.size) != 0 ||
        event->name.size != strlen(name) ||
        memcmp(event->name.bytes, name, event->name.size) != 0) {
        world_violation("request %u: message %u is another one", ask->number, ask->messages);
    }
    ask->messages++;
}

/* True: there will be another END. */
static bool ask_again(struct ask *ask, const struct quoit_result *result)
{
    if (!ask->judge || ask->agains == CLIENT_AGAINS_MAX || world_below(3) == 0) {
        return false;
    }
    uint64_t wait_ns = world_below(2) == 0 ? 0 : 1 + world_below(NS_PER_S);
    enum quoit_error error = quoit_again(client.plan.engine, ask->id, result->error, wait_ns);
    if (error == QUOIT_E_FINAL) {
        return false;
    }
    if (error != QUOIT_OK || ask->cancelled) {
        world_violation("quoit_again of request %u: %s", ask->number, quoit_error_name(error));
    }
    world_trace("request %u is asked again, in %.6f s", ask->number, (double)wait_ns / 1e9);
    client_counts.agains++;
    ask->agains++;
    ask->head_seen = ask->is_tainted = false;
    ask->received = 0;
    ask->messages = 0;
    return true;
}

static void take_end(struct ask *ask, const struct quoit_event *event)
{
    const struct quoit_result *result = event->result;

    world_trace("request %u ends: %s, status %u, attempts %u (%s)", ask->number,
                quoit_error_name(result->error), result->status, result->attempts, result->detail);
    verdict_check(ask, result, client.plan.calm);
    client_counts.outcomes[(unsigned)result->error % CLIENT_ERRORS]++;
    client_counts.reused += result->reused;
    client_counts.tainted += ask->is_tainted;
    if (ask->body != NULL && ring_sim_holds(ask->body, ledger_read(ask->number)->body_size)) {
        world_violation("request %u has ended, and the kernel holds its body", ask->number);
    }
    if (ask_again(ask, result)) {
        return;
    }
    ask->ended = true;
    client.ended++;
    if (ask->body != NULL) {
        memset(ask->body, '!', ledger_read(ask->number)->body_size);
        free(ask->body);
        ask->body = NULL;
    }
    if (world_below(10) == 0) {
        client_counts.keeps++;
        ask->kept = true;
        ask->result = result;
        if (quoit_keep(client.plan.engine, ask->id) != QUOIT_OK) {
            world_violation("quoit_keep of request %u failed", ask->number);
        }
    }
}

static void take_event(const struct quoit_event *event)
{
    struct ask *ask = event->context;

    if (ask->id != event->id || ask->ended) {
        world_violation("an event of id %llx after its END, or of nobody",
                        (unsigned long long)event->id);
    }
    switch (event->kind) {
    case QUOIT_HEAD:
        take_head(ask, event);
        return;
    case QUOIT_PIECE:
        take_piece(ask, event);
        return;
    case QUOIT_MESSAGE:
        take_message(ask, event);
        return;
    case QUOIT_END:
        take_end(ask, event);
        return;
    }
    world_violation("an event of kind %d", (int)event->kind);
}

void client_take_events(void)
{
    struct quoit_event events[8];
    uint32_t events_max = 1 + (uint32_t)world_below(8);
    uint32_t count;

    while ((count = quoit_next(client.plan.engine, events, events_max)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            take_event(&events[i]);
        }
        if (world_below(4) == 0) {
            return; /* a caller may turn before it has taken all */
        }
    }
}

/* -------- disturbing -------- */

static void note_cancelled(struct ask *ask)
{
    if (!ask->ended && !ask->cancelled) {
        ask->cancelled = true;
        ask->cancelled_ns = world_now_ns();
    }
}

static void cancel_one(struct ask *ask)
{
    enum quoit_error wanted = ask->ended ? QUOIT_E_STALE : QUOIT_OK;

    world_trace("request %u is cancelled", ask->number);
    client_counts.cancels++;
    if (quoit_cancel(client.plan.engine, ask->id) != wanted) {
        world_violation("quoit_cancel of request %u is not %s", ask->number,
                        quoit_error_name(wanted));
    }
    note_cancelled(ask);
}

void client_cancel_all(void)
{
    world_trace("all are cancelled");
    client_counts.cancels_all++;
    quoit_cancel_all(client.plan.engine);
    for (uint32_t number = 1; number <= client.submitted; number++) {
        note_cancelled(&client.asks[number]);
    }
}

static void pause_or_go_on(struct ask *ask)
{
    bool paused = !ask->paused && world_below(4) == 0;

    if ((ask->stream != QUOIT_PIECES && ask->stream != QUOIT_SSE) || ask->ended ||
        paused == ask->paused) {
        return;
    }
    if (ask->paused && ask->stubborn) {
        return;
    }
    if (quoit_pause(client.plan.engine, ask->id, paused) == QUOIT_OK) {
        world_trace("request %u: paused %d", ask->number, paused);
        client_counts.pauses += paused;
        ask->paused = paused;
    }
}

static void release(struct ask *ask)
{
    if (ask->kept) {
        const struct ledger_try *try =
            &ledger_read(ask->number)->tries[ask->try_index % LEDGER_TRIES_MAX];
        if (!ask->is_tainted && !ask->head_seen && ask->result->error == QUOIT_OK) {
            verdict_check_body(ask, ask->result, try);
        }
        ask->kept = false;
        if (quoit_release(client.plan.engine, ask->id) != QUOIT_OK) {
            world_violation("quoit_release of request %u failed", ask->number);
        }
    }
}

void client_disturb(void)
{
    if (client.submitted == 0) {
        return;
    }
    struct ask *ask = &client.asks[1 + world_below(client.submitted)];
    pause_or_go_on(ask);
    if (world_below(10) == 0) {
        release(ask);
    }
    if (world_below(30) == 0) {
        client_counts.wakes++;
        quoit_wake(client.plan.engine);
    }
    if (client.plan.leaves_alone) {
        return;
    }
    if (world_below(60) == 0) {
        cancel_one(ask);
        if (world_below(4) == 0) {
            cancel_one(ask);
        }
    } else if (world_below(600) == 0) {
        client_cancel_all();
    }
}

uint64_t client_wait_ns(void)
{
    bool patient = client.ended + (client.plan.asks - client.submitted) < client.plan.asks;

    for (uint32_t number = 1; number <= client.submitted; number++) {
        const struct ask *ask = &client.asks[number];
        patient &= !ask->paused || ask->ended || ask->stubborn;
    }
    switch (world_below(4)) {
    case 0:
        return 0;
    case 1:
        return world_below(NS_PER_MS);
    case 2:
        return world_below(50 * NS_PER_MS);
    default:
        return patient ? QUOIT_NEVER : 10 * NS_PER_MS;
    }
}

bool client_is_done(void)
{
    return client.ended == client.plan.asks;
}

void client_release_all(void)
{
    for (uint32_t number = 1; number <= client.submitted; number++) {
        release(&client.asks[number]);
    }
}

void client_finish(void)
{
    for (uint32_t number = 1; number <= client.plan.asks; number++) {
        if (client.asks[number].number != 0) {
            verdict_check_executed(&client.asks[number]);
        }
        free(client.asks[number].body);
    }
    memset(client.asks, 0, sizeof(client.asks));
}
