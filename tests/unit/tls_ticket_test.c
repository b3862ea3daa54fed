/*
 * tls_ticket_test: what a session leaves for the next one, and who may use it: the same identity,
 * for the same host, once in TLS 1.3. Against an OpenSSL server in this process.
 */
#include "base/bits.h"
#include "tests/unit/tls_peer.h"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static struct peer_cast cast;

static SSL_CTX *peer_of_version(int version)
{
    return peer_create(&(struct peer_wish){ .certificate = &cast.good, .version = version });
}

static struct tls_ticket *ticket_from(SSL_CTX *peer, struct quoit_tls *tls, const char *host)
{
    struct talk talk = talk_secured(peer, tls, host, NULL);
    struct tls_ticket *ticket = tls_session_take_ticket(talk.session);

    CHECK(!tls_session_was_resumed(talk.session));
    CHECK(ticket != NULL);
    talk_close(&talk);
    return ticket;
}

static void test_a_ticket_resumes(void)
{
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        /* It was taken from a session that nobody said goodbye to: see tls_session_destroy. */
        struct tls_ticket *ticket = ticket_from(peer, cast.tls, "good.test");

        for (int round = 0; round < 3; round++) {
            struct talk talk = talk_secured(peer, cast.tls, "good.test", ticket);
            CHECK(tls_session_was_resumed(talk.session));
            CHECK_EQ(SSL_session_reused(talk.server), 1);
            CHECK_EQ(tls_session_write(talk.session, "ping", 4), TLS_DONE);
            CHECK_EQ(talk_run(&talk), TLS_STARVED);
            CHECK_MEM(talk.server_heard.bytes, talk.server_heard.size, "ping", 4);

            /* Each gives the ticket for the next. */
            tls_ticket_destroy(ticket);
            ticket = tls_session_take_ticket(talk.session);
            CHECK(ticket != NULL);
            talk_close(&talk);
        }
        tls_ticket_destroy(ticket);
        SSL_CTX_free(peer);
    }
}

static void test_a_ticket_of_tls_1_3_resumes_once(void)
{
    SSL_CTX *peer = peer_of_version(TLS1_3_VERSION);
    struct tls_ticket *ticket = ticket_from(peer, cast.tls, "good.test");

    for (int use = 0; use < 2; use++) {
        struct talk talk = talk_secured(peer, cast.tls, "good.test", ticket);
        CHECK_EQ(tls_session_was_resumed(talk.session), use == 0);
        talk_close(&talk);
    }
    tls_ticket_destroy(ticket);
    SSL_CTX_free(peer);
}

static void test_a_ticket_outlives_its_session_and_its_identity(void)
{
    SSL_CTX *peer = peer_of_version(0);
    struct quoit_tls_options options = { .ca_file = cast.authority_file.path };
    struct quoit_tls *tls = NULL;

    CHECK_EQ(quoit_tls_create(&options, &tls), QUOIT_OK);
    struct tls_ticket *ticket = ticket_from(peer, tls, "good.test");
    quoit_tls_destroy(tls);
    tls_ticket_destroy(ticket);
    tls_ticket_destroy(NULL);
    SSL_CTX_free(peer);
}

static void test_a_ticket_of_another_identity_is_not_used(void) /* R20 */
{
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        struct quoit_tls_options blind = { .insecure = true };
        struct quoit_tls_options same = { .ca_file = cast.authority_file.path };
        struct quoit_tls_options other = { .ca_path = peer_directory() };
        struct quoit_tls *blind_tls = NULL;
        struct quoit_tls *same_tls = NULL;
        struct quoit_tls *other_tls = NULL;

        CHECK_EQ(quoit_tls_create(&blind, &blind_tls), QUOIT_OK);
        CHECK_EQ(quoit_tls_create(&same, &same_tls), QUOIT_OK);
        CHECK_EQ(quoit_tls_create(&other, &other_tls), QUOIT_OK);
        struct tls_ticket *ticket = ticket_from(peer, blind_tls, "good.test");

        struct talk talk = talk_secured(peer, same_tls, "good.test", ticket);
        CHECK(!tls_session_was_resumed(talk.session));
        talk_close(&talk);

        /* Nor does what somebody accepted unseen open the door of one who looks. */
        talk = talk_open(peer, other_tls, "good.test", ticket);
        CHECK_EQ(talk_run(&talk), TLS_FAILED);
        CHECK(!tls_session_was_resumed(talk.session));
        talk_close(&talk);

        tls_ticket_destroy(ticket);
        quoit_tls_destroy(blind_tls);
        quoit_tls_destroy(same_tls);
        quoit_tls_destroy(other_tls);
        SSL_CTX_free(peer);
    }
}

