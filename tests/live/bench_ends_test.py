#!/usr/bin/env python3
"""bench_ends: what `quoit bench` makes of servers that fail, of graces and of signals.

    tests/live/bench_ends_test.py [NAME...]     all tests, or those whose name contains a NAME

bench_run.py says how it is run and how its results are reckoned once more.
"""

import signal
import socket
import sys
import time

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import Mock, Port, check_equal, check_in, make_certificate, wait_for, wait_told
from bench_run import (bench, bench_good, check_between, check_recomputed, finish_bench,
                       start_bench, values_of)


def ends(outcome):
    return outcome.result["requests"], outcome.result["statuses"]


# --- Answers that are none ---


def test_refusals_are_answers_sent_once_and_never_waited_for():
    for status in ("429", "500", "503"):
        with Mock("--status", status, "--retry-after", "30", "--latency", "2ms") as mock:
            outcome = bench(mock.base + "/page", "-q", "200", "-n", "60")
            check_equal(mock.ledger()["requests"], 60, "each is sent once")
        check_equal(outcome.code, 1, "exit")
        check_equal(ends(outcome)[1], {status: 60}, "statuses")
        check_equal(ends(outcome)[0]["errors"], {}, "errors: a refusal is an answer")
        check_equal(outcome.result["latency_ms"]["count"], 60, "it is timed")
        check_equal(outcome.result["e2el_ms"]["count"], 0, "e2el is of good ones")
        check_recomputed(outcome, rates=False)
        # Due every 5 ms, and not every 30 s.
        check_equal(max(row["due_s"] for row in outcome.rows) < 0.3, True, "pacing")


def test_a_request_that_timed_out_is_charged_and_never_left_out():
    with Mock("--latency", "10s") as mock:
        outcome = bench(mock.base + "/page", "-n", "12", "-c", "4", "--timeout", "50ms",
                        "--warmup", "0")
    check_equal(outcome.code, 1, "exit")
    check_equal(ends(outcome)[0]["errors"], {"timeout_total": 12}, "errors")
    latency = values_of(outcome.rows, "latency_ms")
    check_equal(len(latency), 12, "charged")
    check_between(49.9, latency[0], 400, "the time it was given")
    check_recomputed(outcome)


def test_resets_and_cut_answers_are_counted_by_kind():
    with Mock("--fault", "reset@0.5,close-mid-body@0.5") as mock:
        outcome = bench(mock.base + "/page", "-n", "120", "-c", "6", "--warmup", "0")
        ledger = mock.ledger()
    requests, statuses = ends(outcome)
    check_equal(outcome.code, 1, "exit")
    check_recomputed(outcome)
    check_equal(requests["ok"] + sum(requests["errors"].values()), 120, "all are told of")
    check_equal(statuses.get("200", 0), requests["ok"], "good ones")
    assert requests["errors"]["connection_reset"] > 5, requests
    assert requests["errors"]["incomplete_response"] > 5, requests
    check_equal(ledger["requests"] >= 120, True, "requests")


def test_a_server_that_is_away_for_a_while_is_told_of_and_found_again():
    with Port() as port:
        with Mock("--latency", "2ms", port=port.number) as mock:
            process = start_bench(mock.base + "/page", "-q", "200", "-z", "2.5s")
            wait_for("some answers", lambda: mock.ledger()["requests"] > 60)
        time.sleep(0.3)  # so long it is away: some requests must fall due
        with Mock("--latency", "2ms", port=port.number) as mock:
            outcome = finish_bench(process)
            assert mock.ledger()["requests"] > 30, "it was not found again"
    check_equal(outcome.code, 1, "exit")
    requests = outcome.result["requests"]
    check_equal(requests["total"], 500, "all that was due")
    check_equal(requests["unsent"], 0, "unsent")
    assert requests["errors"].get("connect_error", 0) > 20, requests
    assert set(requests["errors"]) <= {"connect_error", "connection_reset"}, requests
    check_recomputed(outcome)
    ok = [row["due_s"] for row in outcome.rows if row["ok"]]
    bad = [row["due_s"] for row in outcome.rows if not row["ok"]]
    assert min(ok) < min(bad) and max(ok) > max(bad), "good before and after"


