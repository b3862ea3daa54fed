"""measuring: what a run costs, seen from outside, the same for all clients.

CPU is user and system time of the client's process with all its threads, and memory its peak, both
by perf/cost.c. Of the CPU, what the same command takes for one request on one connection is taken
away (the median of three such runs): so an interpreter's start is not divided among the requests,
but where it is a part of the work (a cold start, a batch).
wrk, which cannot make one request, keeps its start of about two milliseconds.

Kernel entries are system calls as strace counts them, in a run of their own, perhaps a smaller one,
whose times are not used, less those of such a run of one request. strace slows the client, not the
server, so more answers wait at each entry than without it: a lower bound where a client takes in
many at once.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

import servers
from clients import Work

LIMIT_S = 120
STARTS = 3


class Failed(Exception):
    """A client that could not be run, or whose requests failed."""


def clean_environment():
    return {name: value for name, value in os.environ.items()
            if not name.startswith("OPENAI_") and not name.lower().endswith("_proxy")}


class Bench:
    def __init__(self, options, folder, cpu):
        self.build, self.folder, self.cpu = options.build, folder, cpu
        self.seconds, self.rounds = options.seconds, options.rounds
        self.starts = {}  # (client, scheme): CPU us and kernel entries of one request
        self.strace = self.find_strace() if options.entries else None

    @staticmethod
    def find_strace():
        """None where it is not installed, or may not trace."""
        strace = shutil.which("strace")
        if strace and subprocess.run([strace, "-c", "-f", "-o", "/dev/null", "true"], check=False,
                                     capture_output=True).returncode == 0:
            return strace
        say("no kernel entries: strace is not installed, or may not trace")
        return None

    def spend(self, words):
        """Run to the end: (what it printed, its cost)."""
        report = os.path.join(self.folder, "cost.json")
        pin = [] if self.cpu is None else ["--cpu", str(self.cpu)]
        done = subprocess.run(
            [os.path.join(self.build, "perf/cost"), *pin, "--limit", str(LIMIT_S), "--to", report,
             *words], stdin=subprocess.DEVNULL, capture_output=True, check=False, cwd=self.folder,
            env=clean_environment())
        text = done.stdout.decode(errors="replace")
        said = done.stderr.decode(errors="replace")
        if done.returncode != 0:
            raise Failed(f"not run, or killed after {LIMIT_S} s: {said or text}")
        with open(report, encoding="ascii") as file:
            cost = json.load(file)
        if cost["exit"] != 0:
            raise Failed(f"exit {cost['exit']}: {said or text}")
        return text, cost

    def work(self, scenario, server, requests, in_flight):
        body_file = None
        if scenario.body:
            body_file = os.path.join(self.folder, "body.json")
            with open(body_file, "w", encoding="utf-8") as file:
                file.write(scenario.body)
        return Work(scenario, server.url(scenario.place, scenario.scheme), requests, in_flight,
                    self.seconds, self.folder,
                    unix_socket=server.unix_socket if "unix" in scenario.needs else None,
                    ca_file=server.ca_file if "tls" in scenario.needs else None,
                    body_file=body_file)

    def read(self, client, text, work):
        try:
            return client.read(text, work)
        except (KeyError, AttributeError) as error:  # not the output that we know
            raise Failed(f"{error}: {text}") from error
        except ValueError as error:
            raise Failed(str(error)) from error

    def run(self, client, words, work, server):
        """One run: the client's own figures, and those from outside."""
        scenario = work.scenario
        server.forget()
        before_us = servers.cpu_us(server.process.pid)
        text, cost = self.spend(client.command(words, work))
        after_us = servers.cpu_us(server.process.pid)
        figures = self.read(client, text, work)
        units = figures["requests"] * scenario.units
        start_us = self.start_of(client, scenario)[0]
        cpu_us = (cost["user_s"] + cost["system_s"]) * 1e6
        figures.update(cpu_us=max(cpu_us - start_us, 0) / units, cpu_s=cpu_us / 1e6,
                       wall_s=cost["wall_s"], memory_mib=cost["memory_kib"] / 1024)
        if before_us is not None and after_us is not None:
            figures["server_us"] = (after_us - before_us) / units
        if scenario.place == "cold":
            figures.update(self.seen(server, work))
        return figures

    @staticmethod
    def seen(server, work):
        """The server writes its log when it has done with a request, a moment after the client."""
        end = time.monotonic() + 1
        while server.seen()["connections"] < work.requests and time.monotonic() < end:
            time.sleep(0.02)
        return server.seen()

    def count_entries(self, client, words, work, server):
        """System calls of one run: (all of them, requests). None where strace cannot."""
        report = os.path.join(self.folder, "strace")
        server.forget()
        text, _ = self.spend([self.strace, "-c", "-f", "-o", report, *client.command(words, work)])
        with open(report, encoding="utf-8", errors="replace") as file:
            total = re.search(r"(?m)^\s*100[.,]00\s+\S+\s+(?:\d+\s+)?(\d+)\s+(?:\d+\s+)?total",
                              file.read())
        if total is None:
            raise Failed("strace has counted nothing")
        return int(total.group(1)), self.read(client, text, work)["requests"]

    def learn_start(self, client, words, scenario, server):
        """What one request on one connection costs, once for each client and scheme."""
        key = (client.name, scenario.scheme)
        if key in self.starts or client.name == "wrk" or scenario.start_counts:
            return
        work = self.work(scenario, server, 1, 1)
        runs = [self.run(client, words, work, server)["cpu_s"] for _ in range(STARTS)]
        calls = self.count_entries(client, words, work, server)[0] if self.strace else 0
        self.starts[key] = statistics.median(runs) * 1e6, calls

    def start_of(self, client, scenario):
        """What is taken away: (CPU us, kernel entries)."""
        if scenario.start_counts:
            return 0, 0
        return self.starts.get((client.name, scenario.scheme), (0, 0))

    def entries_of(self, client, words, scenario, server):
        """Kernel entries for each unit."""
        requests = scenario.requests or max(2 * scenario.in_flight, scenario.least)
        requests = min(requests, scenario.traced)
        work = self.work(scenario, server, requests, min(requests, scenario.in_flight))
        calls, made = self.count_entries(client, words, work, server)
        return max(calls - self.start_of(client, scenario)[1], 0) / (made * scenario.units)

    def prepare(self, client, words, scenario, server):
        """What comes before the rounds: (requests that fill the seconds, kernel entries)."""
        self.learn_start(client, words, scenario, server)
        requests = scenario.requests
        if not requests and client.name != "wrk":
            least = max(2 * scenario.in_flight, scenario.least)
            rate = self.run(client, words, self.work(scenario, server, least, scenario.in_flight),
                            server)["rate"]
            requests = max(least, int(rate * self.seconds))
        entries = None
        if self.strace:
            entries = self.entries_of(client, words, scenario, server)
        return requests, entries

    def run_scenario(self, clients, scenario, server):
        """{"runs": {client: [figures of each round]}, "failed": {client: why}}. The clients take
        turns, so that a ratio of two compares neighbours in time."""
        runs, failed, ready = {}, {}, {}
        takes_part = [(client, words) for client, words in clients if client.takes_part(scenario)]
        for step in range(self.rounds + 1):
            say(f"{scenario.name}: " + (f"round {step} of {self.rounds}" if step else "start-up"))
            for client, words in takes_part:
                if client.name in failed:
                    continue
                try:
                    if step == 0:
                        ready[client.name] = self.prepare(client, words, scenario, server)
                        continue
                    requests, entries = ready[client.name]
                    work = self.work(scenario, server, requests, scenario.in_flight)
                    figures = self.run(client, words, work, server)
                    if entries is not None:
                        figures["entries"] = entries
                    check_tokens(figures, scenario)
                    runs.setdefault(client.name, []).append(figures)
                except Failed as error:
                    failed[client.name] = str(error).strip()[:500]
                    say(f"{scenario.name}: {client.name}: {failed[client.name]}")
        return {"runs": runs, "failed": failed}


def check_tokens(figures, scenario):
    if scenario.stream and "tokens" in figures:
        expected = figures["requests"] * scenario_tokens(scenario)
        if figures["tokens"] != expected:
            raise Failed(f"{figures['tokens']} tokens, not {expected}")


def scenario_tokens(scenario):
    return int(scenario.mock[scenario.mock.index("--tokens") + 1])


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)
