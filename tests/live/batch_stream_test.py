#!/usr/bin/env python3
"""batch_stream: `quoit batch --stream`: the same answers by server-sent events, and what becomes of
streams that are cut, broken, endless or refused (R32).

    tests/live/batch_stream_test.py [NAME...]     all tests, or those whose name contains a NAME

What batch_test.py says of its environment holds here too.
"""

import collections
import json
import os
import signal
import socket
import sys
import threading
import time

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import (LIMIT_S, Mock, check_equal, check_in, finish, path_of, queries, query,
                        read_lines, run, start, wait_for, write_file)

PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages")


class Script:
    """A server that answers each request by the script that its header X-Script names: a function
    that gets the number of the attempt and yields bytes of the body, or seconds to wait."""

    def __init__(self, **scripts):
        self.scripts = scripts
        self.bodies, self.sent = collections.defaultdict(list), collections.Counter()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.base = "http://127.0.0.1:%d/v1" % self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                while self.answer(connection, stream):
                    pass
            except OSError:
                pass  # the client left, as it may

    def answer(self, connection, stream):
        headers = {}
        if not stream.readline():
            return False
        for line in iter(stream.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        name = headers["x-script"]
        self.bodies[name].append(stream.read(int(headers.get("content-length", "0"))))
        pieces = self.scripts[name](len(self.bodies[name]))
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        for piece in pieces:
            if isinstance(piece, str):  # another head
                head = piece
            elif isinstance(piece, (int, float)):
                time.sleep(piece)
            else:
                if head:
                    connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
                    head = None
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.sent[name] += len(piece)
        if head:
            connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b"0\r\n\r\n")
        return True


def event(data):
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


def chunk(content, **more):
    return event({"object": "chat.completion.chunk", "choices": [
        {"index": 0, "delta": {"content": content}, "finish_reason": None, **more}]})


DONE = b"data: [DONE]\n\n"


def scripted(*names, url="/v1/chat/completions", **more):
    lines = [query(name, url, headers={"X-Script": name}, **more) for name in names]
    return write_file("batch.jsonl", "\n".join(lines) + "\n")


def run_script(names, *options, url="/v1/chat/completions", **scripts):
    """Run a line for each name; returns the result, the answers by name, and the server."""
    with Script(**scripts) as server:
        result = run(scripted(*names, url=url), "-o", path_of("out.jsonl"), "--overwrite",
                     "--stream", "--base-url", server.base, *options)
    return result, {line["custom_id"]: line for line in read_lines("out.jsonl")}, server


# --- The same answers ---


def every_kind(count):
    lines = []
    for i in range(count):
        name = "q-%d" % i
        body = {"model": "m", "prompt": name, "n": 1 + i % 3 if i % 4 < 2 else 1}
        lines.append(json.dumps({"custom_id": name, "url": PATHS[i % 4], "body": body,
                                 "headers": {"X-Custom-Id": name}}))
    return write_file("batch.jsonl", "\n".join(lines) + "\n")


def comparable(answer):
    """Without what has to differ: the body that was sent is longer, and logprobs that nobody asked
    for are null or not there."""
    body = answer["response"]["body"]
    for choice in body.get("choices", []):
        choice.pop("logprobs", None)
    usage = body["usage"]
    for name in ("prompt_tokens", "input_tokens", "total_tokens"):
        usage.pop(name, None)
    body.pop("mock_key", None)
    return json.dumps(answer["response"], sort_keys=True).replace("_2\"", "_1\"")


def check_same_as_plain(*mock_options):
    batch = every_kind(80)
    with Mock("--answer-to", "key", "--tokens", "23", *mock_options) as mock:
        plain = run(batch, "-o", path_of("plain.jsonl"), "--base-url", mock.base)
        streamed = run(batch, "-o", path_of("out.jsonl"), "--stream", "--base-url", mock.base)
    check_equal(plain.code, 0, "exit without --stream; " + plain.stderr)
    check_equal(streamed.code, 0, "exit with it; " + streamed.stderr)
    wanted = {line["custom_id"]: comparable(line) for line in read_lines("plain.jsonl")}
    got = {line["custom_id"]: comparable(line) for line in read_lines("out.jsonl")}
    check_equal(len(got), 80, "answers")
    for name, answer in wanted.items():
        check_equal(got[name], answer, name)


