/*
 * tls_server: a server in a thread of the test, that does what the test says, byte by byte.
 *
 * quoit-mock is an honest server with faults; this one is for what only a test would do: a weak
 * certificate, a chain of another's, forged records, a version of last century. It listens on a
 * port of 127.0.0.1 and on a unix socket, so that a URL may name any host, and serves one
 * connection at a time: it is greeted (TLS, unless there is none), and then handed to the test's
 * own function, which returns when the connection is to be closed.
 *
 * Its ledger is what it saw with its own eyes. Whatever it waits for is bounded by LIVE_WAIT_MS.
 */
#ifndef QUOIT_TESTS_TLS_SERVER_H
#define QUOIT_TESTS_TLS_SERVER_H

#include "tests/unit/tls_certificate.h"
#include "tests/unit/tls_forge.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One connection, from accept to close; its thread owns it. */
struct tls_visit {
    struct tls_server *server;
    int fd;
    SSL *ssl; /* NULL: no TLS is spoken, or the handshake failed */
    struct forge forge;
    bool rude; /* no goodbye when it ends */
};

/* What to do with a visit. */
struct tls_script {
    void (*serve)(struct tls_visit *visit);
    bool plain;           /* serve comes before any handshake, and ssl is NULL */
    bool either;          /* so it is if the client does not begin with a handshake */
    bool forged;          /* all that it says after the handshake: see tls_forge.h */
    bool asks;            /* for the client's certificate, and takes any or none */
    const char *protocol; /* ALPN: chosen whatever is offered; NULL: no ALPN */
    int version;          /* the only one; 0: the usual */
    uint64_t number;      /* for serve */
};

struct tls_ledger {
    atomic_uint_fast64_t connections, secured, resumed, refused; /* refused: no handshake */
    atomic_uint_fast64_t requests, request_bytes, said_bytes;
    atomic_uint_fast64_t offered;  /* handshakes in which the client had a ticket to offer */
    atomic_uint_fast64_t shown;    /* handshakes in which the client showed a certificate */
    atomic_uint_fast64_t goodbyes; /* close_notify read */
    atomic_int alert;              /* the last one that the client sent, or -1 */
    char server_name[256];         /* the last SNI, or "" */
};

struct tls_server {
    uint16_t port;
    char unix_path[108];
    struct tls_ledger ledger;

    /* Its own. */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t quiet; /* visits is 0 */
    unsigned visits;      /* under way */
    int listeners[2];     /* the port, the path */
    int wake[2];          /* closed at one end: stop */
    SSL_CTX *context;     /* owned; as script, it changes only when there is no visit */
    struct tls_script script;
};

/* Listen. tls_server_use must come before the first client. */
void tls_server_start(struct tls_server *server);
void tls_server_stop(struct tls_server *server);

/*
 * What comes from now on: that certificate and key, with `chain` (may be NULL) behind it, and that
 * script. The ledger begins anew. Tickets of before are not taken. Copies all but script's strings.
 *
 *   Blocks   until the visits under way are over: their clients must have left.
 */
void tls_server_use(struct tls_server *server, const struct certificate *certificate,
                    STACK_OF(X509) * chain, const struct tls_script *script);

/* Wait until that number of the ledger is reached; the bound ends the test. */
void tls_server_await(const atomic_uint_fast64_t *number, uint64_t wanted);

/* Wait until all connections are closed, from this side at least. */
void tls_server_await_quiet(struct tls_server *server);

/* --- For scripts --- */

/* Answer each request with 200 and "hello", until the client leaves. */
void tls_serve_hello(struct tls_visit *visit);

/* The same, but one request only, and an answer that says so. */
void tls_serve_hello_once(struct tls_visit *visit);

/* Read one request, without its body, over TLS or not. False: the client left before its end. */
bool tls_visit_read(struct tls_visit *visit);

/* Say so, by OpenSSL, or as it is where there is no TLS. False: the client listens no more. */
bool tls_visit_say(struct tls_visit *visit, const char *text);

/* Bytes as they are, past TLS. False: the client listens no more. */
bool tls_visit_send(struct tls_visit *visit, const void *bytes, size_t size);

/* Data in one forged record. */
bool tls_visit_forge(struct tls_visit *visit, const char *text);

/* Wait until the client has closed. What it says meanwhile is counted. */
void tls_visit_linger(struct tls_visit *visit);

/* Close with RST, when the client has read all: of what it has not, RST may take any part away. */
void tls_visit_reset(struct tls_visit *visit);

#endif
