/*
 * session: the TLS side of one connection, as a transform of bytes.
 *
 *               feed                read
 *     network ---------> session ---------> plaintext
 *     network <--------- session <--------- plaintext
 *               drain               write
 *
 * No sockets: whoever owns the connection carries the ciphertext. Ciphertext from the network is
 * read in place by a BIO of our own; what is to be sent collects in a buffer that the owner takes.
 *
 * Happy path: create, handshake (STARVED: take what is there to send, feed what comes, again) until
 * DONE, then write and read. After every call there may be something to take.
 *
 * It fails once, with TLS_FAILED, and then `tls_session_detail` says why in a line for people; an
 * alert for the peer may still be there to take.
 */
#ifndef QUOIT_TLS_SESSION_H
#define QUOIT_TLS_SESSION_H

#include "base/buffer.h"
#include "quoit.h"

struct tls_session;
struct tls_ticket; /* what a server gave for resuming; counted by OpenSSL */

enum tls_result {
    TLS_DONE,    /* it did what was asked */
    TLS_STARVED, /* it needs more ciphertext, and has taken in all that was fed */
    TLS_ENDED,   /* the peer has said goodbye (close_notify): no more plaintext */
    TLS_FAILED,  /* broken or not trusted; now only take, detail, error and destroy do anything */
};

/*
 * Copies host: a name, or a literal IP address (then no SNI is sent, and the certificate must name
 * that address). An identity's server_name comes before it. Counts tls. `ticket` (borrowed, may be
 * NULL) must come from a session of the same identity, host and port; one of another identity or
 * host is not used. NULL: out of memory.
 */
struct tls_session *tls_session_create(struct quoit_tls *tls, const char *host,
                                       struct tls_ticket *ticket);
void tls_session_destroy(struct tls_session *session); /* NULL is allowed */

/*
 * Ciphertext from the network. Borrowed until a call below has given STARVED, ENDED or FAILED:
 * read until then. May be called only when the bytes fed before are all taken in.
 */
void tls_session_feed(struct tls_session *session, const char *bytes, size_t size);

/* DONE, STARVED or FAILED. A handshake of more than 512 KiB FAILED. */
enum tls_result tls_session_handshake(struct tls_session *session);

/*
 * One piece of plaintext, up to room bytes, into out. DONE: *size_out bytes, at least 1; ask again.
 * STARVED (or ENDED, FAILED): none now (ever again). room should be at least 16 KiB, so that a
 * record comes as one piece. A server that sends 64 KiB of other things in a row, or makes for 64
 * KiB of answers that nobody has taken, FAILED.
 */
enum tls_result tls_session_read(struct tls_session *session, char *out, size_t room,
                                 size_t *size_out);

/* Encrypt all of bytes, after the handshake. DONE or FAILED. */
enum tls_result tls_session_write(struct tls_session *session, const void *bytes, size_t size);

/* Say goodbye (close_notify), once. */
void tls_session_close(struct tls_session *session);

/* How many bytes of ciphertext wait to be sent. */
size_t tls_session_pending(const struct tls_session *session);

/*
 * Move all that waits into *out, by swapping buffers: `out` must be empty, and its memory is used
 * for what comes next. So bytes that the kernel still reads are never moved.
 */
void tls_session_take(struct tls_session *session, struct buffer *out);

/* Why it FAILED, e.g. "the server speaks no TLS 1.2 or later". Never NULL. */
const char *tls_session_detail(const struct tls_session *session);

/* What to tell the caller: QUOIT_E_TLS, QUOIT_E_NO_MEMORY, or QUOIT_OK if it has not FAILED. */
enum quoit_error tls_session_error(const struct tls_session *session);

/* True if the server accepted the ticket. Meaningful after the handshake. */
bool tls_session_was_resumed(const struct tls_session *session);

/*
 * The newest ticket that the server has sent and nobody has taken, or NULL. The caller owns it. In
 * TLS 1.3 tickets come after the handshake, with later reads, and each resumes once (RFC 8446 C.4):
 * who has used one destroys it, and takes the next from the session that it resumed. In TLS 1.2
 * that gives the same one again, so both are kept in the same way.
 */
struct tls_ticket *tls_session_take_ticket(struct tls_session *session);
void tls_ticket_destroy(struct tls_ticket *ticket); /* NULL is allowed */

#endif
