"""The words of the 503, for each thing that can be true of a model."""

from dataclasses import replace

import pytest

from slurm.jobs import JobState, explain
from tests.web.fleet.worlds import ID, NOW, POLICY, ago, instance, later
from web.errors import ModelStarting, ModelUnavailable
from web.fleet.states import EndReason, InstanceState
from web.fleet.status import Phase, describe
from web.openai_proxy.cold import cold_error

S = InstanceState


def told(*live, history=()):
    return cold_error("m", describe(live, history, NOW, POLICY), NOW)


def queued(reason, **changes):
    return instance(S.PENDING, slurm_state="PENDING", slurm_reason=reason, **changes)


def failed(detail="exit code 1\nCUDA out of memory"):
    ended = {"end_reason": EndReason.CRASHED, "ended_at": ago(1), "detail": detail}
    return instance(S.FAILED, **ended)


def test_a_cold_model_was_asked_to_start():
    error = told()
    assert isinstance(error, ModelStarting)
    assert "`m` is not running" in error.message
    assert error.extra["state"] == "cold"


def test_a_queued_model_tells_slurms_state_reason_and_job():
    error = told(queued("Priority", estimated_start=later(1800)))
    assert "job 7 is PENDING (Priority)" in error.message
    assert explain(JobState.PENDING, "Priority").words in error.message
    assert "expected to start at 2026-11-20 12:30:00 UTC" in error.message
    assert error.extra["estimated_start"] == "2026-11-20T12:30:00+00:00"
    assert error.extra["job_id"] == "7"


def test_without_an_estimate_it_says_that_there_is_none():
    assert "no estimate" in told(queued("Resources")).message


def test_a_reason_that_never_resolves_is_told_as_final():
    error = told(queued("PartitionTimeLimit"))
    assert isinstance(error, ModelUnavailable)
    assert error.should_retry is False


def test_a_starting_model_tells_for_how_long():
    error = told(instance(S.STARTING, running_since=ago(42)))
    assert "RUNNING for 42 s" in error.message
    assert error.extra["state"] == "starting"


def test_the_estimate_comes_from_the_models_own_starts():
    served = instance(S.STOPPED, running_since=ago(900), ready_at=ago(780), ended_at=ago(60))
    error = told(instance(S.STARTING, running_since=ago(20)), history=(served,))
    assert error.extra["estimated_ready"] == "2026-11-20T12:01:40+00:00"
    assert "ready at 2026-11-20 12:01:40 UTC" in error.message


@pytest.mark.parametrize(("waited_s", "retry_after_s"), [(0, 3), (12, 12), (600, 30)])
def test_a_queued_model_is_asked_for_again_after_as_long_as_it_has_waited(waited_s, retry_after_s):
    assert told(queued("Priority", state_since=ago(waited_s))).retry_after_s == retry_after_s


@pytest.mark.parametrize(
    "live",
    [
        instance(S.SUBMITTING, job_id=None),
        queued("Priority", estimated_start=later(86_400)),
        queued("Priority", estimated_start=ago(60)),
        instance(S.STARTING, running_since=ago(5)),
        instance(S.DRAINING),
        instance(S.STOPPING),
    ],
)
def test_stock_clients_obey_every_retry_after(live):
    assert 1 <= told(live).retry_after_s <= 60


def test_a_failed_launch_tells_its_cause_and_the_next_try():
    error = told(history=(failed(),))
    assert isinstance(error, ModelStarting)
    assert "could not be started (one try): crashed: CUDA out of memory." in error.message
    assert "The next try is at" in error.message


def test_launches_that_keep_failing_are_told_as_final_with_the_cause():
    error = told(history=(failed(),) * 3)
    assert isinstance(error, ModelUnavailable)
    assert error.should_retry is False
    assert "3 tries" in error.message
    assert "CUDA out of memory" in error.message


def test_a_model_that_slurm_took_away_says_so():
    gone = replace(failed(""), end_reason=EndReason.WALLTIME, ready_at=ago(500))
    assert "its last job (7) ended: walltime" in told(history=(gone,)).message


def test_of_several_instances_the_one_nearest_to_ready_is_told():
    queued_one = queued("Priority", id=ID)
    starting = instance(S.STARTING, id="other00000", job_id="8", running_since=ago(3))
    status = describe((queued_one, starting), (), NOW, POLICY)
    assert (status.phase, status.job_id) == (Phase.STARTING, "8")


def test_one_that_is_ready_but_whose_node_is_not_known_yet_is_starting():
    status = describe((instance(S.READY, node=None),), (), NOW, POLICY)
    assert (status.phase, status.ready_instances) == (Phase.STARTING, 0)
    error = cold_error("m", status, NOW)
    assert "is starting" in error.message
    assert error.retry_after_s <= 5
