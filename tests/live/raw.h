/*
 * raw: the scripted raw server (tests/live/raw/) from a test's side.
 *
 *     struct live_server server = raw_start((const char *[]){ NULL });
 *
 *     raw_script(&server, "connection 1:\n read-request\n answer \"hello\"\n close\n");
 *     ... live_get(engine, live_url(&server, "/")) ...
 *     CHECK_LEDGER_EQ(live_number(&server, "requests"), 1);
 *     live_stop(&server);
 *
 * raw/script.h is the manual of the scripts, raw/ledger.h that of the ledger. One server serves a
 * whole program: raw_script ends all connections and begins a new ledger. live_number,
 * live_await_number, live_url and live_stop do for it what they do for quoit-mock. What cannot be
 * done ends the test program.
 */
#ifndef QUOIT_TESTS_RAW_H
#define QUOIT_TESTS_RAW_H

#include "tests/live/live.h"

/* Start one with these options of raw/raw_server.c (NULL ends them); --tls makes its URL https. */
struct live_server raw_start(const char *const *options);

/* End all connections, forget the ledger, and play this. */
void raw_script(const struct live_server *server, const char *script);

/* Let one `pause` go on. */
void raw_go(const struct live_server *server);

/* -------- scripts that are put together -------- */

struct raw_text {
    char *bytes; /* owned, NUL-ended; NULL: nothing yet */
    size_t size, room;
};

void raw_add(struct raw_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line `VERB "bytes"`. */
void raw_add_bytes(struct raw_text *text, const char *verb, const char *bytes, size_t size);

/* raw_script, and free the text, which is empty then. */
void raw_play(const struct live_server *server, struct raw_text *text);

/* -------- the ledger, line by line -------- */

struct raw_connection {
    uint64_t requests, bytes_after, bytes_unread, handshakes, resumed, goodbye;
    char end[16], tls[16], sni[256], error[160];
};

/* The whole ledger, to be looked into more than once. The caller frees it. */
char *raw_ledger(const struct live_server *server);
uint64_t raw_ledger_number(const char *ledger, const char *name);

/* Connection number `number`, from 1; all zero and end "" if there is none. */
struct raw_connection raw_ledger_connection(const char *ledger, uint32_t number);
struct raw_connection raw_connection(const struct live_server *server, uint32_t number);

/* The same, once it has ended. */
struct raw_connection raw_await_end(const struct live_server *server, uint32_t number);

struct raw_request {
    uint64_t connection, body_size;
    char method[32], target[512], body_hash[17];
    char head[4096]; /* from the method on, CRLF as \u000d\u000a; cut if it is longer */
};

/* Request number `number`, from 1, in the order in which heads were read; all zero if none. */
struct raw_request raw_ledger_request(const char *ledger, uint32_t number);
struct raw_request raw_request(const struct live_server *server, uint32_t number);

/* The value of a header (in the case in which it was sent) of that head; "" if there is none.
 * Static. */
const char *raw_request_header(const struct raw_request *request, const char *name);

/* What the ledger calls body_hash. Static. */
const char *raw_hash(const char *bytes, size_t size);

#endif
