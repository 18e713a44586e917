"""Sums of what is written down, by anything and over any time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from web.usage.lines import Batch, Line, LineKey, Question
from web.usage.periods import By
from web.usage.store import TooMuch, UsageStore

BERLIN = ZoneInfo("Europe/Berlin")
USER, KEY, MODEL, MONTH, DAY, HOUR = By.USER, By.KEY, By.MODEL, By.MONTH, By.DAY, By.HOUR


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


ROWS = (
    (LineKey(at(2026, 10, 31, 22), "a1", "big", "alice"), Line(requests=1, prompt_tokens=10)),
    (LineKey(at(2026, 10, 31, 23), "a2", "big", "alice"), Line(requests=2, prompt_tokens=20)),
    (LineKey(at(2026, 11, 1, 0), "a1", "small", "alice"), Line(requests=4, duration_s=1.5)),
    (LineKey(at(2026, 11, 1, 0), "b1", "big", "bob"), Line(requests=8, errors=3)),
    (LineKey(at(2026, 12, 1, 5), "b1", "big", "bob"), Line(requests=16, aborted=5)),
)


@pytest.fixture
def store(database):
    store = UsageStore(database)
    store.add("w", Batch(1, ROWS), at(2026, 12, 1))
    return store


def requests(store, *by, zone=UTC, **question):
    return {s.names: s.line.requests for s in store.sums(by, Question(**question), zone)}


@pytest.mark.parametrize(
    ("by", "sums"),
    [
        ((), {(): 31}),
        ((USER,), {("alice",): 7, ("bob",): 24}),
        ((KEY,), {("a1",): 5, ("a2",): 2, ("b1",): 24}),
        ((MODEL, USER), {("big", "alice"): 3, ("big", "bob"): 24, ("small", "alice"): 4}),
        ((MONTH,), {("2026-10",): 3, ("2026-11",): 12, ("2026-12",): 16}),
        ((USER, DAY), {
            ("alice", "2026-10-31"): 3,
            ("alice", "2026-11-01"): 4,
            ("bob", "2026-11-01"): 8,
            ("bob", "2026-12-01"): 16,
        }),
        ((MONTH, DAY, MODEL), {
            ("2026-10", "2026-10-31", "big"): 3,
            ("2026-11", "2026-11-01", "big"): 8,
            ("2026-11", "2026-11-01", "small"): 4,
            ("2026-12", "2026-12-01", "big"): 16,
        }),
        ((KEY, HOUR), {
            ("a1", "2026-10-31T22:00+00:00"): 1,
            ("a2", "2026-10-31T23:00+00:00"): 2,
            ("a1", "2026-11-01T00:00+00:00"): 4,
            ("b1", "2026-11-01T00:00+00:00"): 8,
            ("b1", "2026-12-01T05:00+00:00"): 16,
        }),
    ],
)  # fmt: skip
def test_usage_is_summed_up_by_whatever_is_asked(store, by, sums):
    assert requests(store, *by) == sums


def test_months_and_days_are_those_of_the_zone(store):
    assert requests(store, MONTH, zone=BERLIN) == {
        ("2026-10",): 1,
        ("2026-11",): 14,
        ("2026-12",): 16,
    }
    assert requests(store, HOUR, zone=BERLIN, user="bob") == {
        ("2026-11-01T01:00+01:00",): 8,
        ("2026-12-01T06:00+01:00",): 16,
    }


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"user": "alice"}, 7),
        ({"key_id": "a1"}, 5),
        ({"model": "big"}, 27),
        ({"user": "bob", "model": "small"}, None),
        ({"since": at(2026, 11, 1)}, 28),
        ({"until": at(2026, 11, 1)}, 3),
        ({"since": at(2026, 10, 31, 23), "until": at(2026, 12, 1)}, 14),
        ({"since": at(2027, 1, 1)}, None),
    ],
)
def test_a_question_narrows_who_what_and_when(store, question, told):
    assert requests(store, **question) == ({} if told is None else {(): told})
    by_month = requests(store, MONTH, **question)
    assert sum(by_month.values()) == (told or 0)


def test_every_count_is_summed_up(store):
    store.add("w", Batch(2, ((ROWS[0][0], Line(1, 2, 3, 4, 5, 6, 7, 8.5)),)), at(2026, 12, 1))
    (told,) = store.sums([USER], Question(user="alice", until=at(2026, 10, 31, 23)), UTC)
    assert told.line == Line(2, 2, 3, 14, 5, 6, 7, 8.5)


def test_more_rows_than_one_can_take_are_refused(store):
    assert len(store.sums([MONTH, USER], Question(), UTC, 4)) == 4
    for by in ([MONTH, USER], [KEY, HOUR]):
        with pytest.raises(TooMuch, match="more than 3 rows"):
            store.sums(by, Question(), UTC, 3)
