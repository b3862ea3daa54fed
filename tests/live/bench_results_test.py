#!/usr/bin/env python3
"""bench_results: what `quoit bench` is asked, what it leaves where, its exit code, and no secret.

    tests/live/bench_results_test.py [NAME...]     all tests, or those whose name contains a NAME

bench_run.py says how it is run and how its results are reckoned once more.
"""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_hostile_test import SECRET, check_no_secret
from batch_test import (IO, LIMIT_S, QUOIT, Mock, check_equal, check_in, environment, path_of,
                        query, write_file)
from bench_run import bench, bench_good, check_between, check_near, check_recomputed, values_of


def run_plainly(*words, env=None, **more):
    done = subprocess.run([QUOIT, "bench", *IO, *words], stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, timeout=LIMIT_S, env=env or environment(),
                          **{"stdout": subprocess.PIPE, **more})
    return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()


# --- Usage ---


def test_wrong_usage_is_2_and_one_line_that_helps():
    url = "http://127.0.0.1:1/"
    for words, told in (
            ([], "which URL"),
            ([url, "-t", "4"], "--threads"),
            ([url, "-t4"], "--threads"),
            ([url, "-d", "10s"], "-z 10s"),
            ([url, "-n", "5", "-z", "5s"], "-n and -z"),
            ([url, "-n", "0"], "-n"),
            ([url, "-n", "x"], "-n"),
            ([url, "-z", "none"], "-z"),
            ([url, "-z", "soon"], "-z"),
            ([url, "-c", "0"], "-c"),
            ([url, "-q", "0"], "-q"),
            ([url, "-q", "-5"], "-q"),
            ([url, "-q", "5", "--ramp", "1:2"], "--ramp"),
            ([url, "--ramp", "0:0"], "--ramp"),
            ([url, "--arrival", "poisson"], "-q"),
            ([url, "-q", "5", "--arrival", "gamma"], "gamma:SHAPE"),
            ([url, "-q", "5", "--rescale"], "-n"),
            ([url, "--warmup", "a while"], "--warmup"),
            ([url, "--threads", "9", "-c", "3"], "--threads"),
            ([url, "--slo", "ttft<1s"], "ttft<1s"),
            ([url, "--slo", "goodput>5"], "--goodput"),
            ([url, "--goodput", "itl<5ms"], "--goodput"),
            ([url, "--max-error-rate", "101%"], "--max-error-rate"),
            ([url, "--dialect", "vllm"], "--json"),
            ([url, "--json", "-", "--csv", "-"], "stdout"),
            ([url, "--find-max-rate", "--csv", path_of("x")], "--csv"),
            ([url, "--cert", "x"], "--key"),
            ([url, "--input", "x", "-d", "y"], "--input"),
            ([url, "http://127.0.0.1:2/"], "http://127.0.0.1:2/"),
            ([url, "--no-such"], "--no-such"),
            ([url, "-H", "Host: x"], "Host"),
            ([url, "-H", "no colon"], "-H"),
            (["ftp://127.0.0.1/"], "http://"),
            (["http://user:secret@127.0.0.1/"], "user name"),
            (["http://127.0.0.1:99999/"], "")):
        code, stdout, stderr = run_plainly(*words)
        check_equal(code, 2, "exit of %s; %s" % (words, stderr))
        check_equal(stdout, "", "stdout of %s" % words)
        check_in(told, stderr)
        check_between(1, stderr.count("\n"), 2, "lines of %s: %s" % (words, stderr))


def test_what_cannot_be_read_or_opened_is_3_and_one_line():
    with Mock() as mock:
        url = mock.base
        bad = write_file("bad.jsonl", query("a") + "\nnot json\n")
        empty = write_file("empty.jsonl", "\n\n")
        for words, told in ((["-d", "@/nowhere"], "/nowhere"), (["--input", "/nowhere"], "/nowhere"),
                            (["--input", bad], "line 2"), (["--input", empty], "no query"),
                            (["--cacert", "/nowhere"], "/nowhere"),
                            (["-H", "@/nowhere"], "/nowhere"),
                            (["--api-key-file", "/nowhere"], "/nowhere")):
            code, stdout, stderr = run_plainly(url, "-n", "3", *words)
            check_equal((code, stdout), (3, ""), "exit of %s; %s" % (words, stderr))
            check_in(told, stderr)
            check_equal(stderr.count("\n"), 1, "lines: " + stderr)
        check_equal(mock.ledger()["requests"], 0, "requests")


