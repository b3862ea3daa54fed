/*
 * tls_limbo_test: the 178 server chains of x509-limbo whose key is known (R19), each on a server of
 * its own, and the library's verdict over a real connection: the same as in process, where all that
 * a case wishes for can be granted (tests/unit/tls_limbo_test.c).
 *
 * Two wishes cannot be granted here, since quoit.h has no words for them: revocation lists, and a
 * limit to the depth of a chain. What is refused for those alone is taken here, and named below.
 *
 * 14 cases are to be judged at an instant of their own. OpenSSL asks time() of the C library, so
 * this program has a time() of its own, which comes first wherever libcrypto is a shared library.
 * Where it does not, those cases are left out, and that is said.
 */
#include "tests/live/check_ledger.h"
#include "tests/live/live.h"
#include "tests/live/tls_server.h"
#include "tests/unit/tls_limbo.h"

#include <openssl/x509.h>
#include <stdatomic.h>

static struct limbo limbo;
static struct tls_server server;
static _Atomic time_t pretended = LIMBO_NOW;

/* -------- what time it is -------- */

time_t time(time_t *out)
{
    struct timespec now;
    time_t seconds = pretended;

    if (seconds == LIMBO_NOW) {
        clock_gettime(CLOCK_REALTIME, &now);
        seconds = now.tv_sec;
    }
    if (out != NULL) {
        *out = seconds;
    }
    return seconds;
}

/* Does OpenSSL believe it? */
static bool time_is_ours(void)
{
    ASN1_TIME *then = ASN1_TIME_set(NULL, 1000000000);

    pretended = 1000000001;
    int before = X509_cmp_current_time(then);
    pretended = 999999999;
    int after = X509_cmp_current_time(then);
    pretended = LIMBO_NOW;
    ASN1_TIME_free(then);
    return before < 0 && after > 0;
}

/* -------- one case -------- */

/* Refused in process for a wish that cannot be granted here. */
static bool is_taken_without_its_wish(const char *id)
{
    static const char *const ids[] = {
        "crl::revoked-certificate-with-crl",    "crl::crlnumber-critical",
        "crl::issuer-missing-crlsign",          "pathlen::max-chain-depth-0-exhausted",
        "pathlen::max-chain-depth-1-exhausted", "pathlen::max-chain-depth-1-self-issued",
    };

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        if (strcmp(ids[i], id) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * Taken in process, but never here: a key of DSA, which TLS 1.3 has not and nobody offers in 1.2,
 * and a certificate for nobody in particular, since a URL always names somebody.
 */
static bool is_never_taken(const struct limbo_case *the)
{
    return the->name == NULL || strcmp(the->id, "webpki::forbidden-dsa-leaf") == 0;
}

static X509 *limbo_certificate(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    return x509;
}

/* Put the server of that case up. False: no server can have such a certificate. */
static bool limbo_serve(const struct limbo_case *the)
{
    BIO *bio = BIO_new_mem_buf(the->key, -1);
    struct certificate certificate = { limbo_certificate(the->peer),
                                       PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) };
    STACK_OF(X509) *chain = sk_X509_new_null();
    const cJSON *text;

    cJSON_ArrayForEach(text, the->between)
    {
        X509 *x509 = limbo_certificate(cJSON_GetStringValue(text));
        if (x509 != NULL) {
            sk_X509_push(chain, x509);
        }
    }
    bool usable = certificate.x509 != NULL && certificate.key != NULL;
    if (usable) {
        tls_server_use(&server, &certificate, chain,
                       &(struct tls_script){ .serve = tls_serve_hello });
    }
    sk_X509_pop_free(chain, X509_free);
    certificate_free(&certificate);
    BIO_free(bio);
    return usable;
}

/* Ask it for a page as that name. */
static bool limbo_is_answered(const struct limbo_case *the, struct quoit_tls *tls, char detail[200])
{
    struct quoit_engine *engine = live_engine(NULL);
    const char *name = the->name == NULL ? "somebody.test" : the->name;
    bool numbers = the->is_address && strchr(name, ':') != NULL;
    char url[400];

    snprintf(url, sizeof(url), numbers ? "https://[%s]/page" : "https://%s/page", name);
    const struct quoit_result *result = live_run(
        engine, &(struct quoit_request){ .url = url, .unix_path = server.unix_path, .tls = tls });
    bool answered = result->error == QUOIT_OK && result->status == 200;
    CHECK(answered || result->error == QUOIT_E_TLS);
    snprintf(detail, 200, "%s", result->detail);
    quoit_destroy(engine);
    return answered;
}

static bool limbo_is_taken(const struct limbo_case *the, char detail[200])
{
    struct quoit_tls *tls = NULL;
    struct peer_file file;

    snprintf(file.path, sizeof(file.path), "%.200s/trusted.pem", live_folder());
    CHECK(limbo_write_trusted(the, file.path));
    if (quoit_tls_create(&(struct quoit_tls_options){ .ca_file = file.path }, &tls) != QUOIT_OK) {
        live_give_up("trust in what the case trusts");
    }
    pretended = the->time_s;
    bool answered = limbo_is_answered(the, tls, detail);
    pretended = LIMBO_NOW;
    quoit_tls_destroy(tls);
    CHECK_LEDGER_EQ(server.ledger.connections, 1);
    CHECK_LEDGER_EQ(server.ledger.requests, answered);
    CHECK_LEDGER_EQ(server.ledger.request_bytes > 0, answered);
    return answered;
}

/* -------- all -------- */

static struct limbo_counts {
    int servers, accepted, without_wish, without_time, unusable;
} counts;

static void limbo_run(const struct limbo_case *the, bool may_pretend)
{
    int wanted = limbo_verdict(&limbo, the->id, false);
    char detail[200];

    if (the->time_s != LIMBO_NOW && !may_pretend) {
        counts.without_time++;
        return;
    }
    if (!limbo_serve(the)) {
        CHECK_EQ(wanted, 0);
        counts.unusable++;
        return;
    }
    counts.without_wish += is_taken_without_its_wish(the->id);
    wanted = (wanted || is_taken_without_its_wish(the->id)) && !is_never_taken(the);
    bool got = limbo_is_taken(the, detail);
    if (got != wanted) {
        CHECK_FAIL("is %s (%s)", got ? "taken" : "refused", detail);
    }
    counts.servers++;
    counts.accepted += got;
}

static void test_each_chain_is_judged_over_tls_as_in_process(void) /* R19 */
{
    bool may_pretend = time_is_ours();
    const cJSON *json;

    cJSON_ArrayForEach(json, limbo.cases)
    {
        struct limbo_case the = limbo_case(json);
        if (the.is_server && the.key != NULL) {
            check_case(the.id);
            limbo_run(&the, may_pretend);
        }
    }
    check_case("");
    CHECK_EQ(counts.servers + counts.unusable + counts.without_time, 178);
    CHECK(counts.accepted > 40);
    printf("x509-limbo: %d servers, %d answered; %d without their lists or depth, "
           "%d that no server can be, %d left out for want of their time\n",
           counts.servers, counts.accepted, counts.without_wish, counts.unusable,
           counts.without_time);
}

int main(void)
{
    const char *missing = limbo_open(&limbo);

    if (missing != NULL) {
        printf("%s\n", missing);
        return 77;
    }
    setenv("OPENSSL_CONF", "/dev/null", 1); /* the same on every machine */
    tls_server_start(&server);
    RUN(test_each_chain_is_judged_over_tls_as_in_process);
    tls_server_stop(&server);
    limbo_close(&limbo);
    return check_ledger_done();
}
