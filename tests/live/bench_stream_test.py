#!/usr/bin/env python3
"""bench_stream: `quoit bench --stream`: the times and tokens of streamed answers, and which count.

    tests/live/bench_stream_test.py [NAME...]     all tests, or those whose name contains a NAME

bench_run.py says how it is run and how its results are reckoned once more.
"""

import json
import sys
import time

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import Mock, check_equal, check_in
from bench_run import (Raw, bench, bench_good, check_between, check_near, check_recomputed,
                       read_request, values_of)

ASK = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True,
                  "stream_options": {"include_usage": True}})
ASK_NO_USAGE = ASK.replace(', "stream_options": {"include_usage": true}', "")
ASK_WHOLE = ASK.replace("true", "false", 1)
LATE_MS = 400  # what a busy machine may add to what the mock is told


# --- Against what the mock was told ---


def test_the_times_and_tokens_of_streams_are_the_mocks():
    for path in ("/chat/completions", "/completions", "/messages", "/responses"):
        with Mock("--ttft", "50ms", "--gap", "10ms", "--tokens", "12") as mock:
            outcome = bench_good(mock.base + path, "-d", ASK, "--stream", "-n", "20", "-c", "5",
                                 "--warmup", "0")
            ledger = mock.ledger()
        result = outcome.result
        check_recomputed(outcome)
        late = ledger["lag_max_us"] / 1000 + LATE_MS
        for metric, wanted in (("ttft", 50), ("itl", 10), ("tpot", 10), ("e2el", 160)):
            got = result[metric + "_ms"]["p50"]
            check_between(wanted - 1.5, got, wanted + late, metric + " of " + path)
        check_between(48.5, result["ttft_ms"]["min"], 50 + late, "the first ttft")
        check_equal(result["tokens"]["out"], 20 * 12, "tokens of " + path)
        check_equal(result["itl_ms"]["count"], 20 * 11, "gaps")
        check_equal(result["tokens"]["metered"], True, "metered")
        check_equal(ledger["tokens_sent"], 20 * 12, "the server's count")
        for row in outcome.rows:
            check_near(row["e2el_ms"], row["ttft_ms"] + 11 * row["tpot_ms"], 1e-4, "e2el")
            check_near(row["itl_mean_ms"], row["tpot_ms"], 1e-4, "the mean gap")
            assert row["service_ms"] >= row["e2el_ms"], "the last token came behind the end"


def test_ttft_from_the_schedule_holds_the_wait_for_a_slot():
    with Mock("--ttft", "100ms", "--gap", "1ms", "--tokens", "2") as mock:
        outcome = bench(mock.base + "/chat/completions", "-d", ASK, "--stream", "-q", "20", "-z",
                        "0.5s", "-c", "1")
    check_recomputed(outcome)
    for row in outcome.rows:
        connect = row["connect_ms"] or 0
        wanted = row["ttft_ms"] + row["queue_ms"] + connect + row["lag_ms"]
        check_near(row["ttft_schedule_ms"], wanted, 1e-4, "ttft_schedule")
    assert outcome.result["ttft_schedule_ms"]["max"] > 400, "the queue is not in it"


def test_without_usage_events_are_counted_and_it_is_said():
    with Mock("--tokens", "7") as mock:
        url = mock.base + "/chat/completions"
        outcome = bench_good(url, "-d", ASK_NO_USAGE, "--stream", "-n", "5", "-c", "1")
        check_equal(outcome.result["tokens"]["out"], 35, "tokens")
        check_equal(outcome.result["tokens"]["metered"], False, "metered")
        check_in("events counted", outcome.stdout)


def test_a_whole_answer_has_tokens_and_no_ttft_also_under_stream():
    with Mock("--tokens", "7", "--latency", "5ms") as mock:
        for words in ([], ["--stream"]):
            outcome = bench_good(mock.base + "/chat/completions", "-d", ASK_WHOLE, "-n", "5", "-c",
                                 "1", *words)
            check_recomputed(outcome, rates=False)
            check_equal(outcome.result["tokens"]["out"], 35, "tokens %s" % words)
            for metric in ("ttft", "tpot", "itl"):
                check_equal(outcome.result[metric + "_ms"], {"count": 0}, metric)
            check_equal(outcome.result["e2el_ms"]["count"], 5, "e2el")


