"""Accounting is asked about vanished jobs only, believed about ends only, and never needed."""

import logging
from dataclasses import replace

import pytest

from slurm.errors import AccountingOff, ObservationFailed
from slurm.jobs import Job, JobState
from tests.web.fleet.reconciler_world import World
from tests.web.fleet.worlds import ID, NOW, instance, job
from web.fleet.observation import Listing, completed, missing_jobs
from web.fleet.states import EndReason, InstanceState

S = InstanceState
OTHER = "klmnopqrst"


@pytest.fixture
def world(database, tmp_path):
    return World(database, tmp_path)


def lookups(world):
    return [call for call in world.cluster.calls if call.startswith("lookup")]


def vanish(world, there, state=None):
    """The queue forgets the job; accounting has it in `state`, if in any."""
    gone = world.cluster.jobs.pop(there.job_id)
    if state is not None:
        world.cluster.records[gone.job_id] = replace(gone, state=state)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (JobState.CANCELLED, EndReason.CANCELLED),
        (JobState.TIMEOUT, EndReason.WALLTIME),
        (JobState.NODE_FAIL, EndReason.NODE_FAIL),
        (JobState.OUT_OF_MEMORY, EndReason.OUT_OF_MEMORY),
        (JobState.PREEMPTED, EndReason.PREEMPTED),
        (JobState.FAILED, EndReason.CRASHED),
    ],
)
def test_a_job_that_the_queue_has_forgotten_ends_for_its_true_reason(world, state, reason):
    vanish(world, world.has(S.READY, ID), state)
    world.tick()
    assert (world.last.state, world.last.end_reason) == (S.FAILED, reason)
    assert world.last.detail == f"Slurm ended job 1: {state.name}"


def test_nothing_is_looked_up_while_the_listing_tells_all(world):
    world.has(S.READY, ID)
    world.has(S.PENDING, OTHER, JobState.PENDING)
    for _ in range(3):
        world.tick(seconds=10)
    assert lookups(world) == []


def test_a_tick_that_does_not_look_looks_nothing_up_either(world):
    vanish(world, world.has(S.READY, ID))
    world.tick(look=False)
    assert world.cluster.calls == []


def test_all_vanished_jobs_are_looked_up_in_one_call(world):
    for id_ in (ID, OTHER):
        vanish(world, world.has(S.READY, id_))
        world.cluster.jobs["kept"] = Job("kept", "kscope-zzzzzzzzzz", JobState.COMPLETED)
    world.tick()
    assert [sorted(call.split()[1:]) for call in lookups(world)] == [["1", "2"]]


def test_a_failed_listing_is_not_made_up_for_by_accounting(world):
    vanish(world, world.has(S.READY, ID), JobState.CANCELLED)
    world.cluster.list_error = ObservationFailed("timed out")
    world.tick()
    assert lookups(world) == []
    assert not world.instance.state.is_over


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.PENDING, JobState.UNKNOWN, None])
def test_a_record_of_a_live_job_neither_ends_nor_saves_an_instance(world, state):
    vanish(world, world.has(S.READY, ID), state)
    world.tick()
    assert world.instance.state is S.READY
    world.tick(seconds=10)
    assert (world.last.state, world.last.end_reason) == (S.FAILED, EndReason.CANCELLED)
    assert "no longer known" in world.last.detail


@pytest.mark.parametrize("error", [ObservationFailed("refused"), AccountingOff("disabled")])
def test_without_an_answer_of_accounting_two_listings_decide_as_ever(world, error, caplog):
    caplog.set_level(logging.INFO, "web.fleet.records")
    vanish(world, world.has(S.READY, ID), JobState.TIMEOUT)
    world.cluster.lookup_error = error
    world.tick()
    assert world.instance.missing_listings == 1
    world.tick(seconds=10)
    assert world.last.end_reason is EndReason.CANCELLED
    assert world.store.last_look().problem == ""
    told = [r for r in caplog.records if r.name == "web.fleet.records"]
    assert len(told) == (1 if isinstance(error, AccountingOff) else 2)


def test_a_record_of_another_job_with_a_reused_id_is_not_believed(world):
    there = world.has(S.READY, ID)
    vanish(world, there)
    name = f"kscope-{OTHER}"
    world.cluster.records[there.job_id] = Job(there.job_id, name, JobState.COMPLETED)
    world.tick()
    assert world.instance.state is S.READY


def test_missing_are_live_instances_whose_known_job_is_not_listed():
    listing = Listing(NOW, (job(JobState.RUNNING),))
    here, mine = instance(S.READY), job(JobState.RUNNING).job_id
    assert missing_jobs([here], listing) == {}
    assert missing_jobs([here], Listing(NOW, ())) == {mine: f"kscope-{ID}"}
    assert missing_jobs([replace(here, claimed_by="99")], listing) == {"99": f"kscope-{ID}"}
    assert missing_jobs([replace(here, state=S.FAILED)], Listing(NOW, ())) == {}
    assert missing_jobs([replace(here, state=S.SUBMITTING, job_id=None)], Listing(NOW, ())) == {}


def test_only_ends_of_missing_jobs_complete_a_listing():
    listing = Listing(NOW, ())
    over, mine = job(JobState.TIMEOUT), {"7": f"kscope-{ID}"}
    over = replace(over, job_id="7")
    assert completed(listing, mine, [over]).jobs == (over,)
    assert completed(listing, mine, [replace(over, state=JobState.RUNNING)]) == listing
    assert completed(listing, mine, [replace(over, job_id="8")]) == listing
