"""Ends that nobody planned: Ctrl-C anywhere, a loop that has gone, a close in the midst of work."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
import warnings

import pytest

import quoit
from conftest import LIMIT_S, ROOT, descriptors


async def ended(task):
    """The task, when it is done. It is not cancelled: that is for the code under test."""
    done, _ = await asyncio.wait([task], timeout=LIMIT_S)
    assert done, "no end"
    return task


@pytest.fixture
def loop(request):
    """A loop that survives a KeyboardInterrupt, as asyncio.run's does not."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


def interrupt_once(monkeypatch, module, name):
    """The first call of a function is where Ctrl-C arrives."""
    function = getattr(module, name)
    due = [True]

    def interrupted(*arguments):
        if due and due.pop():
            raise KeyboardInterrupt
        return function(*arguments)

    monkeypatch.setattr(module, name, interrupted)


@pytest.mark.parametrize("way", ["bulk", "gather"])
async def test_closing_ends_those_who_have_more_to_send(mock_of, way):
    mock = mock_of("--latency", "30s")
    client = quoit.Client(max_concurrent=5)

    async def bulk():
        async for chunk in client.bulk([mock.origin + "/a"] * 200):
            assert all(error.code == "cancelled" for _, error in chunk)

    works = {"bulk": bulk, "gather": lambda: client.gather([mock.origin + "/a"] * 200)}
    task = asyncio.ensure_future(works[way]())
    while mock.ledger()["in_flight"] < 5:
        await asyncio.sleep(0.005)
    await (await ended(asyncio.ensure_future(client.aclose())))
    with pytest.raises(RuntimeError, match="closed"):
        await (await ended(task))
    assert mock.wait_for_no_connection()["executions_total"] == 5


def test_an_interrupt_amid_the_pump_ends_all_who_wait(mock, loop, monkeypatch):
    before = descriptors()
    client = quoit.Client(max_concurrent=50)
    task = loop.create_task(client.gather([mock.origin + "/a"] * 300))
    interrupt_once(monkeypatch, quoit._client, "outcome_of")
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)
    task.cancel()
    loop.run_until_complete(ended(task))
    loop.run_until_complete(ended(loop.create_task(client.aclose())))
    assert descriptors() == before
    mock.wait_for_no_connection()


def test_an_interrupt_amid_a_batch_that_is_awaited_ends_it(mock_of, loop, monkeypatch):
    mock = mock_of("--latency", "50ms")  # so that answers come in the loop's callback
    before = descriptors()
    batch = quoit.llm_batch_query_async(["q"] * 300, base_url=mock.base)
    task = loop.create_task(batch)
    interrupt_once(monkeypatch, quoit._llm, "_result_of")
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)
    loop.run_until_complete(ended(task))
    assert task.cancelled()
    assert descriptors() == before
    mock.wait_for_no_connection()


async def test_a_client_collected_in_another_thread_leaves_its_loop_alone(mock):
    """Its fd would be readable for ever, and the loop would do nothing else."""
    before = descriptors()
    box = [quoit.Client()]
    await box[0].send(mock.origin + "/a")

    def collect():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            box.clear()
            gc.collect()

    thread = threading.Thread(target=collect)
    thread.start()
    thread.join()
    for _ in range(3):  # what another thread asks of a loop comes with one of its next turns
        await asyncio.sleep(0.001)
    assert descriptors() == before and not quoit._engine._kept


async def test_another_thread_cannot_close_a_client(mock_of):
    mock = mock_of("--latency", "200ms")
    async with quoit.Client() as client:
        task = asyncio.ensure_future(client.send(mock.origin + "/a"))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="event loop"):
            await asyncio.to_thread(lambda: asyncio.run(client.aclose()))
        assert (await task).status == 200


def test_a_client_whose_loop_is_closed_may_be_closed_in_another(mock_of, loop):
    mock = mock_of("--latency", "30s")
    before = descriptors()
    client = quoit.Client()

    async def begin():
        task = asyncio.ensure_future(client.send(mock.origin + "/a"))
        while mock.ledger()["in_flight"] == 0:
            await asyncio.sleep(0.005)
        return task

    task = loop.run_until_complete(begin())
    loop.close()
    asyncio.run(client.aclose())
    task._log_destroy_pending = False
    assert descriptors() == before - 3  # those of the loop
    mock.wait_for_no_connection()


async def test_a_forked_child_that_leaves_a_client_does_not_wait_for_it(mock_of):
    mock = mock_of("--latency", "300ms")
    async with quoit.Client() as client:
        task = asyncio.ensure_future(client.send(mock.origin + "/a"))
        while mock.ledger()["in_flight"] == 0:
            await asyncio.sleep(0.005)
        child = os.fork()
        if child == 0:
            try:
                client.aclose().send(None)
            except StopIteration:
                os._exit(42)  # it did not wait
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        assert (await task).status == 200


def test_a_client_that_was_never_made_says_nothing(monkeypatch):
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    for wrong in ({"no_such": 1}, {"max_concurrent": 0}, {"retries": -1}):
        with pytest.raises((TypeError, ValueError)):
            quoit.Client(**wrong)
    gc.collect()
    assert said == []


AMID = """
import asyncio, gc, sys
import quoit

async def main(base):
    client = quoit.Client()

    async def stream():
        async for event in client.stream(base + "/models"):
            pass

    works = [client.send(base + "/models"), client.gather([base + "/models"] * 100), stream(),
             quoit.llm_batch_query_async(["q"] * 10, base_url=base)]
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.sleep(0.1)
    return tasks

loop = asyncio.new_event_loop()
tasks = loop.run_until_complete(main(sys.argv[1]))
loop.close()
if sys.argv[2] == "now":
    del tasks
    gc.collect()
print("the end")
"""


@pytest.mark.parametrize("when", ["now", "at exit"])
def test_a_program_that_ends_amid_its_requests_ends_well(mock_of, when):
    mock = mock_of("--latency", "30s")
    done = subprocess.run(
        [sys.executable, "-c", AMID, mock.base, when], capture_output=True, text=True,
        timeout=LIMIT_S, env=os.environ | {"PYTHONPATH": str(ROOT / "python")},
    )
    assert (done.returncode, done.stdout) == (0, "the end\n"), done.stderr
    mock.wait_for_no_connection()
