/*
 * request: see request.h. Two passes: the first refuses and measures, so that the second writes
 * into room that is there and cannot fail.
 */
#include "http/request.h"

#include "base/bits.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define REQUEST_NUMBER_MAX 24 /* bytes of a 64-bit number or a port in decimal */

/* One bit for each byte that may stand in a token: RFC 9110 5.6.2. */
static const uint32_t request_token_bits[8] = {
    0x00000000, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff, 0, 0, 0, 0,
};

bool request_is_token(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)bytes[i];
        if ((request_token_bits[byte / 32] & BIT(byte % 32)) == 0) {
            return false;
        }
    }
    return size != 0;
}

/* RFC 9110 5.5: visible characters, blanks, tabs, and bytes above ASCII. */
static bool request_is_value(const char *value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)value[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f) {
            return false;
        }
    }
    return true;
}

/* These say where the message ends or whom it is for, which is ours to say. */
static bool request_header_is_ours(const char *name)
{
    static const char *const ours[] = { "Host", "Content-Length", "Transfer-Encoding",
                                        "Connection" };

    for (size_t i = 0; i < COUNT_OF(ours); i++) {
        if (strcasecmp(name, ours[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool request_header_may_be_sent(const struct quoit_header *header)
{
    return header->name != NULL && header->value != NULL &&
           request_is_token(header->name, strlen(header->name)) &&
           request_is_value(header->value, strlen(header->value)) &&
           !request_header_is_ours(header->name);
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

    return request_method_is_one_of(method, with_body, COUNT_OF(with_body));
}

const char *request_method(const char *method, uint64_t body_size)
{
    if (method != NULL) {
        return method;
    }
    return body_size == 0 ? "GET" : "POST";
}

/* The bytes that encoding takes at most; 0: it may not be sent. */
static size_t request_measure(const struct request_head *head, const char *method)
{
    static const char fixed[] = "  HTTP/1.1\r\nHost: []:\r\nContent-Length: \r\n"
                                "Accept-Encoding: identity\r\n\r\n/";

    if (!request_is_token(method, strlen(method)) || strcasecmp(method, "CONNECT") == 0) {
        return 0;
    }
    size_t size = sizeof(fixed) + strlen(method) + head->url->target.size + head->url->host.size +
                  2 * REQUEST_NUMBER_MAX;
    for (uint32_t i = 0; i < head->headers_count; i++) {
        const struct quoit_header *header = &head->headers[i];
        if (!request_header_may_be_sent(header)) {
            return 0;
        }
        size += strlen(header->name) + strlen(header->value) + strlen(": \r\n");
    }
    return size;
}

/* Into room that request_measure has found and request_encode has reserved. */
static void request_put(struct buffer *out, const char *bytes, size_t size)
{
    assert(size <= out->room - out->size);
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

static void request_put_text(struct buffer *out, const char *text)
{
    request_put(out, text, strlen(text));
}

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

static void request_put_line(struct buffer *out, const struct url *url, const char *method)
{
    request_put_text(out, method);
    request_put_text(out, " ");
    if (url->target.size == 0 || url->target.bytes[0] != '/') {
        request_put_text(out, "/"); /* RFC 9112 3.2.1: an empty path is sent as this */
    }
    request_put(out, url->target.bytes, url->target.size);
    request_put_text(out, " HTTP/1.1\r\n");
}

static void request_put_host(struct buffer *out, const struct url *url)
{
    bool brackets = memchr(url->host.bytes, ':', url->host.size) != NULL; /* IPv6 */

    request_put_text(out, brackets ? "Host: [" : "Host: ");
    request_put(out, url->host.bytes, url->host.size);
    request_put_text(out, brackets ? "]" : "");
    if (!url->port_is_default) {
        request_put_text(out, ":");
        request_put_number(out, url->port);
    }
    request_put_text(out, "\r\n");
}

/* Those of the caller, in their order. True: Accept-Encoding was among them. */
static bool request_put_headers(struct buffer *out, const struct request_head *head)
{
    bool has_encoding = false;

    for (uint32_t i = 0; i < head->headers_count; i++) {
        const struct quoit_header *header = &head->headers[i];
        request_put_text(out, header->name);
        request_put_text(out, ": ");
        request_put_text(out, header->value);
        request_put_text(out, "\r\n");
        has_encoding = has_encoding || strcasecmp(header->name, "Accept-Encoding") == 0;
    }
    return has_encoding;
}

enum quoit_error request_encode(const struct request_head *head, struct buffer *out)
{
    const char *method = request_method(head->method, head->body_size);
    size_t size = request_measure(head, method);

    if (size == 0) {
        return QUOIT_E_HEADER;
    }
    if (!buffer_reserve(out, size)) {
        return QUOIT_E_NO_MEMORY;
    }
    request_put_line(out, head->url, method);
    request_put_host(out, head->url);
    if (!request_put_headers(out, head)) {
        request_put_text(out, "Accept-Encoding: identity\r\n");
    }
    if (head->body_size != 0 || request_method_wants_length(method)) {
        request_put_text(out, "Content-Length: ");
        request_put_number(out, head->body_size);
        request_put_text(out, "\r\n");
    }
    request_put_text(out, "\r\n");
    return QUOIT_OK;
}
