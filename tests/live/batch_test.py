#!/usr/bin/env python3
"""batch: `quoit batch` against quoit-mock, as a user runs it, judged by the mock's ledger.

    tests/live/batch_test.py [NAME...]     all tests, or those whose name contains a NAME

QUOIT_BUILD is the build folder (build). QUOIT_TEST_IO=epoll adds --io epoll. QUOIT_SHARED may hold
data/gsm8k_batch.jsonl (../shared); without it a batch of 1,000 lines is made. Only 127.0.0.1 is
used.
"""

import base64
import collections
import fcntl
import hashlib
import http.server
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("QUOIT_BUILD", "build"))
SHARED = os.path.join(ROOT, os.environ.get("QUOIT_SHARED", "../shared"))
QUOIT = os.path.join(BUILD, "quoit")
MOCK = os.path.join(BUILD, "quoit-mock")
IO = ["--io", os.environ["QUOIT_TEST_IO"]] if os.environ.get("QUOIT_TEST_IO") else []
LIMIT_S = 60  # for anything that should take a moment
SECRET = "sk-SECRET-0123456789abcdef"

work = None  # a new folder for each test


def path_of(name):
    return os.path.join(work, name)


def write_file(name, content):
    mode = "wb" if isinstance(content, bytes) else "w"
    with open(path_of(name), mode) as file:
        file.write(content)
    return path_of(name)


def read_lines(name):
    with open(path_of(name), "rb") as file:
        content = file.read()
    assert content == b"" or content.endswith(b"\n"), "the last line is torn"
    return [json.loads(line) for line in content.splitlines()]


def wait_for(what, holds, limit_s=LIMIT_S):
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end, "never came: " + what
        time.sleep(0.01)


def bytes_in(pipe):
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


class Port:
    """A port of 127.0.0.1 that is nobody else's while this lives: refused, until a Mock takes it."""

    def __init__(self):
        self.socket = socket.socket()
        # With this on both sockets, one that does not listen leaves the port to one that does.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.number = self.socket.getsockname()[1]
        self.base = "http://127.0.0.1:%d/v1" % self.number

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Mock:
    """A quoit-mock of its own: with Mock("--latency", "20ms") as mock."""

    def __init__(self, *options, port=0, scheme="http"):
        self.options, self.port, self.scheme = options, port, scheme

    def __enter__(self):
        port_file = path_of("port-%d" % id(self))
        self.process = subprocess.Popen(
            [MOCK, "--port", str(self.port), "--port-file", port_file, *self.options],
            stdout=subprocess.DEVNULL)
        wait_for("the mock's port", lambda: os.path.exists(port_file) and open(port_file).read())
        with open(port_file) as file:
            self.port = int(file.read())
        os.unlink(port_file)
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(LIMIT_S)

    @property
    def base(self):
        return "%s://127.0.0.1:%d/v1" % (self.scheme, self.port)

    def ledger(self, port=None):
        url = "http://127.0.0.1:%d/ledger" % (port or self.port)
        with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:
            return json.load(answer)


Result = collections.namedtuple("Result", "code stdout stderr")


def environment(**more):
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith("OPENAI_") and not name.lower().endswith("_proxy")}
    clean.update(more)
    return clean


def start(*options, stdin=subprocess.DEVNULL, env=None, **more):
    return subprocess.Popen([QUOIT, "batch", *IO, *options], stdin=stdin, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=env or environment(), **more)


def finish(process, input_bytes=None):
    stdout, stderr = process.communicate(input_bytes, timeout=LIMIT_S)
    return Result(process.returncode, stdout, stderr.decode())


def wait_told(process, text):
    for line in process.stderr:
        if text in line.decode():
            return
    raise AssertionError("never told: " + text)


def run(*options, stdin_bytes=None, env=None):
    stdin = subprocess.DEVNULL if stdin_bytes is None else subprocess.PIPE
    return finish(start(*options, stdin=stdin, env=env), stdin_bytes)


def query(custom_id, url="/v1/chat/completions", **more):
    body = {"model": "m", "messages": [{"role": "user", "content": "say " + custom_id}]}
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": url, "body": body, **more})


def queries(count, name="batch.jsonl"):
    return write_file(name, "".join(query("q-%d" % i) + "\n" for i in range(count)))


def big_batch():
    """The 1,319 lines of GSM8K where they are, else 1,000 of our own."""
    shared = os.path.join(SHARED, "data", "gsm8k_batch.jsonl")
    return shared if os.path.exists(shared) else queries(1000)


def span_of_body(line):
    """The bytes of the member body: such lines end with it."""
    found = re.search(rb'"body": ?(\{.*\})\}$', line)
    return found.group(1)


def hash_of(body):
    return hashlib.sha256(body).hexdigest()[:16]


def check_equal(got, wanted, what=""):
    assert got == wanted, "%s is %r, wanted %r" % (what or "it", got, wanted)


def check_in(part, whole):
    assert part in whole, "%r is not in %r" % (part, whole)


def check_all_answered(batch, result, ledger):
    with open(batch, "rb") as file:
        lines = file.read().splitlines()
    check_equal(result.code, 0, "exit; " + result.stderr)
    answers = read_lines("out.jsonl")
    ids = [json.loads(line)["custom_id"] for line in lines]
    check_equal(sorted(answer["custom_id"] for answer in answers), sorted(ids), "ids")
    for answer in answers:
        check_equal(answer["response"]["status_code"], 200, "status")
        check_equal(answer["error"], None, "error")
    wanted = collections.Counter(hash_of(span_of_body(line)) for line in lines)
    check_equal(ledger["bodies"], dict(wanted), "body hashes")
    return answers, ids


