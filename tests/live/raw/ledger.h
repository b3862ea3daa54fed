/*
 * ledger: what the raw server has seen, by connection and by request, as JSON: a member a line, and
 * below "connections" and "log" a line for each.
 *
 *     connections_accepted, connections_open, connections_late (no step ahead for 20 s)
 *     handshakes, handshakes_failed
 *     requests (heads read), bodies (read whole), bytes_after (come after the steps)
 *     requests_per_connection_max
 *     connections: {"connection":1,"requests":2,"bytes_after":0,"bytes_unread":0,"tls":"TLSv1.3",
 *         "sni":"","resumed":0,"handshakes":1,"goodbye":1,"end":"fin","error":""}
 *     log: {"request":1,"connection":1,"method":"GET","target":"/","head":"...","body_size":0,
 *         "body_hash":"..."}
 *
 * `end`: open, fin (the peer's), reset (the peer's), ours (rst and drop), late, stopped, broken
 * (TLS failed; `error` says how). `goodbye`: the peer's close_notify has come. body_hash: the first
 * 16 hex digits of SHA-256; "": not read whole. It is safe to call from any thread.
 */
#ifndef QUOIT_TESTS_RAW_LEDGER_H
#define QUOIT_TESTS_RAW_LEDGER_H

#include "tests/live/raw/wire.h"

#include <stddef.h>
#include <stdint.h>

#define LEDGER_ROWS_MAX 20000 /* connections, and requests, that have a line; all are counted */

/* Forget all. Nothing else may be under way. */
void ledger_reset(void);

/* The number of the connection, from 1. */
uint32_t ledger_open(void);
void ledger_close(uint32_t connection, const char *end, const struct wire *wire, size_t unread);
void ledger_handshake(uint32_t connection, const struct wire *wire, enum wire_result result);

/* A request's number, from 1. */
uint32_t ledger_head(uint32_t connection, const char *head, size_t size);
void ledger_body(uint32_t request, const char *bytes, size_t size);
void ledger_after(uint32_t connection, size_t size);

/* The JSON. The caller frees it. */
char *ledger_text(size_t *size_out);

#endif
