/*
 * tls_test: HTTPS against quoit-mock with certificates made on the spot: whom the client trusts,
 * who it is, when sessions are resumed, what identities share (nothing), and what TLS adds to the
 * ways in which an answer can end.
 */
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static struct live_server server;

/* A server with that certificate and these options besides (NULL ends them). */
static struct live_server start_secure(const char *const *more)
{
    const char *options[20] = { "--tls-cert", certificate("server.pem"), "--tls-key",
                                certificate("server.key") };

    for (size_t i = 0; more[i] != NULL && i < 15; i++) {
        options[4 + i] = more[i];
    }
    return live_start(options);
}

static struct quoit_tls *identity(const struct quoit_tls_options *options)
{
    struct quoit_tls *tls = NULL;

    if (quoit_tls_create(options, &tls) != QUOIT_OK) {
        live_give_up("a TLS identity");
    }
    return tls;
}

/* Trusts the authority. */
static struct quoit_tls *good_identity(void)
{
    return identity(&(struct quoit_tls_options){ .ca_file = certificate("authority.pem") });
}

static const struct quoit_result *get(struct quoit_engine *engine, const char *url,
                                      struct quoit_tls *tls)
{
    quoit_turn(engine, 0);
    return live_run(engine, &(struct quoit_request){ .url = url, .tls = tls });
}

/* -------- trust -------- */

static void test_a_trusted_server_is_talked_to(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_tls *tls = good_identity();
    char url[80];

    live_set(&server, "");
    snprintf(url, sizeof(url), "https://localhost:%u/page", server.port);
    const struct quoit_result *result = get(engine, live_url(&server, "/page"), tls);
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_EQ(result->body.size, 56);
    CHECK(result->times.secured_ns >= result->times.connected_ns);
    CHECK(result->times.sent_ns >= result->times.secured_ns);
    CHECK(live_number(&server, "bytes_in") > 0);
    CHECK_EQ(result->bytes_in > 500, false); /* of HTTP, not of TLS */
    CHECK_EQ(get(engine, url, tls)->status, 200);
    CHECK_EQ(live_number(&server, "tls_full"), 2);
    CHECK_EQ(live_tally(&server, "server_names", "localhost"), 1);
    CHECK_EQ(live_tally(&server, "server_names", "127.0.0.1"), 0); /* no SNI for an address */
    quoit_tls_destroy(tls);
    quoit_destroy(engine);
}

struct trust_case {
    const char *name;
    const char *ca_file; /* NULL: the system's */
    const char *server_name;
    bool insecure;
    bool good;
};

/* R18 */
static const struct trust_case trust_cases[] = {
    { "authority", "authority.pem", NULL, false, true },
    { "named right", "authority.pem", "good.test", false, true },
    { "named wrong", "authority.pem", "bad.test", false, false },
    { "a name below", "authority.pem", "a.good.test", false, false },
    { "unknown authority", "stranger.pem", NULL, false, false },
    { "the system's trust", NULL, NULL, false, false },
    { "not verified", "stranger.pem", "bad.test", true, true },
};

static void test_only_the_right_server_is_talked_to(void)
{
    for (size_t i = 0; i < sizeof(trust_cases) / sizeof(trust_cases[0]); i++) {
        const struct trust_case *the = &trust_cases[i];
        struct quoit_engine *engine = live_engine(NULL);
        struct quoit_tls *tls = identity(&(struct quoit_tls_options){
            .ca_file = the->ca_file == NULL ? NULL : certificate(the->ca_file),
            .server_name = the->server_name,
            .insecure = the->insecure });
        check_case(the->name);
        live_set(&server, "");
        const struct quoit_result *result = get(engine, live_url(&server, "/page"), tls);
        CHECK_EQ(result->error, the->good ? QUOIT_OK : QUOIT_E_TLS);
        CHECK_EQ(result->attempts, the->good);
        CHECK_EQ(strlen(result->detail) > 0, !the->good);
        CHECK_EQ(live_number(&server, "requests"), the->good);
        CHECK_EQ(live_stats(engine).retries, 0);
        if (the->server_name != NULL && the->good) {
            CHECK_EQ(live_tally(&server, "server_names", the->server_name), 1);
        }
        quoit_tls_destroy(tls);
        quoit_destroy(engine);
    }
}

