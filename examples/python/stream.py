#!/usr/bin/env python3
"""stream: print the words of a language model as they come.

examples/python/stream.py BASE_URL MODEL PROMPT
"""

import asyncio
import contextlib
import sys

import quoit


async def main(base_url: str, model: str, prompt: str) -> None:
    messages = [{"role": "user", "content": prompt}]
    ask = quoit.Request(
        "POST",
        base_url + "/chat/completions",
        json={"model": model, "messages": messages, "stream": True},
    )
    async with quoit.Client() as client, contextlib.aclosing(client.stream(ask)) as events:
        async for event in events:
            if event.data == "[DONE]":
                break
            for choice in event.json()["choices"]:
                print(choice["delta"].get("content") or "", end="", flush=True)
    print()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
