/*
 * tls_session_test: a session talks to an OpenSSL server in this process. Who is trusted is
 * tls_context_test's subject, what is resumed tls_ticket_test's; here it is what becomes of the
 * bytes.
 */
#include "base/bits.h"
#include "tests/unit/tls_peer.h"
#include "tls/identity.h"

static const size_t cuts[] = { 1, 3, 7, 100, SIZE_MAX };
static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static struct peer_cast cast;

static SSL_CTX *peer_of_version(int version)
{
    return peer_create(&(struct peer_wish){ .certificate = &cast.good, .version = version });
}

/* --- Bytes --- */

static void ping_pong_goodbye(SSL_CTX *peer, size_t cut)
{
    struct talk talk = talk_open(peer, cast.tls, "good.test", NULL);
    talk.cut = cut;

    CHECK_EQ(talk_run(&talk), TLS_STARVED);
    CHECK_EQ(tls_session_write(talk.session, "ping", 4), TLS_DONE);
    CHECK_EQ(talk_run(&talk), TLS_STARVED);
    CHECK_MEM(talk.server_heard.bytes, talk.server_heard.size, "ping", 4);

    SSL_write(talk.server, "pong", 4);
    CHECK_EQ(talk_run(&talk), TLS_STARVED);
    CHECK_MEM(talk.heard.bytes, talk.heard.size, "pong", 4);

    tls_session_close(talk.session);
    tls_session_close(talk.session);
    CHECK_EQ(talk_run(&talk), TLS_STARVED);
    CHECK(talk.server_ended);

    SSL_shutdown(talk.server);
    BIO_write(SSL_get_wbio(talk.server), "what comes after it is not looked at", 36);
    CHECK_EQ(talk_run(&talk), TLS_ENDED);
    CHECK_EQ(talk_feed(&talk, "late", 4), TLS_ENDED);
    CHECK_MEM(talk.heard.bytes, talk.heard.size, "pong", 4);
    CHECK_STR(tls_session_detail(talk.session), "");
    CHECK_EQ(tls_session_error(talk.session), QUOIT_OK);
    talk_close(&talk);
}

static void test_ping_pong_and_goodbye_survive_every_cut(void) /* R23 */
{
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        for (size_t c = 0; c < COUNT_OF(cuts); c++) {
            ping_pong_goodbye(peer, cuts[c]);
        }
        SSL_CTX_free(peer);
    }
}

static void test_large_messages_arrive_whole_both_ways(void) /* R23: records of 16 KiB */
{
    static char bytes[20000];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * 7 + i / 251);
    }
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        for (size_t c = 0; c < COUNT_OF(cuts); c++) {
            struct talk talk = talk_secured(peer, cast.tls, "good.test", NULL);
            talk.cut = cuts[c];
            CHECK_EQ(tls_session_write(talk.session, bytes, sizeof(bytes)), TLS_DONE);
            CHECK_EQ(SSL_write(talk.server, bytes, sizeof(bytes)), sizeof(bytes));
            CHECK_EQ(talk_run(&talk), TLS_STARVED);
            CHECK(talk.heard.size == sizeof(bytes));
            CHECK(memcmp(talk.heard.bytes, bytes, talk.heard.size) == 0);
            CHECK(talk.server_heard.size == sizeof(bytes));
            CHECK(memcmp(talk.server_heard.bytes, bytes, talk.server_heard.size) == 0);
            talk_close(&talk);
        }
        SSL_CTX_free(peer);
    }
}

static void test_writing_nothing_sends_nothing(void)
{
    SSL_CTX *peer = peer_of_version(0);
    struct talk talk = talk_secured(peer, cast.tls, "good.test", NULL);

    CHECK_EQ(tls_session_write(talk.session, NULL, 0), TLS_DONE);
    CHECK_EQ(tls_session_pending(talk.session), 0);
    talk_close(&talk);
    SSL_CTX_free(peer);
}