# --- No server at all ---


def check_hopeless(*words, told=()):
    outcome = bench(*words)
    check_equal(outcome.code, 3, "exit; " + outcome.stdout + outcome.stderr)
    check_equal(outcome.stdout, "", "no table")
    check_equal(outcome.stderr.count("\n"), 1, "lines: " + outcome.stderr)
    check_equal(outcome.result, None, "no result")
    for part in told:
        check_in(part, outcome.stderr)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_no_server_ends_at_once_with_one_line():
    url = "http://127.0.0.1:%d/" % closed_port()
    for words in ([], ["-n", "5"], ["-c", "1"], ["-c", "100", "--threads", "2"],
                  ["-q", "500", "-z", "60s"], ["-q", "100", "-n", "5"]):
        check_hopeless(url, *words, told=["no answer from " + url])


def test_a_certificate_that_is_not_trusted_ends_at_once_with_one_line():
    cert, key = make_certificate()
    with Mock("--tls-cert", cert, "--tls-key", key) as mock:
        url = "https://127.0.0.1:%d/page" % mock.port
        check_hopeless(url, "-n", "100", told=["certificate"])
        check_equal(bench(url, "-n", "20", "--cacert", cert).code, 0, "--cacert")
        check_equal(bench(url, "-n", "20", "-k").code, 0, "-k")
    with Mock() as mock:
        check_hopeless("https://127.0.0.1:%d/page" % mock.port, "-n", "100", told=["TLS"])


def test_a_server_that_never_accepts_ends_after_the_connect_timeout():
    with Mock("--mode", "no-accept") as mock:
        url = "http://127.0.0.1:%d/" % mock.port
        check_hopeless(url, "-n", "100", "--connect-timeout", "200ms", told=["in time"])


def test_a_server_that_never_answers_is_given_up_by_the_timeout():
    with Mock("--mode", "silent") as mock:
        outcome = bench("http://127.0.0.1:%d/" % mock.port, "-n", "6", "-c", "3", "--timeout",
                        "200ms", "--warmup", "0")
    check_equal(outcome.code, 1, "exit")
    check_equal(ends(outcome)[0]["errors"], {"timeout_total": 6}, "errors")
    check_recomputed(outcome)


# --- Ways there ---


def test_a_proxy_is_used_and_named_by_no_secret():
    with Mock() as mock:
        outcome = bench("http://nowhere.invalid/page", "-x",
                        "http://user:pa55word@127.0.0.1:%d" % mock.port, "-n", "5", "--warmup", "0")
        hosts = mock.ledger()["hosts"]
    check_equal(outcome.code, 0, outcome.stderr)
    check_equal(hosts, {"nowhere.invalid": 5}, "hosts")
    assert "pa55word" not in outcome.stdout + outcome.stderr + str(outcome.result), "secret"


def test_epoll_counts_the_same():
    with Mock("--latency", "2ms") as mock:
        outcome = bench(mock.base + "/page", "--io", "epoll", "-n", "100", "-c", "10",
                        "--warmup", "0")
        check_equal(mock.ledger()["requests"], 100, "requests")
    check_equal(outcome.result["client"]["io"], "epoll", "io")
    check_recomputed(outcome)


# --- The end of the window ---


def test_what_is_open_at_the_end_has_the_grace_and_counts():
    with Mock("--latency", "300ms") as mock:
        outcome = bench_good(mock.base + "/page", "-z", "0.1s", "-c", "5", "--warmup", "0")
    check_equal(outcome.result["requests"]["ok"], 5, "ended in the grace")
    check_equal(outcome.result["requests_per_second"], 0, "none in the window")
    check_recomputed(outcome)


