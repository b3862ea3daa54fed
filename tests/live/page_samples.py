"""page_samples: results as `quoit bench --json` writes them, of runs that were made up.

A run is a list of requests (Request below), drawn from a seed; result() counts them as the contract
says. So what a page must show can be worked out from the same JSON.
"""

import bisect
import collections
import math
import random

# Times in seconds from T0; code: None, or why it failed; gaps: between tokens.
Request = collections.namedtuple("Request", "due sent ended code ttft gaps")
PERCENTILES = (50, 75, 90, 95, 99, 99.9)


def percentile(values, percent):
    """Of sorted values; linear between neighbours, None where fewer than one is above."""
    if len(values) * (100 - percent) / 100 < 1:
        return None
    at = (len(values) - 1) * percent / 100
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return round(values[low] + (values[high] - values[low]) * (at - low), 3)


def summary(values):
    """H of the contract."""
    if not values:
        return {"count": 0}
    values = sorted(values)
    mean = sum(values) / len(values)
    std = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    percentiles = {"p%g" % percent: percentile(values, percent) for percent in PERCENTILES}
    return {"count": len(values), "min": values[0], "mean": round(mean, 3), "std": round(std, 3),
            **percentiles, "max": values[-1]}


def short_summary(values):
    full = summary(values)
    return {key: full[key] for key in ("count", "mean", "p50", "p90", "p99", "max") if key in full}


def curve(values):
    values = sorted(values)
    points, rest = [[0, values[0]]], 1.0
    while rest * len(values) > 1:
        for part in (1, 0.9, 0.8, 0.7, 0.6, 0.5):
            percent = 100 * (1 - rest * part)
            at = math.ceil(len(values) * percent / 100) - 1
            points.append([round(percent, 6), values[max(at, 0)]])
        rest /= 2
    return points + [[100, values[-1]]]


def buckets(values, each=20):
    """Log-spaced, `each` a power of ten; empty ones are left out."""
    counts = collections.Counter(math.floor(math.log10(max(value, 0.001)) * each + 1e-9)
                                 for value in values)
    return [[round(10 ** (bucket / each), 6), round(10 ** ((bucket + 1) / each), 6), count]
            for bucket, count in sorted(counts.items())]


def distribution(values):
    return {"curve": curve(values), "buckets": buckets(values)} if values else {}


def milliseconds(seconds):
    return round(seconds * 1000, 3)


class Measured:
    """All metrics of some requests, in ms."""

    def __init__(self, requests, lag):
        answered = [request for request in requests
                    if request.code is None or request.code.startswith("timeout")]
        good = [request for request in requests if request.code is None]
        self.values = {
            "latency_ms": [milliseconds(one.ended - one.due) for one in answered],
            "service_ms": [milliseconds(one.ended - one.sent) for one in answered],
            "queue_ms": [milliseconds(max(one.sent - one.due - lag, 0)) for one in answered],
            "connect_ms": [],
            "ttft_ms": [milliseconds(one.ttft) for one in good if one.gaps],
            "ttft_schedule_ms": [milliseconds(one.sent + one.ttft - one.due)
                                 for one in good if one.gaps],
            "tpot_ms": [milliseconds(sum(one.gaps) / len(one.gaps)) for one in good if one.gaps],
            "itl_ms": [milliseconds(gap) for one in good for gap in one.gaps],
            "e2el_ms": [milliseconds(one.ended - one.sent) for one in good],
        }


def in_flight(requests, ends):
    """How many are, at each of these times."""
    sent = sorted(request.sent for request in requests)
    ended = sorted(request.ended for request in requests)
    return [bisect.bisect_left(sent, end) - bisect.bisect_left(ended, end) for end in ends]


