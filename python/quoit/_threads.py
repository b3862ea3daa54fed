"""The way of old, kept to compare with: a thread in which asyncio.run drives aiohttp.

A loop that is already running cannot be run again, so such code hides a second one in a thread.
use_pure_async=False asks for it, and nothing else imports this.
"""

import asyncio
import concurrent.futures
import json
import os
import random
import re
from collections.abc import Sequence
from typing import Any

import aiohttp

from quoit._errors import QuoitError, QuoitTimeoutError
from quoit._llm import Answers, Query, Settings

_BASE_URL = "https://api.openai.com/v1"
_TRANSIENT = (408, 409, 429)


def _url_of(settings: Settings) -> str:
    base = settings.base_url or os.environ.get("OPENAI_BASE_URL") or _BASE_URL
    version = "" if re.search(r"/v\d\w*(/|$)", base) else "/v1"
    return base.rstrip("/") + version + "/chat/completions"


def _headers_of(settings: Settings) -> dict[str, str]:
    key = os.environ.get("OPENAI_API_KEY", "") if settings.api_key is None else settings.api_key
    headers = {"Content-Type": "application/json"}
    return headers | {"Authorization": f"Bearer {key}"} if key else headers


def _body_of(query: Query, settings: Settings) -> dict[str, Any]:
    messages = [{"role": "user", "content": query}] if isinstance(query, str) else list(query)
    body: dict[str, Any] = {"messages": messages}
    if settings.model is not None:
        body["model"] = settings.model
    if settings.max_tokens:
        body["max_tokens"] = settings.max_tokens
    return body | dict(settings.parameters or {})


async def _ask_once(session: aiohttp.ClientSession, query: Query, settings: Settings) -> str:
    body = _body_of(query, settings)
    async with session.post(_url_of(settings), json=body) as response:
        text = await response.text()
        if response.status // 100 != 2:
            raise QuoitError(f"status {response.status}: {text[:200]}", status=response.status)
        return json.loads(text)["choices"][0]["message"]["content"]


async def _ask(
    session: aiohttp.ClientSession, query: Query, settings: Settings
) -> str | QuoitError:
    """One query with its retries."""
    for attempt in range(settings.retries + 1):
        try:
            return await _ask_once(session, query, settings)
        except QuoitError as error:
            failure = error
            if error.status not in _TRANSIENT and error.status < 500:
                break
        except (aiohttp.ClientError, OSError) as error:
            failure = QuoitError(str(error) or type(error).__name__)
        except (ValueError, LookupError, TypeError) as error:
            return QuoitError(f"there is no answer in it: {error}")
        if attempt < settings.retries:
            await asyncio.sleep(min(0.5 * 2**attempt, 8) * (1 - 0.25 * random.random()))
    return failure


async def _ask_all(queries: Sequence[Query], settings: Settings) -> Answers:
    places = asyncio.Semaphore(settings.max_concurrent)
    connector = aiohttp.TCPConnector(limit=settings.max_concurrent)
    timeout = aiohttp.ClientTimeout(total=None)

    async def ask(session: aiohttp.ClientSession, query: Query) -> str | QuoitError:
        async with places:
            try:
                return await asyncio.wait_for(_ask(session, query, settings), settings.timeout)
            except TimeoutError:
                return QuoitTimeoutError("the request's deadline passed", code="timeout_deadline")

    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers=_headers_of(settings)
    ) as session:
        return list(await asyncio.gather(*(ask(session, query) for query in queries)))


def ask(queries: Sequence[Query], settings: Settings) -> Answers:
    """What llm_batch_query returns, by a thread and a loop of its own."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(asyncio.run, _ask_all(queries, settings)).result()
