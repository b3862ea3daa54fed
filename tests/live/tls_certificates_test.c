/*
 * tls_certificates_test: R18, live: a server of every kind of certificate, and a client that sends
 * its request to the right ones only. The URL's host is the name that is asked for; the socket is a
 * unix one, so that any name leads there, and TCP where the name is 127.0.0.1.
 *
 * What is said of each stands in tls_context_test too; here it is what the server sees: for each
 * that is refused the handshake ends in the alert of that cause, and no byte of a request comes.
 */
#include "tests/live/check_ledger.h"
#include "tests/live/live.h"
#include "tests/live/tls_server.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DAY_S (24 * HOUR_S)

static struct tls_server server;
static struct certificate authority, stranger;
static struct peer_file authority_file;

/* -------- running one -------- */

struct matrix_case {
    const char *name, *host;
    struct certificate_wish wish;
    const struct certificate *issuer; /* NULL: itself */
    const char *detail;               /* NULL: it is the right one */
    int alert;                        /* what the server is told, if it is not */
};

static struct quoit_tls *identity(const struct quoit_tls_options *options)
{
    struct quoit_tls *tls = NULL;

    if (quoit_tls_create(options, &tls) != QUOIT_OK) {
        live_give_up("a TLS identity");
    }
    return tls;
}

static struct quoit_tls *good_identity(void)
{
    return identity(&(struct quoit_tls_options){ .ca_file = authority_file.path });
}

static bool is_address(const char *host)
{
    return host[strspn(host, "0123456789.")] == '\0' || host[0] == '[';
}

static void check_refused(const struct quoit_result *result, const struct matrix_case *the)
{
    CHECK_EQ(result->error, QUOIT_E_TLS);
    CHECK_STR(quoit_error_code(result->error), "tls_error");
    CHECK_STR(result->detail, the->detail);
    CHECK_EQ(result->status, 0);
    CHECK_EQ(result->attempts, 0);
    CHECK(!result->maybe_billed);
    tls_server_await(&server.ledger.refused, 1);
    CHECK_LEDGER_EQ(server.ledger.alert, the->alert);
}

static void check_taken(const struct quoit_result *result)
{
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_EQ(result->status, 200);
    CHECK_STR(result->detail, "");
    CHECK_MEM(result->body.bytes, result->body.size, "hello", 5);
}

/* A request to a server of that certificate; over a unix socket, or to the port. */
static void run_case(const struct matrix_case *the, int version, bool local)
{
    struct certificate made = certificate_make(&the->wish, the->issuer);
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_tls *tls = good_identity();
    bool good = the->detail == NULL;
    char url[400];

    snprintf(url, sizeof(url), "https://%s:%u/secret", the->host, server.port);
    tls_server_use(&server, &made, NULL,
                   &(struct tls_script){ .serve = tls_serve_hello, .version = version });
    const struct quoit_result *result = live_run(
        engine, &(struct quoit_request){
                    .url = url, .unix_path = local ? server.unix_path : NULL, .tls = tls });
    if (good) {
        check_taken(result);
    } else {
        check_refused(result, the);
    }
    CHECK_EQ(live_stats(engine).retries, 0);
    CHECK_LEDGER_EQ(server.ledger.connections, 1);
    CHECK_LEDGER_EQ(server.ledger.requests, good);
    CHECK_LEDGER_EQ(server.ledger.request_bytes > 0, good);
    CHECK_LEDGER_STR(server.ledger.server_name, is_address(the->host) ? "" : the->host);
    quoit_destroy(engine);
    quoit_tls_destroy(tls);
    certificate_free(&made);
}

static void run_matrix(const struct matrix_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_case(cases[i].name);
        run_case(&cases[i], TLS1_2_VERSION, true);
        run_case(&cases[i], TLS1_3_VERSION, true);
        if (strcmp(cases[i].host, "127.0.0.1") == 0) {
            run_case(&cases[i], 0, false);
        }
    }
}

/* -------- names -------- */

#define FAILED "certificate verify failed: "
#define MISMATCH FAILED "hostname mismatch; is the host of the URL right?"
#define IP_MISMATCH FAILED "IP address mismatch; is the host of the URL right?"

/* A row: the name, the URL's host, the certificate's names, its CN, and the detail. */
#define ROW(title, url_host, san, cn, text)                                                        \
    {                                                                                              \
        .name = title, .host = url_host, .wish = { .names = san, .common_name = cn },              \
        .issuer = &authority, .detail = text, .alert = SSL_AD_BAD_CERTIFICATE                      \
    }

