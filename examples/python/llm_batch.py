#!/usr/bin/env python3
"""llm_batch: ask a language model each line of stdin, and print the answers in their order.

examples/python/llm_batch.py MODEL <prompts     at $OPENAI_BASE_URL, with $OPENAI_API_KEY
"""

import sys

import quoit

prompts = sys.stdin.read().splitlines()
answers = quoit.llm_batch_query(prompts, max_tokens=4000, model=sys.argv[1], max_concurrent=500)
for number, answer in enumerate(answers, 1):
    print(f"{number}: {answer}")
sys.exit(any(isinstance(answer, quoit.QuoitError) for answer in answers))
