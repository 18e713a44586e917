"""Simulated months of a fleet (see tests/web/fleet/month): whatever happens, what must hold holds.

`python -m tests.web.fleet.month --seeds 1000` plays many more than every run of the tests does.
"""

import os
from dataclasses import replace

import pytest

from slurm import jobs
from slurm.errors import ObservationFailed
from slurm.jobs import JobState
from tests.web.fleet.month.__main__ import summary
from tests.web.fleet.month.month import Month, run_month
from tests.web.fleet.month.scenario import make_scenario
from tests.web.fleet.month.slurm import SmallSlurm
from tests.web.fleet.month.watch import Violation
from web.fleet import planner
from web.fleet.actions import CancelJob, Launch
from web.fleet.callbacks import receive

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


def test_a_model_that_is_to_stay_up_is_handed_over_from_job_to_job_without_a_gap():
    calm = {"faults": (), "sessions": (), "ambiguous": 0.0, "deadly": 0.0, "lossy": 0.0}
    scenario = replace(make_scenario(18), **calm, gpus=9, queue_wait_s=2.0)
    assert any(d.min_instances for d in scenario.deployments)
    outcome = Month(scenario).run()
    assert outcome.handovers > 100
    assert outcome.down_hours * 3600 < 60 + 1.5 * max(scenario.load_s.values())  # the first start


def is_seen(monkeypatch=None, change=None, seeds=range(8)):
    """Whether a month is broken off, with a planner whose actions go through `change`."""
    if change is not None:
        plan = planner.plan
        monkeypatch.setattr("web.fleet.reconciler.plan", lambda *view: change(plan(*view)))
    for seed in seeds:
        try:
            run_month(seed)
        except Violation:
            return True
    return False


def without(kind):
    return lambda actions: [a for a in actions if not isinstance(a, kind)]


def test_the_watch_sees_twins_and_revenants_that_are_let_live(monkeypatch):
    assert is_seen(monkeypatch, without(CancelJob))


def test_the_watch_sees_a_planner_that_launches_one_too_many(monkeypatch):
    def twice(actions):
        return [a for action in actions for a in [action] * (1 + isinstance(action, Launch))]

    assert is_seen(monkeypatch, twice)


def test_the_watch_sees_a_planner_that_never_launches(monkeypatch):
    assert is_seen(monkeypatch, without(Launch))


def test_the_watch_sees_a_planner_that_never_doubts_an_engine(monkeypatch):
    monkeypatch.setattr("web.fleet.planner.judge", lambda *_: [])
    assert is_seen()


def test_the_watch_sees_a_failed_listing_taken_for_an_empty_one(monkeypatch):
    list_jobs = SmallSlurm.list_jobs

    def list_or_nothing(self):
        try:
            return list_jobs(self)
        except ObservationFailed:
            return ()

    monkeypatch.setattr(SmallSlurm, "list_jobs", list_or_nothing)
    assert is_seen()


def test_the_watch_sees_a_state_that_cannot_be_read_taken_for_an_end(monkeypatch):
    over = frozenset({*jobs._OVER, JobState.UNKNOWN})
    monkeypatch.setattr(jobs, "_OVER", over)
    assert is_seen()


def test_the_watch_sees_a_claim_that_is_granted_twice(monkeypatch):
    def lenient(instance, report, now):
        known = instance.claimed_by if instance.claimed_by == report.slurm_job_id else None
        return receive(replace(instance, claimed_by=known), report, now)

    monkeypatch.setattr("tests.web.fleet.month.gateway.receive", lenient)
    assert is_seen()


def test_a_summary_of_months_counts_violations_and_tells_the_waits():
    told = summary([run_month(1)], took_s=1.0)
    assert (told["seeds"], told["violations"]) == (1, 0)
    assert told["gpu_hours"] > told["gpu_hours_busy"] > 0
    assert told["cold_wait_p99_s"] >= told["cold_wait_p50_s"] > 0
