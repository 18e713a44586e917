"""Etiquette of looking: often enough to know, seldom enough not to be a burden."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.fleet.pace import Look, Pace, longest_pause_s, pause_s

QUICK = Look(0.05, ok=True)
FAILED = Look(10.0, ok=False)
MIDDLE = 0.5
chances = st.floats(0, 1)
intervals = st.floats(0.5, 600)
looks = st.builds(Look, st.floats(0, 60), ok=st.booleans())


def pauses_after_failures(count, interval_s=10.0):
    return [pause_s(interval_s, FAILED, n + 1, chance=0.0) for n in range(count)]


def test_the_first_look_is_due_at_once():
    assert Pace(10).is_due(0.0)


def test_an_ordinary_look_follows_after_the_interval():
    pace = Pace(10)
    pace.looked(QUICK, 100.0, MIDDLE)
    assert not pace.is_due(109.9)
    assert pace.is_due(110.1)


def test_chance_moves_a_look_by_a_tenth_at_most():
    assert pause_s(10, QUICK, 0, chance=0.0) == pytest.approx(9)
    assert pause_s(10, QUICK, 0, chance=1.0) == pytest.approx(11)


def test_a_slow_squeue_is_asked_for_a_tenth_of_the_time_at_most():
    assert pause_s(10, Look(3.0, ok=True), 0, MIDDLE) == pytest.approx(30)
    assert pause_s(10, Look(0.9, ok=True), 0, MIDDLE) == pytest.approx(10)


def test_slurmctld_down_or_slow_one_attempt_per_backoff_up_to_a_minute():
    assert pauses_after_failures(6) == [10, 20, 40, 60, 60, 60]
    assert pauses_after_failures(8, interval_s=1) == [1, 2, 4, 8, 16, 32, 60, 60]


def test_an_interval_above_a_minute_stays_what_it_is_while_looks_fail():
    assert pauses_after_failures(3, interval_s=300) == [300, 300, 300]


def test_the_first_success_ends_the_backoff():
    pace = Pace(10)
    for n in range(5):
        pace.looked(FAILED, n * 100.0, MIDDLE)
    assert not pace.is_due(455.0)
    pace.looked(QUICK, 500.0, MIDDLE)
    assert pace.is_due(510.5)
    pace.looked(FAILED, 600.0, chance=0.0)
    assert pace.is_due(610.0)


def test_haste_makes_a_look_due_and_forgets_no_failure():
    pace = Pace(10)
    pace.looked(FAILED, 0.0, chance=0.0)
    pace.hurry()
    assert pace.is_due(1.0)
    pace.looked(FAILED, 1.0, chance=0.0)
    assert not pace.is_due(20.9)
    assert pace.is_due(21.0)


@given(intervals, looks, st.integers(1, 10**6), chances)
def test_no_pause_is_shorter_than_the_interval_or_longer_than_what_ready_says(
    interval_s, look, failures, chance
):
    pause = pause_s(interval_s, look, failures, chance)
    assert interval_s * 0.9 <= pause <= longest_pause_s(interval_s, look)
