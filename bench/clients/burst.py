"""`python3 -m bench.clients.burst URL REQUESTS`: every coroutine at once, with the stock client.

The key comes by OPENAI_API_KEY. Prints {"requests", "failed", "seconds", "faults": {words: count}}.
"""

import asyncio
import json
import sys
import time
from collections import Counter

from openai import AsyncOpenAI

from bench.upstream.answers import request_body

PER_CLIENT = 10_000


async def burst(base_url: str, requests: int) -> dict[str, object]:
    """As a researcher writes it: as many coroutines as there are prompts.

    A second client joins where its pool, whose work per answer grows with what waits in it, would
    be what is measured.
    """
    asked = json.loads(request_body("json", 1))
    started = time.monotonic()
    clients = [AsyncOpenAI(base_url=base_url) for _ in range(0, requests, PER_CLIENT)]

    async def ask(number: int) -> str:
        try:
            answer = await clients[number // PER_CLIENT].chat.completions.create(**asked)
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:200]
        text = answer.choices[0].message.content or ""
        return "" if text.endswith("one token after another") else f"wrong: {text[:100]}"

    outcomes = Counter(await asyncio.gather(*(ask(number) for number in range(requests))))
    for client in clients:
        await client.close()
    failed = requests - outcomes.pop("", 0)
    faults = dict(outcomes.most_common(5))
    seconds = round(time.monotonic() - started, 1)
    return {"requests": requests, "failed": failed, "seconds": seconds, "faults": faults}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(burst(sys.argv[1], int(sys.argv[2])))))
