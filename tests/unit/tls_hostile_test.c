/*
 * tls_hostile_test: a session and a server that speaks TLS well but means ill: what it may say at
 * any time it says for ever (R22, R23). Records are forged, so that no OpenSSL holds them back.
 */
#include "base/bits.h"
#include "tests/unit/tls_forge.h"
#include "tests/unit/tls_peer.h"

#define FLOOD_BYTES ((size_t)16 << 20) /* far more than any session may take */

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static struct peer_cast cast;
static struct forge forge;

static SSL_CTX *peer_of_version(int version)
{
    return peer_create(&(struct peer_wish){ .certificate = &cast.good, .version = version });
}

/* A talk whose server is `forge` from here on. */
static struct talk talk_forged(SSL_CTX *peer)
{
    struct talk talk = talk_open(peer, cast.tls, "good.test", NULL);

    forge_watch(&forge, talk.server);
    CHECK_EQ(talk_run(&talk), TLS_STARVED);
    CHECK(talk.secured);
    forge_begin(&forge, talk.server);
    return talk;
}

static enum tls_result talk_say(struct talk *talk, int type, const void *bytes, size_t size)
{
    unsigned char *record = malloc(size + FORGE_OVERHEAD);
    size_t record_size = forge_record(&forge, type, bytes, size, record);
    enum tls_result result = talk_feed(talk, record, record_size);

    free(record);
    return result;
}

/* --- The forge itself --- */

static void test_what_is_forged_is_read_as_the_servers(void)
{
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        struct talk talk = talk_forged(peer);
        CHECK_EQ(talk_say(&talk, FORGE_DATA, "pong", 4), TLS_STARVED);
        CHECK_EQ(talk_say(&talk, FORGE_DATA, "!", 1), TLS_STARVED);
        CHECK_MEM(talk.heard.bytes, talk.heard.size, "pong!", 5);
        talk_close(&talk);
        SSL_CTX_free(peer);
    }
}

/* --- Floods --- */

/* Feed until the session has enough of it. Gives how many it took. */
static size_t flood(struct talk *talk, enum forge_flood flood, bool with_data)
{
    unsigned char one[FORGE_FLOOD_MAX];
    enum tls_result result = TLS_STARVED;
    size_t fed = 0, count = 0;

    while (result == TLS_STARVED && fed < FLOOD_BYTES) {
        size_t size = forge_one(&forge, flood, one);
        result = talk_feed(talk, one, size);
        fed += size;
        count++;
        if (with_data && result == TLS_STARVED) {
            result = talk_say(talk, FORGE_DATA, "x", 1);
        }
    }
    CHECK_EQ(result, TLS_FAILED);
    return count;
}

static void test_a_flood_without_data_ends_in_an_error(void) /* R22, R23 */
{
    static const char ours[] = "the server floods the connection with what is no data";
    static const char *const details[FORGE_FLOODS] = {
        [FORGE_KEY_UPDATES] = ours,
        [FORGE_KEY_UPDATES_ASKING] = ours,
        [FORGE_TICKETS] = ours,
        [FORGE_HELLO_REQUESTS] = ours,
        [FORGE_EMPTY_RECORDS] = "record too small", /* OpenSSL's word for too many of them */
        [FORGE_WARNINGS] = "too many warn alerts",
    };

    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        for (enum forge_flood kind = 0; kind < FORGE_FLOODS; kind++) {
            SSL_CTX *peer = peer_of_version(versions[v]);
            struct talk talk = talk_forged(peer);
            check_case(forge_flood_name(kind));
            if (forge_may(&forge, kind)) {
                CHECK(flood(&talk, kind, false) <= 3000); /* 64 KiB of the smallest */
                CHECK_STR(tls_session_detail(talk.session), details[kind]);
                CHECK(tls_session_pending(talk.session) <= 80 * 1024);
                CHECK_EQ(talk.heard.size, 0);
                CHECK(tls_session_take_ticket(talk.session) == NULL);
            }
            talk_close(&talk);
            SSL_CTX_free(peer);
        }
    }
}

/* Data between them makes it no flood, but what they cost in answers stays bounded. */
static void test_answers_that_nobody_reads_are_bounded(void) /* R22, R23 */
{
    static const enum forge_flood asking[] = { FORGE_HELLO_REQUESTS, FORGE_KEY_UPDATES_ASKING };

    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        struct talk talk = talk_forged(peer);
        check_case(forge_flood_name(asking[v]));
        CHECK(flood(&talk, asking[v], true) <= 3000);
        CHECK(tls_session_pending(talk.session) <= 66 * 1024);
        CHECK_EQ(tls_session_error(talk.session), QUOIT_E_TLS);
        talk_close(&talk);
        SSL_CTX_free(peer);
    }
}

static void test_answers_that_are_read_may_go_on(void) /* R23 */
{
    static const enum forge_flood asking[] = { FORGE_HELLO_REQUESTS, FORGE_KEY_UPDATES_ASKING };

    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        struct talk talk = talk_forged(peer);
        unsigned char one[FORGE_FLOOD_MAX];
        check_case(forge_flood_name(asking[v]));
        for (int i = 0; i < 10000; i++) {
            CHECK_EQ(talk_feed(&talk, one, forge_one(&forge, asking[v], one)), TLS_STARVED);
            CHECK_EQ(talk_say(&talk, FORGE_DATA, "x", 1), TLS_STARVED);
            CHECK(tls_session_pending(talk.session) <= 64);
            tls_session_take(talk.session, &talk.out);
            buffer_reset(&talk.out);
        }
        CHECK_EQ(talk.heard.size, 10000);
        talk_close(&talk);
        SSL_CTX_free(peer);
    }
}

