#!/usr/bin/env python3
"""bench_open: the open loop of `quoit bench`: arrivals, what a stall costs, and the verdict.

    tests/live/bench_open_test.py [NAME...]     all tests, or those whose name contains a NAME

bench_run.py says how it is run and how its results are reckoned once more.
"""

import signal
import ssl
import sys
import time

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import Mock, check_equal, check_in, make_certificate, wait_for
from bench_run import (ANSWER, Raw, bench, bench_good, check_between, check_near,
                       check_recomputed, finish_bench, percentile, read_request, start_bench,
                       values_of)

DUE_S = 1e-6  # the CSV's


def due_of(outcome):
    return sorted(row["due_s"] for row in outcome.rows)


# --- Arrivals ---


def test_constant_arrivals_are_due_at_i_over_r_and_all_are_sent():
    for words in ([], ["--threads", "3"]):
        with Mock("--latency", "2ms") as mock:
            outcome = bench_good(mock.base + "/page", "-q", "400", "-z", "0.5s", *words)
            check_equal(mock.ledger()["requests"], 200, "requests")
        due = due_of(outcome)
        check_equal(len(due), 200, "due in half a second")
        for i, due_s in enumerate(due):
            check_near(due_s, i / 400, DUE_S, "due %d" % i)
        check_recomputed(outcome)
        check_near(outcome.result["rate"]["asked"], 400, 1e-6, "asked")
        check_equal(outcome.result["warmup"]["requests"], 0, "warm-up")


def test_n_of_an_open_loop_is_exact_and_ends_with_the_last_that_is_due():
    with Mock("--latency", "2ms") as mock:
        outcome = bench_good(mock.base + "/page", "-q", "1000", "-n", "301", "--warmup", "100")
        check_equal(mock.ledger()["requests"], 401, "requests")
    check_equal(outcome.result["requests"]["total"], 301, "total")
    check_equal(outcome.result["warmup"]["requests"], 100, "warm-up")
    check_near(outcome.result["warmup"]["seconds"], 0.1, DUE_S, "seconds of the warm-up")
    check_near(outcome.result["seconds"], 0.3, DUE_S, "seconds")
    check_near(due_of(outcome)[0], 0, DUE_S, "the first")
    check_recomputed(outcome, rates=False)


def test_drawn_arrivals_follow_from_the_seed_alone():
    due = {}
    for arrival in ("poisson", "gamma:0.3"):
        for seed, threads in (("7", "1"), ("7", "1"), ("7", "3"), ("8", "1")):
            with Mock() as mock:
                outcome = bench_good(mock.base + "/page", "-q", "2000", "-n", "600", "--arrival",
                                     arrival, "--seed", seed, "--threads", threads)
            due.setdefault((arrival, seed), []).append(due_of(outcome))
            check_equal(len(outcome.rows), 600, "requests")
        one, again, threaded = due[arrival, "7"]
        check_equal(one, again, "the same seed")
        check_equal(one, threaded, "with three threads")
        assert one != due[arrival, "8"][0], "another seed draws the same"
    # Of 600 gaps the mean is within a fifth: five deviations.
    for (arrival, seed), draws in due.items():
        assert arrival != "poisson" or 0.24 < draws[0][-1] < 0.36, "mean of %s %s" % (arrival, seed)


def test_rescale_makes_the_last_fall_on_n_over_r():
    with Mock() as mock:
        outcome = bench_good(mock.base + "/page", "-q", "1000", "-n", "200", "--arrival", "poisson",
                             "--rescale", "--seed", "3")
    due = due_of(outcome)
    first_s = 0.2 - due[-1]  # T0 is when the first is due
    check_between(0, first_s, 0.02, "the first draw")
    check_equal(len(due), 200, "requests")


def test_a_ramp_is_slow_at_one_end_and_fast_at_the_other():
    with Mock() as mock:
        outcome = bench_good(mock.base + "/page", "--ramp", "100:900", "-z", "0.8s")
    due = due_of(outcome)
    check_between(395, len(due), 405, "in all")  # 500 a second in the mean
    check_between(115, sum(due_s < 0.4 for due_s in due), 125, "in the first half")  # 300 a second
    check_recomputed(outcome)
    check_equal(outcome.result["config"]["rate_from"], 100, "config")


# --- A stall (and the omission that closed loops are known for) ---


def stalled_share(values, service_ms):
    return sum(value > service_ms for value in values) / len(values)


def test_a_stall_of_2_s_is_in_the_latency_of_all_that_were_due_meanwhile():
    rate, window_s, stall_s = 500, 5, 2
    with Mock("--latency", "1ms", "--stall-for", "2s", "--stall-after", "1.5s") as mock:
        outcome = bench_good(mock.base + "/page", "-q", str(rate), "-z", "%ds" % window_s)
        check_equal(mock.ledger()["stalls"], 1, "stalls")
        check_equal(mock.ledger()["requests"], rate * window_s, "requests")
    check_recomputed(outcome)
    latency = values_of(outcome.rows, "latency_ms")
    # Each due in the stall waits for its end, so their latencies are even from 0 to 2 s, and of all
    # the p-th is D = 5 s, x = 2 s: x - D (1 - p).
    check_near(latency[-1], 2000, 250, "the longest")
    check_near(stalled_share(latency, 200), (stall_s - 0.2) / window_s, 0.05, "share above 200 ms")
    for name, fraction in (("p75", 0.75), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)):
        wanted = 1000 * (stall_s - window_s * (1 - fraction))
        check_near(outcome.result["latency_ms"][name], wanted, 250, name)
    middle = percentile(latency, 0.5)
    assert middle < 200, "half of all were not due in the stall: %f" % middle


def test_a_stall_holds_up_no_more_than_c_requests_of_a_closed_loop():
    with Mock("--latency", "1ms", "--stall-for", "700ms", "--stall-after", "400ms") as mock:
        outcome = bench_good(mock.base + "/page", "-z", "1.5s", "-c", "6")
    latency = values_of(outcome.rows, "latency_ms")
    check_equal(sum(value > 500 for value in latency), 6, "held up")
    check_recomputed(outcome, rates=False)


def test_service_time_does_not_see_what_waited_for_a_slot():
    with Mock("--latency", "1ms", "--stall-for", "700ms", "--stall-after", "400ms") as mock:
        outcome = bench(mock.base + "/page", "-q", "400", "-z", "1.5s", "-c", "4")
    check_recomputed(outcome)
    service = values_of(outcome.rows, "service_ms")
    check_equal(sum(value > 500 for value in service), 4, "service times of the stall")
    # 0.7 s at 400 a second were due; more than 100 ms behind are 6 in 7 of them.
    check_between(180, sum(value > 100 for value in values_of(outcome.rows, "latency_ms")), 400,
                  "latencies of the stall")
    check_between(180, sum(value > 100 for value in values_of(outcome.rows, "queue_ms")), 400,
                  "queued in the stall")


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
    with Mock("--latency", "20ms") as mock:  # 2 slots: 100 a second
        outcome = bench(mock.base + "/page", "-q", "150", "-z", "0.8s", "-c", "2", "--strict")
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
    with Mock("--slots", "4", "--latency", "10ms") as mock:  # 400 a second
        outcome = bench(mock.base + "/page", "-q", "200", "-z", "0.3s", "--find-max-rate",
                        "--slo", "latency_p90<60ms")
    check_equal(outcome.code, 0, "exit; " + outcome.stdout + outcome.stderr)
    result = outcome.result
    check_between(300, result["max_rate"], 500, "rate; %s" % result["search"])
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
