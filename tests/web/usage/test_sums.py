"""Sums by day and month are what the hours add up to, whoever writes and in whatever order."""

import random
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from tests.web.migrating import downgrade
from web.database import Database, StorageError
from web.usage import store as store_module
from web.usage.lines import COUNTS, Batch, Line, LineKey, Question
from web.usage.models import ModelSumRow, UsageRow, UserModelSumRow, UserSumRow
from web.usage.periods import By
from web.usage.spans import Span, Unit, label, periods_of
from web.usage.store import UsageStore
from web.usage.sums_store import SumsStore

NOW = datetime(2026, 11, 20, tzinfo=UTC)
TABLES = (
    (UserModelSumRow, ("user", "period", "model")),
    (ModelSumRow, ("period", "model")),
    (UserSumRow, ("period", "user")),
)


def some_lines(chance: random.Random, count: int) -> tuple[tuple[LineKey, Line], ...]:
    """As a ledger brings them: each key once, sorted."""
    lines = {}
    for _ in range(count):
        hour = datetime(2026, 9, 28, tzinfo=UTC) + timedelta(hours=chance.randrange(24 * 45))
        user = chance.choice(("alice", "bob", "", "dörte"))
        key = LineKey(hour, f"k-{user[:1]}{chance.randrange(2)}", chance.choice("xyz"), user)
        counts = [chance.randrange(10**9) for _ in COUNTS[:-1]]
        lines[key] = Line(*counts, chance.randrange(1000) / 8)
    return tuple(sorted(lines.items(), key=lambda item: item[0]))


def assert_exact(database: Database) -> None:
    with database.read() as session:
        hours = session.scalars(select(UsageRow)).all()
        for row, names in TABLES:
            expected: dict[tuple[object, ...], list[float]] = {}
            for each in hours:
                for period in periods_of(each.hour):
                    place = tuple(
                        period if name == "period" else getattr(each, name) for name in names
                    )
                    sums = expected.setdefault(place, [0] * len(COUNTS))
                    for at, count in enumerate(COUNTS):
                        sums[at] += getattr(each, count)
            found = {
                tuple(getattr(each, name) for name in names): [getattr(each, c) for c in COUNTS]
                for each in session.scalars(select(row))
            }
            # Eighths of a second are added without rounding.
            assert found == expected


@pytest.mark.parametrize("seed", range(3))
def test_after_any_writes_the_sums_are_those_of_the_hours(database, seed):
    chance = random.Random(seed)
    store = UsageStore(database)
    for number in range(1, 8):
        store.add("w", Batch(number, some_lines(chance, chance.randrange(1, 60))), NOW)
    assert_exact(database)


def test_a_batch_repeated_in_doubt_is_in_the_sums_once(database):
    store = UsageStore(database)
    batch = Batch(1, some_lines(random.Random(5), 40))
    for _ in range(3):
        store.add("w", batch, NOW)
    assert_exact(database)


