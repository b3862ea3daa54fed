/*
 * cases_framing_test: where an answer ends. R06 (Content-Length), R07 (Transfer-Encoding), R08
 * (chunks), and R31 for all of them that are accepted. Live, plain and TLS, in each mode of
 * cases.h.
 */
#include "tests/live/cases.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define LENGTH(value) CASES_BYTES(OK_LINE "Content-Length:" value "\r\n\r\nabc")
#define CODED(lines) CASES_BYTES(OK_LINE lines "\r\n3\r\nabc\r\n0\r\n\r\n")
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"
#define TAKEN .status = 200, .body = "abc"
#define REFUSED .error = QUOIT_E_PROTOCOL
#define TWICE .detail = "Content-Length more than once"
#define NO_NUMBER .detail = "Content-Length is not a number"
#define OTHER .detail = "Transfer-Encoding other than chunked"
#define AGAIN .detail = "Transfer-Encoding more than once"

static const struct cases_row length_rows[] = {
    { .name = "R06 3", LENGTH(" 3"), TAKEN, .header = "Content-Length: 3" },
    { .name = "R06 no blank", LENGTH("3"), TAKEN },
    { .name = "R06 blanks around", LENGTH("\t 3  "), TAKEN, .header = "Content-Length: 3" },
    { .name = "R06 zeros before", LENGTH(" 0000003"), TAKEN },
    { .name = "R06 -1", LENGTH(" -1"), REFUSED, NO_NUMBER },
    { .name = "R06 -0", LENGTH(" -0"), REFUSED, NO_NUMBER },
    { .name = "R06 +3", LENGTH(" +3"), REFUSED, NO_NUMBER },
    { .name = "R06 0x3", LENGTH(" 0x3"), REFUSED, NO_NUMBER },
    { .name = "R06 3 4", LENGTH(" 3 4"), REFUSED, NO_NUMBER },
    { .name = "R06 3,4", LENGTH(" 3,4"), REFUSED, NO_NUMBER },
    { .name = "R06 3, 3", LENGTH(" 3, 3"), REFUSED, NO_NUMBER },
    { .name = "R06 3;", LENGTH(" 3;"), REFUSED, NO_NUMBER },
    { .name = "R06 3.0", LENGTH(" 3.0"), REFUSED, NO_NUMBER },
    { .name = "R06 3e0", LENGTH(" 3e0"), REFUSED, NO_NUMBER },
    { .name = "R06 quoted", LENGTH(" \"3\""), REFUSED, NO_NUMBER },
    { .name = "R06 a digit that is not ASCII", LENGTH(" \xd9\xa3"), REFUSED, NO_NUMBER },
    { .name = "R06 empty", LENGTH(""), REFUSED, NO_NUMBER },
    { .name = "R06 blank", LENGTH("  "), REFUSED, NO_NUMBER },
    { .name = "R06 2^64", LENGTH(" 18446744073709551616"), REFUSED },
    { .name = "R06 2^64 + 3", LENGTH(" 18446744073709551619"), REFUSED },
    { .name = "R06 2^128 + 3", LENGTH(" 340282366920938463463374607431768211459"), REFUSED },
    { .name = "R06 two", LENGTH(" 3\r\nContent-Length: 4"), REFUSED, TWICE },
    { .name = "R06 two alike", LENGTH(" 3\r\nContent-Length: 3"), REFUSED, TWICE },
    { .name = "R06 two, one in another case", LENGTH(" 3\r\ncontent-length: 3"), REFUSED, TWICE },
    { .name = "R06 two, others between",
      LENGTH(" 3\r\nA: b\r\nC: d\r\nContent-Length: 2"),
      REFUSED },
    { .name = "R06 length and chunks",
      CODED("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
      REFUSED,
      .detail = "Content-Length and Transfer-Encoding" },
    { .name = "R06 chunks and length",
      CODED("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
      REFUSED,
      .detail = "Content-Length and Transfer-Encoding" },
};

static const struct cases_row coding_rows[] = {
    { .name = "R07 chunked", CODED("Transfer-Encoding: chunked\r\n"), TAKEN },
    { .name = "R07 another case", CODED("TRANSFER-ENCODING:\tChUnKeD \r\n"), TAKEN },
    { .name = "R07 xchunked", CODED("Transfer-Encoding: xchunked\r\n"), REFUSED, OTHER },
    { .name = "R07 chunkedx", CODED("Transfer-Encoding: chunkedx\r\n"), REFUSED, OTHER },
    { .name = "R07 gzip", CODED("Transfer-Encoding: gzip\r\n"), REFUSED, OTHER },
    { .name = "R07 gzip, chunked", CODED("Transfer-Encoding: gzip, chunked\r\n"), REFUSED, OTHER },
    { .name = "R07 gzip and chunked in two lines",
      CODED("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
      REFUSED },
    { .name = "R07 chunked and gzip in two lines",
      CODED("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"),
      REFUSED,
      AGAIN },
    { .name = "R07 chunked, identity",
      CODED("Transfer-Encoding: chunked, identity\r\n"),
      REFUSED,
      OTHER },
    { .name = "R07 identity, chunked",
      CODED("Transfer-Encoding: identity, chunked\r\n"),
      REFUSED,
      OTHER },
    { .name = "R07 identity", CODED("Transfer-Encoding: identity\r\n"), REFUSED, OTHER },
    { .name = "R07 chunked, chunked",
      CODED("Transfer-Encoding: chunked, chunked\r\n"),
      REFUSED,
      OTHER },
    { .name = "R07 chunked in two lines",
      CODED("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
      REFUSED,
      AGAIN },
    { .name = "R07 chunked;q=1", CODED("Transfer-Encoding: chunked;q=1\r\n"), REFUSED, OTHER },
    { .name = "R07 quoted", CODED("Transfer-Encoding: \"chunked\"\r\n"), REFUSED, OTHER },
    { .name = "R07 a comma before", CODED("Transfer-Encoding: ,chunked\r\n"), REFUSED, OTHER },
    { .name = "R07 a comma behind", CODED("Transfer-Encoding: chunked,\r\n"), REFUSED, OTHER },
    { .name = "R07 empty", CODED("Transfer-Encoding:\r\n"), REFUSED, OTHER },
    { .name = "R07 a vertical tab", CODED("Transfer-Encoding: \vchunked\r\n"), REFUSED },
    { .name = "R07 in HTTP/1.0",
      CASES_BYTES("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
      REFUSED,
      .detail = "Transfer-Encoding in HTTP/1.0" },
};

#define CHUNKS(text) CASES_BYTES(CHUNKED text)
#define BROKEN .error = QUOIT_E_PROTOCOL, .status = 200
#define CUT .end = CASES_CLOSE, .error = QUOIT_E_INCOMPLETE, .status = 200

static const struct cases_row chunk_rows[] = {
    { .name = "R08 one", CHUNKS("3\r\nabc\r\n0\r\n\r\n"), TAKEN },
    { .name = "R08 three", CHUNKS("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"), TAKEN },
    { .name = "R08 none", CHUNKS("0\r\n\r\n"), .status = 200 },
    { .name = "R08 zeros", CHUNKS("0000000000000003\r\nabc\r\n0000\r\n\r\n"), TAKEN },
    { .name = "R08 extensions", CHUNKS("3;a\r\nabc\r\n0;b=c\r\n\r\n"), TAKEN },
    { .name = "R08 trailers", CHUNKS("3\r\nabc\r\n0\r\nA: b\r\nC:\r\n\r\n"), TAKEN },
    { .name = "R08 a length among the trailers",
      CHUNKS("3\r\nabc\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: gzip\r\n\r\n"),
      BROKEN,
      .body = "abc" },
    { .name = "R08 data that looks like chunks",
      CHUNKS("c\r\n0\r\n\r\nHTTP/1.\r\n0\r\n\r\n"),
      .status = 200,
      .body = "0\r\n\r\nHTTP/1." },
    { .name = "R08 no CRLF behind the data, but rubbish",
      CHUNKS("3\r\nabcXX0\r\n\r\n"),
      BROKEN,
      .body = "abc" },
    { .name = "R08 no CRLF behind the data", CHUNKS("3\r\nabc0\r\n\r\n"), BROKEN, .body = "abc" },
    { .name = "R08 LF behind the data", CHUNKS("3\r\nabc\n0\r\n\r\n"), BROKEN, .body = "abc" },
    { .name = "R08 CR X behind the data", CHUNKS("3\r\nabc\rX0\r\n\r\n"), BROKEN, .body = "abc" },
    { .name = "R08 longer than it says", CHUNKS("3\r\nabcd\r\n0\r\n\r\n"), BROKEN, .body = "abc" },
    { .name = "R08 shorter than it says", CHUNKS("3\r\na\r\n0\r\n\r\n"), BROKEN, .body = "a\r\n" },
    { .name = "R08 a size line of LF", CHUNKS("3\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 a last size line of LF", CHUNKS("3\r\nabc\r\n0\n\r\n"), BROKEN, .body = "abc" },
    { .name = "R08 an end of LF", CHUNKS("3\r\nabc\r\n0\r\n\n"), BROKEN, .body = "abc" },
    { .name = "R08 CR X behind a size", CHUNKS("3\rXabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 -1", CHUNKS("-1\r\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 +3", CHUNKS("+3\r\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 0x3", CHUNKS("0x3\r\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 a blank behind", CHUNKS("3 \r\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 a tab behind", CHUNKS("3\t;a\r\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 a blank before", CHUNKS(" 3\r\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 no digit", CHUNKS("\r\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 only an extension", CHUNKS(";a\r\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 not hex", CHUNKS("g\r\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 an underscore", CHUNKS("0_3\r\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 17 digits", CHUNKS("fffffffffffffffff\r\nabc"), BROKEN },
    { .name = "R08 17 digits, a small number",
      CHUNKS("00000000000000003\r\nabc\r\n0\r\n\r\n"),
      BROKEN },
    { .name = "R08 2^64 - 1, then the end", CHUNKS("ffffffffffffffff\r\nabc"), CUT, .body = "abc" },
    { .name = "R08 2^63, then the end", CHUNKS("8000000000000000\r\nabc"), CUT, .body = "abc" },
    { .name = "R08 a control character in an extension",
      CHUNKS("3;a\x01\r\nabc\r\n0\r\n\r\n"),
      BROKEN },
    { .name = "R08 LF in an extension", CHUNKS("3;a\nabc\r\n0\r\n\r\n"), BROKEN },
    { .name = "R08 a trailer without a colon",
      CHUNKS("3\r\nabc\r\n0\r\nA\r\n\r\n"),
      BROKEN,
      .body = "abc" },
    { .name = "R08 a trailer that goes on",
      CHUNKS("3\r\nabc\r\n0\r\nA: b\r\n c\r\n\r\n"),
      BROKEN,
      .body = "abc" },
    { .name = "R08 no end behind the last chunk", CHUNKS("3\r\nabc\r\n0\r\n"), CUT, .body = "abc" },
    { .name = "R08 half an end", CHUNKS("3\r\nabc\r\n0\r\n\r"), CUT, .body = "abc" },
    { .name = "R08 no last chunk", CHUNKS("3\r\nabc\r\n"), CUT, .body = "abc" },
};

static void test_r06_a_length_is_one_number_and_stands_alone(void)
{
    cases_check_all(length_rows, COUNT_OF(length_rows));
}

static void test_r07_one_chunked_is_the_only_coding(void)
{
    cases_check_all(coding_rows, COUNT_OF(coding_rows));
}

static void test_r08_chunks_are_as_the_grammar_has_them(void)
{
    cases_check_all(chunk_rows, COUNT_OF(chunk_rows));
}

static void test_r31_where_it_is_cut_changes_nothing(void)
{
    cases_check_all_splits(length_rows, COUNT_OF(length_rows));
    cases_check_all_splits(coding_rows, COUNT_OF(coding_rows));
    cases_check_all_splits(chunk_rows, COUNT_OF(chunk_rows));
}

int main(void)
{
    if (!cases_start()) {
        return 77;
    }
    RUN(test_r06_a_length_is_one_number_and_stands_alone);
    RUN(test_r07_one_chunked_is_the_only_coding);
    RUN(test_r08_chunks_are_as_the_grammar_has_them);
    RUN(test_r31_where_it_is_cut_changes_nothing);
    return cases_done();
}
