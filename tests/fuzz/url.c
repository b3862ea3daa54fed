/*
 * url: any text as a URL, any names and values as headers. What http/request writes of them is, to
 * the reference, exactly one request with that target, that Host and those headers; what is refused
 * leaves no byte.
 *
 *     input: flags, body_size (2), then texts that end with LF each: URL, method, name, value, ...
 *
 * Flags: 1 the method is left to the library.
 */
#include "http/url.h"
#include "base/buffer.h"
#include "http/request.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reference.h"

#define HEADERS_MAX 16
#define BEFORE "before"

static struct reference_request reference;

/* Nothing that could end a host, a port or a request line is in it (RFC 3986 3.2). */
static void check_url(const struct url *url, const char *text, size_t size)
{
    const char *target = url->target.bytes, *authority = url->authority.bytes;

    FUZZ_HOLDS(url->port != 0 && url->host.size > 0);
    FUZZ_HOLDS(url->port_is_default == (url->port == (url->secure ? 443 : 80)));
    FUZZ_HOLDS(authority >= text && authority + url->authority.size <= text + size);
    FUZZ_HOLDS(target >= text && target + url->target.size <= text + size);
    FUZZ_HOLDS(url->host.bytes >= authority &&
               url->host.bytes + url->host.size <= authority + url->authority.size);
    FUZZ_HOLDS(url->target.size == 0 || target[0] == '/' || target[0] == '?');
    for (size_t i = 0; i < url->authority.size; i++) {
        FUZZ_HOLDS(authority[i] > ' ' && strchr("@/?#\\%", authority[i]) == NULL);
    }
}

/* "http://" host ":" port target, made of the parts, has the same parts. */
static void check_url_again(const struct url *url)
{
    char text[URL_HOST_MAX + 64];
    bool bracketed = memchr(url->host.bytes, ':', url->host.size) != NULL;
    struct url again;
    int size = snprintf(text, sizeof(text), "%s://%s%.*s%s:%u", url->secure ? "HTTPS" : "http",
                        bracketed ? "[" : "", (int)url->host.size, url->host.bytes,
                        bracketed ? "]" : "", url->port);

    FUZZ_HOLDS(url_parse(text, (size_t)size, &again) == QUOIT_OK);
    FUZZ_HOLDS(again.secure == url->secure && again.port == url->port);
    FUZZ_HOLDS(again.host_is_ip == url->host_is_ip && again.target.size == 0);
    FUZZ_HOLDS(again.host.size == url->host.size &&
               memcmp(again.host.bytes, url->host.bytes, url->host.size) == 0);
}

static bool is_same(struct reference_span got, struct quoit_span wanted)
{
    return got.size == wanted.size && memcmp(got.bytes, wanted.bytes, got.size) == 0;
}

/* A value as a server reads it: without the blanks around it. */
static struct quoit_span value_of(const char *value)
{
    value += strspn(value, " \t");
    struct quoit_span span = { value, strlen(value) };
    while (span.size > 0 && strchr(" \t", value[span.size - 1]) != NULL) {
        span.size--;
    }
    return span;
}

static void check_headers(const struct request_head *head)
{
    uint32_t at = 1, encodings = 0;

    FUZZ_HOLDS(reference_is(reference.lines[0].name, "Host"));
    FUZZ_HOLDS(is_same(reference.lines[0].value, head->url->authority));
    for (uint32_t i = 0; i < head->headers_count; i++, at++) {
        FUZZ_HOLDS(reference_is(reference.lines[at].name, head->headers[i].name));
        FUZZ_HOLDS(is_same(reference.lines[at].value, value_of(head->headers[i].value)));
        encodings += reference_is_in_any_case(reference.lines[at].name, "accept-encoding");
    }
    if (encodings == 0) {
        FUZZ_HOLDS(reference_is(reference.lines[at].name, "Accept-Encoding"));
        FUZZ_HOLDS(reference_is(reference.lines[at].value, "identity"));
        at++;
    }
    if (reference.has_length) {
        FUZZ_HOLDS(reference_is(reference.lines[at].name, "Content-Length"));
        at++;
    }
    FUZZ_HOLDS(reference.lines_count == at);
    FUZZ_HOLDS(reference.has_length || head->body_size == 0);
    FUZZ_HOLDS(reference.length == head->body_size);
}