static void test_what_is_taken_is_swapped_not_moved(void)
{
    if (!BUFFER_KEEPS_ROOM) {
        return; /* make GUARD=1 keeps nothing */
    }
    SSL_CTX *peer = peer_of_version(0);
    struct talk talk = talk_secured(peer, cast.tls, "good.test", NULL);
    struct buffer first = { 0 };
    struct buffer second = { 0 };

    CHECK_EQ(tls_session_write(talk.session, "one", 3), TLS_DONE);
    tls_session_take(talk.session, &first);
    struct buffer before = first;
    char *copy = malloc(first.size);
    memcpy(copy, first.bytes, first.size);

    /* What the kernel may still read stays where and as it is while more is written. */
    CHECK_EQ(tls_session_write(talk.session, "two", 3), TLS_DONE);
    CHECK(first.bytes == before.bytes);
    CHECK_MEM(first.bytes, first.size, copy, before.size);

    /* The memory that is handed in is used for what comes next. */
    buffer_reset(&first);
    tls_session_take(talk.session, &first);
    CHECK(first.bytes != before.bytes);
    CHECK_EQ(tls_session_write(talk.session, "three", 5), TLS_DONE);
    tls_session_take(talk.session, &second);
    CHECK(second.bytes == before.bytes);
    free(copy);
    buffer_free(&first);
    buffer_free(&second);
    talk_close(&talk);
    SSL_CTX_free(peer);
}

static void test_half_a_record_is_no_plaintext(void) /* R04, R22 */
{
    SSL_CTX *peer = peer_of_version(0);
    struct talk talk = talk_secured(peer, cast.tls, "good.test", NULL);
    char record[256];

    SSL_write(talk.server, "whole", 5);
    int size = BIO_read(SSL_get_wbio(talk.server), record, sizeof(record));
    CHECK(size > 5);
    for (int i = 0; i < size - 1; i++) {
        CHECK_EQ(talk_feed(&talk, record + i, 1), TLS_STARVED);
    }
    CHECK_EQ(talk.heard.size, 0);
    CHECK_EQ(talk_feed(&talk, record + size - 1, 1), TLS_STARVED);
    CHECK_MEM(talk.heard.bytes, talk.heard.size, "whole", 5);
    talk_close(&talk);
    SSL_CTX_free(peer);
}

static void test_a_changed_byte_fails_and_tells_the_server(void)
{
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        struct talk talk = talk_secured(peer, cast.tls, "good.test", NULL);
        char record[256];

        SSL_write(talk.server, "whole", 5);
        int size = BIO_read(SSL_get_wbio(talk.server), record, sizeof(record));
        record[size - 1] ^= 1;
        CHECK_EQ(talk_feed(&talk, record, (size_t)size), TLS_FAILED);
        CHECK_STR(tls_session_detail(talk.session), "decryption failed or bad record mac");
        CHECK_EQ(tls_session_error(talk.session), QUOIT_E_TLS);
        CHECK_EQ(talk.heard.size, 0);
        talk_carry_to_server(&talk);
        CHECK_EQ(talk.server_reason, SSL_AD_REASON_OFFSET + SSL_AD_BAD_RECORD_MAC);

        /* It has failed for good. */
        CHECK_EQ(tls_session_write(talk.session, "x", 1), TLS_FAILED);
        CHECK_EQ(tls_session_handshake(talk.session), TLS_FAILED);
        CHECK_EQ(talk_feed(&talk, "x", 1), TLS_FAILED);
        CHECK_EQ(talk_feed(&talk, "y", 1), TLS_FAILED);
        tls_session_close(talk.session);
        CHECK_EQ(tls_session_pending(talk.session), 0);
        CHECK(tls_session_take_ticket(talk.session) == NULL);
        talk_close(&talk);
        SSL_CTX_free(peer);
    }
}

