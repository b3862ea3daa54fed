"""Client: one request, gather, as they complete, in bulk; limits, timeouts, retries, its life."""

import asyncio
import contextlib
import contextvars
import gc
import math
import os
import signal
import subprocess
import time
import warnings

import pytest

import quoit
from conftest import BUILD, LIMIT_S, descriptors, not_sanitized, resident_bytes, tasks


# --- One request ---


async def test_any_status_is_an_answer(mock):
    async with quoit.Client() as client:
        response = await client.request("GET", mock.origin + "/missing")
        assert response.status == 404 and not response.ok
        assert response.header("content-TYPE") == "application/json"
        assert response.header("no-such") is None
        assert response.json()["error"]["code"] == "model_not_found"
        assert (response.attempts, response.retries) == (1, 0)
        assert 0 < response.seconds < LIMIT_S


async def test_a_body_arrives_as_it_was(mock):
    bodies = [b"a\0b", "\u00fc", bytes(range(256)) * 4000]
    async with quoit.Client() as client:
        for body in bodies:
            response = await client.request("POST", mock.origin + "/echo", body=body)
            assert response.body == (body.encode() if isinstance(body, str) else body)


async def test_json_goes_out_and_comes_back(mock):
    async with quoit.Client() as client:
        response = await client.request("POST", mock.origin + "/echo", json={"a": [1, "\u00fc"]})
        assert response.json() == {"a": [1, "\u00fc"]}
        assert response.header("Content-Type") == "application/json"
        response = await client.request(
            "POST", mock.origin + "/echo", json=[], headers={"content-type": "text/x"}
        )
        assert response.header("Content-Type") == "text/x"


async def test_headers_are_a_mapping_or_pairs(mock):
    async with quoit.Client() as client:
        for headers in ({"X-Custom-Id": "k1"}, [("X-Custom-Id", "k1")]):
            response = await client.request("GET", mock.origin + "/a", headers=headers)
            assert response.header("x-mock-key") == "k1"


async def test_connections_are_kept(mock):
    async with quoit.Client() as client:
        first = await client.send(mock.origin + "/a")
        second = await client.send(mock.origin + "/a")
    assert (first.reused, second.reused) == (False, True)
    assert mock.wait_for_no_connection()["connections_opened"] == 1


async def test_a_unix_socket(tmp_path, mock_of):
    path = str(tmp_path / "s")
    process = subprocess.Popen([BUILD / "quoit-mock", "--unix-socket", path],
                               stdout=subprocess.DEVNULL)
    try:
        while not os.path.exists(path):
            assert process.poll() is None
            await asyncio.sleep(0.005)
        async with quoit.Client() as client:
            ask = quoit.Request("GET", "http://anything/a", unix_path=path)
            assert (await client.send(ask)).status == 200
    finally:
        process.terminate()
        process.wait(LIMIT_S)


async def test_tls_is_verified_unless_it_is_told_otherwise(tmp_path, mock_of):
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=mock",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )
    plain = str(tmp_path / "plain")
    mock = mock_of("--tls-cert", certificate, "--tls-key", key, "--plain-port-file", plain,
                   "--plain-port", "0")
    url = f"https://127.0.0.1:{mock.port}/a"
    async with quoit.Client() as client:
        with pytest.raises(quoit.QuoitError) as raised:
            await client.send(url)
        assert raised.value.code == "tls_error"
    for trust in ({"ca_file": certificate}, {"verify": False}):
        async with quoit.Client(**trust) as client:
            assert (await client.send(url)).status == 200
    with pytest.raises(quoit.QuoitError) as raised:
        async with quoit.Client(ca_file=key) as client:
            await client.send(url)
    assert "no TLS identity" in str(raised.value)


async def test_what_makes_no_sense_is_refused_before_it_is_sent(mock):
    async with quoit.Client() as client:
        for wrong in (
            {"headers": {"A": "b\0c"}},
            {"body": b"a", "json": 1},
            {"timeout": -1},
            {"retries": -1},
        ):
            with pytest.raises(ValueError):
                await client.request("GET", mock.origin, **wrong)
        for url, headers in (("nowhere", None), (mock.origin, {"A": "b\r\nC: d"}),
                             (mock.origin, {"Content-Length": "1"})):
            with pytest.raises(quoit.QuoitError) as raised:
                await client.request("GET", url, headers=headers)
            assert raised.value.code == "invalid_request"
    assert mock.ledger()["requests"] == 0


