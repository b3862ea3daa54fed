/*
 * endpoint: see endpoint.h. URLs are cut at `/`, `?` and `#`, and never rewritten.
 */
#include "llm/endpoint.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ENDPOINT_VERSION "/v1"

/* A URL in pieces that stand one behind the other. The query is without `?`. */
struct endpoint_parts {
    struct json_span origin; /* scheme, `://`, authority; empty in a relative URL */
    struct json_span path;
    struct json_span query;
};

/* The size of "http://" or "https://" at the beginning, else 0. */
static size_t endpoint_scheme_size(const char *url)
{
    if (strncasecmp(url, "http://", 7) == 0) {
        return 7;
    }
    return strncasecmp(url, "https://", 8) == 0 ? 8 : 0;
}

bool endpoint_is_absolute(const char *url)
{
    size_t scheme_size = endpoint_scheme_size(url);

    return scheme_size > 0 && strcspn(url + scheme_size, "/?#") > 0;
}

static struct endpoint_parts endpoint_parts_of(const char *url)
{
    size_t scheme_size = endpoint_scheme_size(url);
    size_t origin_size = scheme_size == 0 ? 0 : scheme_size + strcspn(url + scheme_size, "/?#");
    const char *path = url + origin_size;
    size_t path_size = strcspn(path, "?#");
    const char *query = path + path_size + (path[path_size] == '?');

    return (struct endpoint_parts){
        .origin = { url, origin_size },
        .path = { path, path_size },
        .query = { query, strcspn(query, "#") },
    };
}

static bool endpoint_is_alphanumeric(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

/* Has the path a segment that names a version: `v`, a digit, any letters or digits? */
static bool endpoint_has_version(struct json_span path)
{
    const char *at = path.bytes, *end = path.bytes + path.size;

    while (at < end) {
        const char *segment = at + 1; /* behind the slash */

        for (at = segment; at < end && *at != '/'; at++) {
        }
        if (at - segment < 2 || segment[0] != 'v' || segment[1] < '0' || segment[1] > '9') {
            continue;
        }
        while (segment < at && endpoint_is_alphanumeric(*segment)) {
            segment++;
        }
        if (segment == at) {
            return true;
        }
    }
    return false;
}

/* Does the path begin with `prefix` and then a slash? */
static bool endpoint_begins_with(struct json_span path, struct json_span prefix)
{
    return path.size > prefix.size && memcmp(path.bytes, prefix.bytes, prefix.size) == 0 &&
           path.bytes[prefix.size] == '/';
}

static void endpoint_append_path(struct text *out, struct json_span base, struct json_span path)
{
    struct json_span version = { ENDPOINT_VERSION, strlen(ENDPOINT_VERSION) };

    if (base.size > 0 && base.bytes[base.size - 1] == '/') {
        base.size--;
    }
    if (!endpoint_begins_with(path, base)) {
        text_append(out, base);
        if (endpoint_begins_with(path, version) && endpoint_has_version(base)) {
            path.bytes += version.size;
            path.size -= version.size;
        }
    }
    text_append(out, path);
}

static void endpoint_append_query(struct text *out, struct json_span query, const char **separator)
{
    if (query.size > 0) {
        text_append_string(out, *separator);
        text_append(out, query);
        *separator = "&";
    }
}

enum endpoint_verdict endpoint_join(struct text *out, const char *base, const char *url,
                                    const char *query)
{
    size_t size_before = out->size;

    if (endpoint_is_absolute(url)) {
        text_append_string(out, url);
    } else {
        if (url[0] != '/') {
            return ENDPOINT_BAD_URL;
        }
        if (base == NULL || !endpoint_is_absolute(base)) {
            return ENDPOINT_BAD_BASE;
        }
        struct endpoint_parts from = endpoint_parts_of(base), to = endpoint_parts_of(url);
        struct json_span added = { query, query == NULL ? 0 : strlen(query) };
        const char *separator = "?";

        text_append(out, from.origin);
        endpoint_append_path(out, from.path, to.path);
        endpoint_append_query(out, from.query, &separator);
        endpoint_append_query(out, added, &separator);
        endpoint_append_query(out, to.query, &separator);
    }
    if (out->failed) {
        text_cut(out, size_before);
        return ENDPOINT_NO_MEMORY;
    }
    return ENDPOINT_GOOD;
}

/* An authority that every reader reads alike. */
struct endpoint_origin {
    size_t scheme_size; /* tells http from https */
    struct json_span host;
    uint32_t port;
};

static bool endpoint_host_is_plain(struct json_span host)
{
    bool bracketed = host.size > 2 && host.bytes[0] == '[' && host.bytes[host.size - 1] == ']';

    if (bracketed) {
        host = (struct json_span){ host.bytes + 1, host.size - 2 };
    }
    for (size_t i = 0; i < host.size; i++) {
        char byte = host.bytes[i];

        if (!endpoint_is_alphanumeric(byte) && byte != '.' &&
            !(bracketed ? byte == ':' : byte == '-' || byte == '_')) {
            return false;
        }
    }
    return host.size > 0;
}

/* The port of `:123`, or `otherwise` of nothing; 0 for what is no port. */
static uint32_t endpoint_port_of(const char *at, const char *end, uint32_t otherwise)
{
    uint32_t port = 0;

    if (at == end) {
        return otherwise;
    }
    if (*at != ':' || end - at < 2 || end - at > 6) {
        return 0;
    }
    for (at++; at < end; at++) {
        if (*at < '0' || *at > '9') {
            return 0;
        }
        port = port * 10 + (uint32_t)(*at - '0');
    }
    return port <= 65535 ? port : 0;
}

static bool endpoint_origin_read(const char *url, struct endpoint_origin *origin_out)
{
    if (!endpoint_is_absolute(url)) {
        return false;
    }
    struct json_span whole = endpoint_parts_of(url).origin;
    size_t scheme_size = endpoint_scheme_size(url);
    const char *host = url + scheme_size, *end = url + whole.size;
    const char *host_end = host;

    while (host_end < end && (*host == '[' ? host_end[0] != ']' : *host_end != ':')) {
        host_end++;
    }
    if (*host == '[' && host_end < end) {
        host_end++;
    }
    struct endpoint_origin origin = {
        .scheme_size = scheme_size,
        .host = { host, (size_t)(host_end - host) },
        .port = endpoint_port_of(host_end, end, scheme_size == strlen("http://") ? 80 : 443),
    };
    if (origin.port == 0 || !endpoint_host_is_plain(origin.host)) {
        return false;
    }
    *origin_out = origin;
    return true;
}

bool endpoint_has_origin(const char *url, const char *base)
{
    struct endpoint_origin one, other;

    if (!endpoint_origin_read(url, &one) || !endpoint_origin_read(base, &other)) {
        return false;
    }
    return one.scheme_size == other.scheme_size && one.port == other.port &&
           one.host.size == other.host.size &&
           strncasecmp(one.host.bytes, other.host.bytes, one.host.size) == 0;
}
