#!/usr/bin/env python3
"""limits: what `quoit batch` makes of a server's rate limits that it was told nothing of.

    perf/limits.py [NAME...]      all rows, or those whose name contains a NAME; about ten minutes

For each row a quoit-mock with a true bucket and OpenAI's headers, which holds one minute's worth,
and a batch that takes about two minutes: the bucket first, then what is refilled. `delivered` is
what was answered with 200, of what the bucket let in at most in that time (what it held at the
begin, and the refill). `429` is the share of requests that were answered so, all of them counted.

QUOIT_BUILD is the build folder (build). Only 127.0.0.1 is used.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, os.environ.get("QUOIT_BUILD", "build"))
FAR, NEAR = "uniform:50ms:500ms", "uniform:20ms:50ms"

# name, option, units a minute, requests, latency, in flight
ROWS = (
    ("600 requests", "--rpm", 600, 1800, FAR, 64),
    ("6,000 requests", "--rpm", 6000, 18000, FAR, 64),
    ("60,000 requests, near", "--rpm", 60000, 180000, NEAR, 64),
    ("60,000 requests", "--rpm", 60000, 180000, FAR, 512),
    ("60,000 tokens", "--tpm", 60000, 5000, FAR, 64),
    ("600,000 tokens", "--tpm", 600000, 50000, FAR, 128),
)


def write_batch(path, count):
    """Answers have 16 tokens, and the mock counts bytes / 4 + 1 + those."""
    tokens = 0
    with open(path, "w") as file:
        for i in range(count):
            body = '{"model":"m","messages":[{"role":"user","content":"say %d"}]}' % i
            tokens += len(body) // 4 + 1 + 16
            file.write('{"custom_id":"q-%d","url":"/v1/chat/completions","body":%s}\n' % (i, body))
    return tokens


def start_mock(folder, *options):
    port_file = os.path.join(folder, "port")
    mock = subprocess.Popen([os.path.join(BUILD, "quoit-mock"), "--port", "0", "--port-file",
                             port_file, "--no-bodies", *options], stdout=subprocess.DEVNULL)
    while not os.path.exists(port_file) or os.path.getsize(port_file) == 0:
        time.sleep(0.01)
    with open(port_file) as file:
        return mock, int(file.read())


def run_row(row, folder):
    name, option, per_minute, count, latency, in_flight = row
    batch = os.path.join(folder, "batch.jsonl")
    summary = os.path.join(folder, "summary.json")
    tokens = write_batch(batch, count)
    mock, port = start_mock(folder, option, str(per_minute), "--latency", latency)
    try:
        subprocess.run([os.path.join(BUILD, "quoit"), "batch", batch, "-o",
                        os.path.join(folder, "out.jsonl"), "-c", str(in_flight), "--base-url",
                        "http://127.0.0.1:%d/v1" % port, "--summary", summary, "--quiet"],
                       check=True)
        with urllib.request.urlopen("http://127.0.0.1:%d/ledger" % port) as answer:
            refused = json.load(answer)["requests"] - count
    finally:
        mock.terminate()
        mock.wait()
    with open(summary) as file:
        seconds = json.load(file)["seconds"]
    units = tokens if option == "--tpm" else count
    allowed = per_minute + per_minute * seconds / 60
    print("| %s | %s | %d | %.1f | %.1f %% | %.2f %% |"
          % (name, latency, in_flight, seconds, 100 * units / allowed,
             100 * refused / (count + refused)), flush=True)


def main():
    print("| a minute | latency | in flight | seconds | delivered | 429 |")
    print("|---|---|---|---|---|---|")
    for row in ROWS:
        if not sys.argv[1:] or any(name in row[0] for name in sys.argv[1:]):
            with tempfile.TemporaryDirectory() as folder:
                run_row(row, folder)


if __name__ == "__main__":
    main()