# --- The main road ---


def test_every_line_is_answered_once_with_exactly_64_in_flight():
    batch = big_batch()
    with Mock("--latency", "20ms") as mock:
        result = run(batch, "-o", path_of("out.jsonl"), "-c", "64", "--base-url", mock.base,
                     "--summary", path_of("summary.json"))
        ledger = mock.ledger()
    answers, _ = check_all_answered(batch, result, ledger)
    check_equal(ledger["in_flight_max"], 64, "in flight")
    with open(path_of("summary.json")) as file:
        summary = json.load(file)
    check_equal(summary["requests"]["ok"], len(answers), "summary")
    check_equal(summary["statuses"], {"200": len(answers)}, "statuses")
    check_equal(summary["attempts"], len(answers), "attempts")
    check_equal(summary["connections"], ledger["connections_opened"], "connections")


def test_the_output_id_is_the_hash_of_what_was_asked():
    line = '{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"input": "x"}}'
    batch = write_file("batch.jsonl", "\n" + line + "\n")
    with Mock() as mock:
        run(batch, "-o", path_of("out.jsonl"), "--base-url", mock.base)
    wanted = hash_of(b'POST\n/v1/embeddings\n{"input": "x"}')
    check_equal(read_lines("out.jsonl")[0]["id"], "quoit-%s-2" % wanted, "id")


def test_the_time_is_that_of_the_rounds():
    batch = big_batch()
    with open(batch, "rb") as file:
        rounds = -(-len(file.read().splitlines()) // 64)
    with Mock("--latency", "50ms") as mock:
        result = run(batch, "-o", path_of("out.jsonl"), "-c", "64", "--base-url", mock.base,
                     "--summary", path_of("summary.json"))
    check_equal(result.code, 0, "exit")
    with open(path_of("summary.json")) as file:
        seconds = json.load(file)["seconds"]
    assert seconds >= rounds * 0.05, "faster than possible: %f" % seconds
    # A quiet machine shows 10 % more than the least; a busy one may take longer, but not for ever.
    assert seconds < rounds * 0.05 * 4, "%f s for %d rounds of 50 ms" % (seconds, rounds)


def make_certificate():
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
         path_of("key.pem"), "-out", path_of("cert.pem")], check=True, capture_output=True)
    return path_of("cert.pem"), path_of("key.pem")


def test_over_https_it_is_the_same():
    batch = big_batch()
    cert, key = make_certificate()
    plain = path_of("plain-port")
    with Mock("--latency", "100ms", "--tls-cert", cert, "--tls-key", key, "--plain-port", "0",
              "--plain-port-file", plain, scheme="https") as mock:
        result = run(batch, "-o", path_of("out.jsonl"), "-c", "64", "--base-url", mock.base,
                     "--cacert", cert)
        with open(plain) as file:
            ledger = mock.ledger(int(file.read()))
        check_all_answered(batch, result, ledger)
        check_equal(ledger["in_flight_max"], 64, "in flight")

        by_variable = run(queries(1), "--base-url", mock.base, env=environment(SSL_CERT_FILE=cert))
        check_equal(by_variable.code, 0, "SSL_CERT_FILE; " + by_variable.stderr)
        check_in("SSL_CERT_FILE", by_variable.stderr)
        refused = run(queries(1), "--base-url", mock.base)
        check_equal(refused.code, 1, "an unknown CA")
        check_equal(json.loads(refused.stdout)["error"]["code"], "tls_error", "code")
        insecure = run(queries(1), "--base-url", mock.base, "-k")
        check_equal(insecure.code, 0, "-k")


def test_order_input_is_the_order_of_the_input():
    batch = big_batch()
    with Mock("--latency", "uniform:1ms:30ms") as mock:
        result = run(batch, "-o", path_of("out.jsonl"), "-c", "64", "--order", "input",
                     "--base-url", mock.base)
        answers, ids = check_all_answered(batch, result, mock.ledger())
    check_equal([answer["custom_id"] for answer in answers], ids, "order")


def test_over_a_unix_socket_it_is_the_same():
    place = path_of("socket")
    process = subprocess.Popen([MOCK, "--unix-socket", place], stdout=subprocess.DEVNULL)
    try:
        wait_for("the socket", lambda: os.path.exists(place))
        result = run(queries(100), "-o", path_of("out.jsonl"), "--unix-socket", place,
                     "--base-url", "http://nowhere.invalid/v1")
        check_equal(result.code, 0, "exit; " + result.stderr)
        check_equal(len(read_lines("out.jsonl")), 100, "lines")
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def test_a_body_reaches_the_server_byte_for_byte():
    bodies = [
        b'{"a":9007199254740993,"b":1e400,"c":"\\u0000","a":2,  "d" :\t[ 1 ,2]}',
        '{"x":"\\ud83d\\ude00 é","y":-0.0,"z":{"k":1,"k":2}}'.encode(),
        b'{"model":"m", "n" : 1E+2 }',
    ]
    batch = write_file("batch.jsonl", b"".join(
        b'{"custom_id":"%d","url":"/v1/echo","body":%s}\r\n' % (i, body)
        for i, body in enumerate(bodies)))
    with Mock() as mock:
        run(batch, "-o", path_of("out.jsonl"), "--base-url", mock.base)
        check_equal(mock.ledger()["bodies"], {hash_of(body): 1 for body in bodies}, "bodies")
        spliced = run(batch, "--limit", "1", "--model", 'n"ew', "--base-url", mock.base)
        wanted = b'{"model":"n\\"ew",' + bodies[0][1:]
        check_in(hash_of(wanted), mock.ledger()["bodies"])
        check_equal(len(spliced.stdout.splitlines()), 1, "lines")


