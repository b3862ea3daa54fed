/*
 * proxies: reading the variables once, and no_proxy for each url.
 */
#include "cli/proxies.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A host as a url or an entry of no_proxy has it. */
struct proxies_host {
    const char *name; /* without brackets */
    size_t size;
    unsigned long port; /* 0: none was named */
};

/* --- Who is chosen --- */

/* The value of the first variable that is set and not empty; *name_out is its name. */
static const char *proxies_variable(const char *const *names, size_t count, const char **name_out)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && *value != '\0') {
            *name_out = names[i];
            return value;
        }
    }
    return NULL;
}

/* A scheme other than http is named, but only if it is one: before "://" may stand a password. */
static void proxies_judge(struct proxies_item *item)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t size = strspn(item->url, letters);

    if (strncasecmp(item->url, "http://", 7) == 0) {
        return;
    }
    if (strncmp(item->url + size, "://", 3) == 0 && size > 0 && size <= 16) {
        snprintf(item->fault, sizeof(item->fault),
                 "names a proxy of %.*s://, and only http:// is spoken", (int)size, item->url);
    } else {
        snprintf(item->fault, sizeof(item->fault), "is not the url of a proxy: http://HOST:PORT");
    }
}

/* False: out of memory. */
static bool proxies_set(struct proxies_item *item, const char *from, const char *value)
{
    const char *scheme = strstr(value, "://") == NULL ? "http://" : "";

    if (asprintf(&item->url, "%s%s", scheme, value) < 0) {
        item->url = NULL;
        return false;
    }
    item->from = from;
    proxies_judge(item);
    return true;
}

/* Put stars over user and password. True: there were some. */
static bool proxies_blot(char *value)
{
    size_t begin = strncasecmp(value, "http://", 7) == 0 ? 7 : 0;
    char *at = strrchr(value, '@');

    if (at == NULL) {
        return false;
    }
    memset(value + begin, '*', (size_t)(at - value) - begin);
    return true;
}

