#!/usr/bin/env python3
"""Run HTTP clients in turn against one server, and set their figures side by side.

Called by perf/bench.sh, which owns the server and pins both ends. Each client is a row of CLIENTS:
how it is called and how its output is read. CPU is the child's own, from wait4: user and system
time of the whole process, its start included, over all requests that it made, those of its warm-up
included. So it is the same measure for clients that say nothing about themselves.

All clients run once per scenario and round, so that a ratio compares neighbours in time; what is
printed of a ratio is the median over the rounds. Nothing here judges: it exits 1 only if a client
could not be run.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

SCENARIOS = [(1, "tcp"), (2, "tcp"), (64, "tcp"), (64, "unix")]
WARMUP_SHARE = 0.1
LEAST_REQUESTS = 2000


def wait_for(command):
    """Run to the end: (output, CPU in microseconds). A failed client ends the comparison."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if child.returncode != 0:
        sys.exit(f"bench: exit {child.returncode}: {' '.join(command)}\n{text}")
    return text, (usage.ru_utime + usage.ru_stime) * 1e6


def number(pattern, text):
    found = re.search(pattern, text)
    if found is None:
        sys.exit(f"bench: no {pattern!r} in this output:\n{text}")
    return float(found.group(1))


def own_run(program, server, in_flight, requests, *more):
    """Floor and batch_bench: they report all that they know as JSON."""
    warmup = max(2 * in_flight, int(requests * WARMUP_SHARE))
    command = [program, "--url", server["url"], "-n", str(requests), "-c", str(in_flight),
               "--warmup", str(warmup), "--json", *more]
    if server["kind"] == "unix":
        command += ["--unix-socket", server["unix_socket"]]
    text, cpu_us = wait_for(command)
    figures = json.loads(text)
    return {
        "requests": requests + warmup,
        "cpu_us": cpu_us / (requests + warmup),
        "rate": figures["requests_per_second"],
        "p50_us": figures["p50_us"],
        "window_cpu_us": figures["cpu_us_per_request"],
        "sqes": figures["sqes_per_request"],
        "cqes": figures["cqes_per_request"],
        "entries": figures["enters_per_request"],
        "allocations": figures["allocations_per_request"],
    }


def epoll_run(program, server, in_flight, requests):
    """The same program over its other back end."""
    return own_run(program, server, in_flight, requests, "--io", "epoll")


def wrk_run(program, server, in_flight, requests):
    """It runs for whole seconds, not for a number of requests."""
    text, cpu_us = wait_for([program, "-t1", f"-c{in_flight}", f"-d{server['seconds']}s",
                             "--latency", server["url"]])
    amount, unit = re.search(r"50%\s+([0-9.]+)(us|ms|s)\s", text).groups()
    requests = number(r"(\d+) requests in", text)
    return {
        "requests": requests,
        "cpu_us": cpu_us / requests,
        "rate": number(r"Requests/sec:\s+([0-9.]+)", text),
        "p50_us": float(amount) * {"us": 1, "ms": 1e3, "s": 1e6}[unit],
    }


def h2load_run(program, server, in_flight, requests):
    """Over HTTP/1.1. It reports a mean and no percentiles."""
    command = [program, "--h1", "-t1", "-n", str(requests), "-c", str(in_flight)]
    if server["kind"] == "unix":
        command += ["-B", "unix:" + server["unix_socket"]]
    text, cpu_us = wait_for(command + [server["url"]])
    done = number(r"(\d+) succeeded", text)
    if done != requests:
        sys.exit(f"bench: h2load: only {done:.0f} of {requests} succeeded\n{text}")
    return {"requests": requests, "cpu_us": cpu_us / requests,
            "rate": number(r"([0-9.]+) req/s", text)}


