"""Making an engine, and giving one up."""

import asyncio
import contextvars
import ctypes
from collections.abc import Callable

from quoit import _header
from quoit._errors import check, error_of
from quoit._library import lib

io = _header.QUOIT_IO_AUTO  # tests choose

_kept: list[object] = []


def create(options: _header.quoit_options) -> ctypes.c_void_p:
    """An engine of this thread. Raises QuoitError."""
    engine = ctypes.c_void_p()
    options.io = io
    check(lib.quoit_create(options, engine), "no engine")
    return engine


def is_ours(engine: ctypes.c_void_p) -> bool:
    """Is this the process and the thread that made it?"""
    return lib.quoit_cancel(engine, 0) == _header.QUOIT_E_STALE  # no request has the id 0


def destroy(engine: ctypes.c_void_p, borrowed: object) -> None:
    """Cancel, join, free; then `borrowed`, what the engine has of ours, may go.

    In another thread, where the garbage collector may have brought us, nothing of this can be done.
    Then the engine stays, and with it what it borrows.
    """
    if is_ours(engine):
        lib.quoit_destroy(engine)
    else:
        _kept.append(borrowed)


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
    fd = lib.quoit_fd(engine)
    if fd < 0:
        raise error_of(_header.QUOIT_E_NO_DESCRIPTOR, "no descriptor for the event loop")
    contextvars.Context().run(loop.add_reader, fd, work, *arguments)
    return fd
