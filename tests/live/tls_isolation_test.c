/*
 * tls_isolation_test: what may never be shared between requests that differ in anything that
 * decides on trust, or on where they go: connections (R21), and tickets (R20).
 *
 * A way is a request with all its fields. For each pair of ways that differ in one field, first one
 * is gone and then the other, in both orders: with a server that keeps connections each must have
 * one of its own, and with one that closes them no ticket of the one may be offered by the other.
 * The ledger counts connections, and ClientHellos with a ticket in them; gone once more, each way
 * finds its own again, so what is not shared is there.
 *
 * The field `proxy` is not here: see the tests of proxies.
 */
#include "tests/live/check_ledger.h"
#include "tests/live/live.h"
#include "tests/live/tls_server.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct tls_server server, other; /* the same certificate, another port and path */
static struct certificate authority, stranger, good, own, own_second;
static struct peer_file authority_file, both_file, stranger_file, own_file, own_key_file,
    second_file, second_key_file;

/* -------- ways -------- */

struct way {
    const char *name, *host;
    bool plain;    /* http:// */
    bool tcp;      /* not over the unix socket */
    bool to_other; /* server */
    struct quoit_tls_options options;
};

#define WAY(title, url_host, ...)                                                                  \
    {                                                                                              \
        .name = title, .host = url_host, __VA_ARGS__                                               \
    }
#define TRUST .options.ca_file = authority_file.path

/* The way of most people, and what differs from it in one field. */
#define WAYS 9
static void ways_make(struct way ways[WAYS])
{
    const struct way made[WAYS] = {
        WAY("another host", "second.test", TRUST),
        WAY("another path", "good.test", .to_other = true, TRUST),
        WAY("the same identity made again", "good.test", TRUST),
        WAY("no verification", "good.test", TRUST, .options.insecure = true),
        WAY("another CA", "good.test", .options.ca_file = both_file.path),
        WAY("a client certificate", "good.test", TRUST, .options.cert_file = own_file.path,
            .options.key_file = own_key_file.path),
        WAY("another client certificate", "good.test", TRUST, .options.cert_file = second_file.path,
            .options.key_file = second_key_file.path),
        WAY("another server_name", "good.test", TRUST, .options.server_name = "second.test"),
        WAY("its own name as server_name", "good.test", TRUST, .options.server_name = "good.test"),
    };
    memcpy(ways, made, sizeof(made));
}

static struct quoit_tls *identity(const struct quoit_tls_options *options)
{
    struct quoit_tls *tls = NULL;

    if (quoit_tls_create(options, &tls) != QUOIT_OK) {
        live_give_up("a TLS identity");
    }
    return tls;
}

static const struct quoit_result *go(struct quoit_engine *engine, const struct way *way,
                                     struct quoit_tls *tls)
{
    const struct tls_server *to = way->to_other ? &other : &server;
    char url[300];

    snprintf(url, sizeof(url), "http%s://%s:%u/", way->plain ? "" : "s", way->host,
             way->tcp ? to->port : 7777);
    quoit_turn(engine, 0);
    return live_run(engine, &(struct quoit_request){ .url = url,
                                                     .unix_path = way->tcp ? NULL : to->unix_path,
                                                     .tls = tls,
                                                     .retries = QUOIT_NONE });
}

static uint64_t sum(const atomic_uint_fast64_t *here, const atomic_uint_fast64_t *there)
{
    return *here + *there;
}

#define LEDGERS(field) sum(&server.ledger.field, &other.ledger.field)

static void servers_use(bool keep, int version)
{
    struct tls_script script = { .serve = keep ? tls_serve_hello : tls_serve_hello_once,
                                 .version = version,
                                 .either = true,
                                 .asks = true };

    tls_server_use(&server, &good, NULL, &script);
    tls_server_use(&other, &good, NULL, &script);
}

/* -------- pairs -------- */

struct pair {
    const struct way *ways[2];
    struct quoit_tls *tls[2];
};

static void go_both(struct quoit_engine *engine, const struct pair *pair, bool kept)
{
    for (int i = 0; i < 2; i++) {
        const struct quoit_result *result = go(engine, pair->ways[i], pair->tls[i]);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_STR(result->detail, "");
        CHECK_EQ(result->reused, kept);
    }
}

/* R21 */
static void check_connections(const struct pair *pair)
{
    struct quoit_engine *engine = live_engine(NULL);

    servers_use(true, 0);
    go_both(engine, pair, false);
    CHECK_LEDGER_EQ(LEDGERS(connections), 2);
    CHECK_LEDGER_EQ(LEDGERS(shown), (pair->ways[0]->options.cert_file != NULL) +
                                        (pair->ways[1]->options.cert_file != NULL));
    go_both(engine, pair, true); /* each finds its own again */
    CHECK_LEDGER_EQ(LEDGERS(connections), 2);
    CHECK_LEDGER_EQ(LEDGERS(requests), 4);
    quoit_destroy(engine);
}

