#!/usr/bin/env python3
"""ab: the same LLM queries asked in the old ways and in those of Quoit, beside what is possible.

    perf/ab.py [--cases 50x50,2000x500] [--ways NAME,...] [--rounds 5] [--build build] [--write]

A case is QUERIESxIN_FLIGHT. quoit-mock answers after a time that is drawn for each query (lognormal,
median 400 ms, sigma 0.5). The ways run in turn, round by round, each in a process of its own;
perf/ab/ways.py has them, perf/ab/ideal.py knows what was drawn. No round asks what an earlier one
asked, so the draws differ from round to round, and each run is held against its own.

A table in Markdown on stdout for each case, medians over the rounds; --write leaves them in
perf/AB.md too. The server has the first cpu, the client the second, if there are two. Figures depend
on the machine being quiet: its load is printed with them. A way whose library is not there is left
out, and said so.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True  # nothing is written beside the sources
sys.path[:0] = [os.path.join(HERE, "ab"), os.path.join(HERE, "bench")]
import clients  # noqa: E402
import ideal  # noqa: E402
import machine  # noqa: E402
import servers  # noqa: E402

ROOT = os.path.dirname(HERE)
CPUS = sorted(os.sched_getaffinity(0))
LIMIT_S = 120
TOKENS = 64
EARLY_MAX_S = 0.0005  # an answer before its time would say that ideal.py is wrong

WAYS = {
    "threads": "a thread with a loop of its own, aiohttp in it, called inside a running loop",
    "query-old": "`llm_batch_query(use_pure_async=False)`: the same, as the package has it",
    "aiohttp": "asyncio, aiohttp, a task for each",
    "aiohttp+uvloop": "uvloop, aiohttp, a task for each",
    "httpx": "asyncio, httpx, a task for each",
    "query": "Quoit: `llm_batch_query`, no loop",
    "query-in-loop": "Quoit: `llm_batch_query`, called inside a running loop",
    "query-awaited": "Quoit: `await llm_batch_query_async`, asyncio",
    "query-awaited+uvloop": "Quoit: `await llm_batch_query_async`, uvloop",
    "gather": "Quoit: `await Client.gather`, asyncio",
    "gather+uvloop": "Quoit: `await Client.gather`, uvloop",
    "tasks": "Quoit: `Client.send`, a task for each, asyncio",
    "tasks+uvloop": "Quoit: `Client.send`, a task for each, uvloop",
    "bulk": "Quoit: `Client.bulk`, asyncio",
    "bulk+uvloop": "Quoit: `Client.bulk`, uvloop",
    "c": "Quoit from C: `quoit_llm_batch_next` (perf/ab_client.c)",
}


class Missing(Exception):
    """A way that cannot be gone here, and why."""


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cases", default="50x50,2000x500")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build", default="build")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.ways = options.ways.split(",")
    options.cases = [tuple(int(part) for part in case.split("x"))
                     for case in options.cases.split(",")]
    unknown = [way for way in options.ways if way not in WAYS]
    if unknown or options.rounds < 1:
        parser.error(f"no such way: {', '.join(unknown)}" if unknown else "--rounds is below 1")
    return options


# --- One run ---

def use_last_cpu():
    os.sched_setaffinity(0, {CPUS[-1]})


def spend(words, text, environment=None):
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=LIMIT_S,
                          check=False, preexec_fn=use_last_cpu, env=environment)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        if "ModuleNotFoundError" in last or "libquoit" in last:
            raise Missing(last)
        raise RuntimeError(f"{' '.join(words[:3])}: {done.stderr.strip()}")
    return done.stdout


def run_c(options, work):
    program = os.path.join(options.build, "perf/ab_client")
    base_url = work["url"].removesuffix("/chat/completions")
    said = spend([program, base_url, str(work["in_flight"]), str(work["tokens"])],
                 "".join(f"{prompt}\n" for prompt in work["prompts"]))
    (wall_ns, used_ns), *rows = [line.split(" ", 1) for line in said.splitlines()]
    return {"wall_s": int(wall_ns) / 1e9, "cpu_s": int(used_ns) / 1e9,
            "answers": [[text, int(done_ns) / 1e9] for done_ns, text in rows]}


def run_python(options, way, work):
    python = (clients.find_aiohttp(None) or [sys.executable])[0]
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    package = os.path.join(ROOT, "python")
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [environment.get("PYTHONPATH"), package]))
    environment.setdefault("QUOIT_LIBRARY", os.path.abspath(options.build))
    script = os.path.join(HERE, "ab/ways.py")
    return json.loads(spend([python, script, way], json.dumps(work), environment))


def percentile(values, percent):
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def figures_of(said, work):
    """What a run took, beside the ideal client of the same draws. Seconds."""
    answers = said["answers"]
    if len(answers) != len(work["prompts"]):
        raise RuntimeError(f"{len(answers)} answers to {len(work['prompts'])} prompts")
    hashes = [ideal.hash_in(text) for text, _ in answers]
    if len(set(hashes)) != len(hashes):
        raise RuntimeError("two prompts have the same answer")
    draws = [ideal.draw_s(one) for one in hashes]
    ends = ideal.ends_s(draws, work["in_flight"])
    figures = {"wall": said["wall_s"], "ideal": max(ends), "over": said["wall_s"] - max(ends),
               "cpu": said["cpu_s"] / len(answers)}
    if all(done is not None for _, done in answers):
        early = min(done - draw for (_, done), draw in zip(answers, draws))
        if early < -EARLY_MAX_S:
            raise RuntimeError(f"an answer came {-early:.4f} s before its time")
        late = [done - end for (_, done), end in zip(answers, ends)]
        figures |= {"p50": percentile(late, 50), "p99": percentile(late, 99)}
    return figures


def run(options, mock, way, case, round_number):
    queries, in_flight = case
    prompts = [f"Round {round_number}, question {index} of {queries}: what is a quoit?"
               for index in range(queries)]
    work = {"url": mock.url("chat", "http"), "prompts": prompts, "in_flight": in_flight,
            "tokens": TOKENS}
    mock.forget()
    said = run_c(options, work) if way == "c" else run_python(options, way, work)
    return figures_of(said, work)


# --- All of them ---

def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(options, mock, case):
    """The figures of each way, a list of its rounds."""
    runs = {way: [] for way in options.ways}
    for round_number in range(1, options.rounds + 1):
        for way in list(runs):
            try:
                figures = run(options, mock, way, case, round_number)
            except Missing as missing:
                say(f"ab: {way} is left out: {missing}")
                del runs[way]
                continue
            runs[way].append(figures)
            say(f"ab: {case[0]}x{case[1]}, round {round_number}, {way}: "
                f"{figures['over'] * 1e3:.1f} ms over {figures['ideal']:.3f} s")
    return runs


def median(runs, key, scale, decimals):
    values = [figures[key] * scale for figures in runs if key in figures]
    return f"{statistics.median(values):.{decimals}f}" if values else "-"


def table(case, runs):
    lines = [f"## {case[0]:,} queries, {case[1]:,} in flight", "",
             "| | wall, s | over the ideal, ms | over, % | late p50, ms | late p99, ms "
             "| CPU per query, us |", "|---|--:|--:|--:|--:|--:|--:|"]
    for way, figures in runs.items():
        share = statistics.median(100 * each["over"] / each["ideal"] for each in figures)
        lines.append(f"| {WAYS[way]} | {median(figures, 'wall', 1, 3)} "
                     f"| {median(figures, 'over', 1e3, 1)} | {share:.1f} "
                     f"| {median(figures, 'p50', 1e3, 1)} | {median(figures, 'p99', 1e3, 1)} "
                     f"| {median(figures, 'cpu', 1e6, 0)} |")
    return lines


def head(options):
    command = " ".join(["perf/ab.py", *sys.argv[1:]])
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    python = (clients.find_aiohttp(None) or [sys.executable])[0]
    versions = machine.output_of([python, "-c", VERSIONS])
    return ["# The same queries in the old ways and in Quoit's", "",
            f"`{command}` on {time.strftime('%Y-%m-%d', time.gmtime())}, commit"
            f" {machine.commit()}: {machine.cpu_model()}, {os.cpu_count()} cores,"
            f" Linux {os.uname().release}, load {load}; {versions}.", "",
            f"Medians of {options.rounds} rounds, the ways in turn, each in a process of its own;"
            " quoit-mock on one core, the client on another. What is measured is the call: starting"
            " Python and importing is not in it, making connections is.", "",
            "The *ideal* is the client that costs nothing: it has all it may in flight from the first"
            " moment on, and begins the next query when one ends. How long each answer has to take"
            " follows from its own text, by the draws of quoit-mock (`perf/ab/ideal.py`). *Late* is a"
            " query's answer against the ideal client's; `-` where the call gives all at once. CPU is"
            " the process's, system time and threads included.", ""]


VERSIONS = """
import sys
said = ["Python " + sys.version.split()[0]]
for name in ("aiohttp", "httpx", "uvloop"):
    try:
        said.append(name + " " + __import__(name).__version__)
    except ImportError:
        pass
print(", ".join(said))
"""


def main():
    options = read_options()
    lines = head(options)
    with tempfile.TemporaryDirectory() as folder:
        words = ("--latency", ideal.LATENCY, "--tokens", str(TOKENS), "--seed", str(ideal.SEED))
        with servers.Mock(options.build, folder, CPUS[0], words) as mock:
            for case in options.cases:
                lines += [*table(case, measure(options, mock, case)), ""]
    text = "\n".join(lines).rstrip() + "\n"
    print(text, end="")
    if options.write:
        with open(os.path.join(HERE, "AB.md"), "w", encoding="utf-8") as file:
            file.write(text)


main()
