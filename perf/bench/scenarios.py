"""scenarios: what is asked of the clients, one row for each.

A client takes part if it can do all that a scenario needs (clients.py says what each can). Those
with `requests` have that many; the others as many as fill the seconds of a run. A figure "per unit"
is per request, or per what `unit` says: `units` of it come with each request.
"""

import dataclasses
import json

SMALL_BODY = '{"id":"0123456789","object":"answer","text":"The quick brown fox jumps."}'
LARGE_SIZE = 1024 * 1024
STREAM_TOKENS = 64
STREAM_EVENTS = STREAM_TOKENS + 4  # a role, a finish_reason, the usage, [DONE]
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "say it"}]}
LLM_LATENCY = "lognormal:400ms:0.5"


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    what: str
    in_flight: int
    place: str = "small"  # of servers.py: where the requests go
    needs: frozenset = frozenset()
    requests: int = 0  # 0: as many as fill the seconds
    least: int = 2000  # then, for those who would take longer; and what tells how many fill them
    start_counts: bool = False  # a process that starts for this is a part of what it costs
    traced: int = 2000  # at most so many under strace, and in flight there
    unit: str = "request"
    units: float = 1
    mock: tuple = ()  # quoit-mock's options; (): nginx answers
    body: str = ""  # what is sent, JSON
    columns: tuple = ("rate", "cpu", "p50", "p99", "p99_9", "memory", "entries", "server")

    @property
    def stream(self):
        return "stream" in self.needs

    @property
    def scheme(self):
        return "https" if "tls" in self.needs else "http"


def small(in_flight):
    return Scenario(
        f"small-{in_flight}", f"Small answers, {in_flight:,} in flight",
        "GET of about 100 bytes over kept TCP connections; nginx.", in_flight)


def batch(queries, in_flight):
    return Scenario(
        f"batch-{queries}", f"A batch of {queries:,} queries to an LLM, {in_flight:,} in flight",
        f"POST of a chat; quoit-mock answers after a time that is drawn ({LLM_LATENCY}), the same"
        " times for each client. quoit-batch reads its queries from a file and writes answers to"
        " one; the others drop what comes. CPU and entries have the process's start in them.",
        in_flight, place="chat", needs=frozenset({"post", "count"}), requests=queries,
        start_counts=True, mock=("--latency", LLM_LATENCY, "--tokens", "64"),
        body=json.dumps(QUESTION),
        columns=("wall", "cpu", "p50", "p99", "p99_9", "memory", "entries", "server"))


SCENARIOS = [
    small(1),
    small(2),
    small(64),
    small(1000),
    Scenario("unix-64", "Small answers, 64 in flight, unix socket",
             "As before, without TCP; nginx.", 64, needs=frozenset({"unix"})),
    Scenario("tls-64", "Small answers, 64 in flight, TLS",
             "As before, over kept TLS 1.3 connections; nginx.", 64, needs=frozenset({"tls"})),
    Scenario("large-16", "Answers of 1 MiB, 16 in flight",
             "GET of a file of 1 MiB over kept TCP connections; nginx, with sendfile. The unit is"
             " the MiB.", 16, place="large", needs=frozenset({"large"}), least=200, unit="MiB"),
    Scenario("cold-1000", "1,000 TLS connections from cold",
             "1,000 requests at once, each on a TLS connection of its own, which the server closes"
             " behind its answer; nginx with session tickets. wall, CPU and entries have the"
             " process's start in them. connections and resumed: as nginx counted them.", 1000,
             place="cold", needs=frozenset({"tls", "count"}), requests=1000, start_counts=True,
             traced=300, unit="connection",
             columns=("wall", "cpu", "p99", "memory", "entries", "server", "connections",
                      "resumed")),
    Scenario("streams-2000", "2,000 streams at once",
             f"4,000 streams of {STREAM_TOKENS} tokens, 20 ms to the first one and 20 ms between"
             " them; quoit-mock. Each client takes the events apart and counts the tokens. The unit"
             f" is the event, {STREAM_EVENTS} to a stream. In truth ttft and itl are 20 ms.", 2000,
             place="chat", needs=frozenset({"post", "stream", "count"}), requests=4000, traced=300,
             unit="event", units=STREAM_EVENTS,
             mock=("--ttft", "20ms", "--gap", "20ms", "--tokens", str(STREAM_TOKENS)),
             body=json.dumps({**QUESTION, "stream": True,
                              "stream_options": {"include_usage": True}}),
             columns=("wall", "cpu", "ttft_p50", "ttft_p99", "itl_p50", "itl_p99", "memory",
                      "entries", "server")),
    batch(50, 50),
    batch(10000, 1000),
]


def chosen(names):
    """The rows of those names, in their order; all of them for no name."""
    known = {scenario.name: scenario for scenario in SCENARIOS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no scenario is called {unknown[0]}: {', '.join(known)}")
    return [known[name] for name in names] or SCENARIOS
