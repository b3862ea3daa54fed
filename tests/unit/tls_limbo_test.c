/*
 * tls_limbo_test: each of x509-limbo's server chains (R19), judged as our sessions judge, against
 * what OpenSSL 3.0.22 says under the same flags: see tls_limbo.h for which column that is.
 *
 * A real handshake of a session asks OpenSSL for its verdict on the peer's chain, with all that an
 * identity and a session have set: trust, name, purpose, level, flags. At that moment the chain of
 * the case takes the place of the peer's, and the case's own wishes (an instant, revocation lists,
 * a depth) are added. So no server key is needed, and what is judged with is what is shipped.
 */
#include "base/bits.h"
#include "tests/unit/tls_limbo.h"
#include "tests/unit/tls_peer.h"
#include "tls/identity.h"

static struct limbo limbo;
static struct peer_cast cast;

/* --- Reading --- */

static X509 *pem_certificate(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    return x509;
}

/* Those that can be read: a chain with a broken one in it is judged without it. */
static STACK_OF(X509) * pem_certificates(const cJSON *texts)
{
    STACK_OF(X509) *stack = sk_X509_new_null();
    const cJSON *text;

    cJSON_ArrayForEach(text, texts)
    {
        X509 *x509 = pem_certificate(cJSON_GetStringValue(text));
        if (x509 != NULL) {
            sk_X509_push(stack, x509);
        }
    }
    return stack;
}

static STACK_OF(X509_CRL) * pem_revoked(const cJSON *texts)
{
    STACK_OF(X509_CRL) *stack = sk_X509_CRL_new_null();
    const cJSON *text;

    cJSON_ArrayForEach(text, texts)
    {
        BIO *bio = BIO_new_mem_buf(cJSON_GetStringValue(text), -1);
        X509_CRL *list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        BIO_free(bio);
        if (list != NULL) {
            sk_X509_CRL_push(stack, list);
        }
    }
    return stack;
}

/* --- Judging --- */

static void add_wishes(X509_STORE_CTX *context, const struct limbo_case *the,
                       STACK_OF(X509_CRL) * revoked)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);

    if (the->time_s != LIMBO_NOW) {
        X509_VERIFY_PARAM_set_time(param, the->time_s);
    }
    if (the->depth_max >= 0) {
        X509_VERIFY_PARAM_set_depth(param, the->depth_max);
    }
    if (the->name == NULL) {
        X509_VERIFY_PARAM_set1_host(param, NULL, 0);
    }
    if (sk_X509_CRL_num(revoked) > 0) {
        X509_STORE_CTX_set0_crls(context, revoked);
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK);
    }
}

/* OpenSSL asks for its verdict on the peer: give it that on the case. */
static int on_verdict(X509_STORE_CTX *context, void *of)
{
    const struct limbo_case *the = of;
    X509 *peer = pem_certificate(the->peer);
    STACK_OF(X509) *between = pem_certificates(the->between);
    STACK_OF(X509_CRL) *revoked = pem_revoked(the->revoked);
    int accepted = 0;

    if (peer == NULL) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED);
    } else {
        X509_STORE_CTX_set_cert(context, peer);
        X509_STORE_CTX_set0_untrusted(context, between);
        add_wishes(context, the, revoked);
        accepted = X509_verify_cert(context) == 1;
    }
    X509_STORE_CTX_set0_untrusted(context, NULL);
    X509_STORE_CTX_set_cert(context, NULL);
    X509_free(peer);
    sk_X509_pop_free(between, X509_free);
    sk_X509_CRL_pop_free(revoked, X509_CRL_free);
    return accepted;
}

/* Does a session take the chain of that case for good? Why not stands in `detail`. */
static bool session_accepts(struct limbo_case *the, bool strict, char detail[200])
{
    struct peer_file file;
    struct quoit_tls *tls = NULL;

    snprintf(file.path, sizeof(file.path), "%s/trusted.pem", peer_directory());
    CHECK(limbo_write_trusted(the, file.path));
    struct quoit_tls_options options = { .ca_file = file.path, .x509_strict = strict };
    enum quoit_error error = quoit_tls_create(&options, &tls);
    unlink(file.path);
    if (error != QUOIT_OK) {
        snprintf(detail, 200, "%s", quoit_error_message(error));
        return false;
    }
    SSL_CTX_set_cert_verify_callback(tls->context, on_verdict, the);

    SSL_CTX *peer = peer_create(&(struct peer_wish){ .certificate = &cast.good });
    struct talk talk = talk_open(peer, tls, the->name == NULL ? "any.test" : the->name, NULL);
    bool accepted = talk_run(&talk) == TLS_STARVED && talk.secured;
    snprintf(detail, 200, "%s", tls_session_detail(talk.session));
    talk_close(&talk);
    SSL_CTX_free(peer);
    quoit_tls_destroy(tls);
    return accepted;
}

static void judge_all(bool strict)
{
    int judged = 0, accepted = 0;
    const cJSON *json;

    cJSON_ArrayForEach(json, limbo.cases)
    {
        struct limbo_case the = limbo_case(json);
        char detail[200];
        if (!the.is_server) {
            continue;
        }
        int wanted = limbo_verdict(&limbo, the.id, strict);
        bool got = session_accepts(&the, strict, detail);
        if (got != (wanted == 1)) {
            CHECK_FAIL("%s: is %s (%s), wanted %s", the.id, got ? "accepted" : "refused", detail,
                       wanted == 1   ? "accepted"
                       : wanted == 0 ? "refused"
                                     : "a verdict");
        }
        judged++;
        accepted += got;
    }
    CHECK_EQ(judged, 183);
    CHECK(accepted > 40); /* a judge that refuses all would be right too often */
    printf("x509-limbo%s: %d chains, %d accepted\n", strict ? ", x509_strict" : "", judged,
           accepted);
}

static void test_chains_are_judged_as_by_default(void) /* R19 */
{
    judge_all(false);
}

static void test_chains_are_judged_strictly_if_asked_for(void) /* R19 */
{
    judge_all(true);
}

int main(void)
{
    const char *missing = limbo_open(&limbo);

    if (missing != NULL) {
        printf("%s\n", missing);
        return 77;
    }
    setenv("OPENSSL_CONF", "/dev/null", 1); /* the same on every machine */
    cast = peer_cast_make();
    RUN(test_chains_are_judged_as_by_default);
    RUN(test_chains_are_judged_strictly_if_asked_for);
    peer_cast_free(&cast);
    rmdir(peer_directory());
    limbo_close(&limbo);
    return check_done();
}
