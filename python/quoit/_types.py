"""What goes into a Client and what comes out of it."""

import dataclasses
import json as json_module
from collections.abc import Mapping, Sequence
from typing import Any

Headers = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each part of a request may take, in seconds. None: the client's, or the default
    that is named here; math.inf: no limit. Each ends the request with a code of its own.
    """

    connect: float | None = None
    """Name look-up, all addresses tried, a proxy's tunnel: 5 s."""
    tls: float | None = None
    """TLS handshake: 10 s."""
    write: float | None = None
    """Without the server taking a byte of the request: 60 s."""
    first_byte: float | None = None
    """From all sent until the answer begins: no limit."""
    idle: float | None = None
    """Between two bytes of an answer: 5 min."""
    attempt: float | None = None
    """One attempt: 1 h."""
    total: float | None = None
    """All attempts, with the waits between them. It begins when it is the request's turn, so time
    spent waiting for one of max_concurrent places does not count: no limit."""


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Its repr shows neither headers nor proxy_url, which may hold secrets.

    Where a str is said to be a request, it is the URL of a GET.
    """

    method: str
    url: str
    """Absolute, http:// or https://."""
    _: dataclasses.KW_ONLY
    headers: Headers | None = dataclasses.field(default=None, repr=False)
    """Host, Content-Length and those of the connection are made by the library."""
    body: bytes | bytearray | memoryview | str | None = None
    """A str is sent as UTF-8."""
    json: Any = None
    """In place of body: what json.dumps takes, without NaN. Content-Type is application/json if
    none is set."""
    timeout: float | Timeouts | None = None
    """Seconds for all of it (Timeouts.total), or for each part. None: the client's."""
    retries: int | None = None
    """At most so many. None: the client's."""
    replay: bool | None = None
    """May it be sent again although the server may have acted on it? None: GET, HEAD, PUT, DELETE,
    OPTIONS and TRACE may, and a POST may not."""
    unix_path: str | None = None
    """Connect to this unix socket, whatever host the URL names."""
    proxy_url: str | None = dataclasses.field(default=None, repr=False)
    """http://[USER[:PASSWORD]@]HOST[:PORT]; the environment is not looked at."""


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    attempts: int
    """How often the request was sent."""
    retries: int
    """Those of them that the retry policy made."""
    reused: bool
    """It came on a connection that had been used before."""
    seconds: float
    """From being given a connection, or the right to open one, until the last byte."""

    @property
    def ok(self) -> bool:
        """The status is a 2xx."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as UTF-8; what is not becomes U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises json.JSONDecodeError, or UnicodeDecodeError."""
        return json_module.loads(self.body)

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    name: str
    """Its `event` field; "" if it has none."""
    data: str

    def json(self) -> Any:
        """The data as JSON. Raises json.JSONDecodeError; "[DONE]" is none."""
        return json_module.loads(self.data)
