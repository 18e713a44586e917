"""Times as people write them, and the days and months of a zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.web.usage.served import NOON
from web.usage.periods import By, Period, end_of_hour, label, periods, read_by, read_time

BERLIN, INDIA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-11", UTC, utc(2026, 11, 1)),
        ("2026-11", BERLIN, utc(2026, 10, 31, 23)),
        ("2026-11-01", UTC, utc(2026, 11, 1)),
        (" 2026-07-01 ", BERLIN, utc(2026, 6, 30, 22)),
        ("2026-11-01T14", UTC, utc(2026, 11, 1, 14)),
        ("2026-11-01 14", BERLIN, utc(2026, 11, 1, 13)),
        ("2026-11-01T14:30", UTC, utc(2026, 11, 1, 14, 30)),
        ("2026-11-01T14:30Z", BERLIN, utc(2026, 11, 1, 14, 30)),
        ("2026-11-01T14:30+05:30", BERLIN, utc(2026, 11, 1, 9)),
        ("12h", BERLIN, NOON - timedelta(hours=12)),
        ("30d", UTC, NOON - timedelta(days=30)),
    ],
)
def test_a_time_is_read_in_its_zone_or_the_one_it_names(text, zone, moment):
    assert read_time(text, NOON, zone) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026",
        "2026-13",
        "2026-11-31",
        "2026-11-01T25",
        "0001-01-01",
        "1969-12-31",
        "9999-12-31T23:59-12:00",
        "-3d",
        "99999d",
        "nan",
        "\x00",
    ],
)
def test_what_is_no_time_is_refused_in_words(text):
    with pytest.raises(ValueError, match="is no time: write it like 2026-11"):
        read_time(text, NOON, UTC)


def test_what_to_tell_by_keeps_its_order_and_names_each_once():
    assert read_by("model, user,model") == (By.MODEL, By.USER)
    assert read_by("") == ()
    with pytest.raises(ValueError, match="user, key, model, month, day, hour, not by 'week'"):
        read_by("week")


def test_months_follow_one_another_without_a_gap_and_end_with_the_span():
    span = Period(utc(2026, 10, 31, 5), utc(2027, 1, 2, 3))
    found = list(periods(span, By.MONTH, BERLIN))
    assert [label(each.begin, By.MONTH, BERLIN) for each in found] == [
        "2026-10",
        "2026-11",
        "2026-12",
        "2027-01",
    ]
    assert (found[0].begin, found[-1].end) == (span.begin, span.end)
    assert [each.end for each in found[:-1]] == [each.begin for each in found[1:]]


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 7, 1), 24)]
)
def test_a_day_has_the_hours_that_summer_time_leaves_it(day, hours):
    begin = datetime(*day, tzinfo=BERLIN).astimezone(UTC)
    first = next(periods(Period(begin, begin + timedelta(days=3)), By.DAY, BERLIN))
    assert first.end - first.begin == timedelta(hours=hours)


def test_an_hour_that_two_days_share_belongs_to_the_one_in_which_it_began():
    # Midnight in India is at half past six in the evening.
    span = Period(utc(2026, 11, 1), utc(2026, 11, 3))
    days = [(label(each.begin, By.DAY, INDIA), each.end) for each in periods(span, By.DAY, INDIA)]
    assert days[0] == ("2026-11-01", utc(2026, 11, 1, 19))
    assert label(utc(2026, 11, 1, 18), By.DAY, INDIA) == "2026-11-01"
    assert [name for name, _ in days] == ["2026-11-01", "2026-11-02", "2026-11-03"]


def test_both_hours_of_the_night_that_has_one_more_are_told_apart():
    names = [label(utc(2026, 10, 25, hour), By.HOUR, BERLIN) for hour in (0, 1)]
    assert names == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]


def test_the_end_of_an_hour_is_the_next_full_one_or_itself():
    assert end_of_hour(utc(2026, 11, 1, 5)) == utc(2026, 11, 1, 5)
    assert end_of_hour(utc(2026, 11, 1, 5, 0, 1)) == utc(2026, 11, 1, 6)
