/*
 * tls_context_test: whom an identity trusts, who it is, and which files it takes. Each verdict is
 * that of a whole handshake with an OpenSSL server in this process.
 */
#include "tls/context.h"

#include "base/bits.h"
#include "tests/unit/tls_peer.h"
#include "tls/identity.h"

#include <openssl/conf.h>
#include <pthread.h>
#include <sys/stat.h>

#define NOBODY 65534

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static struct peer_cast cast;

static struct quoit_tls *tls_of(struct quoit_tls_options options)
{
    struct quoit_tls *tls = NULL;

    CHECK_EQ(quoit_tls_create(&options, &tls), QUOIT_OK);
    return tls;
}

/* What becomes of a connection to host: "" if it is good, else why not. */
static const char *verdict_of(struct quoit_tls *tls, const struct peer_wish *wish, const char *host)
{
    static char detail[200];
    SSL_CTX *peer = peer_create(wish);
    struct talk talk = talk_open(peer, tls, host, NULL);

    if (talk_run(&talk) == TLS_STARVED) {
        CHECK_EQ(tls_session_write(talk.session, "secret", 6), TLS_DONE);
        CHECK_EQ(talk_run(&talk), TLS_STARVED);
        CHECK_MEM(talk.server_heard.bytes, talk.server_heard.size, "secret", 6);
    } else {
        /* Nothing of a request goes to a server that is not trusted. */
        CHECK_EQ(tls_session_write(talk.session, "secret", 6), TLS_FAILED);
        talk_run(&talk);
        CHECK_EQ(talk.server_heard.size, 0);
        CHECK(tls_session_detail(talk.session)[0] != '\0');
    }
    snprintf(detail, sizeof(detail), "%s", tls_session_detail(talk.session));
    talk_close(&talk);
    SSL_CTX_free(peer);
    return detail;
}

/* The same, to a server whose certificate is made as wished and signed by issuer. */
static const char *verdict_on(struct quoit_tls *tls, struct certificate_wish wish,
                              const struct certificate *issuer, const char *host)
{
    struct certificate made = certificate_make(&wish, issuer);
    struct peer_wish peer_wish = { .certificate = &made, .version = TLS1_2_VERSION };
    char older[200];

    snprintf(older, sizeof(older), "%s", verdict_of(tls, &peer_wish, host));
    peer_wish.version = TLS1_3_VERSION;
    const char *verdict = verdict_of(tls, &peer_wish, host);
    CHECK_STR(older, verdict);
    certificate_free(&made);
    return verdict;
}

/* --- Names --- */

#define MISMATCH "certificate verify failed: hostname mismatch; is the host of the URL right?"
#define CLOCK "; is the clock of this machine right?"
#define TRUST "; if it is meant to be trusted, name its CA file"
#define IP_MISMATCH "certificate verify failed: IP address mismatch; is the host of the URL right?"

