#!/usr/bin/env python3
"""batch_servers: `quoit batch` with several --base-url, with limits for the whole run, and with
Idempotency-Key.

    tests/live/batch_servers_test.py [NAME...]     all tests, or those whose name contains a NAME

What batch_test.py says of its environment holds here too.
"""

import collections
import sys

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import (Mock, Port, check_equal, check_in, environment, finish, path_of, queries, query,
                        read_lines, run, start, wait_for, write_file)


def bases(*mocks):
    return [word for mock in mocks for word in ("--base-url", mock.base)]


def ids():
    return sorted(line["custom_id"] for line in read_lines("out.jsonl"))


def run_over(batch, mocks, *more, env=None):
    return run(batch, "-o", path_of("out.jsonl"), *bases(*mocks), *more, env=env)


# --- Several servers ---

def test_the_work_is_shared_and_none_has_more_than_its_share():
    batch = queries(120)
    with Mock("--latency", "10ms") as a, Mock("--latency", "10ms") as b, \
            Mock("--latency", "10ms") as c:
        result = run_over(batch, [a, b, c], "-c", "12")
        ledgers = [mock.ledger() for mock in (a, b, c)]
    check_equal(result.code, 0, result.stderr)
    check_equal(len(set(ids())), 120, "answers")
    check_equal(sum(ledger["requests"] for ledger in ledgers), 120, "requests")
    for ledger in ledgers:
        check_equal(ledger["in_flight_max"], 4, "in flight at one server")
        assert ledger["requests"] >= 20, ledger["requests"]


def test_one_that_is_not_there_costs_no_answer_and_the_other_has_no_more_than_its_share():
    batch = queries(100)
    with Mock("--latency", "50ms") as a, Port() as port:
        result = run(batch, "-o", path_of("out.jsonl"), *bases(a), "--base-url", port.base, "-c",
                     "32")
        ledger = a.ledger()
    check_equal(result.code, 0, result.stderr)
    check_in("is down (no connection to the server); its queries go to the others", result.stderr)
    assert "waiting for" not in result.stderr, result.stderr
    check_equal(len(set(ids())), 100, "answers")
    check_equal(ledger["requests"], 100, "requests")
    check_equal(ledger["in_flight_max"], 16, "in flight")


def test_one_that_answers_badly_is_left_for_the_other():
    batch = queries(200)
    with Mock("--latency", "2ms") as good, Mock("--status", "500") as bad:
        result = run_over(batch, [good, bad], "-c", "8")
        ledgers = [good.ledger(), bad.ledger()]
    check_equal(result.code, 0, result.stderr)
    check_equal(len(set(ids())), 200, "answers")
    check_equal(ledgers[0]["requests"], 200, "requests at the good one")
    # Eight in a row, and what was in flight with them; later, once a second, a probe.
    assert 8 <= ledgers[1]["requests"] <= 8 + 4 + 5, ledgers[1]["requests"]
    check_in("retries %d;" % ledgers[1]["requests"], result.stderr)


def test_retries_are_those_of_all_servers_together():
    batch = queries(60)
    for retries in (1, 3):
        with Mock("--error", "500:0.6") as a, Mock("--error", "500:0.6", "--seed", "2") as b:
            result = run_over(batch, [a, b], "-c", "8", "--retries", str(retries), "--overwrite")
            executions = collections.Counter(a.ledger()["executions"])
            executions.update(b.ledger()["executions"])
        most = max(executions.values())
        check_in("attempts  %d sent" % sum(executions.values()), result.stderr)
        assert 1 < most <= retries + 1, most


def test_a_query_that_one_server_turns_away_goes_to_another():
    batch = queries(6)
    with Mock() as good, Mock("--status", "429", "--header", "retry-after-ms: 1") as busy:
        result = run_over(batch, [good, busy], "-c", "4", "--retries", "0")
        ledgers = [good.ledger(), busy.ledger()]
    check_equal(result.code, 0, result.stderr)
    check_equal(len(set(ids())), 6, "answers")
    check_equal(ledgers[0]["requests"], 6, "answered")
    assert ledgers[1]["requests"] >= 3, ledgers[1]["requests"]


def test_one_that_comes_back_is_used_again():
    batch = queries(300)
    with Mock("--latency", "20ms") as a, Port() as port:
        process = start(batch, "-o", path_of("out.jsonl"), *bases(a), "--base-url", port.base,
                        "-c", "4")
        wait_for("the first one works", lambda: a.ledger()["requests"] > 20)
        with Mock(port=port.number) as b:
            wait_for("the second one is found", lambda: b.ledger()["requests"] > 20)
            result = finish(process)
            told = a.ledger()["requests"] + b.ledger()["requests"]
    check_equal(result.code, 0, result.stderr)
    check_equal(len(set(ids())), 300, "answers")
    check_equal(told, 300, "requests")


