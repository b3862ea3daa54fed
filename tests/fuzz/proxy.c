/*
 * proxy: any text as a proxy's url. One that is good names a host, a port and perhaps a user that
 * Basic can say; and what is asked of that proxy, CONNECT or a request in absolute form, is to the
 * reference exactly one request for the server's host, in which no control character stands.
 *
 *     input: texts that end with LF each: the proxy's url, the server's
 */
#include "http/proxy.h"
#include "base/buffer.h"
#include "http/request.h"
#include "http/tunnel.h"
#include "http/url.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reference.h"

#include <ctype.h>

static struct reference_request reference;

/* --- The proxy --- */

static int value_of_digit(const char *digits, char digit)
{
    const char *at = digit == '\0' ? NULL : strchr(digits, digit);

    return at == NULL ? -1 : (int)(at - digits);
}

/* RFC 3986 2.1 */
static size_t decode_percent(const char *text, size_t size, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t count = 0;

    for (size_t i = 0; i < size; i++) {
        if (text[i] != '%') {
            out[count++] = (uint8_t)text[i];
            continue;
        }
        FUZZ_HOLDS(size - i > 2);
        int high = value_of_digit(digits, (char)tolower((unsigned char)text[i + 1]));
        int low = value_of_digit(digits, (char)tolower((unsigned char)text[i + 2]));
        FUZZ_HOLDS(high >= 0 && low >= 0);
        out[count++] = (uint8_t)(high * 16 + low);
        i += 2;
    }
    return count;
}

/* RFC 4648 4, strictly: in fours, padded at the end only, and what is padded is 0. */
static size_t decode_base64(const char *text, size_t size, uint8_t *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t count = 0, padding = 0;
    uint32_t bits = 0;

    FUZZ_HOLDS(size % 4 == 0);
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=') {
        padding++;
    }
    for (size_t i = 0; i < size; i++) {
        int value = i < size - padding ? value_of_digit(digits, text[i]) : 0;
        FUZZ_HOLDS(value >= 0);
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            out[count++] = (uint8_t)(bits >> 16);
            out[count++] = (uint8_t)(bits >> 8);
            out[count++] = (uint8_t)bits;
        }
    }
    for (size_t i = 0; i < padding; i++) {
        FUZZ_HOLDS(out[--count] == 0);
    }
    return count;
}

/* The user of the url, decoded, is what Basic says; its name holds no colon (RFC 7617 2). */
static void check_user(const struct proxy *proxy, const char *user, size_t size)
{
    uint8_t plain[PROXY_USER_MAX + 1], said[PROXY_USER_MAX + 4];
    const char *colon = memchr(user, ':', size);
    size_t name_size = colon == NULL ? size : (size_t)(colon - user);

    FUZZ_HOLDS(size <= PROXY_USER_MAX);
    FUZZ_HOLDS(proxy->authorization != NULL);
    FUZZ_HOLDS(strncmp(proxy->authorization, "Basic ", 6) == 0);
    const char *text = proxy->authorization + 6;
    FUZZ_HOLDS(strlen(text) <= (PROXY_USER_MAX + 1 + 2) / 3 * 4);
    size_t said_size = decode_base64(text, strlen(text), said);

    size_t plain_size = decode_percent(user, name_size, plain);
    FUZZ_HOLDS(memchr(plain, ':', plain_size) == NULL);
    plain[plain_size++] = ':';
    if (colon != NULL) {
        plain_size += decode_percent(colon + 1, size - name_size - 1, plain + plain_size);
    }
    FUZZ_HOLDS(said_size == plain_size && memcmp(said, plain, said_size) == 0);
    for (size_t i = 0; i < plain_size; i++) {
        FUZZ_HOLDS(plain[i] >= ' ' && plain[i] != 0x7f);
    }
}

/* "http://host:port" of what was found is good as well, and the same proxy. */
static void check_again(const struct proxy *proxy)
{
    char text[URL_HOST_MAX + 64];
    bool bracketed = strchr(proxy->host, ':') != NULL;

    snprintf(text, sizeof(text), "HTTP://%s%s%s:%u/", bracketed ? "[" : "", proxy->host,
             bracketed ? "]" : "", proxy->port);
    FUZZ_HOLDS(proxy_url_is_good(text));
    struct proxy *again = proxy_create(text);
    FUZZ_HOLDS(again != NULL && strcmp(again->host, proxy->host) == 0);
    FUZZ_HOLDS(again->port == proxy->port && again->authorization == NULL);
    proxy_destroy(again);
}

static void check_proxy(const struct proxy *proxy, const char *text)
{
    const char *user = text + strlen("http://"), *at = strchr(user, '@');

    FUZZ_HOLDS(strcmp(proxy->url, text) == 0);
    FUZZ_HOLDS(proxy->port != 0 && proxy->host[0] != '\0');
    for (const char *c = proxy->host; *c != '\0'; c++) {
        FUZZ_HOLDS(strchr("abcdefghijklmnopqrstuvwxyz0123456789-._:", *c) != NULL);
    }
    if (at != NULL) {
        check_user(proxy, user, (size_t)(at - user));
    } else {
        FUZZ_HOLDS(proxy->authorization == NULL);
    }
    check_again(proxy);
}

