/*
 * http_tunnel: what a proxy is asked, and what of its answers opens a tunnel, wherever they are
 * cut.
 */
#include "http/tunnel.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static void check_asked(const char *proxy_url, const char *host, uint16_t port, const char *wanted)
{
    struct proxy *proxy = proxy_create(proxy_url);
    struct buffer out = { 0 };

    check_case(proxy_url);
    CHECK(tunnel_encode(proxy, host, port, &out));
    CHECK_MEM(out.bytes, out.size, wanted, strlen(wanted));
    buffer_free(&out);
    proxy_destroy(proxy);
}

static void test_the_way_is_asked_for_with_its_port(void)
{
    check_asked("http://p", "h", 443, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n");
    check_asked("http://p:1", "::1", 65535,
                "CONNECT [::1]:65535 HTTP/1.1\r\nHost: [::1]:65535\r\n\r\n");
    check_asked("http://user:pass@p", "h", 8443,
                "CONNECT h:8443 HTTP/1.1\r\nHost: h:8443\r\n"
                "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n");
}

/* Each is its head only; the status 0 stands for refused. */
static const struct {
    const char *name, *answer;
    unsigned status;
    bool opens;
    enum quoit_error error;
} answers[] = {
    { "200", "HTTP/1.1 200 Connection established\r\n\r\n", 200, true, QUOIT_OK },
    { "1.0", "HTTP/1.0 200 OK\r\nProxy-agent: x\r\n\r\n", 200, true, QUOIT_OK },
    { "204", "HTTP/1.1 204 No\r\n\r\n", 204, true, QUOIT_OK },
    { "299", "HTTP/1.1 299 \r\n\r\n", 299, true, QUOIT_OK },
    { "length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, true, QUOIT_OK },
    { "chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, true, QUOIT_OK },
    { "both",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: x\r\n"
      "Content-Length: 7\r\nConnection: close\r\n\r\n",
      200, true, QUOIT_OK },
    { "interim",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 200,
      true, QUOIT_OK },
    { "301", "HTTP/1.1 301 Moved\r\nLocation: http://x\r\n\r\n", 301, false, QUOIT_OK },
    { "407", "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 9\r\n\r\n", 407,
      false, QUOIT_OK },
    { "502", "HTTP/1.1 502 Bad Gateway\r\n\r\n", 502, false, QUOIT_OK },
    { "101", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", 0, false, QUOIT_E_PROTOCOL },
    { "HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", 0, false, QUOIT_E_PROTOCOL },
    { "bare LF", "HTTP/1.1 200 OK\nA: b\r\n\r\n", 0, false, QUOIT_E_PROTOCOL },
    { "folded", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", 0, false, QUOIT_E_PROTOCOL },
    { "spaced name", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", 0, false, QUOIT_E_PROTOCOL },
    { "garbage", "SSH-2.0-OpenSSH\r\n\r\n", 0, false, QUOIT_E_PROTOCOL },
    { "TLS alert", "\x15\x03\x01\x02\x02\x28", 0, false, QUOIT_E_PROTOCOL },
};

/* Feed the answer in pieces of that size; `behind` bytes of it are not the answer's. */
static enum tunnel_progress feed(struct tunnel *tunnel, const char *bytes, size_t size, size_t step,
                                 size_t *consumed_out)
{
    enum tunnel_progress progress = TUNNEL_INCOMPLETE;
    size_t at = 0;

    tunnel_reset(tunnel);
    while (at < size && progress == TUNNEL_INCOMPLETE) {
        size_t piece_size = min_u64(step, size - at), consumed = 0;
        char *piece = malloc(piece_size); /* of the exact size: reading on is seen */
        memcpy(piece, bytes + at, piece_size);
        progress = tunnel_feed(tunnel, piece, piece_size, &consumed);
        at += consumed;
        CHECK(progress != TUNNEL_INCOMPLETE || consumed == piece_size);
        free(piece);
    }
    *consumed_out = at;
    return progress;
}

static void test_an_answer_is_the_same_wherever_it_is_cut(void)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        size_t size = strlen(answers[i].answer);
        for (size_t step = 1; step <= size; step++) {
            struct tunnel tunnel;
            size_t consumed = 0;
            check_case(answers[i].name);
            enum tunnel_progress progress = feed(&tunnel, answers[i].answer, size, step, &consumed);
            CHECK_EQ(progress, answers[i].error == QUOIT_OK ? TUNNEL_ANSWERED : TUNNEL_INVALID);
            CHECK_EQ(tunnel.error, answers[i].error);
            if (progress == TUNNEL_ANSWERED) {
                CHECK_EQ(consumed, size);
                CHECK_EQ(tunnel.status, answers[i].status);
                CHECK_EQ(tunnel_is_open(&tunnel), answers[i].opens);
            } else {
                CHECK(tunnel.detail != NULL && tunnel.detail[0] != '\0');
            }
        }
    }
}

static void test_what_stands_behind_the_head_is_not_the_answers(void)
{
    static const char bytes[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
    struct tunnel tunnel;
    size_t consumed = 0;

    CHECK_EQ(feed(&tunnel, bytes, strlen(bytes), strlen(bytes), &consumed), TUNNEL_ANSWERED);
    CHECK_EQ(consumed, strlen(bytes) - 4);
}

/* Of one header that makes the whole head `size` bytes long. */
static enum tunnel_progress feed_head_of(struct tunnel *tunnel, size_t size)
{
    static const char begin[] = "HTTP/1.1 200 OK\r\nX: ";
    char *bytes = malloc(size);
    size_t consumed = 0;

    memset(bytes, 'x', size);
    memcpy(bytes, begin, strlen(begin));
    memcpy(bytes + size - 4, "\r\n\r\n", 4);
    enum tunnel_progress progress = feed(tunnel, bytes, size, 1000, &consumed);
    free(bytes);
    return progress;
}

static void test_a_head_has_limits(void)
{
    struct tunnel tunnel;
    struct buffer many = { 0 };
    size_t consumed = 0;

    CHECK_EQ(feed_head_of(&tunnel, TUNNEL_HEAD_MAX), TUNNEL_ANSWERED);
    CHECK_EQ(feed_head_of(&tunnel, TUNNEL_HEAD_MAX + 1), TUNNEL_INVALID);
    CHECK_EQ(tunnel.error, QUOIT_E_TOO_LARGE);

    for (int i = 0; i < TUNNEL_INTERIM_MAX + 1; i++) {
        CHECK(buffer_append(&many, "HTTP/1.1 100 Go\r\n\r\n", 19));
    }
    CHECK_EQ(feed(&tunnel, many.bytes, many.size, 7, &consumed), TUNNEL_INVALID);
    CHECK_EQ(tunnel.error, QUOIT_E_TOO_LARGE);
    CHECK_EQ(feed(&tunnel, many.bytes, many.size - 19, 7, &consumed), TUNNEL_INCOMPLETE);

    buffer_reset(&many);
    CHECK(buffer_append(&many, "HTTP/1.1 200 OK\r\n", 17));
    for (int i = 0; i < TUNNEL_HEADERS_MAX + 1; i++) {
        CHECK(buffer_append(&many, "a: b\r\n", 6));
    }
    CHECK(buffer_append(&many, "\r\n", 2));
    CHECK_EQ(feed(&tunnel, many.bytes, many.size, 7, &consumed), TUNNEL_INVALID);
    CHECK_EQ(tunnel.error, QUOIT_E_TOO_LARGE);
    buffer_free(&many);
}

int main(void)
{
    RUN(test_the_way_is_asked_for_with_its_port);
    RUN(test_an_answer_is_the_same_wherever_it_is_cut);
    RUN(test_what_stands_behind_the_head_is_not_the_answers);
    RUN(test_a_head_has_limits);
    return check_done();
}