def test_answers_are_the_same_with_and_without_stream():
    check_same_as_plain()


def test_cut_anywhere_and_with_comments_they_are_still_the_same():
    check_same_as_plain("--fault", "cut,chunked,comments")


def test_usage_and_tokens_are_counted():
    with Mock("--tokens", "10") as mock:
        result = run(queries(20), "-o", path_of("out.jsonl"), "--stream", "--base-url", mock.base,
                     "--summary", path_of("summary.json"))
        check_equal(result.code, 0, "exit; " + result.stderr)
        with open(path_of("summary.json")) as file:
            check_equal(json.load(file)["tokens"]["out"], 200, "tokens")
        run(queries(1), "-o", path_of("none.jsonl"), "--stream", "--no-stream-usage", "--base-url",
            mock.base)
    assert "usage" not in read_lines("none.jsonl")[0]["response"]["body"], "nobody asked for it"


# --- What is asked ---


def test_bodies_are_spliced_and_other_paths_left_alone():
    def good(_):
        yield chunk("a", finish_reason="stop") + DONE

    lines = {
        "plain": (b'{"n": 9007199254740993}',
                  b'{"stream_options":{"include_usage":true},"stream":true,"n": 9007199254740993}'),
        "there": (b'{"stream":false,"stream_options":{"x": 1}}',
                  b'{"stream":true,"stream_options":{"include_usage":true,"x": 1}}'),
        "null": (b'{"stream":true,"stream_options":null}',
                 b'{"stream":true,"stream_options":{"include_usage":true}}'),
    }
    other = b'{"stream":true, "input":"x"}'
    rows = [(name, "/v1/chat/completions", body) for name, (body, _) in lines.items()]
    rows.append(("other", "/v1/embeddings", other))
    batch = write_file("batch.jsonl", b"".join(
        b'{"custom_id":"%s","url":"%s","headers":{"X-Script":"%s"},"body":%s}\n'
        % (name.encode(), url.encode(), name.encode(), body) for name, url, body in rows))
    with Script(plain=good, there=good, null=good, other=good) as server:
        result = run(batch, "-o", path_of("out.jsonl"), "--stream", "--base-url", server.base)
        check_equal(result.code, 0, "exit; " + result.stderr)
        for name, (_, wanted) in lines.items():
            check_equal(server.bodies[name], [wanted], name)
        check_equal(server.bodies["other"], [other], "another path")
        answers = {line["custom_id"]: line["response"]["body"] for line in read_lines("out.jsonl")}
        check_in("[DONE]", answers["other"])  # as it came, for nobody knows what it is
        run(batch, "--limit", "1", "--stream", "--no-stream-usage", "--base-url", server.base)
        check_equal(server.bodies["plain"][1], b'{"stream":true,"n": 9007199254740993}', "no usage")


def test_a_body_that_is_no_object_cannot_ask_for_a_stream():
    batch = write_file("batch.jsonl", '{"custom_id":"a","url":"/v1/completions","body":[1]}\n')
    with Mock() as mock:
        result = run(batch, "--stream", "--base-url", mock.base)
    error = json.loads(result.stdout)["error"]
    check_equal(error["code"], "invalid_input_line", "code")
    check_in("--stream", error["message"])