static void test_a_server_must_have_the_name_that_was_asked_for(void) /* R18 */
{
    static const struct {
        const char *host, *names, *common_name, *verdict;
    } cases[] = {
        { "good.test", "DNS:good.test", NULL, "" },
        { "good.test.", "DNS:good.test", NULL, "" },
        { "GOOD.test", "DNS:good.TEST", NULL, "" },
        { "good.test", "DNS:other.test,DNS:good.test", NULL, "" },
        { "good.test", "DNS:other.test", NULL, MISMATCH },
        { "good.test", "DNS:other.test", "good.test", MISMATCH },
        { "good.test", NULL, "good.test", MISMATCH },
        { "good.test", "DNS:ood.test", NULL, MISMATCH },
        { "good.test", "DNS:sub.good.test", NULL, MISMATCH },
        { "sub.good.test", "DNS:good.test", NULL, MISMATCH },
        { "good.test", "email:good.test", NULL, MISMATCH },
        { "good.test", "URI:https://good.test/", NULL, MISMATCH },
        { "b.a.test", "DNS:*.a.test", NULL, "" },
        { "c.b.a.test", "DNS:*.a.test", NULL, MISMATCH },
        { "a.test", "DNS:*.a.test", NULL, MISMATCH },
        { "foo.a.test", "DNS:f*.a.test", NULL, MISMATCH },
        { "foo.a.test", "DNS:*o.a.test", NULL, MISMATCH },
        { "foo.a.test", "DNS:f*o.a.test", NULL, MISMATCH },
        { "b.a.test", "DNS:b.*.test", NULL, MISMATCH },
        { "a.test", "DNS:*.test", NULL, MISMATCH },
        { "test", "DNS:*", NULL, MISMATCH },
        { "127.0.0.1", "IP:127.0.0.1", NULL, "" },
        { "127.0.0.1", "IP:127.0.0.2", NULL, IP_MISMATCH },
        { "127.0.0.1", "DNS:127.0.0.1", NULL, IP_MISMATCH },
        { "127.0.0.1", "DNS:*.0.0.1", NULL, IP_MISMATCH },
        { "127.0.0.1", NULL, "127.0.0.1", IP_MISMATCH },
        { "127.0.0.1", "IP:::ffff:127.0.0.1", NULL, IP_MISMATCH },
        { "::1", "IP:::1", NULL, "" },
        { "0:0:0:0:0:0:0:1", "IP:::1", NULL, "" },
        { "::1", "IP:::2", NULL, IP_MISMATCH },
        { "::1", "DNS:::1", NULL, IP_MISMATCH },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct certificate_wish wish = { .names = cases[i].names,
                                         .common_name = cases[i].common_name };
        char name[200];
        snprintf(name, sizeof(name), "%s for %s, CN %s", cases[i].names, cases[i].host,
                 cases[i].common_name);
        check_case(name);
        CHECK_STR(verdict_on(cast.tls, wish, &cast.authority, cases[i].host), cases[i].verdict);
        check_case("");
    }
}

static void test_a_nul_in_a_name_ends_no_name(void) /* R18, CVE-2009-2417 */
{
    struct certificate_wish wish = { .raw_name = "good.test\0.evil.test", .raw_name_size = 20 };
    CHECK_STR(verdict_on(cast.tls, wish, &cast.authority, "good.test"), MISMATCH);

    wish = (struct certificate_wish){ .raw_name = "good.test", .raw_name_size = 10 };
    CHECK_STR(verdict_on(cast.tls, wish, &cast.authority, "good.test"), MISMATCH);

    wish = (struct certificate_wish){ .raw_name = "good.test", .raw_name_size = 9 };
    CHECK_STR(verdict_on(cast.tls, wish, &cast.authority, "good.test"), "");
}

static void test_what_is_no_name_is_never_any_name(void)
{
    static char long_name[257];
    memset(long_name, 'a', sizeof(long_name) - 1);
    const char *const names[] = { "", ".", ".good.test", ".test", long_name };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct peer_wish wish = { .certificate = &cast.good };
        CHECK_STR(verdict_of(cast.tls, &wish, names[i]),
                  "not a host name that a certificate can have");
    }
}

static int on_server_name(SSL *ssl, int *alert, void *seen)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    snprintf(seen, 256, "%s", name == NULL ? "none" : name);
    return SSL_TLSEXT_ERR_OK;
}

static void test_server_name_stands_in_for_the_host(void)
{
    static const struct {
        const char *server_name, *host, *seen, *verdict;
    } cases[] = {
        { NULL, "good.test", "good.test", "" },
        { NULL, "good.test.", "good.test", "" },
        { NULL, "127.0.0.1", "none", "" },
        { NULL, "::1", "none", "" },
        { "good.test", "10.1.2.3", "good.test", "" },
        { "good.test", "other.test", "good.test", "" },
        { "127.0.0.1", "other.test", "none", "" },
        { "other.test", "good.test", "other.test", MISMATCH },
        { "10.1.2.3", "good.test", "none", IP_MISMATCH },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct quoit_tls *tls = tls_of((struct quoit_tls_options){
            .ca_file = cast.authority_file.path, .server_name = cases[i].server_name });
        struct peer_wish wish = { .certificate = &cast.good };
        SSL_CTX *peer = peer_create(&wish);
        char seen[256] = "";
        SSL_CTX_set_tlsext_servername_callback(peer, on_server_name);
        SSL_CTX_set_tlsext_servername_arg(peer, seen);

        struct talk talk = talk_open(peer, tls, cases[i].host, NULL);
        talk_run(&talk);
        check_case(cases[i].host);
        CHECK_STR(seen, cases[i].seen);
        CHECK_STR(tls_session_detail(talk.session), cases[i].verdict);
        talk_close(&talk);
        SSL_CTX_free(peer);
        quoit_tls_destroy(tls);
    }
}

