"""GPU time by day, made in steps, is what its single hours add up to."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from web.usage.gpu_days import by_day
from web.usage.gpu_hours import HOURS_PER_DAY, Allocation, micros, spent_by_hour
from web.usage.spans import Span, day_number

SPAN = Span(date(2026, 10, 30), date(2026, 11, 8))
HOUR_US = 3_600_000_000


def run(model: str, gpus: int, start: datetime, end: datetime) -> tuple[str, int, int, int]:
    return model, gpus, micros(start), micros(end)


def hourly(runs, until):
    """model -> its days' amounts, the long way."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    allocations = [
        Allocation(m, g, *(epoch + timedelta(microseconds=at) for at in (start, end)))
        for m, g, start, end in runs
    ]
    found = {}
    for model, hours in spent_by_hour(allocations, SPAN.begin, min(until, SPAN.end)).items():
        days = found[model] = [0] * SPAN.days
        for hour, amount in hours.items():
            days[hour // HOURS_PER_DAY - day_number(SPAN.first)] += amount
    return found


@pytest.mark.parametrize("seed", range(20))
def test_days_are_what_their_hours_add_up_to(seed):
    chance = random.Random(seed)
    runs = []
    for _ in range(30):
        start = SPAN.begin + timedelta(microseconds=chance.randrange(-(10**12), 10**12))
        length = chance.choice((0, 1, 3600 * 10**6, 86400 * 10**6, chance.randrange(2 * 10**12)))
        end = start + timedelta(microseconds=length)
        runs.append(run(chance.choice("abc"), chance.choice((1, 2, 8)), start, end))
    until = SPAN.begin + timedelta(days=chance.randrange(1, 12), seconds=chance.randrange(86400))
    assert by_day(runs, SPAN, until) == hourly(runs, until)


@pytest.mark.parametrize(
    ("start_h", "end_h", "hours"),
    [
        (0, 24, [24, 0]),
        (0, 48, [24, 24]),
        (23, 25, [1, 1]),
        (-5, 6, [6, 0]),
        (-5, 999, [24, 24]),
        (-5, 0, None),
        (48, 50, None),
        (7, 7, None),
    ],
)
def test_a_run_counts_within_the_span_only(start_h, end_h, hours):
    span = Span(date(2026, 11, 1), date(2026, 11, 2))
    times = (span.begin + timedelta(hours=n) for n in (start_h, end_h))
    expected = {} if hours is None else {"m": [2 * HOUR_US * n for n in hours]}
    assert by_day([run("m", 2, *times)], span, span.end) == expected


def test_without_gpus_nothing_is_spent():
    assert by_day([run("m", 0, SPAN.begin, SPAN.end)], SPAN, SPAN.end) == {}