/* R20 */
static void check_tickets(const struct pair *pair, int version)
{
    struct quoit_engine *engine = live_engine(NULL);

    servers_use(false, version);
    go_both(engine, pair, false);
    CHECK_LEDGER_EQ(LEDGERS(offered), 0);
    CHECK_LEDGER_EQ(LEDGERS(resumed), 0);
    go_both(engine, pair, false); /* each offers its own */
    CHECK_LEDGER_EQ(LEDGERS(offered), 2);
    CHECK_LEDGER_EQ(LEDGERS(resumed), 2);
    CHECK_LEDGER_EQ(LEDGERS(secured), 4);
    CHECK_LEDGER_EQ(LEDGERS(requests), 4);
    quoit_destroy(engine);
}

/* In both orders; `one_identity`: it is not the identity that they differ in. */
static void check_pair(const struct way *first, const struct way *second, bool one_identity)
{
    struct quoit_tls *tls = identity(&first->options);
    struct quoit_tls *tls_second = one_identity ? NULL : identity(&second->options);
    const struct pair there = { { first, second }, { tls, one_identity ? tls : tls_second } };
    const struct pair back = { { second, first }, { there.tls[1], tls } };

    check_case(second->name);
    check_connections(&there);
    check_connections(&back);
    if (!second->plain) {
        check_tickets(&there, TLS1_2_VERSION);
        check_tickets(&there, TLS1_3_VERSION);
        check_tickets(&back, TLS1_2_VERSION);
        check_tickets(&back, TLS1_3_VERSION);
    }
    quoit_tls_destroy(tls);
    quoit_tls_destroy(tls_second);
}

static void test_what_differs_in_one_field_shares_nothing(void) /* R20, R21 */
{
    const struct way usual = WAY("usual", "good.test", TRUST);
    struct way ways[WAYS];

    ways_make(ways);
    for (size_t i = 0; i < WAYS; i++) {
        check_pair(&usual, &ways[i], i < 2);
    }
}

static void test_scheme_port_and_socket_share_nothing(void) /* R20, R21 */
{
    const struct way port = WAY("port", "127.0.0.1", .tcp = true, TRUST);
    const struct way others[] = {
        WAY("another port", "127.0.0.1", .tcp = true, .to_other = true, TRUST),
        WAY("a path in place of the port", "127.0.0.1", TRUST),
        WAY("another name of the port", "localhost", .tcp = true, TRUST),
        WAY("http", "127.0.0.1", .plain = true, .tcp = true, TRUST),
    };

    for (size_t i = 0; i < COUNT_OF(others); i++) {
        check_pair(&port, &others[i], true);
    }
}

static void test_two_client_certificates_share_nothing(void) /* R20, R21; CVE-2016-5419 */
{
    struct way ways[WAYS];

    ways_make(ways);
    check_pair(&ways[5], &ways[6], false);
}

/* What is the same in all fields shares all, however it is spelled. */
static void test_the_same_way_is_the_same(void) /* R20, R21 */
{
    const struct way usual = WAY("usual", "good.test", TRUST);
    const struct way loud = WAY("upper case", "GOOD.test", TRUST);
    struct quoit_tls *tls = identity(&usual.options);

    for (int keep = 0; keep < 2; keep++) {
        struct quoit_engine *engine = live_engine(NULL);
        servers_use(keep, 0);
        CHECK_EQ(go(engine, &usual, tls)->reused, false);
        CHECK_EQ(go(engine, &loud, tls)->reused, keep);
        CHECK_LEDGER_EQ(server.ledger.connections, keep ? 1 : 2);
        CHECK_LEDGER_EQ(server.ledger.resumed, keep ? 0 : 1);
        quoit_destroy(engine);
    }
    quoit_tls_destroy(tls);
}

/* -------- nothing that was accepted unseen opens a door -------- */

