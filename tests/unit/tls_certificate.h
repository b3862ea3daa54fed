/*
 * tls_certificate: certificates made on the spot, for whatever a test wants them to say, and the
 * PEM files of them that an identity is made from.
 *
 * What cannot be made is a failed CHECK: a test that goes on without its certificate would say
 * nothing.
 */
#ifndef QUOIT_TESTS_TLS_CERTIFICATE_H
#define QUOIT_TESTS_TLS_CERTIFICATE_H

#include "tests/unit/check.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#define HOUR_S 3600

/* --- Certificates --- */

struct certificate {
    X509 *x509;
    EVP_PKEY *key;
};

/* What a certificate shall say. Zero: valid from an hour ago for an hour, for nobody. */
struct certificate_wish {
    const char *common_name;
    const char *names;    /* as in openssl.cnf: "DNS:a.test,IP:127.0.0.1"; NULL: none */
    const char *raw_name; /* one DNS name of raw_name_size bytes, in place of names */
    size_t raw_name_size;
    const char *usage;    /* extended key usage; NULL: none */
    long from_s, until_s; /* from now on; 0: -HOUR_S and HOUR_S */
    bool authority;       /* it may sign others */
    bool weak;            /* RSA of 1024 bits */
};

static inline void certificate_free(struct certificate *certificate)
{
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    *certificate = (struct certificate){ 0 };
}

static inline void certificate_extend(X509 *x509, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    CHECK(extension != NULL && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static inline void certificate_extend_raw(X509 *x509, const char *name, size_t size)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *general = GENERAL_NAME_new();
    ASN1_IA5STRING *string = ASN1_IA5STRING_new();

    CHECK(ASN1_STRING_set(string, name, (int)size) == 1);
    GENERAL_NAME_set0_value(general, GEN_DNS, string);
    sk_GENERAL_NAME_push(names, general);
    CHECK(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0) == 1);
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
}

/* issuer NULL: signed by itself. */
static inline struct certificate certificate_make(const struct certificate_wish *wish,
                                                  const struct certificate *issuer)
{
    static long serial;
    struct certificate made = { X509_new(), wish->weak ? EVP_RSA_gen(1024) : EVP_EC_gen("P-256") };
    const char *common_name = wish->common_name == NULL ? "nobody" : wish->common_name;

    CHECK(made.x509 != NULL && made.key != NULL);
    X509_set_version(made.x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.x509), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made.x509), wish->from_s == 0 ? -HOUR_S : wish->from_s);
    X509_gmtime_adj(X509_getm_notAfter(made.x509), wish->until_s == 0 ? HOUR_S : wish->until_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.x509), "CN", MBSTRING_ASC,
                               (const unsigned char *)common_name, -1, -1, 0);
    X509_set_issuer_name(made.x509, X509_get_subject_name(issuer ? issuer->x509 : made.x509));
    X509_set_pubkey(made.x509, made.key);
    if (wish->authority) {
        certificate_extend(made.x509, NID_basic_constraints, "critical,CA:TRUE");
        certificate_extend(made.x509, NID_key_usage, "critical,keyCertSign");
    }
    if (wish->names != NULL) {
        certificate_extend(made.x509, NID_subject_alt_name, wish->names);
    }
    if (wish->raw_name != NULL) {
        certificate_extend_raw(made.x509, wish->raw_name, wish->raw_name_size);
    }
    if (wish->usage != NULL) {
        certificate_extend(made.x509, NID_ext_key_usage, wish->usage);
    }
    CHECK(X509_sign(made.x509, issuer ? issuer->key : made.key, EVP_sha256()) != 0);
    return made;
}

/* --- Files --- */

/* A directory of the test's own, made by the first call. */
static inline const char *peer_directory(void)
{
    static char path[200];

    if (path[0] == '\0') {
        const char *parent = getenv("TMPDIR");
        snprintf(path, sizeof(path), "%s/quoit-tls-XXXXXX", parent == NULL ? "/tmp" : parent);
        if (mkdtemp(path) == NULL) {
            printf("no directory for certificates: %s\n", path);
            exit(1);
        }
    }
    return path;
}

struct peer_file {
    char path[256];
};

/* A PEM file of certificates, or of the key of one. `password` encrypts a key. */
static inline struct peer_file peer_file_write(const char *name, const struct certificate *first,
                                               const struct certificate *second, bool key,
                                               const char *password)
{
    struct peer_file file;

    snprintf(file.path, sizeof(file.path), "%s/%s", peer_directory(), name);
    FILE *stream = fopen(file.path, "w");
    CHECK(stream != NULL);
    if (stream == NULL) {
        return file;
    }
    if (key) {
        int size = password == NULL ? 0 : (int)strlen(password);
        CHECK(PEM_write_PrivateKey(stream, first->key, size ? EVP_aes_128_cbc() : NULL,
                                   (const unsigned char *)password, size, NULL, NULL) == 1);
    } else {
        CHECK(PEM_write_X509(stream, first->x509) == 1);
        CHECK(second == NULL || PEM_write_X509(stream, second->x509) == 1);
    }
    fclose(stream);
    return file;
}

static inline struct peer_file peer_certificate_file(const char *name,
                                                     const struct certificate *certificate)
{
    return peer_file_write(name, certificate, NULL, false, NULL);
}

static inline struct peer_file peer_key_file(const char *name,
                                             const struct certificate *certificate)
{
    return peer_file_write(name, certificate, NULL, true, NULL);
}

#endif