def test_decoded_text_and_methods_without_body_are_sent():
    batch = write_file("batch.jsonl",
                       '{"custom_id":"t","url":"/x","body":"a\\nb\\u00e9","body_encoding":"text"}\n'
                       '{"custom_id":"g","method":"GET","url":"/v1/models"}\n')
    with Mock() as mock:
        result = run(batch, "-o", path_of("out.jsonl"), "--base-url", mock.base)
        check_in(hash_of("a\nbé".encode()), mock.ledger()["bodies"])
        check_equal(mock.ledger()["methods"].get("GET"), 1, "GET")
    check_equal(len(read_lines("out.jsonl")), 2, result.stderr)


# --- Lines (R33) and files (R40) ---


def test_invalid_lines_are_told_of_and_the_run_goes_on():
    batch = write_file("batch.jsonl", b"\xef\xbb\xbf" + query("good-1").encode() + b"\r\n"
                       b"\n   \n"
                       b"not json\n"
                       b'{"custom_id":7,"url":"/v1/x","body":{}}\n'
                       b'{"custom_id":"no-url","body":{}}\n'
                       b'{"url":"/v1/x","body":{}}\n'
                       b'{"custom_id":"\xff","url":"/v1/x","body":{}}\n'
                       b'[]\n' + query("good-2").encode())
    with Mock() as mock:
        result = run(batch, "-o", path_of("out.jsonl"), "--errors", path_of("errors.jsonl"),
                     "--base-url", mock.base)
        check_equal(mock.ledger()["requests"], 2, "requests")
    check_equal(result.code, 1, "exit")
    check_equal(sorted(line["custom_id"] for line in read_lines("out.jsonl")),
                ["good-1", "good-2"], "good lines")
    errors = read_lines("errors.jsonl")
    check_equal(len(errors), 6, "errors")
    for error in errors:
        check_equal(error["error"]["code"], "invalid_input_line", "code")
        check_equal(error["response"], None, "response")
    check_equal([error["custom_id"] for error in errors].count("no-url"), 1, "no-url")
    check_equal(sorted(error["id"].rsplit("-", 1)[1] for error in errors),
                ["4", "5", "6", "7", "8", "9"], "line numbers")


def test_a_repeated_id_names_both_lines():
    batch = write_file("batch.jsonl",
                       query("a") + "\n" + query("b") + "\n" + query("a") + "\n")
    with Mock() as mock:
        result = run(batch, "-o", path_of("out.jsonl"), "--base-url", mock.base)
        check_equal(mock.ledger()["requests"], 2, "requests")
    check_equal(result.code, 1, "exit")
    bad = [line for line in read_lines("out.jsonl") if line["error"]]
    check_equal(len(bad), 1, "errors")
    check_equal(bad[0]["custom_id"], None, "custom_id")
    check_equal(bad[0]["error"]["code"], "invalid_input_line", "code")
    for part in ('"a"', "line 3", "line 1"):
        check_in(part, bad[0]["error"]["message"])


def test_an_output_that_holds_something_is_refused():
    batch = queries(3)
    write_file("out.jsonl", "precious\n")
    with Mock() as mock:
        refused = run(batch, "-o", path_of("out.jsonl"), "--base-url", mock.base)
        check_equal(refused.code, 3, "exit")
        check_in("--overwrite", refused.stderr)
        with open(path_of("out.jsonl")) as file:
            check_equal(file.read(), "precious\n", "the file")
        check_equal(mock.ledger()["requests"], 0, "requests")
        same = run(batch, "-o", batch, "--overwrite", "--base-url", mock.base)
        check_equal(same.code, 2, "exit when the input would be overwritten")
        check_equal(len(read_lines("batch.jsonl")), 3, "the input")
        taken = run(batch, "-o", path_of("out.jsonl"), "--overwrite", "--base-url", mock.base)
        check_equal(taken.code, 0, "exit with --overwrite")
    check_equal(len(read_lines("out.jsonl")), 3, "lines")


def test_a_full_disk_ends_the_run_with_exit_4():
    with Mock("--latency", "5ms") as mock:
        result = run(queries(500), "-o", "/dev/full", "--base-url", mock.base)
        sent = mock.ledger()["requests"]
    check_equal(result.code, 4, "exit")
    check_in("No space left", result.stderr)
    check_in("quoit: 0 done", result.stderr)
    assert sent < 500, "it went on"


def test_a_reader_that_leaves_ends_the_run_with_exit_4():
    with Mock("--latency", "5ms") as mock:
        process = start(queries(3000), "--base-url", mock.base)
        first = process.stdout.readline()
        process.stdout.close()
        stderr = process.stderr.read().decode()
        check_equal(process.wait(LIMIT_S), 4, "exit")
        process.stderr.close()
    json.loads(first)
    check_in("Broken pipe", stderr)