def test_without_the_option_a_body_that_asks_for_a_stream_is_refused():
    body = '{"model":"m","stream":true}'
    batch = write_file("batch.jsonl", "\n".join([
        '{"custom_id":"a","url":"/v1/completions","body":%s}' % body,
        '{"custom_id":"b","url":"/v1/completions","body_encoding":"text","body":%s}'
        % json.dumps(body)]))
    with Mock() as mock:
        result = run(batch, "--base-url", mock.base)
        check_equal(mock.ledger()["requests"], 0, "requests")
    for line in result.stdout.splitlines():
        check_in("say --stream", json.loads(line)["error"]["message"])


# --- Streams that are no answer ---


def summary_of(*names):
    with open(path_of("summary.json")) as file:
        summary = json.load(file)
    return [summary[name] for name in names]


def test_a_stream_that_does_not_say_that_it_is_whole_is_incomplete_and_tried_again():
    with Mock("--fault", "close-mid-body:3,close-delimited") as mock:
        result = run(every_kind(8), "-o", path_of("out.jsonl"), "--stream", "--base-url", mock.base,
                     "--retries", "1", "--summary", path_of("summary.json"))
        executions = mock.ledger()["executions"]
    check_equal(result.code, 1, "exit")
    answers = read_lines("out.jsonl")
    check_equal(len(answers), 8, "lines")
    for answer in answers:
        check_equal(answer["response"], None, "response")
        check_equal(answer["error"]["code"], "incomplete_response", "code")
        check_in("without saying", answer["error"]["message"])
        check_equal(executions[answer["custom_id"]], 2, "executions")
    check_equal(summary_of("maybe_billed"), [8], "maybe billed")


def test_finish_reasons_stand_in_for_done():
    with Mock("--fault", "no-done") as mock:
        run(every_kind(8), "-o", path_of("out.jsonl"), "--stream", "--base-url", mock.base,
            "--retries", "0")
    codes = {line["custom_id"]: line["error"] and line["error"]["code"]
             for line in read_lines("out.jsonl")}
    for i in range(8):
        wanted = None if i % 4 < 2 else "incomplete_response"
        check_equal(codes["q-%d" % i], wanted, PATHS[i % 4])


def test_a_second_attempt_begins_anew():
    for fault in ("error-event", "close-mid-body:3", "reset-mid-body:3", "no-done,close-mid-body:5"):
        with Mock("--fault", fault, "--fault-when", "first", "--answer-to", "key", "--tokens",
                  "8") as mock:
            # Few enough for all of their retries to be within the budget at once.
            result = run(every_kind(8), "-o", path_of("out.jsonl"), "--overwrite", "--stream",
                         "--base-url", mock.base, "--summary", path_of("summary.json"))
        check_equal(result.code, 0, "exit with %s; %s" % (fault, result.stderr))
        check_equal(len(read_lines("out.jsonl")), 8, "lines")
        for answer in read_lines("out.jsonl"):
            check_equal(json.dumps(answer["response"]["body"]).count("Answer to"),
                        len(answer["response"]["body"].get("choices", [1])), "beginnings")
        check_equal(summary_of("maybe_billed"), [8], "maybe billed with " + fault)


def test_errors_as_events_fail_although_the_status_is_200():
    def error(value, name=b""):
        def script(_):
            yield chunk("a")
            yield name + event(value)
            yield DONE
        return script

    scripts = {
        "rate": error({"error": {"type": "rate_limit_error", "message": "slow"}}),
        "named": error({"type": "overloaded_error", "message": "o"}, b"event: error\n"),
        "final": error({"error": {"type": "invalid_request_error", "message": "no\x1b[2J"}}),
        "text": error({"error": "oops"}),
        "broken": error(b'{"choices":'),
    }
    result, answers, server = run_script(list(scripts), "--retries", "1", **scripts)
    check_equal(result.code, 1, "exit")
    wanted = {"rate": ("incomplete_response", 2, "rate_limit_error: slow"),
              "named": ("incomplete_response", 2, "overloaded_error: o"),
              "final": ("stream_error", 1, "invalid_request_error: no [2J"),
              "text": ("stream_error", 1, "oops"),
              "broken": ("stream_error", 1, "an event is no JSON object")}
    for name, (code, attempts, message) in wanted.items():
        check_equal(answers[name]["response"], None, name)
        check_equal(answers[name]["error"]["code"], code, name)
        check_in(message, answers[name]["error"]["message"])
        check_equal(len(server.bodies[name]), attempts, name + ": attempts")


