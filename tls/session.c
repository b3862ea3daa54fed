/*
 * session: see session.h.
 *
 * Every call of OpenSSL stands between two looks at the thread's error queue: it is emptied before,
 * since SSL_get_error reads what others left there, and emptied again after.
 */
#include "tls/session.h"

#include "tls/context.h"
#include "tls/detail.h"
#include "tls/identity.h"
#include "tls/wire.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A server may renew keys, give tickets and ask for new handshakes as often as it likes, and
 * OpenSSL sets no bound to any of it. Each costs work here, and some cost an answer.
 */
#define SESSION_SILENT_MAX (64 * 1024)  /* bytes taken in without a byte of plaintext */
#define SESSION_SHAKE_MAX (512 * 1024)  /* bytes of a handshake; a chain has 100 KiB at most */
#define SESSION_ANSWERS_MAX (64 * 1024) /* bytes of answers that the server does not read */

struct tls_session {
    struct quoit_tls *tls; /* held */
    SSL *ssl;              /* owned */
    struct tls_wire wire;
    SSL_SESSION *newest;    /* owned; the newest ticket that nobody has taken, or NULL */
    enum quoit_error error; /* once it is not QUOIT_OK, nothing else is tried */
    bool secured;           /* the handshake is done */
    size_t silent_size;     /* bytes taken in since the last plaintext */
    char detail[TLS_DETAIL_SIZE];
    char name[]; /* who the server must be: a host name or an address */
};

/*
 * OpenSSL 3.0 does not look at the server's name again when it resumes, so a ticket remembers for
 * whom it was made, and is not offered to anybody else.
 */
struct tls_ticket {
    SSL_SESSION *ssl_session; /* owned */
    uint64_t serial;          /* of its identity */
    char name[];              /* of its session */
};

/* --- Failing --- */

static enum tls_result session_end(struct tls_session *session, enum quoit_error error)
{
    assert(error != QUOIT_OK);
    session->error = error;
    session->wire.fed_size = 0;
    SSL_SESSION_free(session->newest); /* what came from a server that failed is not used again */
    session->newest = NULL;
    return TLS_FAILED;
}

/* Fail for a reason of ours. */
static enum tls_result session_refuse(struct tls_session *session, const char *detail)
{
    snprintf(session->detail, sizeof(session->detail), "%s", detail);
    return session_end(session, QUOIT_E_TLS);
}

/* Fail for a reason of OpenSSL's, or for want of memory under its writes. */
static enum tls_result session_fail(struct tls_session *session)
{
    enum quoit_error error = tls_detail_of(session->ssl, session->secured, session->detail);

    if (session->wire.out_of_memory) {
        snprintf(session->detail, sizeof(session->detail), "out of memory");
        error = QUOIT_E_NO_MEMORY;
    }
    return session_end(session, error);
}

/* What a return value of OpenSSL's means. */
static enum tls_result session_result_of(struct tls_session *session, int returned)
{
    switch (SSL_get_error(session->ssl, returned)) {
    case SSL_ERROR_NONE:
        tls_detail_drop();
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        tls_detail_drop();
        assert(session->wire.fed_size == 0); /* only the wire asks to come again */
        return TLS_STARVED;
    case SSL_ERROR_ZERO_RETURN:
        tls_detail_drop();
        session->wire.fed_size = 0;
        return TLS_ENDED;
    default: /* OpenSSL's list is open-ended; WANT_WRITE cannot happen, a wire takes all */
        return session_fail(session);
    }
}

/* --- Making --- */

/* What the certificate must say, and what the server is asked for. False: out of memory. */
static bool session_set_name(struct tls_session *session)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(session->ssl);
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, session->name, address) == 1) {
        return X509_VERIFY_PARAM_set1_ip(param, address, sizeof(struct in_addr)) == 1;
    }
    if (inet_pton(AF_INET6, session->name, address) == 1) {
        return X509_VERIFY_PARAM_set1_ip(param, address, sizeof(struct in6_addr)) == 1;
    }
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, session->name, 0) == 1 &&
           SSL_set_tlsext_host_name(session->ssl, session->name) == 1;
}

static bool session_may_use(const struct tls_session *session, const struct tls_ticket *ticket)
{
    return ticket->serial == session->tls->serial && strcmp(ticket->name, session->name) == 0;
}