static void test_a_client_shows_its_certificate(void)
{
    static const char *const versions[] = { "1.2", "1.3" };
    static const char *const names[] = { NULL, "client", "impostor" };

    for (size_t i = 0; i < 6; i++) {
        struct live_server strict = start_secure((const char *[]){
            "--tls-client-ca", certificate("authority.pem"), "--tls-max", versions[i % 2], NULL });
        struct quoit_engine *engine = live_engine(NULL);
        char pem[40], key[40];
        const char *name = names[i / 2];
        struct quoit_tls_options options = { .ca_file = certificate("authority.pem") };
        if (name != NULL) {
            snprintf(pem, sizeof(pem), "%s.pem", name);
            snprintf(key, sizeof(key), "%s.key", name);
            options.cert_file = certificate(pem);
            options.key_file = certificate(key);
        }
        struct quoit_tls *tls = identity(&options);
        check_case(name == NULL ? "none" : name);
        const struct quoit_result *result = get(engine, live_url(&strict, "/page"), tls);
        bool good = i / 2 == 1;
        CHECK_EQ(result->error, good ? QUOIT_OK : QUOIT_E_TLS);
        CHECK_EQ(live_number(&strict, "tls_client_certificates"), good);
        CHECK_EQ(live_number(&strict, "requests"), good);
        quoit_tls_destroy(tls);
        quoit_destroy(engine);
        live_stop(&strict);
    }
}

static void test_files_that_cannot_be_used_make_no_identity(void)
{
    const struct {
        struct quoit_tls_options options;
        enum quoit_error error;
    } cases[] = {
        { { .ca_file = certificate("none.pem") }, QUOIT_E_TLS_FILE },
        { { .ca_file = certificate("server.key") }, QUOIT_E_TLS_FILE },
        { { .ca_file = "/proc/self/exe" }, QUOIT_E_TLS_FILE },
        { { .cert_file = certificate("client.pem") }, QUOIT_E_ARGUMENT },
        { { .key_file = certificate("client.key") }, QUOIT_E_ARGUMENT },
        { { .cert_file = certificate("client.pem"), .key_file = certificate("server.key") },
          QUOIT_E_TLS_FILE },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quoit_tls *tls = NULL;
        CHECK_EQ(quoit_tls_create(&cases[i].options, &tls), cases[i].error);
        CHECK(tls == NULL);
    }
    quoit_tls_destroy(NULL);
}

static void test_identities_live_as_long_as_they_are_needed(void)
{
    struct quoit_tls *tls = good_identity();
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .tls = tls });

    quoit_tls_destroy(tls); /* the engine holds it */
    CHECK_EQ(get(engine, live_url(&server, "/page"), NULL)->status, 200);
    tls = good_identity();
    live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"), .tls = tls });
    quoit_tls_destroy(tls); /* the request holds it */
    CHECK_EQ(live_drain(engine, 1), 1);
    quoit_destroy(engine);
}

/* -------- versions and bytes -------- */

static void test_each_version_carries_big_bodies_both_ways(void)
{
    static const char *const versions[] = { "1.2", "1.3" };
    size_t size = (size_t)8 << 20;
    char *body = malloc(size);

    for (size_t i = 0; i < size; i++) {
        body[i] = (char)(i * 2654435761u >> 13);
    }
    for (size_t i = 0; i < 2; i++) {
        struct live_server one = start_secure(
            (const char *[]){ "--tls-min", versions[i], "--tls-max", versions[i], NULL });
        struct quoit_engine *engine = live_engine(NULL);
        struct quoit_tls *tls = good_identity();
        check_case(versions[i]);
        for (int k = 0; k < 3; k++) {
            quoit_turn(engine, 0);
            const struct quoit_result *result = live_run(
                engine, &(struct quoit_request){
                            .url = live_url(&one, "/echo"), .tls = tls, .body = { body, size } });
            CHECK_EQ(result->error, QUOIT_OK);
            CHECK_EQ(result->reused, k > 0);
            CHECK(result->body.size == size && memcmp(result->body.bytes, body, size) == 0);
        }
        quoit_tls_destroy(tls);
        quoit_destroy(engine);
        live_stop(&one);
    }
    free(body);
}

