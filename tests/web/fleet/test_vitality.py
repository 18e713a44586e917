"""Heartbeats, probes and Slurm decide together whether an instance lives; never one alone."""

from dataclasses import replace

import pytest

from tests.web.fleet.worlds import NOW, POLICY, ago, deployment, instance, view
from web.fleet.actions import Cancel, Drain, Launch, Suspect, Trust
from web.fleet.evidence import Probe
from web.fleet.planner import plan
from web.fleet.states import EndReason, InstanceState, Load

S = InstanceState
SILENT = {"heartbeat_at": ago(POLICY.silent_after_s + 1)}
HEARD = {"heartbeat_at": ago(1)}
STUCK = {
    **HEARD,
    "load": Load(running=2, tokens=70),
    "progress_at": ago(POLICY.stuck_after_s + 1),
}
OK = Probe(ago(1), ok=True)
FAILING = Probe(ago(1), ok=False, failing_since=ago(1))
LONG_FAILING = Probe(ago(1), ok=False, failing_since=ago(POLICY.unhealthy_after_s + 1))


def planned(one, probe=None, **changes):
    probes = {one.id: probe} if probe else {}
    actions = plan(view(one, probes=probes, **changes), NOW, POLICY)
    return [a for a in actions if not isinstance(a, Launch)]


def ready(**changes):
    base = instance(S.READY, ready_at=ago(600), active_at=ago(1), slurm_state="RUNNING")
    return replace(base, **changes)


def unready(**changes):
    base = instance(S.UNREADY, state_since=ago(60), ready_at=ago(600), slurm_state="RUNNING")
    return replace(base, **changes)


@pytest.mark.parametrize("probe", [None, OK])
def test_lost_heartbeats_alone_change_nothing(probe):
    assert planned(ready(**SILENT), probe) == []


def test_a_failing_probe_alone_changes_nothing():
    assert planned(ready(**HEARD), LONG_FAILING) == []


def test_silence_and_a_failing_probe_take_it_out_of_routing():
    (said,) = planned(ready(**SILENT), FAILING)
    assert isinstance(said, Suspect)


def test_requests_without_tokens_and_a_failing_probe_take_it_out_of_routing():
    (said,) = planned(ready(**STUCK), FAILING)
    assert isinstance(said, Suspect)


@pytest.mark.parametrize("probe", [None, OK])
def test_requests_without_tokens_alone_change_nothing(probe):
    assert planned(ready(**STUCK), probe) == []


def test_an_engine_without_a_token_counter_is_never_called_stuck():
    unknown = ready(**{**STUCK, "load": Load(running=2), "progress_at": None})
    assert planned(unknown, LONG_FAILING) == []


def test_an_engine_that_stopped_while_idle_tells_no_load_and_is_suspected_all_the_same():
    (said,) = planned(ready(**{**STUCK, "load": Load()}), FAILING)
    assert isinstance(said, Suspect)


def test_a_suspended_job_gets_no_requests_and_is_not_ended():
    suspended = ready(slurm_state="SUSPENDED", **SILENT)
    (said,) = planned(suspended, LONG_FAILING)
    assert isinstance(said, Suspect)
    assert planned(unready(slurm_state="SUSPENDED", **SILENT), LONG_FAILING) == []


def test_an_answered_probe_brings_it_back():
    assert planned(unready(**HEARD), OK) == [Trust(unready().id)]
    before = replace(OK, at=ago(61))
    assert planned(unready(**HEARD), before) == []


def test_silent_and_failing_for_long_it_is_ended_and_another_takes_its_place():
    world = view(
        unready(**SILENT),
        probes={unready().id: LONG_FAILING},
        deployments={"m": deployment(min_instances=1)},
    )
    cancel, *_ = plan(world, NOW, POLICY)
    assert isinstance(cancel, Cancel)
    assert cancel.reason is EndReason.UNHEALTHY
    gone = replace(unready(), state=S.STOPPING, state_since=ago(1))
    assert plan(replace(world, instances=(gone,), probes={}), NOW, POLICY) == [Launch("m")]


def test_a_hung_engine_is_drained_for_its_worker_still_hears():
    (said,) = planned(unready(**STUCK), LONG_FAILING)
    assert isinstance(said, Drain)
    assert said.reason is EndReason.UNHEALTHY


def test_while_slurm_does_not_answer_nobody_is_ended():
    assert planned(unready(**SILENT), LONG_FAILING, cluster_answers=False) == []


def test_one_that_answers_nobody_for_long_is_replaced_even_if_its_worker_reports():
    lost = unready(state_since=ago(POLICY.unhealthy_after_s + 1), **HEARD)
    world = view(lost, deployments={"m": deployment(min_instances=1)})
    assert plan(world, NOW, POLICY) == [Launch("m")]
