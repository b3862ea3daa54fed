"""Client: HTTP requests in the caller's event loop.

    request, gather, ...  --> queue --> engine --> kernel
             ^                            |
             +--- sinks <--- pump <--- its one fd, watched by the loop

Requests wait in the queue until there is room, then they are the engine's. The pump runs when the
fd is readable or when something was asked for: it turns the engine without blocking, puts what has
ended into sinks, which wake those who wait, and submits what there is room for. No code of the
caller runs in it, and it never works for longer than a bounded number of requests and events before
others have their turn.
"""

import asyncio
import collections
import contextlib
import contextvars
import ctypes
import itertools
import os
import warnings
import weakref
from collections.abc import AsyncGenerator, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from quoit import _engine, _header
from quoit._encode import (
    bytes_of,
    count,
    outcome_of,
    places,
    request_of,
    several,
    timeouts_of,
    tls_options_of,
)
from quoit._errors import BatchError, QuoitError, QuoitStreamError, check, error_of
from quoit._library import lib
from quoit._sinks import Call, Many, One, Outcome, Sink, Stream
from quoit._types import Event, Headers, Request, Response, Timeouts

_EVENTS_MAX = 64  # that quoit_next gives at once
_SUBMITS_MAX = 64  # in one round
_ROUNDS_MAX = 4  # in one pump
_ASKS_MAX = 64  # in one turn of the loop


def _on_readable(client: "weakref.ref[Client]") -> None:
    """The loop's callback. It does not keep a client alive that everybody else has forgotten."""
    found = client()
    if found is not None:
        found._pump()


