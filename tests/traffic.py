"""Clients that ask without a pause while a test does its worst: the stock openai client, counted.

Every answer is looked at whole. The simulator says the same to the same question, so an answer that
lacks a piece, or has one twice, differs from the first of its length.
"""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import openai

from tests.gateway_process import Gateway
from tests.waiting import wait_until

MESSAGES = [{"role": "user", "content": "Grüße aus dem Betrieb"}]
INSTANCE = "x-kscope-instance"
# A request that takes longer than this has failed.
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Asking:
    """What each client asks: tokens at `tokens_per_second`, as many as last a time from a range."""

    streams: float = 0.5  # the share of streams, 0 to 1
    plain_s: tuple[float, float] = (0.2, 0.6)
    stream_s: tuple[float, float] = (2.0, 5.0)
    tokens_per_second: int = 10
    max_retries: int = 0
    # What the requests ask for beside that: fields of slurm/simulator/faults.py.
    faults: Mapping[str, object] = field(default_factory=dict)


class NotWhole(Exception):
    """An answer that ended as if it were complete, and is not."""


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    finish_reason: str | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """One request that failed for good. `at` and `asked_at` are monotonic seconds."""

    asked_at: float
    at: float
    words: str
    is_stream: bool
    # Which instance had begun to answer; None before the head of an answer.
    instance: str | None = None

    @property
    def had_begun(self) -> bool:
        return self.instance is not None


@dataclass(slots=True)
class Counts:
    """What came of the requests so far."""

    served: int = 0  # whole answers, streams included
    streams: int = 0
    instances: Counter[str] = field(default_factory=Counter)  # in the order of their first answer
    failures: list[Failure] = field(default_factory=list)
    slowest_s: float = 0.0


class Traffic:
    """`with Traffic(gateway, model, parallel=4) as traffic:` asks until the block ends.

    Requests in flight at the end are waited for. A failure raises nothing: the test asserts on
    `failures`.
    """

    def __init__(
        self, gateway: Gateway, model: str, parallel: int = 4, asking: Asking | None = None
    ) -> None:
        self._url, self._key = f"{gateway.base_url}/v1", gateway.key
        self._model = model
        self._asking = asking or Asking()
        self._chance = random.Random(20261120)
        self._longest = ""
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._all()), name="traffic", daemon=True
        )
        self.parallel = parallel
        self.counts = Counts()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.parallel = -1
        self._thread.join(TIMEOUT_S + 30)
        assert not self._thread.is_alive(), "requests in flight did not end"

    def set_parallel(self, parallel: int) -> None:
        """From now on as many ask at once; who is one too many finishes its request first."""
        self.parallel = parallel

    @property
    def failures(self) -> list[Failure]:
        return self.counts.failures

    @property
    def instances(self) -> list[str]:
        """Which instances have answered, in the order of their first answers."""
        return list(self.counts.instances)

    def in_flight(self) -> int:
        return sum(not task.done() for task in self._tasks.copy().values())

    def wait_for(self, more: int, timeout_s: float = 30.0) -> None:
        """Until so many more answers than now are whole."""
        wanted = self.counts.served + more
        wait_until(lambda: self.counts.served >= wanted, timeout_s, f"{more} more answers")

    def words(self) -> str:
        """The counts and the first failures, for an assertion's message and the closing note."""
        c = self.counts
        told = [f"{f.words} (stream: {f.is_stream}, begun by {f.instance})" for f in c.failures[:5]]
        return (
            f"{c.served} served ({c.streams} streams, slowest {c.slowest_s:.1f} s) by "
            f"{dict(c.instances)}, {len(c.failures)} failed: {told}"
        )

    async def _all(self) -> None:
        async with openai.AsyncOpenAI(
            base_url=self._url,
            api_key=self._key,
            max_retries=self._asking.max_retries,
            timeout=TIMEOUT_S,
        ) as client:
            while self.parallel >= 0:
                for number in range(self.parallel):
                    if number not in self._tasks or self._tasks[number].done():
                        self._tasks[number] = asyncio.create_task(self._insist(client, number))
                # How soon a new number of clients holds.
                await asyncio.sleep(0.05)
            await asyncio.gather(*self._tasks.values())

    async def _insist(self, client: openai.AsyncOpenAI, number: int) -> None:
        while number < self.parallel:
            is_stream = self._chance.random() < self._asking.streams
            if not await self._ask(client, is_stream):
                # A client that is refused and asks again at once would only measure itself.
                await asyncio.sleep(0.25)

    async def _ask(self, client: openai.AsyncOpenAI, is_stream: bool) -> bool:
        """Ask once and count what came of it; whether it was served."""
        asking, asked_at, begun = self._asking, time.monotonic(), None
        seconds = self._chance.uniform(*(asking.stream_s if is_stream else asking.plain_s))
        tokens = max(2, round(seconds * asking.tokens_per_second))
        try:
            raw = await self._create(client, is_stream, tokens)
            begun = raw.headers[INSTANCE]
            answer = await _read(raw.parse()) if is_stream else _whole(raw.parse())
            self._check(answer, tokens)
        except Exception as error:  # whatever a client's program would see
            words = f"{type(error).__name__}: {error}"
            now = time.monotonic()
            self.counts.failures.append(Failure(asked_at, now, words, is_stream, begun))
            return False
        self.counts.served += 1
        self.counts.streams += is_stream
        self.counts.instances[begun] += 1
        self.counts.slowest_s = max(self.counts.slowest_s, time.monotonic() - asked_at)
        return True

    async def _create(self, client: openai.AsyncOpenAI, is_stream: bool, tokens: int) -> Any:
        pace = {
            "tokens_per_second": self._asking.tokens_per_second,
            # One more than may come out: the answer then ends by its length.
            "answer_tokens": tokens + 1,
        }
        return await client.chat.completions.with_raw_response.create(
            model=self._model,
            messages=MESSAGES,
            max_tokens=tokens,
            stream=is_stream,
            stream_options={"include_usage": True} if is_stream else openai.omit,
            extra_body={"simulator": {**pace, **self._asking.faults}},
        )

    def _check(self, answer: Answer, tokens: int) -> None:
        """A shorter answer is the beginning of a longer one; raises `NotWhole`."""
        if (answer.finish_reason, answer.tokens) != ("length", tokens):
            raise NotWhole(f"{answer.tokens} of {tokens} tokens, ended by {answer.finish_reason}")
        short, long = sorted((answer.text, self._longest), key=len)
        if not long.startswith(short):
            raise NotWhole(f"{answer.text!r}, but others got {self._longest!r}")
        self._longest = long


async def _read(stream: openai.AsyncStream[Any]) -> Answer:
    text, finish, tokens = "", None, None
    async for chunk in stream:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
        tokens = chunk.usage.completion_tokens if chunk.usage else tokens
    return Answer(text, finish, tokens)


def _whole(completion: Any) -> Answer:
    choice, usage = completion.choices[0], completion.usage
    return Answer(choice.message.content or "", choice.finish_reason, usage.completion_tokens)
