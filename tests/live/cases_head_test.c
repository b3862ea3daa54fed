/*
 * cases_head_test: heads that are none, R09, and answers without a body whatever their head says,
 * R11, and R31 for all of them that are accepted. Live, plain and TLS, in each mode of cases.h.
 */
#include "tests/live/cases.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define BODY "Content-Length: 3\r\n\r\nabc"
#define HEADER(line) CASES_BYTES(OK_LINE line BODY)
#define STATUS(line) CASES_BYTES(line BODY)
#define TAKEN .status = 200, .body = "abc"
#define REFUSED .error = QUOIT_E_PROTOCOL
#define NO_STATUS .detail = "a status that is not a number from 100 to 599"
#define BARE_LF .detail = "a line ends with a bare LF"
#define BARE_CR .detail = "a CR without LF"
#define CONTROL .detail = "a control character in the head"
#define NUL .detail = "a NUL in the head"

static const struct cases_row status_rows[] = {
    { .name = "R09 the usual", STATUS("HTTP/1.1 200 OK\r\n"), TAKEN },
    { .name = "R09 no reason", STATUS("HTTP/1.1 200\r\n"), TAKEN },
    { .name = "R09 an empty reason", STATUS("HTTP/1.1 200 \r\n"), TAKEN },
    { .name = "R09 a reason with anything", STATUS("HTTP/1.1 200 a:\tb \xc3\xa9\r\n"), TAKEN },
    { .name = "R09 empty lines before", STATUS("\r\n\r\nHTTP/1.1 200 OK\r\n"), TAKEN },
    { .name = "R09 HTTP/1.0", STATUS("HTTP/1.0 200 OK\r\n"), TAKEN, .closes = true },
    { .name = "R09 599", STATUS("HTTP/1.1 599 X\r\n"), .status = 599, .body = "abc" },
    { .name = "R09 LF alone before", STATUS("\nHTTP/1.1 200 OK\r\n"), REFUSED },
    { .name = "R09 a blank before", STATUS(" HTTP/1.1 200 OK\r\n"), REFUSED },
    { .name = "R09 lower case", STATUS("http/1.1 200 OK\r\n"), REFUSED },
    { .name = "R09 another protocol", STATUS("ICY 200 OK\r\n"), REFUSED },
    { .name = "R09 a body at once", STATUS("{\"error\":1}\r\n"), REFUSED },
    { .name = "R09 TLS for plain", CASES_BYTES("\x16\x03\x03\x00\x02\x02\x28"), REFUSED },
    { .name = "R09 HTTP/0.9", STATUS("HTTP/0.9 200 OK\r\n"), REFUSED },
    { .name = "R09 HTTP/1.2", STATUS("HTTP/1.2 200 OK\r\n"), REFUSED },
    { .name = "R09 HTTP/2.0", STATUS("HTTP/2.0 200 OK\r\n"), REFUSED },
    { .name = "R09 HTTP/1.10", STATUS("HTTP/1.10 200 OK\r\n"), REFUSED },
    { .name = "R09 HTTP/1,1", STATUS("HTTP/1,1 200 OK\r\n"), REFUSED },
    { .name = "R09 two blanks", STATUS("HTTP/1.1  200 OK\r\n"), REFUSED },
    { .name = "R09 a tab for a blank", STATUS("HTTP/1.1\t200 OK\r\n"), REFUSED },
    { .name = "R09 a tab behind the status", STATUS("HTTP/1.1 200\tOK\r\n"), REFUSED, NO_STATUS },
    { .name = "R09 no status", STATUS("HTTP/1.1\r\n"), REFUSED },
    { .name = "R09 000", STATUS("HTTP/1.1 000 OK\r\n"), REFUSED, NO_STATUS },
    { .name = "R09 099", STATUS("HTTP/1.1 099 OK\r\n"), REFUSED, NO_STATUS },
    { .name = "R09 20", STATUS("HTTP/1.1 20 OK\r\n"), REFUSED, NO_STATUS },
    { .name = "R09 2000", STATUS("HTTP/1.1 2000 OK\r\n"), REFUSED, NO_STATUS },
    { .name = "R09 600", STATUS("HTTP/1.1 600 OK\r\n"), REFUSED, NO_STATUS },
    { .name = "R09 999", STATUS("HTTP/1.1 999 OK\r\n"), REFUSED, NO_STATUS },
    { .name = "R09 -20", STATUS("HTTP/1.1 -20 OK\r\n"), REFUSED, NO_STATUS },
    { .name = "R09 2x0", STATUS("HTTP/1.1 2x0 OK\r\n"), REFUSED, NO_STATUS },
    { .name = "R09 NUL in the reason", STATUS("HTTP/1.1 200 O\0K\r\n"), REFUSED, NUL },
    { .name = "R09 ESC in the reason", STATUS("HTTP/1.1 200 O\x1bK\r\n"), REFUSED, CONTROL },
    { .name = "R09 CR in the reason", STATUS("HTTP/1.1 200 O\rK\r\n"), REFUSED, BARE_CR },
    { .name = "R09 LF behind the reason", STATUS("HTTP/1.1 200 OK\n"), REFUSED, BARE_LF },
    { .name = "R09 LF behind the status", STATUS("HTTP/1.1 200\n"), REFUSED, BARE_LF },
};

