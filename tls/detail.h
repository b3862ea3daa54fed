/*
 * detail: why OpenSSL failed, in a line for people.
 *
 * The line names what is wrong with the certificate, or the server's alert, or OpenSSL's reason,
 * and for what happens often also where to look: "certificate has expired; is the clock of this
 * machine right?". It holds nothing that the server wrote and no secret.
 */
#ifndef QUOIT_TLS_DETAIL_H
#define QUOIT_TLS_DETAIL_H

#include "quoit.h"

#include <openssl/ssl.h>

#define TLS_DETAIL_SIZE 160 /* with its NUL */
#define TLS_DETAIL_ALPN "the server chose an ALPN protocol other than http/1.1"

/*
 * Read what the thread's error queue says of ssl, whose last call failed, into `detail`, and empty
 * the queue. secured: its handshake was done before, which ssl no longer knows. Returns
 * QUOIT_E_TLS, or QUOIT_E_NO_MEMORY if that was the cause.
 */
enum quoit_error tls_detail_of(const SSL *ssl, bool secured, char detail[TLS_DETAIL_SIZE]);

/* Begin a few calls of OpenSSL: what the thread's error queue and errno say is of them, then. */
void tls_detail_begin(void);

/*
 * Empty the thread's error queue. True if memory was refused since tls_detail_begin, also where
 * OpenSSL has not said so: in places it goes on without, but malloc leaves ENOMEM in errno. Costs
 * nothing when the queue is empty; ERR_clear_error goes over all of it each time, 0.3 us.
 */
bool tls_detail_drop(void);

#endif