def test_goodput_counts_the_good_ones_that_keep_every_limit():
    with Mock("--ttft", "lognormal:30ms:0.7", "--gap", "2ms", "--tokens", "5") as mock:
        outcome = bench_good(mock.base + "/chat/completions", "-d", ASK, "--stream", "-n", "60",
                             "-c", "6", "--warmup", "0", "--goodput", "ttft<35ms,e2el<1s")
    good = sum(bool(row["ok"]) and row["ttft_ms"] < 35 and row["e2el_ms"] < 1000
               for row in outcome.rows)
    check_between(1, good, 59, "a limit that some keep and some do not")
    check_near(outcome.result["goodput"], good / outcome.result["seconds"], 1e-6, "goodput")


# --- Streams, event by event ---


def chunk(**delta):
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return {"object": "chat.completion.chunk", "choices": [choice]}


ROLE = chunk(role="assistant", content="")
WORD = chunk(content="a")
STOP = {"object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"object": "chat.completion.chunk", "choices": [],
         "usage": {"prompt_tokens": 3, "completion_tokens": 9}}
DONE = "[DONE]"


def event_bytes(data):
    text = data if isinstance(data, str) else json.dumps(data)
    return b"data: " + text.encode() + b"\n\n"


def server_of(*script, cut=False):
    """Each request is answered by these events, with pauses of so many seconds between them."""

    def serve(connection, _):
        while read_request(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n")
            for step in script:
                if isinstance(step, float):
                    time.sleep(step)  # what is measured
                else:
                    part = event_bytes(step)
                    connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            if cut:
                return
            connection.sendall(b"0\r\n\r\n")

    return Raw(serve)


def stream(server, *words, count=4):
    return bench(server.url + "v1/chat/completions", "-d", ASK, "--stream", "-n", str(count), "-c",
                 "2", "--warmup", "0", *words)


def test_the_first_token_is_the_first_event_with_output():
    with server_of(0.02, ROLE, 0.1, WORD, 0.05, WORD, STOP, USAGE, DONE) as server:
        outcome = stream(server)
    check_equal(outcome.code, 0, outcome.stderr)
    check_recomputed(outcome)
    assert outcome.result["ttft_ms"]["min"] >= 119, "the role alone is no token"
    check_equal(outcome.result["itl_ms"]["count"], 4, "gaps")
    assert outcome.result["itl_ms"]["min"] >= 45, outcome.result["itl_ms"]
    tokens, seconds = outcome.result["tokens"], outcome.result["seconds"]
    check_equal((tokens["in"], tokens["out"], tokens["metered"]), (12, 36, True), "the server's")
    check_near(tokens["out_per_second"], 36 / seconds, 1e-6, "tokens a second")
    check_near(tokens["total_per_second"], 48 / seconds, 1e-6, "tokens a second in all")
    for row in outcome.rows:  # nine tokens by usage, in two events
        check_near(row["tpot_ms"], (row["e2el_ms"] - row["ttft_ms"]) / 8, 1e-4, "tpot")


VLLM_KEYS = {"duration", "completed", "failed", "total_input_tokens", "total_output_tokens",
             "request_throughput", "request_goodput", "output_throughput",
             "total_token_throughput", "max_concurrent_requests"}
VLLM_KEYS |= {stat + metric + "_ms" for stat in ("mean_", "median_", "std_", "p99_")
              for metric in ("ttft", "tpot", "itl", "e2el")}


def test_the_dialect_of_vllm_has_its_keys_and_its_first_token():
    with server_of(0.02, ROLE, 0.1, WORD, 0.05, WORD, STOP, USAGE, DONE) as server:
        outcome = stream(server, "--dialect", "vllm")
    result = outcome.result
    check_equal(outcome.code, 0, outcome.stderr)
    check_equal(set(result) - {"date"}, VLLM_KEYS, "keys")
    check_equal((result["completed"], result["failed"]), (4, 0), "completed")
    check_equal((result["total_input_tokens"], result["total_output_tokens"]), (12, 36), "tokens")
    check_between(19, result["median_ttft_ms"], 100, "ttft: the role counts")
    check_near(result["mean_ttft_ms"], sum(values_of(outcome.rows, "ttft_ms")) / 4, 0.001, "mean")
    check_near(result["request_throughput"], 4 / result["duration"], 1e-6, "throughput")
    check_near(result["total_token_throughput"], 48 / result["duration"], 1e-6, "throughput")
    # Role, two words and the stop are four events: three gaps.
    check_equal(result["max_concurrent_requests"], 2, "in flight")
    check_near(result["mean_itl_ms"] * 3, result["mean_e2el_ms"] - result["mean_ttft_ms"], 0.01,
               "the gaps are three")


def test_an_error_in_the_middle_fails_the_request_and_has_no_times():
    error = {"error": {"message": "overloaded", "type": "server_error"}}
    with server_of(ROLE, WORD, WORD, error, DONE) as server:
        outcome = stream(server)
    check_equal(outcome.code, 1, "exit")
    check_recomputed(outcome)
    check_equal(outcome.result["requests"]["failed"], 4, "failed")
    check_equal(outcome.result["statuses"], {}, "statuses: these are errors")
    for metric in ("ttft", "tpot", "itl", "e2el"):
        check_equal(outcome.result[metric + "_ms"], {"count": 0}, metric)
    check_equal(outcome.result["latency_ms"]["count"], 4, "it was answered: it is timed")
    check_equal(outcome.result["tokens"]["out"], 0, "tokens")


def test_a_stream_that_ends_or_is_cut_before_it_is_whole_has_failed():
    for cut in (False, True):
        with server_of(ROLE, WORD, WORD, cut=cut) as server:
            outcome = stream(server)
        check_equal(outcome.code, 1, "exit")
        check_recomputed(outcome)
        check_equal(outcome.result["requests"]["errors"], {"incomplete_response": 4}, "errors")
        check_equal(outcome.result["ttft_ms"], {"count": 0}, "ttft")


def test_a_stream_that_said_it_was_whole_is_good_although_the_connection_broke():
    with server_of(ROLE, WORD, STOP, USAGE, DONE, cut=True) as server:
        outcome = stream(server)
    check_equal(outcome.code, 0, outcome.stdout)
    check_equal(outcome.result["ttft_ms"]["count"], 4, "ttft")


def test_good_and_failed_streams_side_by_side_are_told_apart():
    with Mock("--tokens", "10", "--gap", "1ms", "--fault", "close-mid-body:4@0.4") as mock:
        outcome = bench(mock.base + "/chat/completions", "-d", ASK, "--stream", "-n", "60", "-c",
                        "6", "--warmup", "0", "--goodput", "e2el<60s")
    result = outcome.result
    check_equal(outcome.code, 1, "exit")
    check_recomputed(outcome)
    ok = result["requests"]["ok"]
    check_between(5, ok, 55, "some good, some not")
    check_equal(result["ttft_ms"]["count"], ok, "ttft of the good ones")
    check_equal(result["itl_ms"]["count"], 9 * ok, "gaps of the good ones")
    check_equal(result["tokens"]["out"], 10 * ok, "tokens of the good ones")
    check_near(result["goodput"], ok / result["seconds"], 1e-6, "goodput")


def test_a_refusal_under_stream_is_a_failed_answer():
    with Mock("--status", "503") as mock:
        outcome = bench(mock.base + "/chat/completions", "-d", ASK, "--stream", "-n", "5",
                        "--warmup", "0")
    check_equal(outcome.code, 1, "exit")
    check_recomputed(outcome)
    check_equal(outcome.result["statuses"], {"503": 5}, "statuses")
    check_equal(outcome.result["requests"]["errors"], {}, "errors")


def test_the_timeline_adds_up_to_the_whole():
    with Mock("--ttft", "5ms", "--gap", "2ms", "--tokens", "6") as mock:
        result = bench_good(mock.base + "/chat/completions", "-d", ASK, "--stream", "-q", "100",
                            "-z", "0.6s").result
    points = result["timeline"]["points"]
    for key, wanted in (("sent", 60), ("ok", 60), ("failed", 0), ("tokens_out", 360)):
        check_equal(sum(point[key] for point in points), wanted, key)
    for metric, wanted in (("latency_ms", 60), ("ttft_ms", 60), ("itl_ms", 300)):
        check_equal(sum(point[metric]["count"] for point in points), wanted, metric)
    seconds = [point["seconds"] for point in points]
    check_equal(seconds, sorted(seconds), "in the order of time")


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
