"""What all tests share: quoit-mock to talk to, its ledger, and both kinds of loop.

QUOIT_BUILD is the build folder (build), below the root of the checkout. QUOIT_TEST_IO=epoll has all
engines run on epoll. Only 127.0.0.1 is used.
"""

import asyncio
import contextlib
import gc
import inspect
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

import pytest

try:
    import uvloop
except ImportError:
    uvloop = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("QUOIT_BUILD", "build")
SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
LIMIT_S = 30  # for anything that should take a moment

os.environ["QUOIT_LIBRARY"] = str(BUILD)
for _name in [name for name in os.environ if name.startswith("OPENAI_")]:
    del os.environ[_name]
sys.path.insert(0, str(ROOT / "python"))

import quoit  # noqa: E402
import quoit._engine  # noqa: E402
import quoit._header  # noqa: E402

if os.environ.get("QUOIT_TEST_IO") == "epoll":
    quoit._engine.io = quoit._header.QUOIT_IO_EPOLL


class Mock:
    """A quoit-mock of its own: with Mock("--latency", "20ms") as mock."""

    def __init__(self, *options):
        self.options = options

    def __enter__(self):
        self.process = subprocess.Popen(
            [BUILD / "quoit-mock", *self.options], stdout=subprocess.PIPE, text=True
        )
        self.port = int(self.process.stdout.readline().split()[-1])
        self.origin = f"http://127.0.0.1:{self.port}"
        self.base = self.origin + "/v1"
        return self

    def __exit__(self, *_):
        if self.process.poll() is not None:
            return
        self.process.terminate()
        with self.process.stdout as stdout:
            stdout.read()  # until its end: quicker than to ask again and again whether it is there
        self.process.wait(LIMIT_S)

    def ledger(self):
        with urllib.request.urlopen(self.origin + "/ledger", timeout=LIMIT_S) as answer:
            return json.load(answer)

    def wait_for(self, what, holds):
        """Look at the ledger until it is so; the last one looked at."""
        end = time.monotonic() + LIMIT_S
        while True:
            ledger = self.ledger()
            if holds(ledger):
                return ledger
            assert time.monotonic() < end, f"never came: {what}: {ledger}"
            time.sleep(0.005)

    def wait_for_no_connection(self):
        return self.wait_for(
            "the end of every connection",
            lambda ledger: ledger["connections_open"] == 0 and ledger["in_flight"] == 0,
        )

    def requests_of(self, number, **more):
        """So many chat requests, each with words of its own."""
        return [
            quoit.Request(
                "POST",
                self.base + "/chat/completions",
                json={"model": "m", "messages": [{"role": "user", "content": f"say {i}"}]},
                **more,
            )
            for i in range(number)
        ]


# Such a build is slower, and keeps memory that was freed.
not_sanitized = pytest.mark.skipif(SANITIZED, reason="a sanitized build is not measured")


@pytest.fixture(autouse=True)
def nothing_kept():
    """Each test begins without the connections of the one before."""
    quoit.close_connections()


@pytest.fixture
def mock():
    with Mock() as running:
        yield running


@pytest.fixture
def mock_of():
    """Mocks with options; all are stopped at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda *options: stack.enter_context(Mock(*options))


def pytest_collection_finish():
    """The garbage collector does not look through what is pytest's, again and again: that would be
    the longest time for which a loop is held up.
    """
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc):
    """Each test of a coroutine runs in both loops, but one that is long and whose promise has
    nothing to do with the loop: @pytest.mark.any_loop.
    """
    if inspect.iscoroutinefunction(metafunc.function):
        either = metafunc.definition.get_closest_marker("any_loop")
        metafunc.fixturenames.append("loop_kind")
        metafunc.parametrize("loop_kind", ["asyncio"] if either else ["asyncio", "uvloop"])


@pytest.fixture
def event_loop(request):
    kind = request.node.callspec.params["loop_kind"]
    if kind == "uvloop" and uvloop is None:
        pytest.skip("uvloop is not installed")
    loop = uvloop.new_event_loop() if kind == "uvloop" else asyncio.new_event_loop()
    yield loop
    loop.close()


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def tasks():
    """Threads of this process. Once it has forked, an engine shuts sockets down before it closes
    them, and for that the kernel has workers of its own, which stay for a while: not counted.
    """
    names = [path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/comm")]
    return sum(not name.startswith("iou-wrk-") for name in names)


def resident_bytes():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def queries(number):
    return [f'say {i}: "\u00fc" \\ \n \U0001f94f' for i in range(number)]
