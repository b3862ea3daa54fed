"""clients: how each is called, and how its output is read.

A client's `command` makes the words of one run from a Work; its `read` turns what was printed into
figures, as the client itself reports them: `requests` (all that were made, those of a warm-up
included), `rate` a second, p50_us ... where it knows them. It raises ValueError if a request
failed. What is measured from outside is measuring.py's.

`can`: unix, tls, large (answers of 1 MiB), post, stream (counts the tokens of events), count (makes
a number of requests, not as many as fit into a time).
"""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from typing import Callable, Optional

PERF = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(PERF)
MODULES = os.path.join(ROOT, "build/third_party/npm/node_modules")


@dataclasses.dataclass
class Work:
    """One run of one client."""
    scenario: object
    url: str
    requests: int
    in_flight: int
    seconds: float  # for those that run for a time
    folder: str  # for their files
    unix_socket: Optional[str] = None
    ca_file: Optional[str] = None
    body_file: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    what: str
    find: Callable  # (build folder) -> its program as words, or None
    can: frozenset
    command: Callable  # (words, Work) -> words
    read: Callable  # (text, Work) -> figures
    version: tuple = ()  # words behind its program that make it say its version
    only: frozenset = frozenset()  # it takes part where these are needed, and nowhere else

    def takes_part(self, scenario):
        return self.only <= scenario.needs <= self.can


def number(pattern, text):
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"no {pattern!r} in this output:\n{text}")
    return float(found.group(1))


# --- Ours: they report as perf/measure.h does ---

def own_words(words, work, *more):
    """What all of ours understand."""
    words = [*words, "--url", work.url, "-n", str(work.requests), "-c", str(work.in_flight),
             "--json", *more]
    for option, value in (("--unix-socket", work.unix_socket), ("--cacert", work.ca_file),
                          ("--post", work.body_file)):
        words += [option, value] if value else []
    return words + (["--stream"] if work.scenario.stream else [])