# --- Many ---


async def test_gather_keeps_the_order(mock_of):
    mock = mock_of("--latency", "uniform:30ms:60ms")
    requests = [
        quoit.Request("POST", mock.origin + "/echo", body=str(i)) for i in range(500)
    ]
    async with quoit.Client(max_concurrent=100) as client:
        responses = await client.gather(requests)
    assert [response.text for response in responses] == [str(i) for i in range(500)]
    ledger = mock.ledger()
    assert ledger["in_flight_max"] == 100 and ledger["connections_opened"] == 100


async def test_no_more_than_max_concurrent_whoever_asks(mock_of):
    mock = mock_of("--latency", "5ms")
    async with quoit.Client(max_concurrent=7) as client:
        await asyncio.gather(
            *(client.request("GET", mock.origin + "/a") for _ in range(60)),
            client.gather([mock.origin + "/b"] * 60),
        )
    assert mock.ledger()["in_flight_max"] == 7


@pytest.mark.any_loop
async def test_gather_holds_what_failed_or_raises_at_the_end(mock):
    urls = [mock.origin + "/a", "nowhere", mock.origin + "/b"]
    async with quoit.Client() as client:
        results = await client.gather(urls)
        assert [type(result) for result in results] == [
            quoit.Response, quoit.QuoitError, quoit.Response
        ]
        with pytest.raises(quoit.BatchError) as raised:
            await client.gather(urls, return_exceptions=False)
        assert len(raised.value.results) == 3 and len(raised.value.exceptions) == 1


@pytest.mark.any_loop
async def test_as_completed_gives_the_quick_first(mock):
    requests = [
        quoit.Request("GET", mock.origin + "/a", headers={"X-Mock-Latency": f"{wait}ms"})
        for wait in (300, 150, 1)
    ]
    async with quoit.Client() as client:
        order = [index async for index, _ in client.as_completed(requests)]
    assert order == [2, 1, 0]


async def test_bulk_reads_its_source_as_room_comes(mock):
    asked = 0

    def source():
        nonlocal asked
        while True:
            asked += 1
            yield mock.origin + "/a"

    ended = 0
    async with quoit.Client(max_concurrent=10) as client:
        async with contextlib.aclosing(client.bulk(source())) as chunks:
            async for chunk in chunks:
                assert all(outcome.status == 200 for _, outcome in chunk)
                ended += len(chunk)
                assert asked <= ended + 20
                if ended > 500:
                    break
        assert mock.wait_for("nothing in flight", lambda ledger: ledger["in_flight"] == 0)
        assert (await client.send(mock.origin + "/a")).status == 200


@pytest.mark.any_loop
async def test_bulk_makes_no_future_for_each_request(mock, monkeypatch):
    loop = asyncio.get_running_loop()
    async with quoit.Client(max_concurrent=50) as client:
        await client.gather([mock.origin + "/a"])
        made = 0
        wait = quoit._sinks.Sink.wait

        async def count(self):
            nonlocal made
            made += 1
            await wait(self)

        monkeypatch.setattr(quoit._sinks.Sink, "wait", count)
        before = len(asyncio.all_tasks(loop))
        chunks = [chunk async for chunk in client.bulk([mock.origin + "/a"] * 2000)]
        assert sum(map(len, chunks)) == 2000
        assert made < 1000 and len(asyncio.all_tasks(loop)) == before


# --- What fails ---


@pytest.mark.any_loop
async def test_each_timeout_has_its_code(mock):
    slow = {"X-Mock-Latency": "30s"}
    async with quoit.Client() as client:
        for timeout, code in (
            (0.05, "timeout_deadline"),
            (quoit.Timeouts(total=0.05), "timeout_deadline"),
            (quoit.Timeouts(first_byte=0.05), "timeout_first_byte"),
            (quoit.Timeouts(attempt=0.05, total=math.inf), "timeout_total"),
        ):
            with pytest.raises(TimeoutError) as raised:
                await client.request(
                    "GET", mock.origin + "/a", headers=slow, timeout=timeout, retries=0
                )
            assert isinstance(raised.value, quoit.QuoitTimeoutError)
            assert raised.value.code == code


@pytest.mark.any_loop
async def test_time_in_the_clients_own_queue_is_not_the_requests(mock_of):
    mock = mock_of("--latency", "50ms")
    async with quoit.Client(max_concurrent=1, timeout=0.4) as client:
        results = await client.gather([mock.origin + "/a"] * 12)
    assert all(isinstance(result, quoit.Response) for result in results)


