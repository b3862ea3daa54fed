/* secure: see secure.h. */
#include "mock/secure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

static const unsigned char *secure_find_protocol(const unsigned char *offered, unsigned size,
                                                 const char *wanted)
{
    for (unsigned i = 0; i + offered[i] < size; i += 1u + offered[i]) {
        if (offered[i] == strlen(wanted) && memcmp(offered + i + 1, wanted, offered[i]) == 0) {
            return offered + i;
        }
    }
    return NULL;
}

/* http/1.1 if it was offered, or, as a client must be able to stand, what --tls-alpn says. */
static int secure_choose_protocol(SSL *ssl, const unsigned char **chosen_out,
                                  unsigned char *size_out, const unsigned char *offered,
                                  unsigned size, void *context)
{
    const char *forced = context;
    const unsigned char *found = NULL;

    (void)ssl;
    if (forced != NULL) {
        *chosen_out = (const unsigned char *)forced;
        *size_out = (unsigned char)strlen(forced);
        return SSL_TLSEXT_ERR_OK;
    }
    found = secure_find_protocol(offered, size, "http/1.1");
    if (found == NULL) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *chosen_out = found + 1;
    *size_out = found[0];
    return SSL_TLSEXT_ERR_OK;
}

static bool secure_fail(const char *what, const char *file)
{
    char reason[256];

    ERR_error_string_n(ERR_peek_error(), reason, sizeof(reason));
    fprintf(stderr, "quoit-mock: %s %s: %s\n", what, file, reason);
    return false;
}

static bool secure_load(SSL_CTX *context, const struct options *options)
{
    if (SSL_CTX_use_certificate_chain_file(context, options->tls_cert) != 1) {
        return secure_fail("--tls-cert", options->tls_cert);
    }
    if (SSL_CTX_use_PrivateKey_file(context, options->tls_key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return secure_fail("--tls-key", options->tls_key);
    }
    if (options->tls_client_ca != NULL) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(options->tls_client_ca);
        if (names == NULL ||
            SSL_CTX_load_verify_locations(context, options->tls_client_ca, NULL) != 1) {
            sk_X509_NAME_pop_free(names, X509_NAME_free);
            return secure_fail("--tls-client-ca", options->tls_client_ca);
        }
        SSL_CTX_set_client_CA_list(context, names);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return true;
}

struct ssl_ctx_st *secure_create(const struct options *options)
{
    static const unsigned char session_context[] = "quoit-mock";
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (context == NULL || !secure_load(context, options)) {
        SSL_CTX_free(context);
        return NULL;
    }
    /* Security level 0 lets a test ask for a server that is stuck at TLS 1.0. */
    if (options->tls_max != 0 && options->tls_max < TLS1_2_VERSION) {
        SSL_CTX_set_security_level(context, 0);
    }
    SSL_CTX_set_min_proto_version(context, options->tls_min);
    SSL_CTX_set_max_proto_version(context, options->tls_max);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_id_context(context, session_context, sizeof(session_context) - 1);
    SSL_CTX_set_alpn_select_cb(context, secure_choose_protocol, (void *)options->tls_alpn);
    return context;
}

struct ssl_st *secure_accept(struct ssl_ctx_st *context, int fd)
{
    SSL *ssl = SSL_new(context);

    if (ssl == NULL) {
        return NULL;
    }
    if (SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return ssl;
}
