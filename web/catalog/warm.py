"""Warm windows: at least so many instances on these days between these hours, local time. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|(24):(00)")


@dataclass(frozen=True, slots=True)
class WarmWindow:
    """From `begins` to `ends` by the clocks of `timezone`; one that ends earlier ends next day."""

    instances: int
    days: tuple[int, ...]  # Monday is 0; the day on which the window begins
    begins: time
    ends: time  # 00:00 is the end of the day
    timezone: str

    def holds_at(self, at: datetime) -> bool:
        local = at.astimezone(_zone(self.timezone))
        clock, today = local.time(), local.weekday()
        yesterday = (local - timedelta(days=1)).weekday()
        if self.begins < self.ends:
            return today in self.days and self.begins <= clock < self.ends
        return (today in self.days and clock >= self.begins) or (
            yesterday in self.days and clock < self.ends
        )


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def days_of(text: str) -> tuple[int, ...]:
    """`Mon-Fri`, `Sat,Sun`, `Fri-Mon` (over the weekend) or `daily`. Raises ValueError."""
    if text.strip().lower() == "daily":
        return tuple(range(7))
    found: set[int] = set()
    for part in text.split(","):
        names = [name.strip().title() for name in part.split("-")]
        if len(names) > 2 or not all(name in DAYS for name in names):
            raise ValueError("must be days such as Mon-Fri, Sat,Sun or daily")
        first, last = DAYS.index(names[0]), DAYS.index(names[-1])
        found.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    return tuple(sorted(found))


def clock_of(text: str) -> time:
    """`08:00`; `24:00` is the end of the day. Raises ValueError."""
    if not _CLOCK.fullmatch(text):
        raise ValueError('must be a time of day in quotes, such as "08:00"')
    hours, minutes = map(int, text.split(":"))
    return time(hours % 24, minutes)
