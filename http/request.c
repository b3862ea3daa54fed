/*
 * request: see request.h. Two passes: the first refuses and measures, so that the second writes
 * into room that is there and cannot fail.
 */
#include "http/request.h"

#include "base/bits.h"
#include "http/octets.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define REQUEST_NUMBER_MAX 20 /* bytes of a 64-bit number in decimal */

bool request_is_token(const char *bytes, size_t size)
{
    return size != 0 && octets_run_end(OCTETS_TOKEN, bytes, bytes + size) == bytes + size;
}

/*
 * These say where the message ends, whom it is for, or who we are to a proxy, which is ours to say:
 * what is for the proxy must not go through its tunnel to the server.
 */
static bool request_name_is_ours(const char *name, size_t size)
{
    return octets_is_name(name, size, "host") || octets_is_name(name, size, "content-length") ||
           octets_is_name(name, size, "transfer-encoding") ||
           octets_is_name(name, size, "connection") ||
           octets_is_name(name, size, "proxy-authorization");
}

/* The bytes of its line; 0: it may not be sent. */
static size_t request_measure_header(const struct quoit_header *header)
{
    const char *name = header->name, *value = header->value;
    size_t name_size = 0;

    if (name == NULL || value == NULL) {
        return 0;
    }
    while ((octets_kinds[(uint8_t)name[name_size]] & OCTETS_TOKEN) != 0) { /* not of the NUL */
        name_size++;
    }
    size_t value_size = strlen(value);
    if (name_size == 0 || name[name_size] != '\0' || request_name_is_ours(name, name_size) ||
        octets_run_end(OCTETS_TEXT, value, value + value_size) != value + value_size) {
        return 0;
    }
    return name_size + value_size + strlen(": \r\n");
}

static bool request_method_is_one_of(const char *method, const char *const *methods, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(method, methods[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool request_method_is_idempotent(const char *method)
{
    static const char *const idempotent[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE" };

    assert(method != NULL);
    return request_method_is_one_of(method, idempotent, COUNT_OF(idempotent));
}

static bool request_method_wants_length(const char *method)
{
    static const char *const with_body[] = { "POST", "PUT", "PATCH" };

    return method[0] == 'P' && request_method_is_one_of(method, with_body, COUNT_OF(with_body));
}

const char *request_method(const char *method, uint64_t body_size)
{
    if (method != NULL) {
        return method;
    }
    return body_size == 0 ? "GET" : "POST";
}

/* The bytes that encoding takes at most; 0: it may not be sent. */
static size_t request_measure(const struct request_head *head, const char *method,
                              size_t method_size)
{
    static const char fixed[] = " / HTTP/1.1\r\nHost: \r\nAccept-Encoding: identity\r\n"
                                "Content-Length: \r\n\r\n";

    if (!request_is_token(method, method_size) ||
        (method_size == strlen("CONNECT") && strcasecmp(method, "CONNECT") == 0)) {
        return 0;
    }
    size_t size = method_size + head->url->target.size + head->url->authority.size + strlen(fixed) +
                  REQUEST_NUMBER_MAX;
    if (head->proxy != NULL) {
        size += strlen("http://Proxy-Authorization: \r\n") + head->url->authority.size;
        size += head->proxy->authorization == NULL ? 0 : strlen(head->proxy->authorization);
    }
    for (uint32_t i = 0; i < head->headers_count; i++) {
        size_t more = request_measure_header(&head->headers[i]);
        if (more == 0) {
            return 0;
        }
        size += more;
    }
    return size;
}

/* Into room that request_measure has found and request_encode has reserved. */
static inline void request_put(struct buffer *out, const char *bytes, size_t size)
{
    assert(size <= out->room - out->size);
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

#define REQUEST_PUT_TEXT(out, text) request_put(out, text, sizeof(text) - 1)

static void request_put_number(struct buffer *out, uint64_t number)
{
    char digits[REQUEST_NUMBER_MAX];
    size_t start = sizeof(digits);

    do {
        digits[--start] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    request_put(out, digits + start, sizeof(digits) - start);
}

/* The request line, and the headers that tell whom it is for. */
static void request_put_line(struct buffer *out, const struct request_head *head,
                             const char *method, size_t method_size)
{
    const struct url *url = head->url;

    request_put(out, method, method_size);
    REQUEST_PUT_TEXT(out, " ");
    if (head->proxy != NULL) {
        REQUEST_PUT_TEXT(out, "http://");
        request_put(out, url->authority.bytes, url->authority.size);
    }
    if (url->target.size == 0 || url->target.bytes[0] != '/') {
        REQUEST_PUT_TEXT(out, "/"); /* RFC 9112 3.2.1: an empty path is sent as this */
    }
    request_put(out, url->target.bytes, url->target.size);
    REQUEST_PUT_TEXT(out, " HTTP/1.1\r\nHost: ");
    request_put(out, url->authority.bytes, url->authority.size);
    REQUEST_PUT_TEXT(out, "\r\n");
    if (head->proxy != NULL && head->proxy->authorization != NULL) {
        REQUEST_PUT_TEXT(out, "Proxy-Authorization: ");
        request_put(out, head->proxy->authorization, strlen(head->proxy->authorization));
        REQUEST_PUT_TEXT(out, "\r\n");
    }
}

/* Those of the caller, in their order. True: Accept-Encoding was among them. */
static bool request_put_headers(struct buffer *out, const struct request_head *head)
{
    bool has_encoding = false;

    for (uint32_t i = 0; i < head->headers_count; i++) {
        const struct quoit_header *header = &head->headers[i];
        size_t name_size = strlen(header->name);
        request_put(out, header->name, name_size);
        REQUEST_PUT_TEXT(out, ": ");
        request_put(out, header->value, strlen(header->value));
        REQUEST_PUT_TEXT(out, "\r\n");
        has_encoding = has_encoding || octets_is_name(header->name, name_size, "accept-encoding");
    }
    return has_encoding;
}

enum quoit_error request_encode(const struct request_head *head, struct buffer *out)
{
    const char *method = request_method(head->method, head->body_size);
    size_t method_size = strlen(method), size = request_measure(head, method, method_size);

    if (size == 0) {
        return QUOIT_E_HEADER;
    }
    if (!buffer_reserve(out, size)) {
        return QUOIT_E_NO_MEMORY;
    }
    request_put_line(out, head, method, method_size);
    if (!request_put_headers(out, head)) {
        REQUEST_PUT_TEXT(out, "Accept-Encoding: identity\r\n");
    }
    if (head->body_size != 0 || request_method_wants_length(method)) {
        REQUEST_PUT_TEXT(out, "Content-Length: ");
        request_put_number(out, head->body_size);
        REQUEST_PUT_TEXT(out, "\r\n");
    }
    REQUEST_PUT_TEXT(out, "\r\n");
    return QUOIT_OK;
}
