"""ways: the same queries, asked in one way in this process.

    ways.py WAY   with the work on stdin: {"url": U, "prompts": [...], "in_flight": N, "tokens": N}

It prints {"wall_s", "cpu_s", "answers": [[text, seconds], ...]}: of the call alone, from when it is
made until all answers are there, imports and the making of prompts aside; answers in the order of
the prompts, each with when the program had it, or null where the call gives all at once. CPU is the
whole process's, threads too.

Each way reads the answers' JSON and takes their texts; without retries.
"""

import asyncio
import concurrent.futures
import contextlib
import importlib
import json
import resource
import sys
import time


def body_of(prompt, work):
    return {"model": "m", "messages": [{"role": "user", "content": prompt}],
            "max_tokens": work["tokens"]}


def text_of(answer):
    return json.loads(answer)["choices"][0]["message"]["content"]


class Answers:
    """What has come, and when, since the call was made."""

    def __init__(self, count):
        self.rows = [None] * count
        self.began_s = time.monotonic()

    def put(self, index, text):
        self.rows[index] = [text, time.monotonic() - self.began_s]

    def put_all(self, texts):
        self.rows = [[text, None] for text in texts]


# --- Without Quoit ---

async def aiohttp_all(work, answers):
    import aiohttp

    places = asyncio.Semaphore(work["in_flight"])
    connector = aiohttp.TCPConnector(limit=work["in_flight"])
    timeout = aiohttp.ClientTimeout(total=None)

    async def ask(session, index, prompt):
        async with places:
            async with session.post(work["url"], json=body_of(prompt, work)) as response:
                response.raise_for_status()
                answers.put(index, text_of(await response.read()))

    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await asyncio.gather(*(ask(session, index, prompt)
                               for index, prompt in enumerate(work["prompts"])))


async def httpx_all(work, answers):
    import httpx

    places = asyncio.Semaphore(work["in_flight"])
    limits = httpx.Limits(max_connections=work["in_flight"],
                          max_keepalive_connections=work["in_flight"])

    async def ask(client, index, prompt):
        async with places:
            response = await client.post(work["url"], json=body_of(prompt, work))
            response.raise_for_status()
            answers.put(index, text_of(response.content))

    async with httpx.AsyncClient(limits=limits, timeout=None, trust_env=False) as client:
        await asyncio.gather(*(ask(client, index, prompt)
                               for index, prompt in enumerate(work["prompts"])))


async def threads(work, answers):
    """A loop runs already, so another one is hidden in a thread, and this one stands still."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as executor:
        executor.submit(asyncio.run, aiohttp_all(work, answers)).result()


# --- Quoit ---

def settings_of(work):
    return {"max_tokens": work["tokens"], "model": "m", "max_concurrent": work["in_flight"],
            "base_url": work["url"].removesuffix("/chat/completions"), "api_key": "",
            "retries": 0}


def query(work, answers, **more):
    import quoit

    answers.put_all(quoit.llm_batch_query(work["prompts"], **settings_of(work), **more))


async def query_in_loop(work, answers):
    query(work, answers)


async def query_old(work, answers):
    query(work, answers, use_pure_async=False)


async def query_awaited(work, answers):
    import quoit

    answers.put_all(await quoit.llm_batch_query_async(work["prompts"], **settings_of(work)))


def requests_of(work):
    import quoit

    return [quoit.Request("POST", work["url"], json=body_of(prompt, work))
            for prompt in work["prompts"]]


def client_of(work):
    import quoit

    return quoit.Client(max_concurrent=work["in_flight"], retries=0)


async def gather(work, answers):
    async with client_of(work) as client:
        answers.put_all([text_of(response.body)
                         for response in await client.gather(requests_of(work))])


async def tasks(work, answers):
    async def ask(client, index, request):
        answers.put(index, text_of((await client.send(request)).body))

    async with client_of(work) as client:
        await asyncio.gather(*(ask(client, index, request)
                               for index, request in enumerate(requests_of(work))))


async def bulk(work, answers):
    async with client_of(work) as client:
        async with contextlib.aclosing(client.bulk(requests_of(work))) as chunks:
            async for chunk in chunks:
                for index, response in chunk:
                    answers.put(index, text_of(response.body))


# --- One run ---

WAYS = {
    "threads": threads,
    "aiohttp": aiohttp_all,
    "httpx": httpx_all,
    "query": query,
    "query-in-loop": query_in_loop,
    "query-awaited": query_awaited,
    "query-old": query_old,
    "gather": gather,
    "tasks": tasks,
    "bulk": bulk,
}
MODULES = {"threads": "aiohttp", "aiohttp": "aiohttp", "httpx": "httpx",
           "query-old": "quoit._threads"}


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measured(way, work):
    """Inside of the loop, which is made before the call, as a program's own is."""
    answers, before_s = Answers(len(work["prompts"])), cpu_s()
    await way(work, answers)
    return answers, time.monotonic() - answers.began_s, cpu_s() - before_s


def run(name, work):
    name, _, loop = name.partition("+")
    importlib.import_module(MODULES.get(name, "quoit"))
    way = WAYS[name]
    if not asyncio.iscoroutinefunction(way):
        answers, before_s = Answers(len(work["prompts"])), cpu_s()
        way(work, answers)
        return answers, time.monotonic() - answers.began_s, cpu_s() - before_s
    if loop == "uvloop":
        uvloop = importlib.import_module("uvloop")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(measured(way, work))
    return asyncio.run(measured(way, work))


def main():
    answers, wall_s, used_s = run(sys.argv[1], json.load(sys.stdin))
    rows = [[str(text), seconds] for text, seconds in answers.rows]
    json.dump({"wall_s": wall_s, "cpu_s": used_s, "answers": rows}, sys.stdout)


main()