bool proxies_open(struct proxies *proxies, char *given)
{
    static const char *const secure[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
    static const char *const plain[] = { "http_proxy", "all_proxy", "ALL_PROXY" };
    static const char *const exempt[] = { "no_proxy", "NO_PROXY" };
    const char *secure_from = "-x", *plain_from = "-x", *unused = NULL;
    const char *for_secure = given, *for_plain = given;

    *proxies = (struct proxies){ .literal_secret = false };
    if (given == NULL) {
        for_secure = proxies_variable(secure, COUNT_OF(secure), &secure_from);
        for_plain = proxies_variable(plain, COUNT_OF(plain), &plain_from);
    }
    proxies->exempt = proxies_variable(exempt, COUNT_OF(exempt), &unused);
    if ((for_secure != NULL && *for_secure != '\0' &&
         !proxies_set(&proxies->secure, secure_from, for_secure)) ||
        (for_plain != NULL && *for_plain != '\0' &&
         !proxies_set(&proxies->plain, plain_from, for_plain))) {
        return false;
    }
    proxies->literal_secret = given != NULL && proxies_blot(given);
    return true;
}

static void proxies_forget(struct proxies_item *item)
{
    if (item->url != NULL) {
        explicit_bzero(item->url, strlen(item->url));
    }
    free(item->url);
    item->url = NULL;
}

void proxies_close(struct proxies *proxies)
{
    proxies_forget(&proxies->secure);
    proxies_forget(&proxies->plain);
}

/* --- Who is exempt --- */

/* "h", "h:1", "1.2.3.4", "[::1]:1", and, of more than one colon, "::1". */
static struct proxies_host proxies_host_of(const char *text, size_t size)
{
    struct proxies_host host = { text, size, 0 };
    const char *colon = memchr(text, ':', size);
    const char *bracket = memchr(text, ']', size);

    if (size > 0 && *text == '[' && bracket != NULL) {
        host.name = text + 1;
        host.size = (size_t)(bracket - host.name);
        colon = bracket + 1 < text + size && bracket[1] == ':' ? bracket + 1 : NULL;
    } else if (colon != NULL && memchr(colon + 1, ':', size - (size_t)(colon + 1 - text)) != NULL) {
        colon = NULL;
    } else if (colon != NULL) {
        host.size = (size_t)(colon - text);
    }
    host.port = colon == NULL ? 0 : strtoul(colon + 1, NULL, 10);
    if (host.size > 0 && host.name[host.size - 1] == '.') { /* a name from the root is the same */
        host.size--;
    }
    return host;
}

/* A literal address, as bytes. Returns how many: 4, 16, or 0 for none. */
static size_t proxies_address(struct proxies_host host, unsigned char *bytes_out)
{
    char text[INET6_ADDRSTRLEN];

    if (host.size >= sizeof(text)) {
        return 0;
    }
    memcpy(text, host.name, host.size);
    text[host.size] = '\0';
    if (inet_pton(AF_INET, text, bytes_out) == 1) {
        return 4;
    }
    return inet_pton(AF_INET6, text, bytes_out) == 1 ? 16 : 0;
}

/* Do the first `bits` agree? */
static bool proxies_same_network(const unsigned char *one, const unsigned char *other, size_t bits)
{
    size_t whole = bits / 8, rest = bits % 8;

    return memcmp(one, other, whole) == 0 &&
           (rest == 0 || (one[whole] ^ other[whole]) >> (8 - rest) == 0);
}

/* The same name, or one below it. */
static bool proxies_same_name(struct proxies_host host, struct proxies_host entry)
{
    if (entry.size > 0 && *entry.name == '.') {
        entry.name++;
        entry.size--;
    }
    return entry.size > 0 && entry.size <= host.size &&
           strncasecmp(host.name + host.size - entry.size, entry.name, entry.size) == 0 &&
           (entry.size == host.size || host.name[host.size - entry.size - 1] == '.');
}

/* Does one entry of no_proxy stand for the host? */
static bool proxies_is_entry(struct proxies_host host, const char *text, size_t size)
{
    unsigned char address[16], network[16];
    const char *slash = memchr(text, '/', size);
    struct proxies_host entry =
        proxies_host_of(text, slash != NULL ? (size_t)(slash - text) : size);
    size_t address_size = proxies_address(host, address);
    size_t bits = 8 * address_size;

    if (entry.port != 0 && entry.port != host.port) {
        return false;
    }
    if (address_size == 0) {
        return slash == NULL && proxies_same_name(host, entry);
    }
    if (proxies_address(entry, network) != address_size) {
        return false;
    }
    if (slash != NULL) {
        char *end;
        unsigned long wanted = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || end != text + size || wanted > bits) {
            return false;
        }
        bits = wanted;
    }
    return proxies_same_network(address, network, bits);
}

static bool proxies_is_exempt(const char *list, struct proxies_host host)
{
    while (list != NULL && *list != '\0') {
        list += strspn(list, ", \t");
        size_t size = strcspn(list, ", \t");
        if ((size == 1 && *list == '*') || (size > 0 && proxies_is_entry(host, list, size))) {
            return true;
        }
        list += size;
    }
    return false;
}

const struct proxies_item *proxies_find(const struct proxies *proxies, const char *url)
{
    bool secure = strncasecmp(url, "https:", 6) == 0;
    const struct proxies_item *item = secure ? &proxies->secure : &proxies->plain;
    const char *begin = strstr(url, "://");

    if (item->url == NULL || begin == NULL) {
        return NULL;
    }
    struct proxies_host host = proxies_host_of(begin + 3, strcspn(begin + 3, "/?#"));
    if (host.port == 0) {
        host.port = secure ? 443 : 80;
    }
    return proxies_is_exempt(proxies->exempt, host) ? NULL : item;
}
