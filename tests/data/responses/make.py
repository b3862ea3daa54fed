#!/usr/bin/env python3
"""Writes responses.txt beside it: answers, and what must come of each.

    tests/data/responses/make.py

The verdicts are written down here, by hand or by the loop that makes the bytes; no parser is asked.
A row is four fields between tabs: a name; options between commas, or `-`; the bytes; the verdict.

    options   head          the request was HEAD
              end, cut      the connection ends behind the bytes: properly, or without close_notify
              head_size=N, lines=N, body=N    limits, in place of 64 KiB, 256 and 1 MiB
    verdict   complete STATUS keep|close INTERIM BODY
              partial       more must come
              protocol, incomplete, too_large

Bytes and bodies are ASCII, with \\r \\n \\t \\\\ and \\xHH for what is not.
"""

import pathlib

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"

rows = []


def escape(data):
    named = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x5C: "\\\\"}
    return "".join(named.get(c) or (chr(c) if 32 <= c < 127 else f"\\x{c:02x}") for c in data)


def row(name, data, verdict, options="-"):
    rows.append((name, options, data, verdict))


def complete(name, data, body=b"", status=200, keep=True, interim=0, options="-"):
    verdict = f"complete {status} {'keep' if keep else 'close'} {interim} {escape(body)}"
    row(name, data, verdict.rstrip() if not body else verdict, options)


def protocol(name, data, options="-"):
    row(name, data, "protocol", options)


# RFC 9112 4: the status line.
for status in (200, 201, 204, 299, 300, 304, 399, 400, 404, 429, 499, 500, 503, 599):
    complete(f"status {status}", b"HTTP/1.1 %d X\r\n" % status + EMPTY, status=status)
for status in (b"000", b"001", b"099", b"99", b"0200", b"600", b"700", b"999", b"20", b"2", b"",
               b"2000", b"-20", b"+200", b"2 0", b"20x", b"x00", b"2.0", b"0x1", b"\xb2\xb0\xb0"):
    protocol(f"status {escape(status)!r}", b"HTTP/1.1 " + status + b" X\r\n" + EMPTY)
for version in (b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/2", b"HTTP/3.1",
                b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/11", b"HTTP/1,1", b"HTTP/1.1.1",
                b"HTTP/01.1", b"HTTP/1.10", b"HTTP/ 1.1", b"HTTP /1.1", b"http/1.1", b"Http/1.1",
                b"HTTPS/1.1", b"HTP/1.1", b"HTTTP/1.1", b"RTSP/1.1", b"ICY", b"SIP/2.0", b""):
    protocol(f"version {escape(version)!r}", version + b" 200 OK\r\n" + EMPTY)
for name, line in (("two blanks before the status", b"HTTP/1.1  200 OK"),
                   ("a tab before the status", b"HTTP/1.1\t200 OK"),
                   ("a tab behind the status", b"HTTP/1.1 200\tOK"),
                   ("no blank before the reason", b"HTTP/1.1 200OK"),
                   ("a blank before the version", b" HTTP/1.1 200 OK"),
                   ("nothing but the version", b"HTTP/1.1"),
                   ("a request", b"GET / HTTP/1.1"),
                   ("a byte order mark", b"\xef\xbb\xbfHTTP/1.1 200 OK"),
                   ("a NUL first", b"\0HTTP/1.1 200 OK")):
    protocol(name, line + b"\r\n" + EMPTY)
for name, line in (("no reason", b"HTTP/1.1 200"), ("an empty reason", b"HTTP/1.1 200 "),
                   ("a reason of blanks", b"HTTP/1.1 200    "),
                   ("a reason with a tab", b"HTTP/1.1 200 a\tb"),
                   ("a reason of Latin-1", b"HTTP/1.1 200 \xe9\xff\x80"),
                   ("a reason that is a status", b"HTTP/1.1 200 404"),
                   ("a reason that is a header", b"HTTP/1.1 200 Content-Length: 3")):
    complete(name, line + b"\r\n" + EMPTY)

