/*
 * proxy: see proxy.h. What is decoded is checked by the same function that writes it down, so that
 * a url that was found good cannot fail later for anything but memory.
 */
#include "http/proxy.h"

#include "http/url.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char proxy_scheme[] = "Basic ";

static bool proxy_parse(const char *text, struct url *url_out, struct quoit_span *user_out)
{
    /* No fragment: "http://user:80#x@host" is meant to be a password, and names the host "user". */
    if (strchr(text, '#') != NULL ||
        url_parse_with_user(text, strlen(text), url_out, user_out) != QUOIT_OK) {
        return false;
    }
    bool has_path =
        url_out->target.size > 1 || (url_out->target.size == 1 && url_out->target.bytes[0] != '/');

    return !url_out->secure && !has_path;
}

static uint8_t proxy_hex(char digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

/*
 * "USER:PASSWORD" decoded into `plain`, which has room for user.size + 1 bytes. Returns its size;
 * 0: Basic cannot say it.
 */
static size_t proxy_decode(struct quoit_span user, char *plain)
{
    bool has_colon = false;
    size_t size = 0;

    for (size_t i = 0; i < user.size; i++) {
        bool escaped = user.bytes[i] == '%'; /* two hex digits follow: url_parse has seen to it */
        char c = user.bytes[i];
        if (escaped) {
            c = (char)(proxy_hex(user.bytes[i + 1]) << 4 | proxy_hex(user.bytes[i + 2]));
            i += 2;
        }
        if (iscntrl((unsigned char)c) || (c == ':' && escaped && !has_colon)) {
            return 0;
        }
        has_colon = has_colon || c == ':';
        plain[size++] = c;
    }
    if (!has_colon) {
        plain[size++] = ':';
    }
    return size;
}

bool proxy_url_is_good(const char *url)
{
    char plain[PROXY_USER_MAX + 1];
    struct quoit_span user;
    struct url parts;

    return proxy_parse(url, &parts, &user) && user.size <= PROXY_USER_MAX &&
           (user.bytes == NULL || proxy_decode(user, plain) > 0);
}

/* RFC 4648 4. `out` has room for 4 bytes for each 3, begun ones too. */
static void proxy_put_base64(char *out, const char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        uint32_t group = (uint32_t)(uint8_t)bytes[i] << 16;
        group |= i + 1 < size ? (uint32_t)(uint8_t)bytes[i + 1] << 8 : 0;
        group |= i + 2 < size ? (uint32_t)(uint8_t)bytes[i + 2] : 0;
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = i + 1 < size ? digits[group >> 6 & 63] : '=';
        *out++ = i + 2 < size ? digits[group & 63] : '=';
    }
}

/* The value of Proxy-Authorization. NULL: out of memory. */
static char *proxy_authorize(struct quoit_span user)
{
    char plain[PROXY_USER_MAX + 1];
    size_t size = proxy_decode(user, plain);
    char *value = calloc(1, sizeof(proxy_scheme) + (size + 2) / 3 * 4);

    assert(size > 0);
    if (value != NULL) {
        memcpy(value, proxy_scheme, sizeof(proxy_scheme) - 1);
        proxy_put_base64(value + sizeof(proxy_scheme) - 1, plain, size);
    }
    return value;
}

struct proxy *proxy_create(const char *url)
{
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    struct quoit_span user;
    struct url parts;

    if (proxy == NULL) {
        return NULL;
    }
    if (!proxy_parse(url, &parts, &user)) {
        abort(); /* not a good one */
    }
    proxy->url = strdup(url);
    proxy->host = strndup(parts.host.bytes, parts.host.size);
    proxy->port = parts.port;
    proxy->authorization = user.bytes == NULL ? NULL : proxy_authorize(user);
    if (proxy->url == NULL || proxy->host == NULL ||
        (user.bytes != NULL && proxy->authorization == NULL)) {
        proxy_destroy(proxy);
        return NULL;
    }
    for (char *c = proxy->host; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return proxy;
}

void proxy_destroy(struct proxy *proxy)
{
    if (proxy == NULL) {
        return;
    }
    free(proxy->url);
    free(proxy->host);
    free(proxy->authorization);
    free(proxy);
}
