/* client: see client.h. */
#include "mock/client.h"

#include "mock/text.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_KEEP_MAX (16u * 1024)
#define CLIENT_LEAVING_NS (2u * (uint64_t)NS_PER_S) /* for the other side's FIN */

static void client_set_timer(struct client *client, enum client_alarm alarm, uint64_t due_ns)
{
    client->alarm = alarm;
    timers_set(&client->shared->timers, &client->timer, due_ns);
}

/* Its bytes count from the first request on that is in the ledger. */
static void client_count_bytes(struct client *client)
{
    client->shared->ledger.bytes_in += client->bytes_in;
    client->bytes_in = 0;
}

/* All requests but the mock's own are worked on in slots. */
static bool client_take_slot(struct client *client)
{
    struct shared *shared = client->shared;

    if (!client->in_flight) {
        return true;
    }
    client->has_slot = slots_take(&shared->slots);
    if (client->has_slot) {
        ledger_on_work(&shared->ledger);
    } else {
        ledger_on_queue(&shared->ledger);
    }
    return client->has_slot;
}

static void client_end_request(struct client *client)
{
    if (client->has_slot) {
        client->has_slot = false;
        slots_give_back(&client->shared->slots);
        client->shared->ledger.working--;
    }
    if (client->in_flight) {
        client->in_flight = false;
        ledger_on_end(&client->shared->ledger);
    }
}

static void client_end(struct client *client, bool reset)
{
    assert(client->state != CLIENT_GONE);
    struct ledger *ledger = &client->shared->ledger;

    if (client->state == CLIENT_QUEUED) {
        slots_leave(&client->shared->slots, client);
        ledger->queued--;
    }
    if (client->in_flight) {
        ledger->aborted++;
    }
    client_end_request(client);
    if (client->counted) {
        client_count_bytes(client);
        ledger->connections_open--;
    }
    timers_stop(&client->shared->timers, &client->timer);
    wire_close(&client->wire, reset);
    client->state = CLIENT_GONE;
    client->gone_next = client->shared->gone;
    client->shared->gone = client;
}

/* No more will be sent. Wait until the client has seen that and leaves too. */
static void client_leave(struct client *client, bool quiet)
{
    wire_finish(&client->wire, quiet);
    if (client->left) {
        client_end(client, false);
        return;
    }
    client->state = CLIENT_LEAVING;
    client_set_timer(client, ALARM_LEAVING, shared_now_ns() + CLIENT_LEAVING_NS);
}

/* Wait for a request; it may be there already. */
static void client_await_request(struct client *client)
{
    uint64_t keep_alive_ns = client->shared->options->keep_alive_ns;

    client->state = CLIENT_READING;
    if (client->exchange.after == AFTER_LATE) {
        client_set_timer(client, ALARM_LATE, shared_now_ns() + client->exchange.late_ns);
    } else if (keep_alive_ns != 0 && client->shared->options->mode == MODE_SERVE) {
        client_set_timer(client, ALARM_IDLE, shared_now_ns() + keep_alive_ns);
    }
}

/* The answer is out, as far as it was to go. */
static void client_finish_exchange(struct client *client)
{
    struct exchange *exchange = &client->exchange;
    struct ledger *ledger = &client->shared->ledger;

    if (client->in_flight) {
        *(exchange->cut ? &ledger->cut : &ledger->answers) += 1;
    }
    client_end_request(client);
    switch (exchange->after) {
    case AFTER_KEY_UPDATE:
    case AFTER_KEEP:
    case AFTER_LATE:
        if (exchange->after == AFTER_KEY_UPDATE) {
            wire_update_key(&client->wire);
        }
        incoming_reset(&client->incoming);
        client_await_request(client);
        return;
    case AFTER_CLOSE:
    case AFTER_CLOSE_QUIET:
        client_leave(client, exchange->after == AFTER_CLOSE_QUIET);
        return;
    case AFTER_HALF_RECORD:
        wire_break_record(&client->wire);
        client_leave(client, true);
        return;
    case AFTER_RESET:
        client_end(client, true);
        return;
    case AFTER_STALL:
        break; /* a stall is no end; see client_answer */
    }
    abort(); /* an end without a case */
}