static bool session_init(struct tls_session *session, struct tls_ticket *ticket)
{
    BIO *bio = tls_wire_bio_create(&session->wire, session->tls->wire_method);

    session->ssl = SSL_new(session->tls->context);
    if (bio == NULL || session->ssl == NULL) {
        BIO_free(bio);
        return false;
    }
    SSL_set_bio(session->ssl, bio, bio); /* for both directions, and owned by ssl from here */
    SSL_set_connect_state(session->ssl);
    if (SSL_set_app_data(session->ssl, session) != 1) {
        return false;
    }

    if (!tls_name_is_valid(session->name)) {
        session_refuse(session, "not a host name that a certificate can have");
        return true;
    }
    if (!session_set_name(session)) {
        return false;
    }
    if (ticket != NULL && session_may_use(session, ticket)) {
        return SSL_set_session(session->ssl, ticket->ssl_session) == 1;
    }
    return true;
}

struct tls_session *tls_session_create(struct quoit_tls *tls, const char *host,
                                       struct tls_ticket *ticket)
{
    const char *name = tls->server_name != NULL ? tls->server_name : host;
    size_t name_size = strlen(name);

    /* The dot of an absolute name is neither in certificates nor in SNI (RFC 6066 3). */
    if (name_size != 0 && name[name_size - 1] == '.') {
        name_size--;
    }
    struct tls_session *session = calloc(1, sizeof(*session) + name_size + 1);
    if (session == NULL) {
        return NULL;
    }
    memcpy(session->name, name, name_size);
    session->tls = tls_context_hold(tls);

    tls_detail_begin();
    bool made = session_init(session, ticket);
    if (tls_detail_drop() || !made) {
        tls_session_destroy(session);
        return NULL;
    }
    return session;
}

