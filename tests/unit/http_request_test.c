/*
 * http_request: what a server gets to read, byte for byte, and what is never sent (R24).
 */
#include "http/request.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define IDENTITY "Accept-Encoding: identity\r\n"

static enum quoit_error encode(const char *text, struct request_head head, struct buffer *out)
{
    struct url url;

    CHECK_EQ(url_parse(text, strlen(text), &url), QUOIT_OK);
    head.url = &url;
    return request_encode(&head, out);
}

static void test_the_line_and_host_follow_the_url(void)
{
    static const struct {
        const char *url, *line, *host;
    } cases[] = {
        { "http://h", "GET / HTTP/1.1", "h" },
        { "http://h/", "GET / HTTP/1.1", "h" },
        { "http://h?x=1", "GET /?x=1 HTTP/1.1", "h" },
        { "http://h?", "GET /? HTTP/1.1", "h" },
        { "http://h/a/b?c#d", "GET /a/b?c HTTP/1.1", "h" },
        { "http://h//a", "GET //a HTTP/1.1", "h" },
        { "http://h:80", "GET / HTTP/1.1", "h" },
        { "https://h:443", "GET / HTTP/1.1", "h" },
        { "https://h:80", "GET / HTTP/1.1", "h:80" },
        { "http://Host.Example:65535/x", "GET /x HTTP/1.1", "Host.Example:65535" },
        { "http://127.0.0.1:8000", "GET / HTTP/1.1", "127.0.0.1:8000" },
        { "http://[::1]/x", "GET /x HTTP/1.1", "[::1]" },
        { "https://[2001:db8::1]:8443", "GET / HTTP/1.1", "[2001:db8::1]:8443" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer out = { 0 };
        char wanted[256];
        check_case(cases[i].url);
        snprintf(wanted, sizeof(wanted), "%s\r\nHost: %s\r\n" IDENTITY "\r\n", cases[i].line,
                 cases[i].host);
        CHECK_EQ(encode(cases[i].url, (struct request_head){ 0 }, &out), QUOIT_OK);
        CHECK_MEM(out.bytes, out.size, wanted, strlen(wanted));
        buffer_free(&out);
    }
}

static void test_the_method_decides_about_the_length(void)
{
    static const struct {
        const char *method;
        uint64_t body_size;
        const char *sent, *length;
    } cases[] = {
        { NULL, 0, "GET", "" },
        { NULL, 5, "POST", "Content-Length: 5\r\n" },
        { "GET", 0, "GET", "" },
        { "GET", 5, "GET", "Content-Length: 5\r\n" },
        { "HEAD", 0, "HEAD", "" },
        { "DELETE", 0, "DELETE", "" },
        { "OPTIONS", 0, "OPTIONS", "" },
        { "POST", 0, "POST", "Content-Length: 0\r\n" },
        { "PUT", 0, "PUT", "Content-Length: 0\r\n" },
        { "PATCH", 0, "PATCH", "Content-Length: 0\r\n" },
        { "PROPFIND", 0, "PROPFIND", "" },
        { "PROPFIND", 5, "PROPFIND", "Content-Length: 5\r\n" },
        { "post", 0, "post", "" }, /* methods have a case: RFC 9110 9.1 */
        { "M-SEARCH", 1, "M-SEARCH", "Content-Length: 1\r\n" },
        { "POST", UINT64_MAX, "POST", "Content-Length: 18446744073709551615\r\n" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer out = { 0 };
        char wanted[256];
        check_case(cases[i].sent);
        snprintf(wanted, sizeof(wanted), "%s /p HTTP/1.1\r\nHost: h\r\n" IDENTITY "%s\r\n",
                 cases[i].sent, cases[i].length);
        CHECK_EQ(encode("http://h/p",
                        (struct request_head){ .method = cases[i].method,
                                               .body_size = cases[i].body_size },
                        &out),
                 QUOIT_OK);
        CHECK_MEM(out.bytes, out.size, wanted, strlen(wanted));
        CHECK_STR(request_method(cases[i].method, cases[i].body_size), cases[i].sent);
        buffer_free(&out);
    }
}

static void test_headers_are_sent_in_their_order_behind_host(void)
{
    static const struct quoit_header headers[] = {
        { "X-A", "1" },
        { "x-a", "2" },
        { "Empty", "" },
        { "Tab", "a\tb \xff" },
        { "Hosts", "x" },
        { "Content-Length-X", "y" },
        { "!#$%&'*+-.^_`|~", "all marks" },
    };
    static const char wanted[] =
        "beforePOST / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nEmpty: \r\nTab: a\tb \xff\r\n"
        "Hosts: x\r\nContent-Length-X: y\r\n!#$%&'*+-.^_`|~: all marks\r\n" IDENTITY
        "Content-Length: 3\r\n\r\n";
    struct buffer out = { 0 };

    CHECK(buffer_append(&out, "before", 6));
    CHECK_EQ(encode("http://h",
                    (struct request_head){
                        .headers = headers, .headers_count = COUNT_OF(headers), .body_size = 3 },
                    &out),
             QUOIT_OK);
    CHECK_MEM(out.bytes, out.size, wanted, sizeof(wanted) - 1);
    buffer_free(&out);
}

static void test_a_proxy_reads_the_whole_url_and_who_we_are(void)
{
    static const struct {
        const char *proxy, *url, *wanted;
    } cases[] = {
        { "http://p", "http://h", "GET http://h/ HTTP/1.1\r\nHost: h\r\n" IDENTITY "\r\n" },
        { "http://p", "http://h:80?a", "GET http://h/?a HTTP/1.1\r\nHost: h\r\n" IDENTITY "\r\n" },
        { "http://p", "HTTP://[::1]:81/a?b#c",
          "GET http://[::1]:81/a?b HTTP/1.1\r\nHost: [::1]:81\r\n" IDENTITY "\r\n" },
        { "http://user:pass@p", "http://h:8000/x",
          "GET http://h:8000/x HTTP/1.1\r\nHost: h:8000\r\n"
          "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" IDENTITY "\r\n" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct proxy *proxy = proxy_create(cases[i].proxy);
        struct buffer out = { 0 };
        check_case(cases[i].url);
        CHECK_EQ(encode(cases[i].url, (struct request_head){ .proxy = proxy }, &out), QUOIT_OK);
        CHECK_MEM(out.bytes, out.size, cases[i].wanted, strlen(cases[i].wanted));
        buffer_free(&out);
        proxy_destroy(proxy);
    }
}

static void test_a_coding_of_the_caller_takes_the_place_of_ours(void)
{
    static const struct quoit_header headers[] = { { "ACCEPT-encoding", "gzip" } };
    static const char wanted[] = "GET / HTTP/1.1\r\nHost: h\r\nACCEPT-encoding: gzip\r\n\r\n";
    struct buffer out = { 0 };

    CHECK_EQ(
        encode("http://h", (struct request_head){ .headers = headers, .headers_count = 1 }, &out),
        QUOIT_OK);
    CHECK_MEM(out.bytes, out.size, wanted, sizeof(wanted) - 1);
    buffer_free(&out);
}

/* R24. `out` must be as it was, so that nothing of the request can be sent. */
static void check_refused(const char *method, const struct quoit_header *header)
{
    struct buffer out = { 0 };
    const struct quoit_header headers[] = { { "Good", "1" }, *header };

    CHECK(buffer_append(&out, "before", 6));
    CHECK_EQ(
        encode("http://h",
               (struct request_head){ .method = method, .headers = headers, .headers_count = 2 },
               &out),
        QUOIT_E_HEADER);
    CHECK_MEM(out.bytes, out.size, "before", 6);
    buffer_free(&out);
}

static void test_headers_that_would_make_other_messages_are_refused(void)
{
    static const struct quoit_header cases[] = {
        { "Host", "evil" },
        { "hOST", "evil" },
        { "Content-Length", "5" },
        { "content-length", "5" },
        { "Transfer-Encoding", "chunked" },
        { "TRANSFER-ENCODING", "chunked" },
        { "Connection", "close" },
        { "cOnnection", "close" },
        { "Proxy-Authorization", "Basic eDp5" },
        { "proxy-authorization", "" },
        { "", "x" },
        { "A B", "x" },
        { "A:", "x" },
        { "A\r\nB", "x" },
        { "A\n", "x" },
        { " A", "x" },
        { "A\t", "x" },
        { "A\x7f", "x" },
        { "A(", "x" },
        { "\xc3\xa4", "x" },
        { "A", "x\r\nB: y" },
        { "A", "x\n" },
        { "A", "\r" },
        { "A", "x\x01" },
        { "A", "\x1b[0m" },
        { "A", "\x7f" },
        { NULL, "x" },
        { "A", NULL },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(cases[i].name == NULL ? "(no name)" : cases[i].name);
        check_refused("GET", &cases[i]);
    }
}

static void test_methods_that_are_no_tokens_or_open_tunnels_are_refused(void)
{
    static const char *const cases[] = { "",        "GET ",       " GET",
                                         "G T",     "GET\r\n",    "GET\tX",
                                         "GET/",    "G\xc3\x84T", "GET / HTTP/1.1\r\nX:",
                                         "CONNECT", "connect" };
    static const struct quoit_header good = { "A", "b" };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(cases[i]);
        check_refused(cases[i], &good);
    }
}

static void test_tokens_are_those_of_rfc_9110(void)
{
    for (int byte = 0; byte < 256; byte++) {
        char c = (char)byte;
        bool wanted = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
        char pair[2] = { 'a', c };
        CHECK_EQ(request_is_token(&c, 1), wanted);
        CHECK_EQ(request_is_token(pair, 2), wanted);
    }
    CHECK(!request_is_token("", 0));
}

static void test_only_safe_methods_and_their_like_are_idempotent(void)
{
    static const char *const yes[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE" };
    static const char *const no[] = { "POST", "PATCH", "get", "GETT", "GE", "", "M-SEARCH" };

    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        check_case(yes[i]);
        CHECK(request_method_is_idempotent(yes[i]));
    }
    for (size_t i = 0; i < COUNT_OF(no); i++) {
        check_case(no[i]);
        CHECK(!request_method_is_idempotent(no[i]));
    }
}

int main(void)
{
    RUN(test_the_line_and_host_follow_the_url);
    RUN(test_the_method_decides_about_the_length);
    RUN(test_headers_are_sent_in_their_order_behind_host);
    RUN(test_a_proxy_reads_the_whole_url_and_who_we_are);
    RUN(test_a_coding_of_the_caller_takes_the_place_of_ours);
    RUN(test_headers_that_would_make_other_messages_are_refused);
    RUN(test_methods_that_are_no_tokens_or_open_tunnels_are_refused);
    RUN(test_tokens_are_those_of_rfc_9110);
    RUN(test_only_safe_methods_and_their_like_are_idempotent);
    return check_done();
}