/* Send what is open. False: the connection has ended. */
static bool client_send(struct client *client, uint64_t *now_ns)
{
    struct exchange *exchange = &client->exchange;
    struct ledger *ledger = &client->shared->ledger;
    ssize_t count = wire_write(&client->wire, exchange->out.bytes + exchange->sent,
                               exchange->open - exchange->sent);

    if (count == WIRE_BROKEN) {
        client_end(client, false);
        return false;
    }
    *now_ns = shared_now_ns();
    size_t sent = count > 0 ? (size_t)count : 0;
    exchange_on_sent(exchange, sent, ledger, *now_ns);
    ledger->bytes_out += client->in_flight ? sent : 0;
    return true;
}

/* Send what the exchange wants to be sent. False: wait for an event. */
static bool client_answer(struct client *client)
{
    struct exchange *exchange = &client->exchange;
    uint64_t now_ns = shared_now_ns();
    enum exchange_step step = exchange_turn(exchange, now_ns);
    bool waits = false;

    while (step == EXCHANGE_SEND && client->wire.writable) {
        if (!client_send(client, &now_ns)) {
            return false;
        }
        step = exchange_turn(exchange, now_ns);
    }
    switch (step) {
    case EXCHANGE_SEND:
        waits = true;
        break;
    case EXCHANGE_WAIT:
        client_set_timer(client, ALARM_EXCHANGE, exchange->wake_ns);
        waits = true;
        break;
    case EXCHANGE_STALL:
        client->state = CLIENT_STALLED;
        return true;
    case EXCHANGE_DONE:
        client_finish_exchange(client);
        return true;
    }
    if (client->left) {
        client_end(client, false); /* nobody is there to wait for the rest */
    }
    return !waits;
}

/* These are asked by a test and not by what it tests. */
static bool client_asks_mock(const struct incoming *incoming)
{
    enum question_kind kind = question_kind_of(incoming);
    return kind == QUESTION_LEDGER || kind == QUESTION_LEDGER_RESET || kind == QUESTION_SETTINGS ||
           kind == QUESTION_STALL;
}

/* `one` is 1, or -1 to take back what was counted. */
static void client_count_handshake(struct client *client, uint64_t one)
{
    struct ledger *ledger = &client->shared->ledger;
    const char *name = SSL_get_servername(client->wire.ssl, TLSEXT_NAMETYPE_host_name);
    X509 *certificate = SSL_get1_peer_certificate(client->wire.ssl);
    bool resumed = SSL_session_reused(client->wire.ssl) == 1;

    client->secured_in = ledger->resets;
    *(resumed ? &ledger->tls_resumed : &ledger->tls_full) += one;
    if (name != NULL) {
        tally_add(&ledger->server_names, name, strlen(name), one);
    }
    ledger->tls_certificates += certificate != NULL ? one : 0;
    X509_free(certificate);
}

/* Take the connection into the ledger, or, as one that carried only the mock's own, out of it. */
static void client_count_connection(struct client *client, bool counted)
{
    struct ledger *ledger = &client->shared->ledger;
    uint64_t one = counted ? 1 : (uint64_t)-1;

    if (client->counted == counted) {
        return;
    }
    client->counted = counted;
    ledger->connections_opened += one;
    ledger->connections_open += one;
    if (client->secured && (counted || client->secured_in == ledger->resets)) {
        client_count_handshake(client, one);
    }
}

