#!/usr/bin/env python3
"""Writes the inputs that the fuzz targets begin with, a folder for each target beside this file.

    tests/data/fuzz/make.py

What the bytes of an input mean stands at the top of tests/fuzz/NAME.c. The answers are every 12th
of tests/data/responses.
"""

import pathlib
import runpy
import shutil

HERE = pathlib.Path(__file__).parent
ROWS = runpy.run_path(str(HERE.parent / "responses" / "make.py"))["rows"]
EVERY = 12


def write(target, inputs):
    folder = HERE / target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for index, data in enumerate(inputs):
        (folder / f"{index:03}").write_bytes(data)


def pair(number):
    return number.to_bytes(2, "big")


def response(options, data):
    limits = {"head_size": 4096, "lines": 64, "body": 4096}
    flags = 0
    for option in options.split(","):
        flags |= {"head": 1, "end": 2, "cut": 6}.get(option, 0)
        if "=" in option:
            flags |= 8
            limits[option.split("=")[0]] = int(option.split("=")[1])
    return (bytes([flags]) + pair(limits["head_size"]) + bytes([limits["lines"]]) +
            pair(limits["body"]) + bytes([3, 1, 7, 0]) + data)


def responses():
    return [response(options, data) for _, options, data, _ in ROWS[::EVERY]]


def connections():
    length = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    rest = b"HTTP/1.1 200 OK\r\n\r\nrest"
    busy = b"HTTP/1.1 503 N\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    events = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
              b"c\r\ndata: a\n\ndat\r\n7\r\na: b\n\n\n\r\n0\r\n\r\n")
    interim = b"HTTP/1.1 100 C\r\n\r\n" + length
    scripts = (((length, 0), (chunks, 0), (interim, 1)),
               ((length + length, 0), (chunks + b"x", 0), (rest, 1)),
               ((busy, 0), (length, 2), (length, 3), (b"", 0), (chunks, 0)),
               ((events, 0), (events[:70], 1), (length[:20], 3), (rest, 2)))
    chance = bytes(i * 37 % 256 for i in range(60))
    for said in scripts:
        text = b"".join(data + b"\xff" + bytes([then]) for data, then in said)
        for requests, flags in ((2, 0), (3, 2), (13, 4), (3, 1), (13, 8 + 2), (13, 16 + 4),
                                (2, 32 + 8), (13, 64 + 16), (3, 128)):
            drawn = chance if flags & (8 | 16 | 32 | 64) else b""
            yield bytes([requests, flags]) + pair(len(drawn)) + drawn + text


def streams():
    texts = (b"data: a\n\n", b"data:a\ndata: b\r\ndata\r\r", b"\xef\xbb\xbfdata: \xc3\xa9\n\n",
             b": comment\nevent: x\nid: 1\nretry: 5\ndata: y\n\n", b"data: cut", b"\n\r\n\r",
             b"event: a\n\ndata: b\n\nevent\ndata\n\n", b"data: [DONE]\n\n",
             b"data:  two blanks \ndata:\tx\nDATA: z\nda ta: w\n\n")
    for index, text in enumerate(texts):
        for line_max, event_max in ((0, 0), (8, 3)):
            yield pair(line_max) + pair(event_max) + bytes([index, 1, 2, 0]) + text


def urls():
    texts = (b"http://a/\nGET\nX-A\nb\nAccept-Encoding\ngzip\n",
             b"HTTPS://[::1]:443?q=%2F#f\nPOST\nA\n \ty \t\nB\n\n",
             b"http://127.0.0.1:8080/a/b;c?d&e\nPATCH\n",
             b"https://a_b-c.test:\nx-tra!\n", b"http://user@host/\nGET\n", b"http://a:0/\nGET\n",
             b"http://a/%zz\nGET\n", b"http://a/ b\nGET\n", b"http://[fe80::1%25x]/\nGET\n",
             b"http://a/\nCONNECT\n", b"http://a/\nGE T\n", b"http://a/\nGET\nHost\nb\n",
             b"http://a/\nGET\ncontent-length\n3\n", b"http://a/\nGET\nTransfer-Encoding\nx\n",
             b"http://a/\nGET\nConnection\nclose\n", b"http://a/\nGET\nA\nb\rC: d\n",
             b"http://a/\nGET\nA b\nc\n", b"http://a/\nGET\n\nc\n", b"ftp://a/\nGET\n")
    for text in texts:
        yield b"\x00\x00\x00" + text
    yield b"\x00\x12\x34" + texts[0]
    yield b"\x01\x00\x05" + texts[0]


