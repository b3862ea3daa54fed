/*
 * url: see url.h. One pass over all bytes refuses what is not RFC 3986; then the parts are found
 * by the delimiters, from left to right.
 */
#include "http/url.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define URL_PORT_DIGITS_MAX 5
#define URL_IP_MAX (INET6_ADDRSTRLEN - 1)

static bool url_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool url_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool url_is_hex(char c)
{
    return url_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* RFC 3986 2: unreserved, reserved, and escapes of two hex digits. */
static bool url_has_only_its_characters(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '%') {
            if (size - i < 3 || !url_is_hex(text[i + 1]) || !url_is_hex(text[i + 2])) {
                return false;
            }
        } else if (!url_is_letter(c) && !url_is_digit(c) &&
                   (c == '\0' || strchr("-._~:/?#[]@!$&'()*+,;=", c) == NULL)) {
            return false;
        }
    }
    return true;
}

/* Bytes before the first one of `delimiters`. */
static size_t url_span_until(struct quoit_span rest, const char *delimiters)
{
    size_t size = 0;

    while (size < rest.size && strchr(delimiters, rest.bytes[size]) == NULL) {
        size++;
    }
    return size;
}

/* Cut the first `size` bytes off. */
static struct quoit_span url_cut(struct quoit_span *rest, size_t size)
{
    struct quoit_span first = { rest->bytes, size };

    rest->bytes += size;
    rest->size -= size;
    return first;
}

static bool url_parse_scheme(struct quoit_span *rest, struct url *url)
{
    static const char http[] = "http://", https[] = "https://";

    if (rest->size >= sizeof(http) - 1 && strncasecmp(rest->bytes, http, sizeof(http) - 1) == 0) {
        url->secure = false;
        url_cut(rest, sizeof(http) - 1);
        return true;
    }
    if (rest->size >= sizeof(https) - 1 &&
        strncasecmp(rest->bytes, https, sizeof(https) - 1) == 0) {
        url->secure = true;
        url_cut(rest, sizeof(https) - 1);
        return true;
    }
    return false;
}

static bool url_is_address(struct quoit_span host, int family)
{
    char text[URL_IP_MAX + 1];
    struct in6_addr address; /* the larger of the two */

    if (host.size > URL_IP_MAX) {
        return false;
    }
    memcpy(text, host.bytes, host.size);
    text[host.size] = '\0';
    return inet_pton(family, text, &address) == 1;
}

/* The host, and of brackets only their inside; leaves *rest at the colon of a port, or empty. */
static bool url_parse_host(struct quoit_span *rest, struct url *url)
{
    if (rest->size > 0 && rest->bytes[0] == '[') {
        url_cut(rest, 1);
        url->host = url_cut(rest, url_span_until(*rest, "]"));
        if (rest->size == 0) {
            return false;
        }
        url_cut(rest, 1);
        url->host_is_ip = true;
        return url_is_address(url->host, AF_INET6); /* knows no zone, so none passes */
    }

    url->host = url_cut(rest, url_span_until(*rest, ":"));
    for (size_t i = 0; i < url->host.size; i++) {
        char c = url->host.bytes[i];
        if (!url_is_letter(c) && !url_is_digit(c) && c != '-' && c != '.' && c != '_') {
            return false;
        }
    }
    url->host_is_ip = url_is_address(url->host, AF_INET);
    return url->host.size > 0 && url->host.size <= URL_HOST_MAX;
}

static bool url_parse_port(struct quoit_span rest, struct url *url)
{
    uint16_t usual = url->secure ? 443 : 80;
    uint32_t port = 0;

    url->port = usual;
    url->port_is_default = true;
    if (rest.size == 0) {
        return true;
    }
    if (rest.bytes[0] != ':' || rest.size - 1 > URL_PORT_DIGITS_MAX) {
        return false;
    }
    if (rest.size == 1) { /* RFC 3986 3.2.3: a colon alone names no port */
        return true;
    }
    for (size_t i = 1; i < rest.size; i++) {
        if (!url_is_digit(rest.bytes[i])) {
            return false;
        }
        port = port * 10 + (uint32_t)(rest.bytes[i] - '0');
    }
    if (port == 0 || port > UINT16_MAX) {
        return false;
    }
    url->port = (uint16_t)port;
    url->port_is_default = url->port == usual;
    return true;
}

/* Cut the user off, up to the first '@': a second one is refused with the host. */
static struct quoit_span url_cut_user(struct quoit_span *authority)
{
    size_t size = url_span_until(*authority, "@");

    if (size == authority->size) {
        return (struct quoit_span){ NULL, 0 };
    }
    struct quoit_span user = url_cut(authority, size);
    url_cut(authority, 1);
    return user;
}

/* user_out NULL: a user is refused, since a host holds no '@'. */
static enum quoit_error url_parse_any(struct quoit_span rest, struct url *url_out,
                                      struct quoit_span *user_out)
{
    struct quoit_span user = { NULL, 0 };
    struct url url;

    if (!url_has_only_its_characters(rest.bytes, rest.size) || !url_parse_scheme(&rest, &url)) {
        return QUOIT_E_URL;
    }
    url.authority = url_cut(&rest, url_span_until(rest, "/?#"));
    url.target = url_cut(&rest, url_span_until(rest, "#"));
    if (user_out != NULL) {
        user = url_cut_user(&url.authority);
    }
    struct quoit_span port = url.authority; /* with its colon, once the host is cut off */
    if (!url_parse_host(&port, &url) || !url_parse_port(port, &url)) {
        return QUOIT_E_URL;
    }
    if (url.port_is_default) {
        url.authority.size -= port.size;
    }
    *url_out = url;
    if (user_out != NULL) {
        *user_out = user;
    }
    return QUOIT_OK;
}

enum quoit_error url_parse(const char *text, size_t size, struct url *url_out)
{
    return url_parse_any((struct quoit_span){ text, size }, url_out, NULL);
}

enum quoit_error url_parse_with_user(const char *text, size_t size, struct url *url_out,
                                     struct quoit_span *user_out)
{
    return url_parse_any((struct quoit_span){ text, size }, url_out, user_out);
}