static void test_only_a_server_of_that_name_gets_the_request(void) /* R18 */
{
    const struct matrix_case cases[] = {
        ROW("right", "good.test", "DNS:good.test", NULL, NULL),
        ROW("right among others", "good.test", "DNS:a.test,DNS:good.test", NULL, NULL),
        ROW("wrong", "good.test", "DNS:evil.test", NULL, MISMATCH),
        ROW("CN only", "good.test", NULL, "good.test", MISMATCH),
        ROW("CN right, names wrong", "good.test", "DNS:evil.test", "good.test", MISMATCH),
        ROW("*.a for b.a", "b.a.test", "DNS:*.a.test", NULL, NULL),
        ROW("*.a for c.b.a", "c.b.a.test", "DNS:*.a.test", NULL, MISMATCH),
        ROW("*.a for a", "a.test", "DNS:*.a.test", NULL, MISMATCH),
        ROW("f*.a for foo.a", "foo.a.test", "DNS:f*.a.test", NULL, MISMATCH),
        ROW("*o.a for foo.a", "foo.a.test", "DNS:*o.a.test", NULL, MISMATCH),
        ROW("* for a name of one label", "test", "DNS:*", NULL, MISMATCH),
    };

    run_matrix(cases, COUNT_OF(cases));
}

static void test_an_address_must_be_in_the_certificate_as_one(void) /* R18 */
{
    const struct matrix_case cases[] = {
        ROW("IP SAN", "127.0.0.1", "IP:127.0.0.1", NULL, NULL),
        ROW("IP SAN of version 6", "[::1]", "IP:::1", NULL, NULL),
        ROW("another IP SAN", "127.0.0.1", "IP:127.0.0.2", NULL, IP_MISMATCH),
        ROW("DNS SAN that reads like it", "127.0.0.1", "DNS:127.0.0.1", NULL, IP_MISMATCH),
        ROW("wildcard", "127.0.0.1", "DNS:*.0.0.1", NULL, IP_MISMATCH),
        ROW("wildcard of all", "127.0.0.1", "DNS:*", NULL, IP_MISMATCH),
        ROW("CN only", "127.0.0.1", NULL, "127.0.0.1", IP_MISMATCH),
        ROW("CN only, version 6", "[::1]", NULL, "::1", IP_MISMATCH),
    };

    run_matrix(cases, COUNT_OF(cases));
}

static void test_a_nul_in_a_name_ends_no_name(void) /* R18; CVE-2009-2417, CVE-2014-0139 */
{
    const struct matrix_case cases[] = {
        { .name = "NUL in the SAN",
          .host = "good.test",
          .wish = { .raw_name = "good.test\0.evil.test", .raw_name_size = 20 },
          .issuer = &authority,
          .detail = MISMATCH,
          .alert = SSL_AD_BAD_CERTIFICATE },
        { .name = "NUL at its end",
          .host = "good.test",
          .wish = { .raw_name = "good.test", .raw_name_size = 10 },
          .issuer = &authority,
          .detail = MISMATCH,
          .alert = SSL_AD_BAD_CERTIFICATE },
        { .name = "none",
          .host = "good.test",
          .wish = { .raw_name = "good.test", .raw_name_size = 9 },
          .issuer = &authority },
    };

    run_matrix(cases, COUNT_OF(cases));
}

/* -------- chains -------- */

#define CLOCK "; is the clock of this machine right?"
#define TRUST "; if it is meant to be trusted, name its CA file"

static void test_only_a_chain_that_holds_gets_the_request(void) /* R18 */
{
    const struct matrix_case cases[] = {
        { "for servers",
          "good.test",
          { .names = "DNS:good.test", .usage = "serverAuth" },
          &authority,
          NULL,
          0 },
        { "expired",
          "good.test",
          { .names = "DNS:good.test", .from_s = -2 * DAY_S, .until_s = -DAY_S },
          &authority,
          FAILED "certificate has expired" CLOCK,
          SSL_AD_CERTIFICATE_EXPIRED },
        { "expired a moment ago",
          "good.test",
          { .names = "DNS:good.test", .from_s = -DAY_S, .until_s = -2 },
          &authority,
          FAILED "certificate has expired" CLOCK,
          SSL_AD_CERTIFICATE_EXPIRED },
        { "not yet valid",
          "good.test",
          { .names = "DNS:good.test", .from_s = DAY_S, .until_s = 2 * DAY_S },
          &authority,
          FAILED "certificate is not yet valid" CLOCK,
          SSL_AD_BAD_CERTIFICATE },
        { "self-signed",
          "good.test",
          { .names = "DNS:good.test" },
          NULL,
          FAILED "self-signed certificate" TRUST,
          SSL_AD_UNKNOWN_CA },
        { "unknown CA",
          "good.test",
          { .names = "DNS:good.test" },
          &stranger,
          FAILED "unable to get local issuer certificate" TRUST,
          SSL_AD_UNKNOWN_CA },
        { "for clients only",
          "good.test",
          { .names = "DNS:good.test", .usage = "clientAuth" },
          &authority,
          FAILED "unsuitable certificate purpose",
          SSL_AD_UNSUPPORTED_CERTIFICATE },
        { "weak key",
          "good.test",
          { .names = "DNS:good.test", .weak = true },
          &authority,
          FAILED "EE certificate key too weak",
          SSL_AD_BAD_CERTIFICATE },
        { "all of it wrong",
          "good.test",
          { .names = "DNS:evil.test", .from_s = -2 * DAY_S, .until_s = -DAY_S },
          NULL,
          FAILED "self-signed certificate" TRUST,
          SSL_AD_UNKNOWN_CA },
    };

    run_matrix(cases, COUNT_OF(cases));
}

