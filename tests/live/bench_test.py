#!/usr/bin/env python3
"""bench: what `quoit bench` counts in a closed loop, and that its results are true to the CSV.

    tests/live/bench_test.py [NAME...]     all tests, or those whose name contains a NAME

bench_run.py says how it is run and how its results are reckoned once more. The results of many
kinds of runs are held against bench/result.schema.json where python3-jsonschema is installed.
"""

import json
import os
import signal
import sys

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import (ROOT, Mock, check_equal, check_in, hash_of, make_certificate, path_of,
                        query, wait_for, write_file)
from bench_run import (ANSWER, Raw, bench, bench_good, check_between, check_recomputed,
                       finish_bench, read_request, start_bench)


# --- Counts ---


def test_n_measures_exactly_n_and_the_server_saw_these_and_the_warm_up():
    for words in (["-c", "7"], ["-c", "7", "--threads", "3"], ["-c", "64"], ["-c", "1"],
                  ["-c", "7", "--warmup", "0"], ["-c", "7", "--warmup", "40"],
                  ["-c", "7", "--warmup", "40", "--threads", "2"]):
        with Mock("--latency", "100ms" if "64" in words else "2ms") as mock:
            outcome = bench_good(mock.base + "/page", "-n", "101", *words)
            ledger = mock.ledger()
        requests, warm = outcome.result["requests"], outcome.result["warmup"]["requests"]
        check_equal((requests["total"], requests["ok"]), (101, 101), "requests %s" % words)
        check_equal(len(outcome.rows), 101, "rows")
        check_equal(ledger["requests"], 101 + warm, "the server's count %s" % words)
        slots = int(words[1])
        check_equal(ledger["in_flight_max"], slots, "in flight %s" % words)
        check_equal(ledger["connections_opened"], slots, "connections %s" % words)
        if "--warmup" not in words:
            assert warm >= slots, "%d in the warm-up of %d slots" % (warm, slots)
            assert all(row["reused"] for row in outcome.rows), "a connection was opened late"
        elif words[3] == "0":
            check_equal(warm, 0, "warm-up")
            check_equal(sum(not row["reused"] for row in outcome.rows), slots, "opened")
        else:
            check_between(40, warm, 40 + slots, "warm-up")
        check_recomputed(outcome, rates="0" in words)


def test_n_less_than_c_opens_no_more_connections_than_it_has_requests():
    with Mock("--latency", "20ms") as mock:
        outcome = bench_good(mock.base + "/page", "-n", "3", "-c", "50", "--threads", "2",
                             "--warmup", "0")
        check_equal(mock.ledger()["requests"], 3, "requests")
        check_equal(mock.ledger()["connections_opened"], 3, "connections")
    check_recomputed(outcome)
    # Of a run that is over in a moment too: until its last request has ended.
    client = outcome.result["client"]
    assert client["cpu_us_per_request"] > 0 and client["cqes_per_request"] > 0, client


def test_z_measures_what_is_due_in_the_window():
    with Mock("--latency", "10ms") as mock:
        outcome = bench_good(mock.base + "/page", "-z", "0.5s", "-c", "8", "--warmup", "0")
        check_equal(mock.ledger()["requests"], len(outcome.rows), "requests")
    check_equal(outcome.result["seconds"], 0.5, "seconds")
    assert max(row["due_s"] for row in outcome.rows) < 0.5, "one began after the window"
    check_recomputed(outcome)


def test_a_warm_up_for_a_time_is_not_measured():
    with Mock("--latency", "5ms") as mock:
        outcome = bench_good(mock.base + "/page", "-z", "0.2s", "-c", "4", "--warmup", "300ms")
        warm = outcome.result["warmup"]
        check_equal(mock.ledger()["requests"], len(outcome.rows) + warm["requests"], "requests")
    check_between(0.3, warm["seconds"], 0.301, "warm-up")
    assert warm["requests"] > 4, "the warm-up did nothing"
    assert min(row["due_s"] for row in outcome.rows) >= 0, "due before the window"
    # Slots are handed over without draining: the first is due within a round of the window.
    assert min(row["due_s"] for row in outcome.rows) < 0.1, "it was drained"


def test_a_slot_sends_its_next_request_when_its_last_has_ended():
    with Mock("--latency", "20ms") as mock:
        outcome = bench_good(mock.base + "/page", "-n", "20", "-c", "1", "--warmup", "0")
    rows = outcome.rows
    for before, after in zip(rows, rows[1:]):
        gap = after["due_s"] - (before["due_s"] + before["latency_ms"] / 1000)
        assert abs(gap) < 2e-6, "due %f s after the end of the one before" % gap