/* R22 */
static void test_what_is_no_tls_of_today_is_refused(void)
{
    struct live_server old = start_secure((const char *[]){ "--tls-max", "1.1", NULL });
    struct live_server plain = live_start((const char *[]){ NULL });
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_tls *tls = good_identity();
    char url[80];

    CHECK_EQ(get(engine, live_url(&old, "/page"), tls)->error, QUOIT_E_TLS);
    CHECK_EQ(live_number(&old, "requests"), 0);
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/page", plain.port);
    CHECK_EQ(get(engine, url, tls)->error, QUOIT_E_TLS);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/page", server.port);
    const struct quoit_result *result =
        live_run(engine, &(struct quoit_request){ .url = url, .retries = QUOIT_NONE });
    CHECK(result->error == QUOIT_E_PROTOCOL || result->error == QUOIT_E_RESET);
    quoit_tls_destroy(tls);
    quoit_destroy(engine);
    live_stop(&old);
    live_stop(&plain);
}

/* R04, R05, R23 */
static void test_the_end_of_an_answer_over_tls(void)
{
    static const struct {
        const char *fault;
        enum quoit_error error;
        bool kept;
    } cases[] = {
        { "none", QUOIT_OK, true },
        { "key-update", QUOIT_OK, true },
        { "chunked,cut", QUOIT_OK, true },
        { "drip:0ms:1", QUOIT_OK, true },
        { "close-delimited", QUOIT_OK, false },
        { "close-after", QUOIT_OK, false },
        { "no-close-notify", QUOIT_OK, false }, /* its length was said */
        { "reset-after", QUOIT_OK, false },
        { "second-response", QUOIT_OK, false },
        { "close-delimited,no-close-notify", QUOIT_E_INCOMPLETE, false },
        { "close-mid-body", QUOIT_E_INCOMPLETE, false },
        { "garbage", QUOIT_E_PROTOCOL, false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        struct quoit_tls *tls = good_identity();
        const struct quoit_header header = { "X-Mock-Fault", cases[i].fault };
        check_case(cases[i].fault);
        live_set(&server, "");
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                      .headers = &header,
                                                      .headers_count = 1,
                                                      .tls = tls,
                                                      .retries = QUOIT_NONE });
        CHECK_EQ(result->error, cases[i].error);
        CHECK(cases[i].error != QUOIT_OK || result->body.size == 56);
        live_await_number(&server, "connections_open", cases[i].kept);
        for (int k = 0; k < 3; k++) {
            CHECK_EQ(get(engine, live_url(&server, "/page"), tls)->body.size, 56);
        }
        CHECK_EQ(live_number(&server, "connections_opened"), cases[i].kept ? 1 : 2);
        quoit_tls_destroy(tls);
        quoit_destroy(engine);
        live_await_number(&server, "connections_open", 0);
    }
}

static void test_many_at_once_over_tls(void)
{
    struct quoit_tls *tls = good_identity();
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .tls = tls });

    live_set(&server, "");
    for (int i = 0; i < 2000; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    CHECK_EQ(live_drain(engine, 2000), 2000);
    CHECK_EQ(live_number(&server, "executions_total"), 2000);
    CHECK(live_number(&server, "connections_opened") <= 64);
    CHECK_EQ(live_number(&server, "tls_failed"), 0);
    quoit_tls_destroy(tls);
    quoit_destroy(engine);
}

/* -------- sessions and identities -------- */

static void test_a_session_is_resumed_by_the_same_identity(void)
{
    static const char *const versions[] = { "1.2", "1.3" };

    for (size_t i = 0; i < 2; i++) {
        struct live_server one = start_secure((const char *[]){
            "--tls-max", versions[i], "--max-requests-per-connection", "1", NULL });
        struct quoit_engine *engine = live_engine(NULL);
        struct quoit_tls *tls = good_identity();
        check_case(versions[i]);
        for (int k = 0; k < 5; k++) {
            CHECK_EQ(get(engine, live_url(&one, "/page"), tls)->status, 200);
        }
        CHECK_EQ(live_number(&one, "tls_full"), 1);
        CHECK_EQ(live_number(&one, "tls_resumed"), 4);
        quoit_tls_destroy(tls);
        quoit_destroy(engine);
        live_stop(&one);
    }
}

