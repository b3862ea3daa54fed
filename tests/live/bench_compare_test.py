#!/usr/bin/env python3
"""bench_compare: `quoit compare` over results that were made up, so that what is true of them is
known, and over those of `quoit batch`.

    tests/live/bench_compare_test.py [NAME...]     all tests, or those whose name contains a NAME

What batch_test.py says of its environment holds here too.
"""

import json
import os
import random
import subprocess
import sys

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import (LIMIT_S, Mock, QUOIT, Result, check_equal, check_in, environment, path_of,
                        queries, run, write_file)

POINT_KEYS = ("count", "mean", "p50", "p90", "p99", "max")


def compare(*words, **more):
    done = subprocess.run([QUOIT, "compare", *words], stdin=subprocess.DEVNULL,
                          stdout=more.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE,
                          timeout=LIMIT_S, env=environment(**more))
    return Result(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())


def compare_json(*words):
    result = compare(*words, "--json", "-")
    return json.loads(result.stdout), result


def metrics_of(answer, side=None):
    return {metric["metric"]: metric for metric in answer["metrics"]
            if side is None or metric["side"] == side}


# --- Results that were made up ---


def times(chance, mean, count, noise):
    def near(value):
        return round(value * chance.gauss(1, noise), 3)
    return {"count": count, "mean": near(mean), "p50": near(mean * 0.9), "p75": near(mean * 1.1),
            "p90": near(mean * 1.4), "p95": near(mean * 1.7), "p99": near(mean * 2.5),
            "p99.9": near(mean * 4), "max": near(mean * 5)}


def result(seed, latency=10.0, noise=0.01, failed=0, points=10, **more):
    """One of 10 s, of 64 in flight."""
    chance = random.Random(seed)
    rate = 64000 / latency * chance.gauss(1, noise)
    count = int(rate * 10)

    def metrics(size):
        return {name + "_ms": times(chance, latency * share, size, noise)
                for name, share in (("latency", 1), ("service", 0.9), ("ttft", 0.3),
                                    ("itl", 0.01))}

    def point_metrics(size):
        return {name: {key: value for key, value in values.items() if key in POINT_KEYS}
                for name, values in metrics(size).items()}
    timeline = [{"seconds": i, "sent": int(rate), "ok": int(rate * chance.gauss(1, noise)),
                 "failed": 0, "in_flight": 64, "tokens_out": int(rate * 20), **point_metrics(int(rate))}
                for i in range(points)]
    return {"requests": {"total": count + failed, "ok": count, "failed": failed, "unsent": 0,
                         "resent": 0, "errors": {}},
            "statuses": {"200": count}, "seconds": 10, "requests_per_second": rate,
            "goodput": None, "rate": {"asked": None, "sent": None}, **metrics(count),
            "tpot_ms": times(chance, latency * 0.01, count, noise),
            "e2el_ms": times(chance, latency, count, noise),
            "tokens": {"in": 0, "out": count * 20, "out_per_second": rate * 20,
                       "total_per_second": rate * 20},
            "client": {"verdict": "ok", "lag_ms": {"count": 0}, "cpu_us_per_request": 12.5},
            "percentiles": "exact", "interrupted": False,
            "config": {"concurrency": 64, "rate": None, "arrival": "constant", "stream": True,
                       "duration_seconds": 10, "threads": 1},
            "server": {"url": "http://127.0.0.1:8000/v1/chat/completions", "method": "POST"},
            "timeline": {"interval_seconds": 1, "points": timeline}, **more}


def write_side(name, *results):
    return write_file(name, "".join(json.dumps(one) + "\n" for one in results))


def write_runs(name, seed, count=5, **more):
    return write_side(name, *(result(seed + i, **more) for i in range(count)))


# --- What is told of a change ---


def test_the_same_data_is_the_same():
    side = write_runs("a.json", 1)
    answer, told = compare_json(side, side, "--max-regression", "0")
    check_equal(told.code, 0, "exit; " + told.stderr)
    check_equal({metric["verdict"] for metric in answer["metrics"]}, {"same"}, "verdicts")
    check_equal({metric["change_percent"] for metric in answer["metrics"]}, {0}, "changes")
    check_equal(answer["warnings"], [], "warnings")
    check_equal(told.stderr, "", "stderr")


