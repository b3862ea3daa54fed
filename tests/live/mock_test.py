#!/usr/bin/env python3
"""mock: what quoit-mock says of itself, its slots and its stalls, seen by plain sockets.

    tests/live/mock_test.py [NAME...]     all tests, or those whose name contains a NAME

What batch_test.py says of its environment holds here too. `quoit` itself is not run.
"""

import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import LIMIT_S, MOCK, Mock, check_equal, wait_for


def ask(mock, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=LIMIT_S)
    connection.request(method, path, body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def post(connection, body, path="/v1/chat/completions"):
    """Send one request and do not wait for its answer."""
    connection.sendall(b"POST %s HTTP/1.1\r\nHost: mock\r\nContent-Length: %d\r\n\r\n%s"
                       % (path.encode(), len(body), body))


def connect(mock, receive_size=None):
    connection = socket.socket()
    connection.settimeout(LIMIT_S)
    if receive_size:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_size)
    connection.connect(("127.0.0.1", mock.port))
    return connection


def read_until(connection, end):
    content = b""
    while not content.endswith(end):
        piece = connection.recv(1 << 20)
        assert piece, "it ended"
        content = content[-64:] + piece
    return content


def stream(mock, count):
    """Begin `count` streams; returns their connections."""
    connections = [connect(mock) for _ in range(count)]
    for connection in connections:
        post(connection, b'{"stream":true}')
    return connections


def is_silent(connection):
    return not select.select([connection], [], [], 0)[0]


def test_the_ledger_has_the_lag_of_every_token():
    with Mock("--ttft", "5ms", "--gap", "1ms", "--tokens", "20") as mock:
        for connection in stream(mock, 10):
            read_until(connection, b"0\r\n\r\n")
        ledger = mock.ledger()
        check_equal(ledger["tokens_sent"], 200, "tokens")
        check_equal(ledger["first_tokens_sent"], 10, "first tokens")
        check_equal(ledger["tokens_held_up"], 0, "held up")
        check_equal(ledger["delayed_answers_sent"], 0, "plain answers")
        for name in ("lag", "first_lag"):
            assert 0 < ledger[name + "_p50_us"] <= ledger[name + "_p99_us"], ledger
            assert ledger[name + "_p99_us"] <= ledger[name + "_max_us"], ledger
            assert 0 < ledger[name + "_mean_us"] <= ledger[name + "_max_us"], ledger
        assert ledger["first_tokens_late"] <= ledger["tokens_late"] <= 200, ledger
        check_equal(ask(mock, "POST", "/ledger/reset")[0], 200, "reset")
        ledger = mock.ledger()
        for name in ("tokens_sent", "tokens_late", "first_tokens_sent", "lag_max_us"):
            check_equal(ledger[name], 0, name + " after the reset")


def test_plain_answers_with_a_latency_are_told_apart():
    with Mock("--latency", "2ms") as mock:
        for _ in range(5):
            check_equal(ask(mock, "POST", "/v1/chat/completions", "{}")[0], 200, "status")
        ledger = mock.ledger()
        check_equal(ledger["delayed_answers_sent"], 5, "answers")
        check_equal(ledger["tokens_sent"], 0, "tokens")
        assert 0 < ledger["answer_lag_p50_us"] <= ledger["answer_lag_max_us"], ledger


def test_tokens_that_the_client_keeps_waiting_are_no_lag_of_the_mock():
    tokens = 200000  # far more than all buffers hold
    with Mock("--tokens", str(tokens)) as mock:
        connection = connect(mock, receive_size=4096)
        post(connection, b'{"stream":true}')
        before = None
        while before is None or mock.ledger()["bytes_out"] > before:
            before = mock.ledger()["bytes_out"]
            time.sleep(0.1)
        read_until(connection, b"0\r\n\r\n")
        ledger = mock.ledger()
        check_equal(ledger["tokens_sent"] + ledger["tokens_held_up"], tokens, "tokens")
        assert ledger["tokens_held_up"] > tokens / 4, ledger


def test_a_late_token_moves_no_other():
    with Mock("--gap", "10ms", "--tokens", "151", "--ttft", "10ms") as mock:
        begun = time.monotonic()
        [connection] = stream(mock, 1)
        read_until(connection, b"\n\n\r\n")
        check_equal(ask(mock, "POST", "/mock/stall", "1s")[0], 200, "stall")
        read_until(connection, b"0\r\n\r\n")
        seconds = time.monotonic() - begun
        ledger = mock.ledger()
        check_equal(ledger["tokens_sent"], 151, "tokens")
        assert ledger["tokens_late"] >= 50, ledger  # those of the stall
        assert ledger["lag_max_us"] >= 0.5e6, ledger
        assert 1.51 <= seconds < 1.51 + 0.9, "moved: %f s" % seconds