def ab_run(program, server, in_flight, requests):
    """With -k. Its text has whole milliseconds only, its CSV has more."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as percentiles:
        text, cpu_us = wait_for([program, "-q", "-k", "-n", str(requests), "-c", str(in_flight),
                                 "-e", percentiles.name, server["url"]])
        csv = open(percentiles.name, encoding="ascii").read()
    if number(r"Failed requests:\s+(\d+)", text) != 0:
        sys.exit(f"bench: ab: requests failed\n{text}")
    return {
        "requests": requests,
        "cpu_us": cpu_us / requests,
        "rate": number(r"Requests per second:\s+([0-9.]+)", text),
        "p50_us": number(r"(?m)^50,([0-9.]+)", csv) * 1e3,
    }


# name, how it is run, does it speak over unix sockets
CLIENTS = [
    ("floor", own_run, True),
    ("quoit", own_run, True),
    ("quoit-epoll", epoll_run, True),
    ("wrk", wrk_run, False),
    ("h2load", h2load_run, True),
    ("ab", ab_run, False),
]


def find_clients(build):
    """The rows of CLIENTS that are here, each with its program."""
    own = {"floor": "floor", "quoit": "batch_bench", "quoit-epoll": "batch_bench"}
    found = []
    for name, run, over_unix in CLIENTS:
        program = f"{build}/perf/{own[name]}" if name in own else shutil.which(name)
        if program is None or not os.access(program, os.X_OK):
            print(f"skipped: {name} is not installed (make bench-deps)" if name not in own
                  else f"skipped: {name} ({program} is not built)")
            continue
        found.append((name, run, over_unix, program))
    return found


def process_cpu_us(pid):
    """The time that a process of one thread has had a cpu; None where the kernel does not count."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as times:
            return int(times.read().split()[0]) / 1e3
    except OSError:
        return None


def run_watched(run, program, server, in_flight, requests):
    """A run, and what it cost the server, which no client can make cheaper."""
    before_us = process_cpu_us(server["pid"])
    figures = run(program, server, in_flight, requests)
    after_us = process_cpu_us(server["pid"])
    if before_us is not None and after_us is not None:
        figures["server_us"] = (after_us - before_us) / figures["requests"]
    return figures


def run_scenario(clients, server, in_flight, rounds):
    """{client: [figures of each round]}. A first short run of each tells how many requests fill
    its seconds, and warms what is cold (wrk needs no such number)."""
    figures = {}
    requests = {}
    for name, run, over_unix, program in clients:
        if server["kind"] == "unix" and not over_unix:
            continue
        figures[name] = []
        requests[name] = 0
        if run is not wrk_run:
            rate = run(program, server, in_flight, LEAST_REQUESTS)["rate"]
            requests[name] = max(LEAST_REQUESTS, int(rate * server["seconds"]))
    for _ in range(rounds):
        for name, run, _, program in clients:
            if name in figures:
                figures[name].append(run_watched(run, program, server, in_flight, requests[name]))
    return figures


def column(runs, key):
    return [run[key] for run in runs if run.get(key) is not None]


def median_of(runs, key):
    values = column(runs, key)
    return statistics.median(values) if values else None


def shown(runs, key, decimals):
    """Median, and the range it came from."""
    values = column(runs, key)
    if not values:
        return "-"
    return (f"{statistics.median(values):,.{decimals}f}"
            f" ({min(values):,.{decimals}f}-{max(values):,.{decimals}f})")


def ratios_of(figures, key, above, below):
    """One ratio per round; [] if one of the two is missing."""
    pairs = zip(figures.get(above, []), figures.get(below, []))
    return [a[key] / b[key] for a, b in pairs if a.get(key) and b.get(key)]


def print_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for at, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if at == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def print_scenario(in_flight, kind, figures):
    print(f"\n## {in_flight} in flight over {'TCP' if kind == 'tcp' else 'a unix socket'}\n")
    rows = [["client", "requests/s", "CPU us", "p50 us", "window CPU us", "server CPU us",
             "SQEs", "CQEs", "entries", "allocations"]]
    for name, runs in figures.items():
        rows.append([name, shown(runs, "rate", 0), shown(runs, "cpu_us", 2),
                     shown(runs, "p50_us", 1), shown(runs, "window_cpu_us", 2),
                     shown(runs, "server_us", 1)])
        for key in ("sqes", "cqes", "entries", "allocations"):
            value = median_of(runs, key)
            rows[-1].append("-" if value is None else f"{value:.3f}")
    print_table(rows)
    print()
    for above in ("quoit", "floor"):
        for below in ("quoit-epoll", "floor", "wrk", "h2load", "ab"):
            print_ratios(figures, above, below)


def print_ratios(figures, above, below):
    parts = []
    for key, text in (("window_cpu_us", "window CPU"), ("cpu_us", "CPU"), ("p50_us", "p50"),
                      ("rate", "requests/s")):
        values = ratios_of(figures, key, above, below)
        if values and above != below:
            parts.append(f"{text} {statistics.median(values):.2f}"
                         f" ({min(values):.2f}-{max(values):.2f})")
    if parts:
        print(f"- {above} / {below}: " + ", ".join(parts))


def worst(results, client, key):
    values = [median_of(figures[client], key) for figures in results.values() if client in figures]
    values = [value for value in values if value is not None]
    return max(values) if values else None


