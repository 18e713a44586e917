"""When a job had its GPUs: Slurm's own times where it told them, never less than nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slurm.jobs import JobState
from tests.web.fleet.reconciler_world import World
from tests.web.fleet.worlds import NOW, POLICY, ago, instance, job, later
from web.fleet.actions import CancelJob
from web.fleet.changes import after, moved
from web.fleet.observation import Listing, observe
from web.fleet.states import EndReason, InstanceState

S, J = InstanceState, JobState


def look(one, now, *jobs):
    """The instance after a listing with these jobs."""
    for action in observe([one], Listing(now, jobs), now, POLICY):
        if not isinstance(action, CancelJob):
            one = after(action, one, now)
    return one


def gpu_seconds(one):
    last = timedelta()
    if one.allocated_at and one.released_at:
        last = one.released_at - one.allocated_at
    return one.gpu_seconds_before + one.gpus * last.total_seconds()


def runs(start, **changes):
    return job(J.RUNNING, start_time=start, submit_time=ago(900), **changes)


def test_a_run_begins_when_slurm_says_so_and_not_when_it_is_noticed():
    one = look(instance(S.PENDING, gpus=2), NOW, runs(ago(7)))
    assert (one.allocated_at, one.released_at) == (ago(7), None)


def test_the_expected_start_of_a_job_that_waits_allocates_nothing():
    one = look(instance(S.PENDING), NOW, job(J.PENDING, start_time=later(60)))
    assert one.allocated_at is None


def test_what_slurm_says_of_the_end_counts_to_the_second():
    one = look(instance(S.READY, gpus=4), NOW, runs(ago(100)))
    over = job(J.TIMEOUT, start_time=ago(100), end_time=later(20))
    assert gpu_seconds(look(one, later(30), over)) == 4 * 120


def test_a_job_that_came_and_went_between_two_looks_counts():
    over = job(J.FAILED, start_time=ago(9), end_time=ago(2))
    assert gpu_seconds(look(instance(S.PENDING, gpus=1), NOW, over)) == 7


def test_a_job_that_was_cancelled_in_the_queue_counts_nothing():
    over = job(J.CANCELLED, start_time=NOW, end_time=NOW)
    assert gpu_seconds(look(instance(S.PENDING, gpus=8), NOW, over)) == 0


def test_the_workers_good_bye_counts_until_slurm_tells_the_true_end():
    one = look(instance(S.READY, gpus=1), NOW, runs(ago(100)))
    one = moved(replace(one, end_reason=EndReason.CRASHED), S.FAILED, later(10))
    assert gpu_seconds(one) == 110

    completing = job(J.COMPLETING, start_time=ago(100), end_time=later(12))
    assert gpu_seconds(look(one, later(12), completing)) == 110
    one = look(one, later(30), job(J.FAILED, start_time=ago(100), end_time=later(15)))
    assert gpu_seconds(one) == 115


def test_what_is_known_already_is_not_noted_again():
    over = job(J.COMPLETED, start_time=ago(100), end_time=ago(10))
    ended = look(instance(S.READY), NOW, over)
    assert observe([ended], Listing(later(10), (over,)), later(10), POLICY) == []


def test_an_end_that_no_listing_told_the_start_of_counts_from_the_claim():
    one = moved(instance(S.PENDING, gpus=1), S.STARTING, ago(50))
    one = moved(replace(one, end_reason=EndReason.CRASHED), S.FAILED, NOW)
    assert gpu_seconds(one) == 50
    # Slurm's clock is ahead of ours: it is the same run all the same.
    told = look(one, later(9), job(J.FAILED, start_time=ago(40), end_time=later(5)))
    assert gpu_seconds(told) == 45


def test_a_requeue_adds_the_finished_run_and_begins_anew():
    one = look(instance(S.READY, gpus=2), NOW, runs(ago(100)))
    waits = job(J.PENDING, submit_time=later(50), start_time=later(170))
    one = look(one, later(60), waits)
    assert (one.allocated_at, one.released_at, one.gpu_seconds_before) == (None, None, 300)

    one = look(one, later(200), replace(runs(later(180)), submit_time=later(50)))
    over = job(J.COMPLETED, submit_time=later(50), start_time=later(180), end_time=later(280))
    assert gpu_seconds(look(one, later(300), over)) == 300 + 200


@pytest.mark.parametrize("is_over", [False, True], ids=["runs again", "has ended again"])
def test_a_requeue_that_no_look_saw_loses_nothing(is_over):
    one = look(instance(S.READY, gpus=2), NOW, runs(ago(100)))
    again = runs(later(180))
    if is_over:
        again = replace(again, state=J.FAILED, end_time=later(180))
    again = replace(again, submit_time=later(50))

    one = look(one, later(200), again)

    assert (one.allocated_at, one.gpu_seconds_before) == (later(180), 300)


def test_a_requeue_that_slurm_does_not_date_ends_the_run_with_its_workers_last_word():
    one = look(instance(S.READY, gpus=1, heartbeat_at=later(20)), NOW, runs(ago(100)))
    one = look(one, later(60), job(J.PENDING, submit_time=ago(900)))
    assert one.gpu_seconds_before == 120


def test_a_job_that_vanished_counts_until_its_last_word_or_its_time_limit():
    lost = instance(S.READY, gpus=1, allocated_at=ago(100), missing_listings=9)
    heard = replace(lost, heartbeat_at=ago(30), walltime_end=later(500))
    limited = replace(lost, heartbeat_at=ago(30), walltime_end=ago(40))

    assert gpu_seconds(look(heard, NOW)) == 70
    assert gpu_seconds(look(limited, NOW)) == 60
    assert gpu_seconds(look(lost, NOW)) == 100


MOMENT = st.none() | st.integers(-1000, 1000).map(later)
STATES = [J.PENDING, J.RUNNING, J.COMPLETING, J.SUSPENDED, J.FAILED, J.CANCELLED, J.UNKNOWN]
JOBS = st.builds(
    lambda state, *times: job(state, start_time=times[0], end_time=times[1], submit_time=times[2]),
    st.sampled_from(STATES),
    MOMENT,
    MOMENT,
    MOMENT,
)


@given(st.lists(st.tuples(JOBS, st.none() | st.integers(-1000, 1000)), max_size=8))
def test_whatever_the_clocks_say_no_run_counts_less_than_nothing(told):
    one = instance(S.STARTING, gpus=1)
    for number, (seen, heard) in enumerate(told):
        if heard is not None:
            one = replace(one, heartbeat_at=later(heard))
        before = one.gpu_seconds_before
        one = look(one, later(number), seen)
        assert one.gpu_seconds_before >= before
        assert one.released_at is None or one.allocated_at is not None
        assert one.released_at is None or one.released_at >= one.allocated_at


def test_the_fleet_keeps_slurms_times_of_a_job_that_never_claimed(database, tmp_path):
    world = World(database, tmp_path)
    one = world.has(S.PENDING, "abcdefghij", J.RUNNING, gpus=2)
    listed = world.cluster.jobs[one.job_id]
    world.cluster.jobs[one.job_id] = replace(listed, start_time=ago(5))
    world.tick()
    assert world.instance.allocated_at == ago(5)

    world.cluster.jobs[one.job_id] = replace(
        listed, state=J.NODE_FAIL, start_time=ago(5), end_time=later(55)
    )
    world.tick(seconds=60)
    assert gpu_seconds(world.store.find(one.id)) == 2 * 60


def test_slurms_end_corrects_what_the_worker_made_known(database, tmp_path):
    world = World(database, tmp_path)
    one = world.has(S.READY, "abcdefghij", J.RUNNING, gpus=1, allocated_at=ago(10))
    world.store.change(
        one.id, lambda i: moved(replace(i, end_reason=EndReason.CRASHED), S.FAILED, NOW)
    )
    listed = world.cluster.jobs[one.job_id]
    world.cluster.jobs[one.job_id] = replace(
        listed, state=J.FAILED, start_time=ago(10), end_time=later(3)
    )
    world.tick(seconds=10)

    assert gpu_seconds(world.store.find(one.id)) == 13
