"""The choice of an instance."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.web.fleet.worlds import NOW, POLICY, deployment, instance
from web.catalog import Catalog
from web.fleet.routing import BOUNDED_LOAD, Target, build_snapshot, choose
from web.fleet.states import InstanceState

TARGETS = tuple(Target(f"i{n}", f"gpu{n}:8000", "key") for n in range(4))


def test_the_least_loaded_is_chosen():
    assert choose(TARGETS, {"i0": 3, "i1": 1, "i2": 2, "i3": 5}).instance_id == "i1"


def test_an_excluded_target_is_not_chosen():
    assert choose(TARGETS[:2], {}, excluded={"i0"}).instance_id == "i1"


def test_a_target_at_its_cap_is_not_chosen():
    assert choose(TARGETS[:1], {"i0": 8}, cap=8) is None
    assert choose(TARGETS[:1], {"i0": 7}, cap=8) == TARGETS[0]


def test_without_targets_there_is_none():
    assert choose((), {}) is None


@given(st.binary(min_size=1, max_size=40))
def test_the_same_key_leads_to_the_same_target(key):
    assert choose(TARGETS, {}, affinity=key) == choose(TARGETS, {}, affinity=key)


@given(st.lists(st.sampled_from([b"a", b"b", b"c"]), min_size=1, max_size=200))
def test_affinity_never_overloads_a_target(keys):
    load = Counter()
    for key in keys:
        load[choose(TARGETS, load, affinity=key).instance_id] += 1
        fair = (load.total() / len(TARGETS)) * BOUNDED_LOAD
        assert max(load.values()) <= fair + 1


def test_a_target_that_goes_moves_only_its_own_keys():
    keys = [str(n).encode() for n in range(400)]
    before = {key: choose(TARGETS, {}, affinity=key) for key in keys}
    after = {key: choose(TARGETS[:3], {}, affinity=key) for key in keys}
    moved = [key for key in keys if before[key] != after[key]]
    assert all(before[key] == TARGETS[3] for key in moved)
    assert 50 < len(moved) < 150


def test_only_a_ready_instance_with_an_address_is_a_target():
    ready = instance(InstanceState.READY, node="gpu1", port=8000)
    others = (
        instance(InstanceState.READY, id="nonode0000", node=None, port=8000),
        instance(InstanceState.STARTING, id="starting00", node="gpu1", port=8000),
        instance(InstanceState.DRAINING, id="draining00", node="gpu1", port=8000),
    )
    catalog = Catalog((deployment("m", aliases=("alias",)),))
    live = (ready, *others)
    snapshot = build_snapshot(catalog, live, {}, lambda i: "key", NOW, POLICY)
    assert [t.netloc for t in snapshot.routes["m"].targets] == ["gpu1:8000"]
    assert snapshot.routes["alias"] is snapshot.routes["m"]
    assert snapshot.names == ("m",)