@pytest.mark.any_loop
async def test_a_get_is_tried_again_and_a_post_only_if_it_may(mock_of):
    mock = mock_of("--fail-first", "1:503")
    async with quoit.Client() as client:
        async def ask(method, key, replay=None):
            response = await client.request(
                method, mock.origin + "/a", headers={"X-Custom-Id": key}, replay=replay
            )
            return response.status, response.attempts, response.retries

        assert await ask("GET", "get") == (200, 2, 1)
        assert await ask("POST", "post") == (503, 1, 0)
        assert await ask("POST", "post that may", True) == (200, 2, 1)
        assert await ask("GET", "get that may not", False) == (503, 1, 0)
    assert mock.ledger()["executions"] == {
        "get": 2, "post": 1, "post that may": 2, "get that may not": 1
    }


@pytest.mark.any_loop
async def test_the_clients_retries_hold_unless_the_request_says_so(mock_of):
    mock = mock_of("--status", "503")
    async with quoit.Client(retries=0) as client:
        assert (await client.send(mock.origin + "/a")).attempts == 1
        once_more = await client.request("GET", mock.origin + "/a", retries=1)
        assert (once_more.attempts, once_more.retries) == (2, 1)


async def test_what_may_be_billed_is_told(mock_of):
    mock = mock_of("--fault", "close-before")
    async with quoit.Client() as client:
        with pytest.raises(quoit.QuoitError) as raised:
            await client.request("POST", mock.origin + "/a", body=b"x")
    assert raised.value.maybe_billed and raised.value.transient
    assert raised.value.code == "connection_reset" and raised.value.attempts == 1


# --- Its life ---


async def test_it_is_made_when_first_used():
    before = descriptors()
    client = quoit.Client()
    assert descriptors() == before
    await client.aclose()
    await client.aclose()
    with pytest.raises(RuntimeError):
        await client.send("http://127.0.0.1/")


async def test_it_opens_no_thread_and_leaves_no_descriptor(mock):
    before = descriptors(), tasks()
    async with quoit.Client(max_concurrent=50) as client:
        await client.gather([mock.origin + "/a"] * 200)
        assert tasks() == 1
    assert (descriptors(), tasks()) == before
    mock.wait_for_no_connection()


async def test_closing_cancels_what_is_under_way(mock_of):
    mock = mock_of("--latency", "30s")
    before = descriptors()
    client = quoit.Client(max_concurrent=5)
    asking = [asyncio.ensure_future(client.send(mock.origin + "/a")) for _ in range(10)]
    while mock.ledger()["in_flight"] < 5:
        await asyncio.sleep(0.005)
    await client.aclose()
    for error in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(error, quoit.QuoitError) and error.code == "cancelled"
    assert descriptors() == before
    mock.wait_for_no_connection()


async def test_a_forgotten_client_warns_and_is_freed(mock):
    before = descriptors()
    client = quoit.Client()
    await client.send(mock.origin + "/a")
    assert descriptors() > before
    with pytest.warns(ResourceWarning, match="unclosed"):
        del client
        gc.collect()
    assert descriptors() == before


async def test_a_closed_client_does_not_warn(mock):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with quoit.Client() as client:
            await client.send(mock.origin + "/a")
        del client
        gc.collect()


def test_a_client_belongs_to_one_loop(mock):
    client = quoit.Client()
    asyncio.run(client.send(mock.origin + "/a"))

    async def elsewhere():
        with pytest.raises(RuntimeError, match="event loop"):
            await client.send(mock.origin + "/a")

    asyncio.run(elsewhere())
    with pytest.warns(ResourceWarning):
        del client
        gc.collect()


def wait_for_child(child):
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid == child:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "no end"


async def test_a_forked_child_is_told_and_the_parent_goes_on(mock_of):
    mock = mock_of("--latency", "100ms")
    async with quoit.Client() as client:
        await client.send(mock.origin + "/a")
        under_way = asyncio.ensure_future(client.send(mock.origin + "/a"))
        await asyncio.sleep(0.02)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                client.send(mock.origin + "/a").send(None)
            except quoit.QuoitError as error:
                code = 42 if "forked child" in str(error) else 2
            finally:
                warnings.simplefilter("ignore")
                client._free()
                os._exit(code)
        assert wait_for_child(child) == 42
        assert (await under_way).status == 200
        assert (await client.send(mock.origin + "/a")).reused


