"""A saturated model under one user with fifty times the load of the others, all stock clients."""

import asyncio
import time
from collections import Counter

import openai

from tests.embedded.conftest import ENTRY, MODEL

PLACES = 8
GREEDY, OTHERS, EACH = "greedy", ("ben", "cleo", "dan"), 2
MESSAGES = [{"role": "user", "content": "x"}]
# A request keeps one of the engine's places for about 0.4 s.
SLOW = {
    **ENTRY,
    "target_requests": PLACES,
    "engine_args": {"max-num-seqs": PLACES, "tokens-per-second": 20},
}
CROWDED_S, MEASURED_S = 6.0, 12.0


class Crowd:
    """Users with a key each, who send their next request as soon as the last one is answered."""

    def __init__(self, gateway) -> None:
        self.gateway = gateway
        self.keys = {
            name: gateway.cli("keys", "create", "--user", name).strip()
            for name in (GREEDY, *OTHERS)
        }
        self.served: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    async def run(self) -> None:
        clients = {
            name: openai.AsyncOpenAI(
                base_url=f"{self.gateway.base_url}/v1", api_key=key, max_retries=1000, timeout=60
            )
            for name, key in self.keys.items()
        }
        tasks = [asyncio.create_task(self.insist(clients, GREEDY)) for _ in range(50 * EACH)]
        await asyncio.sleep(CROWDED_S / 2)  # so long the greedy one is alone
        tasks += [
            asyncio.create_task(self.insist(clients, name)) for name in OTHERS for _ in range(EACH)
        ]
        await asyncio.sleep(CROWDED_S / 2)
        self.served.clear()
        began = time.monotonic()
        await asyncio.sleep(MEASURED_S)
        self.measured_s = time.monotonic() - began
        result = dict(self.served)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in clients.values():
            await client.close()
        self.result = result

    async def insist(self, clients: dict[str, openai.AsyncOpenAI], name: str) -> None:
        while True:
            try:
                await clients[name].chat.completions.create(
                    model=MODEL, messages=MESSAGES, max_tokens=8
                )
                self.served[name] += 1
            except openai.OpenAIError:
                self.failed[name] += 1


def test_a_user_with_fifty_times_the_load_leaves_the_others_their_share(make_gateway):
    gateway = make_gateway(SLOW)
    gateway.client(max_retries=20).chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=1
    )
    crowd = Crowd(gateway)
    asyncio.run(crowd.run())

    print(crowd.result, "in", crowd.measured_s, "s")
    share = sum(crowd.result.values()) / (1 + len(OTHERS))
    assert all(crowd.result[name] >= 0.8 * share for name in OTHERS), crowd.result
    assert not crowd.failed
    # What the engine can do is done: fairness does not leave places empty.
    assert sum(crowd.result.values()) >= 0.7 * PLACES * crowd.measured_s / 0.4, crowd.result