/* A head was read. */
static void client_on_head(struct client *client)
{
    struct ledger *ledger = &client->shared->ledger;

    timers_stop(&client->shared->timers, &client->timer);
    if (client_asks_mock(&client->incoming)) {
        if (client->requests == 0) {
            client_count_connection(client, false);
        }
        client->bytes_in = 0;
        return;
    }
    client_count_connection(client, true);
    client->in_flight = true;
    client->requests++;
    if (client->requests > ledger->requests_per_connection_max) {
        ledger->requests_per_connection_max = client->requests;
    }
    uint64_t now_ns = shared_now_ns();
    if (ledger->requests == 0 && client->shared->options->stall_ns != 0) {
        shared_stall(client->shared, now_ns + client->shared->options->stall_after_ns,
                     client->shared->options->stall_ns);
    }
    ledger_on_head(ledger, &client->incoming, now_ns);
}

/* A head whose body is still to come. */
static void client_on_early_head(struct client *client)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

    client_on_head(client);
    if (client->in_flight &&
        exchange_begin_early(&client->exchange, client->shared, &client->incoming, client->requests,
                             shared_now_ns())) {
        client->deaf = true;
        client->state = CLIENT_ANSWERING;
        return;
    }
    if (client->incoming.expects_continue) {
        /* So few bytes fit into any socket buffer; if not, the client waits no longer anyway. */
        wire_write(&client->wire, go_on, sizeof(go_on) - 1);
    }
}

/* The request is whole, and there is a slot for it. */
static void client_begin_answer(struct client *client)
{
    exchange_begin(&client->exchange, client->shared, &client->incoming, client->requests,
                   shared_now_ns());
    client->state = CLIENT_ANSWERING;
}

/* Give received bytes to the request. Returns how many it took. */
static size_t client_feed(struct client *client, const char *bytes, size_t size)
{
    struct shared *shared = client->shared;
    bool head_told = client->incoming.head_told;
    size_t consumed = 0;

    switch (incoming_feed(&client->incoming, bytes, size, &consumed)) {
    case INCOMING_MORE:
        break;
    case INCOMING_HEAD:
        client_on_early_head(client);
        break;
    case INCOMING_WHOLE:
        client->bytes_in += consumed;
        if (!head_told) {
            client_on_head(client);
        }
        if (client->in_flight) {
            client_count_bytes(client);
        }
        client->bytes_in = 0;
        if (client_take_slot(client)) {
            client_begin_answer(client);
        } else {
            slots_wait(&shared->slots, client);
            client->state = CLIENT_QUEUED;
        }
        return consumed;
    case INCOMING_BAD:
        shared->ledger.refused++;
        exchange_begin_refusal(&client->exchange, client->incoming.error_status, shared_now_ns());
        client->state = CLIENT_ANSWERING;
        break;
    }
    client->bytes_in += consumed;
    return consumed;
}

/* Feed what is held. It was received together with the end of an earlier request. */
static void client_feed_held(struct client *client)
{
    client->held_taken += client_feed(client, client->held.bytes + client->held_taken,
                                      client->held.size - client->held_taken);
    if (client->held_taken == client->held.size) {
        blob_clear(&client->held, CLIENT_KEEP_MAX);
        client->held_taken = 0;
    }
}

/* Read on. False: wait for an event. */
static bool client_read(struct client *client)
{
    char *scratch = client->shared->scratch;

    if (client->held.size > client->held_taken) {
        client_feed_held(client);
        return true;
    }
    if (!client->wire.readable && !client->left) {
        return false;
    }
    ssize_t count = wire_read(&client->wire, scratch, SHARED_SCRATCH_SIZE);
    if (count == WIRE_BLOCKED) {
        return false;
    }
    if (count <= 0) {
        client->left = true;
        if (client->wire.ssl != NULL && count == WIRE_END) {
            wire_finish(&client->wire, false);
        }
        client_end(client, false);
        return false;
    }
    size_t consumed = client_feed(client, scratch, (size_t)count);
    if (consumed < (size_t)count) {
        blob_append(&client->held, scratch + consumed, (size_t)count - consumed);
    }
    return true;
}

/* Carry the handshake on. False: wait for an event. */
static bool client_secure(struct client *client)
{
    switch (wire_secure(&client->wire)) {
    case WIRE_BLOCKED:
        if (client->left) {
            client->shared->ledger.tls_failed++;
            client_end(client, false);
        }
        return false;
    case WIRE_BROKEN:
        client->shared->ledger.tls_failed++;
        client_leave(client, true);
        return false;
    default: /* done */
        client->secured = true;
        client_count_handshake(client, 1);
        client_await_request(client);
        return true;
    }
}