def timeline(requests, length, interval, lag):
    count = math.ceil(max([length] + [one.ended for one in requests]) / interval - 1e-9)
    ended = [[] for _ in range(count)]
    for request in requests:
        ended[min(int(request.ended / interval), count - 1)].append(request)
    sent = collections.Counter(int(request.sent / interval) for request in requests)
    flying = in_flight(requests, [(i + 1) * interval for i in range(count)])
    points = []
    for i, mine in enumerate(ended):
        values = Measured(mine, lag).values
        ok = sum(1 for one in mine if one.code is None)
        points.append({
            "seconds": round(i * interval, 3), "sent": sent[i],
            "ok": ok, "failed": len(mine) - ok,
            "in_flight": flying[i],
            "tokens_out": sum(len(one.gaps) + 1 for one in mine if one.gaps),
            **{key: short_summary(values[key])
               for key in ("latency_ms", "service_ms", "ttft_ms", "itl_ms")}})
    return {"interval_seconds": interval, "points": points}


def result(requests, length, interval, *, config, verdict="ok", lag=0.00002, url=None, **more):
    """The result of these requests in a window of `length` seconds."""
    values = Measured(requests, lag).values
    chance = random.Random(7)
    lags = [milliseconds(chance.lognormvariate(math.log(lag), 0.7)) for _ in requests]
    good = [request for request in requests if request.code is None]
    in_window = sum(1 for request in good if request.ended <= length)
    out = sum(len(request.gaps) + 1 for request in good if request.gaps)
    asked = config.get("rate")
    distributions = {key: distribution(some) for key, some in values.items() if some}
    if lags:
        distributions["lag_ms"] = distribution(lags)
    return {
        "requests": {"total": len(requests), "ok": len(good), "failed": len(requests) - len(good),
                     "unsent": 0, "resent": 0,
                     "errors": dict(collections.Counter(one.code for one in requests if one.code))},
        "statuses": {"200": len(good)} if good else {}, "seconds": length,
        "requests_per_second": round(in_window / length, 3), "goodput": None,
        "rate": {"asked": asked, "sent": round(len(requests) / length, 3)},
        **{key: summary(some) for key, some in values.items()},
        "tokens": {"in": 100 * len(good) if out else 0, "out": out,
                   "out_per_second": round(out / length, 3),
                   "total_per_second": round((out + 100 * len(good)) / length, 3)},
        "slo": [],
        "client": {"verdict": verdict, "lag_ms": summary(lags), "cpu_us_per_request": 6.314,
                   "cpu_share": 0.127, "spin_share": 0.021, "enters_per_request": 0.412,
                   "sqes_per_request": 1.003, "cqes_per_request": 1.998, "events_per_read": 1.04,
                   "no_buffers": 0, "slots_full_share": 0.0},
        "percentiles": "exact", "warmup": {"requests": 0, "seconds": 0}, "interrupted": False,
        "config": config, "version": "0.5.0", "started_at": "2026-11-22T08:30:00Z",
        "timeline": timeline(requests, length, interval, lag), "distributions": distributions,
        "server": {"url": url or "http://127.0.0.1:8000/v1/chat/completions", "method": "POST"},
        **more}


def poisson(chance, per_second, length):
    due = chance.expovariate(per_second)
    while due < length:
        yield due
        due += chance.expovariate(per_second)


def failing(chance, share, code="connection_reset"):
    return code if chance.random() < share else None


def small(seed=1, median=0.0011, length=10, per_second=400):
    """Small requests at a constant rate, with a tail; one in 500 fails."""
    chance = random.Random(seed)
    requests = []
    for i in range(int(per_second * length)):
        due = i / per_second
        sent = due + 0.00002 + chance.expovariate(1 / 0.00008)
        service = chance.lognormvariate(math.log(median), 0.35)
        if chance.random() < 0.01:
            service *= chance.uniform(4, 20)
        requests.append(Request(due, sent, sent + service, failing(chance, 0.002), None, []))
    return result(requests, length, 0.1, url="http://127.0.0.1:8080/", config={
        "concurrency": 10000, "rate": per_second, "arrival": "constant", "duration_seconds": length,
        "requests": None, "threads": 1, "stream": False, "seed": seed, "method": "GET"})


