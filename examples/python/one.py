#!/usr/bin/env python3
"""one: ask for one URL, and print the answer.

examples/python/one.py URL
"""

import asyncio
import sys

import quoit


async def main(url: str) -> int:
    async with quoit.Client(timeout=10) as client:
        try:
            response = await client.request("GET", url)
        except quoit.QuoitError as error:
            print(f"{url}: {error}", file=sys.stderr)
            return 1
    print(response.status, response.text)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