def test_all_percentiles_means_and_counts_follow_from_the_csv():
    with Mock("--latency", "lognormal:2ms:1") as mock:
        outcome = bench_good(mock.base + "/page", "-n", "3000", "-c", "20", "--warmup", "0",
                             "--threads", "2")
    check_recomputed(outcome)
    assert outcome.result["latency_ms"]["p99.9"] is not None, "3,000 tell p99.9"
    check_between(1.5, outcome.result["service_ms"]["p50"], 6, "p50 of the server's 2 ms")


def test_a_percentile_that_too_few_tell_is_null():
    with Mock() as mock:
        outcome = bench_good(mock.base + "/page", "-n", "99", "-c", "1", "--warmup", "0")
    check_recomputed(outcome)
    latency = outcome.result["latency_ms"]
    check_equal((latency["p99"], latency["p99.9"]), (None, None), "p99 of 99")
    assert latency["p95"] is not None, "p95 of 99"


def test_connect_is_told_apart_from_lag_and_service():
    cert, key = make_certificate()
    with Mock("--latency", "30ms", "--tls-cert", cert, "--tls-key", key) as mock:
        outcome = bench_good("https://127.0.0.1:%d/page" % mock.port, "--cacert", cert, "-n", "8",
                             "-c", "4", "--warmup", "0")
    check_recomputed(outcome)
    opened = [row for row in outcome.rows if not row["reused"]]
    check_equal(len(opened), 4, "opened")
    check_equal(outcome.result["connect_ms"]["count"], 4, "connect")
    check_equal(outcome.result["phases"]["tls_ms"]["count"], 4, "TLS")
    for row in opened:
        assert row["connect_ms"] > 0.1, "a handshake in %f ms" % row["connect_ms"]


# --- Kept connections that die ---


def serve_two_and_close(connection, _):
    for _ in range(2):
        if not read_request(connection):
            return
        connection.sendall(ANSWER)


def test_requests_on_kept_connections_that_had_died_are_resent_and_counted():
    with Raw(serve_two_and_close) as server:
        outcome = bench_good(server.url, "-n", "60", "-c", "2")
        rows, requests = outcome.rows, outcome.result["requests"]
        check_equal((requests["total"], requests["ok"]), (60, 60), "requests")
        resent = sum(row["attempts"] - 1 for row in rows)
        # What was resent in the warm-up or begun in it does not count.
        check_between(resent - 2, requests["resent"], resent + 2, "resent")
        assert server.count >= 30, "only %d connections" % server.count


# --- The schema ---


def slow_mock_run(signals):
    with Mock("--latency", "200ms") as mock:
        process = start_bench(mock.base + "/page", "-z", "30s", "-c", "4", "--grace", "5s")
        wait_for("a second round", lambda: mock.ledger()["requests"] > 8)
        process.send_signal(signals)
        return finish_bench(process)


def kinds_of_runs():
    body = '{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}'
    with Mock("--ttft", "5ms", "--gap", "1ms") as mock:
        chat, page = mock.base + "/chat/completions", mock.base + "/page"
        yield "closed", bench(page, "-n", "50")
        yield "time", bench(page, "-z", "0.3s", "--warmup", "0.1s", "--io", "epoll")
        yield "open", bench(page, "-q", "300", "-z", "0.3s", "--arrival", "gamma:0.5")
        yield "ramp", bench(page, "--ramp", "10:200", "-z", "0.3s", "--arrival", "poisson")
        yield "stream", bench(chat, "-d", body, "--stream", "-n", "20", "--goodput", "ttft<1s",
                              "--slo", "ttft_p50<1s", "--slo", "goodput>1", "--max-error-rate",
                              "1%")
        yield "no values", bench(page, "-n", "5", "--stream", "--slo", "ttft_p99<1s")
        yield "search", bench(page, "-q", "100", "-z", "0.1s", "--find-max-rate", "--slo",
                              "latency_p50<1us")
    with Mock("--error", "500:0.3", "--fault", "reset@0.3") as mock:
        yield "failed", bench(mock.base + "/page", "-n", "100")
    yield "interrupted", slow_mock_run(signal.SIGINT)


def test_every_kind_of_result_keeps_to_the_schema():
    try:
        import jsonschema
    except ImportError:
        print("skipped: no python3-jsonschema")
        return
    with open(os.path.join(ROOT, "bench/result.schema.json")) as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for kind, outcome in kinds_of_runs():
        faults = ["%s: %s" % (list(fault.absolute_path), fault.message)
                  for fault in validator.iter_errors(outcome.result)]
        assert not faults, "%s: %s" % (kind, faults)
        for key in schema["required"]:
            less = dict(outcome.result)
            del less[key]
            assert not validator.is_valid(less), "the schema does not ask for " + key


