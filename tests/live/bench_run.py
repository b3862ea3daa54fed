"""bench_run: `quoit bench` as tests run it, and its formulas once more, from the CSV.

    outcome = bench(mock.base + "/models", "-n", "100")
    outcome.result["latency_ms"]["p50"]        the JSON
    outcome.rows[0]["latency_ms"]              the CSV: numbers, "" for no value
    check_recomputed(outcome)                  the one follows from the other

What batch_test.py says of its environment holds here too. What percentile, count and rate mean is
written anew from CONTRACT.md's words, so that a mistake has to be made twice to go unseen.
"""

import collections
import contextlib
import csv
import json
import math
import os
import socket
import subprocess
import threading

from batch_test import (IO, LIMIT_S, QUOIT, check_equal, environment, path_of)

Outcome = collections.namedtuple("Outcome", "code stdout stderr result rows")

METRICS = ("latency", "service", "queue", "connect", "ttft", "ttft_schedule", "tpot", "itl",
           "e2el", "lag")
PERCENTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
TEXTS = ("error",)
MS = 0.001  # to the microsecond, in ms


def start_bench(*words, env=None, **more):
    """A process that leaves out.json and out.csv, unless words say where they go."""
    files = []
    for option, name in (("--json", "out.json"), ("--csv", "out.csv")):
        if option not in words and not ("--find-max-rate" in words and option == "--csv"):
            files += [option, path_of(name)]
    for name in ("out.json", "out.csv"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path_of(name))
    return subprocess.Popen([QUOIT, "bench", *IO, *files, *words], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=env or environment(), **more)


def finish_bench(process):
    try:
        stdout, stderr = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()  # which it no longer feels, if it has ended
    return Outcome(process.returncode, stdout.decode(), stderr.decode(), read_json("out.json"),
                   read_csv("out.csv"))


def bench(*words, env=None):
    return finish_bench(start_bench(*words, env=env))


def bench_good(*words, env=None):
    outcome = bench(*words, env=env)
    check_equal(outcome.code, 0, "exit; " + outcome.stdout + outcome.stderr)
    return outcome


def read_json(name):
    if not os.path.exists(path_of(name)) or os.path.getsize(path_of(name)) == 0:
        return None
    with open(path_of(name)) as file:
        return json.load(file, parse_constant=refuse_constant)


def refuse_constant(text):
    raise AssertionError("no JSON: " + text)


def read_csv(name):
    if not os.path.exists(path_of(name)):
        return None
    with open(path_of(name), newline="") as file:
        return [{key: value if value == "" or key in TEXTS else float(value)
                 for key, value in row.items()} for row in csv.DictReader(file)]


def values_of(rows, name):
    return sorted(row[name] for row in rows if row[name] != "")


def percentile(values, fraction):
    """As numpy's: linear between neighbours; None where no value is above it."""
    if len(values) * (1 - fraction) < 1 - 1e-9:
        return None
    place = fraction * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)


def check_near(got, wanted, room, what):
    assert got is not None and abs(got - wanted) <= room, "%s is %r, wanted %r" % (what, got,
                                                                                  wanted)


def check_between(least, got, most, what):
    assert least <= got <= most, "%s is %r, not from %r to %r" % (what, got, least, most)


def check_histogram(got, values, what):
    check_equal(got["count"], len(values), what + " count")
    if not values:
        check_equal(list(got), ["count"], what)
        return
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    for name, wanted in (("min", values[0]), ("max", values[-1]), ("mean", mean)):
        check_near(got[name], wanted, MS, what + " " + name)
    check_near(got["std"], deviation, MS + deviation / 1000, what + " std")
    for name, fraction in PERCENTILES.items():
        wanted = percentile(values, fraction)
        if wanted is None:
            check_equal(got[name], None, what + " " + name)
        else:
            check_near(got[name], wanted, MS, what + " " + name)


