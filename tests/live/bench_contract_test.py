#!/usr/bin/env python3
"""bench_contract: what `quoit bench` counts where a run ends, begins, or goes wrong in part.

    tests/live/bench_contract_test.py [NAME...]     all tests, or those whose name contains a NAME

bench_run.py says how it is run.
"""

import socket
import sys

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import Mock, check_equal, path_of, write_file
from bench_run import (Raw, bench, bench_good, check_near, check_recomputed, read_json,
                       read_request)

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def test_what_found_no_slot_within_the_timeout_after_the_end_is_unsent():
    with Mock("--latency", "200ms") as mock:
        outcome = bench(mock.base + "/page", "-q", "200", "-z", "0.5s", "-c", "1", "--timeout",
                        "0.6s", "--warmup", "0")
        sent = mock.ledger()["requests"]
    requests = outcome.result["requests"]
    check_equal(outcome.code, 1, "exit; " + outcome.stderr)
    check_equal(requests["total"], 100, "total")
    assert requests["unsent"] >= 80, requests  # six or so fit into 1.1 s
    assert sent <= 100 - requests["unsent"], (sent, requests)
    check_recomputed(outcome)


def test_an_answer_that_says_that_it_is_an_error_is_none_whatever_its_status():
    answers = iter([b'{"choices":[],"error":null}', b'{"error":{"message":"overloaded"}}'])

    def serve(connection, _):
        for body in answers:
            if not read_request(connection):
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    with Raw(serve) as server:
        outcome = bench(server.url + "v1/chat/completions", "-d", "{}", "-n", "2", "-c", "1",
                        "--warmup", "0")
    requests = outcome.result["requests"]
    check_equal((requests["ok"], requests["failed"]), (1, 1), "good and failed")
    check_equal(requests["errors"], {"stream_error": 1}, "errors")
    check_equal(outcome.code, 1, "exit")


def test_a_good_stream_whose_connection_broke_behind_its_end_has_a_latency():
    def serve(connection, _):
        if read_request(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n")
            connection.sendall(b"%x\r\n%s\r\n" % (len(EVENT + DONE), EVENT + DONE))

    with Raw(serve) as server:
        outcome = bench_good(server.url + "v1/chat/completions", "-n", "5", "-c", "1", "--stream")
    check_equal(outcome.result["requests"]["ok"], 5, "ok")
    for metric in ("latency_ms", "service_ms", "queue_ms"):
        check_equal(outcome.result[metric]["count"], 5, metric)


def test_rates_of_the_vllm_dialect_are_of_all_requests_until_the_last_has_ended():
    with Mock("--latency", "600ms") as mock:  # none has ended when the last one is due
        outcome = bench_good(mock.base + "/page", "-q", "20", "-n", "5", "--dialect", "vllm",
                             "--goodput", "e2el<1h", "--json", path_of("vllm.json"))
    result = read_json("vllm.json")
    check_equal(result["completed"], 5, "completed")
    assert result["duration"] >= 0.8, result["duration"]
    for name in ("request_throughput", "request_goodput"):
        check_near(result[name] * result["duration"], 5, 1e-6, name)
    check_equal(outcome.code, 0, "exit")


def test_a_warm_up_of_a_time_ends_then_and_not_with_the_next_arrival():
    with Mock() as mock:
        outcome = bench_good(mock.base + "/page", "-q", "40", "--arrival", "poisson", "--warmup",
                             "0.2s", "-z", "0.5s")
    check_near(outcome.result["warmup"]["seconds"], 0.2, 1e-9, "warm-up")
    due = [row["due_s"] for row in outcome.rows]
    assert 0 < min(due) < max(due) < 0.5, (min(due), max(due))


def test_a_request_that_was_resent_says_nothing_of_connecting():
    with Mock("--fault", "reset", "--fault-when", "reused") as mock:
        outcome = bench_good(mock.base + "/page", "-n", "10", "-c", "1", "--warmup", "0")
    resent = [row for row in outcome.rows if row["attempts"] == 2]
    check_equal(len(resent), 9, "resent")
    check_equal({row["connect_ms"] for row in resent}, {""}, "connect")
    check_equal(outcome.result["connect_ms"]["count"], 1, "connect")
    check_equal(outcome.result["phases"]["connect_ms"]["count"], 1, "phase")


def black_hole():
    """A listener whose queue is full, and the clients that fill it: SYNs are dropped."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    clients = [socket.socket() for _ in range(3)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
    return listener, clients


def test_a_server_that_cannot_be_reached_is_asked_when_it_is_due_beside_others_too():
    hole, clients = black_hole()
    with Mock("--latency", "800ms") as mock, hole:
        queries = "".join('{"custom_id":"%d","method":"GET","url":"http://127.0.0.1:%d/page"}\n'
                          % (port, port) for port in (mock.port, hole.getsockname()[1]))
        outcome = bench(mock.base + "/page", "--input", write_file("in.jsonl", queries), "-q",
                        "400", "-z", "0.5s", "-c", "400", "--connect-timeout", "1s")
    late = [row["latency_ms"] for row in outcome.rows if row["error"]]
    for client in clients:
        client.close()
    check_equal(outcome.result["requests"]["errors"], {"timeout_connect": 100}, "errors")
    # With 50 at a time, as where others have work too, the next would end after 1.75 s.
    assert max(late) < 1500, max(late)


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
