/*
 * http_guard: what is refused, and the word for it. Each case is also cut everywhere, and the
 * limits are tried at limit - 1, limit and limit + 1. (R06 R07 R08 R09 R12 R13 R14)
 */
#include "tests/unit/http_exchange.h"

#include "base/bits.h"

#define REFUSED(title, text, why)                                                                  \
    {                                                                                              \
        .name = (title), EXCHANGE_BYTES(text), .progress = RESPONSE_INVALID,                       \
        .error = QUOIT_E_PROTOCOL, .detail = (why)                                                 \
    }
#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"

#define NOT_HTTP "not an HTTP response"
#define VERSION "an HTTP version other than 1.0 and 1.1"
#define STATUS "a status that is not a number from 100 to 599"
#define BARE_LF "a line ends with a bare LF"
#define BARE_CR "a CR without LF"
#define CONTROL "a control character in the head"
#define NUL "a NUL in the head"
#define TOKEN_NAME "a header name with a character that no token has"
#define BLANK_NAME "a blank in or behind a header name"
#define NO_COLON "a header line without a colon"
#define FOLDED "a header goes on in the next line"
#define LENGTH "Content-Length is not a number"
#define LENGTH_BEYOND "Content-Length beyond 64 bits"
#define LENGTHS "Content-Length more than once"
#define LENGTH_AND_CODING "Content-Length and Transfer-Encoding"
#define CODING "Transfer-Encoding other than chunked"
#define FRAMES "a trailer that frames a message"
#define SIZE "a chunk's size that is not a hex number"

/* R09: the status line. */
static const struct exchange_case status_cases[] = {
    REFUSED("garbage", "garbage\r\n\r\n", NOT_HTTP),
    REFUSED("a blank first", " HTTP/1.1 200 OK\r\n\r\n", NOT_HTTP),
    REFUSED("lower case", "http/1.1 200 OK\r\n\r\n", NOT_HTTP),
    REFUSED("HTTPS", "HTTPS/1.1 200 OK\r\n\r\n", NOT_HTTP),
    REFUSED("RTSP", "RTSP/1.1 200 OK\r\n\r\n", NOT_HTTP),
    REFUSED("ICY", "ICY 200 OK\r\n\r\n", NOT_HTTP),
    REFUSED("a TLS alert", "\x15\x03\x01\x00\x02\x02\x50",
            "not an HTTP response; is it https:// and not http://?"),
    REFUSED("a TLS handshake", "\x16\x03\x01\x00\x02\x02\x50", NOT_HTTP),
    REFUSED("a NUL first", "\0HTTP/1.1 200 OK\r\n\r\n", NOT_HTTP),
    REFUSED("an LF first", "\nHTTP/1.1 200 OK\r\n\r\n", NOT_HTTP),
    REFUSED("a CR first", "\rHTTP/1.1 200 OK\r\n\r\n", BARE_CR),
    REFUSED("version 0.9", "HTTP/0.9 200 OK\r\n\r\n", VERSION),
    REFUSED("version 1.2", "HTTP/1.2 200 OK\r\n\r\n", VERSION),
    REFUSED("version 2.0", "HTTP/2.0 200 OK\r\n\r\n", VERSION),
    REFUSED("version 2", "HTTP/2 200 OK\r\n\r\n", VERSION),
    REFUSED("version 1.10", "HTTP/1.10 200 OK\r\n\r\n", VERSION),
    REFUSED("version 01.1", "HTTP/01.1 200 OK\r\n\r\n", VERSION),
    REFUSED("version 1", "HTTP/1 200 OK\r\n\r\n", VERSION),
    REFUSED("a tab behind the version", "HTTP/1.1\t200 OK\r\n\r\n", VERSION),
    REFUSED("two blanks", "HTTP/1.1  200 OK\r\n\r\n", "more than one blank before the status"),
    REFUSED("a blank and a tab", "HTTP/1.1 \t200 OK\r\n\r\n",
            "more than one blank before the status"),
    REFUSED("a tab in the status", "HTTP/1.1 2\t0 OK\r\n\r\n", STATUS),
    REFUSED("a lone CR in the status", "HTTP/1.1 2\r0 OK\r\n\r\n", STATUS),
    REFUSED("a control character in the status",
            "HTTP/1.1 2\x01"
            "0 OK\r\n\r\n",
            CONTROL),
    REFUSED("DEL in the status",
            "HTTP/1.1 2\x7f"
            "0 OK\r\n\r\n",
            CONTROL),
    REFUSED("status 000", "HTTP/1.1 000 OK\r\n\r\n", STATUS),
    REFUSED("status 99", "HTTP/1.1 99 OK\r\n\r\n", STATUS),
    REFUSED("status 099", "HTTP/1.1 099 OK\r\n\r\n", STATUS),
    REFUSED("status 600", "HTTP/1.1 600 OK\r\n\r\n", STATUS),
    REFUSED("status 999", "HTTP/1.1 999 OK\r\n\r\n", STATUS),
    REFUSED("status 20", "HTTP/1.1 20 OK\r\n\r\n", STATUS),
    REFUSED("status 2000", "HTTP/1.1 2000 OK\r\n\r\n", STATUS),
    REFUSED("status 2O0", "HTTP/1.1 2O0 OK\r\n\r\n", STATUS),
    REFUSED("status -200", "HTTP/1.1 -200 OK\r\n\r\n", STATUS),
    REFUSED("no status", "HTTP/1.1\r\n\r\n", VERSION),
    REFUSED("a tab behind the status", "HTTP/1.1 200\tOK\r\n\r\n", STATUS),
    REFUSED("a status line that ends in LF", "HTTP/1.1 200 OK\n\r\n", BARE_LF),
    REFUSED("LF right behind the status", "HTTP/1.1 200\n\r\n", BARE_LF),
    REFUSED("a NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n", NUL),
    REFUSED("an ESC in the reason", "HTTP/1.1 200 \x1b[2J\r\n\r\n", CONTROL),
    REFUSED("a DEL in the reason", "HTTP/1.1 200 OK\x7f\r\n\r\n", CONTROL),
    REFUSED("a DEL deep in the reason", "HTTP/1.1 200 0123456\x7f\x39\x30\r\n\r\n", CONTROL),
    REFUSED("a CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", BARE_CR),
};