def check_counts(result, rows):
    requests = result["requests"]
    ok = sum(row["ok"] for row in rows)
    check_equal(requests["ok"], ok, "ok")
    check_equal(requests["failed"], len(rows) - ok, "failed")
    check_equal(requests["total"], len(rows) + requests["unsent"], "total")
    errors = collections.Counter(row["error"] for row in rows if row["error"])
    statuses = collections.Counter(str(int(row["status"])) for row in rows if not row["error"])
    check_equal(requests["errors"], dict(errors), "errors")
    check_equal(result["statuses"], dict(statuses), "statuses")
    for name in ("in", "out"):
        check_equal(result["tokens"][name], sum(row["tokens_" + name] for row in rows), "tokens")


def end_s(row):
    return row["due_s"] + row["latency_ms"] / 1000


def check_rates(result, rows):
    """Without a warm-up, whose last requests would end in the window too."""
    good = [row for row in rows if row["ok"]]
    closed_count = result["config"]["rate"] is None and result["config"]["requests"] is not None
    seconds = result["seconds"]
    if closed_count:
        timed = [end_s(row) for row in rows if row["latency_ms"] != ""]
        last = max(timed, default=0)
        if len(timed) == len(rows):
            check_near(seconds, last, 2e-6, "seconds")
        assert seconds > last - 2e-6, "over before the last had ended"
    ends = [end_s(row) for row in good]
    least = sum(end < seconds - 2e-6 for end in ends)
    most = sum(end < seconds + 2e-6 for end in ends)
    if closed_count:
        least = most = len(good)
    check_between(least / seconds - 1e-6, result["requests_per_second"], most / seconds + 1e-6,
                  "requests_per_second")
    if result["config"]["rate"] is not None and result["config"]["requests"] is None:
        check_near(result["rate"]["asked"], result["requests"]["total"] / seconds, 1e-6, "asked")


def check_row(row):
    """latency = queue + connect + lag + service, of what was answered at the first attempt."""
    if row["lag_ms"] == "" or row["attempts"] != 1:
        return
    connect = 0 if row["connect_ms"] == "" else row["connect_ms"]
    total = row["queue_ms"] + connect + row["lag_ms"] + row["service_ms"]
    if row["ok"]:  # connect is told of good ones only
        check_near(row["latency_ms"], total, 1e-5, "the sum of the parts of %r" % row)
    else:
        assert row["latency_ms"] >= total - 1e-5, "parts are more than the whole: %r" % row


def check_recomputed(outcome, rates=True):
    """The JSON follows from the CSV, and the CSV is sound."""
    result, rows = outcome.result, outcome.rows
    check_counts(result, rows)
    check_equal(result["percentiles"], "exact", "percentiles")
    for metric in METRICS:
        if metric == "itl":  # the CSV has their mean alone
            continue
        owner = result["client"] if metric == "lag" else result
        check_histogram(owner[metric + "_ms"], values_of(rows, metric + "_ms"), metric)
    for row in rows:
        check_row(row)
    if rates:
        check_rates(result, rows)


# --- A server of our own, for what quoit-mock does not do ---


class Raw:
    """Listens, and gives each connection to `serve(socket, number)`, in a thread of its own."""

    def __init__(self, serve, port=0):
        self.serve, self.port, self.count = serve, port, 0

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self):
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                connection, _ = self.listener.accept()
                self.count += 1
                threading.Thread(target=self.run, args=(connection, self.count),
                                 daemon=True).start()

    def run(self, connection, number):
        with connection, contextlib.suppress(OSError):
            self.serve(connection, number)

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    @property
    def url(self):
        return "http://127.0.0.1:%d/" % self.port


def read_request(connection):
    """The head of one request, whose body is thrown away; "" when the client has left."""
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(65536)
        if not part:
            return ""
        request += part
    head, body = request.split(b"\r\n\r\n", 1)
    fields = head.decode().lower().split("\r\n")
    size = sum(int(field.split(":")[1]) for field in fields if field.startswith("content-length:"))
    while len(body) < size:
        body += connection.recv(65536)
    return head.decode()


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
