"""Stretches of whole days, and what they are put together from."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web.usage.spans import Span, Unit, day_number, label, month_number, periods_of, pieces

DAYS = st.dates(date(1970, 3, 1), date(2200, 1, 1))


def days_of(piece, span):
    """The days in a piece, told the long way."""
    if not piece.of_months:
        return list(range(piece.low, piece.high + 1))
    around = (span.first + timedelta(days=n) for n in range(-40, span.days + 40))
    return [day_number(day) for day in around if piece.low <= month_number(day) <= piece.high]


@settings(deadline=None)
@given(DAYS, st.integers(0, 800), st.sampled_from(Unit))
def test_every_day_of_a_span_is_in_exactly_one_piece(first, more, unit):
    span = Span(first, first + timedelta(days=more))
    found = [day for piece in pieces(span, unit) for day in days_of(piece, span)]
    assert found == list(range(day_number(span.first), day_number(span.last) + 1))


@settings(deadline=None)
@given(DAYS, st.integers(0, 800))
def test_days_beside_whole_months_are_of_one_month_each(first, more):
    span = Span(first, first + timedelta(days=more))
    found = list(pieces(span, Unit.MONTH))
    if any(piece.of_months for piece in found):
        for piece in found:
            if not piece.of_months:
                assert label(piece.low, Unit.MONTH) == label(piece.high, Unit.MONTH)


@settings(deadline=None)
@given(st.integers(0, 7 * 10**9))
def test_a_moments_periods_are_called_by_its_date(second):
    moment = datetime.fromtimestamp(second, UTC)
    day, month = periods_of(moment)
    assert day >= 0 > month
    assert label(day, Unit.DAY) == moment.date().isoformat()
    assert label(day, Unit.MONTH) == label(month, Unit.MONTH) == moment.date().isoformat()[:7]
    assert label(day, Unit.WHOLE) == ""


def test_a_moment_belongs_to_its_day_of_utc():
    east = datetime.fromisoformat("2026-11-01T00:30:00+01:00")
    assert periods_of(east) == (day_number(date(2026, 10, 31)), month_number(date(2026, 10, 1)))


@pytest.mark.parametrize(
    ("first", "last", "unit", "labels"),
    [
        (date(2026, 2, 27), date(2026, 3, 1), Unit.DAY, ["2026-02-27", "2026-02-28", "2026-03-01"]),
        (date(2026, 1, 15), date(2026, 4, 16), Unit.DAY, None),
        (date(2026, 1, 15), date(2026, 4, 17), Unit.MONTH, None),
        (date(2026, 1, 31), date(2026, 5, 3), Unit.MONTH, [f"2026-0{n}" for n in range(1, 6)]),
    ],
)  # fmt: skip
def test_a_short_span_is_told_by_days_and_a_long_one_by_months(first, last, unit, labels):
    span = Span(first, last)
    assert span.unit is unit
    if labels is not None:
        assert span.labels() == labels


def test_a_span_ends_when_the_day_after_it_begins():
    span = Span(date(2026, 2, 27), date(2026, 2, 28))
    assert (span.begin, span.end) == (
        datetime(2026, 2, 27, tzinfo=UTC),
        datetime(2026, 3, 1, tzinfo=UTC),
    )
    assert span.days == 2
