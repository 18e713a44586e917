"""Observe, plan, act, against a scripted cluster and a real database."""

from dataclasses import replace

import pytest

from slurm.errors import ObservationFailed, ShellUnavailable, SubmitRejected, SubmitUnknown
from slurm.jobs import Job, JobState
from tests.web.fleet.reconciler_world import World
from tests.web.fleet.worlds import later
from web.fleet.changes import moved
from web.fleet.states import EndReason, InstanceState
from web.fleet.ticker import Ticker
from web.lock.store import FleetLock, LostLock

S = InstanceState


@pytest.fixture
def world(database, tmp_path):
    return World(database, tmp_path)


def test_demand_becomes_one_job_and_no_second_one(world):
    world.ask()
    world.tick()
    world.tick(seconds=1)
    world.ask()
    world.tick(seconds=10)
    assert world.cluster.calls.count("submit") == 1
    assert (world.instance.state, world.instance.job_id) == (S.PENDING, "1")


def test_the_intent_is_written_before_anything_is_submitted(world):
    seen = []
    submit = world.cluster.submit

    def look_and_submit(spec):
        seen.append([(i.id, i.state) for i in world.store.live()])
        return submit(spec)

    world.cluster.submit = look_and_submit
    world.ask()
    world.tick()
    assert seen == [[(world.cluster.specs[0].instance_id, S.SUBMITTING)]]


def test_without_a_view_of_the_cluster_nothing_is_submitted_or_ended(world):
    world.ask()
    world.cluster.list_error = ObservationFailed("Unable to contact slurm controller")
    world.tick()
    assert world.cluster.calls == ["list"]
    assert "Unable to contact" in world.store.last_look().problem


def test_a_listing_that_fails_costs_a_running_instance_nothing(world):
    world.ask()
    world.tick()
    world.cluster.list_error = ObservationFailed("timed out")
    for _ in range(10):
        world.tick(seconds=10)
    assert world.instance.state is S.PENDING


def test_an_ambiguous_submission_is_not_repeated_and_adopted_when_it_appears(world):
    world.ask()
    world.cluster.submit_error = SubmitUnknown("Socket timed out")
    world.tick()
    world.tick(seconds=10)
    assert world.cluster.calls.count("submit") == 1
    assert world.instance.state is S.SUBMITTING
    world.cluster.add(world.cluster.specs[0].job_name)
    world.tick(seconds=10)
    assert (world.instance.state, world.instance.job_id) == (S.PENDING, "1")


def test_a_revenant_of_a_submission_that_was_given_up_is_ended(world):
    world.ask()
    world.cluster.submit_error = SubmitUnknown("Socket timed out")
    world.tick()
    for _ in range(3):
        world.tick(seconds=40)
    assert world.last.end_reason is EndReason.REJECTED
    job_id = world.cluster.add(world.cluster.specs[0].job_name, JobState.RUNNING)
    world.tick(seconds=10)
    assert f"cancel {job_id}" in world.cluster.calls


def test_a_refusal_is_kept_with_slurms_words(world):
    world.ask()
    world.cluster.submit_error = SubmitRejected("Invalid qos specification", terminal=True)
    world.tick()
    assert (world.last.state, world.last.end_reason) == (S.FAILED, EndReason.REJECTED)
    assert "Invalid qos" in world.last.detail


def test_when_nothing_reached_the_cluster_the_intent_never_was(world):
    world.ask()
    world.cluster.submit_error = ShellUnavailable("connection refused")
    world.tick()
    assert world.store.live() == ()
    assert world.store.history() == {}


def test_a_running_job_tells_its_node(world):
    world.ask()
    world.tick()
    job = world.cluster.jobs["1"]
    world.cluster.jobs["1"] = replace(job, state=JobState.RUNNING, node="gpu1")
    world.tick(seconds=10)
    assert (world.instance.state, world.instance.node) == (S.STARTING, "gpu1")


def test_a_listing_older_than_the_workers_word_does_not_undo_it(world):
    world.ask()
    world.tick()
    instance_id = world.instance.id
    listing = world.cluster.list_jobs

    def claimed_meanwhile():
        jobs = listing()
        world.now = later(11)
        world.store.change(
            instance_id, lambda i: moved(replace(i, heartbeat_at=world.now), S.STARTING, world.now)
        )
        return jobs

    world.cluster.list_jobs = claimed_meanwhile
    world.tick(seconds=10)
    assert world.instance.state is S.STARTING


def test_an_instance_that_never_gets_ready_is_cancelled_and_told(world):
    world.ask()
    world.tick()
    name = world.cluster.jobs["1"].name
    world.cluster.jobs["1"] = Job("1", name, JobState.RUNNING, node="gpu1")
    world.tick(seconds=10)
    world.tick(seconds=61)
    assert "cancel 1" in world.cluster.calls
    world.tick(seconds=10)
    assert (world.last.state, world.last.end_reason) == (S.STOPPED, EndReason.NEVER_READY)


def test_whoever_lost_the_lock_acts_no_more(world):
    world.ask()
    FleetLock(world.database, "host:2", life_s=5).acquire(later(7200))
    with pytest.raises(LostLock):
        world.tick()
    assert "submit" not in world.cluster.calls


def test_the_ticker_looks_when_due_and_acts_on_demand_in_between(world):
    ticker = Ticker(world.database, world.lock, world.reconciler, lambda: world.now, 3600)
    ticker.wake()
    assert world.cluster.calls == ["list"]
    ticker.wake()
    world.ask()
    ticker.wake()
    assert world.cluster.calls == ["list", "submit"]


def test_a_ticker_without_the_lock_does_nothing(world):
    world.lock.release(world.now)
    ticker = Ticker(world.database, world.lock, world.reconciler, lambda: world.now, 1)
    world.ask()
    ticker.wake()
    assert world.cluster.calls == []
