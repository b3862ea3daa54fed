#!/usr/bin/env python3
"""service: the same question asked in three ways, wherever the program happens to be."""

import asyncio
import sys

import quoit

PROMPTS = ["What is a quoit?", "What is a ring?", "What is thrown?"]


def report(model: str) -> list[str]:
    """A plain function. Who calls it may be in a loop or not: it makes no thread and no loop."""
    return [str(answer) for answer in quoit.llm_batch_query(PROMPTS, 4000, model=model)]


async def serve(model: str) -> None:
    print(*report(model), sep="\n")  # inside the running loop
    answers = await quoit.llm_batch_query_async(PROMPTS, 4000, model=model)  # others go on
    print(*answers, sep="\n")


if __name__ == "__main__":
    print(*report(sys.argv[1]), sep="\n")  # with no loop
    asyncio.run(serve(sys.argv[1]))