def test_a_spent_quota_in_a_stream_stops_the_run():
    def spent(_):
        yield event({"error": {"type": "insufficient_quota", "code": "insufficient_quota"}})

    with Script(spent=spent) as server:
        batch = scripted(*["q-%d" % i for i in range(9)])
        with open(batch) as file:
            text = file.read()
        for i in range(9):
            text = text.replace('"X-Script": "q-%d"' % i, '"X-Script": "spent"')
        batch = write_file("spent.jsonl", text)
        result = run(batch, "-o", path_of("out.jsonl"), "--stream", "-c", "1", "--base-url",
                     server.base)
    check_equal(result.code, 1, "exit")
    check_in("quota", result.stderr)
    check_equal(read_lines("out.jsonl"), [], "lines")
    assert len(server.bodies["spent"]) < 9, "it went on"


def test_answers_that_are_no_streams_are_whole():
    def plain(_):
        yield "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        yield b'{"id":"x", "n":1e400}'

    def refused(_):
        yield "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
        yield b'{"error":{"type":"invalid_request_error"}}'

    def html(_):
        yield "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
        yield b"<html>who are you</html>"

    def unnamed(_):
        yield "HTTP/1.1 200 OK\r\n"
        yield chunk("a", finish_reason="stop") + DONE

    result, answers, _ = run_script(["plain", "refused", "html", "unnamed"], "--retries", "0",
                                    plain=plain, refused=refused, html=html, unnamed=unnamed)
    check_equal(result.code, 1, "exit")
    with open(path_of("out.jsonl")) as file:
        check_in('"body":{"id":"x", "n":1e400}', file.read())
    check_equal(answers["refused"]["response"]["status_code"], 400, "status")
    check_equal(answers["refused"]["response"]["body"]["error"]["type"], "invalid_request_error")
    check_equal(answers["html"]["error"]["code"], "incomplete_response", "a page")
    check_equal(answers["unnamed"]["response"]["body"]["choices"][0]["message"]["content"], "a")


def test_done_counts_whatever_becomes_of_the_connection():
    def hangs(_):
        yield chunk("a") + DONE
        yield LIMIT_S

    result, answers, _ = run_script(["hangs"], "--idle-timeout", "200ms", hangs=hangs)
    check_equal(result.code, 0, "exit; " + result.stderr)
    check_equal(answers["hangs"]["response"]["body"]["choices"][0]["message"]["content"], "a")


# --- The form of events ---


def test_events_may_be_written_in_any_way_and_cut_in_any_place():
    text = "\ufeffdata:{\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"\u00e4\U0001f600\"}}]}\n\n" \
           ": a comment\nid: 7\nretry: 1\nevent: x\n\n" \
           "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"}}]}\n\ndata: [DONE]\n\n"
    forms = [text, text.replace("\n", "\r\n"), text.replace("\n", "\r")]
    scripts = {}
    for i, form in enumerate(forms):
        whole = form.encode()
        for cut in range(1, len(whole), 3):
            def script(_, whole=whole, cut=cut):
                yield whole[:cut]
                yield 0.002
                yield whole[cut:]
            scripts["f%d-%d" % (i, cut)] = script
    result, answers, _ = run_script(list(scripts), **scripts)
    check_equal(result.code, 0, "exit; " + result.stderr)
    for name, answer in answers.items():
        content = answer["response"]["body"]["choices"][0]["message"]["content"]
        check_equal(content, "\u00e4\U0001f600b", name)


