"""Making an engine, keeping one for the next call, and giving one up."""

import asyncio
import atexit
import contextlib
import contextvars
import ctypes
import threading
from collections.abc import Callable

from quoit import _header
from quoit._errors import check, error_of
from quoit._library import lib

io = _header.QUOIT_IO_AUTO  # tests choose

_kept: dict[int | None, object] = {}  # what engines that cannot be freed borrow


def create(options: _header.quoit_options) -> ctypes.c_void_p:
    """An engine of this thread. Raises QuoitError."""
    engine = ctypes.c_void_p()
    options.io = io
    check(lib.quoit_create(options, engine), "no engine")
    return engine


def is_ours(engine: ctypes.c_void_p) -> bool:
    """Is this the process and the thread that made it?"""
    return bool(lib.quoit_cancel(engine, 0) == _header.QUOIT_E_STALE)  # no request has the id 0


def destroy(engine: ctypes.c_void_p, borrowed: object) -> None:
    """Cancel, join, free; then `borrowed`, what the engine has of ours, may go.

    In another thread, where the garbage collector may have brought us, nothing of this can be done.
    Then the engine stays, and with it what it borrows.
    """
    if is_ours(engine):
        lib.quoit_destroy(engine)
        _kept.pop(engine.value, None)
    else:
        _kept[engine.value] = borrowed


class _Spare:
    """An engine between two calls. It goes with the last who knows of it."""

    def __init__(self, engine: ctypes.c_void_p, places: int) -> None:
        self.engine: ctypes.c_void_p | None = engine
        self.made_for = places, io

    def __del__(self) -> None:
        if self.engine is not None:
            destroy(self.engine, None)


class _Thread(threading.local):
    """What a thread keeps: an engine belongs to one, and ends with it."""

    spare: _Spare | None = None


_thread = _Thread()


def borrow(places: int) -> ctypes.c_void_p | None:
    """The engine that this thread has kept for so many places. None: it has none."""
    spare, _thread.spare = _thread.spare, None
    if spare is None or spare.made_for != (places, io):
        return None
    engine = spare.engine
    if engine is None or not is_ours(engine):  # a forked child has its parent's
        return None
    spare.engine = None
    return engine


def keep(engine: ctypes.c_void_p, places: int) -> None:
    """Keep an engine, and its connections, for the next borrow of this thread, in place of the one
    that it has kept so far.
    """
    _thread.spare = _Spare(engine, places)


def close_connections() -> None:
    """Close what llm_batch_query and llm_batch_query_async have left open in this thread for its
    next call: the connections to servers, and the engine that has them.
    """
    _thread.spare = None


atexit.register(close_connections)  # of the main thread, while there is a library still


def watch(
    loop: asyncio.AbstractEventLoop,
    engine: ctypes.c_void_p,
    work: Callable[..., object],
    *arguments: object,
) -> int:
    """Have the loop call work when the engine's fd, which is returned, is readable. Raises
    QuoitError.

    In an empty context: the engine is nobody's request, and must not hold the context variables of
    whoever happened to be first.
    """
    fd: int = lib.quoit_fd(engine)
    if fd < 0:
        raise error_of(_header.QUOIT_E_NO_DESCRIPTOR, "no descriptor for the event loop")
    contextvars.Context().run(loop.add_reader, fd, work, *arguments)
    return fd


def leave(
    loop: asyncio.AbstractEventLoop, fd: int, engine: ctypes.c_void_p, borrowed: object
) -> None:
    """The end of watch, and destroy. In another thread: the loop's own does it, soon. A loop that
    went on watching an fd which nobody reads would do nothing else.
    """

    def leave_here() -> None:
        if not loop.is_closed():
            loop.remove_reader(fd)
        destroy(engine, borrowed)

    if is_ours(engine):
        leave_here()
        return
    destroy(engine, borrowed)
    # In a forked child the loop's epoll is the parent's, too.
    if lib.quoit_cancel(engine, 0) == _header.QUOIT_E_THREAD:
        with contextlib.suppress(RuntimeError):  # closed, and watches nothing
            loop.call_soon_threadsafe(leave_here)