static void test_an_alert_in_the_middle_fails_by_name(void) /* R22 */
{
    SSL_CTX *peer = peer_of_version(0);
    struct talk talk = talk_secured(peer, cast.tls, "good.test", NULL);

    SSL_write(talk.server, "half", 4);
    /* A record that nobody can have written: the server answers with an alert. */
    BIO_write(SSL_get_rbio(talk.server),
              "\x17\x03\x03\x00\x20"
              "0123456789abcdef0123456789abcdef",
              37);
    talk_turn_server(&talk);
    CHECK_EQ(talk_run(&talk), TLS_FAILED);
    CHECK_MEM(talk.heard.bytes, talk.heard.size, "half", 4);
    CHECK_STR(tls_session_detail(talk.session), "alert from the server: bad record mac (20)");
    talk_close(&talk);
    SSL_CTX_free(peer);
}

/* --- What is not TLS, or not ours --- */

static void test_a_server_without_tls_is_called_so(void) /* R22 */
{
    static const char *const texts[] = { "HTTP/1.1 400 Bad Request\r\n\r\n",
                                         "SSH-2.0-OpenSSH_9\r\n", "220 mail.test ESMTP\r\n",
                                         "GET / HTTP/1.1\r\n\r\n" };

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct tls_session *session = tls_session_create(cast.tls, "good.test", NULL);
        check_case(texts[i]);
        CHECK_EQ(tls_session_handshake(session), TLS_STARVED);
        tls_session_feed(session, texts[i], strlen(texts[i]));
        CHECK_EQ(tls_session_handshake(session), TLS_FAILED);
        CHECK_STR(tls_session_detail(session),
                  "the server speaks no TLS; is it http:// and not https://?");
        tls_session_destroy(session);
    }
}

/* OpenSSL has no name for some alerts of TLS 1.3. */
static void test_an_alert_in_the_handshake_fails_by_name(void)
{
    static const struct {
        const char *bytes, *detail;
    } cases[] = {
        { "\x15\x03\x03\x00\x02\x02\x28", "alert from the server: handshake failure (40)" },
        { "\x15\x03\x03\x00\x02\x02\x6d", "alert from the server: missing extension (109)" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tls_session *session = tls_session_create(cast.tls, "good.test", NULL);
        check_case(cases[i].detail);
        CHECK_EQ(tls_session_handshake(session), TLS_STARVED);
        tls_session_feed(session, cases[i].bytes, 7);
        CHECK_EQ(tls_session_handshake(session), TLS_FAILED);
        CHECK_STR(tls_session_detail(session), cases[i].detail);
        tls_session_destroy(session);
    }
}

/* A ServerHello of TLS 1.2 whose server_name, empty by RFC 6066 3, holds a byte. */
static void test_a_broken_extension_is_not_taken_for_another_protocol(void)
{
    static const char hello[] = "\x16\x03\x03\0\x31"   /* a handshake's record, version, size */
                                "\x02\0\0\x2d\x03\x03" /* a ServerHello, size, version */
                                "0123456789abcdef0123456789abcdef" /* random */
                                "\0\xc0\x2b\0"   /* no session, ECDHE-ECDSA-AES128-GCM-SHA256 */
                                "\0\5\0\0\0\1x"; /* extensions: server_name, "x" */
    struct tls_session *session = tls_session_create(cast.tls, "good.test", NULL);

    CHECK_EQ(tls_session_handshake(session), TLS_STARVED);
    tls_session_feed(session, hello, sizeof(hello) - 1);
    CHECK_EQ(tls_session_handshake(session), TLS_FAILED);
    CHECK_STR(tls_session_detail(session), "bad extension");
    CHECK_EQ(tls_session_error(session), QUOIT_E_TLS);
    tls_session_destroy(session);
}

/* Then it speaks TLS, whatever it says now. */
static void test_bytes_of_another_version_do_not_deny_the_handshake(void)
{
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        struct talk talk = talk_secured(peer, cast.tls, "good.test", NULL);

        CHECK_EQ(talk_feed(&talk,
                           "\x17\x04\x04\0\x20"
                           "0123456789abcdef0123456789abcdef",
                           37),
                 TLS_FAILED);
        CHECK_STR(tls_session_detail(talk.session), "wrong version number");
        talk_close(&talk);
        SSL_CTX_free(peer);
    }
}