def stream(seed=1, gap=0.021, length=60, per_second=8, tokens=40):
    """Streams of an LLM, with more load in the middle of each half."""
    chance = random.Random(seed)
    requests = []
    for due in poisson(chance, per_second, length):
        sent = due + 0.0001
        load = 1 + 0.5 * math.sin(due / length * 2 * math.pi) ** 2
        ttft = chance.lognormvariate(math.log(0.14 * load), 0.35)
        gaps = [max(chance.gauss(gap * load, gap * 0.12), 0.001)
                * (8 if chance.random() < 0.004 else 1)
                for _ in range(chance.randrange(tokens // 2, tokens * 3 // 2))]
        code = failing(chance, 0.004, "timeout_idle")
        requests.append(Request(due, sent, sent + ttft + sum(gaps), code, ttft, gaps))
    made = result(requests, length, 1, config={
        "concurrency": 10000, "rate": per_second, "arrival": "poisson", "duration_seconds": length,
        "requests": None, "threads": 1, "stream": True, "seed": seed})
    p99 = made["ttft_ms"]["p99"]
    return {**made, "goodput": round(made["requests_per_second"] * 0.93, 3), "slo": [
        {"expr": "ttft_p99<200ms", "value": p99, "met": p99 < 200},
        {"expr": "tpot_p99<50ms", "value": made["tpot_ms"]["p99"], "met": True},
        {"expr": "error_rate<1%", "value": made["requests"]["failed"] / made["requests"]["total"],
         "met": True}]}


def stalled(length=30, per_second=200, stall_at=12, stall=2):
    """A server that answers in 2 ms and stops once for 2 s; 20 connections carry all requests."""
    chance = random.Random(3)
    slots = [0.0] * 20
    requests = []
    for i in range(length * per_second):
        due = i / per_second
        slot = min(range(len(slots)), key=slots.__getitem__)
        sent = max(due, slots[slot])
        ended = sent + chance.lognormvariate(math.log(0.002), 0.2)
        if sent < stall_at + stall and ended > stall_at:
            ended += stall_at + stall - max(sent, stall_at)
        slots[slot] = ended
        requests.append(Request(due, sent, ended, None, None, []))
    made = result(requests, length, 0.5, verdict="slots_limited", config={
        "concurrency": 20, "rate": per_second, "arrival": "constant", "duration_seconds": length,
        "requests": None, "threads": 1, "stream": False, "seed": 1})
    made["client"]["slots_full_share"] = 0.067
    return made


def failed(length=5, per_second=50):
    """Nobody listens."""
    requests = [Request(i / per_second, i / per_second, i / per_second + 0.0002,
                        "connect_error" if i % 7 else "dns_error", None, [])
                for i in range(length * per_second)]
    return result(requests, length, 0.1, config={"concurrency": 50, "rate": None,
                                                 "duration_seconds": length, "stream": False})


def one():
    """A single request."""
    return result([Request(0, 0.0001, 0.0123, None, None, [])], 0.0123, 0.1,
                  config={"concurrency": 1, "rate": None, "requests": 1})


def nothing():
    """Interrupted before anything was sent; no timeline and no distribution."""
    made = result([], 0.001, 1, config={}, interrupted=True)
    made["timeline"] = {"interval_seconds": 1, "points": []}
    made["distributions"] = {}
    return {**made, "seconds": 0, "requests_per_second": None,
            "rate": {"asked": None, "sent": None}}


def sparse(points=300):
    """300 points; few requests in each, none in every tenth: p99 is never known."""
    chance = random.Random(5)
    requests = []
    for i in range(points):
        for _ in range(0 if i % 10 == 9 else chance.randrange(1, 14)):
            due = i * 4 + chance.uniform(0, 3.5)
            requests.append(Request(due, due + 0.0001, due + chance.uniform(0.05, 0.4), None, None,
                                    []))
    return result(sorted(requests), points * 4, 4, verdict="client_limited", interrupted=True,
                  config={"concurrency": 50, "rate": None, "duration_seconds": 7200})


def searched():
    """--find-max-rate: 800 a second is held, 900 is not."""
    made = small(seed=9)
    steps = []
    for asked in (100, 200, 400, 800, 1600, 1200, 1000, 900, 850):
        met = asked <= 800
        latency = summary([(1 + asked / 300) * (1 if met else 40) * (1 + i / 200)
                           for i in range(200)])
        steps.append({"rate": asked, "sent": asked * (1 if met else 0.9), "met": met,
                      "verdict": "ok" if met else "saturated", "latency_ms": latency})
    return {**made, "search": steps,
            "slo": [{"expr": "latency_p99<20ms", "value": made["latency_ms"]["p99"], "met": True}]}


def several(count=3):
    names = ["main", "more-buffers", "epoll", "two-threads"] + ["run-%d" % i for i in range(5, 20)]
    return [{"name": names[i], "result": small(seed=i + 1, median=0.0011 * (1 + 0.3 * i), length=2)}
            for i in range(count)]


COMPARED = (("requests_per_second", "/s", "higher", lambda made: made["requests_per_second"]),
            ("error_rate", "%", "lower",
             lambda made: 100 * made["requests"]["failed"] / made["requests"]["total"]),
            ("latency_p50", "ms", "lower", lambda made: made["latency_ms"]["p50"]),
            ("latency_p99", "ms", "lower", lambda made: made["latency_ms"]["p99"]),
            ("service_p50", "ms", "lower", lambda made: made["service_ms"]["p50"]),
            ("cpu_us_per_request", "us", "lower",
             lambda made: made["client"]["cpu_us_per_request"]))


def changed(name, unit, better, side, base, value):
    change = value - base if unit == "%" else 100 * (value / base - 1)
    verdict = "same" if abs(change) < 2 else "better" if (change > 0) == (better == "higher") \
        else "worse"
    return {"metric": name, "side": side, "unit": unit, "better": better, "base": base,
            "value": value, "change_percent": round(change, 3),
            "low_percent": round(change - 1.9, 3), "high_percent": round(change + 1.9, 3),
            "samples_of": "intervals", "base_samples": 40, "samples": 40, "verdict": verdict}


def compared(count=3):
    """What `quoit compare` gives its page."""
    runs = several(count)
    metrics = [changed(name, unit, better, run["name"], of(runs[0]["result"]), of(run["result"]))
               for run in runs[1:] for name, unit, better, of in COMPARED]
    return {"runs": runs, "compare": {
        "base": runs[0]["name"],
        "sides": [{"name": run["name"], "runs": 1, "shown": run["name"]} for run in runs],
        "metrics": metrics, "max_regression_percent": 10.0,
        "regressions": [{key: metric[key] for key in ("metric", "side", "change_percent")}
                        for metric in metrics
                        if metric["verdict"] == "worse" and metric["change_percent"] > 10],
        "warnings": ["the runs are of different options: threads"]}}


HOSTILE = ["</script><script>alert(1)</script>", "<!--<script>", "\u2028\u2029", "\"'&<b>bold</b>",
           "\u202ecod", "</SCRIPT ", "]]>", "x" * 300]


def hostile():
    """Text from outside wherever the JSON holds text."""
    made = failed()
    text = "".join(HOSTILE)
    return {**made, "server": {"url": "http://127.0.0.1/" + text, "method": HOSTILE[3]},
            "requests": {**made["requests"], "errors": {text: 3, **made["requests"]["errors"]}},
            "config": {text: text, "object": {text: [text]}}, "version": HOSTILE[0],
            "slo": [{"expr": text, "value": None, "met": False}], "started_at": HOSTILE[0],
            "client": {**made["client"], "verdict": HOSTILE[0]}}
