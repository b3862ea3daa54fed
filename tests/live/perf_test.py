#!/usr/bin/env python3
"""perf: the machinery of `make bench`, with the shortest runs that it can make, so that it works
when somebody wants figures. It judges none of them.

    tests/live/perf_test.py [NAME...]     all tests, or those whose name contains a NAME

QUOIT_BUILD is the build folder (build); with QUOIT_TEST_IO=epoll only what runs on epoll is run.
Clients that are not installed are left out; without nginx it is skipped.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import traceback
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("QUOIT_BUILD", "build"))
BENCH = os.path.join(ROOT, "perf/bench")
sys.dont_write_bytecode = True  # nothing is written beside the sources
sys.path.insert(0, BENCH)
import clients  # noqa: E402
import plots  # noqa: E402
import scenarios  # noqa: E402
import servers  # noqa: E402
import tables  # noqa: E402

# Built beside the tests.
OURS = "quoit-epoll,epoll" if os.environ.get("QUOIT_TEST_IO") else "floor,quoit,engine,epoll"
LIMIT_S = 60

folder = None


def bench(*options):
    # What looks for leaks cannot be traced.
    asan = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return subprocess.run([sys.executable, BENCH, "--save", os.path.join(folder, "figures.json"),
                           *options], capture_output=True, timeout=LIMIT_S, check=False, text=True,
                          env=dict(os.environ, ASAN_OPTIONS=asan))


def test_one_round_of_one_scenario_gives_a_table_a_plot_and_figures_from_outside():
    results = os.path.join(folder, "RESULTS.md")
    done = bench("--scenarios", "small-64", "--clients", OURS, "--rounds", "1", "--seconds", "0.05",
                 "--results", results)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(results, encoding="utf-8") as file:
        text = file.read()
    with open(os.path.join(folder, "figures.json"), encoding="utf-8") as file:
        runs = json.load(file)["outcomes"]["small-64"]["runs"]
    assert list(runs) == OURS.split(","), list(runs)
    for name, (figures,) in runs.items():
        assert re.search(rf"(?m)^\| {name} ", text), name
        for key in ("rate", "cpu_us", "p50_us", "memory_mib", "wall_s"):
            assert figures[key] > 0, (name, key)
    # A send, a recv and a part of an epoll_wait; more, and it would not keep its connections.
    if "entries" in runs["epoll"][0]:  # strace may trace
        assert 2 <= runs["epoll"][0]["entries"] < 4, runs
    plot = xml.etree.ElementTree.parse(os.path.join(folder, "plots/small-64.svg"))
    assert plot.getroot().tag.endswith("svg")
    assert "](plots/small-64.svg)" in text


def test_figures_that_were_saved_give_the_same_text_again():
    done = bench("--scenarios", "batch-50", "--clients", "epoll", "--rounds", "1",
                 "--no-entries")
    assert done.returncode == 0, done.stdout + done.stderr
    again = bench("--from", os.path.join(folder, "figures.json"))
    assert (again.returncode, again.stdout) == (0, done.stdout), again.stdout + again.stderr
    assert "wall s" in done.stdout


def test_a_client_whose_requests_fail_is_named_and_the_exit_is_1():
    build = os.path.join(folder, "build")
    os.makedirs(os.path.join(build, "perf"))
    for name in ("quoit-mock", "perf/cost"):
        os.symlink(os.path.join(BUILD, name), os.path.join(build, name))
    floor = os.path.join(build, "perf/floor")
    with open(floor, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho no server >&2\nexit 1\n")
    os.chmod(floor, 0o755)
    done = bench("--build", build, "--scenarios", "small-1", "--clients", "floor", "--rounds", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "floor failed: exit 1: no server" in done.stdout, done.stdout


def test_memory_is_that_of_the_command_and_not_of_who_started_it():
    report = os.path.join(folder, "cost")
    cost = os.path.join(BUILD, "perf/cost")
    subprocess.run([cost, "--to", report, "sh", "-c", "exit 3"], check=True, timeout=LIMIT_S)
    with open(report, encoding="ascii") as file:
        said = json.load(file)
    ours_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert said["exit"] == 3 and 0 < said["memory_kib"] < ours_kib, (said, ours_kib)


def test_a_command_that_does_not_end_is_killed():
    done = subprocess.run([os.path.join(BUILD, "perf/cost"), "--limit", "1", "--to",
                           os.path.join(folder, "cost"), "sleep", "60"], check=False,
                          timeout=LIMIT_S)
    assert done.returncode == 1


def test_an_unknown_scenario_is_refused_with_the_names_of_all():
    done = bench("--scenarios", "small-65")
    assert done.returncode == 2
    assert "small-64" in done.stderr and "batch-10000" in done.stderr, done.stderr


def test_a_cell_shows_the_median_and_what_it_came_from():
    assert tables.spread([3.0, 1.0, 2.0], 1) == "2.0 (1.0..3.0)"
    assert tables.spread([2.0], 1) == "2.0"
    assert tables.spread([], 1) == "-"


def test_a_ratio_is_taken_within_each_round():
    runs = {"quoit": [{"cpu_us": 1.0}, {"cpu_us": 4.0}], "wrk": [{"cpu_us": 2.0}, {"cpu_us": 4.0}]}
    assert tables.ratios_of(runs, "cpu_us", "quoit", "wrk") == [0.5, 1.0]
    assert tables.ratios_of(runs, "cpu_us", "quoit", "ab") == []


def test_each_scenario_has_clients_and_a_picture_even_of_the_thinnest_figures():
    for scenario in scenarios.SCENARIOS:
        names = [client.name for client in clients.CLIENTS if client.takes_part(scenario)]
        assert "quoit" in names and "libcurl" in names, scenario.name
        runs = {"quoit": [{"cpu_us": 0.0}], "ab": [{"cpu_us": 2.0, "wall_s": 1.0, "p50_us": 9.0}]}
        xml.etree.ElementTree.fromstring(plots.of_scenario(scenario, {"runs": runs, "failed": {}}))


def test_the_a_b_holds_each_answer_against_what_was_drawn_for_it():
    # A Python that was not built with a sanitizer cannot load a library that was.
    ways = "aiohttp,c" if "san" in os.path.basename(BUILD) else "aiohttp,query,c"
    done = subprocess.run([sys.executable, os.path.join(ROOT, "perf/ab.py"), "--build", BUILD,
                           "--cases", "20x5", "--rounds", "1", "--ways", ways],
                          capture_output=True, timeout=LIMIT_S, check=False, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 queries, 5 in flight" in done.stdout, done.stdout
    row = re.search(r"(?m)^\| Quoit from C.*? \| ([0-9.]+) \| (-?[0-9.]+) \|", done.stdout)
    assert row is not None, done.stdout
    assert float(row.group(1)) > 1 and float(row.group(2)) > -1, row.group(0)


def main():
    global folder
    if servers.find_nginx() is None:
        print("nginx is not installed")
        return 77
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")
             and (not sys.argv[1:] or any(part in name for part in sys.argv[1:]))]
    failed = 0
    for name, test in tests:
        with tempfile.TemporaryDirectory(prefix="quoit-perf-") as folder:
            try:
                test()
            except Exception:
                failed += 1
                traceback.print_exc(file=sys.stdout)
                print("FAILED " + name)
    print("%d passed, %d failed" % (len(tests) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
