/*
 * proxy: an HTTP proxy, as its url names it: where it is, and who we are to it.
 *
 * Its url is http://[USER[:PASSWORD]@]HOST[:PORT], with nothing behind but a slash; port 80 where
 * it names none. USER and PASSWORD are percent-decoded and sent as Proxy-Authorization: Basic (RFC
 * 7617), to the proxy and nobody else. Pure: no I/O.
 */
#ifndef QUOIT_HTTP_PROXY_H
#define QUOIT_HTTP_PROXY_H

#include "quoit.h"

#include <stdbool.h>

#define PROXY_USER_MAX 512 /* bytes of USER:PASSWORD, as the url has them */

struct proxy {
    char *url;  /* owned; as given: what tells proxies apart */
    char *host; /* owned; without brackets, lower case */
    uint16_t port;
    char *authorization; /* owned; the value of Proxy-Authorization, or NULL: a secret */
};

/*
 * Is it what the top of this file says? False also for a user name that holds a colon, and for a
 * control character in what is decoded: Basic has no way to say them.
 */
bool proxy_url_is_good(const char *url);

/* Copies url, which must be good. NULL: out of memory. */
struct proxy *proxy_create(const char *url);
void proxy_destroy(struct proxy *proxy); /* NULL is allowed */

#endif
