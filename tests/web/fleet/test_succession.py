"""Handing over before walltime: when a successor is launched, when the old one drains."""

from dataclasses import replace

import pytest

from slurm.jobs import JobState
from tests.web.fleet.worlds import NOW, POLICY, ago, deployment, instance, job, later, view
from web.fleet.actions import Drain, End, Launch, Note
from web.fleet.observation import Listing
from web.fleet.planner import plan
from web.fleet.policy import HISTORY_PER_MODEL
from web.fleet.routing import Target, choose
from web.fleet.states import EndReason, InstanceState, Load

S = InstanceState
HOUR = 3600
OLD, NEW = "oldxxxxxxx", "newxxxxxxx"
DRAIN_S = 300.0
MODEL = {"m": deployment(min_instances=1, drain_timeout_s=DRAIN_S)}


def serving(ends_in_s, ran_s=7 * HOUR, **changes):
    """An instance whose starts took 100 s from launch to ready."""
    base = instance(
        S.READY,
        id=OLD,
        created_at=ago(ran_s + 60),
        running_since=ago(ran_s),
        ready_at=ago(ran_s - 40),
        active_at=ago(1),
        walltime_end=later(ends_in_s),
    )
    return replace(base, **changes)


def successor(state, **changes):
    return instance(state, id=NEW, job_id="8", state_since=ago(5), created_at=ago(50), **changes)


def planned(*instances, **changes):
    return plan(view(*instances, **{"deployments": MODEL, **changes}), NOW, POLICY)


# What a start took, with its margin, and the time for the last requests.
LEAD_S = 100 * POLICY.lead_margin + POLICY.lead_least_s + DRAIN_S


def test_a_successor_is_launched_as_early_as_past_starts_and_the_drain_ask_for():
    assert planned(serving(LEAD_S + 1)) == []
    assert planned(serving(LEAD_S - 1)) == [Launch("m")]


def test_starts_that_waited_long_in_the_queue_bring_the_successor_earlier():
    waited = instance(
        S.FAILED,
        end_reason=EndReason.WALLTIME,
        created_at=ago(9 * HOUR),
        ready_at=ago(8 * HOUR),
        ended_at=ago(7 * HOUR),
    )
    history = {"m": (waited,)}
    assert planned(serving(1.5 * HOUR), history=history) == [Launch("m")]
    assert planned(serving(2.2 * HOUR), history=history) == []


def test_of_a_short_walltime_at_most_half_is_spent_waiting_for_the_successor():
    assert planned(serving(61, ran_s=59, ready_at=ago(50))) == []
    assert planned(serving(59, ran_s=61, ready_at=ago(50))) == [Launch("m")]


@pytest.mark.parametrize("state", [S.SUBMITTING, S.PENDING, S.STARTING])
def test_one_successor_is_enough_and_the_old_one_serves_until_it_is_ready(state):
    assert planned(serving(LEAD_S - 1), successor(state)) == []


def test_the_old_one_drains_when_its_successor_is_ready():
    ready = successor(S.READY, ready_at=ago(1))
    said = [Drain(OLD, EndReason.REPLACED, "its successor is ready")]
    assert planned(serving(LEAD_S - 1), ready) == said


def test_near_its_end_it_takes_no_request_even_without_a_successor():
    said = [Drain(OLD, EndReason.WALLTIME, "its time limit is near")]
    assert planned(serving(DRAIN_S - 1), successor(S.PENDING)) == said


def test_an_idle_model_gets_no_successor():
    idle = {"m": deployment(idle_timeout_s=600.0)}
    unused = serving(LEAD_S - 1, active_at=ago(599), load=Load())
    assert planned(unused, deployments=idle) == [Launch("m")]
    unused = replace(unused, active_at=ago(601))
    assert planned(unused, deployments=idle) == [Drain(OLD, EndReason.IDLE)]


def test_a_job_without_a_time_limit_is_never_succeeded():
    assert planned(replace(serving(1), walltime_end=None)) == []


def test_handing_over_never_makes_more_than_one_more_per_instance_that_goes():
    models = {"m": deployment(min_instances=2, max_instances=2, drain_timeout_s=DRAIN_S)}
    both = [serving(LEAD_S - 1), serving(LEAD_S - 2, id="otherxxxxx", job_id="9")]
    assert planned(*both, deployments=models) == [Launch("m")] * 2
    coming = [replace(successor(S.PENDING), id=f"new{n}xxxxxx", job_id=f"1{n}") for n in range(2)]
    assert planned(*both, *coming, deployments=models) == []


def test_with_one_of_two_successors_ready_the_one_that_ends_first_drains():
    models = {"m": deployment(min_instances=2, max_instances=2, drain_timeout_s=DRAIN_S)}
    both = [serving(LEAD_S - 1), serving(LEAD_S - 2, id="otherxxxxx", job_id="9")]
    coming = [
        successor(S.READY, ready_at=ago(1)),
        replace(successor(S.STARTING), id="new2xxxxxx", job_id="10"),
    ]
    said = [Drain("otherxxxxx", EndReason.REPLACED, "its successor is ready")]
    assert planned(*both, *coming, deployments=models) == said


def test_a_successor_whose_node_is_not_known_yet_relieves_nobody():
    ready = successor(S.READY, ready_at=ago(1), node=None)
    assert planned(serving(LEAD_S - 1), ready) == []


def target(name, ends_in_s):
    return Target(name, f"{name}:1", "key", NOW.timestamp() + ends_in_s)


def test_no_request_goes_to_an_instance_about_to_end_while_another_is_there():
    soon, late = target("soon", 100), target("late", 5000)
    until = NOW.timestamp() + DRAIN_S
    assert choose([soon, late], {"late": 50}, until=until) == late
    assert choose([soon, late], {"late": 50}, cap=50, until=until) == soon
    assert choose([soon], {}, until=until) == soon


def test_a_start_of_long_ago_is_forgotten_in_the_very_plan_that_ends_another_instance():
    never_ready = instance(S.STOPPED, end_reason=EndReason.IDLE, ended_at=ago(7 * HOUR))
    slow = replace(never_ready, created_at=ago(9 * HOUR), ready_at=ago(8 * HOUR))
    known = (*[never_ready] * (HISTORY_PER_MODEL - 1), slow)
    old, stopping = serving(1.5 * HOUR), successor(S.STOPPING, end_reason=EndReason.OPERATOR)
    assert planned(old, history={"m": known}) == [Launch("m")]
    jobs = (
        job(JobState.RUNNING, name=f"kscope-{OLD}", end_time=old.walltime_end),
        job(JobState.CANCELLED, job_id="8", name=f"kscope-{NEW}"),
    )
    listing = Listing(NOW, jobs)
    actions = planned(old, stopping, history={"m": known}, listing=listing)
    assert [type(a) for a in actions] == [Note, End]