# RFC 9112 2.2: what ends a line, and what stands before the first.
complete("one empty line before", b"\r\n" + OK + EMPTY)
complete("three empty lines before", b"\r\n\r\n\r\n" + OK + EMPTY)
for end_name, end in (("LF", b"\n"), ("CR", b"\r"), ("LF CR", b"\n\r"), ("CR CR LF", b"\r\r\n"),
                      ("NUL LF", b"\0\n"), ("VT", b"\v"), ("FF", b"\f")):
    protocol(f"{end_name} before", end + OK + EMPTY)
    protocol(f"{end_name} behind the status line", b"HTTP/1.1 200 OK" + end + EMPTY)
    protocol(f"{end_name} behind a header", OK + b"A: b" + end + EMPTY)
    protocol(f"{end_name} behind an empty value", OK + b"A:" + end + EMPTY)
    protocol(f"{end_name} as the empty line", OK + b"Content-Length: 0\r\n" + end + b"x\r\n\r\n")
    protocol(f"{end_name} behind a chunk size", CHUNKED + b"3" + end + b"abc\r\n0\r\n\r\n")
    protocol(f"{end_name} behind a chunk", CHUNKED + b"3\r\nabc" + end + b"0\r\n\r\n")
    protocol(f"{end_name} behind the last chunk", CHUNKED + b"0" + end + b"\r\n")
    protocol(f"{end_name} behind a trailer", CHUNKED + b"0\r\nA: b" + end + b"\r\n")