def test_a_pipe_is_read_as_it_comes():
    with Mock() as mock:
        process = start("-", "--base-url", mock.base, stdin=subprocess.PIPE)
        for i in range(3):  # each answer is there before the next line is written
            process.stdin.write(query("q-%d" % i).encode() + b"\n")
            process.stdin.flush()
            check_equal(json.loads(process.stdout.readline())["custom_id"], "q-%d" % i, "id")
        result = finish(process)
    check_equal(result.code, 0, "exit")


def test_limit_and_dry_run_send_little_or_nothing():
    batch = queries(50)
    env = environment(OPENAI_API_KEY=SECRET)
    with Mock() as mock:
        dry = run(batch, "--dry-run", "--base-url", mock.base, env=env)
        check_equal(dry.code, 0, "exit")
        check_equal(mock.ledger()["requests"], 0, "requests")
        check_in(b"Authorization: ***", dry.stdout)
        check_in(b"say q-0", dry.stdout)
        assert SECRET.encode() not in dry.stdout
        limited = run(batch, "--limit", "7", "--base-url", mock.base)
        check_equal(len(limited.stdout.splitlines()), 7, "lines")


def test_a_dry_run_judges_the_base_url():
    result = run(queries(1), "--dry-run", "--base-url", "ftp://127.0.0.1/v1")
    check_equal(result.code, 2, "exit")
    check_in("--base-url", result.stderr)


def test_memory_does_not_grow_with_the_file():
    def peak_kib(count):
        process = start("-", "--base-url", mock.base, "--quiet", stdin=subprocess.PIPE,
                        env=environment(ASAN_OPTIONS="quarantine_size_mb=0:"
                                                     "thread_local_quarantine_size_kb=0"))
        feeder = threading.Thread(target=lambda: [
            process.stdin.write(query("q-%d" % i).encode() + b"\n") for i in range(count)])
        feeder.start()
        for _ in range(count - 64):  # some may still be in a buffer
            process.stdout.readline()
        feeder.join()
        with open("/proc/%d/status" % process.pid) as file:
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1))
        check_equal(finish(process).code, 0, "exit")
        return peak

    with Mock() as mock:
        small, large = peak_kib(3000), peak_kib(23000)
    # 24 bytes a line are 470 KiB; the lines are 3 MiB more, and so are the answers.
    assert large - small < 2500, "%d KiB, then %d KiB" % (small, large)


# --- Failures ---


def test_failures_of_a_moment_are_tried_again():
    with Mock("--status-first", "5:503") as mock:
        result = run(queries(30), "-o", path_of("out.jsonl"), "--base-url", mock.base, "--details")
        check_equal(mock.ledger()["requests"], 35, "requests")
    check_equal(result.code, 0, "exit; " + result.stderr)
    attempts = [line["quoit"]["attempts"] for line in read_lines("out.jsonl")]
    check_equal(sum(attempts), 35, "attempts")


def test_final_statuses_are_answers_and_failures():
    with Mock("--status", "422") as mock:
        result = run(queries(30), "-o", path_of("out.jsonl"), "--base-url", mock.base)
        check_equal(mock.ledger()["requests"], 30, "requests")
    check_equal(result.code, 1, "exit")
    for line in read_lines("out.jsonl"):
        check_equal(line["response"]["status_code"], 422, "status")
        check_equal(line["error"], None, "error")


def test_retries_0_means_none():
    with Mock("--status", "500") as mock:
        result = run(queries(5), "-o", path_of("out.jsonl"), "--retries", "0",
                     "--base-url", mock.base)
        check_equal(mock.ledger()["requests"], 5, "requests")
    check_equal(result.code, 1, "exit")
    check_equal(len(read_lines("out.jsonl")), 5, "lines")


def test_401_on_the_first_20_answers_stops_the_run():
    for status in ("401", "403", "404"):
        with Mock("--status", status, "--latency", "5ms") as mock:
            result = run(queries(2000), "-o", path_of("out.jsonl"), "--overwrite",
                         "--base-url", mock.base)
            sent = mock.ledger()["requests"]
        check_equal(result.code, 1, "exit")
        assert 20 <= sent < 100, "%d were sent" % sent
        check_in("stopped: the first 20 answers", result.stderr)
        check_in(status, result.stderr)
        check_equal(read_lines("out.jsonl"), [], "lines")
    with Mock("--status", "401") as mock:
        result = run(queries(19), "-o", path_of("few.jsonl"), "--base-url", mock.base)
        check_equal(len(read_lines("few.jsonl")), 19, "lines of a batch too short to be stopped")


def test_hopeless_answers_after_a_good_one_do_not_stop_the_run():
    with Mock("--fault", "none") as mock:
        lines = [query("good")] + [
            query("bad-%d" % i, headers={"X-Mock-Status": "404"}) for i in range(60)]
        batch = write_file("batch.jsonl", "\n".join(lines) + "\n")
        result = run(batch, "-o", path_of("out.jsonl"), "-c", "1", "--order", "input",
                     "--base-url", mock.base)
    check_equal(result.code, 1, "exit")
    check_equal(len(read_lines("out.jsonl")), 61, "lines")


def test_a_redirect_says_where_it_points():
    target = "Location: https://other.example/v1/chat/completions?token=%s" % SECRET
    with Mock("--status", "308", "--header", target) as mock:
        result = run(queries(200), "-o", path_of("out.jsonl"), "--base-url", mock.base)
    check_equal(result.code, 1, "exit")
    check_in("base url answers 308: try https://other.example/v1", result.stderr)
    assert SECRET not in result.stderr