static const struct cases_row header_rows[] = {
    { .name = "R09 a header", HEADER("X-A: b\r\n"), TAKEN, .header = "X-A: b" },
    { .name = "R09 an empty value", HEADER("X-A:\r\n"), TAKEN, .header = "X-A" },
    { .name = "R09 any token", HEADER("!#$%&'*+-.^_`|~1: b\r\n"), TAKEN },
    { .name = "R09 bytes above ASCII", HEADER("X-A: \xff\xc3\x28\r\n"), TAKEN },
    { .name = "R09 a head of LF",
      CASES_BYTES("HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"),
      REFUSED,
      BARE_LF },
    { .name = "R09 LF behind a header", HEADER("X-A: b\n"), REFUSED, BARE_LF },
    { .name = "R09 LF in place of the empty line",
      CASES_BYTES(OK_LINE "Content-Length: 3\r\n\nabc"),
      REFUSED,
      BARE_LF },
    { .name = "R09 CR X in place of the empty line",
      CASES_BYTES(OK_LINE "Content-Length: 3\r\n\rXabc"),
      REFUSED,
      BARE_CR },
    { .name = "R09 CR CR LF", HEADER("X-A: b\r\r\n"), REFUSED, BARE_CR },
    { .name = "R09 CR in a value", HEADER("X-A: b\rc\r\n"), REFUSED, BARE_CR },
    { .name = "R09 CR and another header",
      CASES_BYTES(OK_LINE "X:\rTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
      REFUSED,
      BARE_CR },
    { .name = "R09 CR and a length", HEADER("X: a\rContent-Length: 9\r\n"), REFUSED, BARE_CR },
    { .name = "R09 CR in a name", HEADER("X\rA: b\r\n"), REFUSED },
    { .name = "R09 NUL in a name", HEADER("X\0A: b\r\n"), REFUSED, NUL },
    { .name = "R09 NUL in a value", HEADER("X-A: b\0c\r\n"), REFUSED, NUL },
    { .name = "R09 NUL before a name", HEADER("\0X-A: b\r\n"), REFUSED, NUL },
    { .name = "R09 ESC in a value", HEADER("X-A: \x1b[2J\r\n"), REFUSED, CONTROL },
    { .name = "R09 DEL in a value", HEADER("X-A: \x7f\r\n"), REFUSED, CONTROL },
    { .name = "R09 a blank before the colon", HEADER("X-A : b\r\n"), REFUSED },
    { .name = "R09 a tab before the colon", HEADER("X-A\t: b\r\n"), REFUSED },
    { .name = "R09 a blank before a length's colon",
      CASES_BYTES(OK_LINE "Content-Length : 3\r\n\r\nabc"),
      REFUSED },
    { .name = "R09 a blank in a name", HEADER("X A: b\r\n"), REFUSED },
    { .name = "R09 no name", HEADER(": b\r\n"), REFUSED, .detail = "a header without a name" },
    { .name = "R09 no colon", HEADER("X-A\r\n"), REFUSED },
    { .name = "R09 a blank before the first header",
      HEADER(" X-A: b\r\n"),
      REFUSED,
      .detail = "a blank before the first header" },
    { .name = "R09 a header that goes on",
      HEADER("X-A: b\r\n c\r\n"),
      REFUSED,
      .detail = "a header goes on in the next line" },
    { .name = "R09 a header that goes on behind a tab", HEADER("X-A: b\r\n\tc\r\n"), REFUSED },
    { .name = "R09 a length that goes on",
      CASES_BYTES(OK_LINE "Content-Length:\r\n 3\r\n\r\nabc"),
      REFUSED },
    { .name = "R09 a parenthesis in a name", HEADER("X(A): b\r\n"), REFUSED },
    { .name = "R09 a name beyond ASCII", HEADER("X-\xc3\xa9: b\r\n"), REFUSED },
};

#define LATE "HTTP/1.1 200 OK\r\n" BODY

static const struct cases_row bodiless_rows[] = {
    { .name = "R11 HEAD with a length",
      CASES_BYTES(OK_LINE "Content-Length: 99\r\n\r\n"),
      .method = "HEAD",
      .status = 200,
      .header = "Content-Length: 99" },
    { .name = "R11 HEAD with a length above the limit",
      CASES_BYTES(OK_LINE "Content-Length: 9999999999\r\n\r\n"),
      .method = "HEAD",
      .status = 200 },
    { .name = "R11 HEAD with chunks",
      CASES_BYTES(OK_LINE "Transfer-Encoding: chunked\r\n\r\n"),
      .method = "HEAD",
      .status = 200 },
    { .name = "R11 HEAD with neither",
      CASES_BYTES(OK_LINE "\r\n"),
      .method = "HEAD",
      .status = 200 },
    { .name = "R11 HEAD with a body all the same",
      CASES_BYTES(OK_LINE BODY),
      .method = "HEAD",
      .status = 200,
      .at_once = true,
      .closes = true },
    { .name = "R11 204", CASES_BYTES("HTTP/1.1 204 No\r\n\r\n"), .status = 204 },
    { .name = "R11 204 with a length",
      CASES_BYTES("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"),
      .status = 204 },
    { .name = "R11 204 with chunks",
      CASES_BYTES("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n"),
      .status = 204 },
    { .name = "R11 204 with a body",
      CASES_BYTES("HTTP/1.1 204 No\r\n" BODY),
      .status = 204,
      .at_once = true,
      .closes = true },
    { .name = "R11 304 with a length",
      CASES_BYTES("HTTP/1.1 304 Not\r\nContent-Length: 500\r\n\r\n"),
      .status = 304,
      .header = "Content-Length: 500" },
    { .name = "R11 304 with chunks",
      CASES_BYTES("HTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\n\r\n"),
      .status = 304 },
    { .name = "R11 205 has a length",
      CASES_BYTES("HTTP/1.1 205 R\r\nContent-Length: 0\r\n\r\n"),
      .status = 205 },
    { .name = "R11 100", CASES_BYTES("HTTP/1.1 100 C\r\n\r\n" LATE), TAKEN },
    { .name = "R11 100 with a length",
      CASES_BYTES("HTTP/1.1 100 C\r\nContent-Length: 40\r\n\r\n" LATE),
      TAKEN },
    { .name = "R11 103 with chunks",
      CASES_BYTES("HTTP/1.1 103 E\r\nTransfer-Encoding: chunked\r\n\r\n" LATE),
      TAKEN },
    { .name = "R11 103 that closes",
      CASES_BYTES("HTTP/1.1 103 E\r\nConnection: close\r\n\r\n" LATE),
      REFUSED },
    { .name = "R11 three of them, and headers that stay theirs",
      CASES_BYTES("HTTP/1.1 100 C\r\nX-A: 1\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
                  "HTTP/1.1 199 ?\r\nX-A: 2\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 3\r\n" BODY),
      TAKEN,
      .header = "X-A: 3" },
    { .name = "R11 100 with a length and chunks",
      CASES_BYTES("HTTP/1.1 100 C\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" LATE),
      REFUSED },
};

static void test_r09_a_status_line_is_as_the_grammar_has_it(void)
{
    cases_check_all(status_rows, COUNT_OF(status_rows));
}

static void test_r09_no_header_is_shown_of_a_head_with_a_defect(void)
{
    cases_check_all(header_rows, COUNT_OF(header_rows));
}

static void test_r11_an_answer_without_body_keeps_the_connection_in_step(void)
{
    cases_check_all(bodiless_rows, COUNT_OF(bodiless_rows));
}

static void test_r31_where_it_is_cut_changes_nothing(void)
{
    cases_check_all_splits(status_rows, COUNT_OF(status_rows));
    cases_check_all_splits(header_rows, COUNT_OF(header_rows));
    cases_check_all_splits(bodiless_rows, COUNT_OF(bodiless_rows));
}

int main(void)
{
    if (!cases_start()) {
        return 77;
    }
    RUN(test_r09_a_status_line_is_as_the_grammar_has_it);
    RUN(test_r09_no_header_is_shown_of_a_head_with_a_defect);
    RUN(test_r11_an_answer_without_body_keeps_the_connection_in_step);
    RUN(test_r31_where_it_is_cut_changes_nothing);
    return cases_done();
}