static void test_a_handshake_that_is_over_stays_over(void)
{
    SSL_CTX *peer = peer_of_version(0);
    struct talk talk = talk_secured(peer, cast.tls, "good.test", NULL);

    CHECK_EQ(tls_session_handshake(talk.session), TLS_DONE);
    CHECK_EQ(tls_session_pending(talk.session), 0);
    SSL_write(talk.server, "pong", 4);
    CHECK_EQ(talk_run(&talk), TLS_STARVED);
    CHECK_MEM(talk.heard.bytes, talk.heard.size, "pong", 4);
    talk_close(&talk);
    SSL_CTX_free(peer);
}

static void test_there_is_no_goodbye_before_the_handshake_is_over(void)
{
    SSL_CTX *peer = peer_of_version(0);
    struct talk talk = talk_open(peer, cast.tls, "good.test", NULL);

    tls_session_close(talk.session);
    CHECK_EQ(tls_session_pending(talk.session), 0);
    CHECK_EQ(talk_run(&talk), TLS_STARVED); /* and it has broken nothing */
    CHECK(talk.secured && talk.server_secured && !talk.server_ended);
    talk_close(&talk);
    SSL_CTX_free(peer);
}

static void test_a_goodbye_in_the_handshake_is_a_failure(void)
{
    struct tls_session *session = tls_session_create(cast.tls, "good.test", NULL);

    CHECK_EQ(tls_session_handshake(session), TLS_STARVED);
    tls_session_feed(session, "\x15\x03\x03\x00\x02\x01\x00", 7);
    CHECK_EQ(tls_session_handshake(session), TLS_FAILED);
    CHECK_STR(tls_session_detail(session), "the server said goodbye during the handshake");
    tls_session_close(session);
    tls_session_destroy(session);
}

static void test_only_http_1_1_is_spoken(void) /* R22 */
{
    static const char other[] = "the server chose an ALPN protocol other than http/1.1";
    static const struct {
        const char *name, *protocol, *detail;
    } cases[] = {
        { "no ALPN", NULL, "" },
        { "http/1.1", "http/1.1", "" },
        { "h2", "h2", other },
        { "shorter", "http/1", other },
        { "longer", "http/1.10", other },
        { "none fits", "", "alert from the server: no application protocol (120)" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t v = 0; v < COUNT_OF(versions); v++) {
            struct peer_wish wish = { .certificate = &cast.good,
                                      .protocol = cases[i].protocol,
                                      .version = versions[v] };
            SSL_CTX *peer = peer_create(&wish);
            struct talk talk = talk_open(peer, cast.tls, "good.test", NULL);
            bool good = cases[i].detail[0] == '\0';

            check_case(cases[i].name);
            CHECK_EQ(talk_run(&talk), good ? TLS_STARVED : TLS_FAILED);
            CHECK_STR(tls_session_detail(talk.session), cases[i].detail);
            CHECK_EQ(talk.server_heard.size, 0);
            talk_close(&talk);
            SSL_CTX_free(peer);
        }
    }
}

