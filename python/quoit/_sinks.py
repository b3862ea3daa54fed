"""Where a Client puts how its requests end: for one, for many, for a stream of events.

A sink is the one future that its reader waits on, whatever number of requests it stands for.
"""

import asyncio
import collections

from quoit import _header
from quoit._errors import QuoitError
from quoit._types import Event, Response

Outcome = Response | QuoitError

STREAM_MAX = 256 * 1024  # characters of events that wait for their reader
_EVENT_COST = 256  # of an event beside its data


class Call:
    """One request, from being asked for until its end."""

    __slots__ = ("sink", "key", "encoded", "id")

    def __init__(self, sink: "Sink", key: int, encoded: _header.quoit_request) -> None:
        self.sink = sink
        self.key = key
        self.encoded = encoded  # what the library borrows, too
        self.id = 0  # waits for a place; else the library's


class Sink:
    """Some requests, and who waits for them."""

    __slots__ = ("calls", "_loop", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.calls: set[Call] = set()  # that have not ended
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done() and not self._loop.is_closed():
            waiter.set_result(None)

    async def wait(self) -> None:
        """Until the next wake."""
        self._waiter = self._loop.create_future()
        await self._waiter

    async def wait_ended(self) -> None:
        """Until all have ended, whatever cancels come meanwhile: it takes some milliseconds after
        they were given up. A cancel is passed on then.
        """
        cancelled = None
        while self.calls:
            try:
                await self.wait()
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def end(self, call: Call, outcome: Outcome) -> None:
        """A second end of the same call changes nothing."""
        if call in self.calls:
            self.keep(call.key, outcome)
            self.calls.discard(call)
        self.wake()

    def keep(self, key: int, outcome: Outcome) -> None:
        raise NotImplementedError


class One(Sink):
    """A single request."""

    __slots__ = ("outcome",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.outcome: Outcome | None = None

    def keep(self, key: int, outcome: Outcome) -> None:
        self.outcome = outcome


class Many(Sink):
    """Any number of requests; `ready` is what has ended and nobody has taken."""

    __slots__ = ("ready",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.ready: list[tuple[int, Outcome]] = []

    def keep(self, key: int, outcome: Outcome) -> None:
        self.ready.append((key, outcome))


class Stream(One):
    """One request whose answer is a stream of events."""

    __slots__ = ("began", "events", "paused", "_size")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.began = False  # it was answered with a stream
        self.events: collections.deque[Event] = collections.deque()
        self.paused = False
        self._size = 0

    def put(self, event: Event) -> None:
        self.events.append(event)
        self._size += len(event.data) + _EVENT_COST
        self.wake()

    def take(self) -> Event:
        event = self.events.popleft()
        self._size -= len(event.data) + _EVENT_COST
        return event

    def should_pause(self) -> bool:
        """Is the reader so slow that nothing more is to be received? It goes on at the half."""
        return self._size > (STREAM_MAX // 2 if self.paused else STREAM_MAX)