class Client:
    """Sends HTTP requests from within an event loop, and keeps connections for the next ones.

        async with quoit.Client(max_concurrent=500) as client:
            response = await client.request("POST", url, json={"q": 1})
            print(response.status, response.text)

    Its engine is made when it is first used, and belongs to the loop and the thread of then. Any
    number of tasks may use it at the same time.

    Any status is an answer. What failed otherwise is a QuoitError, or a QuoitTimeoutError.

    A task that is cancelled while it waits here (asyncio.timeout, a TaskGroup, Task.cancel) cancels
    its request in the kernel, waits until the kernel holds nothing of it, and passes the
    CancelledError on.

    max_concurrent  so many requests are in flight as long as there is work, and never more
    timeout         seconds for one request, with its retries, from when it is its turn; or a
                    Timeouts. None: no limit but the defaults named in Timeouts
    retries         of one request, at most, and only of one that may be sent again (see
                    Request.replay). A server that says "not so fast" (429) costs none
    verify          False: the server's certificate is not looked at
    ca_file         PEM: whom to trust, in place of the system's
    cert_file, key_file  PEM: the client's own certificate
    """

    _engine: ctypes.c_void_p | None = None

    def __init__(
        self,
        *,
        max_concurrent: int = 64,
        timeout: float | Timeouts | None = 600.0,
        retries: int = 2,
        verify: bool = True,
        ca_file: str | os.PathLike[str] | None = None,
        cert_file: str | os.PathLike[str] | None = None,
        key_file: str | os.PathLike[str] | None = None,
    ) -> None:
        count(retries)
        self._max_concurrent = places(max_concurrent)
        self._retries = retries
        self._timeouts = timeouts_of(timeout)
        # None: the system's trust, which is read only if it is needed.
        self._tls_options = None
        if not verify or ca_file or cert_file or key_file:
            self._tls_options = tls_options_of(verify, ca_file, cert_file, key_file)
        self._queue: collections.OrderedDict[Call, None] = collections.OrderedDict()
        self._calls: dict[int, Call] = {}  # by the library's id
        self._context = contextvars.Context()  # empty: the pump is nobody's task
        self._pump_due = False
        self._closed = False

    # --- Its life ---

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _open(self) -> None:
        """Make the engine, and have the running loop watch it."""
        options = _header.quoit_options(
            requests_max=max(4096, 4 * self._max_concurrent + 64),
            in_flight_max=self._max_concurrent,
            timeouts=self._timeouts,
        )
        tls = ctypes.c_void_p()
        if self._tls_options is not None:
            check(lib.quoit_tls_create(self._tls_options, tls), "no TLS identity")
            options.tls = tls
        try:
            engine = _engine.create(options)
        finally:
            lib.quoit_tls_destroy(tls)  # the engine holds it
        try:
            self._loop = asyncio.get_running_loop()
            self._fd = _engine.watch(self._loop, engine, _on_readable, weakref.ref(self))
        except BaseException:
            lib.quoit_destroy(engine)
            raise
        self._engine = engine
        self._pid = os.getpid()
        self._events = (_header.quoit_event * _EVENTS_MAX)()
        self._stats = _header.quoit_stats()
        self._id = ctypes.c_uint64()
        self._empty = asyncio.Event()

    def _check_open(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise RuntimeError("quoit: this client is closed")
        if self._engine is None:
            self._open()
        elif os.getpid() != self._pid:
            raise error_of(_header.QUOIT_E_FORKED)
        elif asyncio.get_running_loop() is not self._loop:
            raise RuntimeError("quoit: a client belongs to the event loop of its first use")
        return self._loop

    async def aclose(self) -> None:
        """Cancel what is under way, wait until the kernel holds nothing of it, and free all. What
        was cancelled ends with a QuoitError of the code "cancelled"; who has more to send (gather,
        bulk) gets a RuntimeError. Closing twice is allowed.

        When its loop is closed, any other loop of the same thread may close it.
        """
        if self._engine is None or os.getpid() != self._pid:
            self._closed = True
            self._free()
            return
        elsewhere = asyncio.get_running_loop() is not self._loop
        if elsewhere and not self._loop.is_closed():
            raise RuntimeError("quoit: a client is closed in the event loop of its first use")
        self._closed = True
        if elsewhere:
            self._break_off()  # nobody is there who would turn the engine
            return
        lib.quoit_cancel_all(self._engine)
        self._drop_all(self._queue)
        self._pump()
        cancelled = None
        while self._calls:
            try:
                await self._empty.wait()
            except asyncio.CancelledError as error:
                cancelled = error  # passed on when the kernel has let go
        self._free()
        if cancelled is not None:
            raise cancelled

    def _free(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            _engine.leave(self._loop, self._fd, engine, self._calls)

    def _break_off(self) -> None:
        """Close at once, and tell all who wait: nothing more will come from the engine."""
        self._closed = True
        self._free()
        self._drop_all(self._queue)
        self._drop_all(self._calls.values())
        self._calls.clear()
        self._empty.set()

    def __del__(self) -> None:
        if self._engine is not None:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
            self._free()

    # --- The pump ---

    def _soon(self) -> None:
        """Have the loop pump, once, after what it has in hand: so what many tasks ask for in one
        turn of the loop is one turn of the engine.
        """
        if not self._pump_due:
            self._pump_due = True
            self._loop.call_soon(self._pump, context=self._context)

    def _pump(self) -> None:
        self._pump_due = False
        if self._engine is None:
            return  # closed, with this call still in the loop's hand
        try:
            more = self._work()
        except BaseException:
            self._break_off()  # Ctrl-C, with an event in hand that will not come again
            raise
        if more:
            self._soon()
        if self._closed and not self._calls:
            self._empty.set()

    def _work(self) -> bool:
        """Turn, take and submit, in rounds, up to a bound. True: there may be more to do."""
        for _ in range(_ROUNDS_MAX):
            took = lib.quoit_turn(self._engine, 0) and self._take()
            # Ends have made room; and the slots of requests come free one turn after their end.
            if not self._submit() and not took:
                return False
        return True

    def _take(self) -> int:
        """Take what is there, up to a bound. Returns how much it was."""
        taken: int = lib.quoit_next(self._engine, self._events, _EVENTS_MAX)
        for i in range(taken):
            self._on_event(self._events[i])
        return taken

    def _room(self) -> int:
        """How many more may be in flight. What waits for a retry is not."""
        lib.quoit_stats_read(self._engine, self._stats)
        return self._max_concurrent - int(self._stats.in_flight + self._stats.queued)

    def _submit(self) -> int:
        """Hand over what there is room for, up to a bound. Returns how many have left the queue."""
        left = 0
        room = min(self._room(), _SUBMITS_MAX) if self._queue else 0
        while left < room and self._queue:
            call = next(iter(self._queue))
            number = lib.quoit_submit(self._engine, call.encoded, self._id)
            if number == _header.QUOIT_E_NO_SLOT:
                break
            if number == _header.QUOIT_OK:
                call.id = self._id.value
                self._calls[call.id] = call
            else:
                call.sink.end(call, error_of(number))
            del self._queue[call]  # last: at no moment a call is nowhere
            left += 1
        return left

    def _on_event(self, event: _header.quoit_event) -> None:
        if event.kind == _header.QUOIT_END:
            call = self._calls[event.id]
            call.sink.end(call, outcome_of(event.result.contents))
            del self._calls[event.id]
            return
        call = self._calls[event.id]
        stream = call.sink
        assert isinstance(stream, Stream)
        stream.began = True
        if event.kind == _header.QUOIT_MESSAGE:
            name = bytes_of(event.name).decode("utf-8", "replace")
            stream.put(Event(name, bytes_of(event.bytes).decode("utf-8", "replace")))
            self._pace(stream, call)

    def _pace(self, stream: Stream, call: Call) -> None:
        """Hold a stream back whose reader is slow, or let it go on."""
        if stream.should_pause() != stream.paused:
            stream.paused = not stream.paused
            lib.quoit_pause(self._engine, call.id, stream.paused)
            self._soon()

    # --- Asking, and giving up ---

    def _ask(self, sink: Sink, key: int, request: Request | str, stream: int) -> Call:
        self._check_open()  # again, for who has asked before
        if isinstance(request, str):
            request = Request("GET", request)
        if not isinstance(request, Request):
            raise TypeError(f"quoit: a Request or a URL is wanted, not {type(request).__name__}")
        call = Call(sink, key, request_of(request, self._retries, stream))
        sink.calls.add(call)
        if not self._queue:  # else the pump is due, or waits for room
            self._soon()
        self._queue[call] = None
        return call

    def _drop_all(self, calls: Iterable[Call]) -> None:
        """End calls of which the engine holds nothing."""
        for call in list(calls):
            call.sink.end(call, error_of(_header.QUOIT_E_CANCELLED))
            self._queue.pop(call, None)

    async def _give_up(self, sink: Sink) -> None:
        """Cancel what a sink stands for, and wait for the kernel."""
        if not sink.calls or self._engine is None or self._loop.is_closed():
            return  # ended; or the garbage collector ends what nobody can wait for
        for call in sink.calls:
            if call.id != 0:
                lib.quoit_cancel(self._engine, call.id)
        self._drop_all(call for call in sink.calls if call.id == 0)
        self._soon()
        await sink.wait_ended()

    # --- What it is for ---

    async def send(self, request: Request | str) -> Response:
        """Send one request and wait for its answer, whatever its status.

        Raises QuoitError, QuoitTimeoutError; ValueError or TypeError for a request that makes no
        sense.
        """
        sink = One(self._check_open())
        self._ask(sink, 0, request, _header.QUOIT_WHOLE)
        try:
            await sink.wait()
        finally:
            await self._give_up(sink)
        if isinstance(sink.outcome, QuoitError):
            raise sink.outcome
        assert sink.outcome is not None
        return sink.outcome

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Headers | None = None,
        body: bytes | bytearray | memoryview | str | None = None,
        json: Any = None,
        timeout: float | Timeouts | None = None,
        retries: int | None = None,
        replay: bool | None = None,
    ) -> Response:
        """send(Request(method, url, ...)): see Request for the arguments."""
        return await self.send(
            Request(
                method,
                url,
                headers=headers,
                body=body,
                json=json,
                timeout=timeout,
                retries=retries,
                replay=replay,
            )
        )

    async def bulk(
        self, requests: Iterable[Request | str]
    ) -> AsyncGenerator[list[tuple[int, Outcome]], None]:
        """Send requests, and get what ended, in lists as it comes: pairs of a request's position
        and its Response or QuoitError.

            async with contextlib.aclosing(client.bulk(requests)) as chunks:
                async for chunk in chunks:
                    for index, outcome in chunk: ...

        There is no future and no task for each request, which would cost more than the request
        itself. `requests` is read as room comes, so it may be a generator without end; a reader who
        is slow holds it up. A request that makes no sense fails alone, with the code
        "invalid_request". Leaving early cancels what is under way: with aclosing at once, else when
        the iterator is collected.
        """
        sink = Many(self._check_open())
        source = enumerate(several(requests))
        ahead = 2 * self._max_concurrent  # what is in flight, and what follows it at once
        try:
            while True:
                room = ahead - len(sink.calls)
                some = list(itertools.islice(source, max(0, min(room, _ASKS_MAX))))
                for index, request in some:
                    try:
                        self._ask(sink, index, request, _header.QUOIT_WHOLE)
                    except (TypeError, ValueError) as error:  # fails alone
                        sink.keep(index, error_of(_header.QUOIT_E_ARGUMENT, str(error)))
                if sink.ready:
                    chunk, sink.ready = sink.ready, []
                    yield chunk
                elif room > _ASKS_MAX and some:
                    await asyncio.sleep(0)
                elif sink.calls:
                    await sink.wait()
                else:
                    return
        finally:
            await self._give_up(sink)

    async def as_completed(
        self, requests: Iterable[Request | str]
    ) -> AsyncGenerator[tuple[int, Outcome], None]:
        """bulk, one by one: pairs of a request's position and its Response or QuoitError, in the
        order in which they end.
        """
        async with contextlib.aclosing(self.bulk(requests)) as chunks:
            async for chunk in chunks:
                for pair in chunk:
                    yield pair

    async def gather(
        self, requests: Iterable[Request | str], *, return_exceptions: bool = True
    ) -> Sequence[Outcome]:
        """Send requests, and return how each ended, in their order: a Response or a QuoitError.

        With return_exceptions=False, when all have ended and some failed, a BatchError is raised,
        whose `results` are that same list.
        """
        ended: dict[int, Outcome] = {}
        async with contextlib.aclosing(self.bulk(requests)) as chunks:
            async for chunk in chunks:
                ended.update(chunk)
        results = [ended[index] for index in range(len(ended))]
        error = None if return_exceptions else BatchError.of(results)
        if error is not None:
            raise error
        return results

    async def stream(self, request: Request | str) -> AsyncGenerator[Event, None]:
        """Send one request, and get the server-sent events of its answer as they come.

            ask = quoit.Request("POST", url, json={..., "stream": True})
            async with contextlib.aclosing(client.stream(ask)) as events:
                async for event in events: ...

        A reader who is slow slows the server. Leaving early cancels: with aclosing at once, else
        when the iterator is collected. A stream that has begun is never asked for again.

        Raises QuoitStreamError if the answer is no stream: its status is no 2xx, or it is JSON.
        Else as send.
        """
        sink = Stream(self._check_open())
        call = self._ask(sink, 0, request, _header.QUOIT_SSE)
        try:
            while sink.events or sink.calls:
                if not sink.events:
                    await sink.wait()
                    continue
                event = sink.take()
                if sink.calls:
                    self._pace(sink, call)
                yield event
        finally:
            await self._give_up(sink)
        if isinstance(sink.outcome, QuoitError):
            raise sink.outcome
        if not sink.began and sink.outcome is not None:
            raise QuoitStreamError(
                f"the answer is no stream of events: status {sink.outcome.status}",
                status=sink.outcome.status,
                body=sink.outcome.body,
            )
