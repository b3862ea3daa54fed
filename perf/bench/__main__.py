"""bench: HTTP clients against the same servers, in turn, pinned, and their figures side by side.

    python3 perf/bench [--scenarios LIST] [--clients LIST] [--rounds N] [--seconds S]
                       [--results FILE] [--save FILE] [--from FILE] [--no-entries]

`make bench` and `make bench-all` call it. It starts an nginx and quoit-mocks of its own, pins them
to the first cpu and the clients to the second, and prints tables; --results writes them to a file,
with plots beside it. What was measured is saved as JSON (build/perf/results.json), from which
--from makes the tables again without measuring. Exit 0: all ran, whatever the figures; 1: a client
failed; 77: there is no nginx.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is written beside the sources

import clients
import machine
import measuring
import results
import scenarios
import servers


def read_options():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    build = os.path.join(clients.ROOT, os.environ.get("QUOIT_BUILD", "build"))
    parser.add_argument("--build", default=build, type=os.path.abspath, help="the build folder")
    parser.add_argument("--scenarios", default="", help="their names, with commas between")
    parser.add_argument("--clients", default="", help="their names, with commas between")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of each client in each round")
    parser.add_argument("--no-entries", dest="entries", action="store_false",
                        help="do not count kernel entries with strace")
    parser.add_argument("--results", help="write this file, and plots/ beside it")
    parser.add_argument("--save", help="what was measured goes there, after each scenario"
                        " (perf/results.json of the build)")
    parser.add_argument("--from", dest="source", help="measure nothing: take this --save file")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("rounds begin at 1, seconds above 0")
    try:
        options.rows = scenarios.chosen([name for name in options.scenarios.split(",") if name])
    except ValueError as error:
        parser.error(str(error))
    options.save = os.path.abspath(options.save or os.path.join(options.build,
                                                                "perf/results.json"))
    return options


def find_clients(options):
    """(those that are here, each with its program; the names of those that are not)."""
    wanted = [name for name in options.clients.split(",") if name]
    here, missing = [], []
    for client in clients.CLIENTS:
        if wanted and client.name not in wanted:
            continue
        words = client.find(options.build)
        if words is None:
            missing.append(client.name)
        else:
            here.append((client, words))
    return here, missing


def cpus():
    """(the servers', the clients'), or None where there is one only."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[:2] if len(allowed) > 1 else None


def measure(options, folder):
    here, missing = find_clients(options)
    pinned = cpus()
    said = {"machine": machine.describe(here, pinned), "missing": missing,
            "rounds": options.rounds, "seconds": options.seconds, "outcomes": {}}
    said["machine"]["server"] = machine.output_of([servers.find_nginx(), "-v"]).split(": ")[-1]
    bench = measuring.Bench(options, folder, pinned and pinned[1])
    server_cpu = pinned and pinned[0]
    with contextlib.ExitStack() as stack:
        nginx = stack.enter_context(servers.Nginx(folder, server_cpu))
        for scenario in options.rows:
            server = contextlib.nullcontext(nginx)
            if scenario.mock:
                server = servers.Mock(options.build, folder, server_cpu, scenario.mock)
            with server as running:
                said["outcomes"][scenario.name] = bench.run_scenario(here, scenario, running)
            said["load_after"] = [round(value, 2) for value in os.getloadavg()]
            save(options.save, said)  # what there is, should the rest be interrupted
    return said


def save(path, said):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(said, file)


def main():
    options = read_options()
    if options.source:
        with open(options.source, encoding="utf-8") as file:
            said = json.load(file)
        options.rows = [row for row in scenarios.SCENARIOS if row.name in said["outcomes"]]
    else:
        if servers.find_nginx() is None:
            print("bench: skipped: nginx is not installed (make bench-deps)")
            return 77
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers are stopped then, too
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        # Not below the build: a socket's path may have 107 bytes only.
        folder = tempfile.mkdtemp(prefix="quoit-bench-")
        try:
            said = measure(options, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    if options.results:
        results.write(options.results, options.rows, said)
    else:
        print(results.markdown(options.rows, said, False), end="")
    return 1 if any(outcome["failed"] for outcome in said["outcomes"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
