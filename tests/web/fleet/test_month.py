"""Simulated months of a fleet (see tests/web/fleet/month): whatever happens, what must hold holds.

`python -m tests.web.fleet.month --seeds 1000` plays many more than every run of the tests does.
"""

import os
from dataclasses import replace

import pytest

from tests.web.fleet.month.__main__ import summary
from tests.web.fleet.month.month import Month, run_month
from tests.web.fleet.month.scenario import make_scenario
from tests.web.fleet.month.watch import Violation
from web.fleet import planner
from web.fleet.actions import CancelJob, Launch

MONTHS = int(os.environ.get("KSCOPE_MONTHS", "12"))


@pytest.mark.parametrize("seed", range(MONTHS))
def test_a_month_of_chance_and_faults_leaves_no_orphan_no_twin_and_nobody_waiting(seed):
    outcome = run_month(seed)
    assert outcome.still_waiting == 0
    assert outcome.tally.served > 0


def test_a_month_is_the_same_whenever_it_is_played_again():
    scenario = replace(make_scenario(3), deadly=0.1, lossy=0.1)
    first, second = Month(scenario).run(), Month(scenario).run()
    assert (first.tally, first.ends, first.ticks) == (second.tally, second.ends, second.ticks)


def months_with(monkeypatch, change, seeds=range(6)):
    """The months, with a planner whose actions go through `change`; None for a violation."""
    plan = planner.plan
    monkeypatch.setattr(
        "web.fleet.reconciler.plan", lambda view, now, policy: change(plan(view, now, policy), view)
    )
    outcomes = []
    for seed in seeds:
        try:
            outcomes.append(run_month(seed))
        except Violation:
            outcomes.append(None)
    return outcomes


def test_the_watch_sees_a_planner_that_lets_twins_and_revenants_live(monkeypatch):
    def forgetful(actions, view):
        return [a for a in actions if not isinstance(a, CancelJob)]

    assert None in months_with(monkeypatch, forgetful)


def test_the_watch_sees_a_planner_that_launches_one_too_many(monkeypatch):
    def eager(actions, view):
        return [a for action in actions for a in [action] * (1 + isinstance(action, Launch))]

    assert None in months_with(monkeypatch, eager, range(2))


def test_the_watch_sees_a_planner_that_never_launches(monkeypatch):
    def idle(actions, view):
        return [a for a in actions if not isinstance(a, Launch)]

    assert None in months_with(monkeypatch, idle, range(1))


def test_a_summary_of_months_counts_violations_and_tells_the_waits():
    told = summary([run_month(1)], took_s=1.0)
    assert (told["seeds"], told["violations"]) == (1, 0)
    assert told["gpu_hours"] > told["gpu_hours_busy"] > 0
    assert told["cold_wait_p99_s"] >= told["cold_wait_p50_s"] > 0