def test_a_few_hopeless_answers_say_what_to_do():
    with Mock("--status", "401") as mock:
        result = run(queries(3), "-o", path_of("out.jsonl"), "--base-url", mock.base)
    check_equal(result.code, 1, "exit")
    check_equal(len(read_lines("out.jsonl")), 3, "lines")
    check_in("status 401: no key was sent: set OPENAI_API_KEY", result.stderr)


def test_a_spent_quota_stops_the_run():
    with Mock("--status", "429", "--error-code", "insufficient_quota") as mock:
        result = run(queries(1000), "-o", path_of("out.jsonl"), "--base-url", mock.base)
        sent = mock.ledger()["requests"]
    check_equal(result.code, 1, "exit")
    check_in("quota_exhausted", result.stderr)
    check_equal(read_lines("out.jsonl"), [], "lines")
    assert sent < 300, "%d were sent" % sent


def test_a_server_that_stops_and_comes_back_costs_no_line():
    batch = big_batch()
    with Port() as port:
        with Mock("--latency", "20ms", port=port.number) as mock:
            process = start(batch, "-o", path_of("out.jsonl"), "-c", "64", "--retries", "2",
                            "--base-url", mock.base)
            wait_for("some answers", lambda: os.path.getsize(path_of("out.jsonl")) > 50000
                     if os.path.exists(path_of("out.jsonl")) else False)
        time.sleep(3)  # so long it is away
        with Mock("--latency", "20ms", port=port.number):
            result = finish(process)
    check_equal(result.code, 0, "exit; " + result.stderr)
    with open(batch, "rb") as file:
        ids = sorted(json.loads(line)["custom_id"] for line in file)
    check_equal(sorted(line["custom_id"] for line in read_lines("out.jsonl")), ids, "ids")


def test_a_server_that_stays_down_stops_the_run():
    with Port() as port:
        result = run(queries(200), "-o", path_of("out.jsonl"), "--wait-for-server", "2s",
                     "--base-url", port.base)
    check_equal(result.code, 1, "exit; " + result.stderr)
    check_in("stopped: the server is down", result.stderr)
    check_equal(read_lines("out.jsonl"), [], "lines")


def check_timeout(code, mock_options, *options, lines=2, body=None, listener=None):
    batch = queries(lines) if body is None else write_file(
        "batch.jsonl", json.dumps({"custom_id": "a", "url": "/v1/x", "body": body}))
    with Mock(*mock_options) as mock:
        result = run(batch, "--retries", "0", "--wait-for-server", "0", *options,
                     "--base-url", listener or mock.base)
    check_equal(result.code, 1, "exit; " + result.stderr)
    for line in result.stdout.splitlines():
        check_equal(json.loads(line)["error"]["code"], code, "code")
    check_equal(len(result.stdout.splitlines()), 1 if body else lines, "lines")


def test_each_timeout_fires_alone_with_its_own_code():
    cert, key = make_certificate()
    check_timeout("timeout_connect", ["--mode", "no-accept"], "--connect-timeout", "300ms")
    silent = Mock("--mode", "silent")
    with silent:
        check_timeout("timeout_tls", [], "--tls-timeout", "300ms", "-k",
                      listener="https://127.0.0.1:%d/v1" % silent.port)
    check_timeout("timeout_write", ["--mode", "deaf"], "--write-timeout", "300ms",
                  body="x" * 15000000)
    check_timeout("timeout_first_byte", ["--fault", "stall-before"],
                  "--first-byte-timeout", "300ms")
    check_timeout("timeout_idle", ["--fault", "stall-mid-body"], "--idle-timeout", "300ms")
    check_timeout("timeout_total", ["--fault", "drip:20ms:1"], "--timeout", "500ms",
                  "--idle-timeout", "300ms")
    check_timeout("timeout_deadline", ["--fault", "stall-before"], "--deadline", "300ms")


def test_other_failures_have_their_codes():
    for fault, code in (("reset", "connection_reset"), ("close-before", "connection_reset"),
                        ("garbage", "protocol_error"), ("close-mid-body:5", "incomplete_response")):
        with Mock("--fault", fault) as mock:
            result = run(queries(1), "--retries", "0", "--wait-for-server", "0",
                         "--base-url", mock.base)
        check_in('"code":"%s"' % code, result.stdout.decode() + fault + result.stderr)
    with Mock() as mock:
        result = run(queries(1), "--body-max", "10", "--base-url", mock.base)
        check_equal(json.loads(result.stdout)["error"]["code"], "too_large", "body-max")


# --- Signals ---


def interrupt(number, *options, again=False):
    """Send the signal in mid-run; returns the result and the ledger once all is closed."""
    with Mock("--latency", "300ms") as mock:
        process = start(queries(2000), "-o", path_of("out.jsonl"), "--overwrite", "-c", "64",
                        "--base-url", mock.base, *options)
        wait_for("a second round", lambda: mock.ledger()["requests"] >= 128)
        process.send_signal(number)
        if again:
            wait_told(process, "nothing new is sent")
            process.send_signal(number)
        result = finish(process)
        wait_for("closed connections", lambda: mock.ledger()["connections_open"] == 0)
        return result, mock.ledger()


def test_sigint_ends_with_130_whole_lines_and_closed_connections():
    result, ledger = interrupt(signal.SIGINT)
    check_equal(result.code, 130, "exit; " + result.stderr)
    lines = read_lines("out.jsonl")
    check_equal(len(lines), ledger["requests"], "lines, also of what was in flight")
    assert 64 <= len(lines) < 2000, "%d lines" % len(lines)
    check_equal([line for line in lines if line["error"]], [], "errors")