/* Read and forget what comes, to learn when the client leaves. False: wait for an event. */
static bool client_discard(struct client *client)
{
    if (client->deaf || !client->wire.readable) {
        if (client->left) {
            client_end(client, false);
        }
        return false;
    }
    SSL *ssl = client->wire.ssl;
    if (client->state == CLIENT_MUTE || client->state == CLIENT_LEAVING) {
        client->wire.ssl = NULL; /* past TLS: only the end of the bytes counts */
    }
    ssize_t count = wire_read(&client->wire, client->shared->scratch, SHARED_SCRATCH_SIZE);
    client->wire.ssl = ssl;
    if (count == WIRE_END || count == WIRE_BROKEN) {
        client_end(client, false);
        return false;
    }
    return count > 0;
}

/* One step. False: nothing more can be done until an event or the timer. */
static bool client_step(struct client *client)
{
    switch (client->state) {
    case CLIENT_SECURING:
        return client_secure(client);
    case CLIENT_READING:
        return client_read(client);
    case CLIENT_QUEUED:
        if (client->left) {
            client_end(client, false);
        }
        return false;
    case CLIENT_ANSWERING:
        return client_answer(client);
    case CLIENT_STALLED:
    case CLIENT_MUTE:
    case CLIENT_LEAVING:
        return client_discard(client);
    case CLIENT_GONE:
        return false;
    }
    abort(); /* a state without a case */
}

static void client_run(struct client *client)
{
    while (client_step(client)) {
    }
}

struct client *client_create(struct shared *shared, int fd, SSL *ssl, enum options_mode mode)
{
    struct wire wire = { .fd = fd, .ssl = ssl, .writable = true };
    struct client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        wire_close(&wire, true);
        return NULL;
    }
    client->shared = shared;
    client->wire = wire;
    incoming_init(&client->incoming, shared->options->body_max);
    shared->connections_seen++;
    client_count_connection(client, true);
    if (mode != MODE_SERVE) {
        client->state = CLIENT_MUTE;
        client->deaf = mode == MODE_DEAF;
    } else if (ssl != NULL) {
        client->state = CLIENT_SECURING;
    } else {
        client_await_request(client);
    }
    return client;
}

void client_on_event(struct client *client, bool readable, bool writable, bool ended, bool broken)
{
    if (client->state == CLIENT_GONE) {
        return;
    }
    client->wire.readable |= readable || ended;
    client->wire.writable |= writable;
    client->left |= ended || broken;
    if (broken && client->state != CLIENT_READING) {
        client_end(client, false);
        return;
    }
    client_run(client);
}

void client_on_slot(struct client *client)
{
    assert(client->state == CLIENT_QUEUED);
    client->has_slot = true;
    client->shared->ledger.queued--;
    ledger_on_work(&client->shared->ledger);
    client_begin_answer(client);
    client_run(client);
}

void client_on_timer(struct client *client)
{
    assert(client->state != CLIENT_GONE);

    switch (client->alarm) {
    case ALARM_EXCHANGE:
        client_run(client);
        return;
    case ALARM_IDLE:
        client_leave(client, false);
        return;
    case ALARM_LATE: {
        struct blob poison = { 0 };
        answer_write_poison(&poison);
        wire_write(&client->wire, poison.bytes, poison.size);
        blob_free(&poison);
        return;
    }
    case ALARM_LEAVING:
        client_end(client, client->deaf);
        return;
    }
    abort(); /* an alarm without a case */
}

void client_close(struct client *client)
{
    client_end(client, false);
}

void client_destroy(struct client *client)
{
    assert(client->state == CLIENT_GONE);
    incoming_free(&client->incoming);
    exchange_free(&client->exchange);
    blob_free(&client->held);
    free(client);
}