/* R09: header lines. */
static const struct exchange_case header_cases[] = {
    REFUSED("an empty name", OK_LINE ": x\r\n\r\n", "a header without a name"),
    REFUSED("a name alone", OK_LINE "Name\r\n\r\n", NO_COLON),
    REFUSED("a blank before the colon", OK_LINE "Name : x\r\n\r\n", BLANK_NAME),
    REFUSED("a tab before the colon", OK_LINE "Name\t: x\r\n\r\n", BLANK_NAME),
    REFUSED("a blank in the name", OK_LINE "Na me: x\r\n\r\n", BLANK_NAME),
    REFUSED("a NUL in the name", OK_LINE "Na\0me: x\r\n\r\n", NUL),
    REFUSED("a NUL as the name", OK_LINE "\0: x\r\n\r\n", NUL),
    REFUSED("an LF in the name", OK_LINE "Na\nme: x\r\n\r\n", BARE_LF),
    REFUSED("brackets in the name", OK_LINE "Na(m)e: x\r\n\r\n", TOKEN_NAME),
    REFUSED("a quote as the name", OK_LINE "\"Name\": x\r\n\r\n", TOKEN_NAME),
    REFUSED("UTF-8 in the name", OK_LINE "N\xc3\xa4me: x\r\n\r\n", TOKEN_NAME),
    REFUSED("a blank before the first", OK_LINE " A: x\r\n\r\n", "a blank before the first header"),
    REFUSED("a tab before the first", OK_LINE "\tA: x\r\n\r\n", "a blank before the first header"),
    REFUSED("a folded value", OK_LINE "A: x\r\n y\r\n\r\n", FOLDED),
    REFUSED("folded with a tab", OK_LINE "A: x\r\n\ty\r\n\r\n", FOLDED),
    REFUSED("an empty fold", OK_LINE "A: x\r\n \r\n\r\n", FOLDED),
    REFUSED("TE in a fold", OK_LINE "A: x\r\n Transfer-Encoding: chunked\r\n\r\n", FOLDED),
    REFUSED("a NUL in the value", OK_LINE "A: x\0y\r\n\r\n", NUL),
    REFUSED("a NUL as the value", OK_LINE "A:\0\r\n\r\n", NUL),
    REFUSED("an ESC in the value", OK_LINE "A: x\x1by\r\n\r\n", CONTROL),
    REFUSED("a DEL in the value", OK_LINE "A: 0123456789\x7fyz\r\n\r\n", CONTROL),
    REFUSED("a value that ends in LF", OK_LINE "A: x\nB: y\r\n\r\n", BARE_LF),
    REFUSED("an empty value that ends in LF", OK_LINE "A:\nB: y\r\n\r\n", BARE_LF),
    REFUSED("a CR in the value", OK_LINE "A: x\ry\r\n\r\n", BARE_CR),
    REFUSED("TE behind a bare CR", OK_LINE "A:\rTransfer-Encoding: chunked\r\n\r\n", BARE_CR),
    REFUSED("two CRs", OK_LINE "A: x\r\r\n\r\n", BARE_CR),
    REFUSED("an empty line that ends in LF", OK_LINE "A: x\r\n\n", BARE_LF),
    REFUSED("an LF before the first header", OK_LINE "\nA: x\r\n\r\n", BARE_LF),
    REFUSED("CRLF CR X", OK_LINE "A: x\r\n\rX", BARE_CR),
    REFUSED("LF alone throughout", "HTTP/1.1 200 OK\nA: x\n\nbody", BARE_LF),
};

