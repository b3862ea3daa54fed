/*
 * wire: where OpenSSL believes the network to be.
 *
 * A BIO of our own. It reads the ciphertext in place, from the bytes that the owner of the
 * connection received, and what it is given to write collects in a buffer. When all that was fed is
 * read, it asks OpenSSL to come again; it never says that the stream has ended, since the end of
 * the stream is the owner's to judge.
 *
 * It fails only for want of memory, and then says so in out_of_memory.
 */
#ifndef QUOIT_TLS_WIRE_H
#define QUOIT_TLS_WIRE_H

#include "base/buffer.h"

#include <openssl/bio.h>

struct tls_wire {
    const char *fed; /* borrowed from whoever fed it, while fed_size is not 0 */
    size_t fed_size; /* bytes not yet read */
    struct buffer out;
    bool out_of_memory; /* something to send is lost */
};

/* What all BIOs of one identity do. NULL: out of memory. BIO_meth_free frees it. */
BIO_METHOD *tls_wire_method_create(void);

/* A BIO onto wire, which must outlive it. NULL: out of memory. */
BIO *tls_wire_bio_create(struct tls_wire *wire, const BIO_METHOD *method);

#endif