# --- What is sent ---


def test_method_body_and_headers_are_curls():
    body = write_file("body", b'{"a": 1}\n\n\x00\xff')
    header = write_file("headers", "X-Two: 2\n")
    with Mock() as mock:
        bench_good(mock.base + "/page", "-n", "2", "-c", "1", "--warmup", "0")
        check_equal(mock.ledger()["methods"], {"GET": 2}, "no body")
        bench_good(mock.base + "/page", "-d", "@" + body, "-n", "3", "--warmup", "0", "-H",
                   "X-One: 1", "-H", "@" + header, "-H", "User-Agent:")
        ledger = mock.ledger()
        check_equal(ledger["methods"].get("POST"), 3, "a body")
        check_equal(ledger["bodies"][hash_of(b'{"a": 1}\n\n\x00\xff')], 3, "bytes of the file")
        head = next(iter(ledger["last_head"].values()))["headers"]
        names = {name.lower(): value for name, value in head}
        check_equal((names.get("x-one"), names.get("x-two")), ("1", "2"), "headers")
        assert "user-agent" not in names, "a header that was taken away"
        bench_good(mock.base + "/page", "-X", "DELETE", "-n", "2", "--warmup", "0")
        check_equal(mock.ledger()["methods"].get("DELETE"), 2, "-X")


def batch_of(count):
    lines = [query("q-%d" % i, headers={"X-Custom-Id": "q-%d" % i}) for i in range(count)]
    bodies = [hash_of(json.dumps(json.loads(line)["body"]).encode()) for line in lines]
    return write_file("batch.jsonl", "\n".join(lines) + "\n"), bodies


def test_input_in_turn_sends_each_query_as_often_as_the_others():
    batch, bodies = batch_of(10)
    for words in (["-c", "3"], ["-c", "4", "--threads", "4"], ["-q", "1000"]):
        with Mock() as mock:
            outcome = bench_good(mock.base, "--input", batch, "-n", "80", "--warmup", "0", *words)
            sent = mock.ledger()["bodies"]
        check_equal(sorted(sent), sorted(bodies), "bodies")
        check_equal(sum(sent.values()), 80, "requests")
        if "--threads" not in words:  # threads take from what is theirs, at their own pace
            check_equal(set(sent.values()), {8}, "each %s" % words)
        check_equal(outcome.result["config"]["queries"], 10, "queries")


def test_input_at_random_is_drawn_by_the_seed():
    batch, _ = batch_of(10)
    drawn = []
    for seed in ("1", "1", "2"):
        with Mock() as mock:
            bench_good(mock.base, "--input", batch, "-n", "100", "-c", "1", "--warmup", "0",
                       "--input-order", "random", "--seed", seed)
            drawn.append(mock.ledger()["bodies"])
    check_equal(drawn[0], drawn[1], "the same seed")
    assert drawn[0] != drawn[2], "another seed draws the same"
    assert len(set(drawn[0].values())) > 1, "that was in turn"


def test_a_batch_may_name_several_servers_and_the_key_goes_to_one():
    with Mock() as one, Mock() as other:
        elsewhere = "http://127.0.0.1:%d/v1/chat/completions" % other.port
        batch = write_file("batch.jsonl", query("a") + "\n" + query("b", elsewhere) + "\n")
        bench_good(one.base, "--input", batch, "-n", "20", "-c", "2", "--warmup", "0",
                   env=batch_test.environment(OPENAI_API_KEY=batch_test.SECRET))
        check_equal((one.ledger()["requests"], other.ledger()["requests"]), (10, 10), "requests")
        check_equal(one.ledger()["authorization"], 10, "with the key")
        check_equal(other.ledger()["authorization"], 0, "keys elsewhere")


def test_a_unix_socket_is_measured_as_a_port_is():
    place = path_of("socket")
    with Mock("--plain-port", "0", "--unix-socket", place, "--plain-port-file",
              path_of("unused")) as mock:
        outcome = bench_good("http://anywhere.invalid/page", "--unix-socket", place, "-n", "50")
        check_equal(outcome.result["requests"]["ok"], 50, "ok")
        check_equal(outcome.result["server"]["unix_socket"], place, "server")
        check_in("200", str(outcome.result["statuses"]))
        assert mock is not None


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