/* --- Chains --- */

static void test_a_chain_must_hold(void) /* R18 */
{
    static const struct {
        const char *name;
        struct certificate_wish wish;
        bool by_stranger, by_itself;
        const char *verdict;
    } cases[] = {
        { "good", { .names = "DNS:good.test" }, false, false, "" },
        { "for servers", { .names = "DNS:good.test", .usage = "serverAuth" }, false, false, "" },
        { "for clients",
          { .names = "DNS:good.test", .usage = "clientAuth" },
          false,
          false,
          "certificate verify failed: unsuitable certificate purpose" },
        { "expired",
          { .names = "DNS:good.test", .from_s = -2 * HOUR_S, .until_s = -HOUR_S },
          false,
          false,
          "certificate verify failed: certificate has expired" CLOCK },
        { "not yet valid",
          { .names = "DNS:good.test", .from_s = HOUR_S, .until_s = 2 * HOUR_S },
          false,
          false,
          "certificate verify failed: certificate is not yet valid" CLOCK },
        { "self-signed",
          { .names = "DNS:good.test" },
          false,
          true,
          "certificate verify failed: self-signed certificate" TRUST },
        { "unknown authority",
          { .names = "DNS:good.test" },
          true,
          false,
          "certificate verify failed: unable to get local issuer certificate" TRUST },
        { "weak key",
          { .names = "DNS:good.test", .weak = true },
          false,
          false,
          "certificate verify failed: EE certificate key too weak" },
    };
    struct certificate stranger = certificate_make(
        &(struct certificate_wish){ .common_name = "stranger", .authority = true }, NULL);
    struct quoit_tls *blind = tls_of((struct quoit_tls_options){ .insecure = true });

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct certificate *issuer = cases[i].by_itself     ? NULL
                                           : cases[i].by_stranger ? &stranger
                                                                  : &cast.authority;
        check_case(cases[i].name);
        CHECK_STR(verdict_on(cast.tls, cases[i].wish, issuer, "good.test"), cases[i].verdict);
        check_case("insecure takes all");
        if (!cases[i].wish.weak) { /* but OpenSSL's security level stays as the system wants it */
            CHECK_STR(verdict_on(blind, cases[i].wish, issuer, "bad.test"), "");
        }
    }
    quoit_tls_destroy(blind);
    certificate_free(&stranger);
}

static void test_strict_asks_for_more(void)
{
    struct quoit_tls *strict = tls_of(
        (struct quoit_tls_options){ .ca_file = cast.authority_file.path, .x509_strict = true });
    struct peer_wish wish = { .certificate = &cast.good };

    CHECK_STR(verdict_of(cast.tls, &wish, "good.test"), "");
    CHECK_STR(verdict_of(strict, &wish, "good.test"),
              "certificate verify failed: Missing Authority Key Identifier");
    quoit_tls_destroy(strict);
}

/* --- Whom to trust --- */

static void test_given_trust_replaces_that_of_the_system(void)
{
    struct certificate stranger = certificate_make(
        &(struct certificate_wish){ .common_name = "stranger", .authority = true }, NULL);
    struct peer_file file = peer_certificate_file("stranger.pem", &stranger);
    struct peer_wish wish = { .certificate = &cast.good };
    const char *unknown = "certificate verify failed: unable to get local issuer certificate" TRUST;

    /* The system trusts the authority from here on, as OpenSSL's variables say. */
    setenv("SSL_CERT_FILE", cast.authority_file.path, 1);
    struct quoit_tls *system = NULL;
    CHECK_EQ(quoit_tls_create(NULL, &system), QUOIT_OK);
    struct quoit_tls *by_file = tls_of((struct quoit_tls_options){ .ca_file = file.path });
    struct quoit_tls *by_path = tls_of((struct quoit_tls_options){ .ca_path = peer_directory() });
    CHECK_STR(verdict_of(system, &wish, "good.test"), "");
    CHECK_STR(verdict_of(system, &wish, "bad.test"), MISMATCH);
    CHECK_STR(verdict_of(by_file, &wish, "good.test"), unknown);
    CHECK_STR(verdict_of(by_path, &wish, "good.test"), unknown);

    /* A missing file of the system is no error: nobody is trusted. */
    setenv("SSL_CERT_FILE", "/nowhere/at/all.pem", 1);
    setenv("SSL_CERT_DIR", "/nowhere", 1);
    struct quoit_tls *nobody = tls_of((struct quoit_tls_options){ 0 });
    CHECK_STR(verdict_of(nobody, &wish, "good.test"), unknown);
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");

    quoit_tls_destroy(system);
    quoit_tls_destroy(by_file);
    quoit_tls_destroy(by_path);
    quoit_tls_destroy(nobody);
    certificate_free(&stranger);
    unlink(file.path);
}

