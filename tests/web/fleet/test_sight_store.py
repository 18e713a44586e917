"""One model's instances and load, on both kinds of database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.web.fleet.worlds import NOW, ago, instance
from web.fleet.evidence import LoadSample
from web.fleet.sight_store import SightStore
from web.fleet.states import InstanceState, Load
from web.fleet.store import FleetStore
from web.lock.store import FleetLock

S = InstanceState


@pytest.fixture
def store(database):
    lock = FleetLock(database, "host:1", life_s=5)
    assert lock.acquire(NOW)
    return FleetStore(database, lock)


def test_a_models_live_instances_are_its_own_oldest_first(database, store):
    store.intend(instance(S.READY, id="young", created_at=ago(10)))
    store.intend(instance(S.PENDING, id="old", created_at=ago(20)))
    store.intend(instance(S.FAILED, id="over", ended_at=ago(5)))
    store.intend(instance(S.READY, id="other", model="n"))
    assert [i.id for i in SightStore(database).live_of("m")] == ["old", "young"]


def test_a_models_past_is_its_own_newest_first_and_no_longer_than_asked(database, store):
    for n in range(5):
        store.intend(instance(S.STOPPED, id=f"past{n}", ended_at=ago(100 * n)))
        store.intend(instance(S.FAILED, id=f"other{n}", model="n", ended_at=ago(n)))
    store.intend(instance(S.READY, id="live"))
    store.intend(instance(S.STOPPED, id="third", model="o", ended_at=ago(1)))

    found = SightStore(database).past_of(["m", "n", "unknown"], 3)

    assert {model: [i.id for i in own] for model, own in found.items()} == {
        "m": ["past0", "past1", "past2"],
        "n": ["other0", "other1", "other2"],
    }
    assert SightStore(database).past_of([], 3) == {}


def test_requests_are_added_up_over_what_serves(database, store):
    store.intend(instance(S.READY, id="a", load=Load(2, 1)))
    store.intend(instance(S.DRAINING, id="b", load=Load(3)))
    store.intend(instance(S.STARTING, id="c", load=Load(9)))
    store.intend(instance(S.READY, id="d", model="n"))
    assert SightStore(database).requests_now() == {"m": (5, 1), "n": (0, 0)}


def test_the_load_of_a_model_is_that_of_its_instances_since_then(database, store):
    store.intend(instance(S.READY, id="mine", ready_at=ago(9000)))
    store.intend(instance(S.READY, id="other", model="n", ready_at=ago(9000)))
    for id_, seconds, running in (("mine", 4000, 9), ("mine", 60, 2), ("other", 60, 7)):
        at = NOW - timedelta(seconds=seconds)
        store.receive(id_, lambda i, at=at, n=running: _beat(i, at, n), 10)
    found = SightStore(database).load_of("m", NOW - timedelta(hours=1))
    assert found == (LoadSample("mine", ago(60), 2, 1, 0.5),)


def test_an_instance_that_ended_within_the_time_still_counts(database, store):
    store.intend(instance(S.READY, id="mine", ready_at=ago(90)))
    store.receive("mine", lambda i: _beat(i, ago(60), 2), 10)
    store.receive("mine", lambda i: _over(i, 30), 10)
    assert len(SightStore(database).load_of("m", ago(3600))) == 1
    assert SightStore(database).load_of("m", ago(20)) == ()


def test_what_is_told_while_an_engine_loads_is_no_load(database, store):
    store.intend(instance(S.STARTING, id="never"))
    store.intend(instance(S.READY, id="since", ready_at=ago(50)))
    for id_ in ("never", "since"):
        store.receive(id_, lambda i: _beat(i, ago(60), 0), 10)
    store.receive("since", lambda i: _beat(i, ago(40), 3), 10)
    found = SightStore(database).load_of("m", ago(3600))
    assert [(s.instance_id, s.running) for s in found] == [("since", 3)]


def _beat(found, at, running):
    return replace(found, heartbeat_at=at, load=Load(running, 1, 0.5))


def _over(found, seconds):
    return replace(found, state=S.FAILED, ended_at=ago(seconds))