def test_help_names_every_option_and_goes_to_stdout():
    code, stdout, stderr = run_plainly("--help")
    check_equal((code, stderr), (0, ""), "exit")
    for option in ("-n", "-z", "-c", "-q", "--arrival", "--ramp", "--rescale", "--warmup",
                   "--grace", "--seed", "--threads", "--input", "--stream", "--strict", "--slo",
                   "--goodput", "--find-max-rate", "--max-error-rate", "--json", "--csv", "--hlog",
                   "--html", "--dialect"):
        check_in(option, stdout)
    assert max(len(line) for line in stdout.splitlines()) <= 100, "a line is too long"


# --- Where results go ---


def test_a_result_on_stdout_is_alone_there_and_the_table_on_stderr():
    with Mock() as mock:
        for option in ("--json", "--csv", "--hlog", "--html"):
            code, stdout, stderr = run_plainly(mock.base + "/page", "-n", "20", option, "-")
            check_equal(code, 0, "exit; " + stderr)
            assert "of CPU a request" in stderr, option
            assert "of CPU a request" not in stdout, option
            if option == "--json":
                check_equal(json.loads(stdout)["requests"]["ok"], 20, "ok")
            code, stdout, stderr = run_plainly(mock.base + "/page", "-n", "20", option, "-",
                                               "--quiet")
            check_equal((code, stderr), (0, ""), "quiet " + option)
            assert stdout, option
        code, stdout, stderr = run_plainly(mock.base + "/page", "-n", "20")
        assert "of CPU a request" in stdout, "the table"
        check_equal(stderr, "", "nothing to say")


def test_a_result_that_cannot_be_written_is_4_and_named():
    with Mock() as mock:
        for option in ("--json", "--csv", "--hlog", "--html"):
            code, stdout, stderr = run_plainly(mock.base + "/page", "-n", "20", option, "/dev/full")
            check_equal(code, 4, "exit of %s; %s" % (option, stderr))
            check_in(option + " /dev/full", stderr)
            check_in("requests   20", stdout)  # the others are there
        before = mock.ledger()["requests"]
        for option in ("--json", "--csv", "--hlog", "--html"):
            code, _, stderr = run_plainly(mock.base + "/page", "-n", "20", option, "/nowhere/x")
            check_equal(code, 4, "exit of %s; %s" % (option, stderr))
        check_equal(mock.ledger()["requests"], before, "requests for results without a place")
        with open("/dev/full", "wb") as full:
            code, _, stderr = run_plainly(mock.base + "/page", "-n", "20", stdout=full)
        check_equal(code, 4, "exit of a table that cannot be written; " + stderr)


def test_the_old_result_is_there_until_there_is_a_new_one():
    old = write_file("old.json", "old\n")
    code, _, _ = run_plainly("http://127.0.0.1:1/", "-n", "5", "--json", old)
    check_equal(code, 3, "exit")
    with open(old) as file:
        check_equal(file.read(), "old\n", "the old one")


# --- What is good enough ---


def test_slos_decide_the_exit_code():
    with Mock("--latency", "10ms") as mock:
        for words, code in ((["--slo", "latency_p50<10s"], 0),
                            (["--slo", "latency_p50<1ms"], 99),
                            (["--slo", "latency_p99.9<10s"], 0),  # too few: the maximum stands
                            (["--slo", "latency_p99.9<1ms"], 99),
                            (["--slo", "ttft_p50<10s"], 99),  # there is no value
                            (["--slo", "latency_max<10s", "--slo", "service_mean<1ms"], 99),
                            (["--slo", "requests_per_second>5"], 0),
                            (["--slo", "requests_per_second>100000"], 99),
                            (["--slo", "error_rate<0.1%"], 0),
                            (["--goodput", "e2el<10s", "--slo", "goodput>1"], 0),
                            (["--goodput", "e2el<1ms", "--slo", "goodput>1"], 99)):
            outcome = bench(mock.base + "/page", "-n", "20", "-c", "5", *words)
            check_equal(outcome.code, code, "%s; %s" % (words, outcome.stdout))
            check_equal([slo["met"] for slo in outcome.result["slo"]].count(False) > 0,
                        code == 99, "met")
            check_in("missed" if code == 99 else "met", outcome.stdout)


