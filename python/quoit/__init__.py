"""quoit: large batches of HTTP and LLM queries on io_uring, in your event loop or without one.

    answers = quoit.llm_batch_query(prompts, model="m")               # anywhere
    answers = await quoit.llm_batch_query_async(prompts, model="m")   # and the loop goes on

    async with quoit.Client(max_concurrent=500) as client:            # any HTTP
        response = await client.request("GET", "http://127.0.0.1:8000/v1/models")
        responses = await client.gather(urls)

Everything happens in the caller's thread, by libquoit: no thread is started (but for the look-up of
host names, in the library), and no event loop. It needs libquoit.so, which QUOIT_LIBRARY may name.
"""

from quoit._client import Client
from quoit._engine import close_connections
from quoit._errors import BatchError, QuoitError, QuoitStreamError, QuoitTimeoutError
from quoit._llm import Answers, Query, llm_batch_query, llm_batch_query_async
from quoit._sinks import Outcome
from quoit._types import Event, Headers, Request, Response, Timeouts
from quoit._version import VERSION as __version__

__all__ = [
    "Answers",
    "BatchError",
    "Client",
    "Event",
    "Headers",
    "Outcome",
    "Query",
    "QuoitError",
    "QuoitStreamError",
    "QuoitTimeoutError",
    "Request",
    "Response",
    "Timeouts",
    "__version__",
    "close_connections",
    "llm_batch_query",
    "llm_batch_query_async",
]
