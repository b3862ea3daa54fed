/*
 * proxies: which proxy a url is reached through: that of -x, or of the environment, as curl reads
 * it.
 *
 * -x wins, and an empty one turns all off. Else https goes by https_proxy or HTTPS_PROXY, http by
 * http_proxy (not HTTP_PROXY: in a CGI program that is a header of whoever calls it), and both,
 * where those are not set, by all_proxy or ALL_PROXY. A variable that is empty is not set.
 *
 * no_proxy, or NO_PROXY, is a list of what is reached without any, also with -x: a host, which
 * stands for all names below it too; an address, or a network (10.0.0.0/8); each perhaps with a
 * port (h:8080, [::1]:80); * for everything.
 *
 * A proxy's url may hold a password, so it is shown by server_append_url only, and -x is blotted
 * out of the command line.
 */
#ifndef QUOIT_CLI_PROXIES_H
#define QUOIT_CLI_PROXIES_H

#include <stdbool.h>

struct proxies_item {
    char *url;        /* owned; with a scheme; NULL: none */
    const char *from; /* who named it: "-x", or a variable */
    char fault[96];   /* why it cannot be used, to be read behind `from`; "": it can */
};

struct proxies {
    struct proxies_item secure, plain; /* for https, for http */
    const char *exempt;                /* no_proxy, or NULL; the environment's */
    bool literal_secret;               /* -x held a password: others may have seen it */
};

/* `given` is -x in argv, or NULL. False: out of memory. */
bool proxies_open(struct proxies *proxies, char *given);
void proxies_close(struct proxies *proxies);

/* The proxy for that absolute url, which may have a fault; NULL: none. */
const struct proxies_item *proxies_find(const struct proxies *proxies, const char *url);

#endif
