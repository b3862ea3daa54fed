/*
 * http_response: what is taken, and where it ends. Each case is fed whole, byte by byte, cut in two
 * at every place, and with another response behind it. (R01 R04 R05 R11 R29 R31)
 */
#include "tests/unit/http_exchange.h"

#include "base/bits.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define EMPTY "Content-Length: 0\r\n\r\n"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"
#define CODED "Transfer-Encoding: chunked\n"
#define TAKEN .progress = RESPONSE_COMPLETE, .status = 200
#define CUT .end = END_CLEAN, .progress = RESPONSE_INVALID, .error = QUOIT_E_INCOMPLETE
#define ZERO "Content-Length: 0\n"

static const struct exchange_case head_cases[] = {
    { .name = "a length",
      EXCHANGE_BYTES(OK_LINE "Content-Length: 5\r\n\r\nhello"),
      TAKEN,
      .headers = "Content-Length: 5\n",
      .body = "hello" },
    { .name = "length 0", EXCHANGE_BYTES(OK_LINE EMPTY), TAKEN, .headers = ZERO },
    { .name = "a length with zeros before",
      EXCHANGE_BYTES(OK_LINE "Content-Length: 003\r\n\r\nabc"),
      TAKEN,
      .headers = "Content-Length: 003\n",
      .body = "abc" },
    { .name = "a length between blanks",
      EXCHANGE_BYTES(OK_LINE "content-length: \t 3  \r\n\r\nabc"),
      TAKEN,
      .headers = "content-length: 3\n",
      .body = "abc" },
    { .name = "no reason", EXCHANGE_BYTES("HTTP/1.1 200\r\n" EMPTY), TAKEN, .headers = ZERO },
    { .name = "an empty reason",
      EXCHANGE_BYTES("HTTP/1.1 200 \r\n" EMPTY),
      TAKEN,
      .headers = ZERO },
    { .name = "a reason of blanks",
      EXCHANGE_BYTES("HTTP/1.1 200   \r\n" EMPTY),
      TAKEN,
      .headers = ZERO },
    { .name = "a reason with colon and tab",
      EXCHANGE_BYTES("HTTP/1.1 200 a: b\tc\r\n" EMPTY),
      TAKEN,
      .headers = ZERO },
    { .name = "a reason of UTF-8",
      EXCHANGE_BYTES("HTTP/1.1 200 \xc3\x9cml\xc3\xa4ut\r\n" EMPTY),
      TAKEN,
      .headers = ZERO },
    { .name = "empty lines before",
      EXCHANGE_BYTES("\r\n\r\n" OK_LINE EMPTY),
      TAKEN,
      .headers = ZERO },
    { .name = "names and values",
      EXCHANGE_BYTES(OK_LINE "A:\r\nB: \r\nC:x\r\nD:  x y\t\r\nE: a:b\r\n"
                             "F: \xff\xfe\r\n!#$%&'*+-.^_`|~09azAZ: t\r\n" EMPTY),
      TAKEN,
      .headers = "A: \nB: \nC: x\nD: x y\nE: a:b\nF: \xff\xfe\n!#$%&'*+-.^_`|~09azAZ: t\n" ZERO },
    { .name = "the same name twice",
      EXCHANGE_BYTES(OK_LINE "A: 1\r\na: 2\r\n" EMPTY),
      TAKEN,
      .headers = "A: 1\na: 2\n" ZERO },
    { .name = "names that begin as ours",
      EXCHANGE_BYTES(OK_LINE "Content-Length-X: 9\r\nContent-Lengt: 9\r\nTransfer-Encodin: gzip\r\n"
                             "Transfer-Encoding-X: y\r\nConnectio: close\r\n" EMPTY),
      TAKEN,
      .headers = "Content-Length-X: 9\nContent-Lengt: 9\nTransfer-Encodin: gzip\n"
                 "Transfer-Encoding-X: y\nConnectio: close\n" ZERO },
    { .name = "an offer to upgrade",
      EXCHANGE_BYTES(OK_LINE "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx"),
      TAKEN,
      .headers = "Connection: upgrade\nUpgrade: h2c\nContent-Length: 1\n",
      .body = "x" },
    { .name = "status 599",
      EXCHANGE_BYTES("HTTP/1.1 599 X\r\n" EMPTY),
      .progress = RESPONSE_COMPLETE,
      .status = 599,
      .headers = ZERO },
    { .name = "a body that looks like a head",
      EXCHANGE_BYTES(OK_LINE "Content-Length: 19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
      TAKEN,
      .headers = "Content-Length: 19\n",
      .body = "HTTP/1.1 200 OK\r\n\r\n" },
};

static const struct exchange_case chunk_cases[] = {
    { .name = "one chunk",
      EXCHANGE_BYTES(CHUNKED "5\r\nhello\r\n0\r\n\r\n"),
      TAKEN,
      .headers = CODED,
      .body = "hello" },
    { .name = "three chunks",
      EXCHANGE_BYTES(CHUNKED "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"),
      TAKEN,
      .headers = CODED,
      .body = "abcdef" },
    { .name = "no chunk", EXCHANGE_BYTES(CHUNKED "0\r\n\r\n"), TAKEN, .headers = CODED },
    { .name = "a size in hex of both cases",
      EXCHANGE_BYTES(CHUNKED "a\r\n0123456789\r\n0B\r\n0123456789A\r\n0\r\n\r\n"),
      TAKEN,
      .headers = CODED,
      .body = "01234567890123456789A" },
    { .name = "a size of 16 digits",
      EXCHANGE_BYTES(CHUNKED "0000000000000003\r\nabc\r\n0\r\n\r\n"),
      TAKEN,
      .headers = CODED,
      .body = "abc" },
    { .name = "many zeros at the end",
      EXCHANGE_BYTES(CHUNKED "3\r\nabc\r\n0000\r\n\r\n"),
      TAKEN,
      .headers = CODED,
      .body = "abc" },
    { .name = "data that looks like chunks",
      EXCHANGE_BYTES(CHUNKED "5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
      TAKEN,
      .headers = CODED,
      .body = "0\r\n\r\n" },
    { .name = "extensions",
      EXCHANGE_BYTES(CHUNKED "3;a\r\nabc\r\n2;b=c\r\nde\r\n0;d=\"e f\"\r\n\r\n"),
      TAKEN,
      .headers = CODED,
      .body = "abcde" },
    { .name = "coding in another case",
      EXCHANGE_BYTES(OK_LINE "TRANSFER-ENCODING: Chunked \r\n\r\n1\r\nx\r\n0\r\n\r\n"),
      TAKEN,
      .headers = "TRANSFER-ENCODING: Chunked\n",
      .body = "x" },
    { .name = "trailers are no headers",
      EXCHANGE_BYTES(CHUNKED "1\r\nx\r\n0\r\nT: y\r\nU:\r\n\r\n"),
      TAKEN,
      .headers = CODED,
      .body = "x" },
    { .name = "trailers with names that begin as those that frame",
      EXCHANGE_BYTES(CHUNKED
                     "0\r\nContent-Lengths: 9\r\nContent-Lengt: 9\r\nTransfer-Encodin: x\r\n"
                     "Content-Encoding: x\r\nTransfer-Encoding-X: y\r\n\r\n"),
      TAKEN,
      .headers = CODED },
    { .name = "close in the trailers",
      EXCHANGE_BYTES(CHUNKED "1\r\nx\r\n0\r\nConnection: close\r\n\r\n"),
      TAKEN,
      .headers = CODED,
      .body = "x" },
};

/* R11 */
static const struct exchange_case bodiless_cases[] = {
    { .name = "HEAD with a length",
      EXCHANGE_BYTES(OK_LINE "Content-Length: 99\r\n\r\n"),
      .to_head = true,
      TAKEN,
      .headers = "Content-Length: 99\n" },
    { .name = "HEAD with chunks",
      EXCHANGE_BYTES(CHUNKED),
      .to_head = true,
      TAKEN,
      .headers = CODED },
    { .name = "HEAD without either", EXCHANGE_BYTES(OK_LINE "\r\n"), .to_head = true, TAKEN },
    { .name = "204",
      EXCHANGE_BYTES("HTTP/1.1 204 N\r\n\r\n"),
      .progress = RESPONSE_COMPLETE,
      .status = 204 },
    { .name = "204 with a length",
      EXCHANGE_BYTES("HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\n"),
      .progress = RESPONSE_COMPLETE,
      .status = 204,
      .headers = "Content-Length: 5\n" },
    { .name = "204 with chunks",
      EXCHANGE_BYTES("HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n"),
      .progress = RESPONSE_COMPLETE,
      .status = 204,
      .headers = CODED },
    { .name = "304 with a length",
      EXCHANGE_BYTES("HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n"),
      .progress = RESPONSE_COMPLETE,
      .status = 304,
      .headers = "Content-Length: 5\n" },
    { .name = "304 with chunks",
      EXCHANGE_BYTES("HTTP/1.1 304 N\r\nTransfer-Encoding: chunked\r\n\r\n"),
      .progress = RESPONSE_COMPLETE,
      .status = 304,
      .headers = CODED },
    { .name = "100 and the final one",
      EXCHANGE_BYTES("HTTP/1.1 100 Continue\r\n\r\n" OK_LINE "Content-Length: 1\r\n\r\nx"),
      TAKEN,
      .interim_count = 1,
      .headers = "Content-Length: 1\n",
      .body = "x" },
    { .name = "103 with a length", /* must not swallow the final one */
      EXCHANGE_BYTES("HTTP/1.1 103 E\r\nContent-Length: 30\r\nLink: a\r\n\r\n" OK_LINE EMPTY),
      TAKEN,
      .interim_count = 1,
      .headers = ZERO },
    { .name = "102 with chunks",
      EXCHANGE_BYTES("HTTP/1.1 102 P\r\nTransfer-Encoding: chunked\r\n\r\n" OK_LINE EMPTY),
      TAKEN,
      .interim_count = 1,
      .headers = ZERO },
    { .name = "three interim ones and an empty line",
      EXCHANGE_BYTES("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 199 ?\r\nA: b\r\n\r\nHTTP/1.1 103 E\r\n\r\n"
                     "\r\n" OK_LINE EMPTY),
      TAKEN,
      .interim_count = 3,
      .headers = ZERO },
};

/* R29 */
static const struct exchange_case connection_cases[] = {
    { .name = "1.1", EXCHANGE_BYTES(OK_LINE EMPTY), TAKEN, .headers = ZERO },
    { .name = "1.1 close",
      EXCHANGE_BYTES(OK_LINE "Connection: close\r\n" EMPTY),
      TAKEN,
      .closes = true,
      .headers = "Connection: close\n" ZERO },
    { .name = "1.1 CLOSE",
      EXCHANGE_BYTES(OK_LINE "CONNECTION: CLOSE\r\n" EMPTY),
      TAKEN,
      .closes = true,
      .headers = "CONNECTION: CLOSE\n" ZERO },
    { .name = "close in a list",
      EXCHANGE_BYTES(OK_LINE "Connection: a, close ,b\r\n" EMPTY),
      TAKEN,
      .closes = true,
      .headers = "Connection: a, close ,b\n" ZERO },
    { .name = "close in the second line",
      EXCHANGE_BYTES(OK_LINE "Connection: keep-alive\r\nConnection: close\r\n" EMPTY),
      TAKEN,
      .closes = true,
      .headers = "Connection: keep-alive\nConnection: close\n" ZERO },
    { .name = "close before keep-alive",
      EXCHANGE_BYTES(OK_LINE "Connection: close\r\nConnection: keep-alive\r\n" EMPTY),
      TAKEN,
      .closes = true,
      .headers = "Connection: close\nConnection: keep-alive\n" ZERO },
    { .name = "words that begin or end as close",
      EXCHANGE_BYTES(OK_LINE "Connection: closed, disclose, clos\r\n" EMPTY),
      TAKEN,
      .headers = "Connection: closed, disclose, clos\n" ZERO },
    { .name = "an empty list",
      EXCHANGE_BYTES(OK_LINE "Connection: , ,\r\n" EMPTY),
      TAKEN,
      .headers = "Connection: , ,\n" ZERO },
    { .name = "1.0",
      EXCHANGE_BYTES("HTTP/1.0 200 OK\r\n" EMPTY),
      TAKEN,
      .closes = true,
      .headers = ZERO },
    { .name = "1.0 keep-alive",
      EXCHANGE_BYTES("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n" EMPTY),
      TAKEN,
      .headers = "Connection: Keep-Alive\n" ZERO },
    { .name = "1.0 keep-alive and close",
      EXCHANGE_BYTES("HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\n" EMPTY),
      TAKEN,
      .closes = true,
      .headers = "Connection: keep-alive, close\n" ZERO },
    { .name = "1.0 keep-alive to the end",
      EXCHANGE_BYTES("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nabc"),
      .end = END_CLEAN,
      TAKEN,
      .closes = true,
      .headers = "Connection: keep-alive\n",
      .body = "abc" },
    { .name = "to the end",
      EXCHANGE_BYTES(OK_LINE "A: b\r\n\r\nabc"),
      .end = END_CLEAN,
      TAKEN,
      .closes = true,
      .headers = "A: b\n",
      .body = "abc" },
    { .name = "to the end, empty",
      EXCHANGE_BYTES(OK_LINE "\r\n"),
      .end = END_CLEAN,
      TAKEN,
      .closes = true },
};

/* More lines than the guard notes (GUARD_LINES_NOTED): 31 of the filler, 32, and 33. */
#define TEN_LINES "A: b\r\nC:\r\nE: f\r\nG: h\r\nI: j\r\nK: l\r\nM: n\r\nO: p\r\nQ: r\r\nS: t\r\n"
#define TEN_HEADERS "A: b\nC: \nE: f\nG: h\nI: j\nK: l\nM: n\nO: p\nQ: r\nS: t\n"
#define THIRTY_LINES TEN_LINES TEN_LINES TEN_LINES
#define THIRTY_HEADERS TEN_HEADERS TEN_HEADERS TEN_HEADERS

static const struct exchange_case long_cases[] = {
    { .name = "32 lines",
      EXCHANGE_BYTES(OK_LINE THIRTY_LINES "U: v\r\nContent-Length: 3\r\n\r\nabc"),
      TAKEN,
      .headers = THIRTY_HEADERS "U: v\nContent-Length: 3\n",
      .body = "abc" },
    { .name = "33 lines",
      EXCHANGE_BYTES(OK_LINE THIRTY_LINES "U: v\r\nW:x : y \r\nContent-Length: 3\r\n\r\nabc"),
      TAKEN,
      .headers = THIRTY_HEADERS "U: v\nW: x : y\nContent-Length: 3\n",
      .body = "abc" },
    { .name = "34 lines, the last one ends the connection",
      EXCHANGE_BYTES(OK_LINE THIRTY_LINES "U: v\r\nW: x\r\nContent-Length: 3\r\n"
                                          "Connection: close\r\n\r\nabc"),
      TAKEN,
      .closes = true,
      .headers = THIRTY_HEADERS "U: v\nW: x\nContent-Length: 3\nConnection: close\n",
      .body = "abc" },
    { .name = "34 lines and then fewer",
      EXCHANGE_BYTES("HTTP/1.1 103 E\r\n" THIRTY_LINES "U: v\r\nW: x\r\nLonger-Name: of a line\r\n"
                     "Y: z\r\n\r\n" OK_LINE "A: b\r\n" EMPTY),
      TAKEN,
      .interim_count = 1,
      .headers = "A: b\n" ZERO },
    { .name = "chunks and trailers behind 32 lines",
      EXCHANGE_BYTES(OK_LINE THIRTY_LINES "U: v\r\nTransfer-Encoding: chunked\r\n\r\n"
                                          "3\r\nabc\r\n0\r\nT: u\r\nV: w\r\n\r\n"),
      TAKEN,
      .headers = THIRTY_HEADERS "U: v\n" CODED,
      .body = "abc" },
};

/* R04: whatever is cut short is no answer. */
static const struct exchange_case cut_cases[] = {
    { .name = "in the version", EXCHANGE_BYTES("HTTP/1."), CUT, .detail = "it ends in its head" },
    { .name = "behind the status",
      EXCHANGE_BYTES("HTTP/1.1 200 OK\r\n"),
      CUT,
      .detail = "it ends in its head" },
    { .name = "in a header", EXCHANGE_BYTES(OK_LINE "A: b"), CUT, .detail = "it ends in its head" },
    { .name = "before the head's last LF",
      EXCHANGE_BYTES(OK_LINE "A: b\r\n\r"),
      CUT,
      .detail = "it ends in its head" },
    { .name = "behind an interim one",
      EXCHANGE_BYTES("HTTP/1.1 100 C\r\n\r\n"),
      CUT,
      .detail = "it ends in its head" },
    { .name = "one byte short of the length",
      EXCHANGE_BYTES(OK_LINE "Content-Length: 4\r\n\r\nabc"),
      CUT,
      .detail = "it ends in its body" },
    { .name = "no body",
      EXCHANGE_BYTES(OK_LINE "Content-Length: 4\r\n\r\n"),
      CUT,
      .detail = "it ends in its body" },
    { .name = "no last chunk",
      EXCHANGE_BYTES(CHUNKED "3\r\nabc\r\n"),
      CUT,
      .detail = "it ends in its body" },
    { .name = "no end behind the last chunk",
      EXCHANGE_BYTES(CHUNKED "3\r\nabc\r\n0\r\n"),
      CUT,
      .detail = "it ends in its body" },
    { .name = "before the last LF",
      EXCHANGE_BYTES(CHUNKED "3\r\nabc\r\n0\r\n\r"),
      CUT,
      .detail = "it ends in its body" },
    { .name = "in a trailer",
      EXCHANGE_BYTES(CHUNKED "0\r\nT: x\r\n"),
      CUT,
      .detail = "it ends in its body" },
    { .name = "to the end, without close_notify",
      EXCHANGE_BYTES(OK_LINE "\r\nabc"),
      .end = END_UNCLEAN,
      .progress = RESPONSE_INVALID,
      .error = QUOIT_E_INCOMPLETE,
      .detail = "it ends without TLS close_notify" },
};

static void test_valid_heads_are_taken_as_they_stand(void)
{
    exchange_check_all(head_cases, COUNT_OF(head_cases));
}

static void test_a_head_of_many_lines_is_cut_as_one_of_few(void)
{
    exchange_check_all(long_cases, COUNT_OF(long_cases));
}

static void test_chunks_are_joined_and_trailers_dropped(void)
{
    exchange_check_all(chunk_cases, COUNT_OF(chunk_cases));
}

static void test_bodiless_responses_have_no_body_whatever_headers_say(void)
{
    exchange_check_all(bodiless_cases, COUNT_OF(bodiless_cases));
}

static void test_a_connection_is_kept_only_where_both_sides_agree(void)
{
    exchange_check_all(connection_cases, COUNT_OF(connection_cases));
}

static void test_what_is_cut_short_is_incomplete(void)
{
    exchange_check_all(cut_cases, COUNT_OF(cut_cases));
}

static void test_an_end_before_the_first_byte_is_incomplete_and_not_started(void)
{
    struct exchange exchange;
    const struct exchange_case none = { .end = END_CLEAN };

    exchange_init(&exchange);
    struct exchange_outcome got = exchange_run(&exchange, &none, "", 0, 1, 1);
    CHECK_EQ(got.error, QUOIT_E_INCOMPLETE);
    CHECK_STR(got.detail, "nothing came");
    CHECK(!got.started);
    got = exchange_run(&exchange, &none, "H", 1, 1, 1);
    CHECK(got.started);
    exchange_free(&exchange);
}

/* R01: one response is one response, and what lies behind it is somebody else's. */
static void test_responses_in_a_row_come_out_one_by_one(void)
{
    static const char row[] = OK_LINE "Content-Length: 1\r\n\r\n1" CHUNKED "1\r\n2\r\n0\r\n\r\n"
                                      "HTTP/1.1 204 N\r\nContent-Length: 7\r\n\r\n" OK_LINE "\r\n4";
    static const char *const bodies[] = { "1", "2", "", "4" };
    const struct exchange_case none = { 0 };
    struct exchange exchange;
    size_t done = 0;

    exchange_init(&exchange);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        size_t consumed = 0;
        exchange_begin(&exchange, &none);
        enum response_progress progress =
            exchange_feed(&exchange, row + done, sizeof(row) - 1 - done, &consumed);
        CHECK_EQ(progress, i < 3 ? RESPONSE_COMPLETE : RESPONSE_INCOMPLETE);
        CHECK_MEM(exchange.body.size == 0 ? "" : exchange.body.bytes, exchange.body.size, bodies[i],
                  strlen(bodies[i]));
        done += consumed;
    }
    CHECK_EQ(done, sizeof(row) - 1);
    CHECK(exchange.response.ends_with_close);
    exchange_free(&exchange);
}

static void test_status_and_headers_are_readable_before_the_body(void)
{
    const struct exchange_case none = { 0 };
    struct exchange exchange;
    size_t consumed;

    exchange_init(&exchange);
    exchange_begin(&exchange, &none);
    const struct response *response = &exchange.response;
    CHECK_EQ(exchange_feed(&exchange, "HTTP/1.1 404 N\r\nContent-Length: 2\r\n\r", 36, &consumed),
             RESPONSE_INCOMPLETE);
    CHECK(!response->head_done);
    CHECK_EQ(response->headers_count, 0);
    CHECK_EQ(exchange_feed(&exchange, "\n", 1, &consumed), RESPONSE_INCOMPLETE);
    CHECK(response->head_done);
    CHECK_EQ(response->status, 404);
    CHECK(response->has_length);
    CHECK_EQ(response->length, 2);
    CHECK(!response->ends_with_close);
    CHECK_STR(header_find(response_headers(response), response->headers_count, "CONTENT-length"),
              "2");
    CHECK(header_find(response_headers(response), response->headers_count, "Content") == NULL);
    exchange_free(&exchange);
}

/* A head that is refused in its middle leaves nothing to read. */
static void test_a_refused_head_shows_no_headers(void)
{
    static const char bytes[] = OK_LINE "A: b\r\nC: d\r\n\x01";
    const struct exchange_case none = { 0 };
    struct exchange exchange;

    exchange_init(&exchange);
    struct exchange_outcome got =
        exchange_run(&exchange, &none, bytes, sizeof(bytes) - 1, SIZE_MAX, SIZE_MAX);
    CHECK_EQ(got.progress, RESPONSE_INVALID);
    CHECK(!got.head_done);
    CHECK_STR(got.headers, "");
    CHECK_EQ(exchange.text.size, 0);
    exchange_free(&exchange);
}

static void test_a_warm_codec_allocates_nothing(void)
{
    if (!BUFFER_KEEPS_ROOM) {
        return; /* make GUARD=1 keeps nothing */
    }
    const struct exchange_case none = { 0 };
    struct exchange exchange;

    exchange_init(&exchange);
    exchange_run(&exchange, &none, head_cases[10].bytes, head_cases[10].size, SIZE_MAX, SIZE_MAX);
    exchange_run(&exchange, &none, chunk_cases[3].bytes, chunk_cases[3].size, SIZE_MAX, SIZE_MAX);
    const char *text = exchange.text.bytes, *headers = exchange.headers.bytes;
    const char *body = exchange.body.bytes;
    struct llhttp_state *parser = exchange.response.parser;
    for (int i = 0; i < 3; i++) {
        exchange_run(&exchange, &none, head_cases[10].bytes, head_cases[10].size, 1, 1);
        exchange_run(&exchange, &none, chunk_cases[3].bytes, chunk_cases[3].size, 1, 1);
    }
    CHECK(exchange.text.bytes == text);
    CHECK(exchange.headers.bytes == headers);
    CHECK(exchange.body.bytes == body);
    CHECK(exchange.response.parser == parser);
    exchange_free(&exchange);
}

int main(void)
{
    RUN(test_valid_heads_are_taken_as_they_stand);
    RUN(test_a_head_of_many_lines_is_cut_as_one_of_few);
    RUN(test_chunks_are_joined_and_trailers_dropped);
    RUN(test_bodiless_responses_have_no_body_whatever_headers_say);
    RUN(test_a_connection_is_kept_only_where_both_sides_agree);
    RUN(test_what_is_cut_short_is_incomplete);
    RUN(test_an_end_before_the_first_byte_is_incomplete_and_not_started);
    RUN(test_responses_in_a_row_come_out_one_by_one);
    RUN(test_status_and_headers_are_readable_before_the_body);
    RUN(test_a_refused_head_shows_no_headers);
    RUN(test_a_warm_codec_allocates_nothing);
    return check_done();
}
