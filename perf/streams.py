#!/usr/bin/env python3
"""streams: what `quoit batch --stream` costs with thousands of streams open, and how long it takes
to give them up.

    perf/streams.py [--streams N] [--rounds N] [--tokens N] [--gap D] [--cancelled N]

Runs `quoit batch` against quoit-mock, both of QUOIT_BUILD (build), and prints one line for each
figure: whether all answers are whole, CPU for each event, peak memory; and for a run that is
interrupted, the time from the signal that ends the grace until the mock has seen the last
connection end. The mock is asked for that again and again, so a millisecond is what can be told.
"""

import argparse
import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, os.environ.get("QUOIT_BUILD", "build"))
LIMIT_S = 120


class Mock:
    def __init__(self, folder, *options):
        port_file = os.path.join(folder, "port")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "quoit-mock"), "--port", "0", "--port-file", port_file, *options],
            stdout=subprocess.DEVNULL)
        while not os.path.exists(port_file) or not os.path.getsize(port_file):
            time.sleep(0.01)
        with open(port_file) as file:
            self.port = int(file.read())
        os.unlink(port_file)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)

    def ledger(self):
        self.connection.request("GET", "/ledger")
        return json.load(self.connection.getresponse())

    def stop(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait(LIMIT_S)


def write_batch(folder, count):
    path = os.path.join(folder, "batch.jsonl")
    with open(path, "w") as file:
        for i in range(count):
            body = {"model": "m", "messages": [{"role": "user", "content": "say %d" % i}]}
            file.write(json.dumps({"custom_id": "q-%d" % i, "url": "/v1/chat/completions",
                                   "body": body}) + "\n")
    return path


def start(folder, mock, count, streams, *options):
    return subprocess.Popen(
        [os.path.join(BUILD, "quoit"), "batch", write_batch(folder, count), "--overwrite", "-o",
         os.path.join(folder, "out.jsonl"), "--stream", "-c", str(streams), "--base-url",
         "http://127.0.0.1:%d/v1" % mock.port, *options], stderr=subprocess.PIPE)


class Peak(threading.Thread):
    """The most memory that a process ever had, as long as it can be asked."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.kib = process, 0
        self.start()

    def run(self):
        while self.process.poll() is None:
            try:
                with open("/proc/%d/status" % self.process.pid) as file:
                    for line in file:
                        if line.startswith("VmHWM:"):
                            self.kib = int(line.split()[1])
            except OSError:
                return
            time.sleep(0.02)


def measure_streams(folder, options):
    mock = Mock(folder, "--tokens", str(options.tokens), "--gap", options.gap)
    count = options.streams * options.rounds
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = start(folder, mock, count, options.streams)
    peak = Peak(process)
    begun = time.monotonic()
    _, said = process.communicate(timeout=LIMIT_S)
    seconds = time.monotonic() - begun
    peak.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    in_flight = mock.ledger()["in_flight_max"]
    mock.stop()
    whole = 0
    with open(os.path.join(folder, "out.jsonl")) as file:
        for line in file:
            body = (json.loads(line)["response"] or {}).get("body", {})
            whole += body.get("usage", {}).get("completion_tokens") == options.tokens
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    events = count * (options.tokens + 4)  # a role, a finish_reason, the usage, [DONE]
    print("streams    %d of %d whole (exit %d), %d at once at most, %.1f s"
          % (whole, count, process.returncode, in_flight, seconds))
    print("CPU        %.2f us an event (user %.2f s, system %.2f s, %d events)"
          % (1e6 * cpu / events, after.ru_utime - before.ru_utime,
             after.ru_stime - before.ru_stime, events))
    print("memory     %.1f MiB at its peak" % (peak.kib / 1024))
    if whole != count:
        sys.stderr.write(said.decode())
    return whole == count


def measure_cancel(folder, options, first_ends_it):
    mock = Mock(folder, "--tokens", "1000000", "--ttft", "20ms", "--gap", "20ms")
    more = ["--grace", "0"] if first_ends_it else []
    process = start(folder, mock, options.cancelled, options.cancelled, *more)
    while mock.ledger()["in_flight"] < options.cancelled:
        time.sleep(0.01)
    if not first_ends_it:
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert mock.ledger()["in_flight"] == options.cancelled, "the grace was none"
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    while mock.ledger()["in_flight"] > 0:
        pass
    gone = time.monotonic() - begun
    process.communicate(timeout=LIMIT_S)
    ended = time.monotonic() - begun
    mock.stop()
    print("cancel     %s: %.1f ms until the last of %d connections had ended, %.1f ms until exit %d"
          % ("the first SIGINT under --grace 0" if first_ends_it else "the second SIGINT",
             1e3 * gone, options.cancelled, 1e3 * ended, process.returncode))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--gap", default="20ms")
    parser.add_argument("--cancelled", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="quoit-streams-") as folder:
        good = measure_streams(folder, options)
        measure_cancel(folder, options, True)
        measure_cancel(folder, options, False)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
