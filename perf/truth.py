#!/usr/bin/env python3
"""truth: what `quoit bench` reports, beside what is known to be true.

    perf/truth.py [streams] [stall] [rates] [verdict] [--build build] [--seconds 10]

streams   over a unix socket (100,000 tokens a second over TCP are more than one core can send):
          quoit-mock with a first token after 20 ms and 20 ms between tokens, at 100, 500, 1,000 and
          2,000 streams: the reported figures beside the mock's own lag, which its ledger tells
stall     a server that does nothing for 2 s once, at 1,000 requests/s: latency from schedule beside
          theory, and service time
rates     10, 1,000 and 20,000 requests/s: asked, sent, and how late each was sent
verdict   runs that this program limits on purpose, and runs that it does not

Tables in Markdown on stdout. The server has the first cpu, the client the second. Figures depend on
the machine being quiet: its load is printed with them.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

CPUS = sorted(os.sched_getaffinity(0))
BODY = json.dumps({
    "model": "m", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 100,
    "messages": [{"role": "user", "content": "How late is a token?"}],
})


def pin(cpu):
    """For preexec_fn: run on that one of our cpus, if there are two."""
    return lambda: os.sched_setaffinity(0, {CPUS[cpu % len(CPUS)]})


class Mock:
    """quoit-mock on the first cpu, for a `with`."""

    def __init__(self, build, *options):
        self.folder = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.folder.name, "mock")
        self.process = subprocess.Popen(
            [build / "quoit-mock", "--unix-socket", self.socket, "--plain-port", "0",
             "--plain-port-file", self.socket + ".port", "--no-bodies", *options],
            stdout=subprocess.DEVNULL, preexec_fn=pin(0))
        while not self.ports():
            time.sleep(0.01)
        self.port = int(self.ports())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def ports(self):
        """What the mock has written of its port."""
        path = pathlib.Path(self.socket + ".port")
        return path.read_text() if path.exists() else ""

    def over_unix(self):
        """Options that reach it over its socket, which costs both sides half of TCP."""
        return ["--unix-socket", self.socket]

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"

    def ledger(self):
        with urllib.request.urlopen(self.url("/ledger")) as answer:
            return json.load(answer)


def bench(build, *options, check=True, during=None):
    """Run quoit bench on the second cpu; its JSON."""
    process = subprocess.Popen([build / "quoit", "bench", *options, "--json", "-", "--quiet"],
                               stdout=subprocess.PIPE, text=True, preexec_fn=pin(1))
    if during is not None:
        during(process)
    text = process.communicate()[0]
    if check and process.returncode not in (0, 99):
        sys.exit(f"quoit bench: exit {process.returncode}")
    return json.loads(text)


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def head(title, *names):
    print(f"\n### {title}\n")
    row(*names)
    row(*("---" for _ in names))


def ms(value):
    return "-" if value is None else f"{value:.2f}"


def streams(build, seconds):
    head("Streams: TTFT 20 ms, a token each 20 ms, 100 tokens",
         "streams", "in flight, most", "tokens/s", "TTFT p50", "p99", "ITL p50", "p99",
         "first token late by (mock) p50", "p99", "token late by (mock) p50", "p99", "CPU us a token",
         "verdict")
    for count in (100, 500, 1000, 2000):
        with Mock(build, "--ttft", "20ms", "--gap", "20ms", "--tokens", "100") as mock:
            result = bench(build, mock.url("/v1/chat/completions"), "-d", BODY, "--stream", *mock.over_unix(),
                           "-q", str(count / 2.0), "--warmup", "3s", "-z", f"{seconds}s")
            ledger = mock.ledger()
        client = result["client"]
        tokens = result["tokens"]["out_per_second"]
        row(count, client["in_flight_max"], f"{tokens:,.0f}", ms(result["ttft_ms"]["p50"]),
            ms(result["ttft_ms"]["p99"]), ms(result["itl_ms"]["p50"]), ms(result["itl_ms"]["p99"]),
            ms(ledger["first_lag_p50_us"] / 1e3), ms(ledger["first_lag_p99_us"] / 1e3),
            ms(ledger["lag_p50_us"] / 1e3), ms(ledger["lag_p99_us"] / 1e3),
            f"{client['cpu_us_per_request'] / 101:.2f}", client["verdict"])
    print("\nMilliseconds. A reported time holds the truth of 20 ms, the mock's lag, and the way.")


def stall(build, seconds):
    rate, pause = 1000, 2.0
    head(f"A server that stands still for {pause:.0f} s once, {rate} requests/s for {seconds} s",
         "", "p50", "p90", "p99", "p99.9", "max")
    with Mock(build, "--stall-for", f"{pause}s", "--stall-after", "3s") as mock:
        result = bench(build, mock.url("/x"), "-q", str(rate), "-z", f"{seconds}s", "-c", "4")
    with Mock(build, "--stall-for", f"{pause}s", "--stall-after", "3s") as mock:
        closed = bench(build, mock.url("/x"), "-c", "64", "-z", f"{seconds}s")
    share = pause / seconds
    theory = {name: max(0.0, 1e3 * pause * (1 - (1 - float(name[1:]) / 100) / share))
              for name in ("p50", "p90", "p99", "p99.9")}
    row("theory, latency", *(f"{value:.0f}" for value in theory.values()), f"{1e3 * pause:.0f}")
    for name, values in (("latency, from schedule", result["latency_ms"]),
                         ("service, from send", result["service_ms"]),
                         ("closed loop of 64, latency", closed["latency_ms"])):
        row(name, *(ms(values[key]) for key in ("p50", "p90", "p99", "p99.9", "max")))
    print(f"\nMilliseconds. What is due in the stall waits until its end: a share of {share:.0%} of "
          "all requests, for 0 to 2 s evenly. A closed loop asks no more meanwhile, so nearly all "
          "of its requests never see it.")


def rates(build, seconds):
    head("Rates: constant arrivals", "asked a second", "sent", "answered", "lag p50 us", "p99 us",
         "p99.9 us", "max us", "CPU us a request", "of a core", "spinning", "verdict")
    with Mock(build) as mock:
        for rate in (10, 1000, 20000):
            length = max(seconds, 30) if rate == 10 else seconds
            result = bench(build, mock.url("/x"), "-q", str(rate), "-z", f"{length}s")
            lag, client = result["client"]["lag_ms"], result["client"]
            row(f"{rate:,}", f"{result['rate']['sent']:,.1f}",
                f"{result['requests_per_second']:,.1f}",
                *("-" if lag[key] is None else f"{1e3 * lag[key]:.0f}"
                  for key in ("p50", "p99", "p99.9", "max")),
                f"{client['cpu_us_per_request']:.1f}", f"{client['cpu_share']:.0%}",
                f"{client['spin_share']:.0%}", client["verdict"])


def hold(process):
    """Stop the client for 300 ms, in the middle of its run."""
    time.sleep(2)
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.3)
    process.send_signal(signal.SIGCONT)


def verdict(build, seconds):
    del seconds
    head("Verdicts", "run", "verdict", "lag p99 ms", "busiest second", "slots full", "unsent")
    cases = (
        ("1,000/s, a quiet client", (), ("-q", "1000", "-z", "4s"), None),
        ("1,000/s, the client stopped for 300 ms", (), ("-q", "1000", "-z", "4s"), hold),
        ("200,000/s of one thread", (), ("-q", "200000", "-z", "4s", "--grace", "2s"), None),
        ("1,000/s to a server of 10 ms, -c 5", ("--latency", "10ms"),
         ("-q", "1000", "-z", "4s", "-c", "5", "--grace", "1s"), None),
        ("1,000/s to a server that can do 500/s", ("--slots", "5", "--latency", "10ms"),
         ("-q", "1000", "-z", "4s", "--grace", "1s"), None),
        ("closed loop of 64", ("--latency", "5ms"), ("-c", "64", "-z", "4s"), None),
    )
    for name, options, arguments, during in cases:
        with Mock(build, *options) as mock:
            result = bench(build, mock.url("/x"), *arguments, check=False, during=during)
        client = result["client"]
        row(name, client["verdict"], ms(client["lag_ms"].get("p99")),
            f"{client['busiest_second']:.0%}", f"{client['slots_full_share']:.0%}",
            result["requests"]["unsent"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=["streams", "stall", "rates", "verdict", []])
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--seconds", default=10, type=int)
    arguments = parser.parse_args()
    parts = arguments.parts or ["streams", "stall", "rates", "verdict"]
    load = os.getloadavg()[0]
    print(f"{os.uname().release}, {len(CPUS)} cpus, load {load:.1f} before")
    for part in parts:
        globals()[part](arguments.build.resolve(), arguments.seconds)


if __name__ == "__main__":
    main()
