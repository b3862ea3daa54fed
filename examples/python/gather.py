#!/usr/bin/env python3
"""gather: ask many URLs at once, and print how each ended, in the order given.

examples/python/gather.py URL...
"""

import asyncio
import sys

import quoit


async def main(urls: list[str]) -> None:
    async with quoit.Client(max_concurrent=16) as client:
        results = await client.gather(urls)
    for url, result in zip(urls, results):
        if isinstance(result, quoit.QuoitError):
            print(f"{url}: {result}")
        else:
            print(f"{url}: status {result.status}, {len(result.body)} bytes")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