def test_ten_percent_more_is_worse_and_the_other_way_round_better():
    base, slow = write_runs("a.json", 1), write_runs("b.json", 100, latency=11.0)
    answer, told = compare_json(base, slow)
    check_equal(told.code, 0, "exit")
    metrics = metrics_of(answer)
    for name in ("requests_per_second", "latency_p50", "latency_p99", "latency_p99.9", "ttft_p99",
                 "itl_p99", "tpot_p50", "e2el_p99", "tokens_out_per_second", "service_p99"):
        metric = metrics[name]
        check_equal(metric["verdict"], "worse", name)
        check_equal(metric["samples_of"], "runs", name)
        assert metric["low_percent"] <= metric["change_percent"] <= metric["high_percent"], metric
        truth = -9.1 if name.endswith("second") else 10
        assert metric["low_percent"] - 1 < truth < metric["high_percent"] + 1, metric
        assert abs(metric["change_percent"] - truth) < 3, metric
    check_equal(metrics["cpu_us_per_request"]["verdict"], "same", "cpu")
    metrics = metrics_of(compare_json(slow, base)[0])
    for name in ("requests_per_second", "latency_p99", "tokens_out_per_second"):
        check_equal(metrics[name]["verdict"], "better", name)


def test_noise_is_seldom_taken_for_a_change():
    verdicts = []
    for seed in range(0, 200, 20):
        base, other = write_runs("a.json", seed, noise=0.05), write_runs("b.json", seed + 10,
                                                                         noise=0.05)
        verdicts += [metric["verdict"] for metric in compare_json(base, other)[0]["metrics"]]
    wrong = sum(verdict != "same" for verdict in verdicts)
    assert wrong < 0.12 * len(verdicts), "%d of %d" % (wrong, len(verdicts))


def test_one_run_a_side_is_judged_by_its_intervals_and_says_so():
    base, slow = write_runs("a.json", 1, 1), write_runs("b.json", 100, 1, latency=11.0)
    answer, told = compare_json(base, slow)
    metrics = metrics_of(answer)
    for name in ("requests_per_second", "latency_p99", "ttft_p50"):
        check_equal(metrics[name]["verdict"], "worse", name)
        check_equal(metrics[name]["samples_of"], "intervals", name)
        check_equal(metrics[name]["samples"], 10, name)
    for name in ("latency_p99.9", "tpot_p50", "e2el_p99"):  # no timeline has these
        check_equal(metrics[name]["verdict"], "unclear", name)
        check_equal(metrics[name]["low_percent"], None, name)
    check_in("repeat each run", told.stderr)
    check_equal(len(answer["warnings"]), 1, "warnings")


def test_too_few_samples_give_no_verdict():
    base, slow = write_runs("a.json", 1, 2, points=3), write_runs("b.json", 9, 1, points=3)
    answer, told = compare_json(base, slow, "--max-regression", "1")
    check_equal({metric["verdict"] for metric in answer["metrics"]}, {"unclear"}, "verdicts")
    check_equal(told.code, 1, "exit of a gate that judges nothing")
    check_in("could judge nothing", told.stderr)
    check_in("latency_p99 of %s is not judged" % slow, told.stderr)
    check_equal(compare(base, slow).code, 0, "exit without a gate")


def test_a_folder_is_the_runs_that_a_file_holds_one_behind_the_other():
    runs = [result(i) for i in range(4)]
    os.mkdir(path_of("runs"))
    for i, one in enumerate(runs):
        write_file("runs/%d.json" % i, json.dumps(one))
    write_file("runs/notes.txt", "no JSON")
    write_file("runs/.hidden.json", "no JSON")
    slow = write_runs("b.json", 100, 4, latency=10.5)
    one_file = write_side("a.json", *runs)
    packed = write_file("packed.json", "".join(json.dumps(one, indent=1) for one in runs))
    answers = [compare_json(side, slow)[0] for side in (path_of("runs"), one_file, packed)]
    check_equal(answers[0]["sides"][0]["runs"], 4, "runs")
    check_equal(answers[0]["metrics"], answers[1]["metrics"], "metrics")
    check_equal(answers[2]["metrics"], answers[1]["metrics"], "metrics")
    with_slash = compare_json(path_of("runs") + "/", slow)[0]
    check_equal(with_slash["metrics"], answers[1]["metrics"], "metrics")


