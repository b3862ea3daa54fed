/*
 * wire: the bytes of one connection, through TLS or not.
 *
 * Nothing blocks. `readable` and `writable` are what epoll has said and a call has not yet taken
 * back: with edges one has to remember.
 */
#ifndef QUOIT_MOCK_WIRE_H
#define QUOIT_MOCK_WIRE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WIRE_END 0      /* the peer will send no more */
#define WIRE_BLOCKED -1 /* nothing now: wait for epoll */
#define WIRE_BROKEN -2  /* reset, or broken TLS */

struct wire {
    int fd;
    SSL *ssl; /* owned; NULL: plain */
    bool readable;
    bool writable;
};

/* Carry the TLS handshake on. 1: it is done; else WIRE_BLOCKED or WIRE_BROKEN. */
int wire_secure(struct wire *wire);

/* Bytes read or written, or one of the above. */
ssize_t wire_read(struct wire *wire, char *bytes, size_t size);
ssize_t wire_write(struct wire *wire, const char *bytes, size_t size);

/* Say that no more will be sent: FIN, before it close_notify unless `quiet`. */
void wire_finish(struct wire *wire, bool quiet);

/* Send the begin of a TLS record, past OpenSSL, that will never be whole. */
void wire_break_record(struct wire *wire);

/* Send a KeyUpdate that asks for one in return. */
void wire_update_key(struct wire *wire);

/* Close; `reset`: with an RST. */
void wire_close(struct wire *wire, bool reset);

#endif
