"""Instances, how quick answers are, and what past starts and the last hour looked like."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.web.fleet.worlds import NOW, ago, deployment, instance, later
from web.fleet.evidence import LoadSample
from web.fleet.states import EndReason, InstanceState, Load
from web.portal.shown.instances import instance_rows, nearest, pace
from web.portal.shown.past import (
    load_picture,
    phases_picture,
    starts,
    waits_picture,
)

S = InstanceState
WIDE = deployment(max_instances=4, target_requests=8)


def serving(load: Load, **changes: object):
    return instance(S.READY, load=load, heartbeat_at=ago(4), **changes)


def texts(figure: str, tag: str) -> list[str]:
    return ["".join(e.itertext()) for e in ET.fromstring(figure).iter(tag)]


def test_a_row_tells_node_age_time_left_and_load():
    one = serving(Load(3, 2, 0.634), walltime_end=later(7200), created_at=ago(600))
    (row,) = instance_rows([one], NOW)
    assert (row.node, row.age_s, row.left_s) == ("gpu1", 600, 7200)
    assert (row.running, row.waiting, row.cache_percent, row.heard_s) == (3, 2, 63, 4)


@pytest.mark.parametrize("state", [S.SUBMITTING, S.PENDING, S.STARTING, S.UNREADY, S.STOPPING])
def test_the_load_of_what_does_not_serve_is_not_known(state):
    (row,) = instance_rows([instance(state, load=Load(3), heartbeat_at=ago(4))], NOW)
    assert (row.running, row.waiting, row.cache_percent) == (None, None, None)


def test_time_that_is_over_is_none_left_not_less():
    (row,) = instance_rows([instance(S.READY, walltime_end=ago(5))], NOW)
    assert row.left_s == 0


def test_those_nearest_to_ready_come_first():
    pending, ready = instance(S.PENDING, id="b"), instance(S.READY, id="a")
    assert [row.id for row in instance_rows([pending, ready], NOW)] == ["a", "b"]


def test_the_instance_that_is_told_of_is_the_one_of_the_told_job():
    first, second = (instance(S.STARTING, id=name, job_id=name) for name in ("a", "b"))
    assert nearest([first, second], "b") is second
    assert nearest([first, instance(S.READY, id="c", job_id="c")], None).id == "c"
    assert nearest([], "b") is None


def test_nothing_is_said_of_the_pace_while_nothing_serves_or_nothing_is_heard():
    assert pace([instance(S.STARTING)], WIDE) is None
    assert pace([instance(S.READY)], WIDE) is None


@pytest.mark.parametrize(
    ("load", "title"),
    [
        (Load(0), "Quiet"),
        (Load(3), "In use, with room for more"),
        (Load(9), "Answers are slower"),
        (Load(3, 1), "Answers begin late"),
        (Load(3, 0, 0.95), "Nearly full"),
    ],
)
def test_the_load_says_how_quick_an_answer_is(load, title):
    assert pace([serving(load)], WIDE).title == title


def test_who_waits_learns_whether_more_instances_come():
    busy = serving(Load(8, 3))
    assert "If that lasts 30 s" in pace([busy], WIDE).words
    assert "on its way" in pace([busy, instance(S.PENDING, id="b")], WIDE).words
    assert "1 instance at most" in pace([busy], replace(WIDE, max_instances=1)).words


def test_a_past_start_tells_wait_load_service_and_end():
    over = instance(
        S.STOPPED,
        created_at=ago(1000),
        running_since=ago(900),
        ready_at=ago(700),
        ended_at=ago(100),
        end_reason=EndReason.IDLE,
    )
    (start,) = starts([over], NOW)
    assert (start.waited_s, start.loaded_s, start.served_s) == (100, 200, 600)
    assert start.end == "nobody used it for a while"


def test_a_start_that_never_got_its_place_has_waited_and_not_loaded():
    gone = instance(S.STOPPED, created_at=ago(500), ended_at=ago(100))
    (start,) = starts([gone], NOW)
    assert (start.waited_s, start.loaded_s, start.served_s) == (400, None, None)


def past(n: int, **changes: object):
    base = instance(
        S.STOPPED,
        id=f"past{n:06}",
        created_at=ago(10_000 * n),
        running_since=ago(10_000 * n - 60 * n),
        ready_at=ago(10_000 * n - 60 * n - 120),
        ended_at=ago(10_000 * n - 5000),
        end_reason=EndReason.IDLE,
    )
    return replace(base, **changes)


def test_the_picture_of_starts_tells_each_ones_phases_newest_first():
    found = starts([past(2), past(1)], NOW)
    figure = phases_picture(found, NOW)
    assert texts(figure, "td") == ["1 min", "2 min", "–", "2 min", "2 min", "–"]
    assert texts(figure, "th")[4].startswith("2 h 46 min ago: ready after 3 min")
    assert "Loading took 2 min as a rule" in ET.fromstring(figure).find("svg").get("aria-label")


def test_a_start_that_failed_looks_different_from_one_that_did_not():
    failed = past(
        1, state=S.FAILED, ready_at=None, end_reason=EndReason.OUT_OF_MEMORY, ended_at=ago(9000)
    )
    figure = phases_picture(starts([failed], NOW), NOW)
    assert "Loading, but never ready" in texts(figure, "th")
    assert any("it ran out of memory" in head for head in texts(figure, "th"))


def test_waits_are_told_oldest_first_and_only_when_there_are_some():
    assert waits_picture(starts([past(1)], NOW), NOW) is None
    figure = waits_picture(starts([past(1), past(3), past(2)], NOW), NOW)
    assert texts(figure, "td") == ["3 min", "2 min", "1 min"]


def sample(minutes: float, running: int, waiting: int = 0, who: str = "a") -> LoadSample:
    return LoadSample(who, NOW - timedelta(minutes=minutes), running, waiting, 0.1)


def test_the_load_of_all_instances_is_added_up_minute_by_minute():
    heard = [sample(2.5, 1), sample(2.2, 3), sample(2.4, 10, 4, "b"), sample(0.5, 7)]
    rows = texts(load_picture(heard, NOW), "td")
    answered, waiting = rows[0::2], rows[1::2]
    assert answered[-3:] == ["12", "–", "7"]
    assert waiting[-3:] == ["4", "–", "0"]
    assert set(answered[:-3]) == {"–"}


def test_without_any_load_there_is_no_picture_of_it():
    assert load_picture([], NOW) is None
    assert load_picture([sample(90, 3)], NOW) is None