def test_slots_bound_what_is_worked_on_and_the_others_wait_in_order():
    with Mock("--slots", "3", "--latency", "200ms", "--no-bodies") as mock:
        connections = []
        for i in range(10):
            connections.append(connect(mock))
            post(connections[i], b"{}")
            wait_for("a head", lambda: mock.ledger()["requests"] == len(connections))
        for i, connection in enumerate(connections):
            [head] = [line for line in connection.recv(1 << 16).splitlines()
                      if line.startswith(b"x-request-id: ")]
            check_equal(int(head.rsplit(b"_", 1)[1]), i + 1, "execution")
        ledger = mock.ledger()
        check_equal(ledger["answers"], 10, "answers")
        check_equal(ledger["working_max"], 3, "worked on at once")
        check_equal(ledger["queued"], 0, "queued")
        assert 1 <= ledger["queued_max"] <= 7, ledger


def test_what_waits_for_a_slot_is_not_begun():
    with Mock("--slots", "1", "--fault", "stall-before@1", "--fault-when", "fresh") as mock:
        first, second, third = (connect(mock) for _ in range(3))
        for i, connection in enumerate((first, second, third)):
            post(connection, b"{}")
            wait_for("a head", lambda: mock.ledger()["requests"] == i + 1)
        ledger = mock.ledger()
        check_equal((ledger["executions_total"], ledger["queued"], ledger["in_flight"]), (1, 2, 3),
                    "executions, queued, in flight")
        check_equal(ask(mock, "POST", "/mock/settings", "fault: none")[0], 200, "settings")
        assert is_silent(third), "it overtook"
        second.close()
        wait_for("its end", lambda: mock.ledger()["queued"] == 1)
        check_equal(mock.ledger()["executions_total"], 1, "executions")
        first.close()
        assert b" 200 OK" in third.recv(1 << 16), "no answer"
        ledger = mock.ledger()
        check_equal((ledger["executions_total"], ledger["aborted"], ledger["answers"]), (2, 2, 1),
                    "executions, aborted, answers")
        check_equal((ledger["queued"], ledger["working_max"]), (0, 1), "queued, worked on")


def test_a_stall_stops_the_whole_server_and_then_it_goes_on():
    with Mock() as mock:
        kept = connect(mock)
        post(kept, b"{}")
        assert b" 200 OK" in kept.recv(1 << 16)
        check_equal(ask(mock, "POST", "/mock/stall", "2s")[0], 200, "status")
        begun = time.monotonic()
        post(kept, b"{}")
        fresh = connect(mock)  # the kernel's doing
        post(fresh, b"{}")
        for connection in (kept, fresh):
            assert b" 200 OK" in connection.recv(1 << 16)
            assert time.monotonic() - begun > 1, "it did not stall"
        ledger = mock.ledger()
        check_equal((ledger["stalls"], ledger["answers"]), (1, 3), "stalls, answers")
        for wrong in ("", "soon", "-1s", "1s 2s", "9" * 40):
            check_equal(ask(mock, "POST", "/mock/stall", wrong)[0], 400, "status of " + wrong)
        check_equal(mock.ledger()["stalls"], 1, "stalls")


def test_a_stall_can_be_due_some_time_after_the_first_request():
    with Mock("--stall-for", "500ms", "--stall-after", "200ms") as mock:
        for _ in range(2):
            mock.ledger()
            begun = time.monotonic()
            slowest = 0
            while time.monotonic() - begun < 1:
                sent = time.monotonic()
                check_equal(ask(mock, "POST", "/v1/chat/completions", "{}")[0], 200, "status")
                slowest = max(slowest, time.monotonic() - sent)
            check_equal(mock.ledger()["stalls"], 1, "stalls")
            assert slowest > 0.25, "it did not stall"
            check_equal(ask(mock, "POST", "/ledger/reset")[0], 200, "reset")  # and once more


def test_sigterm_ends_a_stall():
    with Mock() as mock:
        check_equal(ask(mock, "POST", "/mock/stall", "1h")[0], 200, "status")
        mock.process.send_signal(signal.SIGTERM)
        check_equal(mock.process.wait(LIMIT_S), 0, "exit")


def test_help_and_man_page_name_the_same_options():
    page = os.path.join(batch_test.ROOT, "man", "quoit-mock.1.scd")
    told = subprocess.run([MOCK, "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
    helped = {line.split()[0] for line in told.splitlines() if line.startswith("  --")}
    with open(page) as file:
        paged = {line.replace("*-h*, ", "").split()[0].strip("*") for line in file
                 if line.startswith(("*--", "*-h*, *--"))}
    check_equal(sorted(paged), sorted(helped), "options of the man page")


if __name__ == "__main__":
    if os.environ.get("QUOIT_TEST_IO") == "epoll":
        print("skipped: no part of it is quoit's")
        sys.exit(77)
    sys.exit(batch_test.main(globals()))
