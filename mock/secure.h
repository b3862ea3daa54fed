/*
 * secure: the TLS settings of a listener.
 */
#ifndef QUOIT_MOCK_SECURE_H
#define QUOIT_MOCK_SECURE_H

#include "mock/options.h"

#include <openssl/types.h>

/* The settings of the --tls- options; NULL after a line on stderr. Free with SSL_CTX_free. */
SSL_CTX *secure_create(const struct options *options);

/* The server's side of a new connection; NULL without memory. */
SSL *secure_accept(SSL_CTX *context, int fd);

#endif
