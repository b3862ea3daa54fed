/*
 * detail: see detail.h.
 */
#include "tls/detail.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

void tls_detail_begin(void)
{
    tls_detail_drop();
    errno = 0;
}

bool tls_detail_drop(void)
{
    bool no_memory = errno == ENOMEM;
    unsigned long code;

    while ((code = ERR_get_error()) != 0) {
        no_memory = no_memory || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    }
    return no_memory;
}

/* OpenSSL knows no names for the alerts of RFC 7301 and RFC 8446, and calls them "unknown". */
static const char *detail_alert_name(int alert)
{
    switch (alert) {
    case SSL_AD_MISSING_EXTENSION:
        return "missing extension";
    case SSL_AD_CERTIFICATE_REQUIRED:
        return "certificate required";
    case SSL_AD_NO_APPLICATION_PROTOCOL:
        return "no application protocol";
    }
    return SSL_alert_desc_string_long(alert);
}

#define DETAIL_OLD "the server speaks no TLS 1.2 or later"

/* What people can do about a certificate that is refused; "": it is the server's to mend. */
static const char *detail_certificate_remedy(long verdict)
{
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "; is the clock of this machine right?";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "; is the host of the URL right?";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "; if it is meant to be trusted, name its CA file";
    }
    return "";
}

/* The same for an alert: it says what the server does not like about us. */
static const char *detail_alert_remedy(int alert)
{
    switch (alert) {
    case SSL_AD_PROTOCOL_VERSION:
        return "; " DETAIL_OLD;
    case SSL_AD_CERTIFICATE_REQUIRED:
        return "; name a client certificate and its key";
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_CERTIFICATE_EXPIRED:
        return "; it does not take our client certificate, or wants one";
    case SSL_AD_UNRECOGNIZED_NAME:
        return "; is the host of the URL right?";
    }
    return "";
}

/* What the server got wrong in OpenSSL's eyes, said better; NULL: its own text is the best. */
static const char *detail_of_reason(bool secured, int reason, const char *function)
{
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST: /* it looks for one even in what a server says */
    case SSL_R_HTTPS_PROXY_REQUEST:
        return secured ? NULL : "the server speaks no TLS; is it http:// and not https://?";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
        return DETAIL_OLD;
    case SSL_R_BAD_EXTENSION:
        return strcmp(function, "tls_parse_stoc_alpn") == 0 ? TLS_DETAIL_ALPN : NULL;
    }
    return NULL;
}

static void detail_of_ssl(const SSL *ssl, bool secured, int reason, const char *function,
                          char detail[TLS_DETAIL_SIZE])
{
    const char *better = detail_of_reason(secured, reason, function);
    int alert = reason - SSL_AD_REASON_OFFSET; /* OpenSSL gives the alerts received reasons, too */

    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        long verdict = SSL_get_verify_result(ssl);
        snprintf(detail, TLS_DETAIL_SIZE, "certificate verify failed: %s%s",
                 X509_verify_cert_error_string(verdict), detail_certificate_remedy(verdict));
    } else if (alert >= 0 && alert <= UINT8_MAX) {
        snprintf(detail, TLS_DETAIL_SIZE, "alert from the server: %s (%d)%s",
                 detail_alert_name(alert), alert, detail_alert_remedy(alert));
    } else if (better != NULL) {
        snprintf(detail, TLS_DETAIL_SIZE, "%s", better);
    }
}

enum quoit_error tls_detail_of(const SSL *ssl, bool secured, char detail[TLS_DETAIL_SIZE])
{
    const char *function = "";
    unsigned long code = ERR_peek_last_error_func(&function);
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

    snprintf(detail, TLS_DETAIL_SIZE, "%s", reason == NULL ? "unknown TLS error" : reason);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
        detail_of_ssl(ssl, secured, ERR_GET_REASON(code), function, detail);
    }
    if (tls_detail_drop()) { /* `function` is gone with it */
        snprintf(detail, TLS_DETAIL_SIZE, "out of memory");
        return QUOIT_E_NO_MEMORY;
    }
    return QUOIT_E_TLS;
}
