/*
 * context: one TLS identity (struct quoit_tls): whom to trust, who to be, what to check.
 *
 * quoit_tls_create and quoit_tls_destroy of quoit.h are implemented here. An identity is counted:
 * each engine and request that uses it holds it. Everything that decides whether a server is
 * trusted lives in the identity, so connections and sessions that are kept per identity are never
 * shared between different settings (DESIGN.md 5).
 */
#ifndef QUOIT_TLS_CONTEXT_H
#define QUOIT_TLS_CONTEXT_H

#include "quoit.h"

/* One more holder. Any thread. Returns tls. */
struct quoit_tls *tls_context_hold(struct quoit_tls *tls);

/* One holder less; the last one frees it. NULL is allowed. Any thread. */
void tls_context_drop(struct quoit_tls *tls);

/* The name and version of the TLS library in use. Static. */
const char *tls_context_library(void);

#endif
