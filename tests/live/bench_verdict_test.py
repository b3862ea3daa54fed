#!/usr/bin/env python3
"""bench_verdict: what `quoit bench` says of itself and of the server, and the highest rate it finds.

    tests/live/bench_verdict_test.py [NAME...]     all tests, or those whose name contains a NAME

bench_run.py says how it is run and how its results are reckoned once more.
"""

import signal
import ssl
import sys
import time

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import Mock, check_equal, check_in, make_certificate, wait_for
from bench_run import (ANSWER, Raw, bench, bench_good, check_between, check_recomputed,
                       finish_bench, read_request, start_bench, values_of)


# --- The verdict ---


def verdict_of(outcome):
    return outcome.result["client"]["verdict"]


def test_what_the_server_keeps_up_with_is_ok():
    for _ in range(3):  # the machine may be busy with others at any one moment
        with Mock("--slots", "100", "--latency", "500ms") as mock:  # so 25 ms of lag are nothing
            outcome = bench(mock.base + "/page", "-q", "100", "-z", "1.2s", "--strict")
        if verdict_of(outcome) == "ok":
            check_equal(outcome.code, 0, "exit")
            check_in("OK", outcome.stdout)
            return
        check_equal((verdict_of(outcome), outcome.code), ("client_limited", 99), "else")
    raise AssertionError("never ok: " + outcome.stdout)


def test_a_rate_above_what_the_server_can_is_saturated():
    with Mock("--slots", "1", "--latency", "10ms") as mock:  # 100 a second
        outcome = bench(mock.base + "/page", "-q", "250", "-z", "1s", "--strict")
    check_equal(verdict_of(outcome), "saturated", outcome.stdout)
    check_equal(outcome.code, 99, "exit")
    check_in("SATURATED", outcome.stdout)
    check_recomputed(outcome)
    # All are answered in the end, and are charged: the last after 2.5 s of work.
    check_equal(outcome.result["requests"]["ok"], 250, "ok")
    assert outcome.result["latency_ms"]["max"] > 1000, "the queue is not in the latency"


def test_what_could_not_even_be_sent_is_unsent_and_failed():
    with Mock("--slots", "1", "--latency", "100ms") as mock:
        outcome = bench(mock.base + "/page", "-q", "200", "-z", "0.5s", "-c", "2", "--grace", "0.1s")
        sent = mock.ledger()["requests"]
    requests = outcome.result["requests"]
    check_equal(outcome.code, 1, "exit")
    check_equal(requests["total"], 100, "all that was due")
    check_equal(requests["unsent"], 100 - sent, "unsent")
    check_equal(verdict_of(outcome), "slots_limited", "the first that holds")
    check_recomputed(outcome)
    assert outcome.result["rate"]["sent"] < outcome.result["rate"]["asked"] / 2, "sent"


def test_few_slots_are_named_as_the_limit_and_never_exceeded():
    # 2 slots: 20 a second. Fewer than 100 requests, so that a busy machine is no client_limited.
    with Mock("--latency", "100ms") as mock:
        outcome = bench(mock.base + "/page", "-q", "60", "-z", "0.8s", "-c", "2", "--strict")
        check_equal(mock.ledger()["in_flight_max"], 2, "in flight")
    check_equal(verdict_of(outcome), "slots_limited", outcome.stdout)
    check_equal(outcome.code, 99, "exit")
    check_in("SLOTS LIMITED", outcome.stdout)
    assert outcome.result["client"]["slots_full_share"] > 0.5, outcome.result["client"]
    check_recomputed(outcome)


def test_a_client_that_was_stopped_says_so_and_charges_it_as_lag():
    with Mock("--latency", "2ms") as mock:
        process = start_bench(mock.base + "/page", "-q", "300", "-z", "1.5s", "--strict")
        wait_for("some requests", lambda: mock.ledger()["requests"] > 100)
        process.send_signal(signal.SIGSTOP)
        requests = mock.ledger()["requests"]
        # Stopped for as long as the window's fifth: by the mock's clock, not by ours.
        began_ms = mock.ledger()["uptime_ms"]
        wait_for("0.3 s", lambda: mock.ledger()["uptime_ms"] - began_ms > 300)
        check_between(requests, mock.ledger()["requests"], requests + 10, "while it is stopped")
        process.send_signal(signal.SIGCONT)
        outcome = finish_bench(process)
        check_equal(mock.ledger()["requests"], 450, "all were sent all the same")
    check_equal(verdict_of(outcome), "client_limited", outcome.stdout)
    check_equal(outcome.code, 99, "exit")
    check_in("CLIENT LIMITED", outcome.stdout)
    check_recomputed(outcome)
    latency, lag = (values_of(outcome.rows, name) for name in ("latency_ms", "lag_ms"))
    assert latency[-1] > 250 and lag[-1] > 250, "the stop is hidden: %f, %f" % (latency[-1],
                                                                              lag[-1])
    assert outcome.result["service_ms"]["p50"] < 100, "the server was not to blame"


def test_connections_that_are_slow_to_open_are_connect_and_not_lag():
    cert, key = make_certificate()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def serve(connection, _):
        time.sleep(0.3)  # a handshake as slow as that is what is measured here
        with context.wrap_socket(connection, server_side=True) as secured:
            while read_request(secured):
                secured.sendall(ANSWER)

    with Raw(serve) as server:
        outcome = bench_good("https://127.0.0.1:%d/" % server.port, "--cacert", cert, "-q", "50",
                             "-z", "0.8s")
    check_recomputed(outcome)
    opened = [row for row in outcome.rows if not row["reused"]]
    check_between(10, len(opened), 40, "opened")
    for row in opened:
        assert row["connect_ms"] >= 300, "connect is %f" % row["connect_ms"]
        assert row["service_ms"] < 300, "the handshake is in service: %f" % row["service_ms"]
    assert outcome.result["client"]["lag_ms"]["p50"] < 100, "the handshake is lag"


# --- The search ---


def test_find_max_rate_comes_near_to_what_the_server_can():
    with Mock("--slots", "16", "--latency", "50ms") as mock:  # 320 a second
        outcome = bench(mock.base + "/page", "-q", "160", "-z", "0.3s", "--find-max-rate",
                        "--slo", "latency_p90<90ms")
    check_equal(outcome.code, 0, "exit; " + outcome.stdout + outcome.stderr)
    result = outcome.result
    check_between(240, result["max_rate"], 400, "rate; %s" % result["search"])
    met = [step["rate"] for step in result["search"] if step["met"]]
    check_between(3, len(result["search"]), 64, "trials")
    check_in(result["max_rate"], met)
    check_equal(result["config"]["rate"], result["max_rate"], "whose result it is")
    check_in("max rate", outcome.stdout)


def test_find_max_rate_that_finds_none_is_99():
    with Mock("--latency", "5ms") as mock:
        outcome = bench(mock.base + "/page", "-q", "100", "-z", "0.1s", "--find-max-rate", "--slo",
                        "latency_p50<1ms")
    check_equal(outcome.code, 99, "exit")
    check_equal(outcome.result["max_rate"], 0, "rate")
    assert not any(step["met"] for step in outcome.result["search"]), outcome.result["search"]


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
