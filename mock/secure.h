/*
 * secure: the TLS settings of a listener.
 */
#ifndef QUOIT_MOCK_SECURE_H
#define QUOIT_MOCK_SECURE_H

#include "mock/options.h"

/* The settings of the --tls- options; NULL after a line on stderr. Free with SSL_CTX_free. */
struct ssl_ctx_st *secure_create(const struct options *options);

/* The server's side of a new connection; NULL without memory. */
struct ssl_st *secure_accept(struct ssl_ctx_st *context, int fd);

#endif
