"""Instances in the database, on both kinds of database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.web.fleet.worlds import ID, NOW, ago, instance, later
from web.database import Database
from web.fleet.changes import ForbiddenMove, moved
from web.fleet.models import TelemetryRow
from web.fleet.states import EndReason, InstanceState, Load
from web.fleet.store import TOPIC, FleetStore
from web.lock.store import FleetLock, LostLock, holder_of

S = InstanceState


@pytest.fixture
def lock(database):
    lock = FleetLock(database, "host:1", life_s=5)
    assert lock.acquire(NOW)
    return lock


@pytest.fixture
def store(database, lock):
    return FleetStore(database, lock)


def test_an_intent_comes_back_as_it_was_written(store):
    intent = instance(S.SUBMITTING, job_id=None, load=Load(1, 2, 0.5), detail="ünïcode 🚀")
    store.intend(intent)
    assert store.live() == (intent,)
    assert store.find(ID) == intent


def test_an_instance_that_is_over_is_history(store):
    store.intend(instance(S.SUBMITTING))
    store.change(ID, lambda i: moved(replace(i, end_reason=EndReason.REJECTED), S.FAILED, NOW))
    assert store.live() == ()
    assert [i.ended_at for i in store.history()["m"]] == [NOW]
    assert len(store.live_or_named([ID])) == 1


def test_history_is_newest_first_and_bounded(store):
    for n in range(12):
        store.intend(instance(S.FAILED, id=f"id{n:08}", ended_at=later(n)))
    ended = [i.ended_at for i in store.history()["m"]]
    assert ended == [later(n) for n in range(11, 3, -1)]


def test_a_forbidden_move_writes_nothing(store):
    store.intend(instance(S.PENDING))
    with pytest.raises(ForbiddenMove):
        store.change(ID, lambda i: moved(i, S.UNREADY, NOW))
    assert store.find(ID).state is S.PENDING


def test_a_withdrawn_intent_never_was(store):
    store.intend(instance(S.SUBMITTING))
    store.withdraw(ID, NOW)
    assert store.find(ID) is None


def test_what_routing_sees_raises_the_version_and_a_heartbeat_does_not(database, store):
    store.intend(instance(S.READY))
    before = database.versions()[TOPIC]
    store.receive(ID, lambda i: replace(i, heartbeat_at=NOW, load=Load(3)), 10)
    assert database.versions()[TOPIC] == before
    store.receive(ID, lambda i: moved(i, S.DRAINING, NOW), 10)
    assert database.versions()[TOPIC] == before + 1


def test_only_the_newest_telemetry_is_kept(database, store):
    store.intend(instance(S.READY))
    for n in range(7):
        at = NOW + timedelta(seconds=n)
        store.receive(ID, lambda i, at=at, n=n: replace(i, heartbeat_at=at, load=Load(n)), 3)
    with database.read() as session:
        rows = session.query(TelemetryRow).order_by(TelemetryRow.id).all()
    assert [row.running for row in rows] == [4, 5, 6]


def test_a_look_that_failed_keeps_when_it_last_succeeded(store):
    store.record_look("slurm", ago(10), 120.0, None)
    store.record_look("slurm", NOW, 9000.0, "Unable to contact slurm controller")
    look = store.last_look()
    assert (look.tried_at, look.succeeded_at) == (NOW, ago(10))
    assert "Unable to contact" in look.problem


def test_a_second_process_waits_for_the_lock_to_run_out(database, lock):
    other = FleetLock(database, "host:2", life_s=5)
    assert not other.acquire(later(4))
    assert other.acquire(later(6))
    assert holder_of(database, later(7)) == "host:2"


def test_a_renewed_lock_keeps_its_epoch(lock):
    epoch = lock.epoch
    assert lock.acquire(later(4))
    assert lock.epoch == epoch
    assert not FleetLock(lock._database, "host:2", life_s=5).acquire(later(8))


def test_a_released_lock_is_free_at_once(database, lock):
    lock.release(NOW)
    assert holder_of(database, NOW) is None
    assert FleetLock(database, "host:2", life_s=5).acquire(NOW)


def test_a_paused_holder_that_wakes_up_writes_nothing(database, lock, store):
    assert FleetLock(database, "host:2", life_s=5).acquire(later(60))
    with pytest.raises(LostLock):
        store.intend(instance(S.SUBMITTING))
    assert store.live() == ()
    assert not lock.acquire(later(61))


def test_an_outdated_lock_nobody_took_can_be_renewed(lock):
    assert lock.acquire(later(600))


def test_two_processes_racing_for_a_free_lock_get_it_once(database: Database):
    first = FleetLock(database, "host:1", life_s=5)
    second = FleetLock(database, "host:2", life_s=5)
    assert [first.acquire(NOW), second.acquire(NOW)] == [True, False]
