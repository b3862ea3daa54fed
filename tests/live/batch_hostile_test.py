#!/usr/bin/env python3
"""batch_hostile: `quoit batch` with input that would make other requests of it (R24), with keys
that must not show anywhere (R25), and with servers that send it elsewhere (R26).

    tests/live/batch_hostile_test.py [NAME...]     all tests, or those whose name contains a NAME

What batch_test.py says of its environment holds here too.
"""

import base64
import json
import os
import signal
import sys
import urllib.parse

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import (Mock, check_equal, check_in, environment, finish, path_of, queries, query,
                        read_lines, run, start, wait_for, write_file)

# Signs that base64 and URLs write in another way.
SECRET = "sk-S3CRET/01+23=456?&789"


# --- R24: input that would be more than one request ---

HEADERS = {"n-crlf": {"X\r\nY": "1"}, "n-lf": {"X\nY": "1"}, "n-cr": {"X\rY": "1"},
           "n-nul": {"X\0Y": "1"}, "n-space": {"X Y": "1"}, "n-colon": {"X:": "1"},
           "n-empty": {"": "1"}, "n-letter": {"\u00e4": "1"},
           "v-crlf": {"X": "a\r\nY: b"}, "v-lf": {"X": "a\nb"}, "v-cr": {"X": "a\rb"},
           "v-nul": {"X": "a\0b"}, "v-escape": {"X": "\x1b[0m"}, "v-end": {"X": "a\r\n"},
           "length": {"content-LENGTH": "5"}, "coding": {"transfer-Encoding": "chunked"},
           "host": {"HOST": "evil"}, "connection": {"cONNECTION": "close"},
           "lengths": {"Content-Length": "2", "content-length": "2"},
           "hosts": {"Host": "a", "hOST": "b"}}
METHODS = {"m-space": "GE T", "m-crlf": "GET\r\nX: y", "m-nul": "GET\0", "m-empty": "",
           "m-line": "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET"}
URLS = {"p-space": "/v1/a b", "p-crlf": "/v1/a\r\nX: y", "p-lf": "/v1/a\nb", "p-nul": "/v1/a\0b",
        "h-space": "http://ho st/v1/a", "h-crlf": "http://host\r\nX: y/v1/a",
        "h-nul": "http://127.0.0.1\0.example/v1/a", "s-crlf": "https://host\r\n/v1/a"}
ODD_IDS = ["id\r\nX-Evil: 1", "id \0 nul", "id with spaces"]  # an id is data, never a header


def hostile_batch():
    lines = [query("good-1")]
    lines += [query(name, headers=headers) for name, headers in HEADERS.items()]
    lines += [json.dumps({"custom_id": name, "method": method, "url": "/v1/a"})
              for name, method in METHODS.items()]
    lines += [query(name, url) for name, url in URLS.items()]
    lines += [query(custom_id) for custom_id in ODD_IDS]
    return write_file("batch.jsonl", "\n".join(lines + [query("good-2")]) + "\n")


def test_hostile_lines_are_refused_before_a_byte_is_sent_and_the_others_go():
    bad = sorted([*HEADERS, *METHODS, *URLS])
    good = sorted(["good-1", "good-2", *ODD_IDS])
    with Mock() as mock:
        result = run(hostile_batch(), "-o", path_of("out.jsonl"), "--errors",
                     path_of("errors.jsonl"), "--base-url", mock.base)
        ledger = mock.ledger()
    check_equal(result.code, 1, "exit; " + result.stderr)
    errors = read_lines("errors.jsonl")
    check_equal(sorted(error["custom_id"] for error in errors), bad, "refused")
    for error in errors:
        check_equal(error["error"]["code"], "invalid_input_line", error["custom_id"])
        check_equal(error["response"], None, error["custom_id"])
    answers = read_lines("out.jsonl")
    check_equal(sorted(answer["custom_id"] for answer in answers), good, "answered")
    check_equal(ledger["requests"], len(good), "requests")
    check_equal(ledger["refused"], 0, "what the server could not read")
    assert "evil" not in json.dumps(ledger["last_head"]).lower(), "an id became a header"


def test_hostile_lines_alone_open_no_connection():
    with Mock() as mock:
        lines = [json.dumps({"custom_id": name, "url": "/v1/a", "headers": headers, "body": {}})
                 for name, headers in HEADERS.items()]
        batch = write_file("batch.jsonl", "\n".join(lines) + "\n")
        result = run(batch, "-o", path_of("out.jsonl"), "--base-url", mock.base)
        check_equal(mock.ledger()["connections_opened"], 0, "connections")
        for option in ("X: a\nY: b", "X: a\rb", "X Y: a", "Host: a", "content-length: 1",
                       "Transfer-Encoding: chunked"):
            check_equal(run(queries(1), "-H", option, "--base-url", mock.base).code, 2, option)
        check_equal(mock.ledger()["connections_opened"], 0, "connections after -H")
    check_equal(result.code, 1, "exit")
    check_equal(len(read_lines("out.jsonl")), len(HEADERS), "lines")


# --- R25: secrets ---


def forms_of(secret):
    """What must not show: as it is, in URLs, in JSON, in hex, in base64 at each of its places."""
    forms = {secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret),
             urllib.parse.quote_plus(secret), json.dumps(secret)[1:-1],
             secret.replace("/", "\\/"), secret.encode().hex()}
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode(b" " * before + secret.encode()).decode()
            # The first and last signs also hold bits of what stands beside it.
            forms.add(coded[4 if before else 0:-4])
    return forms