def test_what_is_open_at_the_end_of_the_grace_is_given_up_charged_and_counted():
    with Mock("--latency", "20s") as mock:
        outcome = bench(mock.base + "/page", "-z", "0.2s", "-c", "5", "--grace", "0.2s",
                        "--warmup", "0")
    check_equal(outcome.code, 1, "exit")
    check_equal(ends(outcome)[0]["errors"], {"cancelled": 5}, "errors")
    latency = values_of(outcome.rows, "latency_ms")
    check_equal(len(latency), 5, "charged")
    check_between(399, latency[0], 2000, "until it was given up")
    check_recomputed(outcome)


# --- Signals ---


def interrupted(number, *words, again=False):
    with Mock("--latency", "400ms") as mock:
        process = start_bench(mock.base + "/page", "-z", "60s", "-c", "4", "--warmup", "0", *words)
        wait_for("a second round", lambda: mock.ledger()["requests"] > 4)
        process.send_signal(number)
        sent = mock.ledger()["requests"]
        if again:
            process.send_signal(number)
        outcome = finish_bench(process)
        check_between(sent, mock.ledger()["requests"], sent + 4, "what was begun after it")
    check_equal(outcome.result["interrupted"], True, "interrupted")
    check_in("interrupted", outcome.stdout)
    check_recomputed(outcome)
    assert outcome.result["seconds"] < 30, "the window ends with the signal"
    return outcome


def test_a_signal_leaves_the_results_so_far_and_what_is_open_may_end():
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)):
        outcome = interrupted(number)
        check_equal(outcome.code, code, "exit")
        check_equal(outcome.result["requests"]["failed"], 0, "what was open has ended well")
        assert outcome.result["requests"]["ok"] > 4, outcome.result["requests"]


def test_a_second_signal_gives_up_what_is_open():
    with Mock("--fault", "stall-before") as mock:
        process = start_bench(mock.base + "/page", "-z", "60s", "-c", "4", "--warmup", "0")
        wait_for("requests", lambda: mock.ledger()["requests"] == 4)
        process.send_signal(signal.SIGINT)
        wait_told(process, "interrupted")
        process.send_signal(signal.SIGINT)
        outcome = finish_bench(process)
    check_equal(outcome.code, 130, "exit")
    check_equal(outcome.result["requests"]["errors"], {"cancelled": 4}, "given up")
    check_recomputed(outcome)


def test_a_signal_with_a_grace_of_nothing_is_the_end():
    outcome = interrupted(signal.SIGINT, "--grace", "0")
    check_equal(outcome.code, 130, "exit")


def test_a_signal_in_the_warm_up_leaves_an_empty_result():
    with Mock("--fault", "stall-before") as mock:
        process = start_bench(mock.base + "/page", "-z", "60s", "-c", "4", "--grace", "0")
        wait_for("requests", lambda: mock.ledger()["requests"] == 4)
        process.send_signal(signal.SIGTERM)
        outcome = finish_bench(process)
    check_equal(outcome.code, 143, "exit")
    check_equal(outcome.result["requests"]["total"], 0, "measured")
    check_equal(outcome.result["latency_ms"], {"count": 0}, "latency")


def test_a_signal_ends_a_search_and_says_so():
    with Mock("--latency", "200ms") as mock:
        # Trials of 25 requests: too few to be called client_limited on a busy machine.
        process = start_bench(mock.base + "/page", "-q", "50", "-z", "0.5s", "--find-max-rate")
        wait_for("a second trial", lambda: mock.ledger()["requests"] > 30)
        process.send_signal(signal.SIGINT)
        outcome = finish_bench(process)
    check_equal(outcome.code, 130, "exit")
    check_equal(outcome.result["config"]["rate"], 50, "the result is that of the trial that ended")
    check_equal(outcome.result["max_rate"], 50, "rate; " + outcome.stderr)
    check_equal(outcome.result["interrupted"], True, "interrupted")
    check_in("interrupted", outcome.stdout)


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
