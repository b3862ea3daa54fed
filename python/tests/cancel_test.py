"""What is cancelled is cancelled in the kernel, and told when the kernel holds nothing of it."""

import asyncio
import contextlib
import time

import pytest

import quoit
from conftest import descriptors


async def in_flight(mock, number):
    while mock.ledger()["in_flight"] != number:
        await asyncio.sleep(0.01)


async def test_cancelling_1000_queries_leaves_nothing_open(mock_of, capsys):
    mock = mock_of("--latency", "60s")
    async with quoit.Client(max_concurrent=1000) as client:
        await client.send(quoit.Request("GET", mock.origin + "/", headers={"X-Mock-Latency": "0"}))
        before = descriptors()
        asking = [asyncio.ensure_future(client.send(each)) for each in mock.requests_of(1000)]
        await in_flight(mock, 1000)
        assert descriptors() >= before + 999
        began = time.monotonic()
        for task in asking:
            task.cancel()
        done = await asyncio.gather(*asking, return_exceptions=True)
        told = time.monotonic() - began
        assert all(isinstance(error, asyncio.CancelledError) for error in done)
        assert descriptors() <= before
        assert not client._calls
        ledger = mock.wait_for_no_connection()
        seen = time.monotonic() - began
    assert ledger["executions_total"] == 1001 and ledger["aborted"] == 1000
    with capsys.disabled():
        print(f"\n1,000 cancelled: told after {told * 1000:.0f} ms, "
              f"all connections ended after {seen * 1000:.0f} ms")


@pytest.mark.any_loop
async def test_told_is_joined(mock_of):
    """Nothing of a cancelled request is open when its CancelledError arrives."""
    mock = mock_of("--latency", "60s")
    async with quoit.Client() as client:
        await client.send(quoit.Request("GET", mock.origin + "/", headers={"X-Mock-Latency": "0"}))
        before = descriptors()
        for _ in range(20):
            task = asyncio.ensure_future(client.send(mock.origin + "/"))
            await in_flight(mock, 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert descriptors() <= before and not client._calls


async def test_what_waits_for_its_turn_is_cancelled_at_once(mock_of):
    mock = mock_of("--latency", "200ms")
    async with quoit.Client(max_concurrent=1) as client:
        first = asyncio.ensure_future(client.send(mock.origin + "/"))
        others = [asyncio.ensure_future(client.send(mock.origin + "/")) for _ in range(50)]
        await in_flight(mock, 1)
        for task in others:
            task.cancel()
        await asyncio.wait(others)
        assert not first.done()
        assert (await first).status == 200
    assert mock.ledger()["requests"] == 1


async def test_a_second_cancel_does_not_break_the_join(mock_of):
    mock = mock_of("--latency", "60s")
    async with quoit.Client() as client:
        task = asyncio.ensure_future(client.send(mock.origin + "/"))
        await in_flight(mock, 1)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not client._calls


async def test_asyncio_timeout_works(mock_of):
    mock = mock_of("--latency", "60s")
    async with quoit.Client() as client:
        for work in (
            lambda: client.send(mock.origin + "/"),
            lambda: client.gather([mock.origin + "/"] * 10),
        ):
            with pytest.raises(TimeoutError) as raised:
                async with asyncio.timeout(0.05):
                    await work()
            assert not isinstance(raised.value, quoit.QuoitError)
            assert asyncio.current_task().cancelling() == 0
            assert not client._calls


async def test_a_task_group_cancels_the_others(mock_of):
    mock = mock_of("--latency", "60s")
    async with quoit.Client(retries=0) as client:
        with pytest.raises(ExceptionGroup) as raised:
            async with asyncio.TaskGroup() as group:
                for _ in range(10):
                    group.create_task(client.send(mock.origin + "/"))
                group.create_task(client.request("GET", mock.origin + "/", timeout=0.1))
        assert raised.group_contains(quoit.QuoitTimeoutError) if hasattr(
            raised, "group_contains") else len(raised.value.exceptions) == 1
        assert not client._calls


async def test_leaving_bulk_early_cancels_the_rest(mock):
    requests = [
        quoit.Request("GET", mock.origin + "/", headers={"X-Mock-Latency": "60s" if i else "1ms"})
        for i in range(50)
    ]
    async with quoit.Client() as client:
        async with contextlib.aclosing(client.as_completed(requests)) as ended:
            async for index, _ in ended:
                assert index == 0
                break
        assert not client._calls and not client._queue


async def test_a_cancel_in_the_middle_of_closing_is_passed_on(mock_of):
    mock = mock_of("--latency", "60s")
    before = descriptors()
    client = quoit.Client()
    asking = asyncio.ensure_future(client.send(mock.origin + "/"))
    await in_flight(mock, 1)
    closing = asyncio.ensure_future(client.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    assert client._engine is None and descriptors() == before
    with pytest.raises(quoit.QuoitError):
        await asking


@pytest.mark.any_loop
async def test_a_cancel_while_a_stream_is_left_is_passed_on(mock_of):
    """Leaving early waits for the kernel. Who is cancelled in that wait is cancelled after it."""
    mock = mock_of("--ttft", "1ms", "--gap", "60s", "--tokens", "10")
    leaving = asyncio.Event()

    async def leave(client):
        ask = quoit.Request("POST", mock.base + "/chat/completions", json={"stream": True})
        async with contextlib.aclosing(client.stream(ask)) as events:
            async for _ in events:
                leaving.set()
                break

    async with quoit.Client() as client:
        task = asyncio.ensure_future(leave(client))
        await leaving.wait()  # its aclose is under way: it waits for the end of the request
        assert client._calls
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not client._calls
