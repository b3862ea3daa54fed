"""llm_batch_query and its awaited form: the same answers, wherever they are called."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import quoit
from conftest import LIMIT_S, ROOT, descriptors, queries, tasks


def ask(mock, asked, **more):
    return quoit.llm_batch_query(asked, 16, model="m", base_url=mock.base, **more)


def ask_async(mock, asked, **more):
    return quoit.llm_batch_query_async(asked, 16, model="m", base_url=mock.base, **more)


@pytest.fixture
def no_thread_no_loop(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("a second loop, or a thread")

    monkeypatch.setattr(asyncio, "new_event_loop", forbidden)
    monkeypatch.setattr(asyncio, "run", forbidden)
    monkeypatch.setattr(asyncio.Runner, "run", forbidden)
    monkeypatch.setattr(threading.Thread, "start", forbidden)


def watch_tasks(monkeypatch):
    """The largest number of tasks of this process that was seen while answers came."""
    from quoit._llm import _Batch

    seen = []
    take = _Batch.take

    def look(self, wait_ns):
        seen.append(tasks())
        return take(self, wait_ns)

    monkeypatch.setattr(_Batch, "take", look)
    return seen


def test_answers_are_in_the_order_of_their_queries(mock_of):
    mock = mock_of("--latency", "uniform:1ms:30ms")
    asked = queries(300)
    answers = ask(mock, asked)
    assert len(set(answers)) == 300
    assert all(answer.startswith("Answer to ") for answer in answers)
    for i in (0, 1, 150, 298, 299):
        assert ask(mock, [asked[i]]) == [answers[i]]
    assert mock.ledger()["in_flight_max"] == 64


def test_no_queries_have_no_answers(mock):
    assert ask(mock, []) == []


async def test_no_queries_have_no_answers_awaited(mock):
    assert await ask_async(mock, []) == []


def test_queries_may_come_from_a_generator(mock):
    assert len(ask(mock, (query for query in queries(3)))) == 3


async def test_it_works_inside_a_running_loop(mock_of, no_thread_no_loop, monkeypatch):
    """Called by a synchronous function, which a coroutine calls."""
    mock = mock_of("--latency", "20ms")
    before = tasks()
    seen = watch_tasks(monkeypatch)

    def synchronous():
        return ask(mock, queries(100))

    answers = synchronous()
    assert all(isinstance(answer, str) for answer in answers)
    assert max(seen) == before == 1 and len(seen) >= 100


ALONE = """
import asyncio, os, sys, threading
import quoit
from quoit._llm import _Batch

def forbidden(*_, **__):
    raise AssertionError("a second loop, or a thread")

seen = []
take = _Batch.take

def look(self, wait_ns):
    seen.append(len(os.listdir("/proc/self/task")))
    return take(self, wait_ns)

async def main(base):
    asyncio.new_event_loop = asyncio.run = threading.Thread.start = forbidden
    _Batch.take = look
    answers = quoit.llm_batch_query(["q"] * 2000, base_url=base, max_concurrent=500)
    answers += await quoit.llm_batch_query_async(["q"] * 2000, base_url=base, max_concurrent=500)
    assert all(isinstance(answer, str) for answer in answers)

