/*
 * url: an absolute http or https URL, cut into the parts that a client needs (RFC 9110 4.2, RFC
 * 3986). Pure: spans point into the text, nothing is allocated.
 *
 * Refused, since they have been used to confuse clients: a user name or password, an empty host, a
 * host of other characters than letters, digits, '-', '.' and '_', an IPv6 address with a zone,
 * port 0 or above 65535, and anywhere a character outside of RFC 3986 (space, control, backslash,
 * non-ASCII) or a '%' without two hex digits. A fragment is cut off.
 *
 * An IPv4 address is four decimal numbers without leading zeros. The other ways of writing one
 * (127.1, 0x7f.1, 2130706433) are names here: what becomes of them is the resolver's affair.
 */
#ifndef QUOIT_HTTP_URL_H
#define QUOIT_HTTP_URL_H

#include "quoit.h"

#define URL_HOST_MAX 255 /* bytes of a host name: RFC 1035 2.3.4 */

struct url {
    bool secure;              /* https */
    bool host_is_ip;          /* a literal IPv4 address, or an IPv6 one in brackets */
    uint16_t port;            /* 80 or 443 where the URL names none */
    bool port_is_default;     /* of its scheme: then Host carries no port */
    struct quoit_span host;   /* without brackets; case as written; no zone id */
    struct quoit_span target; /* path and query as written: "", "?q", or "/..."; see request.h */
    /* Host and port as written, brackets too, but no port that is the default: RFC 9110 7.2. */
    struct quoit_span authority;
};

/* QUOIT_OK, or QUOIT_E_URL with *url_out left alone. Borrows text for as long as *url_out. */
QUOIT_MUST enum quoit_error url_parse(const char *text, size_t size, struct url *url_out);

/*
 * The same for a url that may hold a user name, and a password behind a colon: a proxy's. *user_out
 * is both as written, escapes and colon too; its bytes are NULL where the url has none.
 */
QUOIT_MUST enum quoit_error url_parse_with_user(const char *text, size_t size, struct url *url_out,
                                                struct quoit_span *user_out);

#endif