def test_sigterm_and_sighup_end_with_143():
    check_equal(interrupt(signal.SIGTERM)[0].code, 143, "SIGTERM")
    check_equal(interrupt(signal.SIGHUP)[0].code, 143, "SIGHUP")


def test_a_second_signal_and_grace_0_cancel_what_is_in_flight():
    for options, again in ((["--grace", "0"], False), ([], True)):
        result, ledger = interrupt(signal.SIGINT, *options, again=again)
        check_equal(result.code, 130, "exit")
        lines = read_lines("out.jsonl")
        check_equal([line for line in lines if line["error"]], [], "errors")
        assert len(lines) < ledger["requests"], "nothing was cancelled"
        cancelled = ledger["requests"] - len(lines)
        check_in("attempts  %d sent; " % ledger["requests"], result.stderr)
        check_in("maybe billed in vain %d;" % cancelled, result.stderr)
        check_in("cancelled: %d" % cancelled, result.stderr)


def test_an_interrupted_run_in_order_is_a_beginning_of_the_input():
    interrupt(signal.SIGINT, "--order", "input", "--grace", "0")
    ids = [line["custom_id"] for line in read_lines("out.jsonl")]
    check_equal(ids, ["q-%d" % i for i in range(len(ids))], "ids")


def test_answers_that_the_order_keeps_out_of_the_file_are_told_and_billed():
    lines = [query("slow", headers={"X-Mock-Latency": "60s"})]
    lines += [query("q-%d" % i) for i in range(20)]
    batch = write_file("batch.jsonl", "\n".join(lines) + "\n")
    with Mock() as mock:
        process = start(batch, "-o", path_of("out.jsonl"), "--order", "input", "--base-url",
                        mock.base, "--grace", "0", "-c", "2")
        # One after another beside the slow one: the last answer may not have been read yet.
        wait_for("the others", lambda: mock.ledger()["answers"] == 20)
        process.send_signal(signal.SIGINT)
        result = finish(process)
    check_equal(read_lines("out.jsonl"), [], "lines")
    kept = "(19|20) answers that stand behind one that is missing were not written"
    assert re.search(kept, result.stderr), result.stderr
    check_in("maybe billed in vain 21;", result.stderr)


def test_a_signal_while_the_server_is_down_needs_no_grace():
    with Port() as port:
        process = start(queries(200), "-o", path_of("out.jsonl"), "--grace", "1h", "--base-url",
                        port.base)
        wait_told(process, "the server is down: waiting for it")
        process.send_signal(signal.SIGINT)
        result = finish(process)
    check_equal(result.code, 130, "exit")
    check_equal(read_lines("out.jsonl"), [], "lines")


def test_a_reader_that_does_not_read_outlives_no_grace():
    with Mock() as mock:
        process = start(queries(3000), "--grace", "100ms", "--base-url", mock.base)
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        wait_for("a full pipe", lambda: bytes_in(process.stdout) > 0)
        process.send_signal(signal.SIGTERM)
        check_equal(process.wait(LIMIT_S), 143, "exit")
        lines = process.stdout.read().splitlines()
        process.stdout.close()
        process.stderr.close()
    for line in lines[:-1]:  # the last one may be torn: a pipe takes nothing back
        json.loads(line)


# --- Keys ---


def test_the_key_goes_to_the_origin_of_the_base_url_only():
    with Mock() as home, Mock() as elsewhere:
        away = "http://127.0.0.1:%d/v1/chat/completions" % elsewhere.port
        other_name = "http://localhost:%d/v1/chat/completions" % home.port
        batch = write_file("batch.jsonl", "\n".join([
            query("home"), query("away", away), query("name", other_name),
            query("own", away, headers={"Authorization": "Bearer own"})]) + "\n")
        headers = write_file("headers", "Cookie: c=%s\nX-Api-Key: %s\nX-Plain: 1\n"
                             % (SECRET, SECRET))
        run(batch, "-o", path_of("out.jsonl"), "-H", "@" + headers, "--base-url", home.base,
            env=environment(OPENAI_API_KEY=SECRET))
        at_home, at_elsewhere = home.ledger(), elsewhere.ledger()
    check_equal(at_elsewhere["requests"], 2, "requests elsewhere")
    check_equal(at_home["authorization"], 1, "keys at home")
    check_equal(at_home["cookies"], 1, "cookies at home")
    check_equal(at_home["api_keys"], 1, "api keys at home")
    check_equal(at_elsewhere["authorization"], 1, "keys elsewhere: the line's own")
    check_equal(list(at_elsewhere["authorization_hashes"]), [hash_of(b"Bearer own")], "whose")
    check_equal(at_elsewhere["cookies"], 0, "cookies elsewhere")
    check_equal(at_elsewhere["api_keys"], 0, "api keys elsewhere")