def warmup_of(work):
    """None where all is counted from the first request on."""
    if work.scenario.requests or work.requests == 1:
        return 0
    return max(2 * work.in_flight, work.requests // 10)


def warm_command(words, work):
    return own_words(words, work, "--warmup", str(warmup_of(work)))


def read_own(text, work):
    said = json.loads(text[text.index("{"):])
    if said["failed"] or said["requests"] != work.requests:
        raise ValueError(f"{said['failed']} of {said['requests']} requests failed")
    keep = ("p50_us", "p99_us", "p99_9_us", "ttft_p50_us", "ttft_p99_us", "itl_p50_us",
            "itl_p99_us", "tokens")
    figures = {key: said[key] for key in keep if said.get(key)}
    figures.update(requests=work.requests, rate=said["requests_per_second"])
    return figures


def read_ring(text, work):
    """floor, engine, epoll and libcurl have a warm-up, and count themselves."""
    said = json.loads(text)
    figures = read_own(text, work)
    figures["requests"] += warmup_of(work)
    figures["window_cpu_us"] = said["cpu_us_per_request"]
    figures["allocations"] = said["allocations_per_request"]
    if said["sqes_per_request"]:
        figures.update(sqes=said["sqes_per_request"], cqes=said["cqes_per_request"],
                       enters=said["enters_per_request"])
    return figures


# --- quoit ---

def bench_command(words, work):
    words = [*words, work.url, "-n", str(work.requests), "-c", str(work.in_flight), "--quiet",
             "--json", "-"]
    if work.scenario.requests or work.requests == 1:
        words += ["--warmup", "0"]
    for option, value in (("--unix-socket", work.unix_socket), ("--cacert", work.ca_file),
                          ("-d", work.body_file and "@" + work.body_file),
                          ("-H", work.body_file and "Content-Type: application/json")):
        words += [option, value] if value else []
    return words + (["--stream"] if work.scenario.stream else [])


def read_bench(text, work):
    said = json.loads(text)
    if said["requests"]["failed"] or said["requests"]["ok"] != work.requests:
        raise ValueError(f"requests: {said['requests']}")
    ours = said["client"]
    figures = {"requests": work.requests + said["warmup"]["requests"],
               "rate": said["requests_per_second"], "tokens": said["tokens"]["out"],
               "sqes": ours["sqes_per_request"], "cqes": ours["cqes_per_request"],
               "enters": ours["enters_per_request"], "window_cpu_us": ours["cpu_us_per_request"],
               "verdict": ours["verdict"]}
    for name, histogram in (("", "service_ms"), ("ttft_", "ttft_ms"), ("itl_", "itl_ms")):
        for key in ("p50", "p99", "p99.9"):
            value = said[histogram].get(key)
            if value is not None:
                figures[f"{name}{key.replace('.', '_')}_us"] = value * 1e3
    return figures


def batch_command(words, work):
    path = os.path.join(work.folder, "batch.jsonl")
    body = json.loads(work.scenario.body)
    with open(path, "w", encoding="utf-8") as file:
        for i in range(work.requests):
            file.write(json.dumps({"custom_id": f"q-{i}", "url": "/v1/chat/completions",
                                   "body": body}) + "\n")
    words = [*words, path, "-o", os.path.join(work.folder, "answers.jsonl"), "--overwrite", "-c",
             str(work.in_flight), "--base-url", work.url.removesuffix("/chat/completions")]
    return words + (["--stream"] if work.scenario.stream else [])


def read_batch(_text, work):
    with open(os.path.join(work.folder, "answers.jsonl"), "rb") as file:
        answers = sum(b'"status_code":200' in line for line in file)
    if answers != work.requests:
        raise ValueError(f"{answers} answers to {work.requests} queries")
    return {"requests": work.requests}


# --- Those of others ---

def wrk_command(words, work):
    """It runs for whole seconds, not for a number of requests."""
    return [*words, "-t1", f"-c{work.in_flight}", f"-d{max(1, round(work.seconds))}s",
            "--timeout", "60s", "--latency", work.url]


def read_wrk(text, _work):
    if "Non-2xx" in text or "Socket errors" in text:
        raise ValueError(text)
    units = {"us": 1, "ms": 1e3, "s": 1e6}
    figures = {"requests": number(r"(\d+) requests in", text),
               "rate": number(r"Requests/sec:\s+([0-9.]+)", text)}
    for percent, key in (("50", "p50_us"), ("99", "p99_us")):
        amount, unit = re.search(percent + r"%\s+([0-9.]+)(us|ms|s)\s", text).groups()
        figures[key] = float(amount) * units[unit]
    return figures


def h2load_command(words, work):
    words = [*words, "--h1", "-t1", "-n", str(work.requests), "-c", str(work.in_flight)]
    if work.unix_socket:
        words += ["-B", "unix:" + work.unix_socket]
    if work.body_file:
        words += ["-d", work.body_file, "-H", "Content-Type: application/json"]
    return words + [work.url]


def read_h2load(text, work):
    if number(r"(\d+) succeeded", text) != work.requests or number(r"(\d+) 5xx", text):
        raise ValueError(text)
    return {"requests": work.requests, "rate": number(r"([0-9.]+) req/s", text)}


def ab_command(words, work):
    """Its text has whole milliseconds only, its CSV has more."""
    words = [*words, "-q", "-s", "60", "-n", str(work.requests), "-c", str(work.in_flight), "-e",
             os.path.join(work.folder, "ab.csv")]
    if work.scenario.place != "cold":
        words.append("-k")
    return words + [work.url]


def read_ab(text, work):
    if number(r"Failed requests:\s+(\d+)", text) or "Non-2xx" in text:
        raise ValueError(text)
    with open(os.path.join(work.folder, "ab.csv"), encoding="ascii") as file:
        csv = file.read()
    return {"requests": work.requests, "rate": number(r"Requests per second:\s+([0-9.]+)", text),
            "p50_us": number(r"(?m)^50,([0-9.]+)", csv) * 1e3,
            "p99_us": number(r"(?m)^99,([0-9.]+)", csv) * 1e3}


def autocannon_command(words, work):
    words = [*words, "-j", "-n", "-t", "60", "-a", str(work.requests), "-c", str(work.in_flight)]
    if work.unix_socket:
        words += ["-S", work.unix_socket]
    if work.ca_file:
        words += ["--ca", work.ca_file]
    if work.body_file:
        words += ["-m", "POST", "-i", work.body_file, "-H", "Content-Type=application/json"]
    return words + [work.url]


def read_autocannon(text, work):
    said = json.loads(text[text.index("{"):])
    if said["2xx"] != work.requests or said["errors"] or said["non2xx"]:
        raise ValueError(f"{said['2xx']} of {work.requests}, {said['errors']} errors")
    figures = {"requests": work.requests, "rate": work.requests / max(said["duration"], 1e-3)}
    # Whole milliseconds: 0 says nothing.
    figures.update({f"{key}_us": said["latency"][key] * 1e3 for key in ("p50", "p99", "p99_9")
                    if said["latency"].get(key)})
    return figures


# --- Where they are ---

def built(name, *words):
    def find(build):
        program = os.path.join(build, name)
        return [program, *words] if os.access(program, os.X_OK) else None
    return find


def installed(name):
    def find(_build):
        program = shutil.which(name)
        return [program] if program else None
    return find


def module(name, *words):
    def find(_build):
        node = shutil.which("node")
        if node is None or not os.path.exists(os.path.join(MODULES, name, "package.json")):
            return None
        return [node, *words]
    return find


def find_aiohttp(_build):
    """Debian's is its own python3's, which need not be the first one on PATH."""
    for python in (sys.executable, "/usr/bin/python3"):
        if os.access(python, os.X_OK) and subprocess.run(
                [python, "-c", "import aiohttp"], capture_output=True, check=False).returncode == 0:
            return [python, os.path.join(PERF, "aiohttp_client.py")]
    return None


def can(*names):
    return frozenset(names)


CLIENTS = [
    Client("floor", "`perf/floor.c`: a bare io_uring loop that parses nothing: what is possible",
           built("perf/floor"), can("unix", "large", "count"), warm_command, read_ring),
    Client("quoit", "`quoit bench --io uring`", built("quoit", "bench", "--io", "uring"),
           can("unix", "tls", "large", "post", "stream", "count"), bench_command, read_bench),
    Client("quoit-epoll", "`quoit bench --io epoll`: the same over its other back end",
           built("quoit", "bench", "--io", "epoll"),
           can("unix", "tls", "large", "post", "stream", "count"), bench_command, read_bench),
    Client("engine", "`perf/batch_bench.c`: libquoit alone, through `include/quoit.h`",
           built("perf/batch_bench"), can("unix", "tls", "large", "count"), warm_command,
           read_ring),
    Client("quoit-batch", "`quoit batch`: from a file to a file", built("quoit", "batch"),
           can("post", "stream", "count"), batch_command, read_batch,
           only=can("post")),
    Client("epoll", "`perf/epoll_client.c`: the simplest good client on epoll, with llhttp",
           built("perf/epoll_client"), can("unix", "large", "post", "stream", "count"),
           warm_command, read_ring),
    Client("libcurl", "`perf/curl_multi.c`: libcurl's multi interface, with curl_multi_poll",
           built("perf/curl_multi"), can("unix", "tls", "large", "post", "stream", "count"),
           warm_command, read_ring),
    Client("wrk", "one thread; for whole seconds; verifies no certificate", installed("wrk"),
           can("tls", "large"), wrk_command, read_wrk, ("-v",)),
    Client("h2load", "`--h1`, one thread; no percentiles; verifies no certificate",
           installed("h2load"), can("unix", "tls", "large", "post", "count"), h2load_command,
           read_h2load, ("--version",)),
    Client("ab", "`-k`, over HTTP/1.0; no p99.9; verifies no certificate", installed("ab"),
           can("tls", "large", "count"), ab_command, read_ab, ("-V",)),
    Client("aiohttp", "`perf/aiohttp_client.py`", find_aiohttp,
           can("unix", "tls", "large", "post", "stream", "count"), own_words, read_own),
    Client("undici", "`perf/undici_client.mjs`, on Node.js",
           module("undici", os.path.join(PERF, "undici_client.mjs"), "--modules", MODULES),
           can("unix", "tls", "large", "post", "stream", "count"), own_words, read_own),
    Client("autocannon", "on Node.js; whole milliseconds",
           module("autocannon", os.path.join(MODULES, "autocannon/autocannon.js")),
           can("unix", "tls", "large", "post", "count"), autocannon_command, read_autocannon),
]
