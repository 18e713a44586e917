"""What the planner asks for, world by world."""

from dataclasses import replace

import pytest

from slurm.jobs import JobState
from tests.web.fleet.worlds import ID, NOW, POLICY, ago, deployment, instance, job, view
from web.fleet.actions import Cancel, CancelJob, Drain, End, Launch, Note, NoteMissing
from web.fleet.planner import plan
from web.fleet.states import EndReason, InstanceState, Load

S = InstanceState
ASKED = {"m": ago(1)}


def planned(world):
    return plan(world, NOW, POLICY)


def test_a_model_that_was_asked_for_is_launched():
    assert planned(view(demand=ASKED)) == [Launch("m")]


def test_a_model_that_nobody_asked_for_stays_cold():
    assert planned(view()) == []


def test_demand_of_an_abandoned_retry_loop_expires():
    assert planned(view(demand={"m": ago(POLICY.demand_ttl_s + 1)})) == []


def test_a_model_with_min_instances_is_launched_unasked():
    assert planned(view(deployments={"m": deployment(min_instances=1)})) == [Launch("m")]


def test_a_model_with_max_instances_zero_is_never_launched():
    assert planned(view(deployments={"m": deployment(max_instances=0)}, demand=ASKED)) == []


@pytest.mark.parametrize("state", [S.SUBMITTING, S.PENDING, S.STARTING, S.READY, S.UNREADY])
def test_an_instance_on_its_way_counts_as_present(state):
    assert planned(view(instance(state, state_since=ago(5)), demand=ASKED)) == []


@pytest.mark.parametrize("state", [S.DRAINING, S.STOPPING])
def test_an_instance_on_its_way_out_does_not_count_as_present(state):
    assert Launch("m") in planned(view(instance(state, state_since=ago(1)), demand=ASKED))


def test_nothing_is_launched_while_the_cluster_does_not_answer():
    assert planned(view(demand=ASKED, cluster_answers=False)) == []


@pytest.mark.parametrize("state", [s for s in S if not s.is_over])
def test_without_a_listing_nothing_is_ended(state):
    world = view(instance(state, state_since=ago(1)), cluster_answers=False)
    assert not [a for a in planned(world) if isinstance(a, End | Cancel | CancelJob)]


@pytest.mark.parametrize("state", [JobState.UNKNOWN, JobState.COMPLETING, JobState.SUSPENDED])
def test_a_job_in_a_state_we_cannot_read_is_alive(state):
    ready = instance(S.READY, ready_at=ago(60))
    actions = planned(view(ready, jobs=(job(state),)))
    assert actions[0] == Note(ID, job(state), NOW)
    assert not [a for a in actions if isinstance(a, End | Cancel | CancelJob | Drain)]


def test_one_listing_without_the_job_ends_nothing():
    assert planned(view(instance(S.READY), jobs=())) == [NoteMissing(ID)]


def test_a_second_listing_without_the_job_ends_the_instance():
    (action,) = planned(view(instance(S.READY, missing_listings=1), jobs=()))
    assert (action.state, action.reason) == (S.FAILED, EndReason.CANCELLED)


def test_an_ambiguous_submission_is_waited_for():
    young = instance(S.SUBMITTING, job_id=None, created_at=ago(5))
    assert planned(view(young, jobs=(), demand=ASKED)) == []


def test_a_submission_that_never_appeared_is_given_up():
    old = instance(S.SUBMITTING, job_id=None, created_at=ago(120), missing_listings=1)
    (action,) = planned(view(old, jobs=()))
    assert (action.state, action.reason) == (S.FAILED, EndReason.REJECTED)


def test_an_instance_without_job_id_adopts_the_job_of_its_name():
    lost = instance(S.SUBMITTING, job_id=None, created_at=ago(5))
    running = job(JobState.RUNNING)
    assert planned(view(lost, jobs=(running,))) == [Note(ID, running, NOW)]


def test_a_twin_is_ended_and_the_claimed_job_kept():
    claimed = instance(S.STARTING, job_id="8", claimed_by="8", running_since=ago(1))
    twin, own = job(JobState.RUNNING), job(JobState.RUNNING, job_id="8")
    assert planned(view(claimed, jobs=(twin, own))) == [Note(ID, own, NOW), CancelJob("7", ID)]


def test_a_job_whose_instance_has_ended_is_ended():
    over = instance(S.FAILED, ended_at=ago(60))
    assert planned(view(over, jobs=(job(JobState.PENDING),))) == [CancelJob("7", ID)]


def test_a_job_that_belongs_to_no_instance_of_ours_is_left_alone():
    stranger = job(JobState.RUNNING, name="kscope-zzzzzzzzzz")
    assert planned(view(jobs=(stranger,))) == []


@pytest.mark.parametrize(
    ("job_state", "reason"),
    [
        (JobState.TIMEOUT, EndReason.WALLTIME),
        (JobState.PREEMPTED, EndReason.PREEMPTED),
        (JobState.NODE_FAIL, EndReason.NODE_FAIL),
        (JobState.OUT_OF_MEMORY, EndReason.OUT_OF_MEMORY),
        (JobState.CANCELLED, EndReason.CANCELLED),
        (JobState.FAILED, EndReason.CRASHED),
    ],
)
def test_a_terminal_job_state_ends_the_instance_with_its_reason(job_state, reason):
    (action,) = planned(view(instance(S.READY), jobs=(job(job_state),)))
    assert (action.state, action.reason) == (S.FAILED, reason)