/* A request that must not be sent, after one that was. */
static void check_no_way(const struct way *first, const struct way *second, struct quoit_tls *tls,
                         const char *detail)
{
    for (int i = 0; i < 4; i++) {
        bool keep = i & 1;
        struct quoit_engine *engine = live_engine(NULL);
        struct quoit_tls *tls_second = tls == NULL ? identity(&second->options) : NULL;
        struct quoit_tls *tls_first = tls == NULL ? identity(&first->options) : tls;
        servers_use(keep, i & 2 ? TLS1_3_VERSION : TLS1_2_VERSION);
        CHECK_EQ(go(engine, first, tls_first)->error, QUOIT_OK);
        if (!keep) { /* a session that was resumed is no better */
            CHECK_EQ(go(engine, first, tls_first)->error, QUOIT_OK);
            CHECK_LEDGER_EQ(server.ledger.resumed, 1);
        }
        uint64_t bytes = server.ledger.request_bytes;
        const struct quoit_result *result = go(engine, second, tls == NULL ? tls_second : tls);
        CHECK_EQ(result->error, QUOIT_E_TLS);
        CHECK(strncmp(result->detail, detail, strlen(detail)) == 0);
        tls_server_await(&server.ledger.refused, 1);
        CHECK_LEDGER_EQ(server.ledger.offered, keep ? 0 : 1);
        CHECK_LEDGER_EQ(server.ledger.request_bytes, bytes);
        CHECK_EQ(go(engine, first, tls_first)->error, QUOIT_OK); /* the first one's is still good */
        quoit_destroy(engine);
        quoit_tls_destroy(tls_second);
        if (tls == NULL) {
            quoit_tls_destroy(tls_first);
        }
    }
}

static void test_a_wrong_host_is_refused_after_a_resumption(void) /* R20 */
{
    const struct way right = WAY("right", "good.test", TRUST);
    const struct way wrong = WAY("wrong", "evil.test", TRUST);
    struct quoit_tls *tls = identity(&right.options);

    check_no_way(&right, &wrong, tls, "certificate verify failed: hostname mismatch");
    quoit_tls_destroy(tls);
}

static void test_verification_that_comes_later_verifies(void) /* R20, R21; CVE-2024-35195 */
{
    const struct way blind = WAY("blind", "evil.test", TRUST, .options.insecure = true);
    const struct way seeing = WAY("seeing", "evil.test", TRUST);

    check_no_way(&blind, &seeing, NULL, "certificate verify failed: hostname mismatch");
}

static void test_a_ca_that_is_gone_opens_nothing(void) /* R20, R21; CVE-2025-14819 */
{
    const struct way before = WAY("before", "good.test", TRUST);
    const struct way after = WAY("after", "good.test", .options.ca_file = stranger_file.path);

    check_no_way(&before, &after, NULL, "certificate verify failed: ");
}

static void test_strictness_that_comes_later_is_strict(void) /* R20, R21 */
{
    const struct way before = WAY("before", "good.test", TRUST);
    const struct way after = WAY("after", "good.test", TRUST, .options.x509_strict = true);

    check_no_way(&before, &after, NULL, "certificate verify failed: Missing Authority Key");
}

/* -------- the cast -------- */

static void cast_make(void)
{
    struct certificate_wish wish = { .common_name = "authority", .authority = true };

    authority = certificate_make(&wish, NULL);
    wish.common_name = "stranger";
    stranger = certificate_make(&wish, NULL);
    good = certificate_make(
        &(struct certificate_wish){
            .names = "DNS:good.test,DNS:second.test,DNS:localhost,IP:127.0.0.1" },
        &authority);
    own = certificate_make(&(struct certificate_wish){ .usage = "clientAuth" }, &authority);
    own_second = certificate_make(&(struct certificate_wish){ .usage = "clientAuth" }, &authority);
    authority_file = peer_certificate_file("authority.pem", &authority);
    both_file = peer_file_write("both.pem", &authority, &stranger, false, NULL);
    stranger_file = peer_certificate_file("stranger.pem", &stranger);
    own_file = peer_certificate_file("own.pem", &own);
    own_key_file = peer_key_file("own.key", &own);
    second_file = peer_certificate_file("second.pem", &own_second);
    second_key_file = peer_key_file("second.key", &own_second);
}

static void cast_free(void)
{
    struct certificate *const certificates[] = { &authority, &stranger, &good, &own, &own_second };
    const struct peer_file *const files[] = { &authority_file, &both_file,    &stranger_file,
                                              &own_file,       &own_key_file, &second_file,
                                              &second_key_file };

    for (size_t i = 0; i < COUNT_OF(certificates); i++) {
        certificate_free(certificates[i]);
    }
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        unlink(files[i]->path);
    }
    rmdir(peer_directory());
}

int main(void)
{
    setenv("OPENSSL_CONF", "/dev/null", 1); /* the same on every machine */
    cast_make();
    tls_server_start(&server);
    tls_server_start(&other);
    RUN(test_what_differs_in_one_field_shares_nothing);
    RUN(test_scheme_port_and_socket_share_nothing);
    RUN(test_two_client_certificates_share_nothing);
    RUN(test_the_same_way_is_the_same);
    RUN(test_a_wrong_host_is_refused_after_a_resumption);
    RUN(test_verification_that_comes_later_verifies);
    RUN(test_a_ca_that_is_gone_opens_nothing);
    RUN(test_strictness_that_comes_later_is_strict);
    tls_server_stop(&server);
    tls_server_stop(&other);
    cast_free();
    return check_ledger_done();
}
