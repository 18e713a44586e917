"""What each deed makes of an instance, on whatever the row says by then."""

from dataclasses import replace

import pytest

from slurm.jobs import JobState
from tests.web.fleet.worlds import ID, NOW, ago, instance, job, later
from web.fleet.actions import Cancel, Drain, End, Note, NoteMissing, Suspect, Trust
from web.fleet.changes import ForbiddenMove, after, submitted
from web.fleet.states import EndReason, InstanceState

S = InstanceState
R = EndReason
OVER = [S.STOPPED, S.FAILED]
LIVE = [state for state in S if not state.is_over]


def test_a_drain_tells_why():
    drained = after(Drain(ID, R.REPLACED, "new settings"), instance(S.READY), NOW)
    assert (drained.state, drained.state_since) == (S.DRAINING, NOW)
    assert (drained.end_reason, drained.detail) == (R.REPLACED, "new settings")


def test_a_drain_that_is_under_way_keeps_its_own_reason():
    taken = instance(S.DRAINING, end_reason=R.WALLTIME, detail="Slurm takes it")
    assert after(Drain(ID, R.IDLE), taken, NOW) == taken


def test_a_stop_that_is_asked_for_again_keeps_its_words_and_starts_its_clock_anew():
    first = after(Cancel(ID, "7", R.UNHEALTHY, "no token"), instance(S.PENDING), NOW)
    assert (first.state, first.detail) == (S.STOPPING, "no token")
    again = after(Cancel(ID, "7", R.UNHEALTHY), first, later(60))
    assert (again.detail, again.state_since) == ("no token", later(60))


def test_a_requeued_job_has_no_end_until_it_runs_again():
    ran = instance(S.READY, walltime_end=later(60), node="gpu1")
    seen = after(Note(ID, job(JobState.PENDING), NOW), ran, NOW)
    assert (seen.state, seen.walltime_end, seen.node) == (S.PENDING, None, None)


def test_a_suspect_gets_no_requests_until_it_is_trusted_again():
    suspect = after(Suspect(ID, "it hangs"), instance(S.READY), NOW)
    assert (suspect.state, suspect.detail) == (S.UNREADY, "it hangs")
    assert not suspect.is_routable
    trusted = after(Trust(ID), suspect, later(9))
    assert (trusted.state, trusted.detail, trusted.state_since) == (S.READY, "", later(9))


def test_trust_keeps_when_it_was_first_ready():
    assert after(Trust(ID), instance(S.UNREADY, ready_at=ago(99)), NOW).ready_at == ago(99)


@pytest.mark.parametrize("state", [state for state in S if state is not S.READY])
def test_only_what_is_ready_can_be_suspected(state):
    with pytest.raises(ForbiddenMove):
        after(Suspect(ID, "it hangs"), instance(state), NOW)


@pytest.mark.parametrize("state", [state for state in S if state is not S.UNREADY])
def test_a_probe_of_before_a_requeue_does_not_make_the_new_run_ready(state):
    with pytest.raises(ForbiddenMove):
        after(Trust(ID), instance(state), NOW)


@pytest.mark.parametrize("state", OVER)
@pytest.mark.parametrize(
    "deed",
    [
        NoteMissing(ID),
        Drain(ID, R.IDLE),
        Cancel(ID, "7", R.IDLE),
        End(ID, S.STOPPED, R.IDLE),
        End(ID, S.FAILED, R.NODE_FAIL, "another story"),
    ],
)
def test_what_is_over_keeps_its_story(deed, state):
    with pytest.raises(ForbiddenMove):
        after(deed, instance(state, end_reason=R.CRASHED, detail="last lines"), NOW)


@pytest.mark.parametrize("state", OVER)
def test_a_note_of_what_is_over_changes_nothing(state):
    ended = instance(state)
    assert after(Note(ID, job(JobState.RUNNING), NOW), ended, NOW) == ended


def test_a_missing_job_is_counted_and_a_note_ends_the_count():
    missed = after(NoteMissing(ID), instance(S.READY, missing_listings=1), NOW)
    assert missed.missing_listings == 2
    assert after(Note(ID, job(JobState.RUNNING), NOW), missed, NOW).missing_listings == 0


def test_a_note_tells_node_walltime_and_reason_of_a_job_that_runs():
    running = job(JobState.RUNNING, node="gpu1", end_time=later(99), reason="None")
    noted = after(Note(ID, running, NOW), instance(S.PENDING, estimated_start=NOW), later(1))
    assert (noted.state, noted.running_since) == (S.STARTING, later(1))
    assert (noted.node, noted.walltime_end, noted.estimated_start) == ("gpu1", later(99), None)
    assert (noted.slurm_state, noted.slurm_reason) == ("RUNNING", "None")


def test_a_note_tells_the_estimate_of_a_job_that_waits():
    waiting = job(JobState.PENDING, start_time=later(60), reason="Resources")
    noted = after(Note(ID, waiting, NOW), instance(S.SUBMITTING, job_id=None), NOW)
    assert (noted.state, noted.job_id) == (S.PENDING, "7")
    assert (noted.estimated_start, noted.slurm_reason) == (later(60), "Resources")


def test_a_note_that_repeats_itself_changes_nothing():
    note = Note(ID, job(JobState.RUNNING, node="gpu1", end_time=later(99)), NOW)
    once = after(note, instance(S.PENDING), NOW)
    assert after(replace(note, looked_at=later(10)), once, later(10)) == once


@pytest.mark.parametrize("state", LIVE)
def test_a_job_that_claimed_before_sbatch_returned_keeps_what_it_said(state):
    claimed = instance(state, job_id="9")
    assert submitted(claimed, "7", NOW) == claimed