def test_an_end_we_asked_for_is_stopped_not_failed():
    stopping = instance(S.STOPPING, end_reason=EndReason.IDLE, state_since=ago(1))
    (action,) = planned(view(stopping, jobs=(job(JobState.CANCELLED),)))
    assert (action.state, action.reason) == (S.STOPPED, EndReason.IDLE)


def test_a_drain_for_walltime_ends_as_walltime():
    draining = instance(S.DRAINING, end_reason=EndReason.WALLTIME, state_since=ago(1))
    (action,) = planned(view(draining, jobs=(job(JobState.COMPLETED),)))
    assert (action.state, action.reason) == (S.FAILED, EndReason.WALLTIME)


def test_the_start_up_clock_runs_from_running_not_from_submission():
    queued_long = instance(S.STARTING, created_at=ago(90_000), running_since=ago(60))
    assert planned(view(queued_long)) == []


def test_an_instance_that_never_gets_ready_is_cancelled():
    (action,) = planned(view(instance(S.STARTING, running_since=ago(1801))))
    assert isinstance(action, Cancel)
    assert action.reason is EndReason.NEVER_READY


def test_a_cancel_that_did_not_take_is_sent_again():
    stopping = instance(S.STOPPING, end_reason=EndReason.IDLE, state_since=ago(61))
    (action,) = planned(view(stopping))
    assert (type(action), action.reason) == (Cancel, EndReason.IDLE)


def test_a_cancel_of_a_queued_job_is_soon_sent_again():
    queued = {"end_reason": EndReason.IDLE, "slurm_state": "PENDING"}
    (action,) = planned(view(instance(S.STOPPING, state_since=ago(6), **queued)))
    assert isinstance(action, Cancel)
    assert planned(view(instance(S.STOPPING, state_since=ago(4), **queued))) == []


def test_an_idle_instance_is_drained():
    idle = instance(S.READY, ready_at=ago(2000), active_at=ago(601))
    world = view(idle, deployments={"m": deployment(idle_timeout_s=600.0)})
    assert planned(world) == [Drain(ID, EndReason.IDLE)]


@pytest.mark.parametrize(
    "use", [{"active_at": ago(10)}, {"ready_at": ago(10)}, {"load": Load(running=1)}]
)
def test_an_instance_in_use_is_not_idle(use):
    used = replace(instance(S.READY, ready_at=ago(2000)), **use)
    assert planned(view(used, deployments={"m": deployment(idle_timeout_s=600.0)})) == []


def test_what_was_asked_while_an_instance_served_launches_no_other():
    served = {"ready_at": ago(900), "end_reason": EndReason.IDLE}
    drained = instance(S.DRAINING, state_since=ago(5), **served)
    assert planned(view(drained, demand={"m": ago(30)})) == []
    over = instance(S.STOPPED, ended_at=ago(5), **served)
    assert planned(view(history={"m": (over,)}, demand={"m": ago(30)})) == []
    assert planned(view(history={"m": (over,)}, demand={"m": ago(1)})) == [Launch("m")]


def test_a_drain_by_scancel_is_told_apart_from_walltime():
    draining = instance(S.DRAINING, end_reason=EndReason.WALLTIME, state_since=ago(1))
    (action,) = planned(view(draining, jobs=(job(JobState.CANCELLED),)))
    assert (action.state, action.reason) == (S.FAILED, EndReason.CANCELLED)


def test_an_instance_whose_model_left_the_catalog_is_drained():
    assert planned(view(instance(S.READY), deployments={})) == [Drain(ID, EndReason.SCALED_DOWN)]


def test_of_two_instances_where_one_may_be_the_one_nearest_to_serving_stays():
    requeued = instance(S.PENDING, id="requeued00")
    successor = instance(S.STARTING, id="successor0", job_id="9", running_since=ago(5))
    world = view(requeued, successor)
    assert planned(world) == [Cancel("requeued00", "7", EndReason.SCALED_DOWN)]
    two_may = replace(world, deployments={"m": deployment(max_instances=2)})
    assert planned(two_may) == []


def failed(seconds_ago, reason=EndReason.CRASHED):
    return instance(S.FAILED, end_reason=reason, ended_at=ago(seconds_ago))


def test_a_failed_launch_is_retried_after_a_pause_that_doubles():
    once, twice = (failed(20),), (failed(20),) * 2
    assert planned(view(demand=ASKED, history={"m": once})) == [Launch("m")]
    assert planned(view(demand=ASKED, history={"m": twice})) == []
    assert planned(view(demand=ASKED, history={"m": (failed(31),) * 2})) == [Launch("m")]


def test_an_end_from_outside_costs_no_pause():
    history = {"m": (failed(0, EndReason.CANCELLED),)}
    assert planned(view(demand=ASKED, history=history)) == [Launch("m")]
