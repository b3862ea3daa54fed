"""Client.stream: server-sent events as they come."""

import asyncio
import contextlib
import gc

import pytest

import quoit
from quoit._sinks import STREAM_MAX


def ask(mock, **more):
    return quoit.Request(
        "POST",
        mock.base + "/chat/completions",
        json={"model": "m", "stream": True, "messages": [{"role": "user", "content": "q"}]},
        **more,
    )


async def test_events_come_one_by_one(mock_of):
    mock = mock_of("--tokens", "20", "--gap", "5ms")
    text, ticks = "", 0
    async with quoit.Client() as client:
        async for event in client.stream(ask(mock)):
            ticks += 1
            if event.data == "[DONE]":
                break
            choices = event.json()["choices"]
            if choices:
                text += choices[0]["delta"].get("content") or ""
    assert text.startswith("Answer to ") and ticks > 20
    assert mock.ledger()["executions_total"] == 1


async def test_many_streams_at_once_do_not_mix(mock_of):
    mock = mock_of("--ttft", "300ms", "--gap", "1ms")

    async def read(client, i):
        request = ask(mock, headers={"X-Custom-Id": f"k{i}"})
        return [event.data async for event in client.stream(request)]

    async with quoit.Client(max_concurrent=100) as client:
        streams = await asyncio.gather(*(read(client, i) for i in range(100)))
    assert all(stream[-1] == "[DONE]" and len(stream) > 16 for stream in streams)
    assert mock.ledger()["in_flight_max"] == 100


async def test_an_answer_that_is_no_stream_is_an_error_with_its_body(mock_of):
    mock = mock_of("--status", "400")
    async with quoit.Client() as client:
        with pytest.raises(quoit.QuoitStreamError) as raised:
            async for _ in client.stream(ask(mock)):
                raise AssertionError("an event")
        assert raised.value.status == 400 and b"the mock answers 400" in raised.value.body
        with pytest.raises(quoit.QuoitStreamError) as raised:
            async for _ in client.stream(quoit.Request("POST", mock.origin + "/echo", json={},
                                                       headers={"X-Mock-Status": "200"})):
                raise AssertionError("an event")


async def test_a_stream_that_breaks_gives_what_came_and_then_the_error(mock_of):
    mock = mock_of("--fault", "close-mid-body:5")
    events = []
    async with quoit.Client() as client:
        with pytest.raises(quoit.QuoitError) as raised:
            async for event in client.stream(ask(mock)):
                events.append(event)
    assert raised.value.code == "incomplete_response" and len(events) >= 4
    assert mock.ledger()["executions_total"] == 1


async def test_leaving_early_cancels(mock_of):
    mock = mock_of("--tokens", "10000", "--gap", "10ms")
    async with quoit.Client() as client:
        async with contextlib.aclosing(client.stream(ask(mock))) as events:
            async for _ in events:
                break
        assert not client._calls
        mock.wait_for_no_connection()


async def test_a_stream_that_is_forgotten_is_cancelled(mock_of):
    mock = mock_of("--tokens", "10000", "--gap", "10ms")
    async with quoit.Client() as client:
        async for _ in client.stream(ask(mock)):
            break
        gc.collect()
        while client._calls:
            await asyncio.sleep(0.001)
        mock.wait_for_no_connection()


async def test_a_cancelled_reader_cancels_the_stream(mock_of):
    mock = mock_of("--ttft", "60s")
    async with quoit.Client() as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                async for _ in client.stream(ask(mock)):
                    pass
        assert not client._calls


@pytest.mark.any_loop
async def test_a_slow_reader_holds_the_server_up(mock_of, monkeypatch):
    """A stream far longer than what may wait arrives whole, and never more than that waits."""
    mock = mock_of("--tokens", "100000", "--no-bodies")
    largest = 0
    paused = set()
    put = quoit._sinks.Stream.put
    pace = quoit.Client._pace

    def look(self, event):
        nonlocal largest
        put(self, event)
        largest = max(largest, self._size)

    def look_at_pace(self, stream, call):
        pace(self, stream, call)
        paused.add(stream.paused)

    monkeypatch.setattr(quoit._sinks.Stream, "put", look)
    monkeypatch.setattr(quoit.Client, "_pace", look_at_pace)
    count = 0
    async with quoit.Client() as client:
        request = quoit.Request(
            "POST", mock.base + "/completions",
            json={"model": "m", "stream": True, "prompt": "q", "max_tokens": 20000})
        async for _ in client.stream(request):
            count += 1
            if count % 1000 == 0:
                await asyncio.sleep(0.002)
    assert count > 20000
    assert paused == {True, False}
    assert STREAM_MAX < largest < 16 * STREAM_MAX