def test_a_million_small_lines_are_one_event():
    def lines(_):
        for _ in range(100):
            yield b"data:\n" * 10000
        yield b'data: {"choices":[{"index":0,"finish_reason":"stop"}]}\n\n' + DONE

    result, _, server = run_script(["lines"], lines=lines)
    check_equal(result.code, 0, "exit; " + result.stderr)
    assert server.sent["lines"] > 6000000, "they were not sent"


def test_a_line_without_end_is_too_large_and_not_kept():
    def endless(_):
        yield b"data: "
        for _ in range(1600):
            yield b"x" * 65536

    def long_answer(_):
        while True:
            yield chunk("0123456789" * 100)

    def long_stream(_):
        for _ in range(20000):
            yield b": " + b"x" * 100 + b"\n"
        yield chunk("a") + DONE

    result, answers, server = run_script(
        ["endless", "long_answer", "long_stream"], "--body-max", "1MiB", endless=endless,
        long_answer=long_answer, long_stream=long_stream)
    check_equal(result.code, 1, "exit")
    for name in ("endless", "long_answer"):
        check_equal(answers[name]["error"]["code"], "too_large", name)
        check_equal(len(server.bodies[name]), 1, name + ": attempts")
        assert server.sent[name] < 30 << 20, "%s: %d bytes were taken" % (name, server.sent[name])
    # The answer is measured, not what it came in.
    assert server.sent["long_stream"] > 1 << 20, "not long"
    check_equal(answers["long_stream"]["error"], None, "a long stream of a small answer")


# --- Time ---


def test_comments_are_progress():
    def thinks(_):
        for _ in range(10):
            yield b": thinking\n"
            yield 0.1
        yield chunk("a") + DONE

    def sleeps(_):
        yield b": asleep\n"
        yield LIMIT_S

    result, answers, _ = run_script(["thinks", "sleeps"], "--idle-timeout", "500ms", "--retries",
                                    "0", thinks=thinks, sleeps=sleeps)
    check_equal(answers["thinks"]["error"], None, "a server that thinks")
    check_equal(answers["sleeps"]["error"]["code"], "timeout_idle", "a server that sleeps")
    check_equal(result.code, 1, "exit")


def test_signals_end_streams_at_once_when_there_is_no_grace():
    for options, signals in ((["--grace", "0"], 1), ([], 2)):
        with Mock("--ttft", "20ms", "--gap", "1h") as mock:
            process = start(queries(50), "-o", path_of("out.jsonl"), "--overwrite", "--stream",
                            "-c", "50", "--base-url", mock.base, *options)
            wait_for("streams", lambda: mock.ledger()["in_flight"] == 50)
            begun = time.monotonic()
            for _ in range(signals):
                process.send_signal(signal.SIGINT)
                time.sleep(0.05)  # two of a kind that are pending are one
            result = finish(process)
            check_equal(result.code, 130, "exit; " + result.stderr)
            assert time.monotonic() - begun < 10, "it took too long"
            wait_for("their ends", lambda: mock.ledger()["in_flight"] == 0)
        check_equal(read_lines("out.jsonl"), [], "lines")


def test_details_tell_when_tokens_came():
    with Mock("--ttft", "50ms", "--gap", "10ms", "--tokens", "8") as mock:
        run(queries(4), "-o", path_of("out.jsonl"), "--stream", "--details", "--base-url",
            mock.base)
        run(queries(1), "-o", path_of("plain.jsonl"), "--details", "--base-url", mock.base)
    for line in read_lines("out.jsonl"):
        details = line["quoit"]
        check_equal(details["token_events"], 8, "events")
        assert 50 <= details["first_token_ms"] <= details["last_token_ms"], details
        assert details["last_token_ms"] >= 50 + 7 * 10, details  # before that it was not sent
        assert details["last_token_ms"] <= details["latency_ms"] + 0.001, details
        assert 0 < details["token_gap_max_ms"] <= details["last_token_ms"], details
    assert "token_events" not in read_lines("plain.jsonl")[0]["quoit"], "there was no stream"


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