void tls_session_destroy(struct tls_session *session)
{
    if (session == NULL) {
        return;
    }
    if (session->ssl != NULL && session->error == QUOIT_OK) {
        /*
         * OpenSSL spoils the tickets of a connection that ends without a goodbye of either side,
         * as TLS 1.0 wanted it (RFC 2246 7.2.1). Later versions do not, and most connections of a
         * pool end so.
         */
        SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(session->ssl);
    SSL_SESSION_free(session->newest);
    buffer_free(&session->wire.out);
    tls_context_drop(session->tls);
    free(session);
}

/* --- Carrying bytes --- */

#define SESSION_FLOODS "the server floods the connection with what is no data"

/* Has the server said too much that is no data, now that so many bytes more are taken in? */
static bool session_is_flooded(struct tls_session *session, size_t taken, size_t plain_size)
{
    size_t silent_max = session->secured ? SESSION_SILENT_MAX : SESSION_SHAKE_MAX;

    session->silent_size = plain_size != 0 ? 0 : session->silent_size + taken;
    return session->silent_size > silent_max || session->wire.out.size > SESSION_ANSWERS_MAX;
}

void tls_session_feed(struct tls_session *session, const char *bytes, size_t size)
{
    assert(session->wire.fed_size == 0);
    if (session->error != QUOIT_OK) {
        return; /* nobody will read it */
    }
    session->wire.fed = bytes;
    session->wire.fed_size = size;
}

/* The first moment at which the server's choices are known: are they ours? */
static enum tls_result session_on_secured(struct tls_session *session)
{
    const unsigned char *protocol;
    unsigned size;

    SSL_get0_alpn_selected(session->ssl, &protocol, &size);
    if (size != 0 && (size != strlen("http/1.1") || memcmp(protocol, "http/1.1", size) != 0)) {
        return session_refuse(session, TLS_DETAIL_ALPN); /* not every 3.0 looks at it itself */
    }
    /* A system configuration can allow ciphers that authenticate nobody; verifying is ours. */
    if (!session->tls->insecure && SSL_get0_peer_certificate(session->ssl) == NULL) {
        return session_refuse(session, "the server showed no certificate");
    }
    session->secured = true;
    session->silent_size = 0;
    if (SSL_session_reused(session->ssl) && SSL_version(session->ssl) < TLS1_3_VERSION &&
        session->newest == NULL) {
        /* In TLS 1.2 the ticket stays good, and OpenSSL does not tell of it again. */
        session->newest = SSL_get1_session(session->ssl);
    }
    return TLS_DONE;
}

enum tls_result tls_session_handshake(struct tls_session *session)
{
    if (session->error != QUOIT_OK) {
        return TLS_FAILED;
    }
    if (session->secured) {
        return TLS_DONE;
    }
    size_t fed_size = session->wire.fed_size;
    tls_detail_begin();
    enum tls_result result = session_result_of(session, SSL_do_handshake(session->ssl));
    switch (result) {
    case TLS_DONE:
        return session_on_secured(session);
    case TLS_STARVED:
        return session_is_flooded(session, fed_size, 0) ? session_refuse(session, SESSION_FLOODS)
                                                        : TLS_STARVED;
    case TLS_FAILED:
        return TLS_FAILED;
    case TLS_ENDED:
        return session_refuse(session, "the server said goodbye during the handshake");
    }
    abort(); /* a result without a case */
}

enum tls_result tls_session_read(struct tls_session *session, char *out, size_t room,
                                 size_t *size_out)
{
    size_t fed_size = session->wire.fed_size;
    size_t size = 0;

    assert(room != 0);
    if (session->error != QUOIT_OK) {
        return TLS_FAILED;
    }
    assert(session->secured);
    tls_detail_begin();
    enum tls_result result =
        session_result_of(session, SSL_read_ex(session->ssl, out, room, &size));
    if ((result == TLS_DONE || result == TLS_STARVED) &&
        session_is_flooded(session, fed_size - session->wire.fed_size, size)) {
        return session_refuse(session, SESSION_FLOODS);
    }
    if (result == TLS_DONE) {
        assert(size != 0);
        *size_out = size;
    }
    return result;
}

enum tls_result tls_session_write(struct tls_session *session, const void *bytes, size_t size)
{
    size_t written = 0;

    if (session->error != QUOIT_OK) {
        return TLS_FAILED;
    }
    assert(session->secured);
    if (size == 0) {
        return TLS_DONE; /* to OpenSSL this is no request, but an error */
    }
    tls_detail_begin();
    enum tls_result result =
        session_result_of(session, SSL_write_ex(session->ssl, bytes, size, &written));
    if (result == TLS_DONE) {
        assert(written == size);
    }
    return result;
}

void tls_session_close(struct tls_session *session)
{
    if (session->error != QUOIT_OK || !session->secured ||
        (SSL_get_shutdown(session->ssl) & SSL_SENT_SHUTDOWN) != 0) {
        return;
    }
    tls_detail_begin();
    SSL_shutdown(session->ssl); /* it can only fail for want of memory: then no goodbye is said */
    tls_detail_drop();
}

size_t tls_session_pending(const struct tls_session *session)
{
    return session->wire.out.size;
}

void tls_session_take(struct tls_session *session, struct buffer *out)
{
    assert(out->size == 0);
    struct buffer taken = session->wire.out;
    session->wire.out = *out;
    *out = taken;
}

/* --- What there is to say --- */

const char *tls_session_detail(const struct tls_session *session)
{
    return session->detail;
}

enum quoit_error tls_session_error(const struct tls_session *session)
{
    return session->error;
}

bool tls_session_was_resumed(const struct tls_session *session)
{
    return SSL_session_reused(session->ssl) == 1;
}

int tls_session_on_ticket(SSL *ssl, SSL_SESSION *ssl_session)
{
    struct tls_session *session = SSL_get_app_data(ssl);

    SSL_SESSION_free(session->newest);
    session->newest = ssl_session;
    return 1;
}

struct tls_ticket *tls_session_take_ticket(struct tls_session *session)
{
    if (session->newest == NULL || !SSL_SESSION_is_resumable(session->newest)) {
        return NULL;
    }
    size_t name_room = strlen(session->name) + 1;
    struct tls_ticket *ticket = calloc(1, sizeof(*ticket) + name_room);
    if (ticket == NULL) {
        return NULL; /* a full handshake next time */
    }
    ticket->ssl_session = session->newest;
    ticket->serial = session->tls->serial;
    memcpy(ticket->name, session->name, name_room);
    session->newest = NULL;
    return ticket;
}

void tls_ticket_destroy(struct tls_ticket *ticket)
{
    if (ticket == NULL) {
        return;
    }
    SSL_SESSION_free(ticket->ssl_session);
    free(ticket);
}
