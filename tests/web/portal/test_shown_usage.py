"""What the pages about usage make of the numbers."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from web.errors import BadRequest
from web.portal.shown.usage import (
    CUSTOM,
    DEFAULT,
    MOST_DAYS,
    RANGES,
    Asked,
    Money,
    address,
    asked_for,
    pictures,
    row,
    tiles,
)
from web.portal.shown.usage_files import OF_ALL, OF_ONE, files, read_file
from web.usage.lines import Line
from web.usage.overview import Entry, Overview
from web.usage.periods import By
from web.usage.spans import Span

TODAY = date(2026, 3, 1)
FREE, PRICED = Money(None, "EUR"), Money(Decimal("1.25"), "EUR")


def overview(**changes: object) -> Overview:
    lines = [Line(4, 1, 0, 100, 0, 20), Line(), Line(2, 0, 1, 50, 0, 10, 5, 6.0)]
    days = [Entry(f"2026-02-{27 + n}", line, 0.5) for n, line in enumerate(lines[:2])]
    facts = {
        "span": Span(date(2026, 2, 27), TODAY),
        "total": Entry("", Line(6, 1, 1, 150, 0, 30, 5, 6.0), 1.5),
        "by_period": [*days, Entry("2026-03-01", lines[2], 0.5)],
        "by_model": [Entry("big", lines[0], 1.5), Entry("small", lines[2], 0.0)],
        "leaders": {"big": [120, 0, 0]},
        **changes,
    }
    return Overview(**facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        ("7d", date(2026, 2, 23), TODAY),
        ("", date(2026, 1, 31), TODAY),
        ("month", TODAY, TODAY),
        ("last-month", date(2026, 2, 1), date(2026, 2, 28)),
        ("year", date(2025, 3, 2), TODAY),
    ],
)
def test_days_are_counted_back_from_today(kind, first, last):
    assert asked_for(kind, "", "", TODAY).span == Span(first, last)


def test_single_days_go_before_a_choice_of_days():
    asked = asked_for("7d", "2026-01-05", "", TODAY)
    assert (asked.kind, asked.span) == (CUSTOM, Span(date(2026, 1, 5), TODAY))
    assert asked.words == {"from": "2026-01-05", "to": "2026-03-01"}
    longest = TODAY - timedelta(days=MOST_DAYS - 1)
    assert not asked_for("", longest.isoformat(), "", TODAY).problem
    assert asked_for("", (longest - timedelta(days=1)).isoformat(), "", TODAY).problem


@pytest.mark.parametrize(
    "first", ["1.2.2026", "2026-13-01", "20260101", "²026-01-01", "9999-01-01"]
)
def test_what_is_no_day_is_told_and_the_usual_days_shown(first):
    asked = asked_for("", first, "", TODAY)
    assert "is no day" in asked.problem
    assert (asked.kind, asked.span) == (DEFAULT, RANGES[DEFAULT][1](TODAY))


def test_an_address_asks_for_the_same_days_again():
    asked = asked_for("7d", "", "", TODAY)
    assert address("/usage", asked) == "/usage?range=7d"
    assert address("/usage", asked, user="a&b") == "/usage?range=7d&user=a%26b"
    assert address("/usage", Asked(DEFAULT, asked.span), user="") == "/usage"


def test_what_the_leading_models_did_not_have_is_told_as_the_others():
    tokens, requests, hours = pictures(overview())
    assert "all others" in tokens
    assert "2026-03-01, all others: 60" in tokens
    assert "2026-02-27, big: 120" in tokens
    assert "failed" in requests
    assert "GPU-hours" in hours
    assert (
        "all others" not in pictures(overview(leaders={"big": [120, 0, 0], "small": [0, 0, 60]}))[0]
    )


def test_names_of_models_are_text_in_pictures():
    (tokens, *_) = pictures(overview(leaders={"<b>&": [120, 0, 0]}))
    assert "<b>" not in tokens
    assert "&lt;b&gt;&amp;" in tokens


def test_without_gpus_there_is_no_picture_of_them():
    periods = [Entry(each.name, each.line) for each in overview().by_period]
    assert len(pictures(overview(by_period=periods))) == 2


def test_of_jobs_that_nobody_asked_anything_there_is_but_one_picture():
    idle = [replace(each, line=Line()) for each in overview().by_period]
    (hours,) = pictures(overview(total=Entry("", Line(), 1.5), by_period=idle, leaders={}))
    assert "GPU-hours" in hours


def test_a_cost_is_told_where_there_is_a_price():
    assert [tile.name for tile in tiles(overview(), FREE)] == ["Tokens", "Requests", "GPU-hours"]
    *_, cost = tiles(overview(), PRICED)
    assert (cost.name, cost.value) == ("Cost", "EUR 1.88")
    assert "1.25 a GPU-hour" in cost.about
    assert row(Entry("m", Line(), 2.0), PRICED).cost == 2.5
    assert row(Entry("m", Line(), 2.0), FREE).cost is None
    assert row(Entry("m", Line()), PRICED).gpu_hours is None


def test_requests_are_told_with_what_became_of_them():
    told = tiles(overview(), FREE)[1]
    assert (told.value, told.about) == ("6", "1 failed, 1 left early, 1.0 s each")


def test_every_file_that_is_offered_is_made_of_the_days_of_the_page():
    asked = asked_for("last-month", "", "", TODAY)
    for path, user, kinds in (("/usage", "bob", OF_ONE), ("/usage/everybody", None, OF_ALL)):
        assert len(files(path, asked, "")) == len(kinds)
        for by in kinds:
            wanted = read_file(by, asked, user)
            assert wanted.question.user == user
            assert (wanted.question.since, wanted.question.until) == (
                asked.span.begin, asked.span.end,
            )  # fmt: skip
            assert wanted.name.startswith("usage-2026-02-01-to-2026-02-28-by-")
    with pytest.raises(BadRequest, match="There are files"):
        read_file("user,model", asked, "bob")
    assert By.USER not in read_file("", asked, "bob").by