/* OpenSSL refuses what was not offered since some 3.0.x: so offer it, to see that we refuse too. */
static void test_another_protocol_is_refused_by_every_openssl(void)
{
    static const char *const offers[] = { "\x02h2", "\x08http/1.0" };

    for (size_t i = 0; i < COUNT_OF(offers); i++) {
        struct peer_wish wish = { .certificate = &cast.good, .protocol = offers[i] + 1 };
        struct quoit_tls_options options = { .ca_file = cast.authority_file.path };
        struct quoit_tls *tls = NULL;
        SSL_CTX *peer = peer_create(&wish);

        check_case(wish.protocol);
        CHECK_EQ(quoit_tls_create(&options, &tls), QUOIT_OK);
        CHECK_EQ(SSL_CTX_set_alpn_protos(tls->context, (const unsigned char *)offers[i],
                                         (unsigned)strlen(offers[i])),
                 0);
        struct talk talk = talk_open(peer, tls, "good.test", NULL);
        CHECK_EQ(talk_run(&talk), TLS_FAILED);
        CHECK_STR(tls_session_detail(talk.session),
                  "the server chose an ALPN protocol other than http/1.1");
        talk_close(&talk);
        quoit_tls_destroy(tls);
        SSL_CTX_free(peer);
    }
}

/* A system configuration can allow such ciphers: here it is done by hand. */
static void test_a_server_without_certificate_is_refused(void)
{
    struct peer_wish wish = { .ciphers = "AECDH-AES128-SHA", .version = TLS1_2_VERSION };
    struct quoit_tls_options options = { .ca_file = cast.authority_file.path };
    struct quoit_tls *tls = NULL;
    SSL_CTX *peer = peer_create(&wish);

    CHECK_EQ(quoit_tls_create(&options, &tls), QUOIT_OK);
    CHECK_EQ(SSL_CTX_set_cipher_list(tls->context, "AECDH-AES128-SHA:@SECLEVEL=0"), 1);
    struct talk talk = talk_open(peer, tls, "good.test", NULL);
    CHECK_EQ(talk_run(&talk), TLS_FAILED);
    CHECK_STR(tls_session_detail(talk.session), "the server showed no certificate");
    talk_close(&talk);
    quoit_tls_destroy(tls);
    SSL_CTX_free(peer);
}

static void test_versions_below_1_2_are_not_spoken(void) /* R22 */
{
    static const int old[] = { TLS1_VERSION, TLS1_1_VERSION };
    struct quoit_tls_options options = { .ca_file = cast.authority_file.path };
    struct quoit_tls *tls = NULL;

    CHECK_EQ(quoit_tls_create(&options, &tls), QUOIT_OK);
    SSL_CTX_set_security_level(tls->context, 0); /* it alone would refuse them */
    for (size_t i = 0; i < COUNT_OF(old); i++) {
        SSL_CTX *peer = peer_of_version(old[i]);
        struct talk talk = talk_open(peer, tls, "good.test", NULL);
        CHECK_EQ(talk_run(&talk), TLS_FAILED);
        CHECK_STR(tls_session_detail(talk.session), "alert from the server: protocol version (70); "
                                                    "the server speaks no TLS 1.2 or later");
        talk_close(&talk);
        SSL_CTX_free(peer);
    }
    quoit_tls_destroy(tls);
}

/* --- What comes while nobody asked --- */

static int key_updates; /* that the server has read */

static void on_server_state(const SSL *server, int where, int returned)
{
    (void)returned;
    if ((where & SSL_CB_LOOP) != 0 && SSL_get_state(server) == TLS_ST_SR_KEY_UPDATE) {
        key_updates++;
    }
}

/* The answer may wait for the next write (RFC 8446 4.6.3), and with this OpenSSL it does. */
static void test_key_updates_while_idle_give_no_plaintext_and_are_answered(void) /* R23 */
{
    SSL_CTX *peer = peer_of_version(TLS1_3_VERSION);
    struct talk talk = talk_secured(peer, cast.tls, "good.test", NULL);

    key_updates = 0;
    SSL_set_info_callback(talk.server, on_server_state);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(SSL_key_update(talk.server, SSL_KEY_UPDATE_REQUESTED), 1);
        CHECK_EQ(SSL_do_handshake(talk.server), 1);
        CHECK_EQ(talk_run(&talk), TLS_STARVED);
    }
    CHECK_EQ(talk.heard.size, 0);
    CHECK_EQ(tls_session_write(talk.session, "ping", 4), TLS_DONE);
    SSL_write(talk.server, "pong", 4);
    CHECK_EQ(talk_run(&talk), TLS_STARVED);
    CHECK(key_updates != 0);
    CHECK_MEM(talk.server_heard.bytes, talk.server_heard.size, "ping", 4);
    CHECK_MEM(talk.heard.bytes, talk.heard.size, "pong", 4);
    talk_close(&talk);
    SSL_CTX_free(peer);
}