static void test_a_few_of_each_disturb_no_data(void) /* R23 */
{
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        for (enum forge_flood kind = 0; kind < FORGE_FLOODS; kind++) {
            SSL_CTX *peer = peer_of_version(versions[v]);
            struct talk talk = talk_forged(peer);
            unsigned char one[FORGE_FLOOD_MAX];
            check_case(forge_flood_name(kind));
            for (int i = 0; forge_may(&forge, kind) && i < 12; i++) {
                CHECK_EQ(talk_feed(&talk, one, forge_one(&forge, kind, one)), TLS_STARVED);
                CHECK_EQ(talk.heard.size, (size_t)i / 3 * 4);
                if (i % 3 == 2) {
                    CHECK_EQ(talk_say(&talk, FORGE_DATA, "data", 4), TLS_STARVED);
                    CHECK_EQ(talk.heard.size, (size_t)i / 3 * 4 + 4);
                }
            }
            talk_close(&talk);
            SSL_CTX_free(peer);
        }
    }
}

static void test_a_handshake_without_end_ends(void) /* R22 */
{
    static const char request[] = "\x16\x03\x03\0\4\0\0\0\0"; /* a HelloRequest: ignored there */
    struct talk talk = { .session = tls_session_create(cast.tls, "good.test", NULL) };
    size_t fed = 0;

    CHECK_EQ(talk_feed(&talk, NULL, 0), TLS_STARVED);
    while (fed < FLOOD_BYTES && talk_feed(&talk, request, 9) == TLS_STARVED) {
        fed += 9;
    }
    CHECK(fed > 500000);
    CHECK(fed < 550000);
    CHECK_STR(tls_session_detail(talk.session),
              "the server floods the connection with what is no data");
    talk_close(&talk);
}

/* --- What a server may never say --- */

static void test_what_has_no_place_after_the_handshake_fails_by_name(void) /* R22 */
{
    static const struct {
        const char *name, *bytes;
        size_t size;
        int type;
        const char *old, *modern; /* what is said of it in TLS 1.2, and in 1.3 */
    } cases[] = {
        { "another ServerHello", "\x02\0\0\0", 4, FORGE_HANDSHAKE, "unexpected message",
          "unexpected message" },
        { "a certificate request", "\x0d\0\0\3\0\0\0", 7, FORGE_HANDSHAKE, "unexpected message",
          "unexpected message" },
        { "a message that does not exist", "\x63\0\0\0", 4, FORGE_HANDSHAKE, "unexpected message",
          "unexpected message" },
        { "a record that does not exist", "x", 1, 99, "unexpected record", "bad record type" },
        { "half an alert", "\1", 1, FORGE_ALERT, "invalid alert", "invalid alert" },
        { "a fatal alert", "\2\x50", 2, FORGE_ALERT, "alert from the server: internal error (80)",
          "alert from the server: internal error (80)" },
        { "a KeyUpdate that asks for what is none", "\x18\0\0\1\2", 5, FORGE_HANDSHAKE,
          "unexpected message", "bad key update" },
    };

    for (size_t i = 0; i < COUNT_OF(cases) * COUNT_OF(versions); i++) {
        size_t v = i % COUNT_OF(versions);
        size_t c = i / COUNT_OF(versions);
        SSL_CTX *peer = peer_of_version(versions[v]);
        struct talk talk = talk_forged(peer);
        check_case(cases[c].name);
        CHECK_EQ(talk_say(&talk, FORGE_DATA, "half", 4), TLS_STARVED);
        CHECK_EQ(talk_say(&talk, cases[c].type, cases[c].bytes, cases[c].size), TLS_FAILED);
        CHECK_STR(tls_session_detail(talk.session), v == 0 ? cases[c].old : cases[c].modern);
        CHECK_EQ(tls_session_error(talk.session), QUOIT_E_TLS);
        CHECK_MEM(talk.heard.bytes, talk.heard.size, "half", 4);
        talk_close(&talk);
        SSL_CTX_free(peer);
    }
}

static void test_a_record_that_is_too_long_fails(void) /* R22 */
{
    static char bytes[20000];

    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        SSL_CTX *peer = peer_of_version(versions[v]);
        struct talk talk = talk_forged(peer);
        CHECK_EQ(talk_say(&talk, FORGE_DATA, bytes, 16384), TLS_STARVED);
        CHECK_EQ(talk.heard.size, 16384);
        CHECK_EQ(talk_say(&talk, FORGE_DATA, bytes, 20000), TLS_FAILED);
        CHECK_EQ(talk.heard.size, 16384);
        talk_close(&talk);
        SSL_CTX_free(peer);
    }
}

int main(void)
{
    setenv("OPENSSL_CONF", "/dev/null", 1); /* the same on every machine */
    cast = peer_cast_make();
    RUN(test_what_is_forged_is_read_as_the_servers);
    RUN(test_a_flood_without_data_ends_in_an_error);
    RUN(test_answers_that_nobody_reads_are_bounded);
    RUN(test_answers_that_are_read_may_go_on);
    RUN(test_a_few_of_each_disturb_no_data);
    RUN(test_a_handshake_without_end_ends);
    RUN(test_what_has_no_place_after_the_handshake_fails_by_name);
    RUN(test_a_record_that_is_too_long_fails);
    peer_cast_free(&cast);
    rmdir(peer_directory());
    return check_done();
}
