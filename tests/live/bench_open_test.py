#!/usr/bin/env python3
"""bench_open: the open loop of `quoit bench`: arrivals, and what a stall costs.

    tests/live/bench_open_test.py [NAME...]     all tests, or those whose name contains a NAME

bench_run.py says how it is run and how its results are reckoned once more.
"""

import sys

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import Mock, check_equal
from bench_run import (bench, bench_good, check_between, check_near, check_recomputed, percentile,
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


def test_n_of_an_open_loop_is_exact_and_has_a_window_of_n_intervals():
    with Mock("--latency", "2ms") as mock:
        outcome = bench_good(mock.base + "/page", "-q", "1000", "-n", "301", "--warmup", "100")
        check_equal(mock.ledger()["requests"], 401, "requests")
    check_equal(outcome.result["requests"]["total"], 301, "total")
    check_equal(outcome.result["warmup"]["requests"], 100, "warm-up")
    check_near(outcome.result["warmup"]["seconds"], 0.1, DUE_S, "seconds of the warm-up")
    check_near(outcome.result["seconds"], 0.301, 1e-6, "seconds")
    check_near(outcome.result["rate"]["asked"], 1000, 0.01, "asked")
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
        outcome = bench(mock.base + "/page", "-q", "200", "-z", "1.5s", "-c", "4")
    check_recomputed(outcome)
    service = values_of(outcome.rows, "service_ms")
    check_equal(sum(value > 500 for value in service), 4, "service times of the stall")
    # 0.7 s at 200 a second were due; more than 100 ms behind are 6 in 7 of them.
    check_between(90, sum(value > 100 for value in values_of(outcome.rows, "latency_ms")), 250,
                  "latencies of the stall")
    check_between(90, sum(value > 100 for value in values_of(outcome.rows, "queue_ms")), 250,
                  "queued in the stall")


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