def test_no_output_holds_a_secret():
    forms = [SECRET, base64.b64encode(SECRET.encode()).decode().rstrip("="),
             SECRET.replace("-", "%2D")]
    key_file = write_file("key", SECRET + "\n")
    ways = [
        (["--api-key-file", key_file], environment()),
        (["--api-key-env", "MINE", "--api-key-header", "api-key"], environment(MINE=SECRET)),
        (["-H", "Authorization: Bearer " + SECRET], environment(OPENAI_API_KEY=SECRET)),
    ]
    for status in ("200", "401", "500"):
        for options, env in ways:
            with Mock("--status", status) as mock:
                result = run(queries(25), "-o", path_of("out.jsonl"), "--overwrite", "-v",
                             "--details", "--progress", "always", "--retries", "0", "--errors",
                             path_of("errors.jsonl"), "--summary", path_of("summary.json"),
                             "--base-url", mock.base, *options, env=env)
                check_equal(mock.ledger()["authorization"] + mock.ledger()["api_keys"] > 0, True,
                            "a key was sent")
            seen = result.stdout.decode() + result.stderr
            for name in ("out.jsonl", "errors.jsonl", "summary.json"):
                with open(path_of(name)) as file:
                    seen += file.read()
            for form in forms:
                assert form not in seen, "the key is in the output"


def test_a_key_on_the_command_line_is_blotted_out_and_warned_of():
    with Mock("--latency", "300ms") as mock:
        process = start(queries(100), "-c", "4", "--base-url", mock.base, "-o",
                        path_of("out.jsonl"), "-H", "Authorization: Bearer " + SECRET)
        wait_for("a second round", lambda: mock.ledger()["requests"] > 4)
        with open("/proc/%d/cmdline" % process.pid) as file:
            words = file.read()
        process.send_signal(signal.SIGINT)
        result = finish(process)
    assert SECRET not in words, "the key is in the list of processes"
    check_in("-H @FILE", result.stderr)


class KeyServer:
    """A server that takes one key only, and codes what is asked of /gzip."""

    def __init__(self, key):
        outer = self
        self.key, self.refused = key, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                good = self.headers["Authorization"] == "Bearer " + outer.key
                outer.refused += not good
                body = b"\x1f\x8b\x00" if self.path == "/v1/gzip" else b"{}"
                self.send_response(200 if good else 401)
                if self.path == "/v1/gzip":
                    self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = "http://127.0.0.1:%d/v1" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_a_key_that_was_renewed_is_read_again_before_a_401_counts():
    key_file = write_file("key", "old\n")
    with KeyServer("old") as server:
        process = start("-", "--api-key-file", key_file, "--base-url", server.base,
                        stdin=subprocess.PIPE)
        process.stdin.write(query("a").encode() + b"\n")
        process.stdin.flush()
        check_equal(json.loads(process.stdout.readline())["response"]["status_code"], 200, "old")
        server.key = "new"
        write_file("key", "new\n")
        process.stdin.write(query("b").encode() + b"\n")
        process.stdin.flush()
        check_equal(json.loads(process.stdout.readline())["response"]["status_code"], 200, "new")
        result = finish(process)
        check_equal(result.code, 0, "exit")
        assert server.refused <= 1, "refused more than once"
        server.key = "another"
        refused = run(queries(3), "--api-key-file", key_file, "--base-url", server.base)
        check_equal(refused.code, 1, "exit")
        check_in("does not take the key", refused.stderr)
        check_equal(refused.stdout, b"", "lines")


def test_a_coded_body_is_kept_as_base64_and_counts_as_failed():
    batch = write_file("batch.jsonl", query("a", "/v1/gzip") + "\n")
    with KeyServer("k") as server:
        result = run(batch, "--base-url", server.base, env=environment(OPENAI_API_KEY="k"))
    check_equal(result.code, 1, "exit")
    response = json.loads(result.stdout)["response"]
    check_equal(base64.b64decode(response["body_base64"]), b"\x1f\x8b\x00", "body")


# --- What is said ---


