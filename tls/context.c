/*
 * context: see context.h. All that decides whether a server is trusted is set here; only the name
 * that it must have is set per session.
 */
#include "tls/context.h"

#include "base/bits.h"
#include "tls/detail.h"
#include "tls/identity.h"
#include "tls/wire.h"

#include <assert.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const unsigned char context_protocols[] = "\x08http/1.1"; /* RFC 7301 3.1 */

/*
 * A serial tells identities apart after their addresses have been used again, so that a ticket of a
 * destroyed one cannot pass for a ticket of a new one.
 */
static atomic_uint_fast64_t context_last_serial;

/* Why OpenSSL could not use a file. Empties the error queue. */
static enum quoit_error context_file_error(void)
{
    return tls_detail_drop() ? QUOIT_E_NO_MEMORY : QUOIT_E_TLS_FILE;
}

static bool context_options_are_valid(const struct quoit_tls_options *options)
{
    for (size_t i = 0; i < COUNT_OF(options->reserved); i++) {
        if (options->reserved[i] != 0) {
            return false; /* made for a later version: it would not do what is asked */
        }
    }
    if (options->server_name != NULL && !tls_name_is_valid(options->server_name)) {
        return false;
    }
    return (options->cert_file == NULL) == (options->key_file == NULL);
}

/* For an encrypted key: none is known. OpenSSL's own would ask at the terminal, and wait. */
static int context_password(char *out, int room, int for_writing, void *context)
{
    (void)out;
    (void)room;
    (void)for_writing;
    (void)context;
    return -1;
}

/* OpenSSL takes any path for a directory of certificates, and finds out at the first server. */
static bool context_directory_is_readable(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode) && access(path, R_OK | X_OK) == 0;
}

/*
 * OpenSSL works out what a certificate may be used for when it first needs to know, and one for
 * which there was no memory at that moment counts as invalid for ever. So let it be now.
 */
static void context_look_at_trust(SSL_CTX *context)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (certificate != NULL) {
            X509_check_purpose(certificate, -1, 0);
        }
    }
}

static enum quoit_error context_load_trust(SSL_CTX *context,
                                           const struct quoit_tls_options *options)
{
    if (options->ca_file == NULL && options->ca_path == NULL) {
        /* Nothing to trust is no error here: each server's verdict will say so. */
        SSL_CTX_set_default_verify_paths(context);
    }
    if (options->ca_file != NULL && SSL_CTX_load_verify_file(context, options->ca_file) != 1) {
        return context_file_error();
    }
    if (options->ca_path != NULL) {
        if (!context_directory_is_readable(options->ca_path)) {
            return QUOIT_E_TLS_FILE;
        }
        if (SSL_CTX_load_verify_dir(context, options->ca_path) != 1) {
            return context_file_error();
        }
    }
    context_look_at_trust(context);
    return tls_detail_drop() ? QUOIT_E_NO_MEMORY : QUOIT_OK;
}

static enum quoit_error context_load_own(SSL_CTX *context, const struct quoit_tls_options *options)
{
    if (options->cert_file == NULL) {
        return QUOIT_OK;
    }
    SSL_CTX_set_default_passwd_cb(context, context_password);
    if (SSL_CTX_use_certificate_chain_file(context, options->cert_file) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, options->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return context_file_error();
    }
    return QUOIT_OK;
}

/* How to speak, for all identities alike. False: out of memory. */
static bool context_set_protocol(SSL_CTX *context)
{
    /* Only ever raised: the system's configuration may ask for more than we do. */
    long version = SSL_CTX_get_min_proto_version(context);
    if (version < TLS1_2_VERSION && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        return false;
    }
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);

    /*
     * AUTO_RETRY, so that WANT_READ means that all fed bytes are read, and nothing else.
     * RELEASE_BUFFERS gives up the record buffers (17 KiB to read, 17 KiB to write) whenever they
     * are empty: 19 KB for a connection that waits instead of 52, so 10,000 of them take 190 MB
     * instead of 520. It costs three allocations and 0.2 of 4 us per request.
     */
    SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);

    /* Tickets are kept by the owner of sessions, who knows where they may be used again. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, tls_session_on_ticket);

    /* Of all of OpenSSL's calls this one returns 0 for success. */
    return SSL_CTX_set_alpn_protos(context, context_protocols, sizeof(context_protocols) - 1) == 0;
}

static enum quoit_error context_init(struct quoit_tls *tls, const struct quoit_tls_options *options)
{
    tls->context = SSL_CTX_new(TLS_client_method());
    tls->wire_method = tls_wire_method_create();
    if (tls->context == NULL || tls->wire_method == NULL || !context_set_protocol(tls->context) ||
        tls_detail_drop()) { /* made without memory, it would lack ciphers and not say so */
        return QUOIT_E_NO_MEMORY;
    }
    if (options->server_name != NULL) {
        tls->server_name = strdup(options->server_name);
        if (tls->server_name == NULL) {
            return QUOIT_E_NO_MEMORY;
        }
    }
    tls->insecure = options->insecure;
    SSL_CTX_set_verify(tls->context, tls->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (options->x509_strict) {
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls->context), X509_V_FLAG_X509_STRICT);
    }

    enum quoit_error error = context_load_trust(tls->context, options);
    return error != QUOIT_OK ? error : context_load_own(tls->context, options);
}

static void context_destroy(struct quoit_tls *tls)
{
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->wire_method);
    free(tls->server_name);
    free(tls);
}

enum quoit_error quoit_tls_create(const struct quoit_tls_options *options,
                                  struct quoit_tls **tls_out)
{
    static const struct quoit_tls_options defaults;

    if (options == NULL) {
        options = &defaults;
    }
    if (!context_options_are_valid(options)) {
        return QUOIT_E_ARGUMENT;
    }
    struct quoit_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL) {
        return QUOIT_E_NO_MEMORY;
    }

    tls_detail_begin();
    enum quoit_error error = context_init(tls, options);
    if (tls_detail_drop() && error == QUOIT_OK) {
        error = QUOIT_E_NO_MEMORY;
    }
    if (error != QUOIT_OK) {
        context_destroy(tls);
        return error;
    }
    tls->serial = atomic_fetch_add(&context_last_serial, 1) + 1;
    atomic_init(&tls->holders, 1);
    *tls_out = tls;
    return QUOIT_OK;
}

void quoit_tls_destroy(struct quoit_tls *tls)
{
    tls_context_drop(tls);
}

struct quoit_tls *tls_context_hold(struct quoit_tls *tls)
{
    /* Whoever calls this holds it already, so nothing needs to be ordered. */
    unsigned before = atomic_fetch_add_explicit(&tls->holders, 1, memory_order_relaxed);
    assert(before != 0);
    return tls;
}

void tls_context_drop(struct quoit_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    /* What every other holder did with it comes before it is freed. */
    unsigned before = atomic_fetch_sub_explicit(&tls->holders, 1, memory_order_acq_rel);
    assert(before != 0);
    if (before == 1) {
        context_destroy(tls);
    }
}

const char *tls_context_library(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
