#!/usr/bin/env python3
"""batch_limits: `quoit batch` against servers that limit requests and tokens, and what stops a run:
a key that is not taken, a spent quota. Counts are the mock's.

    tests/live/batch_limits_test.py [NAME...]     all tests, or those whose name contains a NAME

What batch_test.py says of its environment holds here too.
"""

import json
import signal
import sys
import time

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import (Mock, check_equal, check_in, environment, finish, path_of, queries, query,
                        read_lines, run, start, wait_for, write_file)

SOON_S = 20  # what would otherwise wait for a bucket waits for most of a minute
KEY = environment(OPENAI_API_KEY="sk-mine")


def chats(count, model="m", **more):
    return [json.dumps({"custom_id": "%s-%d" % (model, i), "url": "/v1/chat/completions",
                        "body": {"model": model, "messages": [], **more}}) for i in range(count)]


def batch_of(lines):
    return write_file("batch.jsonl", "\n".join(lines) + "\n")


def statuses(name="out.jsonl"):
    return [line["response"]["status_code"] for line in read_lines(name)]


def check_all_good(result, count):
    check_equal(result.code, 0, "exit; " + result.stderr)
    check_equal(statuses(), [200] * count, "statuses")


# --- Rate limits ---


def test_a_limit_of_requests_is_learned():
    with Mock("--rpm", "6000:100", "--latency", "uniform:20ms:80ms") as mock:
        result = run(queries(400), "-o", path_of("out.jsonl"), "--base-url", mock.base)
        sent = mock.ledger()["requests"]
    check_all_good(result, 400)
    assert sent - 400 <= 4, "%d were answered 429" % (sent - 400)


def test_a_limit_of_tokens_is_learned():
    with Mock("--tpm", "60000:4000", "--latency", "uniform:20ms:80ms") as mock:
        result = run(batch_of(chats(180, max_tokens=100)), "-o", path_of("out.jsonl"),
                     "--base-url", mock.base)
        sent = mock.ledger()["requests"]
    check_all_good(result, 180)
    assert sent - 180 <= 4, "%d were answered 429" % (sent - 180)


def test_without_limits_of_the_server_nothing_waits():
    with Mock() as mock:
        result = run(queries(3000), "-o", path_of("out.jsonl"), "--base-url", mock.base)
        check_equal(mock.ledger()["requests"], 3000, "requests")
    check_all_good(result, 3000)


def test_rpm_and_tpm_keep_below_a_server_that_allows_a_little_more():
    for mine, theirs, count in ((["--rpm", "60"], ["--rpm", "66"], 62),
                                (["--tpm", "3000"], ["--tpm", "3300"], 84)):
        with Mock(*theirs) as mock:
            result = run(batch_of(chats(count)), "-o", path_of("out.jsonl"), "--overwrite", "-c",
                         "4", "--base-url", mock.base, *mine)
            sent = mock.ledger()["requests"]
        check_all_good(result, count)
        check_equal(sent, count, "requests with " + " ".join(mine))


def test_an_estimate_is_settled_by_what_it_took():
    begin = time.monotonic()
    with Mock() as mock:
        result = run(batch_of(chats(5, max_tokens=1000)), "-o", path_of("out.jsonl"), "-c", "1",
                     "--tpm", "1100", "--base-url", mock.base)
    check_all_good(result, 5)
    assert time.monotonic() - begin < SOON_S, "tokens were not given back"


def test_the_summary_counts_the_waits_that_a_server_asked_for():
    with Mock("--rpm", "600:4") as mock:
        result = run(queries(10), "-o", path_of("out.jsonl"), "-c", "10", "--summary",
                     path_of("summary.json"), "--base-url", mock.base)
        refused = mock.ledger()["requests"] - 10
    check_all_good(result, 10)
    with open(path_of("summary.json")) as file:
        check_equal(json.load(file)["paced"], refused, "paced")
    check_in("%d waits that the server asked for" % refused, result.stderr)
    assert refused > 0, "nothing was refused"