static void test_a_ticket_of_another_host_is_not_used(void) /* R20 */
{
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        struct tls_ticket *ticket = ticket_from(peer, cast.tls, "good.test");

        struct talk talk = talk_secured(peer, cast.tls, "127.0.0.1", ticket);
        CHECK(!tls_session_was_resumed(talk.session));
        talk_close(&talk);

        talk = talk_open(peer, cast.tls, "bad.test", ticket);
        CHECK_EQ(talk_run(&talk), TLS_FAILED);
        CHECK_STR(tls_session_detail(talk.session), "certificate verify failed: hostname mismatch; "
                                                    "is the host of the URL right?");
        talk_close(&talk);
        tls_ticket_destroy(ticket);
        SSL_CTX_free(peer);
    }
}

static SSL_TICKET_RETURN on_ticket_renew(SSL *ssl, SSL_SESSION *ssl_session,
                                         const unsigned char *name, size_t name_size,
                                         SSL_TICKET_STATUS status, void *context)
{
    (void)ssl;
    (void)ssl_session;
    (void)name;
    (void)name_size;
    (void)context;
    return status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW
               ? SSL_TICKET_RETURN_USE_RENEW
               : SSL_TICKET_RETURN_IGNORE_RENEW;
}

static void test_a_ticket_that_is_renewed_at_its_use_resumes(void)
{
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        CHECK_EQ(SSL_CTX_set_session_ticket_cb(peer, NULL, on_ticket_renew, NULL), 1);
        struct tls_ticket *ticket = ticket_from(peer, cast.tls, "good.test");

        for (int round = 0; round < 3; round++) {
            struct talk talk = talk_secured(peer, cast.tls, "good.test", ticket);
            CHECK(tls_session_was_resumed(talk.session));
            tls_ticket_destroy(ticket);
            ticket = tls_session_take_ticket(talk.session);
            CHECK(ticket != NULL);
            talk_close(&talk);
        }
        tls_ticket_destroy(ticket);
        SSL_CTX_free(peer);
    }
}

/* In TLS 1.2 connections share a session, and RFC 5246 7.2.2 forbids it when one of them fails. */
static void test_a_session_that_failed_elsewhere_gives_no_ticket(void)
{
    SSL_CTX *peer = peer_of_version(TLS1_2_VERSION);
    struct talk first = talk_secured(peer, cast.tls, "good.test", NULL);
    struct tls_ticket *ticket = tls_session_take_ticket(first.session);
    struct talk second = talk_secured(peer, cast.tls, "good.test", ticket);

    CHECK(tls_session_was_resumed(second.session));
    CHECK_EQ(talk_feed(&first,
                       "\x17\x03\x03\0\x20"
                       "0123456789abcdef0123456789abcdef",
                       37),
             TLS_FAILED);
    CHECK(tls_session_take_ticket(second.session) == NULL);
    talk_close(&second);

    second = talk_secured(peer, cast.tls, "good.test", ticket);
    CHECK(!tls_session_was_resumed(second.session));
    talk_close(&second);
    talk_close(&first);
    tls_ticket_destroy(ticket);
    SSL_CTX_free(peer);
}

static void test_a_server_that_forgot_gets_a_full_handshake(void)
{
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        SSL_CTX *forgetful = peer_of_version(versions[v]);
        struct tls_ticket *ticket = ticket_from(peer, cast.tls, "good.test");
        struct talk talk = talk_secured(forgetful, cast.tls, "good.test", ticket);

        CHECK(!tls_session_was_resumed(talk.session));
        talk_close(&talk);
        tls_ticket_destroy(ticket);
        SSL_CTX_free(peer);
        SSL_CTX_free(forgetful);
    }
}

int main(void)
{
    setenv("OPENSSL_CONF", "/dev/null", 1); /* the same on every machine */
    cast = peer_cast_make();
    RUN(test_a_ticket_resumes);
    RUN(test_a_ticket_of_tls_1_3_resumes_once);
    RUN(test_a_ticket_outlives_its_session_and_its_identity);
    RUN(test_a_ticket_of_another_identity_is_not_used);
    RUN(test_a_ticket_of_another_host_is_not_used);
    RUN(test_a_ticket_that_is_renewed_at_its_use_resumes);
    RUN(test_a_session_that_failed_elsewhere_gives_no_ticket);
    RUN(test_a_server_that_forgot_gets_a_full_handshake);
    peer_cast_free(&cast);
    rmdir(peer_directory());
    return check_done();
}