def test_the_first_line_names_the_server_and_the_variables():
    with Mock() as mock:
        env = environment(OPENAI_BASE_URL=mock.base + "?key=" + SECRET, OPENAI_API_KEY=SECRET)
        result = run(queries(1), env=env)
        check_equal(result.code, 0, "exit; " + result.stderr)
        quiet = run(queries(1), "--quiet", env=env)
    first = result.stderr.splitlines()[0]
    for part in (mock.base, "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        check_in(part, first)
    check_equal(quiet.stderr, "", "stderr with --quiet")


def test_wrong_usage_is_exit_2_and_a_bad_start_exit_3():
    batch = queries(1)
    for options in (["--rpm", "0"], ["-x", "socks5://p"], ["-t", "5"], ["-c", "0"],
                    ["--resume"], ["--base-url", "http://a", "--base-url", "b"],
                    ["--base-url", "http://h:99999"], ["--base-url", "h"]):
        result = run(batch, *options)
        check_equal(result.code, 2, " ".join(options))
        check_equal(len(result.stderr.splitlines()), 1, "lines: " + result.stderr)
    for options in (["--cacert", "/nowhere"], ["--cacert", batch], ["--api-key-file", "/nowhere"],
                    ["--api-key-env", "NOT_SET_AT_ALL"]):
        result = run(batch, "--base-url", "https://127.0.0.1:1", *options)
        check_equal(result.code, 3, " ".join(options))
        check_equal(len(result.stderr.splitlines()), 1, "lines: " + result.stderr)
    check_equal(run("/nowhere/at/all").code, 3, "no input")
    check_equal(run(batch, "-o", "/nowhere/at/all", "--base-url", "http://127.0.0.1:1").code, 4,
                "no output")


def test_help_and_version_are_printed_on_stdout():
    for words in (["--help"], ["--version"], ["batch", "--help"], ["batch", "--version"]):
        result = subprocess.run([QUOIT, *words], capture_output=True, timeout=LIMIT_S)
        check_equal((result.returncode, result.stderr), (0, b""), " ".join(words))
        assert len(result.stdout) > 40, "too short"
    check_equal(subprocess.run([QUOIT], capture_output=True).returncode, 2, "no command")


def test_a_401_tells_whether_a_key_was_sent():
    header = ["-H", "Authorization: Bearer " + SECRET]
    with Mock("--status", "401") as mock:
        without = run(queries(30), "--base-url", mock.base)
        with_header = run(queries(30), "--base-url", mock.base, *header)
    check_in("no key was sent", without.stderr)
    check_in("does not take the key", with_header.stderr)


def test_a_key_in_the_wrong_place_is_not_printed():
    for options in (["-H", "Bearer %s: x" % SECRET], ["-H", "Bearer %s;x" % SECRET],
                    ["--api-key-header", "x-api-key: " + SECRET], ["--api-key-env", SECRET]):
        result = run(queries(1), "--base-url", "http://127.0.0.1:1/v1", *options)
        assert result.code in (2, 3), "exit %d" % result.code
        check_equal(len(result.stderr.splitlines()), 1, "lines")
        assert SECRET not in result.stderr, "the key is in: " + options[0]


def test_what_cannot_stand_in_a_url_is_told():
    batch = write_file("batch.jsonl", query("a", "/v1/\u00e9") + "\n")
    result = run(batch, "--base-url", "http://127.0.0.1:1/v1")
    check_in("percent-encode", json.loads(result.stdout)["error"]["message"])
    batch = write_file("batch.jsonl", query("a", "http://u:%s@127.0.0.1:1/" % SECRET) + "\n")
    result = run(batch, "--base-url", "http://127.0.0.1:1/v1")
    check_in("user name", json.loads(result.stdout)["error"]["message"])
    assert SECRET not in result.stdout.decode() + result.stderr, "the key is in the output"
    for options in (["--endpoint", "/a b"], ["--endpoint", "httpfoo"], ["--query", "a=\x01"]):
        check_equal(run(batch, *options).code, 2, " ".join(options))


def test_a_closed_standard_stream_is_no_file_of_ours():
    batch = queries(3)
    with Mock() as mock:
        for redirect, code in ((">&-", 4), ("2>&-", 0), ("<&-", 0)):
            out = [] if redirect == ">&-" else ["-o", path_of("out.jsonl"), "--overwrite"]
            words = [QUOIT, "batch", *IO, batch, "--base-url", mock.base, *out]
            result = subprocess.run(["sh", "-c", 'exec "$@" ' + redirect, "sh", *words],
                                    capture_output=True, timeout=LIMIT_S, env=environment())
            check_equal(result.returncode, code, redirect)
        check_equal(len(read_lines("out.jsonl")), 3, "lines")


def test_too_few_descriptors_are_told_and_cost_no_line():
    batch = queries(300)
    with Mock("--latency", "10ms") as mock:
        words = [QUOIT, "batch", *IO, batch, "--base-url", mock.base, "-c", "200", "-o"]
        for limit, told in (("ulimit -n 64", True), ("ulimit -S -n 64", False)):
            result = subprocess.run(["sh", "-c", limit + '; exec "$@"', "sh", *words,
                                     path_of(limit)],
                                    capture_output=True, timeout=LIMIT_S, env=environment())
            check_equal(result.returncode, 0, limit)
            check_equal(b"raise ulimit -n" in result.stderr, told, "told")
            check_equal(len(read_lines(limit)), 300, "lines")


def terminal_output(columns, *options):
    """What a run writes to a terminal of that width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([QUOIT, "batch", *IO, *options],
                               stdout=subprocess.DEVNULL, stderr=slave,
                               env=environment(TERM="xterm"))
    os.close(slave)
    seen = b""
    while True:
        try:
            seen += os.read(master, 65536)
        except OSError:  # the other end is closed
            break
    os.close(master)
    process.wait(LIMIT_S)
    return seen.decode()


def test_the_live_line_fits_the_terminal_and_goes_at_the_end():
    batch = queries(60)
    with Mock("--latency", "150ms", "--error", "400:0.5") as mock:
        for columns in (80, 40, 30, 24, 12):
            seen = terminal_output(columns, batch, "-c", "8", "--base-url", mock.base)
            shown = [part for part in seen.split("\r")
                     if part.endswith("\x1b[K") and part[0] != "\x1b"]
            assert len(shown) > 3, "no live line"
            for part in shown:
                plain = part[:-3].replace("\x1b[31m", "").replace("\x1b[0m", "")
                assert "\x1b" not in plain, "a torn escape: " + repr(part)
                assert len(plain) < columns, "too wide: " + repr(part)
                check_equal(part.count("\x1b[31m"), part.count("\x1b[0m"), "colours")
            check_in("\r\x1b[Kquoit: 60 done", seen)


def main(names):
    """Run the tests among these names: a module's globals()."""
    global work
    if not os.path.exists(QUOIT) or not os.path.exists(MOCK):
        print("skipped: %s and quoit-mock are not built" % QUOIT)
        return 77
    wanted = sys.argv[1:]
    passed = failed = 0
    for name, test in list(names.items()):
        if not name.startswith("test_") or (wanted and not any(w in name for w in wanted)):
            continue
        with tempfile.TemporaryDirectory(prefix="quoit-batch-") as work:
            try:
                test()
                passed += 1
                print("ok", name, flush=True)
            except Exception:
                failed += 1
                traceback.print_exc(file=sys.stdout)
                print("FAILED", name, flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(globals()))
