"""The fleet lock under wrong clocks and pauses (its plain life: tests/web/fleet/test_store.py)."""

import threading

import pytest
from sqlalchemy import text

from tests.waiting import wait_until
from tests.web.fleet.worlds import NOW, later
from web.database import Database, StorageError
from web.lock.store import FleetLock, LostLock

LIFE_S = 5.0
HOUR_S = 3600.0


class Time:
    def __init__(self):
        self.s = 0.0

    def __call__(self):
        return self.s


@pytest.fixture
def passed():
    return Time()


def holder(database, name, passed):
    return FleetLock(database, name, LIFE_S, passed)


def check(database, lock):
    with database.write() as session:
        lock.check(session)


def test_a_clock_set_back_by_an_hour_does_not_keep_a_dead_holders_lock(database, passed):
    assert holder(database, "host:1", passed).acquire(later(HOUR_S))
    waiting = holder(database, "host:2", passed)
    for passed.s in (0.0, 2.0, 4.9):
        assert not waiting.acquire(later(passed.s))
    passed.s = 5.0
    assert waiting.acquire(later(passed.s))


def test_a_holder_that_renews_keeps_its_lock_however_long_somebody_waits(database, passed):
    first, second = holder(database, "host:1", passed), holder(database, "host:2", passed)
    for passed.s in range(30):
        assert first.acquire(later(HOUR_S + passed.s))
        assert not second.acquire(later(passed.s))


def test_one_who_was_paused_while_it_waited_does_not_take_a_renewed_lock(database, passed):
    first, second = holder(database, "host:1", passed), holder(database, "host:2", passed)
    first.acquire(NOW)
    second.acquire(NOW)
    passed.s = 600.0
    first.acquire(later(600))
    assert not second.acquire(later(600))


def test_paused_leader_resumes_what_it_planned_before_is_refused_even_if_it_leads_again(
    database, passed
):
    first, second = holder(database, "host:1", passed), holder(database, "host:2", passed)
    first.acquire(NOW)
    with first.tenure():
        check(database, first)
        second.acquire(later(60))
        second.release(later(61))
        assert first.acquire(later(62))
        with pytest.raises(LostLock):
            check(database, first)
    check(database, first)


def test_without_the_lock_no_tenure_begins(database, passed):
    with pytest.raises(LostLock), holder(database, "host:1", passed).tenure():
        raise AssertionError("it began")


def test_a_released_lock_is_no_longer_ours(database, passed):
    lock = holder(database, "host:1", passed)
    lock.acquire(NOW)
    epoch = lock.epoch
    lock.release(NOW)
    lock.epoch = epoch
    with pytest.raises(LostLock):
        check(database, lock)


def test_paused_leader_within_a_transaction_holds_the_next_one_up_for_seconds_only(
    postgres_url, passed
):
    """Its row lock would otherwise last as long as the pause, or as TCP believes in its host."""
    database = Database(postgres_url)
    database.migrate()
    first, second = holder(database, "host:1", passed), holder(database, "host:2", passed)
    first.acquire(NOW)
    paused, wakes = threading.Event(), threading.Event()
    refused = []

    def write_slowly():
        try:
            with database.write() as session:
                first.check(session)
                paused.set()
                wakes.wait(30)
                session.execute(text("UPDATE locks SET expires_at = now()"))
        except StorageError as error:
            refused.append(error)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert paused.wait(5)

    def takes_over():
        try:
            return second.acquire(later(60))
        except StorageError:  # it waited for the row as long as it may
            return False

    wait_until(takes_over, 10, "the second holder has the lock")
    wakes.set()
    writer.join(10)
    assert refused
    assert second.acquire(later(61))
    second.release(later(61))
    database.close()