def test_several_sides_are_each_compared_with_the_first():
    sides = [write_runs(name, seed, latency=latency) for name, seed, latency in
             (("a.json", 1, 10), ("b.json", 20, 12), ("c.json", 40, 8))]
    answer, told = compare_json(*sides)
    check_equal(answer["base"], sides[0], "base")
    check_equal([side["name"] for side in answer["sides"]], sides, "sides")
    check_equal(metrics_of(answer, sides[1])["latency_p50"]["verdict"], "worse", "b")
    check_equal(metrics_of(answer, sides[2])["latency_p50"]["verdict"], "better", "c")
    table = compare(*sides).stdout
    check_in("%s (5 runs) against %s (5 runs)" % (sides[2], sides[0]), table)


def test_the_json_has_its_keys():
    base, slow = write_runs("a.json", 1), write_runs("b.json", 100, latency=12.0)
    answer, _ = compare_json(base, slow, "--max-regression", "5")
    check_equal(list(answer), ["base", "sides", "metrics", "max_regression_percent", "regressions",
                               "warnings"], "keys")
    check_equal(list(answer["sides"][0]), ["name", "runs", "shown"], "keys of a side")
    for metric in answer["metrics"]:
        check_equal(list(metric), ["metric", "side", "unit", "better", "base", "value",
                                   "change_percent", "low_percent", "high_percent", "samples_of",
                                   "base_samples", "samples", "verdict"], "keys of a metric")
    for regression in answer["regressions"]:
        check_equal(list(regression), ["metric", "side", "change_percent"], "of a regression")


def test_the_table_says_what_the_json_says():
    base, slow = write_runs("a.json", 1), write_runs("b.json", 100, latency=12.0)
    told = compare(base, slow, "--json", path_of("out.json"), "--max-regression", "5")
    with open(path_of("out.json")) as file:
        answer = json.load(file)
    lines = told.stdout.splitlines()
    check_equal(len(lines), len(answer["metrics"]) + 2, "lines")
    for line, metric in zip(lines[2:], answer["metrics"]):
        check_equal(line.split()[0], metric["metric"], "metric")
        check_in(" %s" % metric["verdict"], line)
        check_in("%+.1f" % metric["change_percent"] if abs(metric["change_percent"]) >= 0.1
                 else "%+.2f" % metric["change_percent"], line)
        assert len(line) < 120, line
    assert "\x1b" not in told.stdout, "colours, and no terminal"


# --- --max-regression ---


def test_a_regression_is_99_and_is_named():
    base, slow = write_runs("a.json", 1), write_runs("b.json", 100, latency=12.0)
    answer, told = compare_json(base, slow, "--max-regression", "10")
    check_equal(told.code, 99, "exit")
    names = [regression["metric"] for regression in answer["regressions"]]
    check_equal(names, ["requests_per_second", "latency_p99", "ttft_p99", "itl_p99"], "names")
    for name in names:
        check_in("regression: %s of %s is worse by " % (name, slow), told.stderr)
    check_in("REGRESSION", compare(base, slow, "--max-regression", "10%").stdout)
    for words, code in ((("--max-regression", "40"), 0), (("--max-regression", "0.5"), 99), ((), 0)):
        check_equal(compare(base, slow, *words).code, code, "exit of %r" % (words,))
    check_equal(compare(slow, base, "--max-regression", "0").code, 0, "exit of the better")


def test_noise_fails_no_build():
    base = write_side("a.json", *(result(i, latency=latency, noise=0.001)
                                  for i, latency in enumerate((9, 10, 11))))
    other = write_side("b.json", *(result(9 + i, latency=latency, noise=0.001)
                                   for i, latency in enumerate((10, 11, 12))))
    answer, told = compare_json(base, other, "--max-regression", "5")
    assert metrics_of(answer)["latency_p99"]["change_percent"] > 5, "no change at all"
    check_equal(told.code, 0, "exit")


def test_the_metrics_of_the_gate_can_be_chosen():
    base = write_runs("a.json", 1)
    worse = []
    for i in range(5):
        one = result(100 + i)
        one["latency_ms"]["p90"] *= 2
        worse.append(one)
    slow = write_side("b.json", *worse)
    check_equal(compare(base, slow, "--max-regression", "10").code, 0, "the key ones")
    told = compare(base, slow, "--max-regression", "10", "--metric", "latency_p90")
    check_equal(told.code, 99, "latency_p90")
    told = compare(base, slow, "--max-regression", "10", "--metric", "latency_p50", "--metric",
                   "service_p50")
    check_equal(told.code, 0, "two others")
    told = compare(base, slow, "--max-regression", "10", "--metric", "goodput")
    check_equal(told.code, 1, "one that is nowhere")
    check_in("goodput is left out: %s has none" % base, told.stderr)