def hints():
    now = (784111777 - 10).to_bytes(4, "big")
    for text in (b"1500\n3\ntimeout=5, max=100\nSun, 06 Nov 1994 08:49:37 GMT",
                 b"-1\n1.5\nmax=3\nSunday, 06-Nov-94 08:49:37 GMT",
                 b"x\n1e18\ntimeout = 5\t,max= 7\nSun Nov  6 08:49:37 1994",
                 b"\nSun, 06 Nov 1994 08:49:37 GMT\ntimeout=18446744073709551616\ntrue",
                 b".5\nsoon\nTIMEOUT=1, timeout=2\nMon Jan 31 00:00:00 0001",
                 b"1e-400\n5e400\nmax=99999999999999999999\nThu, 29 Feb 2096 23:59:60 GMT",
                 b"+3.\n0x10\ntimeout=\"5\"\nFALSE",
                 b"\n\n\nSun, 06 Nov 1994 08:49:37 GMT\n"
                 b"x-ratelimit-limit-requests\n5000\nx-ratelimit-remaining-requests\n4999\n"
                 b"x-ratelimit-reset-requests\n12ms\nX-RateLimit-Limit-Tokens\n-1\n"
                 b"x-ratelimit-remaining-tokens\n0\nx-ratelimit-reset-tokens\n6m0.5s",
                 b"\n\n\nSun, 06 Nov 1994 08:49:37 GMT\n"
                 b"anthropic-ratelimit-requests-limit\n50\nanthropic-ratelimit-requests-reset\n"
                 b"1994-11-06T08:49:47.25Z\nanthropic-ratelimit-input-tokens-limit\n"
                 b"99999999999999999999\nanthropic-ratelimit-output-tokens-remaining\n7\n"
                 b"anthropic-ratelimit-tokens-reset\n2024-02-29T23:59:60+01:30",
                 b"\n\n\nThu, 01 Jan 1970 00:00:00 GMT\nratelimit-limit\n100, 100;w=60\n"
                 b"ratelimit-remaining\n0\nratelimit-reset\n1700000000\n"
                 b"x-ratelimit-reset\n1700000000000\nx-ratelimit-limit\n0"):
        yield now + text


def lines():
    body = b'{"model":"m","messages":[{"role":"user","content":"\\u00e9 \xc3\xa9\\n"}],"x":-1.5e3}'
    start = b'{"custom_id":"a","url":"/v1/chat/completions","method":"POST","body":'
    return (start + body + b"}", start + body + b',"headers":{"A":"b","A":"c"}}\r\n',
            b'{"custom_id":"b","body":"text\\n","body_encoding":"text"}\n',
            b'{"custom_id":"\\ud83d\\ude00","method":"GET","url":"http:\\/\\/a/b"}',
            start + b'{"model":1,"mod\\u0065l":2,"stream":true}}',
            start + b'{"model":1,"mod\\u0065l":2,"stream":false,"stream":0}}',
            start + b'{ } , "extra" : [[[{}]]] , "body_encoding" : null }',
            b'{"custom_id":"a","custom_id":"b","body":{}}', b'{"custom_id":1,"body":{}}',
            b'{"custom_id":"","body":{}}', start + b'{"a":\xff}}', start + b"[1,2", b"\xef\xbb\xbf{}",
            b"[]", b"", b"  \r\n", b'{"custom_id":"\\ud800","body":null}',
            b'{"custom_id":"a","body":{},"headers":{"Host":"x"}}',
            start + b'{"stream":false}}', start + b"1E+2}", start + b'"\\u0000"}')


