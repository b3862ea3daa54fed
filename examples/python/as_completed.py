#!/usr/bin/env python3
"""as_completed: ask many URLs at once, and print each as it ends, with how far we are.

examples/python/as_completed.py URL...
"""

import asyncio
import sys

import quoit


async def main(urls: list[str]) -> None:
    ended = 0
    async with quoit.Client(max_concurrent=16) as client:
        async for index, result in client.as_completed(urls):
            ended += 1
            what = result if isinstance(result, quoit.QuoitError) else f"status {result.status}"
            print(f"{ended} of {len(urls)}: {urls[index]}: {what}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
