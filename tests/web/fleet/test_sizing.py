"""How many instances a model has: load, demand, the clock, and what its catalog entry allows."""

from dataclasses import replace
from datetime import time

import pytest

from tests.web.fleet.worlds import NOW, POLICY, ago, deployment, instance, view
from web.catalog.warm import WarmWindow
from web.fleet.actions import Cancel, Drain, Launch
from web.fleet.evidence import Sample
from web.fleet.orders import Order, OrderKind
from web.fleet.planner import plan
from web.fleet.states import EndReason, InstanceState, Load

S = InstanceState
# NOW is a Friday, 12:00 UTC.
NOON = WarmWindow(2, (4,), time(8), time(18), "UTC")


def model(**changes):
    base = deployment(max_instances=3, target_requests=10, idle_timeout_s=600.0)
    return {"m": replace(base, **changes)}


def ready(name, requests=0, **changes):
    return instance(
        S.READY,
        id=name.ljust(10, "x"),
        job_id=name,
        ready_at=ago(3000),
        active_at=ago(1) if requests else ago(3000),
        load=Load(running=requests),
        **changes,
    )


def telemetry(*instances, requests, for_s):
    """Each of them with as many requests for so long, heard every 10 s."""
    times = range(int(for_s), -1, -10)
    return {i.id: tuple(Sample(ago(s), requests) for s in times) for i in instances}


def planned(*instances, **changes):
    return plan(view(*instances, **{"deployments": model(), **changes}), NOW, POLICY)


def test_load_above_target_for_a_while_brings_another_instance():
    one = ready("a", 15)
    assert planned(one, telemetry=telemetry(one, requests=15, for_s=60)) == [Launch("m")]


def test_as_many_come_as_the_load_asks_for_and_no_more_than_the_most():
    one = ready("a", 64)
    heavy = telemetry(one, requests=64, for_s=60)
    assert planned(one, telemetry=heavy) == [Launch("m")] * 2
    assert planned(one, telemetry=heavy, deployments=model(max_instances=1)) == []


def test_a_burst_shorter_than_the_while_brings_nothing():
    one = ready("a", 64)
    assert planned(one, telemetry=telemetry(one, requests=64, for_s=20)) == []
    calm = telemetry(one, requests=64, for_s=20)[one.id]
    dipped = {one.id: (Sample(ago(60), 64), Sample(ago(25), 3), *calm)}
    assert planned(one, telemetry=dipped) == []


@pytest.mark.parametrize("state", [S.SUBMITTING, S.PENDING, S.STARTING])
def test_instances_on_their_way_count(state):
    one, coming = ready("a", 15), instance(state, id="bxxxxxxxxx", state_since=ago(5))
    assert planned(one, coming, telemetry=telemetry(one, requests=15, for_s=60)) == []


def test_of_too_many_instances_the_emptiest_is_drained_one_at_a_time():
    crew = [ready("a", 3), ready("b", 1), ready("c", 2)]
    told = telemetry(*crew, requests=2, for_s=400)
    assert planned(*crew, telemetry=told) == [Drain(crew[1].id, EndReason.SCALED_DOWN)]
    going = replace(crew[1], state=S.DRAINING, state_since=ago(1))
    assert planned(crew[0], going, crew[2], telemetry=told) == []


def test_a_peak_within_the_while_keeps_its_instances():
    crew = [ready("a", 1), ready("b", 1)]
    told = telemetry(*crew, requests=1, for_s=400)
    peak = {**told, crew[0].id: (Sample(ago(400), 1), Sample(ago(200), 19), Sample(ago(100), 1))}
    assert planned(*crew, telemetry=peak) == []


def test_without_telemetry_that_reaches_back_far_enough_nobody_is_sent_away():
    crew = [ready("a", 1), ready("b", 1)]
    assert planned(*crew, telemetry=telemetry(*crew, requests=1, for_s=100)) == []


def test_a_newcomer_is_given_time_before_anybody_is_sent_away():
    crew = [ready("a", 1), replace(ready("b", 1), ready_at=ago(30))]
    assert planned(*crew, telemetry=telemetry(*crew, requests=1, for_s=400)) == []


def test_what_queues_goes_before_what_serves():
    crew = [ready("a", 1), instance(S.PENDING, id="bxxxxxxxxx", job_id="b")]
    told = telemetry(crew[0], requests=1, for_s=400)
    assert planned(*crew, telemetry=told) == [Cancel(crew[1].id, "b", EndReason.SCALED_DOWN)]


def test_idle_instances_go_down_to_none():
    crew = [ready("a"), ready("b")]
    assert planned(*crew) == [Drain(crew[0].id, EndReason.IDLE)]
    assert planned(crew[0]) == [Drain(crew[0].id, EndReason.IDLE)]


