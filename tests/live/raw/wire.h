/*
 * wire: the bytes of one accepted connection, plain or TLS, cut as a test wants them.
 *
 * TLS runs over memory, so that what goes over the wire can be cut, kept back or forged as well as
 * the text. Every wait ends after WIRE_WAIT_MS, or when the server's stop descriptor becomes
 * readable.
 *
 * A piece follows another one when the peer's kernel has all of that and its program has read it,
 * which sock_diag(7) tells of any socket of this machine. So pieces stay apart up to the parser.
 */
#ifndef QUOIT_TESTS_RAW_WIRE_H
#define QUOIT_TESTS_RAW_WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_WAIT_MS 20000
#define WIRE_BYTES_MAX 4096 /* more than this are not all sent one by one */

enum wire_result {
    WIRE_OK,
    WIRE_ENDED,   /* the peer's FIN; or close_notify, see goodbye */
    WIRE_RESET,   /* the peer's RST */
    WIRE_LATE,    /* WIRE_WAIT_MS without anything */
    WIRE_STOPPED, /* the server ends all connections */
    WIRE_BROKEN,  /* TLS failed: error says how */
    WIRE_OURS,    /* we have closed */
};

enum wire_cut { WIRE_WHOLE, WIRE_BYTES, WIRE_CUTS, WIRE_SPLIT };

struct wire_feed {
    enum wire_cut cut;
    uint64_t seed; /* of WIRE_CUTS; of WIRE_SPLIT: the first piece's size */
};

struct wire {
    int fd;      /* owned; -1: closed */
    int stop_fd; /* borrowed */
    int diag_fd; /* owned; -1: none */
    SSL *ssl;    /* owned; NULL: plain */
    BIO *in, *out;
    struct wire_feed feed, records;
    uint64_t sent;              /* bytes that the kernel has taken */
    bool goodbye;               /* the peer's close_notify has come */
    uint64_t handshakes;        /* whole ones; above 1: it was renegotiated */
    unsigned char finished[64]; /* the peer's last Finished */
    char error[160];            /* of TLS; "": none */
};

/* tls may be NULL. Takes over fd. */
void wire_init(struct wire *wire, int fd, int stop_fd, SSL_CTX *tls);
void wire_free(struct wire *wire);

/* Wait for these events of poll(2). */
enum wire_result wire_wait(struct wire *wire, short events, int timeout_ms);

enum wire_result wire_handshake(struct wire *wire);

/* WIRE_OK: *size_out bytes, at least one. */
enum wire_result wire_read(struct wire *wire, char *bytes, size_t size, size_t *size_out);

/* Through TLS where there is one. */
enum wire_result wire_send(struct wire *wire, const char *bytes, size_t size);

/* Beside TLS. */
enum wire_result wire_send_raw(struct wire *wire, const char *bytes, size_t size);

/* A record without its last `missing` bytes. */
enum wire_result wire_send_cut(struct wire *wire, const char *bytes, size_t size, size_t missing);

/* -------- TLS only; else they do nothing -------- */

enum wire_result wire_notify(struct wire *wire);
enum wire_result wire_hello_request(struct wire *wire);

/* After a hello request: until another handshake is whole, or the peer sends something else. */
enum wire_result wire_await_handshake(struct wire *wire);
enum wire_result wire_key_update(struct wire *wire, bool request);
enum wire_result wire_ticket(struct wire *wire);
enum wire_result wire_alert(struct wire *wire);

/* -------- ends -------- */

void wire_fin(struct wire *wire);
void wire_reset(struct wire *wire); /* RST */
void wire_close(struct wire *wire);

/* Bytes that the kernel has and nobody has read. */
size_t wire_unread(const struct wire *wire);

#endif
