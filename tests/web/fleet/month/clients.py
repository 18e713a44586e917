"""Who asks: clients that wait for a cold model by asking again, and give up one day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.web.fleet.month.scenario import Session
from tests.web.fleet.month.timeline import Timeline

if TYPE_CHECKING:
    from tests.web.fleet.month.worker import Worker


@dataclass
class Tally:
    """What became of all requests."""

    asked: int = 0
    served: int = 0
    given_up: int = 0
    unavailable: int = 0
    cuts: dict[str, int] = field(default_factory=dict)
    # Of requests that take no longer than a drain may: a walltime must never cut them.
    needless_cuts: dict[str, int] = field(default_factory=dict)
    cold_waits: list[float] = field(default_factory=list)


class Client:
    """One caller: asks, waits, thinks, asks again. `send` returns the worker, or why not."""

    def __init__(
        self,
        session: Session,
        timeline: Timeline,
        random: Random,
        tally: Tally,
        send: Callable[[Client], Worker | str],
    ) -> None:
        self.session, self.timeline, self.random, self.tally = session, timeline, random, tally
        self.send = send
        self.on_needless_cut: Callable[[str], None] = lambda cause: None
        self.model = session.model
        self.left = session.requests
        self.waiting_since: float | None = None
        self.is_new = True
        self.is_called = False

    @property
    def is_waiting(self) -> bool:
        return self.waiting_since is not None

    def ask(self) -> None:
        if self.left <= 0:
            return
        now = self.timeline.now
        if self.is_new:
            self.is_new = False
            self.tally.asked += 1
        found = self.send(self)
        if not isinstance(found, str):
            self._served(found)
        elif found == "unavailable":
            self.tally.unavailable += 1
            self._stop()
        elif self.is_waiting and now - self.waiting_since >= self.session.patience_s:
            self.tally.given_up += 1
            self._stop()
        elif found == "cold":
            self.waiting_since = now if self.waiting_since is None else self.waiting_since
        elif not self.is_waiting:  # full, or a connection refused
            self.timeline.after(self.random.uniform(2, 10), self.ask)

    def _served(self, worker: Worker) -> None:
        if self.waiting_since is not None:
            self.tally.cold_waits.append(self.timeline.now - self.waiting_since)
            self.waiting_since = None
        seconds = self.session.request_s * self.random.uniform(0.3, 1.7)
        within = seconds <= worker.job.spec.drain_timeout_s
        worker.take(Request(self, within), seconds)

    def _stop(self) -> None:
        self.left, self.waiting_since = 0, None

    def next(self) -> None:
        self.left -= 1
        self.is_new = True
        if self.left > 0:
            self.timeline.after(self.session.think_s * self.random.uniform(0.5, 1.5), self.ask)


class Request:
    """One of a client's requests, on its way through an engine."""

    def __init__(self, client: Client, fits_a_drain: bool) -> None:
        self.client = client
        self.fits_a_drain = fits_a_drain

    def finish(self) -> None:
        self.client.tally.served += 1
        self.client.next()

    def cut(self, cause: str) -> None:
        tally = self.client.tally
        tally.cuts[cause] = tally.cuts.get(cause, 0) + 1
        if self.fits_a_drain:
            tally.needless_cuts[cause] = tally.needless_cuts.get(cause, 0) + 1
            self.client.on_needless_cut(cause)
        self.client.next()
