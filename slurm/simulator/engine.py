"""What stands for the GPU: requests run, tokens come out at their pace, counters count."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from slurm.simulator.errors import ApiError
from slurm.simulator.faults import Faults

BATCH = 8  # tokens handed over before other connections have their turn
ENGINE_FAILURE = "EngineCore encountered an issue. See stack trace (above) for the root cause."


class Broken(Exception):
    """The connection shall be reset."""


@dataclass(frozen=True)
class ToolCall:
    """A call of an offered tool; `arguments` is JSON text, `demanded`: it had to be called."""

    call_id: str
    name: str
    arguments: str
    demanded: bool = False


@dataclass(frozen=True)
class Answer:
    """One choice, known in full before its first token is sent: no model, no surprises.

    finish_reason: stop, length, tool_calls; stop_reason: the stop string that ended it.
    """

    pieces: list[str]
    finish_reason: str
    stop_reason: str | None = None
    call: ToolCall | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True)
class Job:
    """One request on the engine: the size of its prompts, and all its answers, n to each prompt."""

    prompt_tokens: int
    answers: tuple[Answer, ...]
    faults: Faults = field(default_factory=Faults)
    n: int = 1

    @property
    def completion_tokens(self) -> int:
        return sum(len(answer.pieces) for answer in self.answers)


@dataclass(frozen=True)
class Token:
    """A token of answer `index`; `position` counts from 0."""

    index: int
    position: int
    text: str
    last: bool


@dataclass
class Counters:
    """What /metrics tells: every answer is a request, with a prompt of its own, as in vLLM."""

    running: int = 0
    waiting: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0
    finished: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("stop", "length", "abort", "error"), 0)
    )


class Engine:
    """Runs jobs, `max_running` at once (0: all of them), in the order of their coming."""

    def __init__(self, max_running: int = 0) -> None:
        self.counters = Counters()
        self._slots = asyncio.Semaphore(max_running or 1_000_000)

    async def run(self, job: Job) -> AsyncGenerator[list[Token], None]:
        """Yield the tokens of all answers in turn, as they come due.

        Closing the iterator, or cancelling the task in it, aborts the job. Raises ApiError when the
        engine is told to fail, Broken when the connection is to be cut.
        """
        await self._admit()
        self.counters.running += len(job.answers)
        outcome = "abort"
        try:
            self.counters.prompt_tokens += job.prompt_tokens * job.n
            if job.faults.delay_s:
                await asyncio.sleep(job.faults.delay_s)
            async for batch in self._paced(job):
                yield batch
            outcome = ""
        except ApiError:
            outcome = "error"
            raise
        finally:
            self.counters.running -= len(job.answers)
            self._slots.release()
            for answer in job.answers:
                self.counters.finished[outcome or _counted_as(answer.finish_reason)] += 1

    async def complete(self, job: Job) -> None:
        """Run the job to its end; the caller has the answers already."""
        async for _ in self.run(job):
            pass

    async def _admit(self) -> None:
        self.counters.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.counters.waiting -= 1

    async def _paced(self, job: Job) -> AsyncGenerator[list[Token], None]:
        clock, speed = asyncio.get_running_loop().time, job.faults.tokens_per_second
        started = clock()
        batch: list[Token] = []
        for step in range(max(len(answer.pieces) for answer in job.answers)):
            wait_s = started + (step + 1) / speed - clock() if speed else 0
            fault = job.faults.due(step)
            if batch and (fault or wait_s > 0 or len(batch) >= BATCH):
                yield batch
                batch = []
            if fault:
                await _fail(fault)
            if not batch:
                await asyncio.sleep(max(wait_s, 0))
            tokens = _tokens(job.answers, step)
            self.counters.generation_tokens += len(tokens)
            batch += tokens
        if batch:
            yield batch


def _counted_as(finish_reason: str) -> str:
    return "stop" if finish_reason == "tool_calls" else finish_reason


def _tokens(answers: tuple[Answer, ...], step: int) -> list[Token]:
    return [
        Token(index, step, answer.pieces[step], step + 1 == len(answer.pieces))
        for index, answer in enumerate(answers)
        if step < len(answer.pieces)
    ]


async def _fail(fault: str) -> None:
    if fault == "hang":
        await asyncio.Event().wait()
    if fault == "die":
        os._exit(1)
    if fault == "cut":
        raise Broken
    raise ApiError(ENGINE_FAILURE, status=500)
