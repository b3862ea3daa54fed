"""llm_batch_query and llm_batch_query_async: prompts in, answers out.

Bodies, retries, verdicts and the reading of answers are libquoit_llm's, as they are for C. Here a
batch gets an engine, the one that its thread has kept or a new one, and is turned: by waiting for
it, or by the caller's loop, which watches the engine's one fd.
"""

import asyncio
import ctypes
import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from quoit import _engine, _header
from quoit._encode import bytes_of, c_string, count, nanoseconds, places, several
from quoit._errors import BatchError, QuoitError, check, error_of
from quoit._library import lib, llm_lib

Query = str | Sequence[Mapping[str, Any]]
Answers = list[str | QuoitError]

_WAIT_NS = 50_000_000  # a signal's handler runs after so long at the latest
_OUTAGE_WAIT_NS = 30_000_000_000  # as of quoit_llm_batch_create
_ANSWERS_MAX = 256  # in one callback of the loop
_TOKENS_MAX = 2**64 - 1
_REFUSALS = {
    _header.QUOIT_E_URL: "base_url (or $OPENAI_BASE_URL) is no absolute http or https URL, or has a"
    " user name in it",
    _header.QUOIT_E_ARGUMENT: "api_key (or $OPENAI_API_KEY) holds a control character such as a"
    " newline, or parameters hold what a batch sets itself: messages, stream",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How all queries of a batch are asked."""

    max_tokens: int
    model: str | None
    base_url: str | None
    api_key: str | None = dataclasses.field(repr=False)
    max_concurrent: int
    timeout: float | None
    retries: int
    parameters: Mapping[str, Any] | None

    def __post_init__(self) -> None:
        places(self.max_concurrent)
        if not 0 <= self.max_tokens <= _TOKENS_MAX:
            raise ValueError(f"quoit: max_tokens is {self.max_tokens}: it is 0 or more")


def _message_of(message: Mapping[str, Any]) -> _header.quoit_llm_message:
    if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
        raise TypeError("quoit: a message of a conversation is a dict with a role")
    members = {key: value for key, value in message.items() if key != "role"}
    return _header.quoit_llm_message(
        role=c_string(message["role"]), members=json.dumps(members)[1:-1].encode()
    )


def _conversation_of(query: Query) -> Sequence[Mapping[str, Any]]:
    if isinstance(query, str):
        return [{"role": "user", "content": query}]  # in JSON a NUL is no end
    if isinstance(query, bytes) or not isinstance(query, Sequence):
        raise TypeError(f"quoit: a query is a str or a list of messages, not {type(query)}")
    return query


def _prompts_of(queries: Sequence[Query]) -> ctypes.Array[_header.quoit_llm_prompt]:
    prompts = (_header.quoit_llm_prompt * len(queries))()
    for prompt, query in zip(prompts, queries):
        if isinstance(query, str) and "\0" not in query:
            prompt.text = query.encode("utf-8", "surrogatepass")
            continue
        messages = [_message_of(message) for message in _conversation_of(query)]
        prompt.messages = (_header.quoit_llm_message * len(messages))(*messages)
        prompt.messages_count = len(messages)
    return prompts


def _options_of(settings: Settings, engine: ctypes.c_void_p) -> _header.quoit_llm_options:
    options = _header.quoit_llm_options(
        base_url=c_string(settings.base_url),
        api_key=c_string(settings.api_key),
        engine=engine,
        in_flight_max=settings.max_concurrent,
    )
    options.parameters.model = c_string(settings.model)
    options.parameters.max_tokens = settings.max_tokens
    if settings.parameters:
        members = json.dumps(dict(settings.parameters), allow_nan=False)
        options.parameters.members = members[1:-1].encode()
    options.request.retries = count(settings.retries)
    timeout = math.inf if settings.timeout is None else settings.timeout
    options.request.timeouts.deadline_ns = nanoseconds(timeout)
    return options


def _result_of(answer: _header.quoit_llm_answer) -> str | QuoitError:
    if answer.good:
        return bytes_of(answer.content).decode("utf-8", "replace")
    detail = answer.detail.decode("utf-8", "replace")
    if answer.error != _header.QUOIT_OK:
        return error_of(answer.error, detail, status=answer.status, attempts=answer.attempts)
    code = answer.code.decode("utf-8", "replace")
    return QuoitError(detail, code=code, status=answer.status, attempts=answer.attempts)


def _make_engine(places: int) -> ctypes.c_void_p:
    # As many slots as a batch uses in an engine that it makes itself.
    options = _header.quoit_options(
        requests_max=5 * places + 128, in_flight_max=places, outage_wait_ns=_OUTAGE_WAIT_NS
    )
    return _engine.create(options)


class _Batch:
    """Queries under way in an engine that nobody else uses meanwhile. Leaving it is a join: what
    has not ended is cancelled, and when it is left the kernel holds nothing of it.
    """

    def __init__(self, queries: Sequence[Query], settings: Settings) -> None:
        self.results: list[Any] = [None] * len(queries)
        self.left = len(queries)
        self._prompts = _prompts_of(queries)
        self._places = settings.max_concurrent
        self._batch = ctypes.c_void_p()
        self.engine = _engine.borrow(self._places) or _make_engine(self._places)
        try:
            number = llm_lib.quoit_llm_batch_create(
                _options_of(settings, self.engine), self._prompts, self.left, self._batch
            )
            if number in _REFUSALS:
                raise ValueError("quoit: " + _REFUSALS[number])
            check(number, "no batch")
        except BaseException:
            lib.quoit_destroy(self.engine)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        batch, self._batch = self._batch, ctypes.c_void_p()
        llm_lib.quoit_llm_batch_destroy(batch)
        # After a failure the next call begins anew: an engine remembers a server that is down.
        if kind is None and all(isinstance(result, str) for result in self.results):
            _engine.keep(self.engine, self._places)
        else:
            lib.quoit_destroy(self.engine)

    def take(self, wait_ns: int) -> bool:
        """Take one answer, in the order in which they come. False: none came in that time."""
        if not self._batch:
            return False  # a callback that the loop had in hand when the batch was left
        index = llm_lib.quoit_llm_batch_next(self._batch, wait_ns)
        if index == _header.SIZE_MAX:
            return False
        answer = llm_lib.quoit_llm_batch_answer(self._batch, index)
        self.results[index] = _result_of(answer.contents)
        self.left -= 1
        return True

    def cancel(self) -> None:
        """What has not ended ends, as soon as it is taken."""
        llm_lib.quoit_llm_batch_cancel(self._batch)


async def _take_all(batch: _Batch) -> None:
    """Take all answers in the running loop. When it is cancelled it waits for the kernel."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def take() -> None:
        try:
            for _ in range(_ANSWERS_MAX):
                if not batch.take(0):
                    break
            else:
                loop.call_soon(take)  # others of this loop have a turn, too
        except BaseException:
            ended.set()  # Ctrl-C, with an answer in hand that will not come again
            raise
        if batch.left == 0:
            ended.set()

    fd = _engine.watch(loop, batch.engine, take)
    try:
        take()
        await ended.wait()
        if batch.left > 0:
            raise asyncio.CancelledError
    except asyncio.CancelledError:
        batch.cancel()
        take()
        while not ended.is_set():
            try:
                await ended.wait()
            except asyncio.CancelledError:
                pass  # the first one is passed on below, and this takes milliseconds
        raise
    finally:
        loop.remove_reader(fd)


def _finish(results: Answers, return_exceptions: bool) -> Answers:
    if not return_exceptions:
        error = BatchError.of(results)
        if error is not None:
            raise error
    return results


def llm_batch_query(
    queries: Iterable[Query],
    max_tokens: int = 4000,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    max_concurrent: int = 64,
    timeout: float | None = 600.0,
    retries: int = 2,
    parameters: Mapping[str, Any] | None = None,
    return_exceptions: bool = True,
    use_pure_async: bool = True,
) -> Answers:
    """Ask a language model all queries, and return the texts of its answers, in their order.

        answers = quoit.llm_batch_query(["What is a quoit?", "What is a ring?"], model="m")

    It blocks until every query has ended, and works where no event loop runs as well as inside of
    one: it turns an engine of its own in this thread, and makes no thread and no loop. Coroutines
    that need not block their loop await llm_batch_query_async.

    When all queries were answered, the engine and its connections are kept for the next call of
    this thread with the same max_concurrent. They are closed when a query has failed, when the
    thread ends, and by quoit.close_connections().

    queries         each a prompt, or a conversation: messages as OpenAI's API takes them
    max_tokens      of each answer; 0: the server decides
    model           None: not sent, the server decides
    base_url        None: $OPENAI_BASE_URL, else https://api.openai.com/v1
    api_key         None: $OPENAI_API_KEY, if there is one; "": none
    max_concurrent  so many are in flight as long as there is work, and never more
    timeout         seconds for one query, with its retries, from when it is its turn. None: no
                    limit but those of the library for a single attempt
    retries         of one query, at most. A server that says "not so fast" (429) costs none
    parameters      more members of the request: {"temperature": 0, "stop": ["."]}
    return_exceptions  True: the place of a query that failed holds its QuoitError, and nothing is
                    raised: one that fails takes no other down. False: when all have ended, and some
                    failed, a BatchError is raised, whose `results` are that same list
    use_pure_async  False: the way of old, for comparing: a thread, in which asyncio.run drives
                    aiohttp. Only then aiohttp is needed

    A query is sent again after errors, timeouts and answers of 408, 409, 429 and 5xx, within
    `retries` and the library's budget for them; one that was sent in full and timed out is tried
    once more at most, since it may have been billed. A 401, or a quota that is spent, stops the
    batch: what was not sent ends with that error. A server to which nobody gets through is waited
    for, up to 30 seconds, and then all that waits for it ends; but timeout holds.

    KeyboardInterrupt is raised when what was in flight has been cancelled, and the kernel holds
    nothing of it. Raises ValueError or TypeError for arguments that make no sense, and QuoitError
    if there can be no engine (no memory, no descriptors).
    """
    queries = list(several(queries))
    settings = Settings(
        max_tokens, model, base_url, api_key, max_concurrent, timeout, retries, parameters
    )
    if not use_pure_async:
        from quoit import _threads  # brings in aiohttp

        return _finish(_threads.ask(queries, settings), return_exceptions)
    with _Batch(queries, settings) as batch:
        while batch.left > 0:
            batch.take(_WAIT_NS)
    return _finish(batch.results, return_exceptions)


async def llm_batch_query_async(
    queries: Iterable[Query],
    max_tokens: int = 4000,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    max_concurrent: int = 64,
    timeout: float | None = 600.0,
    retries: int = 2,
    parameters: Mapping[str, Any] | None = None,
    return_exceptions: bool = True,
) -> Answers:
    """llm_batch_query, awaited: the same arguments, the same results, and the running loop goes on
    meanwhile. It watches one file descriptor, on asyncio's loop or uvloop's.

    When it is cancelled (asyncio.timeout, a TaskGroup, Task.cancel) all that is in flight is
    cancelled in the kernel, and CancelledError is raised when that has ended: some milliseconds.
    """
    settings = Settings(
        max_tokens, model, base_url, api_key, max_concurrent, timeout, retries, parameters
    )
    with _Batch(list(several(queries)), settings) as batch:
        if batch.left > 0:
            await _take_all(batch)
    return _finish(batch.results, return_exceptions)