/* R06, R07: more than one way to find the end. */
static const struct exchange_case frame_cases[] = {
    REFUSED("CL -1", OK_LINE "Content-Length: -1\r\n\r\n", LENGTH),
    REFUSED("CL +3", OK_LINE "Content-Length: +3\r\n\r\nabc", LENGTH),
    REFUSED("CL 0x3", OK_LINE "Content-Length: 0x3\r\n\r\nabc", LENGTH),
    REFUSED("CL 3 4", OK_LINE "Content-Length: 3 4\r\n\r\nabc", LENGTH),
    REFUSED("CL empty", OK_LINE "Content-Length:\r\n\r\nabc", LENGTH),
    REFUSED("CL blank", OK_LINE "Content-Length:  \r\n\r\nabc", LENGTH),
    REFUSED("CL x before another header", OK_LINE "Content-Length: x\r\nA: b\r\n\r\n", LENGTH),
    REFUSED("CL 2^64", OK_LINE "Content-Length: 18446744073709551616\r\n\r\n", LENGTH_BEYOND),
    REFUSED("CL of 30 digits", OK_LINE "Content-Length: 100000000000000000000000000000\r\n\r\n",
            LENGTH_BEYOND),
    REFUSED("CL 3,4", OK_LINE "Content-Length: 3,4\r\n\r\nabc", LENGTH),
    REFUSED("CL 3, 3", OK_LINE "Content-Length: 3, 3\r\n\r\nabc", LENGTH),
    REFUSED("CL 3.0", OK_LINE "Content-Length: 3.0\r\n\r\nabc", LENGTH),
    REFUSED("CL word", OK_LINE "Content-Length: three\r\n\r\nabc", LENGTH),
    REFUSED("two CLs", OK_LINE "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", LENGTHS),
    REFUSED("CL repeated", OK_LINE "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", LENGTHS),
    REFUSED("CL repeated in other case",
            OK_LINE "Content-Length: 3\r\ncontent-LENGTH: 3\r\n\r\nabc", LENGTHS),
    REFUSED("CL 0 repeated", OK_LINE "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", LENGTHS),
    REFUSED("CL then TE",
            OK_LINE "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            LENGTH_AND_CODING),
    REFUSED("TE then CL",
            OK_LINE "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            LENGTH_AND_CODING),
    REFUSED("CL 0 then TE", OK_LINE "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
            LENGTH_AND_CODING),
    REFUSED("304 with CL and TE",
            "HTTP/1.1 304 N\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            LENGTH_AND_CODING),
    REFUSED("TE xchunked", OK_LINE "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", CODING),
    REFUSED("TE chunkedchunked", OK_LINE "Transfer-Encoding: chunkedchunked\r\n\r\n", CODING),
    REFUSED("TE gzip", OK_LINE "Transfer-Encoding: gzip\r\n\r\nbody", CODING),
    REFUSED("TE identity", OK_LINE "Transfer-Encoding: identity\r\n\r\nbody", CODING),
    REFUSED("TE empty", OK_LINE "Transfer-Encoding:\r\n\r\nbody", CODING),
    REFUSED("TE gzip, chunked", OK_LINE "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            CODING),
    REFUSED("TE chunked, gzip", OK_LINE "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            CODING),
    REFUSED("TE chunked, identity", OK_LINE "Transfer-Encoding: chunked, identity\r\n\r\n", CODING),
    REFUSED("TE chunked, chunked", OK_LINE "Transfer-Encoding: chunked, chunked\r\n\r\n", CODING),
    REFUSED("TE ,chunked", OK_LINE "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", CODING),
    REFUSED("TE chunked,", OK_LINE "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", CODING),
    REFUSED("TE chunked;q=1", OK_LINE "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", CODING),
    REFUSED("TE quoted", OK_LINE "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", CODING),
    REFUSED("TE gzip and chunked in two lines",
            OK_LINE "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            CODING),
    REFUSED("TE chunked and gzip in two lines",
            OK_LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding more than once"),
    REFUSED("TE chunked in two lines",
            OK_LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding more than once"),
    REFUSED("TE in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding in HTTP/1.0"),
    REFUSED("TE in 204 of HTTP/1.0", "HTTP/1.0 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Transfer-Encoding in HTTP/1.0"),
    REFUSED("TE gzip in an interim one", "HTTP/1.1 103 E\r\nTransfer-Encoding: gzip\r\n\r\n",
            CODING),
};

/* R08: chunks and trailers. */
static const struct exchange_case chunk_cases[] = {
    REFUSED("a word as size", CHUNKED "xyz\r\nabc\r\n0\r\n\r\n", SIZE),
    REFUSED("no size", CHUNKED "\r\nabc\r\n0\r\n\r\n", SIZE),
    REFUSED("an extension without size", CHUNKED ";a=b\r\n\r\n", SIZE),
    REFUSED("size -1", CHUNKED "-1\r\nabc\r\n0\r\n\r\n", SIZE),
    REFUSED("size +3", CHUNKED "+3\r\nabc\r\n0\r\n\r\n", SIZE),
    REFUSED("size 0x3", CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", SIZE),
    REFUSED("a blank behind the size", CHUNKED "3 \r\nabc\r\n0\r\n\r\n", SIZE),
    REFUSED("a blank before the size", CHUNKED " 3\r\nabc\r\n0\r\n\r\n", SIZE),
    REFUSED("a blank before the extension", CHUNKED "3 ;a=b\r\nabc\r\n0\r\n\r\n", SIZE),
    REFUSED("a size line that ends in LF", CHUNKED "3\nabc\r\n0\r\n\r\n", SIZE),
    REFUSED("a size line with a bare CR", CHUNKED "3\rabc\r\n0\r\n\r\n", BARE_CR),
    REFUSED("17 digits", CHUNKED "fffffffffffffffff\r\nabc",
            "a chunk's size of more than 16 digits"),
    REFUSED("17 zeros", CHUNKED "00000000000000000\r\n\r\n",
            "a chunk's size of more than 16 digits"),
    REFUSED("2^64 + 3", CHUNKED "10000000000000003\r\nabc\r\n",
            "a chunk's size of more than 16 digits"),
    REFUSED("data longer than the size", CHUNKED "3\r\nabcXX0\r\n\r\n",
            "no CR where a line must end"),
    REFUSED("data that ends in LF", CHUNKED "3\r\nabc\n0\r\n\r\n", "no CR where a line must end"),
    REFUSED("data that ends in CR", CHUNKED "3\r\nabc\r0\r\n\r\n", BARE_CR),
    REFUSED("a NUL in an extension", CHUNKED "3;a\0b\r\nabc\r\n0\r\n\r\n",
            "a control character in a chunk extension"),
    REFUSED("an LF in an extension", CHUNKED "3;a\nabc\r\n0\r\n\r\n",
            "a control character in a chunk extension"),
    REFUSED("an extension that is empty", CHUNKED "3;\r\nabc\r\n0\r\n\r\n", NULL),
    REFUSED("an open quote", CHUNKED "3;a=\"b\r\nabc\r\n0\r\n\r\n", NULL),
    REFUSED("a trailer without a name", CHUNKED "0\r\n: x\r\n\r\n", "a header without a name"),
    REFUSED("a trailer without a colon", CHUNKED "0\r\nName\r\n\r\n", NO_COLON),
    REFUSED("a trailer that ends in LF", CHUNKED "0\r\nA: x\n\r\n", BARE_LF),
    REFUSED("a folded trailer", CHUNKED "0\r\nA: x\r\n y\r\n\r\n", FOLDED),
    REFUSED("a NUL in a trailer", CHUNKED "0\r\nA: \0\r\n\r\n", NUL),
    REFUSED("a blank in a trailer's name", CHUNKED "0\r\nA : x\r\n\r\n", BLANK_NAME),
    REFUSED("a length in the trailers", CHUNKED "0\r\nContent-Length: 9\r\n\r\n", FRAMES),
    REFUSED("a coding in the trailers", CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n", FRAMES),
    REFUSED("a length behind a trailer", CHUNKED "0\r\nA: b\r\ncontent-LENGTH:0\r\n\r\n", FRAMES),
    REFUSED("trailers that end in LF", CHUNKED "0\r\nA: x\r\n\n", BARE_LF),
    REFUSED("the next response as trailers", CHUNKED "0\r\nHTTP/1.1 200 OK\r\n\r\n", TOKEN_NAME),
};

static void test_a_bad_status_line_is_refused(void)
{
    exchange_check_all(status_cases, COUNT_OF(status_cases));
}

static void test_a_bad_header_line_is_refused(void)
{
    exchange_check_all(header_cases, COUNT_OF(header_cases));
}

static void test_a_message_with_two_ways_to_end_is_refused(void)
{
    exchange_check_all(frame_cases, COUNT_OF(frame_cases));
}

/* R07: whoever reads the coding in another way than we do. llhttp knows no tab behind it. */
static void test_coded_bytes_are_never_a_body(void)
{
    static const char *const codings[] = { "chunked",   "chunked\t", "\tchunked",  "chunked \t ",
                                           "Chunked\t", "xchunked",  "chunked\t;", "chunked,\t" };
    struct exchange exchange;

    exchange_init(&exchange);
    for (size_t i = 0; i < COUNT_OF(codings); i++) {
        char text[128];
        const struct exchange_case to_the_end = { .end = END_CLEAN };
        int size =
            snprintf(text, sizeof(text),
                     OK_LINE "Transfer-Encoding: %s\r\n\r\n3\r\nabc\r\n0\r\n\r\n", codings[i]);
        check_case(codings[i]);
        for (size_t piece = 1; piece <= (size_t)size; piece++) {
            struct exchange_outcome got =
                exchange_run(&exchange, &to_the_end, text, (size_t)size, piece, piece);
            const char *wanted = got.progress == RESPONSE_COMPLETE ? "abc" : "";
            CHECK_MEM(got.body, got.body_kept, wanted, strlen(wanted));
        }
    }
    exchange_free(&exchange);
}

static void test_a_bad_chunk_or_trailer_is_refused(void)
{
    exchange_check_all(chunk_cases, COUNT_OF(chunk_cases));
}

/* No byte but these may follow: tried with all 256 in the middle of each kind of place. */
static void test_every_byte_is_judged_in_every_place(void)
{
    static const struct {
        const char *before, *after;
        const char *allowed; /* besides the blank's and visible ASCII's: see below */
        bool token;
    } places[] = {
        { "HTTP/1.1 204 a", "b\r\n\r\n", "", false },
        { "HTTP/1.1 204 abcdefgh", "ijklmnopq\r\n\r\n", "", false },
        { "HTTP/1.1 204 OK\r\nX: a", "b\r\n\r\n", "", false },
        { "HTTP/1.1 204 OK\r\nX: abcdefghi", "jklmnopqrst\r\n\r\n", "", false },
        { "HTTP/1.1 204 OK\r\nXa", "b: 1\r\n\r\n", ":!#$%&'*+-.^_`|~", true },
        { "HTTP/1.1 204 OK\r\n", "b: 1\r\n\r\n", "!#$%&'*+-.^_`|~", true },
        { "HTTP/1.1 204 OK\r\nX-abcdef", "ghij-klmnopq: 1\r\n\r\n", ":!#$%&'*+-.^_`|~", true },
        { "HTTP/1.1 204 OK\r\nX-abcdefghijklmno", "p-q: 123456789\r\n\r\n", ":!#$%&'*+-.^_`|~",
          true },
    };
    struct exchange exchange;

    exchange_init(&exchange);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[128], name[32];
            int size = snprintf(text, sizeof(text), "%s?%s", places[i].before, places[i].after);
            text[strlen(places[i].before)] = (char)byte;
            snprintf(name, sizeof(name), "place %zu, byte %d", i, byte);
            check_case(name);

            bool alphanumeric = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                                (byte >= 'A' && byte <= 'Z');
            bool wanted = places[i].token
                              ? alphanumeric || (byte != 0 && strchr(places[i].allowed, byte))
                              : byte == '\t' || (byte >= ' ' && byte != 0x7f);
            struct exchange_outcome got = exchange_run(&exchange, &(struct exchange_case){ 0 },
                                                       text, (size_t)size, SIZE_MAX, SIZE_MAX);
            CHECK_EQ(got.progress == RESPONSE_COMPLETE, wanted);
            CHECK(wanted || got.error == QUOIT_E_PROTOCOL);
        }
    }
    exchange_free(&exchange);
}

/* The same bytes under the limit that they need, one more, and one less. */
static void check_limit(const struct exchange_case *fits, uint32_t *limit, uint32_t needs,
                        const char *detail)
{
    struct exchange_case too_large = *fits;
    struct exchange exchange;

    exchange_init(&exchange);
    *limit = needs + 1;
    exchange_check(&exchange, fits);
    *limit = needs;
    exchange_check(&exchange, fits);

    *limit = needs - 1;
    too_large.head_size_max = fits->head_size_max;
    too_large.headers_max = fits->headers_max;
    too_large.progress = RESPONSE_INVALID;
    too_large.error = QUOIT_E_TOO_LARGE;
    too_large.detail = detail;
    exchange_check(&exchange, &too_large);
    exchange_free(&exchange);
}

#define INTERIM "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
#define HEAD_LIMIT "the head is larger than the limit"
#define LINES_LIMIT "more header lines than the limit"

/* R13: status lines, headers and trailers together; the end of the last chunk is not in it. */
static void test_the_head_limit_is_exact(void)
{
    struct exchange_case plain = {
        .name = "head",
        EXCHANGE_BYTES("HTTP/1.1 204 OK\r\nA: b\r\n\r\n"),
        .progress = RESPONSE_COMPLETE,
        .status = 204,
        .headers = "A: b\n",
    };
    check_limit(&plain, &plain.head_size_max, (uint32_t)plain.size, HEAD_LIMIT);

    struct exchange_case interim = {
        .name = "head and interim",
        EXCHANGE_BYTES(INTERIM "HTTP/1.1 204 OK\r\n\r\n"),
        .progress = RESPONSE_COMPLETE,
        .status = 204,
        .interim_count = 1,
    };
    check_limit(&interim, &interim.head_size_max, (uint32_t)interim.size, HEAD_LIMIT);

    struct exchange_case chunked = {
        .name = "head and no trailers",
        EXCHANGE_BYTES(CHUNKED "3\r\nabc\r\n0\r\n\r\n"),
        .progress = RESPONSE_COMPLETE,
        .status = 200,
        .body = "abc",
        .headers = "Transfer-Encoding: chunked\n",
    };
    check_limit(&chunked, &chunked.head_size_max, sizeof(CHUNKED) - 1, HEAD_LIMIT);

    struct exchange_case trailers = {
        .name = "head and trailers",
        EXCHANGE_BYTES(CHUNKED "3\r\nabc\r\n0\r\nT: x\r\n\r\n"),
        .progress = RESPONSE_COMPLETE,
        .status = 200,
        .body = "abc",
        .headers = "Transfer-Encoding: chunked\n",
    };
    check_limit(&trailers, &trailers.head_size_max, sizeof(CHUNKED "T: x\r\n") - 1, HEAD_LIMIT);
}

static void test_the_limit_of_header_lines_is_exact(void)
{
    struct exchange_case plain = {
        .name = "lines",
        EXCHANGE_BYTES("HTTP/1.1 204 OK\r\nA: b\r\nC: d\r\nE: f\r\n\r\n"),
        .progress = RESPONSE_COMPLETE,
        .status = 204,
        .headers = "A: b\nC: d\nE: f\n",
    };
    check_limit(&plain, &plain.headers_max, 3, LINES_LIMIT);

    struct exchange_case trailers = {
        .name = "lines and trailers",
        EXCHANGE_BYTES(INTERIM CHUNKED "0\r\nT: x\r\nU: y\r\n\r\n"),
        .progress = RESPONSE_COMPLETE,
        .status = 200,
        .interim_count = 1,
        .headers = "Transfer-Encoding: chunked\n",
    };
    check_limit(&trailers, &trailers.headers_max, 3, LINES_LIMIT);
}

/* `count` times `unit` between `before` and `after`, and what comes of it. */
static struct exchange_outcome run_repeated(const char *before, const char *unit, uint32_t count,
                                            const char *after, struct exchange_case limits)
{
    struct exchange exchange;
    struct buffer bytes = { 0 };
    bool held = buffer_append(&bytes, before, strlen(before));

    for (uint32_t i = 0; i < count; i++) {
        held = held && buffer_append(&bytes, unit, strlen(unit));
    }
    CHECK(held && buffer_append(&bytes, after, strlen(after)));
    exchange_init(&exchange);
    struct exchange_outcome whole =
        exchange_run(&exchange, &limits, bytes.bytes, bytes.size, SIZE_MAX, SIZE_MAX);
    struct exchange_outcome pieces =
        exchange_run(&exchange, &limits, bytes.bytes, bytes.size, 1, 7);
    exchange_check_same(&pieces, &whole);
    exchange_free(&exchange);
    buffer_free(&bytes);
    return whole;
}

/* R12 */
static void test_interim_responses_are_counted(void)
{
    const struct exchange_case none = { 0 };
    const char *final = "HTTP/1.1 204 OK\r\n\r\n";

    for (uint32_t count = RESPONSE_INTERIM_MAX - 1; count <= RESPONSE_INTERIM_MAX + 1; count++) {
        struct exchange_outcome got = run_repeated("", INTERIM, count, final, none);
        bool fits = count <= RESPONSE_INTERIM_MAX;
        CHECK_EQ(got.progress, fits ? RESPONSE_COMPLETE : RESPONSE_INVALID);
        CHECK_EQ(got.error, fits ? QUOIT_OK : QUOIT_E_TOO_LARGE);
        CHECK_EQ(got.interim_count, fits ? count : RESPONSE_INTERIM_MAX);
    }
}

/* R13 */
static void test_chunk_extensions_are_limited_by_line(void)
{
    const struct exchange_case none = { 0 };
    const char *rest = "\r\nabc\r\n0\r\n\r\n";

    for (uint32_t size = RESPONSE_CHUNK_EXTENSION_MAX - 1; size <= RESPONSE_CHUNK_EXTENSION_MAX + 1;
         size++) {
        struct exchange_outcome got =
            run_repeated(CHUNKED "3;", "x", size - 1, rest, none); /* the ';' counts */
        bool fits = size <= RESPONSE_CHUNK_EXTENSION_MAX;
        CHECK_EQ(got.progress, fits ? RESPONSE_COMPLETE : RESPONSE_INVALID);
        CHECK_EQ(got.error, fits ? QUOIT_OK : QUOIT_E_TOO_LARGE);
    }
    struct exchange_outcome many =
        run_repeated(CHUNKED, "1;extension=here\r\na\r\n", 1000, "0\r\n\r\n", none);
    CHECK_EQ(many.progress, RESPONSE_COMPLETE);
    CHECK_EQ(many.body_size, 1000);
}

/* R13: what has no end ends at the limit, and takes no more memory than that. */
static void test_endless_heads_and_trailers_end_at_the_limit(void)
{
    const struct exchange_case limits = { .head_size_max = 5000, .headers_max = 100000 };
    static const struct {
        const char *name, *before, *unit;
    } endless[] = {
        { "reason", "HTTP/1.1 200 ", "x" },
        { "name", OK_LINE, "x" },
        { "value", OK_LINE "A: ", "x" },
        { "headers", OK_LINE, "A: b\r\n" },
        { "interim headers", "HTTP/1.1 100 Continue\r\n", "A: b\r\n" },
        { "empty lines", "", "\r\n" },
        { "trailers", CHUNKED "0\r\n", "A: b\r\n" },
    };

    for (size_t i = 0; i < COUNT_OF(endless); i++) {
        check_case(endless[i].name);
        struct exchange_outcome got =
            run_repeated(endless[i].before, endless[i].unit, 10000, "", limits);
        CHECK_EQ(got.error, QUOIT_E_TOO_LARGE);
        CHECK(got.consumed >= 5000 && got.consumed <= 5005); /* "0\r\n" and the end of chunks */
    }
}

/* R14: whatever says how long the body is. */
static void test_the_body_limit_is_exact(void)
{
    static const struct {
        const char *name, *before, *unit, *after;
        enum exchange_end end;
    } bodies[] = {
        { "to the end", OK_LINE "\r\n", "x", "", END_CLEAN },
        { "chunks of one", CHUNKED, "1\r\nx\r\n", "0\r\n\r\n", END_NONE },
    };

    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        for (uint32_t size = 99; size <= 101; size++) {
            const struct exchange_case limits = { .body_size_max = 100, .end = bodies[i].end };
            struct exchange_outcome got =
                run_repeated(bodies[i].before, bodies[i].unit, size, bodies[i].after, limits);
            check_case(bodies[i].name);
            CHECK_EQ(got.progress, size <= 100 ? RESPONSE_COMPLETE : RESPONSE_INVALID);
            CHECK_EQ(got.error, size <= 100 ? QUOIT_OK : QUOIT_E_TOO_LARGE);
            CHECK_EQ(got.body_size, size <= 100 ? size : 100);
        }
    }
}

static const struct exchange_case large_cases[] = {
    { .name = "CL at the limit",
      EXCHANGE_BYTES(OK_LINE "Content-Length: 3\r\n\r\nabc"),
      .body_size_max = 3,
      .progress = RESPONSE_COMPLETE,
      .status = 200,
      .body = "abc",
      .headers = "Content-Length: 3\n" },
    { .name = "CL above the limit",
      EXCHANGE_BYTES(OK_LINE "Content-Length: 4\r\n\r\nabcd"),
      .body_size_max = 3,
      .progress = RESPONSE_INVALID,
      .error = QUOIT_E_TOO_LARGE,
      .detail = "Content-Length is above the limit" },
    { .name = "CL 2^63 - 1",
      EXCHANGE_BYTES(OK_LINE "Content-Length: 9223372036854775807\r\n\r\nx"),
      .progress = RESPONSE_INVALID,
      .error = QUOIT_E_TOO_LARGE,
      .detail = "Content-Length is above the limit" },
    { .name = "CL 2^64 - 1 to HEAD",
      EXCHANGE_BYTES(OK_LINE "Content-Length: 18446744073709551615\r\n\r\n"),
      .to_head = true,
      .progress = RESPONSE_COMPLETE,
      .status = 200,
      .headers = "Content-Length: 18446744073709551615\n" },
    { .name = "a chunk of 2^64 - 1, then the end",
      EXCHANGE_BYTES(CHUNKED "ffffffffffffffff\r\nabc"),
      .end = END_CLEAN,
      .progress = RESPONSE_INVALID,
      .error = QUOIT_E_INCOMPLETE },
    { .name = "a chunk above the limit",
      EXCHANGE_BYTES(CHUNKED "4\r\nabcd\r\n0\r\n\r\n"),
      .body_size_max = 3,
      .progress = RESPONSE_INVALID,
      .error = QUOIT_E_TOO_LARGE,
      .detail = "the body is larger than the limit" },
    { .name = "100 that says close",
      EXCHANGE_BYTES("HTTP/1.1 100 C\r\nConnection: close\r\n\r\n" OK_LINE "\r\n"),
      .progress = RESPONSE_INVALID,
      .error = QUOIT_E_PROTOCOL,
      .detail = "an interim response that ends the connection" },
    { .name = "100 of 1.0",
      EXCHANGE_BYTES("HTTP/1.0 100 C\r\n\r\n" OK_LINE "\r\n"),
      .progress = RESPONSE_INVALID,
      .error = QUOIT_E_PROTOCOL,
      .detail = "an interim response that ends the connection" },
    { .name = "101, unasked",
      EXCHANGE_BYTES("HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n"),
      .progress = RESPONSE_INVALID,
      .error = QUOIT_E_PROTOCOL,
      .detail = "101 Switching Protocols, unasked" },
    { .name = "101 behind 100",
      EXCHANGE_BYTES("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 101 S\r\n\r\n"),
      .progress = RESPONSE_INVALID,
      .error = QUOIT_E_PROTOCOL,
      .detail = "101 Switching Protocols, unasked" },
};

static void test_announced_sizes_are_not_believed(void)
{
    exchange_check_all(large_cases, COUNT_OF(large_cases));
}

int main(void)
{
    RUN(test_a_bad_status_line_is_refused);
    RUN(test_a_bad_header_line_is_refused);
    RUN(test_a_message_with_two_ways_to_end_is_refused);
    RUN(test_coded_bytes_are_never_a_body);
    RUN(test_a_bad_chunk_or_trailer_is_refused);
    RUN(test_every_byte_is_judged_in_every_place);
    RUN(test_the_head_limit_is_exact);
    RUN(test_the_limit_of_header_lines_is_exact);
    RUN(test_interim_responses_are_counted);
    RUN(test_chunk_extensions_are_limited_by_line);
    RUN(test_endless_heads_and_trailers_end_at_the_limit);
    RUN(test_the_body_limit_is_exact);
    RUN(test_announced_sizes_are_not_believed);
    return check_done();
}
