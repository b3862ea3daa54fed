#!/usr/bin/env python3
"""cancel: ask many URLs at once, and give up what has not ended after a time.

examples/python/cancel.py SECONDS URL...
"""

import asyncio
import sys

import quoit


async def main(seconds: float, urls: list[str]) -> None:
    ended: dict[int, quoit.Outcome] = {}
    async with quoit.Client(max_concurrent=16) as client:
        try:
            async with asyncio.timeout(seconds):
                async for index, result in client.as_completed(urls):
                    ended[index] = result
        except TimeoutError:
            pass  # what was under way has been cancelled, and the kernel holds nothing of it
    for index, url in enumerate(urls):
        print(f"{url}: {'ended' if index in ended else 'given up'}")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
