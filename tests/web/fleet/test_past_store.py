"""Instances that are over, the last of each model, on both kinds of database."""

from tests.web.fleet.worlds import NOW, ago, instance
from web.fleet.past_store import PastStore
from web.fleet.states import EndReason, InstanceState
from web.fleet.store import FleetStore
from web.lock.store import FleetLock


def test_the_last_of_each_model_that_is_asked_for_newest_first(database):
    lock = FleetLock(database, "host:1", life_s=5)
    assert lock.acquire(NOW)
    fleet = FleetStore(database, lock)
    for number in range(5):
        for model in ("a", "b", "c"):
            fleet.intend(
                instance(
                    InstanceState.STOPPED,
                    id=f"{model}{number}",
                    model=model,
                    ended_at=ago(number),
                    end_reason=EndReason.IDLE,
                )
            )
    fleet.intend(instance(InstanceState.READY, id="live", model="a"))

    found = PastStore(database).last_of(["a", "b", "x"], 2)

    assert {model: [i.id for i in own] for model, own in found.items()} == {
        "a": ["a0", "a1"],
        "b": ["b0", "b1"],
    }
    assert PastStore(database).last_of([], 2) == {}
