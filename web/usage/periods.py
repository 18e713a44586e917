"""Times of day as people write them, and the days and months of a span of time. Pure.

Usage is kept by hours of UTC. Where a zone's days begin within one, that hour belongs to the day
in which it began.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum

# In none of them does a zone or a full hour lead out of the calendar.
YEARS = range(1970, 9000)
HOUR = timedelta(hours=1)
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_HOUR = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}")
_AGO = re.compile(r"(\d{1,4})([hd])")


class By(Enum):
    """What usage can be told by."""

    USER = "user"
    KEY = "key"
    MODEL = "model"
    MONTH = "month"
    DAY = "day"
    HOUR = "hour"


TIMES = (By.HOUR, By.DAY, By.MONTH)


@dataclass(frozen=True, slots=True)
class Period:
    """From `begin` up to `end`, both at full hours, aware."""

    begin: datetime
    end: datetime


def read_by(text: str) -> tuple[By, ...]:
    """`user,model` in that order; raises ValueError, in words."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = {by.value: by for by in By}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"usage is told by {', '.join(known)}, not by {unknown[0][:40]!r}")
    return tuple(dict.fromkeys(known[name] for name in names))


def read_time(text: str, now: datetime, zone: tzinfo) -> datetime:
    """A moment, aware: 2026-11, 2026-11-01, 2026-11-01T14, ISO 8601, 12h or 30d (so long ago).

    In `zone` unless it names one itself. Raises ValueError, in words.
    """
    text = text.strip()
    if ago := _AGO.fullmatch(text):
        number, unit = int(ago.group(1)), ago.group(2)
        return now - (timedelta(hours=number) if unit == "h" else timedelta(days=number))
    if _MONTH.fullmatch(text):
        text += "-01"
    elif _HOUR.fullmatch(text):
        text += ":00"
    try:
        told: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        told = None
    if told is None or told.year not in YEARS:
        raise ValueError(
            f"{text[:40]!r} is no time: write it like 2026-11, 2026-11-01, "
            "2026-11-01T14:00+01:00 or 30d"
        )
    return (told.replace(tzinfo=zone) if told.tzinfo is None else told).astimezone(UTC)


def begin_of_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def end_of_hour(moment: datetime) -> datetime:
    """The next full hour; the moment itself if it is one."""
    begin = begin_of_hour(moment)
    return begin if begin == moment else begin + HOUR


def periods(span: Period, unit: By, zone: tzinfo) -> Iterator[Period]:
    """The days or months of `zone` in the span, the oldest first."""
    begin = span.begin
    while begin < span.end:
        end = end_of_hour(_next(begin.astimezone(zone), unit, zone))
        yield Period(begin, min(end, span.end))
        begin = end


def label(moment: datetime, by: By, zone: tzinfo) -> str:
    """How a month, a day or an hour is called: 2026-11, 2026-11-01, 2026-11-01T14:00+01:00."""
    local = moment.astimezone(zone)
    if by is By.HOUR:
        return local.isoformat(timespec="minutes")
    return local.strftime("%Y-%m" if by is By.MONTH else "%Y-%m-%d")


def _next(local: datetime, unit: By, zone: tzinfo) -> datetime:
    """The first moment of the next day or month, UTC."""
    first = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0, tzinfo=None)
    if unit is By.MONTH:
        first = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    else:
        first += timedelta(days=1)
    return first.replace(tzinfo=zone).astimezone(UTC)
