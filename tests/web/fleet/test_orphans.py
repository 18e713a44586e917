"""Which jobs are orphans, and which of them are ended."""

from dataclasses import replace

import pytest

from slurm.jobs import Job, JobState
from tests.web.fleet.worlds import ID, NOW, POLICY, ago, later
from web.fleet.observation import Listing
from web.fleet.orphans import Orphan, orphans_in, unwanted

OURS = "oursoursou"
THEIRS = "theirsthei"
LOST = Orphan("c", "7", f"kscope-{OURS}", "RUNNING", "gpu1", True, ago(61), NOW)


def job(id_, state=JobState.RUNNING, job_id="7", **changes):
    return replace(Job(job_id, f"kscope-{id_}", state, node="gpu1"), **changes)


def orphans(*jobs, known=(ID,), seen=(), at=NOW):
    return orphans_in(Listing(at, jobs), "c", known, seen, lambda id_: id_ == OURS)


def test_a_job_of_an_instance_is_no_orphan():
    assert orphans(job(ID)) == ()


def test_a_job_that_belongs_to_no_row_is_an_orphan_and_its_seal_tells_whose():
    ours, theirs = orphans(job(OURS, job_id="1"), job(THEIRS, job_id="2"))
    assert (ours.ours, theirs.ours) == (True, False)
    assert ours == Orphan("c", "1", f"kscope-{OURS}", "RUNNING", "gpu1", True, NOW, NOW)


def test_a_job_whose_name_only_begins_like_ours_is_listed_as_nobodys():
    (orphan,) = orphans(Job("9", "kscope-Experiment 3", JobState.PENDING))
    assert (orphan.ours, orphan.name) == (False, "kscope-Experiment 3")
    assert orphans(Job("9", "train", JobState.PENDING)) == ()


def test_a_name_too_long_for_an_orphan_is_cut_and_remembered_all_the_same():
    long = Job("9", "kscope-" + "x" * 300, JobState.PENDING)
    (first,) = orphans(long)
    assert len(first.name) == 64
    assert orphans(long, seen=(first,), at=later(9))[0].first_seen_at == NOW


@pytest.mark.parametrize("state", [state for state in JobState if state.is_over])
def test_a_job_that_is_over_is_no_orphan(state):
    assert orphans(job(OURS, state)) == ()


def test_an_orphan_keeps_when_it_was_first_seen():
    (again,) = orphans(job(OURS, JobState.COMPLETING), seen=(LOST,), at=later(5))
    assert (again.first_seen_at, again.last_seen_at) == (ago(61), later(5))
    assert again.state == "COMPLETING"


@pytest.mark.parametrize(
    "other", [replace(LOST, name="kscope-elseelseel"), replace(LOST, cluster="d")]
)
def test_a_job_id_that_came_round_again_is_another_orphan(other):
    (orphan,) = orphans(job(OURS), seen=(other,))
    assert orphan.first_seen_at == NOW


def test_an_orphan_that_a_listing_lacks_is_forgotten():
    assert orphans(seen=(LOST,)) == ()


def test_ours_is_ended_after_the_grace_time():
    assert unwanted([LOST], POLICY) == (LOST,)
    patient = replace(LOST, first_seen_at=ago(POLICY.orphan_grace_s))
    assert unwanted([patient], POLICY) == ()


def test_what_somebody_elses_gateway_may_need_is_never_ended():
    assert unwanted([replace(LOST, ours=False, first_seen_at=ago(1e6))], POLICY) == ()


def test_one_listing_is_never_enough_to_end_a_job():
    once = replace(LOST, first_seen_at=NOW)
    assert unwanted([once], replace(POLICY, orphan_grace_s=-1.0)) == ()


@pytest.mark.parametrize("state", ["COMPLETING", "UNKNOWN"])
def test_a_job_that_ends_anyway_or_that_nobody_can_judge_is_left_alone(state):
    assert unwanted([replace(LOST, state=state)], POLICY) == ()
