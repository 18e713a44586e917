"""The clock of a simulated month and what happens when. Seconds since START."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday; clocks change on the 29th
HOUR, DAY = 3600.0, 86400.0


class Timeline:
    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._read: tuple[float, datetime] = (0.0, START)

    def at(self, when: float, deed: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (max(when, self.now), self._count, deed))

    def after(self, delay: float, deed: Callable[[], None]) -> None:
        self.at(self.now + delay, deed)

    @property
    def next_at(self) -> float:
        return self._events[0][0] if self._events else float("inf")

    def step(self) -> None:
        """To the next event, and through it."""
        self.now, _, deed = heapq.heappop(self._events)
        deed()

    def clock(self) -> datetime:
        if self._read[0] != self.now:
            self._read = (self.now, START + timedelta(seconds=self.now))
        return self._read[1]

    def time_of(self, seconds: float) -> datetime:
        return START + timedelta(seconds=seconds)