protocol("all lines end in LF", b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc")
protocol("CR LF CR X", OK + b"A: b\r\n\rX")
protocol("a coding behind a bare CR", OK + b"X:\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
protocol("a length behind a bare LF", OK + b"X: y\nContent-Length: 3\r\n\r\nabc")

# RFC 9110 5.5, RFC 9112 4 and 5.1: no control character, wherever it is. CR and LF are above.
controls = [c for c in range(32) if c not in (0x09, 0x0A, 0x0D)] + [0x7F]
for c in controls:
    byte = bytes([c])
    protocol(f"control {c} in the reason", b"HTTP/1.1 200 a" + byte + b"b\r\n" + EMPTY)
    protocol(f"control {c} in a name", OK + b"a" + byte + b"b: c\r\n" + EMPTY)
    protocol(f"control {c} in a value", OK + b"A: b" + byte + b"c\r\n" + EMPTY)
    protocol(f"control {c} in an extension", CHUNKED + b"1;a" + byte + b"\r\nx\r\n0\r\n\r\n")
for c in b" \t\"(),/;<=>?@[\\]{}\x80\xff":
    protocol(f"{escape(bytes([c]))!r} in a name", OK + b"a" + bytes([c]) + b"b: c\r\n" + EMPTY)
    protocol(f"{escape(bytes([c]))!r} behind a name", OK + b"a" + bytes([c]) + b": c\r\n" + EMPTY)
    protocol(f"{escape(bytes([c]))!r} before a name", OK + bytes([c]) + b"a: c\r\n" + EMPTY)
complete("every token character", OK + b"!#$%&'*+-.^_`|~0189AZaz: x\r\n" + EMPTY)
complete("blanks around a value", OK + b"A: \t b c\t \r\nB:d\r\n" + EMPTY)
complete("no values", OK + b"A:\r\nB: \r\nC:\t\r\n" + EMPTY)
complete("colons in a value", OK + b"A: :b:c:\r\n" + EMPTY)
complete("values of Latin-1", OK + b"A: \x80\xa0\xff\r\n" + EMPTY)
protocol("an empty name", OK + b": x\r\n" + EMPTY)
protocol("an empty name alone", OK + b":\r\n" + EMPTY)
protocol("no colon", OK + b"Content-Length\r\n\r\n")
protocol("a line of text", OK + b"hello world\r\n" + EMPTY)
for name, fold in (("a blank", b" b"), ("a tab", b"\tb"), ("blanks alone", b"  "),
                   ("a header", b" Transfer-Encoding: chunked")):
    protocol(f"folded: {name}", OK + b"A: x\r\n" + fold + b"\r\n" + EMPTY)
    protocol(f"before the first header: {name}", OK + fold + b"\r\n" + EMPTY)

# RFC 9112 6.2 and 6.3: the length.
for value in (b"5", b"05", b"0000000000000000000000005", b"5 ", b" \t5 "):
    complete(f"length {escape(value)!r}", OK + b"Content-Length:" + value + b"\r\n\r\nhello",
             b"hello")
for value in (b"", b" ", b"-1", b"-0", b"+3", b"3.", b"3.0", b"3e0", b"0x3", b"3h", b"3 4", b"3,4",
              b"3,3", b"3, 3", b",3", b"3,", b"3;", b"\"3\"", b"three", b"3\t4", b"\xb3",
              b"18446744073709551616", b"18446744073709551617", b"99999999999999999999",
              b"184467440737095516160", b"1" + b"0" * 40):
    protocol(f"length {escape(value)!r}", OK + b"Content-Length: " + value + b"\r\n\r\nabc")
for value in (b"1048577", b"9223372036854775807", b"9223372036854775808",
              b"18446744073709551615"):
    row(f"length {value.decode()}", OK + b"Content-Length: " + value + b"\r\n\r\nabc", "too_large")
    complete(f"length {value.decode()} to HEAD", OK + b"Content-Length: " + value + b"\r\n\r\n",
             options="head")
for first, second in ((b"3", b"3"), (b"3", b"4"), (b"0", b"0"), (b"3", b""), (b"", b"3")):
    name = f"lengths {first.decode()!r} and {second.decode()!r}"
    lines = b"Content-Length: " + first + b"\r\nA: b\r\ncontent-length: " + second + b"\r\n\r\nabc"
    protocol(name, OK + lines)

# RFC 9112 6.1: the coding.
for value in (b"chunked", b"Chunked", b"CHUNKED", b"\tchunked  "):
    complete(f"coding {escape(value)!r}",
             OK + b"Transfer-Encoding: " + value + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc")
for value in (b"", b"identity", b"gzip", b"deflate", b"compress", b"xchunked", b"chunkedx",
              b"chunke", b"chunkedchunked", b"gzip, chunked", b"chunked, gzip",
              b"chunked, identity", b"identity, chunked", b"chunked, chunked", b",chunked",
              b"chunked,", b"chunked;q=1", b"chunked; a", b"\"chunked\"", b"'chunked'",
              b"chunked chunked", b"chun\tked", b"chunked\xa0", b"c\xc4\xa7unked"):
    data = b"Transfer-Encoding: " + value + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    protocol(f"coding {escape(value)!r}", OK + data)
    protocol(f"coding {escape(value)!r} in an interim one", b"HTTP/1.1 103 E\r\n" + data)
for first, second in ((b"chunked", b"chunked"), (b"gzip", b"chunked"), (b"chunked", b"gzip"),
                      (b"identity", b"chunked"), (b"", b"chunked"), (b"chunked", b"")):
    protocol(f"codings {first.decode()!r} and {second.decode()!r}",
             OK + b"Transfer-Encoding: " + first + b"\r\nTransfer-Encoding: " + second +
             b"\r\n\r\n0\r\n\r\n")
for line in (b"HTTP/1.0 200 OK\r\n", b"HTTP/1.0 204 N\r\n", b"HTTP/1.0 304 N\r\n"):
    protocol(f"a coding: {line.decode().strip()}",
             line + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
for status in (b"200", b"204", b"304", b"404"):
    line = b"HTTP/1.1 " + status + b" X\r\n"
    length, coding = b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"
    protocol(f"{status.decode()} with length and coding", line + length + coding + b"\r\n0\r\n\r\n")
    protocol(f"{status.decode()} with coding and length", line + coding + length + b"\r\n0\r\n\r\n")
    protocol(f"{status.decode()} with both to HEAD", line + coding + length + b"\r\n", "head")

# RFC 9112 7.1: chunks.
for size in (b"3", b"03", b"0000000000000003"):
    complete(f"chunk size {size.decode()}", CHUNKED + size + b"\r\nabc\r\n0\r\n\r\n", b"abc")
for digit in b"abcdefABCDEF":
    size = int(chr(digit), 16)
    complete(f"chunk size {chr(digit)}",
             CHUNKED + bytes([digit]) + b"\r\n" + b"x" * size + b"\r\n0\r\n\r\n", b"x" * size)
complete("chunk size 10", CHUNKED + b"10\r\n0123456789abcdef\r\n0\r\n\r\n", b"0123456789abcdef")
for size in (b"", b" ", b"g", b"-1", b"-3", b"+3", b"0x3", b"3h", b"3 ", b" 3", b"\t3", b"3\t",
             b"3.0", b"3,", b"3:", b"\"3\"", b"three", b"3 ;a", b"\xb3", b"3\0", b"x3"):
    protocol(f"chunk size {escape(size)!r}", CHUNKED + size + b"\r\nabc\r\n0\r\n\r\n")
for size in (b"00000000000000003", b"10000000000000003", b"fffffffffffffffff", b"0" * 40 + b"3"):
    protocol(f"chunk size of {len(size)} digits {size.decode()}",
             CHUNKED + size + b"\r\nabc\r\n0\r\n\r\n")
for size in (b"100001", b"7fffffffffffffff", b"8000000000000000", b"ffffffffffffffff"):
    row(f"chunk size {size.decode()}, cut", CHUNKED + size + b"\r\nabc", "incomplete", "end")
for name, data in (("longer than its size", b"3\r\nabcd\r\n0\r\n\r\n"),
                   ("much longer than its size", b"3\r\nabcXX0\r\n\r\n"),
                   ("shorter than its size", b"5\r\nabc\r\n0\r\n\r\n"),
                   ("without its end", b"3\r\nabc0\r\n\r\n"),
                   ("with one CR for its end", b"3\r\nabc\r0\r\n\r\n")):
    protocol(f"a chunk {name}", CHUNKED + data)
complete("no chunks", CHUNKED + b"0\r\n\r\n")
complete("no chunks, many zeros", CHUNKED + b"000000\r\n\r\n")
complete("chunks of one", CHUNKED + b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", b"abc")
complete("a chunk that looks like chunks", CHUNKED + b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n")
complete("a chunk of NULs", CHUNKED + b"3\r\n\0\0\0\r\n0\r\n\r\n", b"\0\0\0")
for extension in (b";a", b";a=b", b";a=\"b c\"", b";a;b=c", b";A-b_c=1"):
    complete(f"extension {extension.decode()}",
             CHUNKED + b"3" + extension + b"\r\nabc\r\n0" + extension + b"\r\n\r\n", b"abc")
for trailers in (b"A: b\r\n", b"A: b\r\nC:\r\nD: e f\r\n", b"Content-Lengths: 9\r\n",
                 b"Content-Lengt: 9\r\n", b"Transfer-Encoding-X: y\r\n", b"Transfer-: y\r\n",
                 b"Connection: close\r\n", b"Set-Cookie: a=b\r\n"):
    complete(f"trailers {escape(trailers)}",
             CHUNKED + b"3\r\nabc\r\n0\r\n" + trailers + b"\r\n", b"abc")
for trailer in (b": x", b"Name", b"A : x", b" A: x", b"A: x\r\n y", b"A: \0", b"A\0: x",
                b"HTTP/1.1 200 OK", b"A: \x1b", b"(a): x", b"Content-Length: 9", b"Content-Length:",
                b"CONTENT-LENGTH: 0", b"Transfer-Encoding: chunked", b"transfer-encoding:gzip",
                b"A: b\r\nContent-Length: 0\r\nC: d"):
    protocol(f"trailer {escape(trailer)}", CHUNKED + b"0\r\n" + trailer + b"\r\n\r\n")

# RFC 9112 6.3, rule 1: no body, whatever the headers say.
for status, options in ((204, "-"), (304, "-"), (200, "head"), (404, "head"), (204, "head"),
                        (304, "head")):
    line = b"HTTP/1.1 %d X\r\n" % status
    for name, lines in (("nothing", b""), ("a length", b"Content-Length: 5\r\n"),
                        ("length 0", b"Content-Length: 0\r\n"),
                        ("a coding", b"Transfer-Encoding: chunked\r\n")):
        complete(f"{status} with {name}, {options}", line + lines + b"\r\n", status=status,
                 options=options)
        complete(f"{status} with {name} and close, {options}",
                 line + lines + b"Connection: close\r\n\r\n", status=status, keep=False,
                 options=options)

# RFC 9110 15.2: interim responses.
for status in (100, 102, 103, 104, 150, 199):
    for name, lines in (("", b""), (" with a length", b"Content-Length: 5\r\n"),
                        (" with a coding", b"Transfer-Encoding: chunked\r\n"),
                        (" with keep-alive", b"Connection: keep-alive\r\n")):
        complete(f"{status}{name} first",
                 b"HTTP/1.1 %d X\r\n" % status + lines + b"\r\n" + OK + EMPTY, interim=1)
    protocol(f"{status} with close first",
             b"HTTP/1.1 %d X\r\nConnection: close\r\n\r\n" % status + OK + EMPTY)
    protocol(f"{status} of 1.0 first", b"HTTP/1.0 %d X\r\n\r\n" % status + OK + EMPTY)
    row(f"{status} alone", b"HTTP/1.1 %d X\r\n\r\n" % status, "partial")
    row(f"{status} and the end", b"HTTP/1.1 %d X\r\n\r\n" % status, "incomplete", "end")
protocol("101", b"HTTP/1.1 101 S\r\n\r\n")
protocol("101 with an upgrade",
         b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
protocol("101 behind 100", b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 101 S\r\n\r\n")
protocol("100 that is folded", b"HTTP/1.1 100 C\r\nA: b\r\n c\r\n\r\n" + OK + EMPTY)
protocol("100 with two lengths",
         b"HTTP/1.1 100 C\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n" + OK + EMPTY)
for count in (2, 15, 16):
    complete(f"{count} interim ones", EARLY * count + OK + EMPTY, interim=count)
for count in (17, 18):
    row(f"{count} interim ones", EARLY * count + OK + EMPTY, "too_large")

# RFC 9112 9.3: may the connection be used again?
for value, keep_1_1, keep_1_0 in (
        (None, True, False), (b"close", False, False), (b"Close", False, False),
        (b"CLOSE", False, False), (b"keep-alive", True, True), (b"Keep-Alive", True, True),
        (b"keep-alive, close", False, False), (b"close, keep-alive", False, False),
        (b"x, close", False, False), (b"x,close,y", False, False), (b",close", False, False),
        (b"closed", True, False), (b"disclose", True, False), (b"close-x", True, False),
        (b"x-close", True, False), (b"keepalive", True, False), (b"", True, False),
        (b"upgrade", True, False), (b"x, keep-alive", True, True), (b"\tclose\t", False, False)):
    line = b"" if value is None else b"Connection: " + value + b"\r\n"
    name = "no Connection" if value is None else f"Connection: {escape(value)}"
    complete(f"1.1, {name}", OK + line + EMPTY, keep=keep_1_1)
    complete(f"1.0, {name}", b"HTTP/1.0 200 OK\r\n" + line + EMPTY, keep=keep_1_0)
complete("1.1, close in a second line", OK + b"Connection: x\r\nConnection: close\r\n" + EMPTY,
         keep=False)
complete("Proxy-Connection says nothing", OK + b"Proxy-Connection: close\r\n" + EMPTY)
complete("close in another header", OK + b"X-Connection: close\r\n" + EMPTY)

# RFC 9112 6.3, rule 8, and section 8: up to the end.
for version in (b"1.0", b"1.1"):
    for name, lines in (("", b""), (" with close", b"Connection: close\r\n"),
                        (" with keep-alive", b"Connection: keep-alive\r\n")):
        data = b"HTTP/" + version + b" 200 OK\r\n" + lines + b"\r\nto the end"
        complete(f"{version.decode()} to the end{name}", data, b"to the end", keep=False,
                 options="end")
        row(f"{version.decode()} to an unclean end{name}", data, "incomplete", "cut")
        row(f"{version.decode()} to no end{name}", data, "partial")
complete("to the end, empty", OK + b"\r\n", keep=False, options="end")
complete("to the end, a response", OK + b"\r\n" + OK + EMPTY, OK + EMPTY, keep=False,
         options="end")
row("to the end, empty and unclean", OK + b"\r\n", "incomplete", "cut")

# RFC 9112 8: cut short, in every kind of place.
for pieces in ((b"H", b"TTP/1.1", b" ", b"200", b" ", b"O", b"K", b"\r", b"\n", b"C", b"ontent-Len",
                b"gth", b":", b" ", b"5", b"\r", b"\n", b"\r", b"\n", b"h", b"ell", b"o"),
               (b"\r", b"\n", b"HTTP/1.1 103 E\r", b"\n", b"\r", b"\n", CHUNKED, b"3", b"\r", b"\n",
                b"a", b"bc", b"\r", b"\n", b"3;", b"x", b"\r", b"\n", b"def", b"\r\n", b"0", b"\r",
                b"\n", b"T", b":", b" u", b"\r", b"\n", b"\r", b"\n")):
    for count in range(1, len(pieces)):
        data = b"".join(pieces[:count])
        for option, verdict in (("end", "incomplete"), ("cut", "incomplete"), ("-", "partial")):
            row(f"cut behind {escape(data[-12:])!r}, {option}", data, verdict, option)
for option in ("end", "cut", "-"):
    complete(f"a length, and {option}", OK + b"Content-Length: 5\r\n\r\nhello", b"hello",
             options=option)
    complete(f"chunks, and {option}", CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", b"abc", options=option)

# Limits: one less, exactly, one more.
plain = b"HTTP/1.1 204 OK\r\nA: b\r\nC: d\r\n\r\n"
trailed = CHUNKED + b"3\r\nabc\r\n0\r\nT: x\r\nU: y\r\n\r\n"
trailed_size = len(CHUNKED + b"T: x\r\nU: y\r\n")
for name, data, what, needs, status, body, interim in (
        ("head", plain, "head_size", len(plain), 204, b"", 0),
        ("head with empty lines", b"\r\n\r\n" + plain, "head_size", len(plain) + 4, 204, b"", 0),
        ("heads", EARLY + plain, "head_size", len(EARLY + plain), 204, b"", 1),
        ("head and trailers", trailed, "head_size", trailed_size, 200, b"abc", 0),
        ("lines", plain, "lines", 2, 204, b"", 0),
        ("lines of an interim one", b"HTTP/1.1 103 E\r\nA: b\r\nC: d\r\n\r\n" + OK + EMPTY, "lines", 2,
         200, b"", 1),
        ("lines and trailers", trailed, "lines", 3, 200, b"abc", 0),
        ("body with a length", OK + b"Content-Length: 5\r\n\r\nhello", "body", 5, 200, b"hello", 0),
        ("body of chunks", CHUNKED + b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", "body", 5, 200, b"abcde",
         0)):
    row(f"limit of the {name}, one less", data, "too_large", f"{what}={needs - 1}")
    for more in (0, 1):
        complete(f"limit of the {name}, and {more}", data, body, status, interim=interim,
                 options=f"{what}={needs + more}")
row("limit of a body to the end, one less", OK + b"\r\nhello", "too_large", "end,body=4")
complete("limit of a body to the end", OK + b"\r\nhello", b"hello", keep=False,
         options="end,body=5")
complete("a length over the limit to HEAD", OK + b"Content-Length: 6\r\n\r\n",
         options="head,body=5")


def main():
    names = set()
    text = "# Written by make.py, which says what stands here.\n"
    for name, options, data, verdict in rows:
        assert name not in names, name
        names.add(name)
        text += "\t".join((escape(name.encode()), options, escape(data), verdict)) + "\n"
    pathlib.Path(__file__).with_name("responses.txt").write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
