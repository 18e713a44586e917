"""What the pages show is what `kscope usage` tells of the same days."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.web.usage.test_sums import SPANS, some_lines
from web.fleet.models import InstanceRow
from web.usage.gpu_desk import GpuDesk
from web.usage.gpu_hours import UNUSED, micros
from web.usage.gpu_store import GpuStore
from web.usage.lines import Batch, Line, LineKey, Question
from web.usage.overview import MOST_LEADERS, OverviewDesk, UsersAsked
from web.usage.periods import By
from web.usage.spans import Span, Unit
from web.usage.store import UsageStore
from web.usage.sums_store import SumsStore

NOW = datetime(2026, 11, 3, 7, 30, tzinfo=UTC)


def instance(number: int, begin: datetime, **changes: object) -> InstanceRow:
    row = InstanceRow(
        id=f"i{number:09}", model="xyz"[number % 3], cluster="slurm", state="stopped",
        secret_version=1, gpus=1 + number % 4, created_at=begin, state_since=begin,
        allocated_at=begin, released_at=begin + timedelta(hours=5 + 9 * number),
    )  # fmt: skip
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def add_instances(database) -> None:
    begin = datetime(2026, 9, 20, 13, 5, 7, 123456, tzinfo=UTC)
    rows = [instance(n, begin + timedelta(hours=23 * n)) for n in range(30)]
    # One that runs, one that was requeued, one that is silent past its time, one never allocated.
    at = datetime(2026, 11, 1, 22, tzinfo=UTC)
    rows.append(instance(100, at, released_at=None))
    rows.append(instance(101, at, gpu_seconds_before=5000.5))
    rows.append(instance(102, at, released_at=None, walltime_end=at + timedelta(hours=9)))
    rows.append(instance(103, at, allocated_at=None, released_at=None))
    rows.append(instance(104, at, allocated_at=None, released_at=None, gpu_seconds_before=77.0))
    with database.write() as session:
        session.add_all(rows)


@pytest.fixture
def filled(database):
    add_instances(database)
    UsageStore(database).add("w", Batch(1, some_lines(random.Random(9), 600)), NOW)
    return database


def desk(database) -> OverviewDesk:
    return OverviewDesk(SumsStore(database), GpuStore(database), lambda: NOW)


def shares(database, span, *by, **question):
    """GPU-hours, as every report tells them."""
    question = Question(span.begin, span.end, **question)
    told = GpuDesk(GpuStore(database), lambda: NOW).shares(by, question, UTC)
    return {names: share.gpu_hours for names, share in told.items() if share.gpu_hours}


def lines(database, span, *by, **question):
    asked = Question(span.begin, span.end, **question)
    return {each.names: each.line for each in UsageStore(database).sums(by, asked, UTC)}


def told_hours(entries):
    return {(each.name,): each.gpu_hours for each in entries if each.gpu_hours}


def unit_of(span):
    return By.DAY if span.unit is Unit.DAY else By.MONTH


@pytest.mark.parametrize("span", SPANS)
def test_a_user_is_told_what_every_report_tells_of_them(filled, span):
    told = desk(filled).of_user("alice", span)
    unit, who = unit_of(span), {"user": "alice"}

    assert {(e.name,): e.line for e in told.by_model} == lines(filled, span, By.MODEL, **who)
    assert [each.name for each in told.by_period] == span.labels()
    used = {(e.name,): e.line for e in told.by_period if e.line.requests}
    assert used == lines(filled, span, unit, **who)
    assert told.total.line == lines(filled, span, **who).get((), Line())

    assert told.untold_gpus == (span.unit is not Unit.DAY)
    if told.untold_gpus:
        assert told.total.gpu_hours is None
        return
    close = {"abs": 1e-9, "rel": 1e-9}
    by_model = shares(filled, span, By.MODEL, By.USER, **who)
    assert told_hours(told.by_model) == pytest.approx(
        {(model,): hours for (model, _), hours in by_model.items()}, **close
    )
    by_time = shares(filled, span, unit, By.USER, **who)
    assert told_hours(told.by_period) == pytest.approx(
        {(time,): hours for (time, _), hours in by_time.items()}, **close
    )
    assert told.total.gpu_hours == pytest.approx(sum(by_model.values()), **close)


@pytest.mark.parametrize("span", SPANS)
def test_an_administrator_is_told_what_every_report_tells_of_all(filled, span):
    told = desk(filled).of_everybody(span, UsersAsked())
    unit = unit_of(span)

    by_model = {(e.name,): e.line for e in told.by_model if e.line.requests}
    assert by_model == lines(filled, span, By.MODEL)
    assert {(e.name,): e.line for e in told.by_period if e.line.requests} == lines(
        filled, span, unit
    )
    assert {(e.name,): e.line for e in told.users} == lines(filled, span, By.USER)
    assert told.users_in_all == len(told.users)
    # What nobody used is in it: it was paid for.
    assert told_hours(told.by_model) == pytest.approx(shares(filled, span, By.MODEL))
    assert told_hours(told.by_period) == pytest.approx(shares(filled, span, unit))
    if span.unit is Unit.DAY:
        of_users = shares(filled, span, By.USER)
        of_users.pop((UNUSED,), None)
        assert told_hours(told.users) == pytest.approx(of_users)
    else:
        assert all(each.gpu_hours is None for each in told.users)


def test_leading_models_are_told_over_time(database):
    hour = datetime(2026, 11, 2, 5, tzinfo=UTC)
    made = tuple(
        (LineKey(hour, "k", f"m{n}", "ada"), Line(1, prompt_tokens=10 * n)) for n in range(9)
    )
    UsageStore(database).add("w", Batch(1, made), NOW)
    span = Span(date(2026, 11, 1), date(2026, 11, 2))

    for told in (desk(database).of_user("ada", span), desk(database).of_everybody(span)):
        assert [each.name for each in told.by_model][:2] == ["m8", "m7"]
        assert told.leaders == {f"m{n}": [0, 10 * n] for n in (8, 7, 6, 5, 4)}
        assert len(told.leaders) == MOST_LEADERS
        assert told.total.gpu_hours is None


def test_nothing_used_is_told_as_nothing(database):
    span = Span(date(2026, 11, 1), date(2026, 11, 2))
    for told in (desk(database).of_user("ada", span), desk(database).of_everybody(span)):
        assert told.by_model == []
        assert told.total.line == Line()
        assert [each.name for each in told.by_period] == ["2026-11-01", "2026-11-02"]


def test_a_model_that_ran_for_nobody_is_told_to_administrators(database):
    add_instances(database)
    told = desk(database).of_everybody(Span(date(2026, 9, 1), date(2026, 11, 3)))
    assert {each.name for each in told.by_model} == {"x", "y", "z"}
    assert told.total.gpu_hours


def test_when_gpus_were_held_is_told_to_the_microsecond(database):
    add_instances(database)
    with database.read() as session:
        rows = session.query(InstanceRow).where(InstanceRow.released_at.is_not(None)).all()
    expected = [
        (row.model, row.gpus, micros(row.allocated_at), micros(row.released_at)) for row in rows
    ]
    runs = GpuStore(database).runs(None, NOW, NOW)
    assert [each for each in expected if each not in runs] == []
