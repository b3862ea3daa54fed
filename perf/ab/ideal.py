"""ideal: what no client can better: the waits that quoit-mock has drawn, and nothing else.

quoit-mock draws the wait of a request from its seed, the SHA-256 of the body, which its answer names
("Answer to HASH: ..."), and how often that body was asked before (mock/plan.c, mock/chance.c). So
an answer tells how long it had to take, to the nanosecond, whatever bytes a client made of a prompt.

The ideal client has as many queries in flight as it may from the first moment on, begins the next
one, in their order, at the moment when one ends, and takes no time for anything.
"""

import heapq
import math
import re

MASK = (1 << 64) - 1
SEED = 1
MEDIAN_NS, SIGMA = 400e6, 0.5
LATENCY = "lognormal:400ms:0.5"  # the same, for quoit-mock


def scramble(number):
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9 & MASK
    number = (number ^ number >> 27) * 0x94d049bb133111eb & MASK
    return number ^ number >> 31


def mix(first, second):
    return scramble(scramble((first + 0x9e3779b97f4a7c15) & MASK) ^ second)


def draw_s(body_hash):
    """Of a body that is asked for the first time."""
    state, shares = mix(SEED, mix(body_hash, 1)), []
    for _ in range(2):
        state = (state + 0x9e3779b97f4a7c15) & MASK
        shares.append((scramble(state) >> 11) * 2.0 ** -53)
    normal = math.sqrt(-2 * math.log(1 - shares[0])) * math.cos(2 * math.pi * shares[1])
    return MEDIAN_NS * math.exp(SIGMA * normal) / 1e9


def hash_in(text):
    found = re.match(r"Answer to ([0-9a-f]{16}):", text)
    if found is None:
        raise ValueError(f"this is no answer of quoit-mock: {text[:80]}")
    return int(found.group(1), 16)


def ends_s(draws, in_flight):
    """When the ideal client has each answer, since the call."""
    busy, ends = [], []
    for draw in draws:
        begin = heapq.heappop(busy) if len(busy) == in_flight else 0.0
        ends.append(begin + draw)
        heapq.heappush(busy, begin + draw)
    return ends
