"""The ledger loses nothing, counts nothing twice, and holds nobody up."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.exc import OperationalError

from tests.web.usage.served import NOON, principal, request
from web.openai_proxy.inquiry import Outcome
from web.usage import ledger as ledger_module
from web.usage.ledger import Ledger
from web.usage.lines import Batch, Line, LineKey
from web.usage.models import UsageWriterRow
from web.usage.periods import By
from web.usage.store import WRITER_KEPT_FOR, Question, UsageStore


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


class MoodyStore(UsageStore):
    """Fails before or after the commit, as a database that goes away does."""

    def __init__(self, database):
        super().__init__(database)
        self.before = self.after = 0

    def add(self, writer, batch, now):
        if self.before:
            self.before -= 1
            raise away()
        super().add(writer, batch, now)
        if self.after:
            self.after -= 1
            raise away()


def away():
    return OperationalError("COMMIT", {}, Exception("the connection was lost"))


@pytest.fixture
def store(database):
    return MoodyStore(database)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(store, clock):
    return Ledger(store, clock)


def totals(store, *by, **question):
    return {each.names: each.line for each in store.sums(by, Question(**question), UTC)}


def total(store):
    return totals(store).get((), Line())


def test_a_request_is_written_down_with_all_that_is_known_of_it(ledger, store):
    ledger.record(request())
    ledger.record(request(outcome=Outcome.LEFT, usage=None))
    ledger.record(request(status=500, usage=None, duration_s=2.0))
    ledger.flush()
    assert totals(store, By.USER, By.KEY, By.MODEL, By.HOUR) == {
        ("alice", "key-of-alice", "demo", "2026-11-20T12:00+00:00"): Line(
            requests=3,
            errors=1,
            aborted=1,
            prompt_tokens=110,
            cached_tokens=2,
            completion_tokens=7,
            estimated_tokens=103,
            duration_s=3.0,
        )
    }


def test_batches_add_up_within_the_hour_and_part_at_its_end(ledger, store, clock):
    for minutes in (0, 10, 29, 30):
        clock.now = NOON + timedelta(minutes=minutes)
        ledger.record(request())
        ledger.flush()
    found = totals(store, By.HOUR)
    assert {name: line.requests for (name,), line in found.items()} == {
        "2026-11-20T12:00+00:00": 3,
        "2026-11-20T13:00+00:00": 1,
    }


def test_a_database_that_is_away_costs_no_count(ledger, store):
    store.before = 2
    for _ in range(3):
        ledger.record(request())
        ledger.flush()
    assert total(store).requests == 3


def test_a_commit_of_unknown_outcome_is_repeated_and_counts_once(ledger, store):
    store.after = 2
    for _ in range(4):
        ledger.record(request())
        ledger.flush()
    assert total(store).requests == 4
    assert total(store).prompt_tokens == 40


def test_a_batch_counts_once_however_often_and_late_it_comes(store):
    batch = Batch(1, ((LineKey(NOON.replace(minute=0), "k", "demo", "alice"), Line(requests=5)),))
    later = Batch(2, batch.lines)
    for each in (batch, batch, later, batch, later):
        store.add("writer", each, NOON)
    store.add("another", batch, NOON)
    assert total(store).requests == 15


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_repeated_batch_waits_for_the_commit_that_is_still_on_its_way(store, database):
    """PostgreSQL may still be at work on a transaction whose client has lost its connection."""
    batch = Batch(1, ((LineKey(NOON.replace(minute=0), "k", "demo", "alice"), Line(requests=5)),))
    engine = create_engine(database.url)
    with engine.connect() as slow:
        # The first attempt, as far as it has come.
        insert = "INSERT INTO usage_writers VALUES ('w', 1, now())"
        slow.exec_driver_sql(insert)
        again = threading.Thread(target=store.add, args=("w", batch, NOON))
        again.start()
        again.join(0.3)
        assert again.is_alive()
        slow.commit()
        again.join(10)
    engine.dispose()
    assert not again.is_alive()
    # The first attempt's own lines are not ours to write in this test: none were added twice.
    assert total(store).requests == 0


def test_many_threads_count_exactly_while_batches_are_written(ledger, store):
    threads, each, stop = 8, 500, threading.Event()

    def ask(user):
        for number in range(each):
            ledger.record(request(principal=principal(user), model=f"m{number % 3}"))

    def flush():
        while not stop.is_set():
            ledger.flush()

    flusher = threading.Thread(target=flush)
    askers = [threading.Thread(target=ask, args=[f"u{n % 4}"]) for n in range(threads)]
    for thread in (flusher, *askers):
        thread.start()
    for thread in askers:
        thread.join()
    stop.set()
    flusher.join()
    ledger.close()
    assert total(store) == Line(4000, 0, 0, 40_000, 8_000, 16_000, 0, 2000.0)
    assert {line.requests for line in totals(store, By.USER).values()} == {1000}


def test_several_ledgers_that_write_the_same_lines_wait_for_each_other_in_no_circle(store, clock):
    ledgers = [Ledger(store, clock) for _ in range(4)]

    def work(ledger, shift):
        for number in range(300):
            ledger.record(request(principal=principal(f"u{(number * 7 + shift) % 40}")))
            if number % 50 == 49:
                ledger.close()

    threads = [threading.Thread(target=work, args=(x, n * 11)) for n, x in enumerate(ledgers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total(store).requests == 1200


def test_recording_waits_for_no_database(ledger, store):
    entered, go_on = threading.Event(), threading.Event()
    write = store.add

    def slow(*args):
        entered.set()
        assert go_on.wait(10)
        write(*args)

    store.add = slow
    ledger.record(request())
    writing = threading.Thread(target=ledger.flush)
    writing.start()
    assert entered.wait(10)
    # The batch is on its way, and will be until we let it: this returns all the same.
    ledger.record(request())
    go_on.set()
    writing.join()
    ledger.close()
    assert total(store).requests == 2


def test_memory_is_bounded_and_every_request_still_counts(ledger, store, monkeypatch, caplog):
    monkeypatch.setattr(ledger_module, "MAX_LINES", 10)
    for number in range(30):
        ledger.record(request(principal=principal(f"u{number}")))
    assert len(ledger._lines) == 11
    assert [r.levelname for r in caplog.records] == ["ERROR"]
    ledger.flush()
    by_user = totals(store, By.USER)
    assert by_user[("",)].requests == 20
    assert total(store).requests == 30
    # Once they are written down there is room again.
    ledger.record(request(principal=principal("u29")))
    ledger.flush()
    assert totals(store, By.USER)[("u29",)].requests == 1


def test_more_lines_than_a_batch_may_have_are_written_in_several(ledger, store, monkeypatch):
    monkeypatch.setattr(ledger_module, "MAX_BATCH_LINES", 7)
    for number in range(30):
        ledger.record(request(principal=principal(f"u{number}")))
    store.before = 1
    ledger.flush()
    assert total(store).requests == 0
    ledger.flush()
    assert total(store).requests == 30


def test_closing_tries_for_a_while(ledger, store):
    store.before = 2
    ledger.record(request())
    ledger.close()
    assert total(store).requests == 1


def test_closing_gives_up_in_the_end_and_says_what_is_lost(ledger, store, monkeypatch, caplog):
    monkeypatch.setattr(ledger_module, "CLOSE_WITHIN_S", 0)
    store.before = 10
    ledger.record(request())
    ledger.close()
    assert "the usage of the last seconds is lost" in caplog.text


def test_a_writer_that_is_long_gone_is_forgotten(store, database):
    line = (LineKey(NOON.replace(minute=0), "k", "demo", "alice"), Line(requests=1))
    store.add("old", Batch(1, (line,)), NOON - WRITER_KEPT_FOR - timedelta(seconds=1))
    store.add("recent", Batch(1, (line,)), NOON - timedelta(days=1))
    store.add("new", Batch(1, (line,)), NOON)
    with database.read() as session:
        left = set(session.scalars(select(UsageWriterRow.writer)))
    assert left == {"recent", "new"}
    assert total(store).requests == 3


def test_an_hour_that_the_clock_went_back_to_is_counted_there(ledger, store, clock):
    ledger.record(request())
    clock.now = datetime(2026, 11, 20, 11, 59, 59, 999999, tzinfo=UTC)
    ledger.record(request())
    ledger.flush()
    hours = [name for (name,) in totals(store, By.HOUR)]
    assert hours == ["2026-11-20T11:00+00:00", "2026-11-20T12:00+00:00"]
