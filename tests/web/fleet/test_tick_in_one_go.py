"""The deeds of one tick in one transaction, and what the plan is made from, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from slurm.jobs import JobState
from tests.web.fleet.worlds import ID, NOW, ago, instance, job, later
from web.database import Database
from web.fleet.actions import Cancel, Drain, End, Fulfil, Note, Suspect
from web.fleet.evidence import Sample
from web.fleet.orders import OrderKind
from web.fleet.orphans import Orphan
from web.fleet.states import EndReason, InstanceState, Load
from web.fleet.store import TOPIC, FleetStore
from web.lock.store import FleetLock, LostLock

S = InstanceState
R = EndReason


@pytest.fixture
def lock(database):
    lock = FleetLock(database, "host:1", life_s=5)
    assert lock.acquire(NOW)
    return lock


@pytest.fixture
def store(database, lock):
    return FleetStore(database, lock)


def have(store, *ids, state=S.READY):
    for id_ in ids:
        store.intend(instance(state, id=id_))


def states(store):
    return {i.id: i.state for i in store.live_or_named(["a", "b", "c"])}


def test_all_deeds_of_a_tick_are_written_at_once(database: Database, store):
    have(store, "a", "b", "c")
    before = database.versions()[TOPIC]
    deeds = [Drain("a", R.IDLE), Suspect("b", "it hangs"), Cancel("c", "7", R.OPERATOR)]
    assert store.carry_out(deeds, NOW) == frozenset()
    assert states(store) == {"a": S.DRAINING, "b": S.UNREADY, "c": S.STOPPING}
    assert database.versions()[TOPIC] == before + 1


def test_a_deed_that_was_overtaken_costs_the_others_nothing(store):
    have(store, "a", "c")
    have(store, "b", state=S.PENDING)
    deeds = [Drain("a", R.IDLE), Suspect("b", "it hangs"), Drain("c", R.IDLE)]
    assert store.carry_out(deeds, NOW) == {deeds[1]}
    assert states(store) == {"a": S.DRAINING, "b": S.PENDING, "c": S.DRAINING}


def test_a_deed_for_an_instance_without_a_row_is_overtaken(store):
    have(store, "a")
    gone = Drain("b", R.IDLE)
    assert store.carry_out([gone, Drain("a", R.IDLE)], NOW) == {gone}
    assert states(store) == {"a": S.DRAINING}


def test_several_deeds_for_one_instance_follow_on_each_other(store):
    have(store, "a", state=S.PENDING)
    note = Note("a", job(JobState.RUNNING, node="gpu1"), NOW)
    assert store.carry_out([note, Cancel("a", "7", R.SCALED_DOWN)], NOW) == frozenset()
    stopping = store.find("a")
    assert (stopping.state, stopping.node) == (S.STOPPING, "gpu1")


def test_deeds_are_applied_to_what_the_row_says_by_then(store):
    have(store, "a")
    store.receive("a", lambda i: replace(i, heartbeat_at=NOW, load=Load(3)), 10)
    store.carry_out([Drain("a", R.IDLE)], NOW)
    assert store.find("a").load == Load(3)


def test_an_order_is_fulfilled_together_with_its_deeds(store):
    have(store, "a")
    order = store.orders.give(OrderKind.DRAIN, "m", "a", "ada", NOW)
    fulfil = Fulfil(order, "one instance is being drained")
    store.carry_out([Drain("a", R.OPERATOR), fulfil], later(1))
    assert store.orders.find(order).done_at == later(1)
    assert states(store) == {"a": S.DRAINING}


def test_whoever_lost_the_lock_carries_out_nothing(database, lock, store):
    have(store, "a")
    order = store.orders.give(OrderKind.DRAIN, "m", "a", "ada", NOW)
    assert FleetLock(database, "host:2", life_s=5).acquire(later(60))
    for deed in (Drain("a", R.IDLE), Fulfil(order, "done")):
        with pytest.raises(LostLock):
            store.carry_out([deed], NOW)
    with pytest.raises(LostLock):
        store.confirm()
    with pytest.raises(LostLock):
        store.record_orphans("slurm", ())
    assert states(store) == {"a": S.READY}
    assert store.orders.find(order).done_at is None


def test_without_a_deed_nothing_is_written(database, lock, store):
    assert FleetLock(database, "host:2", life_s=5).acquire(later(60))
    assert store.carry_out([], NOW) == frozenset()


def test_what_is_over_is_found_by_its_name_and_only_by_that(store):
    have(store, "a")
    store.intend(instance(S.SUBMITTING, id="b"))
    store.carry_out([End("b", S.FAILED, R.REJECTED)], NOW)
    assert states(store) == {"a": S.READY, "b": S.FAILED}
    assert [i.id for i in store.live_or_named(["a"])] == ["a"]
    assert [i.id for i in store.live_or_named([])] == ["a"]


def beat(store, id_, seconds, requests):
    at = NOW + timedelta(seconds=seconds)
    store.receive(id_, lambda i: replace(i, heartbeat_at=at, load=Load(*requests)), 100)


def test_load_over_time_is_told_oldest_first_from_a_moment_on(store):
    have(store, "a", "b")
    for seconds, load in ((-30, (9, 9)), (-20, (1, 0)), (-10, (2, 5))):
        beat(store, "a", seconds, load)
    beat(store, "b", -5, (4, 0))
    assert store.telemetry(ago(20)) == {
        "a": (Sample(ago(20), 1), Sample(ago(10), 7)),
        "b": (Sample(ago(5), 4),),
    }


def test_only_the_load_of_what_is_ready_counts(store):
    have(store, "a", "b")
    beat(store, "a", -5, (4, 0))
    beat(store, "b", -5, (4, 0))
    store.carry_out([Drain("a", R.IDLE)], NOW)
    assert set(store.telemetry(ago(60))) == {"b"}


def test_load_over_time_is_one_question_however_many_instances_there_are(database, store):
    for n in range(30):
        have(store, f"i{n}")
        beat(store, f"i{n}", -5, (1, 0))
    asked = []
    engine = database._engine
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert len(store.telemetry(ago(60))) == 30
    assert len([sql for sql in asked if "SELECT" in sql]) == 1


def orphan(job_id, **changes):
    lost = Orphan("slurm", job_id, f"kscope-{ID}", "RUNNING", "gpu1", True, ago(60), NOW)
    return replace(lost, **changes)


def test_the_orphans_of_a_listing_take_the_place_of_those_before(store):
    elsewhere = orphan("1", cluster="other")
    store.record_orphans("other", (elsewhere,))
    store.record_orphans("slurm", (orphan("1"), orphan("2", node=None, ours=False)))
    store.record_orphans("slurm", (orphan("2", last_seen_at=later(10)), orphan("3")))
    assert store.orphans.all() == (
        elsewhere,
        orphan("2", last_seen_at=later(10)),
        orphan("3"),
    )
    store.record_orphans("slurm", ())
    assert store.orphans.all() == (elsewhere,)