def ratio(results, scenario, key, above, below):
    values = ratios_of(results[scenario], key, above, below)
    return statistics.median(values) if values else None


def budget_lines(results, client):
    """(what, at most, measured) of DESIGN.md 6, as far as this bench can tell."""
    at_64, at_1, at_2 = (64, "tcp"), (1, "tcp"), (2, "tcp")
    entries = median_of(results[at_64].get(client, []), "entries")
    return [
        ("SQEs per request, worst scenario", 1.05, worst(results, client, "sqes")),
        ("CQEs per request, worst scenario", 1.05, worst(results, client, "cqes")),
        ("kernel entries per request, 64 in flight", 1.0, entries),
        ("heap allocations per request, warm", 0.0, worst(results, client, "allocations")),
        ("CPU / floor, 64 in flight", 1.15,
         ratio(results, at_64, "window_cpu_us", client, "floor")),
        ("CPU / wrk, 64 in flight", 1.0, ratio(results, at_64, "cpu_us", client, "wrk")),
        ("p50 / wrk, 1 in flight", 0.5, ratio(results, at_1, "p50_us", client, "wrk")),
        ("p50 / wrk, 2 in flight", 0.5, ratio(results, at_2, "p50_us", client, "wrk")),
    ]


def verdict(measured, at_most):
    if measured is None:
        return "not measured"
    return "met" if round(measured, 4) <= at_most else "MISSED"


def print_bound(results):
    """Is half of wrk's p50 to be had at all? The server's own work is a part of each answer."""
    for in_flight in (1, 2):
        figures = results[(in_flight, "tcp")]
        half_us = (median_of(figures.get("wrk", []), "p50_us") or 0) / 2
        server_us = median_of(figures.get("quoit", []), "server_us")
        if half_us and server_us:
            print(f"\nAt {in_flight} in flight half of wrk's p50 is {half_us:.1f} us, of which the"
                  f" server's own CPU takes {server_us:.1f}.")


def print_budget(results):
    print("\n## Budget\n")
    rows = [["per request", "at most", "quoit", "", "floor (what is possible)"]]
    for ours, possible in zip(budget_lines(results, "quoit"), budget_lines(results, "floor")):
        what, at_most, measured = ours
        cells = ["-" if value is None else f"{value:.3f}" for value in (measured, possible[2])]
        rows.append([what, f"{at_most:g}", cells[0], verdict(measured, at_most), cells[1]])
    print_table(rows)
    print_bound(results)
    print("\nCPU us per request at 64 in flight (window):")
    for client in ("quoit", "floor"):
        over = [median_of(results[(64, kind)].get(client, []), "window_cpu_us")
                for kind in ("tcp", "unix")]
        if None not in over:
            print(f"- {client}: {over[0]:.2f} over TCP, {over[1]:.2f} over a unix socket"
                  f" ({over[1] / over[0]:.2f} x)")


def print_machine():
    cpu = "unknown CPU"
    if os.path.exists("/proc/cpuinfo"):
        found = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo", encoding="utf-8").read())
        cpu = found.group(1) if found else cpu
    print("# One run of `make bench`\n")
    print(f"{cpu}, {os.cpu_count()} cores, Linux {platform.release()}; load average"
          f" {os.getloadavg()[0]:.2f} at the start. What the columns mean: README.md beside this.\n")
    for command in (["nginx", "-v"], ["wrk", "-v"], ["h2load", "--version"], ["ab", "-V"]):
        if shutil.which(command[0]):
            said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  check=False).stdout.decode().splitlines()
            print(f"- {command[0]}: {said[0] if said else 'unknown version'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="the folder with perf/floor")
    parser.add_argument("--url", required=True)
    parser.add_argument("--unix-socket", required=True)
    parser.add_argument("--server-pid", type=int, default=0, help="of its one worker")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1, help="of each client in each round")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds < 1:
        parser.error("rounds and seconds begin at 1")

    print_machine()
    clients = find_clients(options.build)
    results = {}
    for in_flight, kind in SCENARIOS:
        server = {"url": options.url, "unix_socket": options.unix_socket, "kind": kind,
                  "seconds": options.seconds, "pid": options.server_pid}
        results[(in_flight, kind)] = run_scenario(clients, server, in_flight, options.rounds)
        print_scenario(in_flight, kind, results[(in_flight, kind)])
        sys.stdout.flush()
    print_budget(results)


if __name__ == "__main__":
    main()
