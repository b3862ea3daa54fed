#!/usr/bin/env python3
"""resume: what `quoit batch --resume`, its ids and its syncs cost, run by hand.

    perf/resume.py [scan] [memory] [fsync] [kill]        all four, or those that are named

scan    reads an output of 2 GB whose answers are all there (GB=2, LINE=446 and 2048 bytes)
memory  the most resident memory of a run over LINES=5000000 lines against quoit-mock, both orders
fsync   requests a second and the processor's time under --fsync never, group and always
kill    20,000 queries, kill -9 at 100 random moments: tests/live/batch_resume_test.py

QUOIT_BUILD is the build folder (build); FOLDER is where the files go (a new one in /tmp).
"""

import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, os.environ.get("QUOIT_BUILD", "build"))
LINES = int(os.environ.get("LINES", "5000000"))
GB = float(os.environ.get("GB", "2"))
NOWHERE = "http://127.0.0.1:1"


def run(*options, check=True):
    """(seconds, processor seconds, MiB) of a run of quoit batch."""
    began = time.monotonic()
    process = subprocess.Popen([BUILD + "/quoit", "batch", "--quiet", *options])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert not check or process.returncode == 0, "exit %d" % process.returncode
    return (time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def write_lines(path, count, line_of):
    with open(path, "w") as file:
        for begin in range(0, count, 10000):
            file.write("".join(line_of(i) for i in range(begin, min(begin + 10000, count))))


class Mock:
    def __enter__(self):
        self.process = subprocess.Popen([BUILD + "/quoit-mock", "--no-bodies"],
                                        stdout=subprocess.PIPE, text=True)
        port = "".join(c for c in self.process.stdout.readline().rsplit(":")[-1] if c.isdigit())
        self.base = "http://127.0.0.1:%s/v1" % port
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def scan(folder):
    out, none = folder + "/out.jsonl", folder + "/none.jsonl"
    open(none, "w").close()
    for size in (446, 2048):
        write_lines(out, int(GB * 1e9 / size), lambda i: (
            '{"id":"quoit-%016x-%d","custom_id":"request-%d","response":{"status_code":200,'
            '"request_id":"","body":{"text":"' % (i * 2654435761 + 1, i + 1, i)).ljust(
                size - 18, "x") + '"}},"error":null}\n')
        subprocess.run(["cat", out], stdout=subprocess.DEVNULL, check=True)
        seconds, busy, memory = min(
            run(none, "-o", out, "--resume", "--base-url", NOWHERE) for _ in range(3))
        got = os.path.getsize(out)
        print("scan    lines of %4d bytes: %.2f GB in %.2f s, %.2f GB/s (%.2f by processor time), "
              "%.0f MiB" % (size, got / 1e9, seconds, got / seconds / 1e9, got / busy / 1e9, memory))
    os.unlink(out)


def memory(folder):
    batch, out = folder + "/batch.jsonl", folder + "/out.jsonl"
    write_lines(batch, LINES, lambda i: (
        '{"custom_id":"request-%d","method":"POST","url":"/v1/embeddings","body":{"model":"m",'
        '"input":"%d"}}\n' % (i, i)))
    with Mock() as mock:
        for order in ("completion", "input"):
            for again in ([], ["--resume"]):
                if not again and os.path.exists(out):
                    os.unlink(out)
                seconds, _, most = run(batch, "-o", out, "--order", order, "--base-url", mock.base,
                                       *again)
                print("memory  %d lines, --order %s%s: %.0f MiB (at most %.0f), %.0f s" % (
                    LINES, order, " --resume" if again else "", most,
                    64 + 24 * LINES / 1048576, seconds))
    os.unlink(out)


def fsync(folder):
    batch, out = folder + "/batch.jsonl", folder + "/out.jsonl"
    count = 100000
    write_lines(batch, count, lambda i: json.dumps(
        {"custom_id": "r-%d" % i, "url": "/v1/embeddings", "body": {"input": "x"}}) + "\n")
    with Mock() as mock:
        for mode in ("never", "group", "never", "group", "always"):
            limit = count if mode != "always" else 2000
            seconds, busy, _ = run(batch, "-o", out, "--overwrite", "--fsync", mode, "--limit",
                                   str(limit), "--base-url", mock.base)
            print("fsync   %-6s: %.0f requests/s, %.1f us of processor time each" % (
                mode, limit / seconds, busy / limit * 1e6))


def kill(_folder):
    environment = dict(os.environ, KILLS=os.environ.get("KILLS", "100"),
                       QUERIES=os.environ.get("QUERIES", "20000"))
    subprocess.run([ROOT + "/tests/live/batch_resume_test.py", "kill"], env=environment, check=True)


def main():
    parts = {"scan": scan, "memory": memory, "fsync": fsync, "kill": kill}
    with tempfile.TemporaryDirectory(prefix="quoit-resume-") as new:
        for name in sys.argv[1:] or parts:
            parts[name](os.environ.get("FOLDER", new))


if __name__ == "__main__":
    main()
