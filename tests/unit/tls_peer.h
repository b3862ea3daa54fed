/*
 * tls_peer: what the tests of tls/ talk to: an OpenSSL server in this process, joined to a session
 * of ours through memory.
 *
 * A talk is one connection. talk_open makes it, talk_run carries bytes both ways until both sides
 * are silent and gives what the session said last; what either side heard is in its buffers. Each
 * piece of ciphertext comes to the session in a block of its exact size, which is freed when the
 * session has taken it in, and with rubbish in the thread's error queue.
 */
#ifndef QUOIT_TESTS_TLS_PEER_H
#define QUOIT_TESTS_TLS_PEER_H

#include "base/buffer.h"
#include "tests/unit/check.h"
#include "tests/unit/tls_certificate.h"
#include "tls/session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

/* --- The server --- */

struct peer_wish {
    const struct certificate *certificate;      /* NULL: none */
    const struct certificate *client_authority; /* clients must show a certificate of it */
    const char *protocol; /* ALPN: chosen whatever is offered; "": refuse all; NULL: no ALPN */
    const char *ciphers;  /* of TLS 1.2 and below; NULL: the usual */
    int version;          /* the only one; 0: the usual */
};

static inline int peer_on_protocols(SSL *ssl, const unsigned char **out, unsigned char *size_out,
                                    const unsigned char *offered, unsigned size, void *context)
{
    const struct peer_wish *wish = context;

    (void)ssl;
    (void)offered;
    (void)size;
    if (wish->protocol[0] == '\0') {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = (const unsigned char *)wish->protocol;
    *size_out = (unsigned char)strlen(wish->protocol);
    return SSL_TLSEXT_ERR_OK;
}

/* Borrows wish. SSL_CTX_free frees it. */
static inline SSL_CTX *peer_create(const struct peer_wish *wish)
{
    SSL_CTX *peer = SSL_CTX_new(TLS_server_method());

    /* What is weak or old is for the client to refuse. */
    SSL_CTX_set_security_level(peer, 0);
    SSL_CTX_set_min_proto_version(peer, wish->version);
    SSL_CTX_set_max_proto_version(peer, wish->version);
    SSL_CTX_set_session_id_context(peer, (const unsigned char *)"peer", 4);
    if (wish->ciphers != NULL) {
        CHECK(SSL_CTX_set_cipher_list(peer, wish->ciphers) == 1);
    }
    if (wish->certificate != NULL) {
        CHECK(SSL_CTX_use_certificate(peer, wish->certificate->x509) == 1);
        CHECK(SSL_CTX_use_PrivateKey(peer, wish->certificate->key) == 1);
    }
    if (wish->client_authority != NULL) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(peer), wish->client_authority->x509);
        SSL_CTX_set_verify(peer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    if (wish->protocol != NULL) {
        SSL_CTX_set_alpn_select_cb(peer, peer_on_protocols, (void *)(uintptr_t)wish);
    }
    return peer;
}

/* --- A talk --- */

struct talk {
    struct tls_session *session;
    SSL *server;
    size_t cut;                 /* at most so many bytes of ciphertext at a time */
    bool secured;               /* the session's handshake is done */
    bool server_secured;        /* the server's is */
    bool server_ended;          /* the server has read a goodbye */
    int server_reason;          /* the reason of its first error, or 0 */
    struct buffer out;          /* what the session has to send */
    struct buffer heard;        /* what the session gave as plaintext */
    struct buffer server_heard; /* what the server got as plaintext */
};

static inline struct talk talk_open(SSL_CTX *peer, struct quoit_tls *tls, const char *host,
                                    struct tls_ticket *ticket)
{
    struct talk talk = { .cut = SIZE_MAX };

    talk.session = tls_session_create(tls, host, ticket);
    talk.server = SSL_new(peer);
    CHECK(talk.session != NULL && talk.server != NULL);
    SSL_set_bio(talk.server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(talk.server);
    return talk;
}

static inline void talk_close(struct talk *talk)
{
    tls_session_destroy(talk->session);
    SSL_free(talk->server);
    buffer_free(&talk->out);
    buffer_free(&talk->heard);
    buffer_free(&talk->server_heard);
}

/* Feed one piece of ciphertext to the session and take what it gives until it gives no more. */
static inline enum tls_result talk_feed(struct talk *talk, const void *bytes, size_t size)
{
    char *exact = malloc(size == 0 ? 1 : size);
    char *room = malloc(16384);
    enum tls_result result = TLS_DONE;

    if (size != 0) {
        memcpy(exact, bytes, size);
    }
    bool failed = tls_session_error(talk->session) != QUOIT_OK;
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR); /* what others left is none of ours */
    tls_session_feed(talk->session, exact, size);
    if (!talk->secured) {
        result = tls_session_handshake(talk->session);
        talk->secured = result == TLS_DONE;
    }
    while (result == TLS_DONE) {
        size_t read = 0;
        ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
        result = tls_session_read(talk->session, room, 16384, &read);
        CHECK((result == TLS_DONE) == (read != 0));
        CHECK(buffer_append(&talk->heard, room, read));
    }
    CHECK(failed || ERR_peek_error() == 0); /* and what we left is gone */
    free(room);
    free(exact);
    return result;
}

/* Let the server do what it can. */
static inline void talk_turn_server(struct talk *talk)
{
    char room[4096];
    int returned = 1;

    ERR_clear_error();
    if (!talk->server_secured) {
        returned = SSL_do_handshake(talk->server);
        talk->server_secured = returned == 1;
    }
    while (returned > 0) {
        returned = SSL_read(talk->server, room, sizeof(room));
        CHECK(buffer_append(&talk->server_heard, room, returned > 0 ? (size_t)returned : 0));
    }
    talk->server_ended = SSL_get_error(talk->server, returned) == SSL_ERROR_ZERO_RETURN;
    if (talk->server_reason == 0) {
        talk->server_reason = ERR_GET_REASON(ERR_peek_error());
    }
    ERR_clear_error();
}

/* Carry all that the session has to say. True if there was something. */
static inline bool talk_carry_to_server(struct talk *talk)
{
    size_t pending = tls_session_pending(talk->session);

    tls_session_take(talk->session, &talk->out);
    CHECK_EQ(talk->out.size, pending);
    CHECK_EQ(tls_session_pending(talk->session), 0);
    for (size_t at = 0; at < talk->out.size;) {
        size_t size = talk->out.size - at < talk->cut ? talk->out.size - at : talk->cut;
        BIO_write(SSL_get_rbio(talk->server), talk->out.bytes + at, (int)size);
        talk_turn_server(talk);
        at += size;
    }
    buffer_reset(&talk->out);
    return pending != 0;
}

/* Both ways until nobody says anything more. Gives what the session said last. */
static inline enum tls_result talk_run(struct talk *talk)
{
    enum tls_result result = talk_feed(talk, NULL, 0);

    while (result == TLS_STARVED) {
        char *bytes;
        long size = BIO_get_mem_data(SSL_get_wbio(talk->server), &bytes);
        if (size > 0) {
            size_t piece = (size_t)size < talk->cut ? (size_t)size : talk->cut;
            char *copy = malloc(piece);
            BIO_read(SSL_get_wbio(talk->server), copy, (int)piece);
            result = talk_feed(talk, copy, piece);
            free(copy);
        } else if (!talk_carry_to_server(talk)) {
            break;
        }
    }
    talk_carry_to_server(talk);
    return result;
}

/* A talk that is secured, and in which all tickets have come. */
static inline struct talk talk_secured(SSL_CTX *peer, struct quoit_tls *tls, const char *host,
                                       struct tls_ticket *ticket)
{
    struct talk talk = talk_open(peer, tls, host, ticket);

    CHECK_EQ(talk_run(&talk), TLS_STARVED);
    CHECK(talk.secured);
    CHECK(talk.server_secured);
    return talk;
}

/* --- The usual ones --- */

struct peer_cast {
    struct certificate authority, good; /* good: for good.test, and signed by authority */
    struct peer_file authority_file;
    struct quoit_tls *tls; /* trusts authority */
};

static inline struct peer_cast peer_cast_make(void)
{
    struct peer_cast cast;

    cast.authority = certificate_make(
        &(struct certificate_wish){ .common_name = "authority", .authority = true }, NULL);
    cast.good =
        certificate_make(&(struct certificate_wish){ .names = "DNS:good.test,IP:127.0.0.1,IP:::1" },
                         &cast.authority);
    cast.authority_file = peer_certificate_file("authority.pem", &cast.authority);
    cast.tls = NULL;
    struct quoit_tls_options options = { .ca_file = cast.authority_file.path };
    CHECK_EQ(quoit_tls_create(&options, &cast.tls), QUOIT_OK);
    return cast;
}

static inline void peer_cast_free(struct peer_cast *cast)
{
    quoit_tls_destroy(cast->tls);
    certificate_free(&cast->good);
    certificate_free(&cast->authority);
    unlink(cast->authority_file.path);
}

#endif