static void test_a_directory_of_authorities_is_searched_by_hash(void)
{
    char name[32];
    snprintf(name, sizeof(name), "%08lx.0",
             X509_NAME_hash_ex(X509_get_subject_name(cast.authority.x509), NULL, NULL, NULL));
    struct peer_file file = peer_certificate_file(name, &cast.authority);
    struct quoit_tls *tls = tls_of((struct quoit_tls_options){ .ca_path = peer_directory() });
    struct peer_wish wish = { .certificate = &cast.good };

    CHECK_STR(verdict_of(tls, &wish, "good.test"), "");
    quoit_tls_destroy(tls);
    unlink(file.path);
}

/* It is read with them, and nobody has asked to look at it. */
static void test_a_revocation_list_among_the_authorities_does_no_harm(void)
{
    struct peer_file file = peer_certificate_file("revoking.pem", &cast.authority);
    struct peer_wish wish = { .certificate = &cast.good };
    FILE *stream = fopen(file.path, "a");
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);

    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(cast.authority.x509));
    X509_CRL_set1_lastUpdate(list, now);
    X509_CRL_set1_nextUpdate(list, now);
    CHECK(X509_CRL_sign(list, cast.authority.key, EVP_sha256()) != 0);
    CHECK(stream != NULL && PEM_write_X509_CRL(stream, list) == 1);
    fclose(stream);

    struct quoit_tls *tls = tls_of((struct quoit_tls_options){ .ca_file = file.path });
    CHECK_EQ(sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(tls->context))), 2);
    CHECK_STR(verdict_of(tls, &wish, "good.test"), "");
    quoit_tls_destroy(tls);
    ASN1_TIME_free(now);
    X509_CRL_free(list);
    unlink(file.path);
}

/* Root reads all, so for a moment we are nobody. */
static void test_a_directory_that_may_not_be_read_is_an_error_at_once(void)
{
    struct quoit_tls_options options = { .ca_path = peer_directory() };
    struct quoit_tls *tls = NULL;
    bool is_root = geteuid() == 0;

    CHECK_EQ(chmod(peer_directory(), 0), 0);
    if (is_root) {
        CHECK_EQ(setresuid(NOBODY, NOBODY, 0), 0);
    }
    CHECK_EQ(quoit_tls_create(&options, &tls), QUOIT_E_TLS_FILE);
    if (is_root) {
        CHECK_EQ(setresuid(0, 0, 0), 0);
    }
    CHECK_EQ(chmod(peer_directory(), 0700), 0);
    CHECK_EQ(quoit_tls_create(&options, &tls), QUOIT_OK);
    quoit_tls_destroy(tls);
}

/* --- The system's wishes --- */

/* The system's configuration is read once, when OpenSSL begins; here it is read again, by hand. */
static void test_a_system_that_asks_for_more_gets_it(void)
{
    static const char text[] = "openssl_conf = all\n[all]\nssl_conf = names\n"
                               "[names]\nsystem_default = wishes\n"
                               "[wishes]\nMinProtocol = TLSv1.3\n";
    struct peer_wish old = { .certificate = &cast.good, .version = TLS1_2_VERSION };
    struct peer_wish modern = { .certificate = &cast.good, .version = TLS1_3_VERSION };
    char path[256];

    snprintf(path, sizeof(path), "%s/openssl.cnf", peer_directory());
    FILE *stream = fopen(path, "w");
    CHECK(stream != NULL && fputs(text, stream) >= 0);
    fclose(stream);
    CHECK_EQ(CONF_modules_load_file(path, NULL, 0), 1);
    struct quoit_tls *tls =
        tls_of((struct quoit_tls_options){ .ca_file = cast.authority_file.path });
    CONF_modules_finish(); /* the wishes are forgotten: peers would have them too */

    CHECK_EQ(SSL_CTX_get_min_proto_version(tls->context), TLS1_3_VERSION);
    CHECK_EQ(SSL_CTX_get_min_proto_version(cast.tls->context), TLS1_2_VERSION);
    CHECK_STR(verdict_of(tls, &modern, "good.test"), "");
    CHECK_STR(verdict_of(tls, &old, "good.test"), "alert from the server: protocol version (70); "
                                                  "the server speaks no TLS 1.2 or later");
    quoit_tls_destroy(tls);
    unlink(path);
}

