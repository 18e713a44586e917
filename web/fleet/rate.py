"""A bound on how often each worker may report. Pure: the time is handed in."""

from datetime import datetime


class PerSecond:
    """At most `limit` events of each key within one second of the clock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._second = 0
        self._counts: dict[str, int] = {}

    def allows(self, key: str, now: datetime) -> bool:
        second = int(now.timestamp())
        if second != self._second:
            self._second = second
            self._counts.clear()
        count = self._counts.get(key, 0) + 1
        self._counts[key] = count
        return count <= self._limit