/* A chain is what the server shows: what it leaves out is not looked for. */
static void test_a_chain_must_be_shown_whole(void) /* R18 */
{
    struct certificate between = certificate_make(
        &(struct certificate_wish){ .common_name = "between", .authority = true }, &authority);
    struct certificate leaf =
        certificate_make(&(struct certificate_wish){ .names = "DNS:good.test" }, &between);
    STACK_OF(X509) *chain = sk_X509_new_null();

    sk_X509_push(chain, between.x509);
    for (int whole = 0; whole < 2; whole++) {
        struct quoit_engine *engine = live_engine(NULL);
        struct quoit_tls *tls = good_identity();
        tls_server_use(&server, &leaf, whole ? chain : NULL,
                       &(struct tls_script){ .serve = tls_serve_hello });
        const struct quoit_result *result = live_run(
            engine, &(struct quoit_request){
                        .url = "https://good.test/", .unix_path = server.unix_path, .tls = tls });
        CHECK_EQ(result->error, whole ? QUOIT_OK : QUOIT_E_TLS);
        CHECK_STR(result->detail,
                  whole ? "" : FAILED "unable to get local issuer certificate" TRUST);
        CHECK_LEDGER_EQ(server.ledger.requests, whole);
        CHECK_LEDGER_EQ(server.ledger.request_bytes > 0, whole);
        quoit_destroy(engine);
        quoit_tls_destroy(tls);
    }
    sk_X509_free(chain);
    certificate_free(&leaf);
    certificate_free(&between);
}

/* -------- without verification -------- */

static void test_insecure_takes_all_that_the_system_can_speak(void) /* R18 */
{
    static const struct certificate_wish wishes[] = {
        { .names = "DNS:evil.test" },
        { .common_name = "good.test" },
        { .names = "DNS:good.test", .from_s = -2 * DAY_S, .until_s = -DAY_S },
        { .names = "DNS:good.test", .usage = "clientAuth" },
    };

    for (size_t i = 0; i < COUNT_OF(wishes); i++) {
        struct certificate made = certificate_make(&wishes[i], NULL);
        struct quoit_engine *engine = live_engine(NULL);
        struct quoit_tls *tls = identity(&(struct quoit_tls_options){ .insecure = true });
        tls_server_use(&server, &made, NULL, &(struct tls_script){ .serve = tls_serve_hello });
        check_taken(live_run(engine, &(struct quoit_request){ .url = "https://good.test/",
                                                              .unix_path = server.unix_path,
                                                              .tls = tls }));
        CHECK_LEDGER_EQ(server.ledger.requests, 1);
        quoit_destroy(engine);
        quoit_tls_destroy(tls);
        certificate_free(&made);
    }
}

int main(void)
{
    struct certificate_wish wish = { .common_name = "authority", .authority = true };

    setenv("OPENSSL_CONF", "/dev/null", 1); /* the same on every machine */
    authority = certificate_make(&wish, NULL);
    wish.common_name = "stranger";
    stranger = certificate_make(&wish, NULL);
    authority_file = peer_certificate_file("authority.pem", &authority);
    tls_server_start(&server);
    RUN(test_only_a_server_of_that_name_gets_the_request);
    RUN(test_an_address_must_be_in_the_certificate_as_one);
    RUN(test_a_nul_in_a_name_ends_no_name);
    RUN(test_only_a_chain_that_holds_gets_the_request);
    RUN(test_a_chain_must_be_shown_whole);
    RUN(test_insecure_takes_all_that_the_system_can_speak);
    tls_server_stop(&server);
    unlink(authority_file.path);
    rmdir(peer_directory());
    certificate_free(&stranger);
    certificate_free(&authority);
    return check_ledger_done();
}