def test_errors_that_were_none_are_a_regression_by_points():
    base, failing = write_runs("a.json", 1), write_runs("b.json", 1, failed=2000)
    answer, told = compare_json(base, failing, "--max-regression", "2")
    check_equal(told.code, 99, "exit")
    check_equal([one["metric"] for one in answer["regressions"]], ["error_rate"], "regressions")
    change = metrics_of(answer)["error_rate"]["change_percent"]
    assert 2.5 < change < 3.5, change
    check_equal(compare(base, failing, "--max-regression", "4").code, 0, "exit at 4 points")


# --- What is said beside it ---


def test_what_cannot_be_compared_well_is_warned_of():
    base = write_runs("a.json", 1, 3)
    good = result(9)
    changes = [({"config": {**good["config"], "concurrency": 128}}, "concurrency of "),
               ({"config": {**good["config"], "rate": 100}}, "rate of "),
               ({"config": {**good["config"], "arrival": "poisson"}}, 'is "poisson", that of'),
               ({"server": {"url": "http://[::1]/"}}, "url of "),
               ({"client": {"verdict": "client_limited"}}, "its latency is the client's"),
               ({"client": {"verdict": "saturated"}}, "is saturated"),
               ({"interrupted": True}, "was interrupted"),
               ({"percentiles": "hdr"}, "percentiles of ")]
    for change, words in changes:
        other = write_side("b.json", *(result(9 + i, **change) for i in range(3)))
        answer, told = compare_json(base, other)
        check_equal(len(answer["warnings"]), 1, "warnings of %r" % change)
        check_in(words, answer["warnings"][0])
        check_in("quoit: " + answer["warnings"][0], told.stderr)
        check_equal(told.code, 0, "exit")


def test_what_is_left_out_is_told_on_demand():
    base, other = write_runs("a.json", 1, 3), write_side("b.json", *(
        {name: value for name, value in result(i).items() if name != "itl_ms"} for i in range(3)))
    told = compare(base, other)
    assert "itl_p99" not in told.stdout + told.stderr, told
    told = compare(base, other, "-v")
    check_in("itl_p99 is left out: %s has none" % other, told.stderr)
    check_in("goodput is left out: %s has none" % base, told.stderr)


def test_summaries_of_batches_are_compared_too():
    batch = queries(60)
    for name, latency in (("a", "5ms"), ("b", "25ms")):
        summaries = []
        with Mock("--latency", latency) as mock:
            for i in range(3):
                done = run(batch, "-o", path_of("%s%d.jsonl" % (name, i)), "-c", "4", "--base-url",
                           mock.base, "--summary", path_of("summary.json"))
                check_equal(done.code, 0, "exit; " + done.stderr)
                with open(path_of("summary.json")) as file:
                    summaries.append(file.read())
        write_file(name + ".json", "".join(summaries))
    answer, told = compare_json(path_of("a.json"), path_of("b.json"), "--max-regression", "20")
    metrics = metrics_of(answer)
    check_equal(told.code, 99, "exit; " + told.stderr)
    check_equal(metrics["latency_p50"]["verdict"], "worse", "latency")
    check_equal(metrics["error_rate"]["verdict"], "same", "errors")
    assert "latency_p99" not in metrics, "60 requests have no p99"


# --- What is wrong ---


def check_refused(told, name):
    check_equal(told.code, 3, "exit of %s; %s" % (name, told.stderr))
    check_equal(told.stdout, "", "stdout of " + name)
    check_equal(told.stderr.count("\n"), 1, "lines on stderr of %s: %s" % (name, told.stderr))