asyncio.run(main(sys.argv[1]))
print(min(seen), max(seen), len(seen) >= 4000)
"""


def test_a_process_that_asks_inside_its_loop_has_one_task(mock_of):
    mock = mock_of("--latency", "20ms")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, mock.base], capture_output=True, text=True, timeout=LIMIT_S,
        env=os.environ | {"PYTHONPATH": str(ROOT / "python")},
    )
    assert done.stdout == "1 1 True\n", done.stderr


async def test_awaited_it_gives_the_same_and_the_loop_goes_on(
    mock_of, no_thread_no_loop, monkeypatch
):
    mock = mock_of("--latency", "20ms")
    seen = watch_tasks(monkeypatch)
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticker = asyncio.ensure_future(tick())
    answers = await ask_async(mock, queries(200))
    ticker.cancel()
    assert answers == ask(mock, queries(200))
    assert ticks >= 4  # 200 queries at 64 in flight take 80 ms
    assert max(seen) == 1


async def test_two_batches_at_the_same_time_do_not_mix(mock_of):
    mock = mock_of("--latency", "uniform:1ms:20ms")
    asked = queries(200)
    halves = await asyncio.gather(ask_async(mock, asked[:100]), ask_async(mock, asked[100:]))
    assert halves[0] + halves[1] == ask(mock, asked)


def test_the_way_of_old_gives_the_same_texts(mock_of):
    pytest.importorskip("aiohttp")
    mock = mock_of("--answer-to", "key")
    answers = ask(mock, queries(50), use_pure_async=False)
    assert len(answers) == 50 and all(answer.startswith("Answer to ") for answer in answers)
    assert mock.ledger()["executions_total"] == 50


@pytest.mark.any_loop
async def test_the_way_of_old_works_inside_a_loop(mock):
    pytest.importorskip("aiohttp")
    answers = ask(mock, queries(10), use_pure_async=False)
    assert all(isinstance(answer, str) for answer in answers)


def test_the_way_of_old_is_not_imported_unless_it_is_asked_for():
    code = "import quoit, sys; sys.exit('aiohttp' in sys.modules)"
    path = os.pathsep.join(sys.path)
    assert subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, timeout=60
    ).returncode == 0


# --- What is asked ---


def test_a_prompt_may_hold_anything(mock):
    odd = ["", "\0", "a\0b", "\x01", "\uffff", "a" * 300_000, '"\\']
    answers = ask(mock, odd)
    assert all(isinstance(answer, str) for answer in answers) and len(set(answers)) == len(odd)


def test_a_prompt_that_is_no_text_fails_alone(mock):
    answers = ask(mock, ["a", "half of a pair: \ud800", "b"])
    assert isinstance(answers[0], str) and isinstance(answers[2], str)
    assert isinstance(answers[1], quoit.QuoitError) and "UTF-8" in str(answers[1])
    assert mock.ledger()["executions_total"] == 2


def test_a_query_may_be_a_conversation(mock):
    conversation = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": None, "tool_calls": []},
    ]
    assert ask(mock, [conversation])[0].startswith("Answer to ")


def test_parameters_are_sent(mock):
    plain, same, other = (
        ask(mock, ["q"], parameters=p)[0] for p in (None, {}, {"temperature": 0, "stop": ["."]})
    )
    assert plain == same != other


def test_base_url_and_key_come_from_the_environment(mock, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", mock.base)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert isinstance(quoit.llm_batch_query(["q"])[0], str)
    assert mock.ledger()["authorization"] == 1
    quoit.llm_batch_query(["q"], api_key="")
    assert mock.ledger()["authorization"] == 1


def test_arguments_that_make_no_sense_are_refused(mock):
    for wrong in ({"max_concurrent": 0}, {"timeout": 0}, {"timeout": float("nan")},
                  {"retries": -1}, {"max_tokens": -1}, {"model": "a\0b"}):
        with pytest.raises(ValueError):
            quoit.llm_batch_query(["q"], **({"base_url": mock.base} | wrong))


# --- What fails ---


def test_what_fails_stands_in_its_place(mock_of):
    mock = mock_of("--refuse-body", "400:say 3")
    answers = ask(mock, [f"say {i}" for i in range(5)])
    failed = answers.pop(3)
    assert all(isinstance(answer, str) for answer in answers)
    assert isinstance(failed, quoit.QuoitError)
    assert failed.status == 400 and failed.attempts == 1 and not failed.transient
    assert str(failed).startswith("status 400")


def test_return_exceptions_false_raises_when_all_have_ended(mock_of):
    mock = mock_of("--refuse-body", "400:say 3")
    with pytest.raises(quoit.BatchError) as raised:
        ask(mock, [f"say {i}" for i in range(5)], return_exceptions=False)
    assert [type(result) for result in raised.value.results].count(str) == 4
    assert "1 of 5" in str(raised.value)
    assert raised.value.exceptions == (raised.value.results[3],)
    assert raised.value.subgroup(quoit.QuoitError).results == raised.value.results
    assert raised.value.subgroup(quoit.QuoitTimeoutError) is None


def test_a_status_that_may_pass_is_tried_again(mock_of):
    mock = mock_of("--fail-first", "1:503")
    assert all(isinstance(answer, str) for answer in ask(mock, queries(5)))
    assert set(mock.ledger()["executions"].values()) == {2}


@pytest.mark.any_loop
async def test_tried_again_also_when_awaited(mock_of):
    mock = mock_of("--fail-first", "1:503")
    assert all(isinstance(answer, str) for answer in await ask_async(mock, queries(5)))
    assert set(mock.ledger()["executions"].values()) == {2}


def test_no_retries_means_none(mock_of):
    mock = mock_of("--status", "503")
    failed = ask(mock, ["q"], retries=0)[0]
    assert failed.status == 503 and failed.transient
    assert mock.ledger()["executions_total"] == 1


def test_a_wrong_key_stops_the_batch(mock_of):
    mock = mock_of("--status", "401", "--latency", "5ms")
    answers = ask(mock, queries(500), max_concurrent=10)
    assert {answer.status for answer in answers} == {401}
    assert mock.ledger()["executions_total"] <= 20


def test_the_key_is_in_no_error(mock_of):
    mock = mock_of("--status", "400", "--error-code", "sk-SECRET-0123456789")
    failed = ask(mock, ["q"], api_key="sk-SECRET-0123456789")[0]
    assert "SECRET" not in repr(failed) + str(failed) + failed.code


@pytest.mark.parametrize("pure", [True, False])
def test_a_query_that_takes_too_long_is_a_timeout(mock_of, pure):
    if not pure:
        pytest.importorskip("aiohttp")
    mock = mock_of("--latency", "30s")
    failed = ask(mock, ["q"], timeout=0.1, retries=0, use_pure_async=pure)[0]
    assert isinstance(failed, quoit.QuoitTimeoutError) and isinstance(failed, TimeoutError)
    assert failed.code == "timeout_deadline"


async def test_a_timeout_when_awaited(mock_of):
    mock = mock_of("--latency", "30s")
    failed = (await ask_async(mock, ["q"], timeout=0.1))[0]
    assert isinstance(failed, quoit.QuoitTimeoutError)


def test_no_server_is_told(mock_of):
    mock = mock_of()
    mock.__exit__()  # and nobody listens there
    failed = ask(mock, ["q"], retries=0)[0]
    assert failed.code == "connect_error" and failed.transient and failed.status == 0


# --- What is given up ---


def test_an_interrupt_cancels_in_the_kernel_and_is_raised(mock_of):
    mock = mock_of("--latency", "30s")
    before = descriptors()

    def interrupt():
        mock.wait_for("100 in flight", lambda ledger: ledger["in_flight"] == 100)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        ask(mock, queries(200), max_concurrent=100)
    thread.join(LIMIT_S)
    assert descriptors() == before
    assert mock.wait_for_no_connection()["executions_total"] == 100


async def test_a_cancelled_batch_leaves_nothing(mock_of):
    mock = mock_of("--latency", "30s")
    before = descriptors()
    task = asyncio.ensure_future(ask_async(mock, queries(200), max_concurrent=100))
    while True:
        await asyncio.sleep(0.01)
        if mock.ledger()["in_flight"] == 100:
            break
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert descriptors() == before
    assert mock.wait_for_no_connection()["executions_total"] == 100


async def test_asyncio_timeout_ends_a_batch(mock_of):
    mock = mock_of("--latency", "30s")
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await ask_async(mock, queries(20))
    assert time.monotonic() - began < 10
    mock.wait_for_no_connection()


# --- From call to call ---


def test_the_next_call_of_a_thread_has_the_connections_of_the_last(mock_of):
    mock = mock_of("--latency", "20ms")
    for _ in range(3):
        assert len(ask(mock, queries(30), max_concurrent=30)) == 30
    assert mock.ledger()["connections_opened"] == 30
    ask(mock, queries(30), max_concurrent=15)  # another engine, and the first one has gone
    mock.wait_for("15 connections", lambda ledger: ledger["connections_open"] == 15)
    quoit.close_connections()
    mock.wait_for_no_connection()
    quoit.close_connections()


async def test_awaited_calls_share_what_is_kept_with_the_others(mock_of):
    mock = mock_of("--latency", "20ms")
    ask(mock, queries(10), max_concurrent=10)
    await ask_async(mock, queries(10), max_concurrent=10)
    assert mock.ledger()["connections_opened"] == 10
    # Two at a time have an engine each.
    both = [ask_async(mock, queries(10), max_concurrent=10) for _ in range(2)]
    assert [len(answers) for answers in await asyncio.gather(*both)] == [10, 10]
    assert mock.ledger()["in_flight_max"] == 20
    quoit.close_connections()
    mock.wait_for_no_connection()


def test_a_thread_takes_its_connections_along_when_it_ends(mock):
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(ask(mock, queries(20))))
    thread.start()
    thread.join()
    assert len(answers) == 20 and all(isinstance(answer, str) for answer in answers)
    mock.wait_for_no_connection()


def test_nothing_is_kept_of_a_call_in_which_a_query_failed(mock_of):
    mock = mock_of("--error", "400:0.5")
    answers = ask(mock, queries(40), retries=0)
    assert any(isinstance(answer, quoit.QuoitError) for answer in answers)
    mock.wait_for_no_connection()


def test_a_forked_child_asks_with_an_engine_of_its_own(mock):
    first = ask(mock, queries(5))
    child = os.fork()
    if child == 0:
        good = ask(mock, queries(5)) == first
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert ask(mock, queries(5)) == first
    quoit.close_connections()
    mock.wait_for_no_connection()
