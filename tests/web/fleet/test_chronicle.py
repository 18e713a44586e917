"""Launches and ends of instances in the audit log, in the transaction of the deed."""

from dataclasses import replace

import pytest

from tests.web.fleet.reconciler_world import World
from tests.web.fleet.worlds import ID, NOW, instance, later
from web.audit.store import AuditLog, Wanted
from web.fleet.actions import Cancel, CancelJob, Drain, End, Fulfil, NoteMissing
from web.fleet.changes import moved
from web.fleet.orders import OrderKind
from web.fleet.states import EndReason, InstanceState
from web.fleet.store import FleetStore
from web.lock.store import FleetLock, LostLock

S = InstanceState


@pytest.fixture
def store(database):
    lock = FleetLock(database, "host:1", life_s=600)
    assert lock.acquire(NOW)
    return FleetStore(database, lock)


@pytest.fixture
def told(database):
    """The entries, the oldest first."""
    return lambda: list(reversed(AuditLog(database).query(Wanted())))


def deeds_of(told):
    return [(e.actor, e.action, e.subject) for e in told()]


def test_a_launch_a_drain_and_an_end_are_told_once_each(store, told):
    store.intend(instance(S.READY, gpus=2))
    drain = Drain(ID, EndReason.IDLE)
    store.carry_out([drain, drain], NOW)
    store.carry_out([NoteMissing(ID)], NOW)
    store.carry_out([End(ID, S.STOPPED, EndReason.IDLE)], NOW)

    assert deeds_of(told) == [
        ("fleet", "instance.launch", ID),
        ("fleet", "instance.drain", ID),
        ("fleet", "instance.end", ID),
    ]
    assert [dict(e.detail) for e in told()] == [
        {"model": "m", "gpus": 2},
        {"model": "m", "reason": "idle", "job": "7"},
        {"model": "m", "reason": "idle", "job": "7", "state": "stopped"},
    ]
    assert {e.origin for e in told()} == {"host:1"}


def test_a_stop_that_is_repeated_is_told_once(store, told):
    store.intend(instance(S.STARTING))
    stop = Cancel(ID, "7", EndReason.NEVER_READY, "secret words of an engine")
    store.carry_out([stop], NOW)
    store.carry_out([stop], later(60))

    assert deeds_of(told)[1:] == [("fleet", "instance.stop", ID)]
    assert "secret words" not in str(told())


@pytest.mark.parametrize("target", [None, ID])
def test_who_gave_an_order_is_who_ended_the_instance(store, told, target):
    store.intend(instance(S.READY))
    store.intend(instance(S.READY, id="other-inst", model="other"))
    order = store.orders.give(OrderKind.DRAIN, "m", target, "cli:ada", NOW)
    store.carry_out(
        [
            Drain(ID, EndReason.OPERATOR),
            Fulfil(order, "done"),
            Drain("other-inst", EndReason.IDLE),
        ],
        NOW,
    )

    assert deeds_of(told)[2:] == [
        ("cli:ada", "instance.drain", ID),
        ("fleet", "instance.drain", "other-inst"),
    ]


def test_a_launch_that_is_withdrawn_or_refused_is_told(store, told):
    store.intend(instance(S.SUBMITTING, job_id=None))
    store.withdraw(ID, NOW)
    store.intend(instance(S.SUBMITTING, job_id=None))
    store.change(ID, lambda i: moved(replace(i, end_reason=EndReason.REJECTED), S.FAILED, NOW))

    assert [e.action for e in told()] == [
        "instance.launch", "instance.withdraw", "instance.launch", "instance.end"
    ]  # fmt: skip


def test_what_a_worker_ends_is_told_as_its_word(store, told):
    store.intend(instance(S.READY, node="gpu1"))
    store.receive(ID, lambda i: moved(replace(i, end_reason=EndReason.CRASHED), S.FAILED, NOW), 10)

    last = told()[-1]
    assert (last.actor, last.origin, last.action) == ("worker", "gpu1", "instance.end")


def test_a_deed_that_the_lock_forbids_is_not_told(database, store, told):
    store.intend(instance(S.READY))
    other = FleetLock(database, "host:2", life_s=600)
    assert other.acquire(later(3600))

    with pytest.raises(LostLock):
        store.carry_out([Drain(ID, EndReason.IDLE)], later(3600))

    assert [e.action for e in told()] == ["instance.launch"]


def test_a_twin_is_cancelled_more_than_once_and_told_once(database, tmp_path, told, monkeypatch):
    world = World(database, tmp_path)
    twin = world.cluster.add(f"kscope-{ID}")
    world.decide(monkeypatch, CancelJob(twin, ID))
    world.tick()
    world.tick(seconds=10)

    assert world.cluster.calls.count(f"cancel {twin}") == 2
    assert deeds_of(told) == [("fleet", "job.cancel", twin)]