def test_what_is_no_result_is_refused_in_one_line():
    good = json.dumps(result(1))
    base = write_file("a.json", good)
    bad = {"empty": "", "space": " \n", "text": "hello", "object": "{}", "array": "[]",
           "null": "null", "jsonl": '{"custom_id":"1"}\n{"custom_id":"2"}\n',
           "torn": good[:-10], "torn second": good + good[:100], "text behind": good + "x",
           "no result behind": good + "{}", "NaN": good.replace('"seconds": 10', '"seconds": NaN'),
           "huge": good.replace('"seconds": 10', '"seconds": 1e999'),
           "negative": good.replace('"goodput": null', '"goodput": -1'),
           "string": good.replace('"goodput": null', '"goodput": "1"'),
           "deep": '{"requests":' * 100000, "deep array": "[" * 100000 + "]" * 100000,
           "bom": "\ufeff" + good, "no UTF-8": good.encode() + b'{"a":"\xff"}',
           "nul": good + "\0", "utf-16": good.encode("utf-16"),
           "vllm": '{"request_throughput": 5, "mean_ttft_ms": 3}',
           "many": '{"requests":{"total":1,"ok":1},"latency_ms":{}}' * 1001}
    for name, content in bad.items():
        other = write_file("b.json", content)
        told = compare(base, other)
        check_refused(told, name)
        check_in(other, told.stderr)
        check_refused(compare(other, base), name + " as the base")


def test_what_cannot_be_read_is_refused_in_one_line():
    base = write_runs("a.json", 1, 1)
    os.mkdir(path_of("empty"))
    os.mkdir(path_of("bad"))
    write_file("bad/1.json", json.dumps(result(1)))
    write_file("bad/2.json", '{"metrics": []}')
    for name in ("missing.json", "empty", "bad"):
        told = compare(base, path_of(name))
        check_refused(told, name)
        check_in(path_of(name), told.stderr)


def test_a_file_of_100_megabytes_is_refused_or_read_and_soon():
    base = write_runs("a.json", 1, 1)
    big = {"zeros": lambda file: file.truncate(100 << 20),
           "numbers": lambda file: file.write(b'{"requests":{"total":1,"ok":1},"latency_ms":{},'
                                              b'"x":[' + b"1," * (50 << 20) + b"1]}"),
           "beyond": lambda file: file.truncate((128 << 20) + 1)}
    for name, fill in big.items():
        with open(path_of("big.json"), "wb") as file:
            fill(file)
        check_refused(compare(base, path_of("big.json")), name)


def test_wrong_usage_is_2():
    side = write_runs("a.json", 1, 1)
    for words in ((), (side,), (side, side, "--max-regression", "much"),
                  (side, side, "--max-regression", "-1"), (side, side, "--max-regression", ""),
                  (side, side, "--metric", "latency_p99"), (side,) * 33,
                  (side, side, "--max-regression", "5", "--metric", "latency"),
                  (side, side, "--json", "-", "--html", "-"), (side, side, "--what"),
                  (side, side, "--json", side), (side, side, "--html", side)):
        told = compare(*words)
        check_equal(told.code, 2, "exit of %r" % (words[2:],))
        check_equal(told.stdout, "", "stdout")
        assert told.stderr.startswith("quoit compare: "), told.stderr
    check_equal(compare("--help").code, 0, "exit of --help")


def test_output_that_cannot_be_written_is_4():
    side = write_runs("a.json", 1, 1)
    with open("/dev/full", "wb") as full:
        for words in ((), ("--json", "-"), ("--html", "-")):
            told = compare(side, side, *words, stdout=full)
            check_equal(told.code, 4, "exit of %r; %s" % (words, told.stderr))
    for option in ("--json", "--html"):
        for path in ("/dev/full", path_of("missing/out")):
            told = compare(side, side, option, path)
            check_equal(told.code, 4, "exit of %s %s" % (option, path))
            check_in("%s cannot be written" % path, told.stderr)


# --- The page ---


def test_the_page_holds_the_comparison_and_one_run_a_side():
    base = write_side("a.json", *(result(i, latency=10 + i, mark="run-%d" % i) for i in range(3)))
    other = write_runs("b.json", 100, 1, mark="</script><b>")
    told = compare(base, other, "--html", "-", "--json", path_of("out.json"))
    check_equal(told.code, 0, "exit; " + told.stderr)
    check_in("run-1", told.stdout)  # the run of the median
    for mark in ("run-0", "run-2", "</script><b>"):
        assert mark not in told.stdout, mark
    check_in('%s (run 2 of 3)' % base, told.stdout)
    with open(path_of("out.json")) as file:
        check_in(file.read().strip(), told.stdout)
    check_equal(compare(base, other, "--html", path_of("page.html")).code, 0, "exit")
    with open(path_of("page.html")) as file:
        check_equal(file.read(), told.stdout, "the page")


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