#define IDENTITIES 6

static void identities_make(struct quoit_tls **identities)
{
    const char *authority = certificate("authority.pem");
    const struct quoit_tls_options options[IDENTITIES] = {
        { .ca_file = authority, .insecure = true },
        { .ca_file = authority },
        { .ca_file = authority }, /* the same said again is another */
        { .ca_file = authority, .server_name = "good.test" },
        { .ca_file = authority,
          .cert_file = certificate("client.pem"),
          .key_file = certificate("client.key") },
        { .ca_file = certificate("stranger.pem") },
    };

    for (size_t i = 0; i < IDENTITIES; i++) {
        identities[i] = identity(&options[i]);
    }
}

/* R20, R21 */
static void test_identities_share_neither_connections_nor_sessions(void)
{
    struct live_server once =
        start_secure((const char *[]){ "--max-requests-per-connection", "1", NULL });
    const struct live_server *servers[] = { &server, &once };
    struct quoit_tls *identities[IDENTITIES];

    identities_make(identities);
    for (size_t i = 0; i < 2; i++) {
        struct quoit_engine *engine = live_engine(NULL);
        live_set(servers[i], "");
        for (size_t k = 0; k < IDENTITIES; k++) {
            const struct quoit_result *result =
                get(engine, live_url(servers[i], "/page"), identities[k]);
            CHECK_EQ(result->error, k < 5 ? QUOIT_OK : QUOIT_E_TLS);
        }
        CHECK_EQ(live_number(servers[i], "tls_full"), 5);
        CHECK_EQ(live_number(servers[i], "tls_resumed"), 0);
        for (size_t k = 0; k < 5; k++) { /* but each knows its own again */
            CHECK_EQ(get(engine, live_url(servers[i], "/page"), identities[k])->reused, i == 0);
        }
        CHECK_EQ(live_number(servers[i], "tls_full"), 5);
        CHECK_EQ(live_number(servers[i], "tls_resumed"), i == 0 ? 0 : 5);
        quoit_destroy(engine);
    }
    for (size_t i = 0; i < IDENTITIES; i++) {
        quoit_tls_destroy(identities[i]);
    }
    live_stop(&once);
}

static void test_destroy_in_the_middle_of_everything_leaves_nothing(void)
{
    struct quoit_tls *tls = good_identity();
    unsigned before = live_descriptors();

    live_set(&server, "latency uniform:0:5ms");
    for (int turns = 0; turns < 30; turns++) {
        struct quoit_engine *engine = live_engine(&(struct quoit_options){ .tls = tls });
        for (int i = 0; i < 80; i++) {
            live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
        }
        for (int i = 0; i < turns; i++) {
            quoit_turn(engine, LIVE_NS_PER_MS / 10);
        }
        quoit_destroy(engine);
    }
    CHECK_EQ(live_descriptors(), before);
    live_await_number(&server, "connections_open", 0);
    live_set(&server, "latency 0");
    quoit_tls_destroy(tls);
}

int main(void)
{
    if (!certificates_make()) {
        printf("no openssl(1) to make certificates with\n");
        return 77;
    }
    server = start_secure((const char *[]){ NULL });
    RUN(test_a_trusted_server_is_talked_to);
    RUN(test_only_the_right_server_is_talked_to);
    RUN(test_a_client_shows_its_certificate);
    RUN(test_files_that_cannot_be_used_make_no_identity);
    RUN(test_identities_live_as_long_as_they_are_needed);
    RUN(test_each_version_carries_big_bodies_both_ways);
    RUN(test_what_is_no_tls_of_today_is_refused);
    RUN(test_the_end_of_an_answer_over_tls);
    RUN(test_many_at_once_over_tls);
    RUN(test_a_session_is_resumed_by_the_same_identity);
    RUN(test_identities_share_neither_connections_nor_sessions);
    RUN(test_destroy_in_the_middle_of_everything_leaves_nothing);
    live_stop(&server);
    return check_done();
}