def replies():
    usage = b'"usage":{"prompt_tokens":9,"completion_tokens":2}'
    return [
        b"[DONE]",
        b'{"choices":[{"index":0,"message":{"content":"Par\\u00eds"},"finish_reason":"stop"}],' +
        usage + b"}",
        b'{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"usage":null}',
        b'{"choices":[{"text":"a","index":1},{"text":"\\ud800","index":0}],' + usage + b"}",
        b'{"data":[{"index":0,"embedding":[0.5,-2e-1]}],"usage":{"prompt_tokens":8}}',
        b'{"status":"completed","error":null,"output":[{"type":"message","content":'
        b'[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":3,"output_tokens":4}}',
        b'{"type":"response.output_text.delta","delta":"He"}',
        b'{"type":"response.incomplete","response":{"incomplete_details":{"reason":"x"}}}',
        b'{"type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn"}',
        b'{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}',
        b'{"type":"message_delta","delta":{"stop_reason":"x"},"usage":{"output_tokens":5}}',
        b'{"error":{"message":"m","type":"t","code":"c"}}',
        b'{"object":"error","message":"m","type":"t","code":400}',
        b'{"error":"m"}',
        b'"a":1,"stream":true',
    ]


def talks():
    for flags in range(16):
        yield bytes([flags, 0])
    inserted = b"\x17\x03\x03\x00\x05hello\x15\x03\x03\x00\x02\x01\x00"
    for flags in (0, 1, 4, 6, 8, 12):
        for where in (0, 5, 9, 44, 100, 300, 700, 1000):
            yield bytes([flags, 0]) + pair(where) + b"\x01\x01"
        yield bytes([flags, 97]) + pair(0) + b"\x03\x0c\x00\x00\x00\x00" + inserted
        yield bytes([flags, 13]) + pair(200) + b"\x02\x05\x00\x00\x00\x00"
        yield bytes([flags, 0]) + pair(400) + b"\x04\x00"


def tunnels():
    heads = (b"HTTP/1.1 200 Connection established\r\n\r\n",
             b"HTTP/1.0 200 OK\r\nProxy-agent: x\r\n\r\n\x16\x03\x03",
             b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: x\r\n\r\nbody",
             b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nA:\t b \r\n\r\nHTTP/1.1 204 \r\n\r\n",
             b"\r\nHTTP/1.1 299\r\n\r\n", b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n",
             b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nConnection: close\r\n\r\nno",
             b"HTTP/1.1 200 OK\nA: b\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
             b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", b"HTTP/2.0 200 OK\r\n\r\n",
             b"\x15\x03\x01\x00\x02\x02\x28", b"HTTP/1.1 100 C\r\n\r\n" * 17,
             b"HTTP/1.1 502 B\r\n" + b"a:\r\n" * 257 + b"\r\n")
    for index, head in enumerate(heads):
        yield bytes([3, 1, 7, index]) + head


def proxies():
    good = (b"http://p", b"http://P.Example:3128/", b"HTTP://127.0.0.1:8888", b"http://[::1]:1",
            b"http://user:pass@p:1", b"http://@p", b"http://:a:b@p", b"http://p:",
            b"http://%61%40x:%2f%3F@[::1]", b"http://%c3%A9:%C3%a9@p")
    bad = (b"", b"p:3128", b"https://p", b"socks5://p", b"http://p/path", b"http://p?q",
           b"http://p:0", b"http://u:8#x@p", b"http://a@b@p", b"http://a%3ab:c@p", b"http://a%:b@p",
           b"http://a%0d%0aX:b@p", b"http://a:b%7f@p", b"http://a b@p")
    servers = (b"https://h/", b"http://h:8080?q=1", b"https://[::1]:8443", b"http://H.test/a/b?c")
    for index, text in enumerate(good + bad):
        yield text + b"\n" + servers[index % len(servers)] + b"\n"


