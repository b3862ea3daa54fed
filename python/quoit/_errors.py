"""The errors of this package."""

from collections.abc import Sequence

from quoit import _header
from quoit._library import lib


class QuoitError(Exception):
    """One request that failed, or a call that could not be made. str() is a line for people.

    number        of enum quoit_error; 0: an answer came, and it is not what was asked for
    code          "connect_error", "timeout_deadline", ...: the `error` of `quoit batch`. With
                  number 0: the server's word for its error, or ""
    status        of the answer; 0: none came
    attempts      how often it was sent
    maybe_billed  in some attempt it was sent in full and the answer was lost
    """

    def __init__(
        self,
        detail: str,
        *,
        number: int = 0,
        code: str = "",
        status: int = 0,
        attempts: int = 0,
        maybe_billed: bool = False,
    ) -> None:
        super().__init__(detail)
        self.number = number
        self.code = code
        self.status = status
        self.attempts = attempts
        self.maybe_billed = maybe_billed

    @property
    def transient(self) -> bool:
        """The same request may well succeed if it is sent again."""
        if self.number == _header.QUOIT_OK:
            return self.status in (408, 409, 429) or self.status >= 500
        return bool(lib.quoit_error_is_transient(self.number))


class QuoitTimeoutError(QuoitError, TimeoutError):
    """A request that took too long; `code` says in which part."""


class QuoitStreamError(QuoitError):
    """A request for events that was answered with something else: `status` and `body`."""

    def __init__(self, detail: str, *, status: int = 0, body: bytes = b"") -> None:
        super().__init__(detail, code="stream_error", number=_header.QUOIT_E_STREAM, status=status)
        self.body = body


class BatchError(ExceptionGroup[Exception]):
    """Some requests of a batch failed: what return_exceptions=False raises, when all have ended.

    `exceptions` holds what failed, and `results` all, each in its place: answers that were paid
    for are not lost.
    """

    results: Sequence[object]

    @classmethod
    def of(cls, results: Sequence[object]) -> "BatchError | None":
        """The error that a list of results makes; None: nothing in it failed."""
        failed = [result for result in results if isinstance(result, QuoitError)]
        if not failed:
            return None
        group = cls(f"{len(failed)} of {len(results)} requests failed", failed)
        group.results = results
        return group

    def derive(self, exceptions: Sequence[Exception]) -> "BatchError":  # type: ignore[override]
        """A part of it, as split, subgroup and except* make: it has all results, too."""
        group = BatchError(self.message, exceptions)
        group.results = self.results
        return group


def error_of(number: int, detail: str = "", **facts: object) -> QuoitError:
    """The exception for a member of enum quoit_error, with its code and, by default, message."""
    timed_out = _header.QUOIT_E_TIMEOUT_CONNECT <= number <= _header.QUOIT_E_TIMEOUT_DEADLINE
    kind = QuoitTimeoutError if timed_out else QuoitError
    return kind(
        detail or lib.quoit_error_message(number).decode(),
        number=number,
        code=lib.quoit_error_code(number).decode(),
        **facts,  # type: ignore[arg-type]
    )


def check(number: int, doing: str) -> None:
    """Raise what a call of the library gave, unless it is QUOIT_OK."""
    if number != _header.QUOIT_OK:
        raise error_of(number, f"{doing}: {lib.quoit_error_message(number).decode()}")
