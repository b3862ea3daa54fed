/*
 * conn_parts: what the four files of struct conn share: conn.c (states, time, opening, closing),
 * conn_tunnel.c, conn_send.c and conn_recv.c. Nobody else includes it.
 */
#ifndef QUOIT_ENGINE_CONN_PARTS_H
#define QUOIT_ENGINE_CONN_PARTS_H

#include "engine/conn.h"

/* conn.c */

/* The one mover: asserts that the table allows it. */
void conn_become(struct conn *conn, enum conn_state next);

/* Note that the kernel is about to hold one more operation. */
void conn_hold(struct conn *conn, enum ring_verb verb);

/* Close for that reason, with a line for people. Returns CONN_WORKING: the close itself will tell.
 */
enum conn_verdict conn_fail(struct conn *conn, enum quoit_error error, int os_error,
                            const char *detail);
enum conn_verdict conn_fail_tls(struct conn *conn);

/* Find the earliest instant at which what is under way has failed. */
void conn_find_deadline(struct conn *conn);

/* The same, and if it is earlier than the receive's timer, take the receive back. */
void conn_move_deadline(struct conn *conn);

/* Cancel the standing receive, if it stands: whoever takes it back is told, and arms it anew. */
void conn_take_back(struct conn *conn);

/* Receive from the buffers of that group from now on: taken back, and armed anew, if it stands. */
void conn_use_group(struct conn *conn, enum ring_group group);

/* Start the standing receive, unless it stands or the connection is paused. */
void conn_arm(struct conn *conn);

/* The way to the server is open: the TLS handshake begins, or it is IDLE. */
enum conn_verdict conn_on_way(struct conn *conn);

/* Go on with the TLS handshake: with what was fed, and with what there is to send. */
enum conn_verdict conn_shake_hands(struct conn *conn);

/* conn_tunnel.c */

/* Before it connects: copies the head. Of size 0: no tunnel. After an error conn_drop_tunnel. */
QUOIT_MUST enum quoit_error conn_prepare_tunnel(struct conn *conn, struct quoit_span head);
void conn_drop_tunnel(struct conn *conn);

/* Connected to the proxy: TUNNELLING. */
enum conn_verdict conn_ask_for_tunnel(struct conn *conn);

/* Bytes of the proxy. */
enum conn_verdict conn_on_tunnel(struct conn *conn, const char *bytes, size_t size);

/* conn_send.c */

/* Is a send under way, or one whose silence has not lasted long enough to be trusted? */
bool conn_is_sending(const struct conn *conn);

/* Note that a quiet send has stayed silent: the turn that submitted it is over. */
void conn_settle_quiet(struct conn *conn);

/* Send what is left, by ordinary sends, each completion of which is progress. */
enum conn_verdict conn_send_more(struct conn *conn);
enum conn_verdict conn_on_send(struct conn *conn, int32_t result);

/* conn_recv.c */
enum conn_verdict conn_on_recv(struct conn *conn, const struct ring_done *done);

#endif
