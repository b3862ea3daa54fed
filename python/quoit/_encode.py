"""From our types to the structures of C, and back.

A structure keeps alive what it points to (ctypes does), but not what the library borrows beyond the
call: whoever submits holds the body until END.
"""

import ctypes
import json as json_module
import os
from collections.abc import Iterable, Mapping
from typing import Any

from quoit import _header
from quoit._errors import QuoitError, error_of
from quoit._types import Headers, Request, Response, Timeouts

Path = str | os.PathLike[str]

_NS = 1_000_000_000
_PLACES_MAX = 1_000_000
_json = json_module.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_REPLAY = {
    None: _header.QUOIT_REPLAY_METHOD,
    True: _header.QUOIT_REPLAY_YES,
    False: _header.QUOIT_REPLAY_NO,
}


def c_string(text: str | None) -> bytes | None:
    """UTF-8 for C, where a NUL would cut it short unseen: so that is a ValueError. The text may be
    a secret, so it is not shown.
    """
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError(f"quoit: a str is wanted, and not {type(text).__name__}")
    encoded = text.encode("utf-8", "surrogatepass")
    if b"\0" in encoded:
        raise ValueError(f"quoit: there is a NUL in a text of {len(text)} characters")
    return encoded


def several(things: Iterable[Any]) -> Iterable[Any]:
    """As it is. A single one, which Python would take apart without a word, is a TypeError."""
    if isinstance(things, str | bytes | Mapping | Request):
        raise TypeError(f"quoit: many are asked for, in a list: not one {type(things).__name__}")
    return things


def nanoseconds(seconds: float | None) -> int:
    """A length of time for C. None: 0, its default."""
    if seconds is None:
        return 0
    if not seconds > 0:
        raise ValueError(f"quoit: {seconds} is no time to wait: it is above 0, or math.inf")
    return max(1, round(min(seconds * _NS, _header.QUOIT_NEVER)))


def count(number: int) -> int:
    """A count for C, where 0 is the default."""
    if number < 0:
        raise ValueError(f"quoit: {number} is below 0")
    return min(number, _header.QUOIT_NONE - 1) or _header.QUOIT_NONE


def places(number: int) -> int:
    """max_concurrent, as an engine takes it."""
    if not 1 <= number <= _PLACES_MAX:
        raise ValueError(f"quoit: max_concurrent is {number}: it is from 1 to {_PLACES_MAX:,}")
    return number


def timeouts_of(timeout: float | Timeouts | None) -> _header.quoit_timeouts:
    if not isinstance(timeout, Timeouts):
        timeout = Timeouts(total=timeout)
    return _header.quoit_timeouts(
        connect_ns=nanoseconds(timeout.connect),
        tls_ns=nanoseconds(timeout.tls),
        write_ns=nanoseconds(timeout.write),
        first_byte_ns=nanoseconds(timeout.first_byte),
        idle_ns=nanoseconds(timeout.idle),
        attempt_ns=nanoseconds(timeout.attempt),
        deadline_ns=nanoseconds(timeout.total),
    )


def tls_options_of(
    verify: bool, ca_file: Path | None, cert_file: Path | None, key_file: Path | None
) -> _header.quoit_tls_options:
    def path_of(file: Path | None) -> bytes | None:
        return None if file is None else c_string(os.fspath(file))

    return _header.quoit_tls_options(
        ca_file=path_of(ca_file),
        cert_file=path_of(cert_file),
        key_file=path_of(key_file),
        insecure=not verify,
    )


def _body_of(request: Request) -> tuple[bytes, bool]:
    """The body, and whether it is JSON by our own doing."""
    if request.json is not None:
        if request.body is not None:
            raise ValueError("quoit: a request has body or json, not both")
        return _json.encode(request.json).encode(), True
    if isinstance(request.body, str):
        return request.body.encode(), False
    if request.body is None:
        return b"", False
    return bytes(memoryview(request.body)), False  # bytes(5) would be five zeros


def _pairs(headers: Headers | None) -> Iterable[tuple[str, str]]:
    if headers is None:
        return ()
    return headers.items() if hasattr(headers, "items") else headers


def _headers_of(request: Request, is_json: bool) -> list[tuple[bytes | None, bytes | None]]:
    pairs = [(c_string(name), c_string(value)) for name, value in _pairs(request.headers)]
    if is_json and not any(name.lower() == b"content-type" for name, _ in pairs if name):
        pairs.append((b"Content-Type", b"application/json"))
    return pairs


def request_of(request: Request, retries: int, stream: int) -> _header.quoit_request:
    """The structure for quoit_submit, which keeps all that it points to. Raises ValueError."""
    body, is_json = _body_of(request)
    pairs = _headers_of(request, is_json)
    encoded = _header.quoit_request(
        method=c_string(request.method),
        url=c_string(request.url),
        unix_path=c_string(request.unix_path),
        proxy_url=c_string(request.proxy_url),
        body=_header.quoit_span_in(body, len(body)),
        retries=count(retries if request.retries is None else request.retries),
        stream=stream,
        replay=_REPLAY[request.replay],
    )
    if request.timeout is not None:
        encoded.timeouts = timeouts_of(request.timeout)
    if pairs:
        headers = [_header.quoit_header(*pair) for pair in pairs]
        encoded.headers = (_header.quoit_header * len(headers))(*headers)
        encoded.headers_count = len(headers)
    return encoded


def bytes_of(span: _header.quoit_span) -> bytes:
    return ctypes.string_at(span.bytes, span.size) if span.size else b""


def outcome_of(result: _header.quoit_result) -> Response | QuoitError:
    """How a request ended, copied out of what END points to."""
    if result.error != _header.QUOIT_OK:
        return error_of(
            result.error,
            result.detail.decode("utf-8", "replace"),
            status=result.status,
            attempts=result.attempts,
            maybe_billed=result.maybe_billed,
        )
    headers = result.headers
    return Response(
        status=result.status,
        headers=[
            (headers[i].name.decode("latin-1"), headers[i].value.decode("latin-1"))
            for i in range(result.headers_count)
        ],
        body=bytes_of(result.body),
        attempts=result.attempts,
        retries=result.retries,
        reused=result.reused,
        seconds=max(0, result.times.end_ns - result.times.granted_ns) / _NS,
    )
