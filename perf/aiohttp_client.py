#!/usr/bin/env python3
"""aiohttp_client: the same work as the other clients of perf/, by aiohttp, as its manual shows it:
one session, a connector with as many connections as there are requests in flight, a task for each.

    perf/aiohttp_client.py --url U [-n N] [-c C] [--unix-socket P] [--cacert F] [--post F]
                           [--stream] --json

It prints one JSON object, whose members are those of perf/measure.h, and exits 1 if a request
failed. --stream reads the answer line by line and parses the JSON of each event.
"""

import argparse
import asyncio
import json
import ssl
import sys
import time

import aiohttp


def percentile_us(values_ns, percent):
    if not values_ns:
        return 0
    at = min(len(values_ns) - 1, int(len(values_ns) * percent / 100))
    return sorted(values_ns)[at] / 1e3


class Load:
    def __init__(self, options):
        self.options = options
        self.left = options.requests
        self.failed = self.tokens = 0
        self.latencies, self.first_tokens, self.gaps = [], [], []
        self.body, self.headers = None, {}
        if options.post:
            with open(options.post, "rb") as file:
                self.body = file.read()
            self.headers = {"Content-Type": "application/json"}

    async def read_events(self, response, sent_ns):
        """The tokens of one stream. True: it has said that it is over."""
        last_ns, times = sent_ns, self.first_tokens
        ended = False
        async for line in response.content:
            if not line.startswith(b"data: "):
                continue
            data = line[6:].strip()
            if data == b"[DONE]":
                ended = True
                continue
            choices = json.loads(data)["choices"]
            if choices and choices[0]["delta"].get("content"):
                now_ns = time.monotonic_ns()
                times.append(now_ns - last_ns)
                last_ns, times = now_ns, self.gaps
                self.tokens += 1
        return ended

    async def ask(self, session):
        sent_ns = time.monotonic_ns()
        method = "GET" if self.body is None else "POST"
        async with session.request(method, self.options.url, data=self.body,
                                   headers=self.headers) as response:
            good = response.status // 100 == 2
            if self.options.stream:
                good = await self.read_events(response, sent_ns) and good
            else:
                await response.read()
        self.latencies.append(time.monotonic_ns() - sent_ns)
        return good

    async def work(self, session):
        while self.left > 0:
            self.left -= 1
            try:
                good = await self.ask(session)
            except (aiohttp.ClientError, OSError) as error:
                good = False
                print(f"aiohttp_client: {error!r}", file=sys.stderr)
            self.failed += not good

    async def run(self):
        options = self.options
        trust = ssl.create_default_context(cafile=options.cacert) if options.cacert else None
        limit = options.in_flight
        if options.unix_socket:
            connector = aiohttp.UnixConnector(options.unix_socket, limit=limit)
        else:
            connector = aiohttp.TCPConnector(limit=limit, ssl=trust)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            await asyncio.gather(*(self.work(session) for _ in range(limit)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("-n", dest="requests", type=int, default=10000)
    parser.add_argument("-c", dest="in_flight", type=int, default=64)
    parser.add_argument("--unix-socket")
    parser.add_argument("--cacert")
    parser.add_argument("--post", help="POST what is in this file, which is JSON")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--json", action="store_true", help="it prints nothing else anyway")
    load = Load(parser.parse_args())

    began = time.monotonic()
    asyncio.run(load.run())
    seconds = time.monotonic() - began
    figures = {"program": "aiohttp_client", "requests": len(load.latencies),
               "failed": load.failed, "seconds": seconds,
               "requests_per_second": len(load.latencies) / seconds, "tokens": load.tokens}
    for name, values in (("", load.latencies), ("ttft_", load.first_tokens), ("itl_", load.gaps)):
        for key, percent in (("p50", 50), ("p99", 99), ("p99_9", 99.9)):
            figures[f"{name}{key}_us"] = percentile_us(values, percent)
    print(json.dumps(figures))
    return 1 if load.failed else 0


if __name__ == "__main__":
    sys.exit(main())
