"""Stretches of whole days, and the periods that sums are kept by. Pure.

A period is a day or a month of UTC, as one number: days count up from 1970, months count down, so
that both stand in one column. A long stretch is put together from the sums of its months and those
of the days before and after them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum

DAY = timedelta(days=1)
EPOCH = date(1970, 1, 1)
# So many bars have room beside each other.
MOST_DAYS_TOLD = 92


class Unit(Enum):
    """What usage is told by over time; WHOLE: one sum of it all."""

    WHOLE = "whole"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Span:
    """From the first day to the last, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def begin(self) -> datetime:
        return _midnight(self.first)

    @property
    def end(self) -> datetime:
        """The first moment that is not in it."""
        return _midnight(self.last + DAY)

    @property
    def unit(self) -> Unit:
        """What there is room for."""
        return Unit.DAY if self.days <= MOST_DAYS_TOLD else Unit.MONTH

    def labels(self) -> list[str]:
        """Of each day or month, the oldest first."""
        days = (self.first + number * DAY for number in range(self.days))
        return list(dict.fromkeys(label(day_number(day), self.unit) for day in days))


@dataclass(frozen=True, slots=True)
class Piece:
    """Periods of one kind, from the lowest number to the highest."""

    low: int
    high: int

    @property
    def of_months(self) -> bool:
        return self.high < 0


def day_number(day: date) -> int:
    return (day - EPOCH).days


def month_number(day: date) -> int:
    """Of the month that the day is in: -1 is January 1970."""
    return -1 - (day.year - EPOCH.year) * 12 - (day.month - EPOCH.month)


def periods_of(moment: datetime) -> tuple[int, int]:
    """The day and the month of an aware moment."""
    day = moment.astimezone(UTC).date()
    return day_number(day), month_number(day)


def label(period: int, unit: Unit) -> str:
    """2026-11-20 or 2026-11: what the period is, or is part of."""
    if unit is Unit.WHOLE:
        return ""
    return _first_day(period).isoformat()[: 10 if unit is Unit.DAY else 7]


def pieces(span: Span, unit: Unit) -> Iterator[Piece]:
    """What the span is put together from, told by the unit: every day in exactly one piece."""
    first = span.first
    if first.day > 1:
        # No month is longer than the 31 days that lead from its first into the next.
        first = _begin_of_month(_begin_of_month(first) + 31 * DAY)
    end = span.last + DAY
    last = _begin_of_month(end)
    if unit is Unit.DAY or first >= last:
        yield Piece(day_number(span.first), day_number(span.last))
        return
    if span.first < first:
        yield Piece(day_number(span.first), day_number(first) - 1)
    yield Piece(month_number(last - DAY), month_number(first))
    if last < end:
        yield Piece(day_number(last), day_number(span.last))


def _first_day(period: int) -> date:
    if period >= 0:
        return EPOCH + period * DAY
    years, month = divmod(-1 - period, 12)
    return date(EPOCH.year + years, 1 + month, 1)


def _begin_of_month(day: date) -> date:
    return day.replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
