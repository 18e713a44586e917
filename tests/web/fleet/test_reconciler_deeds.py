"""Each action carried out: what is written, what the cluster is asked, and in which order."""

import logging
from contextlib import contextmanager
from dataclasses import replace

import pytest

from slurm.errors import CancelFailed, ObservationFailed, SubmitRejected
from slurm.jobs import JobState
from tests.web.fleet.reconciler_world import World
from tests.web.fleet.worlds import ID, NOW, ago, later
from web.fleet.actions import Cancel, CancelJob, Drain, Fulfil, Launch, Suspect, Trust
from web.fleet.evidence import Probe, Sample
from web.fleet.observation import observe
from web.fleet.orders import Order, OrderKind
from web.fleet.seal import is_sealed_by_us, new_id
from web.fleet.states import EndReason, InstanceState, Load
from web.lock.store import FleetLock, LostLock

S = InstanceState
R = EndReason


@pytest.fixture
def world(database, tmp_path):
    return World(database, tmp_path)


def sealed(world, character):
    return new_id(world.secrets, lambda _: character)


def test_a_launch_is_written_with_what_it_was_launched_with(world, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    world.decide(monkeypatch, Launch("m", "somebody asked for it"))
    world.tick()
    deployment = world.catalog.current().find("m")
    assert deployment.fingerprint
    assert (world.instance.fingerprint, world.instance.gpus) == (deployment.fingerprint, 2)
    assert is_sealed_by_us(world.secrets, world.instance.id)
    assert "somebody asked for it" in caplog.text


@pytest.mark.parametrize("terminal", [True, False])
def test_a_refusal_tells_whether_it_is_final(world, monkeypatch, terminal):
    world.cluster.submit_error = SubmitRejected("Invalid qos", terminal=terminal)
    world.decide(monkeypatch, Launch("m"))
    world.tick()
    assert (world.last.state, world.last.end_reason) == (S.FAILED, R.REJECTED)
    assert (world.last.terminal, world.last.detail) == (terminal, "Invalid qos")


def test_a_launch_that_cannot_even_be_written_down_as_a_script_is_final(world, monkeypatch):
    impossible = replace(world.catalog.current().find("m"), partition="no such\nthing")
    catalog = type("Catalog", (), {"find": lambda self, model: impossible})()
    monkeypatch.setattr(world.reconciler._launcher, "_catalog", world)
    monkeypatch.setattr(world, "current", lambda: catalog, raising=False)
    world.decide(monkeypatch, Launch("m"))
    world.tick()
    assert world.last.terminal
    assert "no partition" in world.last.detail


def test_a_suspect_is_out_of_the_way_until_it_is_trusted(world, monkeypatch):
    world.has(S.READY, ID)
    world.decide(monkeypatch, Suspect(ID, "it hangs"))
    world.tick(look=False)
    assert (world.instance.state, world.instance.detail) == (S.UNREADY, "it hangs")
    world.decide(monkeypatch, Trust(ID))
    world.tick(look=False)
    assert world.instance.state is S.READY


def test_an_order_is_seen_obeyed_and_fulfilled(world, monkeypatch):
    world.has(S.READY, ID)
    order = world.store.orders.give(OrderKind.DRAIN, "m", ID, "ada", NOW)
    views = world.decide(monkeypatch, Drain(ID, R.OPERATOR, "as ordered"), Fulfil(order, "done"))
    world.tick(look=False)
    assert views[-1].orders == (Order(order, OrderKind.DRAIN, "m", ID, NOW),)
    assert world.instance.detail == "as ordered"
    assert world.store.orders.find(order).outcome == "done"
    world.tick(look=False)
    assert views[-1].orders == ()


def test_the_view_holds_load_over_time_probes_and_retries(world, monkeypatch):
    world.has(S.READY, ID)
    reach_s = 300.0 + 35.0  # the catalog's scale_down_after_s, and until a worker counts as silent
    for seconds in (reach_s + 1, reach_s, 10):
        beat = {"heartbeat_at": ago(seconds), "load": Load(2, 1)}
        world.store.receive(ID, lambda i, beat=beat: replace(i, **beat), 100)
    world.probes = {ID: Probe(NOW, ok=True)}
    world.store.orders.give(OrderKind.RETRY, "m", None, "ada", ago(5))
    views = world.decide(monkeypatch)
    world.tick(look=False)
    (view,) = views
    assert view.telemetry == {ID: (Sample(ago(reach_s), 3), Sample(ago(10), 3))}
    assert view.probes == {ID: Probe(NOW, ok=True)}
    assert view.retried == {"m": ago(5)}


def test_an_instance_is_marked_as_stopping_before_its_job_is_cancelled(world, monkeypatch):
    world.has(S.READY, ID)
    seen = []
    cancel = world.cluster.cancel

    def look_and_cancel(job_id):
        seen.append(world.instance.state)
        cancel(job_id)

    world.cluster.cancel = look_and_cancel
    world.decide(monkeypatch, Cancel(ID, "1", R.IDLE))
    world.tick(look=False)
    assert seen == [S.STOPPING]


def test_a_cancel_that_was_overtaken_reaches_no_job(world, monkeypatch):
    world.has(S.STOPPED, ID)
    world.has(S.READY, "otherother")
    world.decide(monkeypatch, Cancel(ID, "1", R.IDLE), Cancel("otherother", "2", R.IDLE))
    world.tick(look=False)
    assert [call for call in world.cluster.calls if "cancel" in call] == ["cancel 2"]


def test_one_cancel_that_fails_does_not_keep_the_next_from_being_tried(world, monkeypatch):
    world.has(S.READY, ID)
    world.has(S.READY, "otherother")
    asked = []

    def refuse(job_id):
        asked.append(job_id)
        raise CancelFailed("slurmctld does not answer")

    world.cluster.cancel = refuse
    world.decide(monkeypatch, Cancel(ID, "1", R.IDLE), Cancel("otherother", "2", R.IDLE))
    world.tick(look=False)
    assert asked == ["1", "2"]


def test_paused_leader_resumes_and_cancels_nothing(world, monkeypatch):
    world.cluster.add("kscope-twintwintw")
    world.decide(monkeypatch, CancelJob("1", ID))
    FleetLock(world.database, "host:2", life_s=5).acquire(later(7200))
    with pytest.raises(LostLock):
        world.tick(look=False)
    assert world.cluster.calls == []


@contextmanager
def counted_writes(database, monkeypatch):
    write, count = database.write, []

    def counting():
        count.append(1)
        return write()

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", counting)
        yield count


def only_observe(view, now, policy):
    return observe(view.instances, view.listing, now, policy) if view.listing else []


def test_a_tick_in_which_nothing_changed_writes_only_that_it_looked(world, monkeypatch):
    monkeypatch.setattr("web.fleet.reconciler.plan", only_observe)
    for n in range(20):
        world.has(S.PENDING, f"instance{n:02}")
    world.tick()
    assert all(i.state is S.STARTING for i in world.store.live())
    with counted_writes(world.database, monkeypatch) as writes:
        world.tick(seconds=10)
    assert len(writes) == 1
    with counted_writes(world.database, monkeypatch) as writes:
        world.tick(look=False)
    assert writes == []


def test_a_tick_in_which_all_changed_writes_once_more(world, monkeypatch):
    monkeypatch.setattr("web.fleet.reconciler.plan", only_observe)
    for n in range(20):
        world.has(S.PENDING, f"instance{n:02}")
    with counted_writes(world.database, monkeypatch) as writes:
        world.tick()
    assert len(writes) == 2


def test_an_orphan_of_ours_is_listed_and_ended_after_its_grace_time(world):
    job_id = world.cluster.add(f"kscope-{sealed(world, 'x')}", JobState.RUNNING)
    for _ in range(7):
        world.tick(seconds=10)
    (orphan,) = world.store.orphans.all()
    assert (orphan.job_id, orphan.ours, orphan.first_seen_at) == (job_id, True, later(10))
    assert f"cancel {job_id}" not in world.cluster.calls
    world.tick(seconds=10)
    assert world.cluster.calls.count(f"cancel {job_id}") == 1
    world.tick(seconds=10)
    assert world.store.orphans.all() == ()
    assert world.cluster.calls.count(f"cancel {job_id}") == 1


def test_an_orphan_of_another_gateway_is_listed_and_left_alone(world):
    world.cluster.add("kscope-foreignone", JobState.RUNNING)
    for _ in range(100):
        world.tick(seconds=60)
    assert [o.ours for o in world.store.orphans.all()] == [False]
    assert set(world.cluster.calls) == {"list"}


def test_without_a_listing_there_is_no_verdict_on_an_orphan(world):
    world.cluster.add(f"kscope-{sealed(world, 'x')}", JobState.RUNNING)
    world.tick()
    before = world.store.orphans.all()
    world.cluster.list_error = ObservationFailed("Unable to contact slurm controller")
    for _ in range(20):
        world.tick(seconds=10)
        world.tick(look=False)
    assert world.store.orphans.all() == before
    assert set(world.cluster.calls) == {"list"}


def test_a_job_of_an_instance_that_is_over_is_no_orphan(world):
    world.has(S.STOPPED, sealed(world, "x"), ended_at=NOW)
    world.tick()
    assert world.store.orphans.all() == ()


def test_an_orphan_that_will_not_go_is_asked_again_and_costs_the_tick_nothing(world):
    world.cluster.add(f"kscope-{sealed(world, 'x')}", JobState.RUNNING)
    asked = []

    def refuse(job_id):
        asked.append(job_id)
        raise CancelFailed("slurmctld does not answer")

    world.cluster.cancel = refuse
    for _ in range(9):
        world.tick(seconds=10)
    assert asked == ["1", "1"]
