/*
 * identity: what struct quoit_tls is made of, for context.c, which makes it, and session.c, which
 * uses it. Nothing in it changes after quoit_tls_create but the count of its holders, so threads
 * share it without a lock of ours.
 */
#ifndef QUOIT_TLS_IDENTITY_H
#define QUOIT_TLS_IDENTITY_H

#include "quoit.h"

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <string.h>

#define TLS_NAME_MAX 255 /* bytes: RFC 1035 2.3.4, and OpenSSL's own limit for SNI */

struct quoit_tls {
    SSL_CTX *context;        /* owned: trust, own certificate, versions */
    BIO_METHOD *wire_method; /* owned: see wire.h */
    char *server_name;       /* owned; in place of the URL's host; NULL: the host */
    uint64_t serial;         /* never given twice in a process, unlike an address */
    bool insecure;           /* neither chain nor name is verified */
    atomic_uint holders;     /* the last one to let go frees it */
};

/*
 * May it be put to OpenSSL as the name that a server must have? An empty one would mean "any", and
 * one that begins with a dot "any below it".
 */
static inline bool tls_name_is_valid(const char *name)
{
    size_t size = strlen(name);

    return size != 0 && size <= TLS_NAME_MAX && name[0] != '.';
}

/* OpenSSL calls it for each ticket that comes. Returns 1: the session keeps it. */
int tls_session_on_ticket(SSL *ssl, SSL_SESSION *ssl_session);

#endif