static void test_a_ticket_after_the_handshake_gives_no_plaintext(void) /* R23 */
{
    SSL_CTX *peer = peer_of_version(TLS1_3_VERSION);
    struct talk talk = talk_secured(peer, cast.tls, "good.test", NULL);
    struct tls_ticket *first = tls_session_take_ticket(talk.session);
    CHECK(first != NULL);
    CHECK(tls_session_take_ticket(talk.session) == NULL);

    CHECK_EQ(SSL_new_session_ticket(talk.server), 1);
    CHECK_EQ(SSL_do_handshake(talk.server), 1);
    CHECK_EQ(talk_run(&talk), TLS_STARVED);
    CHECK_EQ(talk.heard.size, 0);
    CHECK_EQ(talk.server_heard.size, 0);
    struct tls_ticket *second = tls_session_take_ticket(talk.session);
    CHECK(second != NULL);
    tls_ticket_destroy(first);
    tls_ticket_destroy(second);
    talk_close(&talk);
    SSL_CTX_free(peer);
}

static void test_renegotiation_is_refused(void) /* R22: HelloRequest */
{
    SSL_CTX *peer = peer_of_version(TLS1_2_VERSION);
    struct talk talk = talk_secured(peer, cast.tls, "good.test", NULL);
    char record[256];

    CHECK_EQ(SSL_renegotiate(talk.server), 1);
    SSL_do_handshake(talk.server);
    int size = BIO_read(SSL_get_wbio(talk.server), record, sizeof(record));
    CHECK(size > 0);
    CHECK_EQ(talk_feed(&talk, record, (size_t)size), TLS_STARVED);
    CHECK_EQ(talk.heard.size, 0);
    talk_carry_to_server(&talk);
    CHECK_EQ(talk.server_reason, SSL_R_NO_RENEGOTIATION);
    talk_close(&talk);
    SSL_CTX_free(peer);
}

int main(void)
{
    setenv("OPENSSL_CONF", "/dev/null", 1); /* the same on every machine */
    cast = peer_cast_make();
    RUN(test_ping_pong_and_goodbye_survive_every_cut);
    RUN(test_large_messages_arrive_whole_both_ways);
    RUN(test_writing_nothing_sends_nothing);
    RUN(test_what_is_taken_is_swapped_not_moved);
    RUN(test_half_a_record_is_no_plaintext);
    RUN(test_a_changed_byte_fails_and_tells_the_server);
    RUN(test_an_alert_in_the_middle_fails_by_name);
    RUN(test_a_server_without_tls_is_called_so);
    RUN(test_an_alert_in_the_handshake_fails_by_name);
    RUN(test_a_broken_extension_is_not_taken_for_another_protocol);
    RUN(test_bytes_of_another_version_do_not_deny_the_handshake);
    RUN(test_a_handshake_that_is_over_stays_over);
    RUN(test_there_is_no_goodbye_before_the_handshake_is_over);
    RUN(test_a_goodbye_in_the_handshake_is_a_failure);
    RUN(test_only_http_1_1_is_spoken);
    RUN(test_another_protocol_is_refused_by_every_openssl);
    RUN(test_a_server_without_certificate_is_refused);
    RUN(test_versions_below_1_2_are_not_spoken);
    RUN(test_key_updates_while_idle_give_no_plaintext_and_are_answered);
    RUN(test_a_ticket_after_the_handshake_gives_no_plaintext);
    RUN(test_renegotiation_is_refused);
    peer_cast_free(&cast);
    rmdir(peer_directory());
    return check_done();
}