def events():
    chat = ['{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"a",'
            '"content":""},"logprobs":null,"finish_reason":null}],"usage":null}',
            '{"choices":[{"index":0,"delta":{"content":"\\ud83d","n":1,"tool_calls":[{"index":0,'
            '"id":"x","function":{"arguments":"{"}}]},"logprobs":{"content":[{"a":-1}]}}]}',
            '{"choices":[{"index":1,"delta":{"content":"\\ude00","n":0.5}},{"index":0,"delta":'
            '{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]},"finish_reason":"stop"}]}',
            '{"choices":[],"usage":{"total_tokens":9007199254740993}}', '[DONE]']
    text = ['{"object":"text_completion","choices":[{"text":"a","index":0,"logprobs":null}]}',
            '{"choices":[{"text":"b","index":0,"finish_reason":"length"}]}',
            '{"choices":[{"index":0,"delta":["content","a"]}]}']
    response = ['{"type":"response.created","response":{"error":null}}',
                '{"type":"response.output_text.delta","delta":"a"}',
                '{"type":"response.completed","response":{"status":"completed"}}']
    message = ['{"type":"message_start","message":{"content":[],"usage":{"output_tokens":1}}}',
               '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use",'
               '"input":{}}}',
               '{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta",'
               '"partial_json":"{\\"a\\":1}"}}',
               '{"type":"content_block_delta","index":0,"delta":{"citation":{},"text":"t"}}',
               '{"type":"message_delta","delta":{"stop_reason":"x"},"usage":{"output_tokens":2}}',
               '{"type":"message_stop"}']
    error = ['{"error":{"type":"server_error","code":500,"message":"no"}}']
    failed = ['{"type":"response.failed","response":{"error":{"code":"x"}}}']
    return [bytes([form, broken]) + pair(limit) + "\n".join(lines).encode()
            for form, broken, limit, lines in (
                (0, 0, 0, chat), (0, 1, 500, chat), (1, 0, 0, text), (2, 0, 0, response),
                (3, 0, 0, message), (0, 0, 0, chat[:2] + ["!" + error[0]]), (3, 0, 0, error),
                (2, 0, 0, failed))]


def histograms():
    written = ("HISTFAAAADp4nJNpmSzMwMAgwQABzFCaEch0M9ixgMH+A0SAieWnPBPLRo+GAytOzbLqdmNrtGQ6v4iJCQAn"
               "Xg0O", "HISTFAAAADB4nJNpmSzMwMDAxcDAwMjAwMDMAAGMDAzMbgY7FjDA+EwsP+WZWPb3MTIBAHRMBZw=")
    lines = ["Tag=latency,0.127,1.007,2.769," + written[0], "1700000000.5,1,2," + written[1],
             "#[StartTime: 1441812279.474 (seconds since epoch), Wed Sep 09 08:24:39 PDT 2015]",
             "#[BaseTime: 1441812279.474 (seconds since epoch)]", "Tag=,,,,"]
    counts = [b"", b"\0", b"\2\4\6", b"\1\x02", b"\xf9\x1f\x02\x04", b"\xff\xdf\x06",
              b"\xfe" + b"\xff" * 8, b"\xff" * 9, b"\x80\xa8\xca\x9a\x3a\x8b\x46\x02"]
    plain = bytes.fromhex("1c84931300000001000000000000000300000000000000010000034630b8a000"
                          "3ff000000000000002")
    return ([b"\0" + text.encode() for text in written] + [b"\1" + plain] +
            [b"\2" + run for run in counts] + [b"\4" + line.encode() for line in lines])


def main():
    write("response", responses())
    write("connection", connections())
    write("sse", streams())
    write("url", urls())
    write("hints", hints())
    write("batch", lines())
    write("reply", replies())
    write("tls", talks())
    write("tunnel", tunnels())
    write("proxy", proxies())
    write("stream", events())
    write("hlog", histograms())


if __name__ == "__main__":
    main()
