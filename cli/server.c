/*
 * server: choosing and showing.
 */
#include "cli/server.h"

#include "llm/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Host and port of an absolute url, with a user name if there is one. */
static struct json_span server_authority(const char *url)
{
    const char *begin = strstr(url, "://");

    begin = begin == NULL ? url : begin + 3;
    return (struct json_span){ begin, strcspn(begin, "/?#") };
}

/* Has the scheme been left out? What is misspelled otherwise may hold a user name in any place. */
static bool server_lacks_scheme(const char *url)
{
    return *url != '\0' && strstr(url, "://") == NULL && strchr(url, '@') == NULL &&
           strncasecmp(url, "http:", 5) != 0 && strncasecmp(url, "https:", 6) != 0;
}

static void server_refuse_url(const char *url, const char *from)
{
    struct text clean;

    text_init(&clean, 0);
    server_append_url(&clean, url);
    if (server_lacks_scheme(url) && !clean.failed) {
        fprintf(stderr, "quoit batch: %s: %s has no scheme: http://%s\n", from, clean.bytes,
                clean.bytes);
    } else {
        fprintf(stderr, "quoit batch: %s is not an absolute url: http://HOST/v1\n", from);
    }
    text_free(&clean);
}

/* Can it be a base url? False: a line on stderr says why not. */
static bool server_check(const char *url, const char *from)
{
    struct json_span authority = server_authority(url);

    if (memchr(authority.bytes, '@', authority.size) != NULL) {
        fprintf(stderr, "quoit batch: %s holds a user name: say it with -H @FILE\n", from);
        return false;
    }
    if (!endpoint_is_absolute(url)) {
        server_refuse_url(url, from);
        return false;
    }
    return true;
}

bool server_choose(struct server *server, const char *const *given, size_t count)
{
    const char *variable = getenv("OPENAI_BASE_URL");

    *server = (struct server){ .base_urls = { "https://api.openai.com/v1" }, .count = 1 };
    if (count == 0 && variable != NULL && *variable != '\0') {
        server->base_urls[0] = variable;
        server->variable = "OPENAI_BASE_URL";
    }
    for (size_t i = 0; i < count; i++) {
        server->base_urls[i] = given[i];
        server->count = i + 1;
    }
    for (size_t i = 0; i < server->count; i++) {
        const char *from = server->variable != NULL ? server->variable : "--base-url";
        if (!server_check(server->base_urls[i], from)) {
            return false;
        }
    }
    return true;
}

bool server_is_one(const struct server *server, const char *url)
{
    for (size_t i = 0; i < server->count; i++) {
        if (endpoint_has_origin(url, server->base_urls[i])) {
            return true;
        }
    }
    return false;
}

/* Up to `size` bytes of a url; what could move a cursor becomes a question mark. */
static void append_clean(struct text *out, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        text_append(out, (struct json_span){ byte < 0x21 || byte > 0x7e ? "?" : &bytes[i], 1 });
    }
}

/* Does a number, or nothing, stand behind the colon? Else it may be a password. */
static bool port_is_plain(struct json_span authority)
{
    const char *end = authority.bytes + authority.size;
    const char *colon = memrchr(authority.bytes, ':', authority.size);

    if (colon == NULL || memchr(colon, ']', (size_t)(end - colon)) != NULL) {
        return true;
    }
    return strspn(colon + 1, "0123456789") >= (size_t)(end - colon - 1);
}

void server_append_url(struct text *out, const char *url)
{
    struct json_span authority = server_authority(url);
    size_t size = strcspn(url, "?#");
    /* A password with a slash in it looks like a path: so the last one counts. */
    const char *at = memrchr(url, '@', size);

    if (at != NULL) { /* a Location may be anything */
        append_clean(out, url, (size_t)(authority.bytes - url));
        text_append_string(out, at < authority.bytes + authority.size ? "" : "***@");
        append_clean(out, at + 1, (size_t)(url + size - at - 1));
    } else if (port_is_plain(authority)) {
        append_clean(out, url, size);
    } else {
        append_clean(out, url, (size_t)(authority.bytes - url));
        text_append_string(out, "***");
    }
}

static bool name_is_secret(const char *name, size_t size)
{
    static const char *const words[] = { "key", "token", "secret", "sig", "pass", "auth" };

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        size_t word_size = strlen(words[i]);
        for (size_t at = 0; at + word_size <= size; at++) {
            if (strncasecmp(name + at, words[i], word_size) == 0) {
                return true;
            }
        }
    }
    return false;
}

void server_append_url_hidden(struct text *out, const char *url)
{
    const char *at = url + strcspn(url, "?#");

    server_append_url(out, url);
    while (*at == '?' || *at == '&') {
        size_t name_size = strcspn(at + 1, "=&#");
        size_t size = strcspn(at + 1, "&#");
        bool hidden = name_size < size && name_is_secret(at + 1, name_size);
        append_clean(out, at, 1 + (hidden ? name_size : size));
        if (hidden) {
            text_append_string(out, "=***");
        }
        at += 1 + size;
    }
}
