"""When a model whose launches fail is tried again, and when it is left to a person."""

from dataclasses import replace

import pytest

from tests.web.fleet.worlds import NOW, POLICY, ago, deployment, instance, later, view
from web.fleet.actions import Launch
from web.fleet.failures import launch_record
from web.fleet.planner import plan
from web.fleet.states import EndReason, InstanceState
from web.fleet.status import describe

S = InstanceState
MOST = POLICY.failures_before_unavailable


def failed(reason=EndReason.CRASHED, **changes):
    base = instance(S.FAILED, end_reason=reason, ended_at=ago(3600), fingerprint="now")
    return replace(base, **changes)


def record(*history, retried_at=None):
    return launch_record(history, "now", retried_at, NOW, POLICY)


def launches(*history, **changes):
    world = view(
        deployments={"m": deployment(fingerprint="now")},
        demand={"m": ago(1)},
        history={"m": history},
        **changes,
    )
    return [a for a in plan(world, NOW, POLICY) if isinstance(a, Launch)]


def test_a_model_that_failed_often_in_a_row_is_given_up():
    assert not record(*[failed()] * (MOST - 1)).given_up
    assert record(*[failed()] * MOST).given_up
    assert launches(*[failed()] * (MOST - 1)) == [Launch("m")]
    assert launches(*[failed()] * MOST) == []


def test_one_launch_that_can_never_succeed_is_enough():
    assert record(failed(EndReason.REJECTED, terminal=True)).given_up


def test_refusals_that_may_be_different_tomorrow_are_tried_for_ever():
    refused = record(*[failed(EndReason.REJECTED)] * 8)
    assert not refused.given_up
    assert refused.next_at <= ago(3600 - POLICY.backoff_cap_s)


def test_another_catalog_entry_begins_anew():
    assert record(*[failed(fingerprint="before")] * MOST).failures == ()
    assert launches(*[failed(fingerprint="before")] * MOST) == [Launch("m")]


def test_an_administrators_retry_begins_anew():
    history = [failed(created_at=ago(100), ended_at=ago(5))] * MOST
    assert record(*history, retried_at=ago(101)).given_up
    assert record(*history, retried_at=ago(99)).failures == ()
    assert launches(*history, retried={"m": ago(99)}) == [Launch("m")]


def test_a_retry_alone_is_reason_enough_to_launch():
    world = view(history={"m": (failed(),) * MOST}, retried={"m": ago(1)})
    assert plan(world, NOW, POLICY) == [Launch("m")]


def test_whoever_dies_of_itself_soon_after_ready_counts_as_a_failed_launch():
    brief = failed(ready_at=ago(3600 + POLICY.brief_life_s - 1))
    long = failed(ready_at=ago(3600 + POLICY.brief_life_s + 1))
    assert record(*[brief] * MOST).given_up
    assert record(long, *[brief] * MOST).failures == ()


@pytest.mark.parametrize(
    "reason",
    [
        EndReason.CANCELLED,
        EndReason.NODE_FAIL,
        EndReason.PREEMPTED,
        EndReason.WALLTIME,
        EndReason.IDLE,
        EndReason.OPERATOR,
    ],
)
def test_ends_that_the_model_is_not_to_blame_for_are_no_failures(reason):
    assert record(*[failed(reason)] * 8).failures == ()


def test_a_model_that_serves_may_still_get_a_successor_after_failures():
    serving = instance(
        S.READY,
        ready_at=ago(3000),
        active_at=ago(1),
        running_since=ago(3500),
        walltime_end=later(60),
        fingerprint="now",
    )
    history = (failed(),) * MOST
    world = view(serving, deployments={"m": deployment(fingerprint="now")}, history={"m": history})
    assert Launch("m") in plan(world, NOW, POLICY)


def test_the_status_of_a_given_up_model_names_no_next_try():
    given_up = describe((), (failed(detail="CUDA error"),) * MOST, NOW, POLICY, "now")
    assert (given_up.given_up, given_up.next_launch_at) == (True, None)
    assert given_up.words == "CUDA error"
    trying = describe((), (failed(),), NOW, POLICY, "now")
    assert not trying.given_up
    assert trying.next_launch_at is not None
    forgotten = describe((), (failed(),) * MOST, NOW, POLICY, "now", retried_at=NOW)
    assert forgotten.failures == 0