/* Without an '@' it is good exactly if it is a url of nothing but a server. */
static bool is_plain_server(const char *text)
{
    struct url url;

    if (strchr(text, '#') != NULL || url_parse(text, strlen(text), &url) != QUOIT_OK) {
        return false;
    }
    return !url.secure &&
           (url.target.size == 0 || (url.target.size == 1 && url.target.bytes[0] == '/'));
}

/* --- What it is asked --- */

/* Lines of printable ASCII, and nothing behind the head. */
static void check_bytes(const struct buffer *out)
{
    size_t lines = 0;

    for (size_t i = 0; i < out->size; i++) {
        uint8_t c = (uint8_t)out->bytes[i];
        if (c == '\r') {
            FUZZ_HOLDS(++i < out->size && out->bytes[i] == '\n');
            lines++;
        } else {
            FUZZ_HOLDS(c >= ' ' && c < 0x7f);
        }
    }
    FUZZ_HOLDS(lines == 2 + reference.lines_count);
}

/* Host comes first, and who we are is said once, or not at all. */
static void check_lines(const struct proxy *proxy, struct reference_span host)
{
    uint32_t said = 0;

    FUZZ_HOLDS(reference_is(reference.lines[0].name, "Host"));
    FUZZ_HOLDS(reference.lines[0].value.size == host.size &&
               memcmp(reference.lines[0].value.bytes, host.bytes, host.size) == 0);
    for (uint32_t i = 0; i < reference.lines_count; i++) {
        if (reference_is_in_any_case(reference.lines[i].name, "proxy-authorization")) {
            FUZZ_HOLDS(proxy->authorization != NULL);
            FUZZ_HOLDS(reference_is(reference.lines[i].value, proxy->authorization));
            said++;
        }
    }
    FUZZ_HOLDS(said == (proxy->authorization != NULL));
}

static void check_connect(const struct proxy *proxy, const struct url *url)
{
    char host[URL_HOST_MAX + 1], authority[URL_HOST_MAX + 16];
    struct buffer out = { 0 };

    snprintf(host, sizeof(host), "%.*s", (int)url->host.size, url->host.bytes);
    snprintf(authority, sizeof(authority), strchr(host, ':') == NULL ? "%s:%u" : "[%s]:%u", host,
             url->port);
    FUZZ_HOLDS(tunnel_encode(proxy, host, url->port, &out));
    reference_read_request((const uint8_t *)out.bytes, out.size, &reference);
    FUZZ_HOLDS(reference.verdict == REFERENCE_COMPLETE && reference.size == out.size);
    FUZZ_HOLDS(reference.form == REFERENCE_AUTHORITY && !reference.has_length);
    FUZZ_HOLDS(reference_is(reference.target, authority));
    FUZZ_HOLDS(reference.lines_count == 1u + (proxy->authorization != NULL));
    check_lines(proxy, reference.target);
    check_bytes(&out);
    buffer_free(&out);
}

/* RFC 9112 3.2.2: what stands between the scheme and the path is what Host says. */
static void check_absolute(const struct proxy *proxy, const struct url *url)
{
    const struct request_head head = { .url = url, .proxy = proxy };
    size_t scheme_size = strlen("http://");
    struct buffer out = { 0 };

    FUZZ_HOLDS(request_encode(&head, &out) == QUOIT_OK);
    reference_read_request((const uint8_t *)out.bytes, out.size, &reference);
    FUZZ_HOLDS(reference.verdict == REFERENCE_COMPLETE && reference.size == out.size);
    FUZZ_HOLDS(reference.form == REFERENCE_ABSOLUTE && reference_is(reference.method, "GET"));
    struct reference_span rest = { reference.target.bytes + scheme_size,
                                   reference.target.size - scheme_size };
    const uint8_t *path = memchr(rest.bytes, '/', rest.size);
    FUZZ_HOLDS(path != NULL);
    struct reference_span authority = { rest.bytes, (size_t)(path - rest.bytes) };
    FUZZ_HOLDS(authority.size == url->authority.size &&
               memcmp(authority.bytes, url->authority.bytes, authority.size) == 0);
    FUZZ_HOLDS(rest.size - authority.size >= url->target.size);
    FUZZ_HOLDS(memcmp(rest.bytes + rest.size - url->target.size, url->target.bytes,
                      url->target.size) == 0);
    check_lines(proxy, authority);
    check_bytes(&out);
    buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = { bytes, size };
    char *text = fuzz_text(&input), *server = fuzz_text(&input);
    bool good = proxy_url_is_good(text);
    struct url url;

    FUZZ_HOLDS(strchr(text, '@') != NULL || good == is_plain_server(text));
    if (good) {
        struct proxy *proxy = proxy_create(text);
        FUZZ_HOLDS(proxy != NULL);
        check_proxy(proxy, text);
        if (url_parse(server, strlen(server), &url) == QUOIT_OK) {
            check_connect(proxy, &url);
            if (!url.secure) {
                check_absolute(proxy, &url);
            }
        }
        proxy_destroy(proxy);
    }
    free(server);
    free(text);
    return 0;
}