static void check_request(const struct request_head *head, const struct buffer *out)
{
    const uint8_t *bytes = (const uint8_t *)out->bytes + strlen(BEFORE);
    struct quoit_span target = head->url->target;

    reference_read_request(bytes, out->size - strlen(BEFORE), &reference);
    FUZZ_HOLDS(reference.verdict == REFERENCE_COMPLETE);
    FUZZ_HOLDS(reference.size == out->size - strlen(BEFORE));
    FUZZ_HOLDS(reference_is(reference.method, request_method(head->method, head->body_size)));
    FUZZ_HOLDS(!reference_is_in_any_case(reference.method, "CONNECT"));
    FUZZ_HOLDS(reference.form == REFERENCE_ORIGIN);
    if (target.size == 0 || target.bytes[0] != '/') {
        FUZZ_HOLDS(reference.target.bytes[0] == '/');
        reference.target.bytes++;
        reference.target.size--;
    }
    FUZZ_HOLDS(is_same(reference.target, target));
    check_headers(head);
}

/* Is it refused for a reason that stands in request.h? */
static bool is_refused_rightly(const struct request_head *head)
{
    static const char *const ours[] = { "host", "content-length", "transfer-encoding", "connection",
                                        "proxy-authorization" };
    const char *method = request_method(head->method, head->body_size);

    if (!request_is_token(method, strlen(method)) || strcasecmp(method, "CONNECT") == 0) {
        return true;
    }
    for (uint32_t i = 0; i < head->headers_count; i++) {
        const struct quoit_header *header = &head->headers[i];
        for (size_t j = 0; j < sizeof(ours) / sizeof(ours[0]); j++) {
            if (strcasecmp(header->name, ours[j]) == 0) {
                return true;
            }
        }
        if (!request_is_token(header->name, strlen(header->name))) {
            return true;
        }
        for (const char *c = header->value; *c != '\0'; c++) {
            if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f) {
                return true;
            }
        }
    }
    return false;
}

static void encode(const struct request_head *head)
{
    struct buffer out = { 0 };

    FUZZ_HOLDS(buffer_append(&out, BEFORE, strlen(BEFORE)));
    enum quoit_error error = request_encode(head, &out);
    FUZZ_HOLDS(error == QUOIT_OK || error == QUOIT_E_HEADER);
    FUZZ_HOLDS(memcmp(out.bytes, BEFORE, strlen(BEFORE)) == 0);
    if (error == QUOIT_OK) {
        check_request(head, &out);
    } else {
        FUZZ_HOLDS(out.size == strlen(BEFORE));
        FUZZ_HOLDS(is_refused_rightly(head));
    }
    buffer_free(&out);
}

static void encode_texts(const struct url *url, bool has_method, uint32_t body_size,
                         struct fuzz_input *input)
{
    struct quoit_header headers[HEADERS_MAX];
    char *texts[2 * HEADERS_MAX];
    char *method = fuzz_text(input);
    struct request_head head = {
        .method = has_method ? method : NULL, .url = url, .headers = headers, .body_size = body_size
    };

    for (; head.headers_count < HEADERS_MAX && input->size > 0; head.headers_count++) {
        uint32_t i = head.headers_count;
        texts[2 * i] = fuzz_text(input);
        texts[2 * i + 1] = fuzz_text(input);
        headers[i] = (struct quoit_header){ texts[2 * i], texts[2 * i + 1] };
    }
    encode(&head);
    for (uint32_t i = 0; i < 2 * head.headers_count; i++) {
        free(texts[i]);
    }
    free(method);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = { bytes, size };
    bool has_method = (fuzz_byte(&input) & 1) == 0;
    uint32_t body_size = fuzz_pair(&input);
    char *text = fuzz_text(&input);
    char *exact = fuzz_copy(text, strlen(text));
    struct url url;

    if (url_parse(exact, strlen(text), &url) == QUOIT_OK) {
        check_url(&url, exact, strlen(text));
        check_url_again(&url);
        encode_texts(&url, has_method, body_size, &input);
    }
    free(exact);
    free(text);
    return 0;
}