/* --- Who to be --- */

static void test_a_client_certificate_is_shown_with_its_chain(void)
{
    struct certificate between = certificate_make(
        &(struct certificate_wish){ .common_name = "between", .authority = true }, &cast.authority);
    struct certificate own =
        certificate_make(&(struct certificate_wish){ .usage = "clientAuth" }, &between);
    struct peer_file chain = peer_file_write("own.pem", &own, &between, false, NULL);
    struct peer_file key = peer_key_file("own.key", &own);
    struct quoit_tls *tls = tls_of((struct quoit_tls_options){
        .ca_file = cast.authority_file.path, .cert_file = chain.path, .key_file = key.path });

    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        struct peer_wish wish = { .certificate = &cast.good,
                                  .client_authority = &cast.authority,
                                  .version = versions[i] };
        CHECK_STR(verdict_of(tls, &wish, "good.test"), "");
        /* In TLS 1.3 the refusal comes when the client believes that it is done: with a read. */
        CHECK_STR(verdict_of(cast.tls, &wish, "good.test"),
                  versions[i] == TLS1_3_VERSION
                      ? "alert from the server: certificate required (116); "
                        "name a client certificate and its key"
                      : "alert from the server: handshake failure (40)");
    }
    quoit_tls_destroy(tls);
    unlink(chain.path);
    unlink(key.path);
    certificate_free(&own);
    certificate_free(&between);
}

/* --- Options --- */

static void test_files_that_cannot_be_used_are_an_error_at_once(void)
{
    struct peer_file cert = peer_certificate_file("good.pem", &cast.good);
    struct peer_file key = peer_key_file("good.key", &cast.good);
    struct peer_file other = peer_key_file("other.key", &cast.authority);
    struct peer_file locked = peer_file_write("locked.key", &cast.good, NULL, true, "password");
    const char *missing = "/nowhere/at/all";
    const struct {
        const char *name;
        struct quoit_tls_options options;
        enum quoit_error error;
    } cases[] = {
        { "good", { .cert_file = cert.path, .key_file = key.path }, QUOIT_OK },
        { "no such authority", { .ca_file = missing }, QUOIT_E_TLS_FILE },
        { "no such directory", { .ca_path = missing }, QUOIT_E_TLS_FILE },
        { "empty name", { .ca_file = "" }, QUOIT_E_TLS_FILE },
        { "a file for a directory", { .ca_path = cert.path }, QUOIT_E_TLS_FILE },
        { "a directory for a file", { .ca_file = peer_directory() }, QUOIT_E_TLS_FILE },
        { "a key for an authority", { .ca_file = key.path }, QUOIT_E_TLS_FILE },
        { "no such certificate", { .cert_file = missing, .key_file = key.path }, QUOIT_E_TLS_FILE },
        { "no such key", { .cert_file = cert.path, .key_file = missing }, QUOIT_E_TLS_FILE },
        { "another's key", { .cert_file = cert.path, .key_file = other.path }, QUOIT_E_TLS_FILE },
        { "encrypted key", { .cert_file = cert.path, .key_file = locked.path }, QUOIT_E_TLS_FILE },
        { "swapped", { .cert_file = key.path, .key_file = cert.path }, QUOIT_E_TLS_FILE },
        { "certificate alone", { .cert_file = cert.path }, QUOIT_E_ARGUMENT },
        { "key alone", { .key_file = key.path }, QUOIT_E_ARGUMENT },
        { "a server without a name", { .server_name = "" }, QUOIT_E_ARGUMENT },
        { "any server below a name", { .server_name = ".test" }, QUOIT_E_ARGUMENT },
        { "from the future", { .reserved = { 0, 0, 0, 1 } }, QUOIT_E_ARGUMENT },
        { "insecure and no such file", { .insecure = true, .ca_file = missing }, QUOIT_E_TLS_FILE },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct quoit_tls *untouched = (struct quoit_tls *)(uintptr_t)1;
        struct quoit_tls *tls = untouched;
        check_case(cases[i].name);
        CHECK_EQ(quoit_tls_create(&cases[i].options, &tls), cases[i].error);
        CHECK_EQ(ERR_peek_error(), 0);
        if (cases[i].error == QUOIT_OK) {
            /* Without one OpenSSL would ask at the terminal, where there is one. */
            CHECK(SSL_CTX_get_default_passwd_cb(tls->context) != NULL);
            quoit_tls_destroy(tls);
        } else {
            CHECK(tls == untouched);
        }
    }
    unlink(cert.path);
    unlink(key.path);
    unlink(other.path);
    unlink(locked.path);
}