def test_when_all_are_down_for_too_long_the_run_stops():
    batch = queries(20)
    with Port() as one, Port() as two:
        result = run(batch, "-o", path_of("out.jsonl"), *bases(one, two), "--wait-for-server", "1s")
    check_equal(result.code, 1, result.stderr)
    check_in("all servers are down, for longer than --wait-for-server", result.stderr)
    check_equal(ids(), [], "answers")


def test_the_key_goes_to_all_of_them_and_an_absolute_url_to_none():
    with Mock() as a, Mock() as b, Mock() as other:
        away = "http://127.0.0.1:%d/v1/chat/completions" % other.port
        lines = [query("q-%d" % i) for i in range(20)] + [query("away", away)]
        batch = write_file("batch.jsonl", "\n".join(lines) + "\n")
        result = run_over(batch, [a, b], env=environment(OPENAI_API_KEY="sk-1"))
        ledgers = [mock.ledger() for mock in (a, b, other)]
    check_equal(result.code, 0, result.stderr)
    check_equal([ledger["authorization"] for ledger in ledgers[:2]],
                [ledger["requests"] for ledger in ledgers[:2]], "with the key")
    check_equal([ledgers[2]["requests"], ledgers[2]["authorization"]], [1, 0], "elsewhere")


# --- Limits for the run ---

def test_max_failures_stops_the_run_and_keeps_what_there_is():
    batch = queries(500)
    for fsync in ("always", "group", "never"):
        with Mock("--status", "400") as mock:
            result = run(batch, "-o", path_of("out.jsonl"), "--base-url", mock.base, "-c", "4",
                         "--max-failures", "10", "--fsync", fsync, "--overwrite")
        check_equal(result.code, 1, result.stderr)
        check_in("lines failed (--max-failures)", result.stderr)
        failed = len(read_lines("out.jsonl"))
        assert 10 <= failed <= 10 + 8, failed


def test_a_limit_that_is_met_when_all_has_been_sent_has_stopped_nothing():
    batch = queries(20)
    with Mock("--latency", "400ms") as mock:
        result = run(batch, "-o", path_of("out.jsonl"), "--base-url", mock.base, "-c", "20",
                     "--max-time", "200ms")
    check_equal(result.code, 0, result.stderr)
    assert "stopped" not in result.stderr, result.stderr
    check_equal(len(ids()), 20, "answers")


def test_max_time_stops_the_run_and_lets_end_what_is_in_flight():
    batch = queries(5000)
    with Mock("--latency", "50ms") as mock:
        result = run(batch, "-o", path_of("out.jsonl"), "--base-url", mock.base, "-c", "4",
                     "--max-time", "300ms")
        ledger = mock.ledger()
    check_equal(result.code, 1, result.stderr)
    check_in("--max-time is over", result.stderr)
    check_equal(len(read_lines("out.jsonl")), ledger["requests"], "all that was sent is there")


# --- Idempotency-Key ---

def test_an_idempotency_key_is_the_same_with_each_attempt_and_another_for_each_query():
    for kind in ("custom_id", "random"):
        with Mock("--fail-first", "1:500") as mock:
            lines = query("plain") + "\n" + query("with space") + "\n"
            result = run(write_file("batch.jsonl", lines), "-o", path_of("out.jsonl"),
                         "--overwrite", "--base-url", mock.base, "--idempotency-key", kind)
            ledger = mock.ledger()
        check_equal(result.code, 0, result.stderr)
        check_equal(ledger["requests"], 4, kind)
        check_equal(sorted(ledger["executions"].values()), [2, 2], kind)
        if kind == "custom_id":
            assert "plain" in ledger["executions"], ledger["executions"]


def test_a_line_that_has_its_own_idempotency_key_keeps_it():
    with Mock() as mock:
        line = query("a", headers={"Idempotency-Key": "mine"})
        result = run(write_file("batch.jsonl", line + "\n"), "-o", path_of("out.jsonl"),
                     "--base-url", mock.base, "--idempotency-key", "random")
        ledger = mock.ledger()
    check_equal(result.code, 0, result.stderr)
    check_equal(ledger["executions"], {"mine": 1}, "keys")


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