def ways_to_give_a_key():
    key_file = write_file("key", SECRET + "\n")
    header_file = write_file("headers", "Authorization: Bearer %s\nCookie: c=%s\nX-Api-Key: %s\n"
                             % (SECRET, SECRET, SECRET))
    return [
        ("environment", [], environment(OPENAI_API_KEY=SECRET)),
        ("named", ["--api-key-env", "MINE", "--api-key-header", "x-api-key"],
         environment(MINE=SECRET)),
        ("file", ["--api-key-file", key_file], environment()),
        ("header file", ["-H", "@" + header_file], environment()),
        ("header", ["-H", "Authorization: Bearer " + SECRET], environment()),
    ]


OUTPUTS = ("out.jsonl", "errors.jsonl", "summary.json")


def all_output(result):
    seen = result.stdout.decode("utf-8", "replace") + result.stderr
    for name in OUTPUTS:
        if os.path.exists(path_of(name)):
            with open(path_of(name), encoding="utf-8", errors="replace") as file:
                seen += file.read()
            os.unlink(path_of(name))
    return seen


def check_no_secret(seen, what):
    for form in forms_of(SECRET):
        assert form not in seen, "the key is in the output (%s): %s" % (what, form)


LOUD = ["-v", "--details", "--progress", "always", "--wait-for-server", "0"]


def run_loudly(base, options, env):
    return run(queries(12), "-o", path_of("out.jsonl"), "--errors", path_of("errors.jsonl"),
               "--summary", path_of("summary.json"), "--base-url", base, *LOUD, *options, env=env)


def test_no_key_shows_whatever_the_server_does():
    servers = [[], ["--status", "401"], ["--status", "500", "--retry-after", "0.01"],
               ["--status", "308", "--header", "Location: http://other.example/v1/x"],
               ["--fault", "reset"], ["--fault", "garbage"], ["--fault", "close-mid-body"],
               ["--fault", "stall-before"], ["--error", "429:0.5", "--retry-after", "0.01"]]
    for server in servers:
        with Mock(*server) as mock:
            retries = "1" if "--retry-after" in server else "0"
            for way, options, env in ways_to_give_a_key():
                result = run_loudly(mock.base, [*options, "--timeout", "300ms", "--retries",
                                                retries], env)
                check_no_secret(all_output(result), "%s, %s" % (way, server))
            ledger = mock.ledger()
            assert ledger["authorization"] + ledger["api_keys"] > 0, "no key was sent at all"


def test_no_key_shows_when_there_is_no_server_to_send_it_to():
    with Mock() as mock:  # and no TLS there
        for base in ("http://127.0.0.1:1/v1", "https://127.0.0.1:%d/v1" % mock.port,
                     "http://nowhere.invalid/v1"):
            for way, options, env in ways_to_give_a_key():
                result = run_loudly(base, [*options, "--retries", "0"], env)
                assert result.code != 0, "it went well"
                check_no_secret(all_output(result), "%s, %s" % (way, base))


def test_no_key_shows_in_a_dry_run_or_beside_a_mistake():
    for way, options, env in ways_to_give_a_key():
        for more in (["--dry-run"], ["--no-such-option"], ["--timeout", "soon"],
                     ["--cacert", "/nowhere"], ["-o", "/nowhere/at/all"]):
            check_no_secret(all_output(run(queries(2), "-v", "--base-url", "http://127.0.0.1:1/v1",
                                           *more, *options, env=env)), "%s, %s" % (way, more))


def test_no_key_shows_in_the_list_of_processes_or_after_a_signal():
    for way, options, env in ways_to_give_a_key():
        with Mock("--latency", "300ms") as mock:
            process = start(queries(100), "-c", "4", "-o", path_of("out.jsonl"), "--summary",
                            path_of("summary.json"), "--base-url", mock.base, "-v", "--grace", "0",
                            *options, env=env)
            wait_for("a second round", lambda: mock.ledger()["requests"] > 4)
            with open("/proc/%d/cmdline" % process.pid) as file:
                check_no_secret(file.read(), "cmdline, " + way)
            process.send_signal(signal.SIGINT)
            check_no_secret(all_output(finish(process)), "interrupted, " + way)


# --- R26: servers that point elsewhere ---


def test_redirects_are_delivered_and_never_followed():
    with Mock() as elsewhere:
        for status in ("301", "302", "303", "307", "308"):
            target = "Location: http://127.0.0.1:%d/v1/chat/completions" % elsewhere.port
            with Mock("--status", status, "--header", target) as mock:
                result = run(queries(5), "-o", path_of("out.jsonl"), "--overwrite", "--base-url",
                             mock.base, env=environment(OPENAI_API_KEY=SECRET))
                check_equal(mock.ledger()["requests"], 5, "requests")
            check_equal(result.code, 1, "exit")
            answers = read_lines("out.jsonl")
            check_equal([answer["response"]["status_code"] for answer in answers],
                        [int(status)] * 5, "statuses")
            check_in("base url answers %s" % status, result.stderr)
        ledger = elsewhere.ledger()
    check_equal(ledger["connections_opened"], 0, "connections elsewhere")
    check_equal(ledger["authorization"], 0, "keys elsewhere")


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