def test_a_forked_child_may_ask_by_itself(mock):
    def ask():
        return quoit.llm_batch_query(["q"], base_url=mock.base)

    before = ask()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 42 if ask() == before else 2
        finally:
            os._exit(code)
    assert wait_for_child(child) == 42
    assert ask() == before


# --- The loop that it lives in ---

variable = contextvars.ContextVar("variable", default="nobody's")


async def test_context_variables_of_one_request_are_not_seen_by_another(mock_of):
    mock = mock_of("--latency", "uniform:1ms:20ms")
    seen = {}

    async def ask(client, i):
        variable.set(i)
        task = asyncio.ensure_future(client.send(mock.origin + "/a"))
        task.add_done_callback(lambda _: seen.__setitem__(i, variable.get()))
        await task
        assert variable.get() == i
        async for _ in client.as_completed([mock.origin + "/a"]):
            assert variable.get() == i

    async with quoit.Client(max_concurrent=10) as client:
        await asyncio.gather(*(ask(client, i) for i in range(50)))
    assert seen == {i: i for i in range(50)}
    assert variable.get() == "nobody's"


async def test_the_pump_runs_in_nobodys_context(mock, monkeypatch):
    seen = set()
    pump = quoit.Client._pump

    def look(self):
        seen.add(variable.get())
        pump(self)

    monkeypatch.setattr(quoit.Client, "_pump", look)
    variable.set("the first one's")
    async with quoit.Client() as client:
        await client.gather([mock.origin + "/a"] * 100)
        assert seen == {"nobody's"}


async def test_a_value_of_the_first_request_is_not_held_by_the_client(mock):
    import weakref

    class Value:
        pass

    async with quoit.Client() as client:
        async def first():
            value = Value()
            variable.set(value)
            await client.send(mock.origin + "/a")
            return weakref.ref(value)

        reference = await asyncio.ensure_future(first())
        await asyncio.sleep(0.001)  # the loop itself holds it until its next turn
        gc.collect()
        assert reference() is None


async def longest_share(work):
    """The most work that was done while the loop did not come round, as a share of all: cpu time
    by cpu time, which does not depend on the machine.
    """
    longest = 0.0
    began = last = time.thread_time()
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest = max(longest, now - last)
        last = now
    await task
    return longest / (last - began)


@not_sanitized
@pytest.mark.parametrize("way", ["llm", "gather", "tasks"])
async def test_the_loop_is_never_held_up_for_long(mock_of, way):
    """1,000 queries at 500 in flight: work for 50 to 100 ms, all of it in small pieces."""
    mock = mock_of("--latency", "uniform:20ms:60ms")
    async with quoit.Client(max_concurrent=500) as client:
        works = {
            "llm": lambda: quoit.llm_batch_query_async(
                ["q"] * 1000, base_url=mock.base, max_concurrent=500
            ),
            "gather": lambda: client.gather(mock.requests_of(1000)),
            "tasks": lambda: all_of(client, mock),
        }
        gaps = [await longest_share(works[way]()) for _ in range(3)]
    assert min(gaps) < 1 / 3


async def all_of(client, mock):
    asking = []
    for request in mock.requests_of(1000):
        asking.append(asyncio.ensure_future(client.send(request)))
        if len(asking) % 50 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*asking)


@not_sanitized
async def test_memory_does_not_grow(mock):
    request = mock.requests_of(1)[0]

    async def ask(client, number):
        async for chunk in client.bulk(request for _ in range(number)):
            assert all(outcome.ok for _, outcome in chunk)
        await asyncio.gather(*(client.send(request) for _ in range(100)))

    async with quoit.Client() as client:
        await ask(client, 3000)
        gc.collect()
        before = resident_bytes()
        await ask(client, 10000)
        gc.collect()
        assert resident_bytes() - before < 2 << 20
        assert not client._calls and not client._queue


@not_sanitized
def test_memory_does_not_grow_from_batch_to_batch(mock):
    def ask():
        return quoit.llm_batch_query(["q" * 1000] * 500, base_url=mock.base)

    for _ in range(4):
        ask()
    gc.collect()
    before = resident_bytes()
    for _ in range(16):
        ask()
    gc.collect()
    assert resident_bytes() - before < 4 << 20
