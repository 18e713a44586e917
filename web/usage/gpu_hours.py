"""Whose GPU-hours they are: from the allocations of jobs to models, users and keys. Pure.

A job's GPUs count from the moment Slurm gave them until it took them back, loading and idling
included. What an instance's model used on a day (of UTC) is shared out to those who used that model
on that day, by their tokens, read and written. A day on which nobody had a token of it stays
UNUSED: nobody's, and still the model's.

All amounts are whole GPU-microseconds, so that the parts always add up to the whole.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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


class Owner(NamedTuple):
    """Who is charged; "" where it was not asked who."""

    user: str
    key_id: str


NOBODY = Owner(UNUSED, UNUSED)
# model -> hour (since 1970) -> GPU-microseconds
Spent = Mapping[str, Mapping[int, int]]
# (model, day since 1970) -> owner -> tokens
Tokens = Mapping[tuple[str, int], Mapping[Owner, int]]


def spent_by_hour(
    allocations: Iterable[Allocation], since: datetime | None, until: datetime
) -> Spent:
    """What was allocated within [since, until)."""
    spent: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    first, last = _micros(since) if since is not None else None, _micros(until)
    for each in allocations:
        start, end = _micros(each.start), min(_micros(each.end), last)
        start = start if first is None else max(start, first)
        while each.gpus > 0 and start < end:
            hour = start // _MICROSECONDS_PER_HOUR
            stop = min(end, (hour + 1) * _MICROSECONDS_PER_HOUR)
            spent[each.model][hour] += each.gpus * (stop - start)
            start = stop
    return spent


def share_out(
    spent: Spent, tokens: Tokens, by: Iterable[By], zone: tzinfo
) -> dict[tuple[str, ...], dict[Owner, int]]:
    """names of `by`, in its order -> who had a part of it -> GPU-microseconds.

    The names tell all who are charged apart; so `by` with a user or a key needs `tokens` that do.
    """
    by = tuple(by)
    found: dict[tuple[str, ...], dict[Owner, int]] = defaultdict(lambda: defaultdict(int))
    for model, day, period, amount in _stretches(spent, by, zone):
        for owner, part in _parts(amount, tokens.get((model, day), {})).items():
            found[_names(by, owner, model, period)][owner] += part
    return found


def gpu_hours(microseconds: int) -> float:
    return microseconds / _MICROSECONDS_PER_HOUR


def _stretches(
    spent: Spent, by: tuple[By, ...], zone: tzinfo
) -> Iterable[tuple[str, int, str, int]]:
    """(model, day, period, amount): hours of one day that are reported together, in one amount."""
    unit = next((each for each in TIMES if each in by), None)
    period_of: Callable[[int], str] = _remembered(unit, zone)
    for model, hours in spent.items():
        amounts: dict[tuple[int, str], int] = defaultdict(int)
        for hour, amount in hours.items():
            amounts[hour // HOURS_PER_DAY, period_of(hour)] += amount
        for (day, period), amount in amounts.items():
            yield model, day, period, amount


def _remembered(unit: By | None, zone: tzinfo) -> Callable[[int], str]:
    known: dict[int, str] = {}

    def period_of(hour: int) -> str:
        if unit is None:
            return ""
        if hour not in known:
            known[hour] = label(_EPOCH + timedelta(hours=hour), unit, zone)
        return known[hour]

    return period_of


def _parts(amount: int, tokens: Mapping[Owner, int]) -> Mapping[Owner, int]:
    """`amount` in proportion to the tokens, in whole numbers: what rounding leaves goes one by one
    to those who lost most by it."""
    total = sum(tokens.values())
    if total <= 0:
        return {NOBODY: amount}
    parts = {owner: amount * count // total for owner, count in tokens.items()}
    rest = amount - sum(parts.values())
    by_loss = sorted(tokens, key=lambda owner: (-(amount * tokens[owner] % total), owner))
    for owner in by_loss[:rest]:
        parts[owner] += 1
    return parts


def _names(by: tuple[By, ...], owner: Owner, model: str, period: str) -> tuple[str, ...]:
    told = {By.USER: owner.user, By.KEY: owner.key_id, By.MODEL: model}
    return tuple(told.get(each, period) for each in by)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
