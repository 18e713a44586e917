"""One engine on several nodes: rank 0 serves once all ranks are there; without one of them, none.

The others find rank 0 at its address, over plain TCP: they say their rank and their node, and stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

JOIN_S = 60.0  # from the first try to reach rank 0 to the last
RETRY_S = 0.2
log = logging.getLogger(__name__)


class Lost(Exception):
    """Another rank is gone, or never came."""


@dataclass(frozen=True)
class Place:
    """One process among the `nodes` of its engine."""

    nodes: int
    rank: int
    head: str  # where rank 0 listens for the others
    port: int
    headless: bool  # serves no HTTP
    world: int  # GPUs of all nodes that the engine wants to use
    gpus: int | None  # that this process sees; None when it was not told

    def fault(self) -> str:
        """Why vLLM would not start here, or ""."""
        here = self.world // self.nodes
        if self.world % self.nodes:
            return f"--nnodes {self.nodes} must evenly divide the world size ({self.world})"
        if not 0 <= self.rank < self.nodes:
            return f"--node-rank must be between 0 and {self.nodes - 1}; got {self.rank}"
        if self.gpus is not None and here > max(self.gpus, 1):
            return f"World size ({here}) is larger than the number of available GPUs ({self.gpus})"
        if self.headless != (self.rank > 0):
            return f"rank {self.rank} {'is' if self.headless else 'is not'} --headless"
        return ""


def visible_gpus(environ: Mapping[str, str]) -> int | None:
    """How many GPUs Slurm gave to this process; None where nobody says."""
    told = environ.get("CUDA_VISIBLE_DEVICES")
    return None if told is None else len([each for each in told.split(",") if each.strip()])


def here() -> str:
    """The node, as Slurm calls it: several of them may be one machine."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


async def first(*awaitables: Awaitable[object]) -> None:
    """Return when one of them is done; cancel the others. Raises what that one raised."""
    tasks = [asyncio.ensure_future(each) for each in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


class Head:
    """Rank 0's view of the others."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._awaited = set(range(1, place.nodes))
        self._complete = asyncio.Event()
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def gather(self) -> None:
        """Return when all are there. Raises Lost or OSError."""
        if not self._awaited:
            return
        log.info("rank 0 of %d on %s waits for the others", self._place.nodes, here())
        await asyncio.start_server(self._welcome, self._place.head, self._place.port)
        await first(self._complete.wait(), self.broken(), asyncio.sleep(JOIN_S))
        if self._awaited:
            raise Lost(f"ranks {sorted(self._awaited)} did not come within {JOIN_S:.0f} s")

    async def broken(self) -> None:
        """Never return; raise Lost as soon as one is gone."""
        await asyncio.shield(self._lost)

    async def _welcome(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        word, node = (await reader.readline()).decode().split()
        log.info("rank %s on %s is there", word, node)
        self._awaited.discard(int(word))
        if not self._awaited:
            self._complete.set()
        with contextlib.suppress(OSError):
            await reader.read()
        if not self._lost.done():
            self._lost.set_exception(Lost(f"rank {word} on {node} is gone"))


async def follow(place: Place) -> None:
    """Be one of the others. Never returns; raises Lost when rank 0 cannot be found or is gone."""
    reader, writer = await _join(place)
    writer.write(f"{place.rank} {here()}\n".encode())
    log.info("rank %d of %d on %s", place.rank, place.nodes, here())
    with contextlib.suppress(OSError):
        await reader.read()
    raise Lost("rank 0 is gone")


async def _join(place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    clock = asyncio.get_running_loop().time
    until = clock() + JOIN_S
    while True:
        try:
            return await asyncio.open_connection(place.head, place.port)
        except OSError as error:
            if clock() > until:
                raise Lost(f"rank 0 cannot be found: {error}") from error
        await asyncio.sleep(RETRY_S)