def test_errors_are_allowed_up_to_the_rate_that_was_named():
    with Mock("--error", "500:0.2") as mock:
        for words, code in (([], 1), (["--max-error-rate", "60%"], 0),
                            (["--max-error-rate", "0.6"], 0), (["--max-error-rate", "0.5%"], 99),
                            (["--slo", "error_rate<60%"], 0), (["--slo", "error_rate<0.1%"], 99)):
            outcome = bench(mock.base + "/page", "-n", "200", "--warmup", "0", *words)
            check_equal(outcome.code, code, "%s; %s" % (words, outcome.stdout))
            requests = outcome.result["requests"]
            check_between(10, requests["failed"], 80, "a fifth")
            for slo in outcome.result["slo"]:
                check_near(slo["value"], requests["failed"] / 200, 1e-9, "error rate")


def test_goodput_and_values_of_slos_follow_from_the_csv():
    with Mock("--latency", "uniform:1ms:30ms") as mock:
        outcome = bench_good(mock.base + "/page", "-n", "200", "-c", "10", "--warmup", "0",
                             "--goodput", "latency:15,service<1s", "--slo", "latency_p90<10s")
    check_recomputed(outcome)
    latency = values_of(outcome.rows, "latency_ms")
    good = sum(value <= 15 for value in latency)
    check_between(10, good, 190, "some are good")
    check_near(outcome.result["goodput"], good / outcome.result["seconds"], 1e-6, "goodput")
    check_equal(outcome.result["slo"][0]["value"], outcome.result["latency_ms"]["p90"], "value")


# --- Secrets ---


def everything_of(outcome, *names):
    seen = outcome.stdout + outcome.stderr
    for name in ("out.json", "out.csv", *names):
        if os.path.exists(path_of(name)):
            with open(path_of(name), encoding="utf-8", errors="replace") as file:
                seen += file.read()
    return seen


def test_no_key_shows_in_any_result():
    header = write_file("headers", "Authorization: Bearer %s\nX-Api-Key: %s\n" % (SECRET, SECRET))
    key = write_file("key", SECRET + "\n")
    batch = write_file("batch.jsonl", query("a", headers={"api-key": SECRET}) + "\n")
    for words, env in (([], environment(OPENAI_API_KEY=SECRET)),
                       (["--api-key-file", key, "--api-key-header", "x-api-key"], None),
                       (["-H", "@" + header], None), (["-H", "X-Api-Key: " + SECRET], None),
                       (["--input", batch], None)):
        with Mock("--error", "401:0.3") as mock:
            outcome = bench(mock.base + "/chat/completions?key=hidden", *words, "-n", "20",
                            "--html", path_of("out.html"), "--hlog", path_of("out.hlog"),
                            "--progress", "always", env=env)
            ledger = mock.ledger()
        assert ledger["authorization"] + ledger["api_keys"] > 0, "no key was sent: %s" % words
        seen = everything_of(outcome, "out.html", "out.hlog")
        check_no_secret(seen, words)
        assert "key=hidden" not in seen, "the query of the url"
        if words and words[1].startswith("X-Api-Key"):
            check_in("-H @FILE", outcome.stderr)


# --- The live line ---


def test_the_live_line_has_rate_in_flight_percentiles_and_errors():
    with Mock("--latency", "20ms", "--error", "500:0.5") as mock:
        outcome = bench(mock.base + "/page", "-z", "1.5s", "-c", "8", "--progress", "always")
    lines = re.findall(r"([0-9.]+)s  ([0-9.]+)/s  (\d+) in flight  p50 (\S+)  p99 (\S+)  "
                       r"(\d+) errors", outcome.stderr)
    assert lines, outcome.stderr
    assert any(0 < float(rate) < 800 and 0 < int(flying) <= 8 and half.endswith("ms") and
               int(errors) > 0 for _, rate, flying, half, _, errors in lines), lines
    check_equal(outcome.code, 1, "exit")


def test_the_live_line_is_for_terminals_only_and_ends_with_the_run():
    with Mock("--latency", "20ms") as mock:
        url = mock.base + "/page"
        check_equal(run_plainly(url, "-z", "0.5s")[2], "", "not a terminal")
        master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        done = subprocess.run([QUOIT, "bench", *IO, url, "-z", "1s"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=terminal, timeout=LIMIT_S,
                              env=environment(NO_COLOR="1", TERM="xterm"))
        seen = os.read(master, 65536).decode()
        os.close(master)
        os.close(terminal)
    check_equal(done.returncode, 0, "exit")
    check_in("in flight", seen)
    assert "\033[3" not in seen, "colour in spite of NO_COLOR"
    for part in re.split(r"\r|\n|\033\[[0-9]*[A-Z]", seen):
        assert len(re.sub(r"\033\[[0-9;]*[a-zA-Z]", "", part)) < 60, "longer than the terminal"


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