static void test_options_are_copied(void)
{
    char file[256];
    char name[] = "good.test";
    snprintf(file, sizeof(file), "%s", cast.authority_file.path);
    struct quoit_tls *tls =
        tls_of((struct quoit_tls_options){ .ca_file = file, .server_name = name });
    memset(file, 'x', sizeof(file) - 1);
    memset(name, 'x', sizeof(name) - 1);
    struct peer_wish wish = { .certificate = &cast.good };

    CHECK_STR(verdict_of(tls, &wish, "whatever.test"), "");
    quoit_tls_destroy(tls);
}

/* --- Counting --- */

static void test_an_identity_lives_as_long_as_its_sessions(void)
{
    struct quoit_tls *tls =
        tls_of((struct quoit_tls_options){ .ca_file = cast.authority_file.path });
    struct peer_wish wish = { .certificate = &cast.good };
    SSL_CTX *peer = peer_create(&wish);
    struct talk talk = talk_open(peer, tls, "good.test", NULL);

    CHECK_EQ(atomic_load(&tls->holders), 2);
    quoit_tls_destroy(tls);
    CHECK_EQ(talk_run(&talk), TLS_STARVED);
    CHECK_EQ(atomic_load(&tls->holders), 1);
    talk_close(&talk);
    SSL_CTX_free(peer);
    quoit_tls_destroy(NULL);
    tls_context_drop(NULL);
}

static void *hold_and_drop(void *tls)
{
    for (int i = 0; i < 100000; i++) {
        tls_context_drop(tls_context_hold(tls));
    }
    tls_context_drop(tls);
    return NULL;
}

static void test_threads_may_hold_and_drop_at_once(void)
{
    struct quoit_tls *tls = tls_of((struct quoit_tls_options){ 0 });
    pthread_t threads[4];

    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, hold_and_drop, tls_context_hold(tls)), 0);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_EQ(atomic_load(&tls->holders), 1);
    quoit_tls_destroy(tls);
}

int main(void)
{
    setenv("OPENSSL_CONF", "/dev/null", 1); /* the same on every machine */
    cast = peer_cast_make();
    RUN(test_a_server_must_have_the_name_that_was_asked_for);
    RUN(test_a_nul_in_a_name_ends_no_name);
    RUN(test_what_is_no_name_is_never_any_name);
    RUN(test_server_name_stands_in_for_the_host);
    RUN(test_a_chain_must_hold);
    RUN(test_strict_asks_for_more);
    RUN(test_given_trust_replaces_that_of_the_system);
    RUN(test_a_directory_of_authorities_is_searched_by_hash);
    RUN(test_a_revocation_list_among_the_authorities_does_no_harm);
    RUN(test_a_directory_that_may_not_be_read_is_an_error_at_once);
    RUN(test_a_system_that_asks_for_more_gets_it);
    RUN(test_a_client_certificate_is_shown_with_its_chain);
    RUN(test_files_that_cannot_be_used_are_an_error_at_once);
    RUN(test_options_are_copied);
    RUN(test_an_identity_lives_as_long_as_its_sessions);
    RUN(test_threads_may_hold_and_drop_at_once);
    peer_cast_free(&cast);
    rmdir(peer_directory());
    return check_done();
}