def test_a_write_that_fails_half_way_leaves_neither_hours_nor_sums(database, monkeypatch):
    store = UsageStore(database)
    store.add("w", Batch(1, some_lines(random.Random(1), 20)), NOW)

    def half(session, lines):
        add_up(session, lines[: len(lines) // 2])
        raise StorageError("away")

    add_up = store_module.add_up
    monkeypatch.setattr(store_module, "add_up", half)
    with pytest.raises(StorageError):
        store.add("w", Batch(2, some_lines(random.Random(2), 20)), NOW)
    assert_exact(database)
    monkeypatch.undo()
    store.add("w", Batch(2, some_lines(random.Random(2), 20)), NOW)
    assert_exact(database)


def test_writers_at_the_same_time_lose_nothing_of_each_other(database):
    failed = []

    def write(name: str) -> None:
        chance, own = random.Random(name), Database(database.url)
        try:
            for number in range(1, 11):
                UsageStore(own).add(name, Batch(number, some_lines(chance, 30)), NOW)
        except Exception as error:
            failed.append(error)
        finally:
            own.close()

    writers = [threading.Thread(target=write, args=(f"writer-{n}",)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failed == []
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(UsageRow)) > 100
    assert_exact(database)


def test_a_database_that_had_only_hours_has_their_sums_after_migrating(database):
    UsageStore(database).add("w", Batch(1, some_lines(random.Random(3), 300)), NOW)
    downgrade(database, "0006")
    database.migrate()
    assert_exact(database)
    UsageStore(database).add("w", Batch(2, some_lines(random.Random(4), 50)), NOW)
    assert_exact(database)


@pytest.fixture
def filled(database):
    UsageStore(database).add("w", Batch(1, some_lines(random.Random(7), 500)), NOW)
    return database


SPANS = (
    Span(date(2026, 10, 3), date(2026, 10, 3)),
    Span(date(2026, 10, 1), date(2026, 10, 31)),
    Span(date(2026, 9, 30), date(2026, 11, 2)),
    # By months, with days before and after them.
    Span(date(2026, 6, 12), date(2026, 11, 5)),
    Span(date(2027, 1, 1), date(2027, 1, 2)),
)


def by_the_hours(database, span, *by, **question):
    found = {}
    question = Question(span.begin, span.end, **question)
    for sums in UsageStore(database).sums(by, question, UTC):
        found[sums.names] = sums.line
    return found


@pytest.mark.parametrize("span", SPANS)
def test_what_is_read_of_a_span_is_what_its_hours_tell(filled, span):
    sums, unit = SumsStore(filled), By.DAY if span.unit is Unit.DAY else By.MONTH

    def told(found, *names):
        return {tuple(getattr(each, name) for name in names): each.line for each in found}

    assert told(sums.of_user("alice", span), "period", "name") == by_the_hours(
        filled, span, unit, By.MODEL, user="alice"
    )
    assert told(sums.of_everybody(span), "period") == by_the_hours(filled, span, unit)
    assert told(sums.of_everybody(span, ["y"]), "period", "name") == by_the_hours(
        filled, span, unit, By.MODEL, model="y"
    )
    assert told(sums.by_model(span), "name") == by_the_hours(filled, span, By.MODEL)
    users, count = sums.by_user(span, "", 0, 50)
    assert told(users, "name") == by_the_hours(filled, span, By.USER)
    assert count == len(users)


@pytest.mark.parametrize("span", SPANS)
def test_tokens_are_told_by_day(filled, span):
    sums = SumsStore(filled)
    found = sums.tokens_by_day(["alice", "bob"], span)
    assert {(user, label(day, Unit.DAY), model): n for user, day, model, n, _ in found} == {
        names: line.prompt_tokens + line.completion_tokens
        for names, line in by_the_hours(filled, span, By.USER, By.DAY, By.MODEL).items()
        if names[0] in ("alice", "bob")
    }
    totals = by_the_hours(filled, span, By.DAY, By.MODEL)
    for _, day, model, _, of_all in found:
        line = totals[label(day, Unit.DAY), model]
        assert of_all == line.prompt_tokens + line.completion_tokens


def test_users_are_told_in_pages_those_with_most_tokens_first(database):
    lines = tuple(
        (LineKey(NOW, f"k{n:02}", "m", f"User{n:02}"), Line(1, prompt_tokens=n)) for n in range(30)
    )
    UsageStore(database).add("w", Batch(1, lines), NOW)
    sums, span = SumsStore(database), Span(NOW.date(), NOW.date())

    def names(*asked):
        found, count = sums.by_user(span, *asked)
        return [each.name for each in found], count

    assert names("", 0, 3) == (["User29", "User28", "User27"], 30)
    assert names("", 27, 3) == (["User02", "User01", "User00"], 30)
    assert names("", 60, 2) == (["User29", "User28"], 30)
    assert names("user1", 0, 2) == (["User19", "User18"], 10)
    assert names("%", 0, 2) == ([], 0)