def test_min_instances_stay_however_idle():
    crew = [ready("a"), ready("b")]
    floor = model(min_instances=1)
    assert planned(*crew, deployments=floor) == [Drain(crew[0].id, EndReason.SCALED_DOWN)]
    assert planned(crew[0], deployments=floor) == []


def test_a_queued_job_that_nobody_asks_for_any_more_gives_up_its_place():
    waiting = instance(S.PENDING, created_at=ago(700), state_since=ago(700))
    assert planned(waiting, demand={"m": ago(590)}) == []
    assert planned(waiting, demand={"m": ago(610)}) == [Cancel(waiting.id, "7", EndReason.IDLE)]


def test_what_loads_is_let_come_even_if_nobody_asks_any_more():
    loading = instance(S.STARTING, created_at=ago(1000), running_since=ago(900))
    assert planned(loading) == []


def test_a_warm_window_keeps_its_instances_and_lets_them_go_when_it_closes():
    assert planned(deployments=model(warm=(NOON,))) == [Launch("m")] * 2
    crew = [ready("a"), ready("b")]
    assert planned(*crew, deployments=model(warm=(NOON,))) == []
    over = replace(NOON, ends=time(12))
    assert planned(*crew, deployments=model(warm=(over,))) == [Drain(crew[0].id, EndReason.IDLE)]


def test_a_warm_window_counts_before_it_opens_by_as_long_as_a_start_takes():
    opens = replace(NOON, begins=time(12, 5))
    seen = instance(
        S.STOPPED,
        end_reason=EndReason.IDLE,
        created_at=ago(9000),
        ready_at=ago(9000 - 400),
        ended_at=ago(8000),
    )
    world = {"deployments": model(warm=(opens,)), "history": {"m": (seen,)}}
    assert planned(**world) == [Launch("m")] * 2
    quick = replace(seen, ready_at=ago(9000 - 200))
    assert planned(**{**world, "history": {"m": (quick,)}}) == []


def test_an_entry_that_changed_replaces_what_still_waits():
    waiting = instance(S.PENDING, fingerprint="before", state_since=ago(5))
    changed = model(fingerprint="after")
    said = [Cancel(waiting.id, "7", EndReason.REPLACED, "its catalog entry has changed")]
    assert planned(waiting, demand={"m": ago(1)}, deployments=changed) == said
    away = {"demand": {"m": ago(1)}, "cluster_answers": False}
    assert planned(waiting, deployments=changed, **away) == []


def test_an_entry_that_changed_brings_a_successor_before_what_serves_is_drained():
    old = replace(ready("a", 2), fingerprint="before")
    changed = model(fingerprint="after")
    assert planned(old, deployments=changed) == [Launch("m")]
    new = replace(ready("b"), fingerprint="after")
    assert planned(old, new, deployments=changed) == [
        Drain(old.id, EndReason.REPLACED, "its successor is ready")
    ]


def test_submissions_of_all_models_together_are_limited():
    models = {name: deployment(name, min_instances=1) for name in map(str, range(50))}
    assert len(planned(deployments=models)) == POLICY.launches_per_minute
    lately = [
        instance(S.PENDING, id=str(n), model=str(n), created_at=ago(30), state_since=ago(5))
        for n in range(20)
    ]
    assert len(planned(*lately, deployments=models)) == POLICY.launches_per_minute - 20


def order(kind, instance_id=None):
    return Order(1, kind, "m", instance_id, ago(1))


def test_an_order_to_drain_drains_what_serves_and_cancels_what_does_not():
    crew = [ready("a", 1), instance(S.PENDING, id="bxxxxxxxxx", job_id="b", state_since=ago(5))]
    actions = planned(*crew, orders=(order(OrderKind.DRAIN),))
    assert [type(a).__name__ for a in actions[:3]] == ["Drain", "Cancel", "Fulfil"]
    assert actions[2].outcome == "2 instances: each is being drained"


def test_an_order_for_one_instance_leaves_the_others_alone():
    crew = [ready("a", 1), ready("b", 1)]
    actions = planned(*crew, orders=(order(OrderKind.STOP, crew[0].id),))
    ended = [a.instance_id for a in actions if isinstance(a, Drain | Cancel)]
    assert ended == [crew[0].id]


def test_an_order_is_fulfilled_even_if_there_is_nothing_to_do():
    (done,) = planned(orders=(order(OrderKind.STOP),))
    assert done.outcome == "there was no instance to end"


def test_a_model_kept_up_by_the_clock_comes_back_after_an_order_to_stop():
    stopping = instance(S.STOPPING, state_since=ago(1), end_reason=EndReason.OPERATOR)
    assert planned(stopping, deployments=model(min_instances=1)) == [Launch("m")]


def test_warm_windows_wait_for_a_cluster_that_answers():
    world = {"deployments": model(warm=(NOON,)), "cluster_answers": False}
    assert planned(**world) == []