def test_a_failed_request_gives_its_tokens_back():
    begin = time.monotonic()
    with Mock("--status", "400") as mock:
        result = run(batch_of(chats(5, max_tokens=1000)), "-o", path_of("out.jsonl"), "-c", "1",
                     "--tpm", "1100", "--base-url", mock.base)
    check_equal(result.code, 1, "exit; " + result.stderr)
    check_equal(statuses(), [400] * 5, "statuses")
    assert time.monotonic() - begin < SOON_S, "tokens were not given back"


def test_each_model_has_its_own_limit():
    begin = time.monotonic()
    with Mock() as mock:
        result = run(batch_of(chats(2, "a") + chats(2, "b") + chats(2, "c")), "-o",
                     path_of("out.jsonl"), "--rpm", "2", "--base-url", mock.base)
    check_all_good(result, 6)
    assert time.monotonic() - begin < SOON_S, "models waited for each other"


def test_what_waits_for_its_turn_is_not_sent_after_a_signal():
    with Mock("--latency", "3500ms") as mock:
        process = start(queries(40), "-o", path_of("out.jsonl"), "-c", "30", "--rpm", "20",
                        "--base-url", mock.base)
        wait_for("the first bucket", lambda: mock.ledger()["requests"] >= 20)
        process.send_signal(signal.SIGINT)
        result = finish(process)
        sent = mock.ledger()["requests"]
    check_equal(result.code, 130, "exit; " + result.stderr)
    check_equal(sent, 20, "requests")
    check_equal(statuses(), [200] * 20, "statuses")


# --- Stops ---


def lines_with(place, headers, count=30):
    """Good lines, but for the one at `place`."""
    return batch_of([query("q-%d" % i, headers=headers if i == place else {})
                     for i in range(count)])


def test_a_key_that_is_not_taken_stops_the_run_at_once_and_saves_the_rest():
    with Mock() as mock:
        result = run(lines_with(12, {"X-Mock-Status": "401"}), "-o", path_of("out.jsonl"), "-c",
                     "1", "--base-url", mock.base, env=KEY)
        sent = mock.ledger()["requests"]
    check_equal(result.code, 1, "exit")
    check_equal(statuses(), [200] * 12, "statuses")
    check_equal(sent, 13, "requests")
    check_in("stopped: status 401: the server does not take the key", result.stderr)
    check_in("18 left", result.stderr)


def test_answers_that_were_held_back_are_saved_when_a_key_is_not_taken():
    lines = [query("q-%d" % i, headers={"X-Mock-Status": "404" if i < 5 else "401"})
             for i in range(10)]
    with Mock() as mock:
        result = run(batch_of(lines), "-o", path_of("out.jsonl"), "-c", "1", "--base-url",
                     mock.base, env=KEY)
    check_equal(result.code, 1, "exit")
    check_equal(statuses(), [404] * 5, "statuses")
    check_in("does not take the key", result.stderr)


def test_many_in_flight_with_a_bad_key_leave_no_line():
    with Mock("--status", "401", "--latency", "20ms") as mock:
        result = run(queries(2000), "-o", path_of("out.jsonl"), "--base-url", mock.base, env=KEY)
        sent = mock.ledger()["requests"]
    check_equal(result.code, 1, "exit")
    check_equal(read_lines("out.jsonl"), [], "lines")
    assert sent <= 80, "%d were sent" % sent


def test_a_401_to_a_key_of_the_line_is_a_failed_line():
    for env in (KEY, environment()):
        with Mock() as mock:
            result = run(lines_with(12, {"X-Mock-Status": "401", "Authorization": "Bearer other"}),
                         "-o", path_of("out.jsonl"), "--overwrite", "--base-url", mock.base,
                         env=env)
        check_equal(result.code, 1, "exit")
        check_equal(sorted(statuses()), [200] * 29 + [401], "statuses")


def test_a_spent_quota_stops_the_run_and_saves_the_rest():
    headers = {"X-Mock-Status": "429", "X-Mock-Error-Code": "insufficient_quota"}
    with Mock() as mock:
        result = run(lines_with(12, headers), "-o", path_of("out.jsonl"), "-c", "1",
                     "--base-url", mock.base)
        sent = mock.ledger()["requests"]
    check_equal(result.code, 1, "exit")
    check_equal(statuses(), [200] * 12, "statuses")
    check_equal(sent, 13, "requests")
    check_in("quota_exhausted", result.stderr)


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
