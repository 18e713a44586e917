"""Numbers and times as the pages tell them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from web.portal import words

NOW = datetime(2026, 11, 20, 14, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (0.5, "0.5"),
        (2.0, "2"),
        (1234.567, "1,234.57"),
        (None, "–"),
    ],
)
def test_a_number_is_told_whole_with_two_places_at_most(value: float | None, told: str) -> None:
    assert words.number(value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (999, "999"),
        (1200, "1.2k"),
        (999_600, "1M"),
        (1_234_567, "1.23M"),
        (2.5e9, "2.5G"),
        (None, "–"),
        (0.5, "0.5"),
        (0.004, "0.004"),
        (0.01234, "0.012"),
    ],
)
def test_a_short_number_has_three_digits_and_a_unit(value: float | None, told: str) -> None:
    assert words.short_number(value) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (75, "1 min 15 s"),
        (640, "10 min"),
        (3900, "1 h 5 min"),
        (100_000, "1 d 3 h"),
        (-5, "0 s"),
        (None, "–"),
    ],
)
def test_a_span_is_told_in_two_units_at_most(seconds: float | None, told: str) -> None:
    assert words.span(seconds) == told


def test_a_moment_is_told_by_its_distance_from_now() -> None:
    assert words.ago(NOW - timedelta(minutes=3), NOW) == "3 min ago"
    assert words.ago(NOW + timedelta(hours=2), NOW) == "in 2 h"
    assert words.ago(NOW, NOW) == "just now"
    assert words.ago(None, NOW) == "never"


def test_a_moment_is_told_in_utc_with_all_a_browser_needs_to_tell_it_in_its_own_zone() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))

    assert words.when(elsewhere) == (
        '<time datetime="2026-11-20T14:03:00+00:00" data-style="minute">2026-11-20 14:03 UTC</time>'
    )
    assert words.when(None) == "–"


def test_one_is_told_without_an_s() -> None:
    assert words.plural(1, "key") == "1 key"
    assert words.plural(2000, "key") == "2,000 keys"
    assert words.plural(2, "entry", "entries") == "2 entries"
