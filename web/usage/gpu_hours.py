"""Whose GPU-hours they are: from the allocations of jobs to models, users and keys. Pure.

A job's GPUs count from the moment Slurm gave them until it took them back, loading and idling
included. What an instance's model used on a day (of UTC) is shared out to those who used that model
on that day, by their tokens, read and written. A day on which nobody had a token of it stays
UNUSED: nobody's, and still the model's.

All amounts are whole GPU-microseconds, and the parts of every group that is told (of a model, of a
day, …) add up to its whole.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from web.usage.periods import TIMES, By, label

UNUSED = "(unused)"
"""Stands for the user and the key of what nobody used."""

HOURS_PER_DAY = 24
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_PER_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Allocation:
    """GPUs that an instance of the model had from `start` to `end`."""

    model: str
    gpus: int
    start: datetime
    end: datetime


class Part(NamedTuple):
    """GPU-microseconds of one who is charged; "" for what was not asked."""

    user: str
    key_id: str
    model: str
    amount: float


# model -> hour (since 1970) -> GPU-microseconds
Spent = Mapping[str, Mapping[int, int]]
# (model, day since 1970) -> tokens
Totals = Mapping[tuple[str, int], int]
# day, {model: GPU-microseconds for a token of that day} -> the parts of all who had any
Weigh = Callable[[int, Mapping[str, float]], Iterable[Part]]
# (day, period) -> model -> GPU-microseconds
Stretches = Mapping[tuple[int, str], Mapping[str, int]]


def spent_by_hour(
    allocations: Iterable[Allocation], since: datetime | None, until: datetime
) -> Spent:
    """What was allocated within [since, until)."""
    spent: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    first, last = micros(since) if since is not None else None, micros(until)
    for each in allocations:
        start, end = micros(each.start), min(micros(each.end), last)
        start = start if first is None else max(start, first)
        while each.gpus > 0 and start < end:
            hour = start // _MICROSECONDS_PER_HOUR
            stop = min(end, (hour + 1) * _MICROSECONDS_PER_HOUR)
            spent[each.model][hour] += each.gpus * (stop - start)
            start = stop
    return spent


def stretches(spent: Spent, by: Collection[By], zone: tzinfo) -> Stretches:
    """Hours of one day that are reported in one period, `""` without one, in one amount."""
    unit = next((each for each in TIMES if each in by), None)
    period_of = _remembered(unit, zone)
    found: dict[tuple[int, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for model, hours in spent.items():
        for hour, amount in hours.items():
            found[hour // HOURS_PER_DAY, period_of(hour)][model] += amount
    return found


def whole(parts: Stretches, by: Sequence[By]) -> dict[tuple[str, ...], int]:
    """names of `by`, in its order -> GPU-microseconds; `by` asks for no user and no key."""
    found: dict[tuple[str, ...], int] = defaultdict(int)
    for (_, period), models in parts.items():
        for model, amount in models.items():
            found[_names(by, "", "", model, period)] += amount
    return found


def share_out(
    parts: Stretches, totals: Totals, by: Sequence[By], weigh: Weigh, *, to_all: bool = True
) -> dict[tuple[str, ...], int]:
    """Like `whole`, by users or keys. Not `to_all`: `weigh` tells only some, and what is unused
    stays out."""
    found: dict[tuple[str, ...], int] = defaultdict(int)
    for (period, model), group in _groups(parts, totals, by, weigh).items():
        for names, amount in group.shared(to_all=to_all).items():
            found[names] += amount
        if to_all and group.unused:
            found[_names(by, UNUSED, UNUSED, model, period)] += group.unused
    return found


def _groups(
    parts: Stretches, totals: Totals, by: Sequence[By], weigh: Weigh
) -> "dict[tuple[str, str], _Group]":
    """(period, model or "") -> what is to be shared out within it."""
    groups: dict[tuple[str, str], _Group] = defaultdict(_Group)

    def group_of(model: str, period: str) -> _Group:
        return groups[period, model if By.MODEL in by else ""]

    for (day, period), models in parts.items():
        rates = {}
        for model, amount in models.items():
            total = totals.get((model, day), 0)
            if total > 0:
                rates[model] = amount / total
                group_of(model, period).used += amount
            else:
                group_of(model, period).unused += amount
        for part in weigh(day, rates) if rates else ():
            names = _names(by, part.user, part.key_id, part.model, period)
            group_of(part.model, period).parts[names] += part.amount
    return groups


@dataclass(slots=True)
class _Group:
    """What is told with one model (if models are asked for) and one period."""

    used: int = 0
    unused: int = 0
    parts: dict[tuple[str, ...], float] = field(default_factory=lambda: defaultdict(float))

    def shared(self, *, to_all: bool) -> dict[tuple[str, ...], int]:
        if to_all and self.parts:
            return apportion(self.used, self.parts)
        return {names: round(part) for names, part in self.parts.items()}


def apportion(amount: int, parts: Mapping[tuple[str, ...], float]) -> dict[tuple[str, ...], int]:
    """Whole numbers that add up to the amount: what rounding leaves goes one by one to those who
    lost most by it."""
    whole = {names: int(part) for names, part in parts.items()}
    rest = amount - sum(whole.values())
    by_loss = sorted(parts, key=lambda names: (int(parts[names]) - parts[names], names))
    if 0 <= rest <= len(by_loss):
        for names in by_loss[:rest]:
            whole[names] += 1
    else:
        # More than that is the imprecision of large numbers: nobody notices it in the largest.
        whole[max(parts, key=lambda names: (parts[names], names))] += rest
    return whole


def gpu_hours(microseconds: float) -> float:
    return microseconds / _MICROSECONDS_PER_HOUR


def _remembered(unit: By | None, zone: tzinfo) -> Callable[[int], str]:
    known: dict[int, str] = {}

    def period_of(hour: int) -> str:
        if unit is None:
            return ""
        if hour not in known:
            known[hour] = label(_EPOCH + timedelta(hours=hour), unit, zone)
        return known[hour]

    return period_of


def _names(by: Sequence[By], user: str, key_id: str, model: str, period: str) -> tuple[str, ...]:
    told = {By.USER: user, By.KEY: key_id, By.MODEL: model}
    return tuple([told.get(each, period) for each in by])


def micros(at: datetime) -> int:
    """Since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND
